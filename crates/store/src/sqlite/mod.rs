//! The embedded database: one process, one thread that writes the journal, one that writes the projections.
//!
//! The journal and the projections are two files, so that folding rows neither waits for the journal's flush nor delays
//! it, and so that the projections can be deleted as a whole.
//!
//! Invariant: a reply to a submission is sent after the transaction that holds its entry has been flushed to disk.

mod audit;
mod checkpointer;
mod directory;
mod fingerprints;
mod flusher;
mod index;
mod jobs;
mod originals;
mod positions;
mod projector;
mod rates;
mod reader;
mod recent;
mod rows;
mod seals;
mod writer;

use super::integrity::{self, LAST_CATALOG, Seals, check_catalogs};
use super::snapshot::HealLog;
use super::watchers::Watchers;
use super::{
    Allowance, Commit, Options, OverLimit, Progress, Row, ShortJournal, Submission, SubmitError, Unavailable, Value,
    catalogs_of, number_parameters, panic_text, queries,
};
use crate::files;
use crate::turns::Turns;
use checkpointer::{Checkpointer, RestRequest};
use directory::{OpenFiles, lock};
use flusher::Flusher;
use jobs::Job;
use projector::Projector;
use rates::Rates;
use reader::Readers;
use rusqlite::{Connection, ErrorCode};
use scrip_engine::{Admission, Catalog, Catalogs, Timestamp, Workspace, WorkspaceId};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use writer::Writer;

/// Memory of the writing connection, in SQLite's form: KiB, negated. The connection only appends, and after a commit
/// that began a page, SQLite searches all of it.
const CACHE: i64 = -1_024;
/// Number of pages that the journal's log may gather before each commit copies it, where the checkpointer left so many.
const CHECKPOINT: i64 = 25_000;
/// Maximum number of submissions that wait; the caller of one more is told to come back.
const QUEUE_MAX: usize = 8_192;

mod migrations {
    refinery::embed_migrations!("src/migrations/sqlite");
}

/// The embedded database, with its threads and its readers.
pub struct Sqlite {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    projector: Projector,
    readers: Readers,
    pub(super) turns: Turns,
    seals: Seals,
    healed: Arc<HealLog>,
    files: (PathBuf, PathBuf),
    opened: Arc<OpenFiles>,
    catalogs: Arc<RwLock<Arc<Catalogs>>>,
    committed: watch::Receiver<i64>,
    mail_signal: Notify,
    /// Room for submissions that come many at once, each until it is answered: the queue alone would take as many
    /// groups as single ones.
    room: Arc<Semaphore>,
    rates: Rates,
    _checkpointer: Checkpointer,
    _lock: File,
}

impl Sqlite {
    /// Opens the database in a directory, and makes it if it does not exist.
    ///
    /// # Errors
    /// When the directory is in use by another process, cannot be written, or has a schema this version does not know.
    pub fn open(directory: &Path, options: Options) -> Result<Sqlite, Unavailable> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| {
            Unavailable(format!("{}: {what}: {error}", directory.display()))
        };
        directory::is_new(directory)?;
        files::make_directory(directory).map_err(|error| wrong("cannot be made", &error))?;
        let lock = lock(directory)?;
        let journal = directory.join("journal.db");
        let views = directory.join("views.db");
        // SQLite gives the files beside a database the mode of the database.
        files::open(&journal).map_err(|error| wrong("cannot be written", &error))?;
        let mut connection = Connection::open(&journal).map_err(|error| wrong("cannot be opened", &error))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A commit only writes the log: the flusher brings the log to the disk before an answer is sent.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
        connection.pragma_update(None, "cache_size", CACHE)?;
        // The migration library panics where it cannot read its own dates.
        let run = catch_unwind(AssertUnwindSafe(|| migrations::migrations::runner().run(&mut connection)));
        let run =
            run.map_err(|panic| wrong("the history of its schema cannot be read", &panic_text(panic.as_ref())))?;
        let run = run.map_err(|error| {
            wrong(
                "its schema is not one this version of scrip knows; use the version that wrote it, or a newer one",
                &error,
            )
        })?;
        let is_upgraded = run.applied_migrations().iter().any(|migration| migration.name() == "seals");
        let seals = seals::establish(&mut connection, options.secret, is_upgraded, options.reseal)
            .map_err(|error| wrong("it is not opened", &error))?;
        originals::establish(&mut connection, &views, &seals, &options)
            .map_err(|error| wrong("it is not opened", &error))?;
        // One process owns the data: the one that leased these mails has ended.
        connection.execute("UPDATE mails SET lease_until = 0 WHERE lease_until > 0 AND sent_at IS NULL", [])?;
        if let Some(pages) = options.pages_max {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        let catalogs = read_catalogs(&connection, &seals, options.shortened == ShortJournal::Report)?;
        let (catalogs, healed) = (Arc::new(RwLock::new(Arc::new(catalogs))), Arc::new(HealLog::default()));
        let position: i64 =
            connection.query_row("SELECT COALESCE(MAX(position), 0) FROM entries", [], |row| row.get(0))?;
        let (committed_sender, committed) = watch::channel(position);
        let told = (seals.clone(), options.shortened, options.generation);
        let projector = Projector::start(&journal, &views, committed.clone(), told)?;
        let (jobs, waiting) = sync_channel(QUEUE_MAX);
        let current = Arc::clone(&catalogs.read().expect("no thread panics while it publishes"));
        let projections = (projector.jobs(), projector.fold_position());
        let flusher = Flusher::open(&journal, committed_sender, projections, Arc::clone(&catalogs))?;
        let rest = RestRequest::default();
        let writer = Writer::new(
            connection,
            &views,
            current,
            (position, projector.fold_position(), projector.index_position()),
            (flusher, rest.clone()),
            options,
            (seals.clone(), Arc::clone(&healed)),
        )?;
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&waiting))
            .map_err(|error| wrong("no thread for the journal", &error))?;
        let checkpointer = Checkpointer::start(&journal, rest)?;
        let opened = OpenFiles::of(&journal, &views).map_err(|error| wrong("cannot be opened", &error))?;
        let turns = Turns::start()?;
        let readers = Readers::new(&journal, &views, turns.clone());
        Ok(Sqlite {
            jobs: Some(jobs),
            thread: Some(thread),
            projector,
            readers,
            turns,
            seals,
            healed,
            files: (journal, views),
            opened: Arc::new(opened),
            catalogs,
            committed,
            mail_signal: Notify::new(),
            room: Arc::new(Semaphore::new(QUEUE_MAX)),
            rates: Rates::new(),
            _checkpointer: checkpointer,
            _lock: lock,
        })
    }

    /// See [`super::Store::is_new_directory`].
    pub fn is_new(directory: &Path) -> Result<bool, Unavailable> {
        directory::is_new(directory)
    }

    /// Copies the logs of a directory that no process has open into its files, so that the sizes of the files are those
    /// of the data.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn empty_logs(directory: &Path) -> Result<(), Unavailable> {
        for name in ["journal.db", "views.db"] {
            let file = Connection::open(directory.join(name))?;
            file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    /// See [`super::Store::submit`].
    pub async fn submit(&self, submission: Submission) -> Result<Commit, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Submit(Box::new(submission), reply))?;
        answer
            .await
            .map_err(|_| SubmitError::Unavailable(Unavailable("the journal's thread has stopped".to_owned())))?
    }

    /// See [`super::Store::submit_many`].
    pub async fn submit_many(&self, submissions: Vec<Submission>) -> Vec<Result<Commit, SubmitError>> {
        let many = submissions.len();
        let unavailable = |why: Unavailable| vec![Err(SubmitError::Unavailable(why)); many];
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(u32::try_from(many).unwrap_or(u32::MAX)) else {
            return unavailable(Unavailable::crowd(QUEUE_MAX));
        };
        let (reply, answer) = oneshot::channel();
        match self.send(Job::SubmitMany(submissions, room, reply)) {
            Ok(()) => {
                answer.await.unwrap_or_else(|_| unavailable(Unavailable("the journal's thread has stopped".to_owned())))
            }
            Err(full) => unavailable(full),
        }
    }

    /// See [`super::Store::workspace`].
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, Unavailable> {
        self.ask(|reply| Job::Read(id, reply)).await
    }

    /// See [`super::Store::now`].
    pub async fn now(&self, test_clock: Option<i64>) -> Result<Timestamp, Unavailable> {
        self.ask(|reply| Job::Now(test_clock, reply)).await
    }

    /// See [`super::Store::admit`].
    pub fn admit(&self, workspace: WorkspaceId, limit: u32) -> Result<Admission, Unavailable> {
        self.rates.admit(workspace, limit)
    }

    /// See [`super::Store::spend`].
    pub async fn spend(&self, allowance: Allowance) -> Result<Result<(), OverLimit>, Unavailable> {
        self.ask(|reply| Job::Spend(allowance, reply)).await
    }

    /// See [`super::Store::set_clock`].
    pub async fn set_clock(&self, id: i64, name: Option<String>, now: Timestamp) -> Result<(), Unavailable> {
        self.ask(|reply| Job::SetClock { id, name, now, reply }).await
    }

    /// Runs a writing statement on SQLite's writing thread. See [`super::Handle::write`].
    pub async fn write(&self, sql: &'static str, values: Vec<Value>) -> Result<usize, Unavailable> {
        self.ask(|reply| Job::Write(sql, values, reply)).await
    }

    /// See [`super::Handle::take`].
    pub async fn take(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        self.ask(|reply| Job::Take(sql, values, reply)).await
    }

    /// See [`super::Store::mail_signal`].
    pub fn mail_signal(&self) -> &Notify {
        &self.mail_signal
    }

    /// See [`super::Store::publish`].
    pub async fn publish(&self, text: String, catalog: Catalog, actor: String) -> Result<u32, Unavailable> {
        self.ask(|reply| Job::Publish { text, catalog: Arc::new(catalog), actor, reply }).await
    }

    /// See [`super::Store::append_act`].
    pub async fn append_act(&self, act: Vec<Value>) -> Result<(), Unavailable> {
        self.ask(|reply| Job::Act(act, reply)).await.map(drop)
    }

    /// See [`super::Handle::read`].
    pub async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        self.readers.query(sql, values).await
    }

    /// See [`super::Store::probe`].
    pub async fn probe(&self) -> Result<Progress, Unavailable> {
        let opened = Arc::clone(&self.opened);
        let probed = tokio::task::spawn_blocking(move || opened.probe()).await;
        let probed = probed.map_err(|panic| Unavailable(format!("the probe panicked: {panic}")))?;
        probed.map_err(|error| Unavailable(format!("the data directory: {error}")))?;
        let now = crate::clock::now().micros().to_be_bytes();
        let values = self.seals.setting(super::PROBE, now.to_vec());
        self.write(queries::KEEP_SETTING, values).await?;
        let projected = self.projector.fold_position();
        if projected.has_changed().is_err() {
            return Err(Unavailable("the projector has stopped".to_owned()));
        }
        let reached = *projected.borrow();
        Ok(Progress { is_behind: reached < *self.committed.borrow(), reached: (0, reached) })
    }

    /// See [`super::Store::await_projections`].
    pub async fn await_projections(&self) -> Result<(), Unavailable> {
        let target = *self.committed.borrow();
        self.projector.wait_for(target).await
    }

    /// Waits until every projected entry of a workspace is in the index.
    pub(super) async fn await_index(&self, workspace: WorkspaceId) -> Result<(), Unavailable> {
        self.projector.index(Some(workspace)).await
    }

    /// See [`super::Store::projections`].
    pub fn projections(&self) -> watch::Receiver<i64> {
        self.projector.fold_position()
    }

    /// See [`super::Store::watchers`].
    pub fn watchers(&self) -> &Watchers {
        self.projector.watchers()
    }

    /// See [`super::Handle::take`].
    pub async fn lease(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        self.projector.statement(sql, values).await
    }

    /// See [`super::Store::rebuild`].
    pub async fn rebuild(&self) -> Result<(), Unavailable> {
        self.projector.rebuild().await
    }

    /// See [`super::Store::end_differences`].
    pub async fn end_differences(&self, last: i64) -> Result<Vec<String>, Unavailable> {
        let sql = "SELECT name, position FROM positions WHERE name <> 'index' ORDER BY name";
        let found = self.query(sql, Vec::new()).await?;
        let difference = |row: &Row| match (row.text(0), row.integer(1)) {
            (positions::VIEWS, seen) if seen > last => Some(integrity::shorter(last, seen)),
            (positions::VIEWS, _) => None,
            (name, _) => Some(format!("projection positions: `{name}` should not be there")),
        };
        Ok(found.iter().filter_map(difference).collect())
    }

    /// See [`super::Store::projection_differences`].
    pub async fn projection_differences(&self) -> Result<Vec<String>, Unavailable> {
        let indexed = self.projector.index(None).await;
        let (journal, views) = self.files.clone();
        let compared = tokio::task::spawn_blocking(move || audit::differences(&journal, &views)).await;
        let mut found = compared.map_err(|panic| Unavailable(format!("the comparison panicked: {panic}")))??;
        found.extend(indexed.err().map(|error| format!("the index cannot be completed: {error}")));
        Ok(found)
    }

    /// See [`super::Store::catalogs`].
    pub fn catalogs(&self) -> Arc<Catalogs> {
        Arc::clone(&self.catalogs.read().expect("no thread panics while it publishes"))
    }

    /// See [`super::Store::seals`].
    pub fn seals(&self) -> &Seals {
        &self.seals
    }

    /// See [`super::Store::take_healed`].
    pub fn take_healed(&self) -> Vec<(WorkspaceId, String)> {
        self.healed.take()
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, Unavailable>>) -> Job) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.send(job(reply))?;
        answer.await.map_err(|_| Unavailable("the journal's thread has stopped".to_owned()))?
    }

    fn send(&self, job: Job) -> Result<(), Unavailable> {
        let jobs = self.jobs.as_ref().expect("the journal's thread lives as long as its handle");
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::crowd(QUEUE_MAX),
            TrySendError::Disconnected(_) => Unavailable("the journal's thread has stopped".to_owned()),
        })
    }
}

impl Drop for Sqlite {
    /// Waits for the journal's thread, so that the file is not written after the lock is released.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the journal's thread had panicked");
        }
    }
}

fn read_catalogs(connection: &Connection, seals: &Seals, unchecked: bool) -> Result<Catalogs, Unavailable> {
    let rows = all_rows(&mut connection.prepare_cached(queries::CATALOG_TEXTS)?, &[])?;
    if !unchecked {
        let last = [Value::Text(LAST_CATALOG.to_owned())];
        let last = all_rows(&mut connection.prepare_cached(&number_parameters(queries::SETTING))?, &last)?;
        check_catalogs(&rows, last.first(), seals)?;
    }
    catalogs_of(&rows)
}

/// Returns `true` for a flush that the disk did not confirm.
fn is_lost_flush(failure: &rusqlite::ffi::Error) -> bool {
    let flushes = [rusqlite::ffi::SQLITE_IOERR_FSYNC, rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC];
    failure.code == ErrorCode::SystemIoFailure && flushes.contains(&failure.extended_code)
}

/// Binds the values of a query.
fn bound(values: &[Value]) -> impl rusqlite::Params + '_ {
    rusqlite::params_from_iter(values.iter().map(|value| match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(value) => rusqlite::types::Value::Integer(*value),
        Value::Text(value) => rusqlite::types::Value::Text(value.clone()),
        Value::Bytes(value) => rusqlite::types::Value::Blob(value.clone()),
    }))
}

/// Returns all rows of a prepared statement.
fn all_rows(statement: &mut rusqlite::CachedStatement<'_>, values: &[Value]) -> Result<Vec<Row>, rusqlite::Error> {
    let columns = statement.column_count();
    let mut found = statement.query(bound(values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let value = |column: usize| -> Result<Value, rusqlite::Error> {
            Ok(match row.get_ref(column)? {
                rusqlite::types::ValueRef::Null => Value::Null,
                rusqlite::types::ValueRef::Integer(value) => Value::Integer(value),
                rusqlite::types::ValueRef::Real(_) => {
                    let why = rusqlite::types::Type::Real;
                    return Err(rusqlite::Error::InvalidColumnType(column, "a float".to_owned(), why));
                }
                rusqlite::types::ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                rusqlite::types::ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
            })
        };
        rows.push(Row((0..columns).map(value).collect::<Result<_, _>>()?));
    }
    Ok(rows)
}
