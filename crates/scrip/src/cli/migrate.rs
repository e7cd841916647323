//! `scrip migrate`.

use super::moving::move_up;
use super::output::{Done, Fault, say};
use super::place::Place;
use crate::store::{Address, admit};
use clap::{Args, value_parser};
use std::path::PathBuf;

/// `scrip migrate`: brings a data directory or a database to this version's schema, as `serve` does at its start; or
/// moves what is in a directory into a database.
#[derive(Args)]
pub struct Migrate {
    #[command(flatten)]
    place: Place,
    /// Move what is in this data directory into a PostgreSQL database. Can be interrupted and run again
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The database it is moved into, when that is not --database-url: an empty one, or one that an interrupted move
    /// began to fill
    #[arg(long, value_name = "URL", requires = "from")]
    to: Option<String>,
    /// Then give this role of the database what serving needs, and no right to change or delete an entry. To be run as
    /// the owner of the tables, and again with each new version
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Entries in a transaction
    #[arg(long, value_name = "N", hide = true, default_value_t = 5_000)]
    #[arg(value_parser = value_parser!(u32).range(1..=100_000))]
    batch: u32,
}

impl Migrate {
    /// Migrates, and waits until the projections are folded.
    ///
    /// # Errors
    /// When it is in use, or was written by a newer version.
    pub async fn run(self) -> Done {
        let database = self.place.database(self.to.as_deref());
        let Some(role) = &self.role else { return self.prepare(database.as_ref()).await };
        let database = database.ok_or_else(|| {
            Fault::Misused("--role is a role of a database, and none is named: --database-url URL".to_owned())
        })?;
        self.prepare(Some(&database)).await?;
        admit(&database, role).await.map_err(|error| Fault::Refused(error.to_string()))?;
        say(&format!("{role} may serve the database, and may neither change nor delete an entry\n"))
    }

    async fn prepare(&self, database: Option<&Address>) -> Done {
        if let Some(from) = &self.from {
            let to = database.ok_or_else(|| Fault::Misused("name the database to move into: --to URL".to_owned()))?;
            return move_up(from, to, self.batch.into()).await;
        }
        let store = self.place.make().await?;
        store.projected().await.map_err(|error| error.to_string())?;
        say(&format!("{} has this version's schema\n", self.place))
    }
}
