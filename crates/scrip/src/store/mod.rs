//! The store: a journal that is the truth, and projections of it.
//!
//! One idea: *a reply waits for the journal, and for nothing else.* A submission names a workspace and a command; the
//! store stamps the instant, lets the engine decide, and appends one entry. The unique `(workspace, seq)` gives order,
//! the unique `(workspace, idempotency_key)` gives each command at most one effect, for ever. What lists and searches
//! is folded from the journal behind it, and a read that must see a write waits for the position of that write.
//!
//! Invariant: knows no HTTP.

pub mod journal;
pub mod projection;
pub mod queries;
mod sqlite;

use scrip_engine::{Catalog, Catalogs, Command, Dated, Refusal, Timestamp, Workspace, WorkspaceId};
#[cfg(test)]
pub use sqlite::Crash;
pub use sqlite::{Options, Sqlite};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where everything is kept.
pub enum Store {
    /// One file and one process: the default.
    Sqlite(Sqlite),
}

/// What identifies a request, so that a second one like it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Of the key, within the workspace. Its effect never expires.
    pub key: [u8; 16],
    /// Of what was asked. The same key with another request is refused.
    pub request: [u8; 16],
}

/// A command on its way to the journal.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose.
    pub workspace: WorkspaceId,
    /// What.
    pub command: Command,
    /// Who asks.
    pub actor: String,
    /// What makes it at most once.
    pub idempotency: Option<Idempotency>,
    /// Whether the answer should carry the workspace.
    pub wants_workspace: bool,
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
    /// The store could not; nothing was acknowledged, and the same key may be tried again.
    Unavailable(Unavailable),
    /// The engine found itself in contradiction; the workspace was left as it was.
    Bug(String),
}

/// The store cannot answer now. The text is for the operator's log, not for callers.
#[derive(Clone, Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

impl From<rusqlite::Error> for Unavailable {
    fn from(error: rusqlite::Error) -> Unavailable {
        Unavailable(error.to_string())
    }
}

impl From<Unavailable> for SubmitError {
    fn from(unavailable: Unavailable) -> SubmitError {
        SubmitError::Unavailable(unavailable)
    }
}

/// A value in a query: the kinds that every engine has.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, an instant in microseconds, or a yes (1) or no (0).
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Integer(value)
    }
}

impl From<WorkspaceId> for Value {
    fn from(value: WorkspaceId) -> Value {
        Value::Integer(value.get())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// A row of a query's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// A column that holds a number.
    pub fn integer(&self, column: usize) -> i64 {
        self.maybe_integer(column).expect("the query selects a number here")
    }

    /// A column that holds a number or nothing.
    pub fn maybe_integer(&self, column: usize) -> Option<i64> {
        match self.0.get(column) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// A column that holds text.
    pub fn text(&self, column: usize) -> &str {
        match self.0.get(column) {
            Some(Value::Text(value)) => value,
            other => panic!("the query selects text here, not {other:?}"),
        }
    }

    /// A column that holds bytes.
    pub fn bytes(&self, column: usize) -> &[u8] {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => value,
            _ => &[],
        }
    }
}

impl Store {
    /// Opens the embedded database in a directory, which no other process may have open.
    ///
    /// # Errors
    /// When the directory is in use, cannot be written, or was written by a newer version.
    pub fn open(directory: &Path, options: Options) -> Result<Store, Unavailable> {
        Ok(Store::Sqlite(Sqlite::open(directory, options)?))
    }

    /// Decides a command and makes its entry durable: the only way anything about credits is written.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, submission: Submission) -> Result<Committed, SubmitError> {
        let Store::Sqlite(sqlite) = self;
        sqlite.submit(submission).await
    }

    /// The same for many, those of one workspace in this order, in one transaction: either all of these results are on
    /// the disk, or every one says that the store could not.
    pub async fn submit_many(&self, submissions: Vec<Submission>) -> Vec<Result<Committed, SubmitError>> {
        let Store::Sqlite(sqlite) = self;
        sqlite.submit_many(submissions).await
    }

    /// A workspace, settled to now (R3); `None` when it was never opened.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.workspace(id).await
    }

    /// A read of the journal and its projections as they stand. SQL is written with `$1 … $n`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.query(sql, values).await
    }

    /// Waits until the projections show everything that was committed before this call.
    ///
    /// # Errors
    /// When the projector has stopped.
    pub async fn projected(&self) -> Result<(), Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.projected().await
    }

    /// Waits until the projections have moved past where they were when the ticket was drawn.
    pub fn projections(&self) -> tokio::sync::watch::Receiver<i64> {
        let Store::Sqlite(sqlite) = self;
        sqlite.projections()
    }

    /// One statement on the tables beside the journal: settings, keys, clocks, claims. Returns the affected rows.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn write(&self, sql: &'static str, values: Vec<Value>) -> Result<usize, Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.write(sql, values).await
    }

    /// One statement on the projections; what it returns. For leases, which may be lost.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn lease(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.lease(sql, values).await
    }

    /// The published catalog versions.
    pub fn catalogs(&self) -> Arc<Catalogs> {
        let Store::Sqlite(sqlite) = self;
        sqlite.catalogs()
    }

    /// Publishes a catalog version; the same text as the newest is that version (R33).
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn publish(&self, text: String, catalog: Catalog, actor: String) -> Result<u32, Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.publish(text, catalog, actor).await
    }

    /// The instant commands of a workspace on this clock would be stamped with.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn now(&self, test_clock: Option<i64>) -> Result<Timestamp, Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.now(test_clock).await
    }

    /// Moves a test clock forward, or makes it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn set_clock(&self, id: i64, name: Option<String>, now: Timestamp) -> Result<(), Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.set_clock(id, name, now).await
    }

    /// Every projection that is not what folding the journal again gives, in words.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn projection_differences(&self) -> Result<Vec<String>, Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.projection_differences().await
    }

    /// Folds all projections again from the first entry.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn rebuild(&self) -> Result<(), Unavailable> {
        let Store::Sqlite(sqlite) = self;
        sqlite.rebuild().await
    }
}

/// Rewrites `$1 … $n` to SQLite's `?1 … ?n`: there `$1` is a name, numbered by first appearance, and a statement that
/// uses `$2` before `$1` would silently match nothing.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}
