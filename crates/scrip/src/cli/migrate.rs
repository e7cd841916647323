//! `scrip migrate`.

use super::output::{Done, say};
use super::place::Place;
use clap::Args;

/// `scrip migrate`: brings a data directory or a database to this version's schema, as `serve` does at its start.
#[derive(Args)]
pub struct Migrate {
    #[command(flatten)]
    place: Place,
}

impl Migrate {
    /// Migrates, and waits until the projections are folded.
    ///
    /// # Errors
    /// When it is in use, or was written by a newer version.
    pub async fn run(self) -> Done {
        let store = self.place.make().await?;
        store.projected().await.map_err(|error| error.to_string())?;
        say(&format!("{} has this version's schema\n", self.place))
    }
}
