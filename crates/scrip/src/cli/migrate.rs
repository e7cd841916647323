//! `scrip migrate`.

use super::output::{Done, say};
use crate::store::{Options, Store};
use clap::Args;
use std::path::PathBuf;

/// `scrip migrate`: brings a data directory to this version's schema, as `serve` does at its start.
#[derive(Args)]
pub struct Migrate {
    /// The data directory. No server may have it open
    #[arg(long, env = "SCRIP_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

impl Migrate {
    /// Migrates, and waits until the projections are folded.
    ///
    /// # Errors
    /// When the directory is in use, or was written by a newer version.
    pub async fn run(self) -> Done {
        let store = Store::open(&self.data, Options::default()).map_err(|error| error.to_string())?;
        store.projected().await.map_err(|error| error.to_string())?;
        say(&format!("{} has this version's schema\n", self.data.display()))
    }
}
