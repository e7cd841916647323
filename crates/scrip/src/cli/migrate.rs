//! `scrip migrate`: schema updates, and moves of a journal between stores.

use super::output::{CommandResult, Fault, say};
use super::place::Place;
use super::transfer::move_up;
use clap::{Args, ValueEnum, value_parser};
use scrip_store::distributed::{citus, distribute, part, partitions};
use scrip_store::{Address, Options, admit};
use std::path::PathBuf;

/// Arguments of `scrip migrate`: updates a data directory or a database to this version's schema and its entries to
/// their present form, as `serve` does at its start where they are not too many; or transfers a directory into a
/// database; or partitions the journal of a database by workspace.
#[derive(Args)]
pub struct Migrate {
    #[command(flatten)]
    place: Place,
    /// Transfer this data directory into a PostgreSQL database. Can be interrupted and run again
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Target database of the transfer when it is not --database-url: an empty one, or one that an interrupted transfer
    /// began to fill. With --run, the database whose journal is partitioned
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Print the statements that distribute the journal by workspace
    #[arg(long, value_name = "HOW", conflicts_with = "from")]
    distributed: Option<Distribution>,
    /// Number of partitions to make
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = value_parser!(u32).range(2..=1_024))]
    parts: u32,
    /// Run the printed statements, while no server has the database open
    #[arg(long, requires = "distributed")]
    run: bool,
    /// Trust all rows beside the journal as they are, and seal them anew: for another SCRIP_INTEGRITY_SECRET, or after
    /// rows were mended by hand. No server may have the store open
    #[arg(long, conflicts_with_all = ["from", "distributed"])]
    seal: bool,
    /// Afterwards grant this role of the database what serving needs, and no right to change or delete an entry. Run as
    /// the owner of the tables, and again with each new version
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Number of entries in a transaction
    #[arg(long, value_name = "N", hide = true, default_value_t = 5_000)]
    #[arg(value_parser = value_parser!(u32).range(1..=100_000))]
    batch: u32,
}

/// Ways to distribute a journal.
#[derive(Clone, Copy, ValueEnum)]
enum Distribution {
    /// Partitions of one database
    Partitions,
    /// The nodes of a Citus cluster
    Citus,
}

impl Migrate {
    /// Migrates, and waits until the projections are folded.
    ///
    /// # Errors
    /// When the store is in use, or was written by a newer version.
    pub async fn run(self) -> CommandResult {
        let database = self.place.database(self.to.as_deref());
        if let Some(how) = self.distributed {
            return self.distribute(how, database.as_ref()).await;
        }
        if self.to.is_some() && self.from.is_none() {
            return Err(Fault::Misused("--to goes with --from, or with --distributed and --run".to_owned()));
        }
        let Some(role) = &self.role else { return self.prepare(database.as_ref()).await };
        let database = database
            .ok_or_else(|| Fault::Misused("--role needs the address of the database: --database-url URL".to_owned()))?;
        self.prepare(Some(&database)).await?;
        admit(&database, role).await.map_err(|error| Fault::Refused(error.to_string()))?;
        say(&format!("{role} may serve the database, and may neither change nor delete an entry\n"))
    }

    async fn distribute(&self, how: Distribution, database: Option<&Address>) -> CommandResult {
        if !self.run {
            return say(&match how {
                Distribution::Partitions => partitions(self.parts),
                Distribution::Citus => citus(),
            });
        }
        let to = database.ok_or_else(|| Fault::Misused("name the database: --to URL".to_owned()))?;
        let (done, said) = match how {
            Distribution::Partitions => {
                (part(to, self.parts).await, format!("the journal is in {} partitions\n", self.parts))
            }
            Distribution::Citus => (distribute(to).await, "the journal is on the nodes of the cluster\n".to_owned()),
        };
        done.map_err(|error| Fault::Refused(error.to_string()))?;
        say(&said)
    }

    async fn prepare(&self, database: Option<&Address>) -> CommandResult {
        if let Some(from) = &self.from {
            let to = database.ok_or_else(|| Fault::Misused("name the database to move into: --to URL".to_owned()))?;
            let options = Options { bring_over: true, ..self.place.options()? };
            return move_up(from, to, options, self.batch.into()).await;
        }
        let store = self.place.make(Options { reseal: self.seal, bring_over: true, ..self.place.options()? }).await?;
        store.await_projections().await.map_err(|error| error.to_string())?;
        say(&format!("{} has this version's schema\n", self.place))
    }
}
