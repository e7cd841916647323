//! The store: a journal that is the truth, and projections of it.
//!
//! One idea: *a reply waits for the journal, and for nothing else.* A submission names a workspace and a command; the
//! store stamps the instant, lets the engine decide, and appends one entry. The entry's number in the workspace gives
//! order. A command with an idempotency key that any entry of the workspace has takes no second effect, for ever. Lists
//! and searches read rows that are folded from the journal behind it, and a read that must see a write waits for the
//! position of that write.
//!
//! Invariant: the store knows no HTTP.

pub mod allowance;
mod beside;
mod catalogs;
pub mod clock;
pub mod crypto;
pub mod difference;
pub mod files;
mod handle;
pub mod integrity;
pub mod journal;
mod options;
mod originals;
mod postgres;
pub mod projection;
mod queries;
pub mod rows;
pub mod snapshot;
mod sqlite;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod transfer;
pub mod turns;
mod unavailable;
mod value;
pub mod watchers;

pub use allowance::{Allowance, ClaimLimit, OverLimit, Use};
pub use beside::{Claim, Consequences, NewMail, Statement, Tell};
use catalogs::{catalogs_of, text_hash, written_clocks};
pub use handle::Handle;
use integrity::Seals;
pub use options::{Crash, Options, ShortJournal};
use postgres::Postgres;
pub use postgres::distributed;
pub use postgres::{Address, admit};
use scrip_engine::{
    Admission, By, Catalog, Catalogs, Command, DatedEvent, Refusal, Timestamp, Workspace, WorkspaceCommand, WorkspaceId,
};
pub use sqlite::Sqlite;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;
pub use unavailable::Unavailable;
pub use value::{Row, Value};

/// Name of the setting that a probe writes.
const PROBE: &str = "probe";

/// Number of entries between two snapshots of a workspace.
const SNAPSHOT_EVERY: u64 = 64;

/// The journal and its projections, in one of two databases.
pub enum Store {
    /// A directory with SQLite, for one process: the default.
    Sqlite(Box<Sqlite>),
    /// A PostgreSQL database, which any number of processes share.
    Postgres(Postgres),
}

/// Progress of the projections, at the time of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `true` when entries were committed that are not folded yet.
    pub is_behind: bool,
    /// Place up to which everything is folded.
    pub reached: (i64, i64),
}

/// Identity of a request, by which a second one like it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Hash of the caller's key, within the workspace. Its effect never expires.
    pub key: [u8; 16],
    /// Hash of the request's content. The same key with another request is refused.
    pub request: [u8; 16],
    /// Hash of the same content as earlier versions computed it, byte by byte, where it differs: answers that they
    /// stored are found by it.
    pub earlier: Option<[u8; 16]>,
}

/// A command on its way to the journal.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Identifier of the workspace that is changed.
    pub workspace: WorkspaceId,
    /// Command that the engine decides.
    pub command: Command,
    /// Role of the caller, by which the engine judges the command.
    pub by: By,
    /// Name of the caller, as the journal keeps it.
    pub actor: String,
    /// Identifier of the request, kept with privileged commands.
    pub request: Option<String>,
    /// Identity of the request, by which it takes effect at most once.
    pub idempotency: Option<Idempotency>,
    /// Claims that the workspace makes with its entry, in the same transaction, so that neither exists without the
    /// other.
    pub claims: Vec<Claim>,
    /// Mails that are sent because of the entry, written in the same transaction. Without an entry there are no mails.
    pub mails: Vec<NewMail>,
    /// Rows that are kept beside the entry, written in the same transaction.
    pub rows: Vec<Statement>,
    /// Uses that are counted in the same transaction: with one use too many, there is no entry.
    pub allowance: Allowance,
    /// `true` when the answer is to carry the workspace after the entry.
    pub wants_workspace: bool,
}

impl Submission {
    /// Returns the test clock that the command is decided on, in the workspace's present state.
    fn test_clock(&self, workspace: &Workspace) -> Option<i64> {
        if let Command::Workspace(WorkspaceCommand::Open { test_clock, .. }) = &self.command {
            *test_clock
        } else {
            workspace.test_clock
        }
    }
}

/// Result of a submission that was accepted.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Number of the entry in the workspace; where no event happened, that of the last entry.
    pub seq: u64,
    /// Instant at which the entry was decided.
    pub at: Timestamp,
    /// Events of the entry; empty when the command changed nothing.
    pub events: Arc<[DatedEvent]>,
    /// `true` when this is the stored answer to an earlier request with the same key.
    pub replayed: bool,
    /// Workspace before the entry; `None` when this is a stored answer.
    pub before: Option<Arc<Workspace>>,
    /// Workspace after the entry, if the submission asked for it.
    pub workspace: Option<Arc<Workspace>>,
}

/// Reason why a submission took no effect.
#[derive(Clone, Debug)]
pub enum SubmitError {
    /// The engine refuses the command.
    Refused(Refusal),
    /// The idempotency key was used for another request.
    KeyReused,
    /// Another workspace has this claim.
    Claimed(Claim),
    /// A use is beyond its limit; nothing was written or counted.
    OverLimit(OverLimit),
    /// The store cannot write; nothing was acknowledged, and the same key may be tried again.
    Unavailable(Unavailable),
    /// The engine contradicts itself; the workspace was left unchanged.
    Bug(String),
}

/// Kind of the event that the journal itself adds to Stripe's: a workspace without a Stripe customer asks for a top-up.
pub const WISH: &str = "scrip.top_up";

impl From<Unavailable> for SubmitError {
    fn from(unavailable: Unavailable) -> SubmitError {
        SubmitError::Unavailable(unavailable)
    }
}

impl Store {
    /// Opens the embedded database in a directory, which no other process may have open.
    ///
    /// # Errors
    /// When the directory is in use, cannot be written, or was written by a newer version.
    pub fn open(directory: &Path, options: Options) -> Result<Store, Unavailable> {
        Ok(Store::Sqlite(Box::new(Sqlite::open(directory, options)?)))
    }

    /// Connects to a PostgreSQL database, `postgres://…`, and brings its schema up to this version.
    ///
    /// # Errors
    /// When the address is malformed, the database does not answer, its schema was written by a newer version, or a
    /// transfer into it has not ended.
    pub async fn connect(address: impl Into<Address>, options: Options) -> Result<Store, Unavailable> {
        Ok(Store::Postgres(Postgres::open(&address.into(), options).await?))
    }

    /// Connects to a database that a transfer has begun to fill, to replay it. It must not be served.
    ///
    /// # Errors
    /// Those of [`Store::connect`], except that an unfinished transfer is no error.
    pub async fn connect_halfway(address: &Address, options: Options) -> Result<Store, Unavailable> {
        Ok(Store::Postgres(Postgres::open_halfway(address, options).await?))
    }

    /// Returns `true` when a data directory has no journal yet. Nothing is written.
    ///
    /// # Errors
    /// When the path cannot be a data directory: it is a file, or another program's directory.
    pub fn is_new_directory(directory: &Path) -> Result<bool, Unavailable> {
        Sqlite::is_new(directory)
    }

    /// Returns `true` when a database has no journal yet. Nothing is written.
    ///
    /// # Errors
    /// When it does not answer, or has tables of another program where the journal would be.
    pub async fn is_new_database(address: &Address) -> Result<bool, Unavailable> {
        Postgres::is_new(address).await
    }

    /// Makes a small write beside the journal durable, and returns the progress of the projections.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn probe(&self) -> Result<Progress, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.probe().await,
            Store::Postgres(postgres) => postgres.probe().await,
        }
    }

    /// Returns whether the positions of entries have no gaps. Where several processes append, a lost number leaves one.
    pub fn positions_are_dense(&self) -> bool {
        matches!(self, Store::Sqlite(_))
    }

    /// Returns true if other processes may share this store.
    pub fn is_shared(&self) -> bool {
        matches!(self, Store::Postgres(_))
    }

    /// Returns the number of this process in the leases that it has. The embedded database has one process.
    pub(crate) fn owner(&self) -> i64 {
        match self {
            Store::Sqlite(_) => 0,
            Store::Postgres(postgres) => postgres.owner(),
        }
    }

    /// Decides a command and makes its entry durable: the only way in which credits are written.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, submission: Submission) -> Result<Commit, SubmitError> {
        let mails = !submission.mails.is_empty();
        let result = match self {
            Store::Sqlite(sqlite) => sqlite.submit(submission).await,
            Store::Postgres(postgres) => postgres.submit(submission).await,
        };
        if mails && result.is_ok() {
            self.mail_signal().notify_one();
        }
        result
    }

    /// Submits many commands; those of one workspace are decided in this order. On the embedded database they are one
    /// transaction: either all of these results are on the disk, or every one is an error of the store. On PostgreSQL
    /// each appender has a transaction of its own.
    pub async fn submit_many(&self, submissions: Vec<Submission>) -> Vec<Result<Commit, SubmitError>> {
        match self {
            Store::Sqlite(sqlite) => sqlite.submit_many(submissions).await,
            Store::Postgres(postgres) => postgres.submit_many(submissions).await,
        }
    }

    /// Returns a workspace, settled to now (R3); `None` when it was never opened.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.workspace(id).await,
            Store::Postgres(postgres) => postgres.workspace(id).await,
        }
    }

    /// Returns the rows of any statement that reads, for tests and measurements; SQL is written with `$1 … $n`.
    /// The server reads through the functions of [`rows`] instead.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        self.reader().read(sql, values).await
    }

    /// Waits until the projections show everything that was committed before this call.
    ///
    /// # Errors
    /// When the projector has stopped.
    pub async fn await_projections(&self) -> Result<(), Unavailable> {
        self.reader().await_projections().await
    }

    /// Returns a description of each end of the journal that lies before what its rows were folded up to. `last` is the
    /// position of the journal's last entry.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn end_differences(&self, last: i64) -> Result<Vec<String>, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.end_differences(last).await,
            Store::Postgres(postgres) => postgres.end_differences().await,
        }
    }

    /// Returns a receiver that is notified when the projections move on.
    pub fn projections(&self) -> tokio::sync::watch::Receiver<i64> {
        match self {
            Store::Sqlite(sqlite) => sqlite.projections(),
            Store::Postgres(postgres) => postgres.projections(),
        }
    }

    /// Returns the requests that wait for the rows of one workspace to change.
    pub fn watchers(&self) -> &watchers::Watchers {
        match self {
            Store::Sqlite(sqlite) => sqlite.watchers(),
            Store::Postgres(postgres) => postgres.watchers(),
        }
    }

    /// Appends an operator's act to the chain of acts: its kind, name, reason, actor, request and instant.
    ///
    /// # Errors
    /// When the store cannot write, or the last act does not carry its seal.
    pub(crate) async fn append_act(&self, act: Vec<Value>) -> Result<(), Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.append_act(act).await,
            Store::Postgres(postgres) => postgres.append_act(act).await,
        }
    }

    /// Returns the seals of rows beside the journal, which make and check them.
    pub fn seals(&self) -> &Seals {
        match self {
            Store::Sqlite(sqlite) => sqlite.seals(),
            Store::Postgres(postgres) => postgres.seals(),
        }
    }

    /// Takes the workspaces that were folded from the journal again since the last call, because their snapshot or
    /// cached value was not believed, each with the reason.
    pub fn take_healed(&self) -> Vec<(WorkspaceId, String)> {
        match self {
            Store::Sqlite(sqlite) => sqlite.take_healed(),
            Store::Postgres(postgres) => postgres.take_healed(),
        }
    }

    /// Returns the signal that wakes the mail worker when this process has written a mail. A hint: other processes
    /// write some too.
    pub fn mail_signal(&self) -> &Notify {
        match self {
            Store::Sqlite(sqlite) => sqlite.mail_signal(),
            Store::Postgres(postgres) => postgres.mail_signal(),
        }
    }

    /// Returns the published catalog versions.
    pub fn catalogs(&self) -> Arc<Catalogs> {
        match self {
            Store::Sqlite(sqlite) => sqlite.catalogs(),
            Store::Postgres(postgres) => postgres.catalogs(),
        }
    }

    /// Reads the published versions again, where another process may have published one.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn refresh_catalogs(&self) -> Result<(), Unavailable> {
        match self {
            Store::Sqlite(_) => Ok(()),
            Store::Postgres(postgres) => postgres.refresh_catalogs().await,
        }
    }

    /// Publishes a catalog version and returns its number; a text that equals the newest version's is that version
    /// (R33).
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn publish(&self, text: String, catalog: Catalog, actor: String) -> Result<u32, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.publish(text, catalog, actor).await,
            Store::Postgres(postgres) => postgres.publish(text, catalog, actor).await,
        }
    }

    /// Returns the instant that commands of a workspace on this clock would be stamped with.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn now(&self, test_clock: Option<i64>) -> Result<Timestamp, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.now(test_clock).await,
            Store::Postgres(postgres) => postgres.now(test_clock).await,
        }
    }

    /// Counts one more request of a workspace, if it has made fewer than `limit` in the last sixty seconds (R27), and
    /// returns the admission. On PostgreSQL the limit holds over all processes together.
    ///
    /// # Errors
    /// When the store cannot answer: then no request is admitted.
    pub async fn admit(&self, workspace: WorkspaceId, limit: u32) -> Result<Admission, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.admit(workspace, limit),
            Store::Postgres(postgres) => postgres.admit(workspace, limit).await,
        }
    }

    /// Counts uses that come with no entry, over all processes: all of them, or none where one is beyond its limit.
    ///
    /// # Errors
    /// When the store cannot write: then none is counted.
    pub async fn spend(&self, allowance: Allowance) -> Result<Result<(), OverLimit>, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.spend(allowance).await,
            Store::Postgres(postgres) => postgres.spend(&allowance).await,
        }
    }

    /// Returns the current instant as far as this process knows it without asking the database: for the validity of a
    /// caller, never for a decision of the engine.
    pub fn about_now(&self) -> Timestamp {
        match self {
            Store::Sqlite(_) => crate::clock::now(),
            Store::Postgres(postgres) => postgres.about_now(),
        }
    }

    /// Moves a test clock forward, or creates it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn set_clock(&self, id: i64, name: Option<String>, now: Timestamp) -> Result<(), Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.set_clock(id, name, now).await,
            Store::Postgres(postgres) => postgres.set_clock(id, name, now).await,
        }
    }

    /// Returns a description of every projection that differs from the journal folded again.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn projection_differences(&self) -> Result<Vec<String>, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.projection_differences().await,
            Store::Postgres(postgres) => postgres.projection_differences().await,
        }
    }

    /// Folds all projections again from the first entry.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn rebuild(&self) -> Result<(), Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.rebuild().await,
            Store::Postgres(postgres) => postgres.rebuild().await,
        }
    }
}

/// Rewrites a statement for SQLite: `$1 … $n` becomes `?1 … ?n`, and row locks are removed. In SQLite `$1` is a name,
/// numbered by first appearance, and a statement that uses `$2` before `$1` would silently match nothing. Row locks are
/// not needed, since there is one writer.
fn number_parameters(sql: &str) -> String {
    sql.replace('$', "?").replace(" FOR UPDATE SKIP LOCKED", "")
}

/// Returns the message of a panic.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}
