//! `scrip migrate`.

use super::moving::move_up;
use super::output::{Done, Fault, say};
use super::place::Place;
use crate::store::distributed::{citus, part, partitions};
use clap::{Args, ValueEnum, value_parser};
use std::path::PathBuf;

/// Why statements that are printed are not run.
const NOT_ON_CITUS: &str = "scrip does not serve a journal on several nodes: their transactions have no common order, \
     and what is folded from them would miss entries (docs/SCALING.md); without --run the statements are printed";

/// `scrip migrate`: brings a data directory or a database to this version's schema, as `serve` does at its start; or
/// moves what is in a directory into a database; or parts the journal of a database by workspace.
#[derive(Args)]
pub struct Migrate {
    #[command(flatten)]
    place: Place,
    /// Move what is in this data directory into a PostgreSQL database. Can be interrupted and run again
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The database it is moved into, when that is not --database-url: an empty one, or one that an interrupted move
    /// began to fill. With --run, the one whose journal is parted
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Print the statements that part the journal by workspace
    #[arg(long, value_name = "HOW", conflicts_with = "from")]
    distributed: Option<Distributed>,
    /// Into how many partitions
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = value_parser!(u32).range(2..=1_024))]
    parts: u32,
    /// Run them, while no server has the database open
    #[arg(long, requires = "distributed")]
    run: bool,
    /// Entries in a transaction
    #[arg(long, value_name = "N", hide = true, default_value_t = 5_000)]
    #[arg(value_parser = value_parser!(u32).range(1..=100_000))]
    batch: u32,
}

/// How a journal is distributed.
#[derive(Clone, Copy, ValueEnum)]
enum Distributed {
    /// Partitions of one database
    Partitions,
    /// The nodes of a Citus cluster; only printed, and not served
    Citus,
}

impl Migrate {
    /// Migrates, and waits until the projections are folded.
    ///
    /// # Errors
    /// When it is in use, or was written by a newer version.
    pub async fn run(self) -> Done {
        let to = self.to.as_deref().or(self.place.database_url());
        let to = to.ok_or_else(|| Fault::Misused("name the database: --to URL".to_owned()));
        if let Some(from) = &self.from {
            return move_up(from, to?, self.batch.into()).await;
        }
        match self.distributed {
            Some(Distributed::Partitions) if self.run => {
                part(to?, self.parts).await.map_err(|error| Fault::Refused(error.to_string()))?;
                return say(&format!("the journal is in {} partitions\n", self.parts));
            }
            Some(Distributed::Partitions) => return say(&partitions(self.parts)),
            Some(Distributed::Citus) if self.run => return Err(Fault::Refused(NOT_ON_CITUS.to_owned())),
            Some(Distributed::Citus) => return say(&citus()),
            None if self.to.is_some() => {
                return Err(Fault::Misused("--to goes with --from, or with --distributed and --run".to_owned()));
            }
            None => {}
        }
        let store = self.place.make().await?;
        store.projected().await.map_err(|error| error.to_string())?;
        say(&format!("{} has this version's schema\n", self.place))
    }
}
