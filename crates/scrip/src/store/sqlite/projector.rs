//! The thread that owns the projections: folds the journal's rows behind the writer, in batches.
//!
//! Invariant: writes nothing that could not be folded again from the journal, leases excepted, and those may be lost.

use super::writer::Snapshot;
use super::{bound, rows};
use crate::store::journal::JournalRow;
use crate::store::{Row, Unavailable, Value, numbered, projection};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Journal rows folded in one transaction at most.
const BATCH_MAX: i64 = 2_000;
/// How long a read waits for the projections: a full disk may keep them back, and no caller should hang on it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The form of the projections; another form on disk is thrown away and folded again.
const FORM: i64 = 1;
/// Snapshots and statements that may wait.
const QUEUE_MAX: usize = 1_024;
pub(super) const SCHEMA: &str = include_str!("../views.sql");

/// What the projector's thread is asked.
pub(super) enum Job {
    /// There is something to fold.
    Wake,
    /// Keep a workspace as it stands.
    Snapshot(Snapshot),
    Statement(&'static str, Vec<Value>, oneshot::Sender<Result<Vec<Row>, Unavailable>>),
    Rebuild(oneshot::Sender<Result<(), Unavailable>>),
}

/// A handle on the projector's thread.
pub(super) struct Projector {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    position: watch::Receiver<i64>,
}

impl Projector {
    /// Opens the projections, brings them up to the journal, and goes on in a thread of its own.
    pub(super) fn start(
        journal: &Path,
        views: &Path,
        committed: watch::Receiver<i64>,
    ) -> Result<Projector, Unavailable> {
        let thread = Thread::open(journal, views, *committed.borrow())?;
        let (jobs, waiting) = sync_channel(QUEUE_MAX);
        let (sender, position) = watch::channel(thread.position);
        let running = std::thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || thread.run(&waiting, &committed, &sender))
            .map_err(|error| Unavailable(format!("no thread for the projections: {error}")))?;
        Ok(Projector { jobs: Some(jobs), thread: Some(running), position })
    }

    pub(super) fn jobs(&self) -> SyncSender<Job> {
        self.jobs.clone().expect("the projector lives as long as its handle")
    }

    pub(super) fn position(&self) -> watch::Receiver<i64> {
        self.position.clone()
    }

    pub(super) async fn wait_for(&self, position: i64) -> Result<(), Unavailable> {
        let mut reached = self.position.clone();
        let reached = tokio::time::timeout(PATIENCE, reached.wait_for(|reached| *reached >= position)).await;
        let reached = reached.map_err(|_| Unavailable(format!("the projections are not at {position} yet")))?;
        reached.map(|_| ()).map_err(|_| Unavailable("the projector has stopped".to_owned()))
    }

    pub(super) async fn statement(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Statement(sql, values, reply))?;
        answer.await.map_err(|_| Unavailable("the projector has stopped".to_owned()))?
    }

    pub(super) async fn rebuild(&self) -> Result<(), Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Rebuild(reply))?;
        answer.await.map_err(|_| Unavailable("the projector has stopped".to_owned()))?
    }

    fn send(&self, job: Job) -> Result<(), Unavailable> {
        self.jobs().try_send(job).map_err(|_| Unavailable("the projector is behind or has stopped".to_owned()))
    }
}

impl Drop for Projector {
    /// Waits for the thread, which ends when the journal's thread has: nobody folds these files afterwards.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the projector had panicked");
        }
    }
}

struct Thread {
    journal: Connection,
    views: Connection,
    position: i64,
}

impl Thread {
    fn open(journal: &Path, views: &Path, committed: i64) -> Result<Thread, Unavailable> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = open_views(views)?;
        let mut position = read_position(&connection)?;
        // A journal that was restored from a backup is older than its projections: they are of another history.
        if position > committed {
            drop(connection);
            remove(views)?;
            connection = open_views(views)?;
            position = 0;
        }
        // One process owns this directory, and it has just started: nobody holds a lease.
        connection.execute("UPDATE queue SET lease_until = 0", [])?;
        Ok(Thread { journal: Connection::open_with_flags(journal, flags)?, views: connection, position })
    }

    fn run(mut self, jobs: &Receiver<Job>, committed: &watch::Receiver<i64>, reached: &watch::Sender<i64>) {
        loop {
            match self.fold_batch() {
                Ok(true) => drop(reached.send_replace(self.position)),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, position = self.position, "the projections could not be written; trying again");
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
            let behind = *committed.borrow() > self.position;
            let first = if behind { jobs.try_recv().ok() } else { jobs.recv().ok() };
            if first.is_none() && !behind {
                return;
            }
            for job in first.into_iter().chain(jobs.try_iter()) {
                self.job(job, reached);
            }
        }
    }

    /// Folds the next rows of the journal; whether there were any.
    fn fold_batch(&mut self) -> Result<bool, Unavailable> {
        let last = fold_into(&self.journal, &mut self.views, self.position)?;
        self.position = last.unwrap_or(self.position);
        Ok(last.is_some())
    }

    fn keep(&self, snapshot: &Snapshot) {
        let sql = "INSERT INTO snapshots (workspace, seq, state) VALUES (?1, ?2, ?3)
                   ON CONFLICT (workspace) DO UPDATE SET seq = excluded.seq, state = excluded.state WHERE excluded.seq > seq";
        let values = (snapshot.workspace.get(), snapshot.seq as i64, &snapshot.state);
        if let Err(error) = self.views.prepare_cached(sql).and_then(|mut statement| statement.execute(values)) {
            tracing::warn!(%error, "a snapshot was not kept");
        }
    }

    fn job(&mut self, job: Job, reached: &watch::Sender<i64>) {
        match job {
            Job::Wake => {}
            Job::Snapshot(snapshot) => self.keep(&snapshot),
            Job::Statement(sql, values, reply) => {
                let result = self.views.prepare_cached(&numbered(sql)).and_then(|mut statement| {
                    if statement.column_count() > 0 {
                        return rows(&mut statement, &values);
                    }
                    statement.execute(bound(&values)).map(|_| Vec::new())
                });
                drop(reply.send(result.map_err(Into::into)));
            }
            Job::Rebuild(reply) => {
                let result = self.rebuild();
                reached.send_replace(self.position);
                drop(reply.send(result));
            }
        }
    }

    fn rebuild(&mut self) -> Result<(), Unavailable> {
        let transaction = self.views.transaction()?;
        for table in ["positions", "snapshots", "workspaces", "runs", "queue", "holds", "usage"] {
            transaction.execute(&format!("DELETE FROM {table}"), [])?;
        }
        transaction.commit()?;
        self.position = 0;
        while self.fold_batch()? {}
        Ok(())
    }
}

/// Folds the rows after a position into projections, in one transaction; the position it came to, if there were any.
pub(super) fn fold_into(
    journal: &Connection,
    views: &mut Connection,
    position: i64,
) -> Result<Option<i64>, Unavailable> {
    let sql = format!("SELECT {} FROM entries WHERE position > ?1 ORDER BY position LIMIT ?2", JournalRow::COLUMNS);
    let values = [Value::Integer(position), Value::Integer(BATCH_MAX)];
    let found = rows(&mut journal.prepare_cached(&sql)?, &values)?;
    let Some(last) = found.last() else { return Ok(None) };
    let last = last.integer(0);
    let transaction = views.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Some rows are sums: folding an entry twice would count it twice.
    let reached = read_position(&transaction)?;
    if reached != position {
        return Err(Unavailable(format!(
            "the projections are at {reached} and not at {position}: someone else folds them"
        )));
    }
    for row in &found {
        let row = JournalRow::read(row);
        let entry =
            row.entry().map_err(|error| Unavailable(format!("entry {} cannot be read: {error}", row.position)))?;
        projection::project(&transaction, &entry, row.next_due_at)?;
    }
    transaction.execute("INSERT OR REPLACE INTO positions (name, position) VALUES ('views', ?1)", [last])?;
    transaction.commit()?;
    Ok(Some(last))
}

fn open_views(path: &Path) -> Result<Connection, Unavailable> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let form: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if form == FORM {
        return Ok(connection);
    }
    drop(connection);
    remove(path)?;
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(SCHEMA)?;
    connection.pragma_update(None, "user_version", FORM)?;
    Ok(connection)
}

fn remove(path: &Path) -> Result<(), Unavailable> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let path = PathBuf::from(name);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Unavailable(format!("{}: {error}", path.display()))),
        }
    }
    Ok(())
}

fn read_position(connection: &Connection) -> Result<i64, Unavailable> {
    let sql = "SELECT position FROM positions WHERE name = 'views'";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0))
}
