//! The store: a journal that is the truth, and projections of it.
//!
//! One idea: *a reply waits for the journal, and for nothing else.* A submission names a workspace and a command; the
//! store stamps the instant, lets the engine decide, and appends one entry. Its number in the workspace gives order; a
//! key that any entry of the workspace has gives no command a second effect, for ever. What lists and searches is
//! folded from the journal behind it, and a read that must see a write waits for the position of that write.
//!
//! Invariant: knows no HTTP.

pub mod allowance;
mod beside;
mod catalogs;
pub mod clock;
#[cfg(test)]
#[path = "../../scrip/tests/common/postgres.rs"]
mod cluster;
pub mod crypto;
pub mod difference;
pub mod files;
mod handle;
pub mod integrity;
pub mod journal;
pub mod moving;
mod options;
mod postgres;
pub mod projection;
mod queries;
pub mod rows;
pub mod snapshot;
mod sqlite;
pub mod tables;
#[cfg(test)]
mod tests;
mod unavailable;
mod value;
pub mod watchers;

pub use allowance::{Allowance, ClaimLimit, Exceeded, Use};
pub use beside::{Claim, NewMail, Statement, Tell, Told};
use catalogs::{catalogs_of, text_hash, written_clocks};
pub use handle::Handle;
use integrity::Seals;
pub use options::{Crash, Options, Shortened};
use postgres::Postgres;
pub use postgres::distributed;
pub use postgres::{Address, admit};
use scrip_engine::{Admission, By, Catalog, Catalogs, Command, Dated, Refusal, Timestamp, Workspace, WorkspaceId};
pub use sqlite::Sqlite;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;
pub use unavailable::Unavailable;
pub use value::{Row, Value};

/// Name of the setting that a probe writes.
const PROBE: &str = "probe";

/// Entries between two snapshots of a workspace.
const SNAPSHOT_EVERY: u64 = 64;

/// Where everything is kept.
pub enum Store {
    /// One file and one process: the default.
    Sqlite(Box<Sqlite>),
    /// A server that any number of processes share.
    Postgres(Postgres),
}

/// Progress of the projections, as a probe finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `true` when entries were committed that are not folded yet.
    pub is_behind: bool,
    /// Place that everything is folded up to.
    pub reached: (i64, i64),
}

/// What identifies a request, so that a second one like it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Of the key, within the workspace. Its effect never expires.
    pub key: [u8; 16],
    /// Of what was asked. The same key with another request is refused.
    pub request: [u8; 16],
    /// Of the same as earlier versions took it, byte by byte, where that is another: what they stored is answered.
    pub earlier: Option<[u8; 16]>,
}

/// A command on its way to the journal.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose.
    pub workspace: WorkspaceId,
    /// What.
    pub command: Command,
    /// Who asks, as the engine judges them.
    pub by: By,
    /// Who asks, as the journal names them.
    pub actor: String,
    /// The id of the request, kept with what only some may ask for.
    pub request: Option<String>,
    /// What makes it at most once.
    pub idempotency: Option<Idempotency>,
    /// What the workspace has from its entry on: made in one transaction with it, so that neither is ever without the
    /// other.
    pub claims: Vec<Claim>,
    /// What is mailed because of it: written in one transaction with its entry. Where there is no entry, there is none.
    pub mails: Vec<NewMail>,
    /// What is kept beside it, in that transaction too.
    pub rows: Vec<Statement>,
    /// Everything that is counted with it, in that transaction too: one use too many, and there is no entry.
    pub allowance: Allowance,
    /// Whether the answer should carry the workspace.
    pub wants_workspace: bool,
}

impl Submission {
    /// The test clock it is decided on, for a workspace as it stands.
    fn test_clock(&self, workspace: &Workspace) -> Option<i64> {
        match &self.command {
            Command::OpenWorkspace { test_clock, .. } => *test_clock,
            _ => workspace.test_clock,
        }
    }
}

/// What became of a submission.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The entry's number in the workspace; where nothing happened, the last one's.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened; empty when nothing did.
    pub events: Arc<[Dated]>,
    /// Whether this is the stored answer to an earlier request with the same key.
    pub replayed: bool,
    /// The workspace before the entry; `None` when this is a stored answer.
    pub before: Option<Arc<Workspace>>,
    /// The workspace after the entry, if it was asked for.
    pub workspace: Option<Arc<Workspace>>,
}

/// Why a submission did nothing.
#[derive(Clone, Debug)]
pub enum SubmitError {
    /// An expected no.
    Refused(Refusal),
    /// The idempotency key was used for another request.
    KeyReused,
    /// Another workspace has this.
    Claimed(Claim),
    /// Something is done too often; nothing was written or counted.
    Exceeded(Exceeded),
    /// The store could not; nothing was acknowledged, and the same key may be tried again.
    Unavailable(Unavailable),
    /// The engine found itself in contradiction; the workspace was left as it was.
    Bug(String),
}

/// Kind of what the journal itself adds to the provider's events: a workspace that was no customer wishes for a pack.
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
    /// When the address is none, the database does not answer, its schema was written by a newer version, or a move
    /// into it has not ended.
    pub async fn connect(address: impl Into<Address>, options: Options) -> Result<Store, Unavailable> {
        Ok(Store::Postgres(Postgres::open(&address.into(), options).await?))
    }

    /// Connects to a database that a move has only begun to fill, to replay it. It must not be served.
    ///
    /// # Errors
    /// As for any other.
    pub async fn connect_halfway(address: &Address, options: Options) -> Result<Store, Unavailable> {
        Ok(Store::Postgres(Postgres::open_halfway(address, options).await?))
    }

    /// Returns `true` when a data directory has no journal yet. Nothing is written.
    ///
    /// # Errors
    /// When it cannot be one: it is a file, or another program's.
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

    /// Makes a small write last, beside the journal, and returns how far the projections are.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn probe(&self) -> Result<Progress, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.probe().await,
            Store::Postgres(postgres) => postgres.probe().await,
        }
    }

    /// Whether the positions of entries have no gaps: where several processes append, a lost number leaves one.
    pub fn positions_are_dense(&self) -> bool {
        matches!(self, Store::Sqlite(_))
    }

    /// Returns true if other processes may share this store.
    pub fn is_shared(&self) -> bool {
        matches!(self, Store::Postgres(_))
    }

    /// Decides a command and makes its entry durable: the only way anything about credits is written.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, submission: Submission) -> Result<Committed, SubmitError> {
        let mails = !submission.mails.is_empty();
        let result = match self {
            Store::Sqlite(sqlite) => sqlite.submit(submission).await,
            Store::Postgres(postgres) => postgres.submit(submission).await,
        };
        if mails && result.is_ok() {
            self.mailed().notify_one();
        }
        result
    }

    /// The same for many, those of one workspace in this order. On the embedded database they are one transaction:
    /// either all of these results are on the disk, or every one says that the store could not. On PostgreSQL each lane
    /// has its own.
    pub async fn submit_many(&self, submissions: Vec<Submission>) -> Vec<Result<Committed, SubmitError>> {
        match self {
            Store::Sqlite(sqlite) => sqlite.submit_many(submissions).await,
            Store::Postgres(postgres) => postgres.submit_many(submissions).await,
        }
    }

    /// A workspace, settled to now (R3); `None` when it was never opened.
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
    /// Whatever serves asks by [`rows`].
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
    pub async fn projected(&self) -> Result<(), Unavailable> {
        self.reader().projected().await
    }

    /// Waits until the projections have moved past where they were when the ticket was drawn.
    pub fn projections(&self) -> tokio::sync::watch::Receiver<i64> {
        match self {
            Store::Sqlite(sqlite) => sqlite.projections(),
            Store::Postgres(postgres) => postgres.projections(),
        }
    }

    /// Those who wait for the rows of one workspace to change.
    pub fn watchers(&self) -> &watchers::Watchers {
        match self {
            Store::Sqlite(sqlite) => sqlite.watchers(),
            Store::Postgres(postgres) => postgres.watchers(),
        }
    }

    /// Adds what an operator did, after the act before it: its kind, name, reason, actor, request and instant.
    ///
    /// # Errors
    /// When the store cannot write, or what came last is not what its seal says.
    pub(crate) async fn append_act(&self, act: Vec<Value>) -> Result<(), Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.append_act(act).await,
            Store::Postgres(postgres) => postgres.append_act(act).await,
        }
    }

    /// Seals rows beside the journal, and checks their seals.
    pub fn seals(&self) -> &Seals {
        match self {
            Store::Sqlite(sqlite) => sqlite.seals(),
            Store::Postgres(postgres) => postgres.seals(),
        }
    }

    /// Takes the workspaces that were folded from the journal again since the last call, because what was kept of them
    /// was not believed, with the reasons.
    pub fn take_healed(&self) -> Vec<(WorkspaceId, String)> {
        match self {
            Store::Sqlite(sqlite) => sqlite.take_healed(),
            Store::Postgres(postgres) => postgres.take_healed(),
        }
    }

    /// Wakes whoever sends mails, when this process has written one. A hint: other processes write some too.
    pub fn mailed(&self) -> &Notify {
        match self {
            Store::Sqlite(sqlite) => sqlite.mailed(),
            Store::Postgres(postgres) => postgres.mailed(),
        }
    }

    /// The published catalog versions.
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

    /// Publishes a catalog version; the same text as the newest is that version (R33).
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn publish(&self, text: String, catalog: Catalog, actor: String) -> Result<u32, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.publish(text, catalog, actor).await,
            Store::Postgres(postgres) => postgres.publish(text, catalog, actor).await,
        }
    }

    /// The instant commands of a workspace on this clock would be stamped with.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn now(&self, test_clock: Option<i64>) -> Result<Timestamp, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.now(test_clock).await,
            Store::Postgres(postgres) => postgres.now(test_clock).await,
        }
    }

    /// Asks whether a workspace may make one more request, at most `limit` in any sixty seconds (R27), and counts it if
    /// so. On PostgreSQL that holds over all processes together.
    ///
    /// # Errors
    /// When the store cannot answer: then nobody is admitted.
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
    pub async fn spend(&self, allowance: Allowance) -> Result<Result<(), Exceeded>, Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.spend(allowance).await,
            Store::Postgres(postgres) => postgres.spend(&allowance).await,
        }
    }

    /// The same as far as this process knows without asking anybody: for judging who asks, never for deciding.
    pub fn about_now(&self) -> Timestamp {
        match self {
            Store::Sqlite(_) => crate::clock::now(),
            Store::Postgres(postgres) => postgres.about_now(),
        }
    }

    /// Moves a test clock forward, or makes it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn set_clock(&self, id: i64, name: Option<String>, now: Timestamp) -> Result<(), Unavailable> {
        match self {
            Store::Sqlite(sqlite) => sqlite.set_clock(id, name, now).await,
            Store::Postgres(postgres) => postgres.set_clock(id, name, now).await,
        }
    }

    /// Every projection that is not what folding the journal again gives, in words.
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

/// Rewrites a statement for SQLite: `$1 … $n` to `?1 … ?n`, since there `$1` is a name, numbered by first appearance,
/// and a statement that uses `$2` before `$1` would silently match nothing; and without row locks, since there is one
/// writer.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?").replace(" FOR UPDATE SKIP LOCKED", "")
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}
