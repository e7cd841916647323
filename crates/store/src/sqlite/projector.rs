//! Projector: the thread that owns the projections and folds the journal's rows behind the writer, in batches.
//!
//! Invariant: everything that is written can be folded again from the journal, except leases, and those may be lost.

use super::index::Index;
use super::positions::{INDEX, VIEWS, put_position, read_position};
use super::{ShortJournal, all_rows, bound, rows};
use crate::clock::Stopwatch;
use crate::files;
use crate::integrity::{self, Seals};
use crate::journal::{GENESIS, JournalRow};
use crate::projection::{Changes, JournalEntry, Moves, RowKeys};
use crate::snapshot::StoredSnapshot;
use crate::tables::{Engine, Table};
use crate::watchers::Watchers;
use crate::{Row, Unavailable, Value, number_parameters};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use scrip_engine::{Workspace, WorkspaceId};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Maximum number of journal rows that are folded in one transaction.
const BATCH_MAX: i64 = 16_384;
/// Maximum time that a read waits for the projections: a full disk may delay them, and no caller should hang on it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Number of rows folded at once that count as load: the next rows may gather then.
const BUSY: usize = 64;
/// Maximum time that rows gather under load, unless a caller waits for them.
const PAUSE: Duration = Duration::from_millis(80);
/// Time without a job after which the gathered part of the index is written.
const CALM: Duration = Duration::from_secs(1);
/// Number of entries of the index that are written in one transaction then.
const CALM_BATCH: usize = 8_192;
/// Number of the projections' form; projections of another form are deleted and folded again.
const FORM: i64 = 7;
/// Memory of the connection, in SQLite's form: KiB, negated.
const CACHE: i64 = -16_384;
/// Number of pages that the log may gather before they are flushed and copied into the file. A larger number would be
/// less work, but the journal's flush waits while a hundred megabytes are flushed at once.
const CHECKPOINT: i64 = 2_000;
/// Maximum number of jobs that wait.
const QUEUE_MAX: usize = 1_024;
/// Reads whether an entry was folded.
const BEGUN: &str = "SELECT EXISTS (SELECT 1 FROM workspaces)";
pub(super) const SCHEMA: &str = include_str!("../views.sql");

/// A workspace of which a snapshot is to be made, and the hash of its last entry.
pub(super) struct Snapshot(pub Arc<Workspace>, pub [u8; 32]);

/// A job of the projector's thread.
pub(super) enum Job {
    /// Entries that were flushed. Missing ones, even all of them, are in the journal.
    Written(Vec<JournalEntry>),
    /// A caller waits for this position.
    Hurry(i64),
    /// Write a snapshot of a workspace.
    Snapshot(Snapshot),
    /// Write the missing part of the index of a workspace, or of all of them.
    Index(Option<WorkspaceId>, oneshot::Sender<Result<(), Unavailable>>),
    Statement(&'static str, Vec<Value>, oneshot::Sender<Result<Vec<Row>, Unavailable>>),
    Rebuild(oneshot::Sender<Result<(), Unavailable>>),
}

/// Handle of the projector's thread.
pub(super) struct Projector {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    projected: watch::Receiver<i64>,
    indexed: watch::Receiver<i64>,
    watchers: Watchers,
}

impl Projector {
    /// Opens the projections, folds them up to the journal if possible, and starts the thread.
    pub(super) fn start(
        journal: &Path,
        views: &Path,
        committed: watch::Receiver<i64>,
        (seals, shortened, generation): (Seals, ShortJournal, usize),
    ) -> Result<Projector, Unavailable> {
        let mut thread = Thread::open(journal, views, committed, (seals, shortened, generation))?;
        thread.catch_up();
        let (jobs, waiting) = sync_channel(QUEUE_MAX);
        let (projected, indexed) = (thread.projected.subscribe(), thread.indexed.subscribe());
        let watchers = thread.watchers.clone();
        let running = std::thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || thread.run(&waiting))
            .map_err(|error| Unavailable(format!("no thread for the projections: {error}")))?;
        Ok(Projector { jobs: Some(jobs), thread: Some(running), projected, indexed, watchers })
    }

    pub(super) fn jobs(&self) -> SyncSender<Job> {
        self.jobs.clone().expect("the projector lives as long as its handle")
    }

    /// Returns a receiver of the position up to which everything is folded.
    pub(super) fn fold_position(&self) -> watch::Receiver<i64> {
        self.projected.clone()
    }

    /// Returns the requests that wait for the rows of one workspace to change.
    pub(super) fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    /// Returns a receiver of the position up to which the index is complete, which follows further behind.
    pub(super) fn index_position(&self) -> watch::Receiver<i64> {
        self.indexed.clone()
    }

    pub(super) async fn wait_for(&self, position: i64) -> Result<(), Unavailable> {
        let mut reached = self.projected.clone();
        if *reached.borrow_and_update() >= position {
            return Ok(());
        }
        // Without room in the queue the projector reaches the position too, at most a pause later.
        let _ = self.jobs().try_send(Job::Hurry(position));
        let reached = tokio::time::timeout(PATIENCE, reached.wait_for(|reached| *reached >= position)).await;
        let reached = reached.map_err(|_| Unavailable(format!("the projections are not at {position} yet")))?;
        reached.map(|_| ()).map_err(|_| Unavailable("the projector has stopped".to_owned()))
    }

    /// Waits until the index has every folded entry of a workspace, or of all of them.
    pub(super) async fn index(&self, workspace: Option<WorkspaceId>) -> Result<(), Unavailable> {
        let projected = *self.projected.borrow();
        if *self.indexed.borrow() >= projected {
            return Ok(());
        }
        self.ask(|reply| Job::Index(workspace, reply)).await
    }

    pub(super) async fn statement(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        self.ask(|reply| Job::Statement(sql, values, reply)).await
    }

    pub(super) async fn rebuild(&self) -> Result<(), Unavailable> {
        self.ask(Job::Rebuild).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, Unavailable>>) -> Job) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let full = |_| Unavailable("the projector is behind or has stopped".to_owned());
        self.jobs().try_send(job(reply)).map_err(full)?;
        answer.await.map_err(|_| Unavailable("the projector has stopped".to_owned()))?
    }
}

impl Drop for Projector {
    /// Waits for the thread, which ends after the journal's thread, so that these files are not written afterwards.
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
    /// Position up to which entries are on the disk.
    committed: watch::Receiver<i64>,
    position: i64,
    /// Entries after the position that the writer has sent, in order, perhaps with gaps.
    heard: VecDeque<JournalEntry>,
    /// Highest position that a caller waits for or has waited for.
    wanted: i64,
    index: Index,
    projected: watch::Sender<i64>,
    indexed: watch::Sender<i64>,
    seals: Seals,
    watchers: Watchers,
}

impl Thread {
    fn open(
        journal: &Path,
        views: &Path,
        committed: watch::Receiver<i64>,
        (seals, shortened, generation): (Seals, ShortJournal, usize),
    ) -> Result<Thread, Unavailable> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let journal = Connection::open_with_flags(journal, flags)?;
        let mut connection = open_views(views)?;
        let (mut position, hash) = read_position(&connection, VIEWS)?;
        let last = *committed.borrow();
        let is_shortened = position > last;
        if is_shortened && shortened == ShortJournal::Refuse {
            return Err(Unavailable(integrity::shorter(last, position)));
        }
        // Beside a journal that was restored from a backup, projections are of another history. Projections without a
        // position are treated as missing.
        let is_begun = position > 0 || !connection.query_row(BEGUN, [], |row| row.get::<_, bool>(0))?;
        let mut index = if is_shortened && shortened == ShortJournal::Report {
            Ok(Index::at(read_position(&connection, INDEX)?, generation))
        } else if is_begun && hash_at(&journal, position)? == Some(hash) && is_indexed(&journal, &connection, position)?
        {
            rebuild_index(&journal, &connection, position, generation)
        } else {
            Err(Unavailable("the projections are of another journal".to_owned()))
        };
        if let Err(error) = &index {
            tracing::warn!(%error, position, "the projections cannot be continued; they are folded again from the \
                                              journal");
            drop(connection);
            remove(views)?;
            connection = open_views(views)?;
            position = 0;
            index = Ok(Index::at((0, GENESIS), generation));
        }
        let index = index?;
        // One process owns this directory, and it has just started: no lease is held.
        connection.execute("UPDATE queue SET lease_until = 0", [])?;
        Ok(Thread {
            journal,
            views: connection,
            committed,
            position,
            heard: VecDeque::new(),
            wanted: 0,
            projected: watch::Sender::new(position),
            indexed: watch::Sender::new(index.position()),
            watchers: Watchers::default(),
            index,
            seals,
        })
    }

    /// Folds the entries that the journal has beyond the projections. A journal that cannot be folded is served no
    /// further than its projections, so that `verify` can still report the fault.
    fn catch_up(&mut self) {
        loop {
            let caught_up = match self.fold_batch() {
                Ok(0) => self.complete_index(),
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            if let Err(error) = caught_up {
                tracing::error!(%error, position = self.position, "the projections cannot be folded up to the journal");
            }
            return;
        }
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let folded = self.fold_batch().unwrap_or_else(|error| {
                tracing::error!(%error, position = self.position, "the projections could not be written; trying again");
                std::thread::sleep(Duration::from_millis(200));
                0
            });
            if folded >= BUSY && *self.committed.borrow() < self.position + BATCH_MAX {
                self.pause(jobs);
            }
            let behind = *self.committed.borrow() > self.position;
            let first = match if behind { jobs.try_recv() } else { self.next_job(jobs) } {
                Ok(job) => Some(job),
                Err(TryRecvError::Empty) => None,
                // Every sender is gone: the entries that can be folded are folded before the thread ends.
                Err(TryRecvError::Disconnected) if folded > 0 && behind => None,
                Err(TryRecvError::Disconnected) => break,
            };
            for job in first.into_iter().chain(jobs.try_iter()) {
                self.job(job);
            }
        }
        if let Err(error) = self.complete_index() {
            tracing::warn!(%error, "the index could not be completed; the next start does it");
        }
    }

    /// Waits for a job. When none comes for a while, the index is completed in small steps.
    fn next_job(&mut self, jobs: &Receiver<Job>) -> Result<Job, TryRecvError> {
        let mut patience = CALM;
        while !self.index.is_complete() {
            match jobs.recv_timeout(patience) {
                Ok(job) => return Ok(job),
                Err(RecvTimeoutError::Disconnected) => return Err(TryRecvError::Disconnected),
                Err(RecvTimeoutError::Timeout) => {}
            }
            patience = match self.write_index(CALM_BATCH) {
                Ok(()) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "the index could not be written; trying again");
                    CALM
                }
            };
        }
        jobs.recv().map_err(Into::into)
    }

    /// Under load, lets entries gather until a caller waits for them: a row that many of them change is then written
    /// once.
    fn pause(&mut self, jobs: &Receiver<Job>) {
        let stopwatch = Stopwatch::start();
        while self.heard.len() < BATCH_MAX as usize && self.wanted <= self.position {
            let left = PAUSE.saturating_sub(stopwatch.elapsed());
            let Ok(job) = jobs.recv_timeout(left) else { return };
            self.job(job);
        }
    }

    /// Folds the next rows of the journal; returns their number.
    fn fold_batch(&mut self) -> Result<usize, Unavailable> {
        let entries = self.next_entries()?;
        let Some(last) = fold(&mut self.views, self.position, &entries, &mut self.index)? else { return Ok(0) };
        self.position = last;
        self.tell();
        self.watchers.wake(entries.iter().map(|entry| entry.workspace));
        Ok(entries.len())
    }

    fn tell(&self) {
        self.indexed.send_replace(self.index.position());
        self.projected.send_replace(self.position);
    }

    /// Writes a part of the index that its tables lack.
    fn write_index(&mut self, most: usize) -> Result<(), Unavailable> {
        self.index.write_some(&mut self.views, most)?;
        self.tell();
        Ok(())
    }

    fn complete_index(&mut self) -> Result<(), Unavailable> {
        while !self.index.is_complete() {
            self.write_index(CALM_BATCH)?;
        }
        Ok(())
    }

    /// Returns the entries after the position: those that the writer sent, if none is missing, else those of the
    /// journal.
    fn next_entries(&mut self) -> Result<Vec<JournalEntry>, Unavailable> {
        while self.heard.front().is_some_and(|entry| entry.position <= self.position) {
            self.heard.pop_front();
        }
        let next = (self.position + 1..).zip(&self.heard).take(BATCH_MAX as usize);
        let told = next.take_while(|(position, entry)| entry.position == *position).count();
        if told > 0 {
            return Ok(self.heard.drain(..told).collect());
        }
        // An entry that is in the journal but not on the disk yet may be undone.
        read_journal(&self.journal, self.position, *self.committed.borrow())
    }

    /// Writes a workspace's snapshot into the views. A failure is logged, because a snapshot only saves a fold.
    fn keep(&self, snapshot: &Snapshot) {
        let Snapshot(workspace, hash) = snapshot;
        // A snapshot that was not believed may have a higher number than it should.
        let sql = "INSERT OR REPLACE INTO snapshots (workspace, seq, hash, mac, state) VALUES (?1, ?2, ?3, ?4, ?5)";
        let StoredSnapshot { seq, hash, mac, state } = StoredSnapshot::of(workspace, hash, &self.seals);
        let values = (workspace.id.get(), seq as i64, hash, mac, state);
        if let Err(error) = self.views.prepare_cached(sql).and_then(|mut statement| statement.execute(values)) {
            tracing::warn!(%error, "a snapshot was not stored");
        }
    }

    fn job(&mut self, job: Job) {
        match job {
            Job::Written(entries) => self.heard.extend(entries),
            Job::Hurry(position) => self.wanted = self.wanted.max(position),
            Job::Snapshot(snapshot) => self.keep(&snapshot),
            Job::Index(workspace, reply) => {
                let result = match workspace {
                    Some(workspace) => self.index.write_all_of(&mut self.views, workspace).map_err(Into::into),
                    None => self.complete_index(),
                };
                drop(reply.send(result));
            }
            Job::Statement(sql, values, reply) => {
                let result = self.views.prepare_cached(&number_parameters(sql)).and_then(|mut statement| {
                    if statement.column_count() > 0 {
                        return all_rows(&mut statement, &values);
                    }
                    statement.execute(bound(&values)).map(|_| Vec::new())
                });
                drop(reply.send(result.map_err(Into::into)));
            }
            Job::Rebuild(reply) => drop(reply.send(self.rebuild())),
        }
    }

    fn rebuild(&mut self) -> Result<(), Unavailable> {
        let transaction = self.views.transaction()?;
        for table in Table::resettable_tables(Engine::Sqlite) {
            transaction.execute(&format!("DELETE FROM {table}"), [])?;
        }
        transaction.commit()?;
        self.position = 0;
        self.index = self.index.to_empty();
        self.heard.clear();
        while self.fold_batch()? > 0 {}
        self.complete_index()
    }
}

/// Folds the rows after a position into projections, in one transaction; returns the position it has reached, if there
/// were any.
pub(super) fn fold_into(
    journal: &Connection,
    views: &mut Connection,
    position: i64,
    last: i64,
    index: &mut Index,
) -> Result<Option<i64>, Unavailable> {
    fold(views, position, &read_journal(journal, position, last)?, index)
}

/// Returns the entries of the journal after a position and up to another.
fn read_journal(journal: &Connection, position: i64, last: i64) -> Result<Vec<JournalEntry>, Unavailable> {
    let sql = "SELECT position, workspace, seq, at, idempotency_key, NULL, next_due_at, body, NULL, hash FROM entries
               WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3";
    let values = [Value::Integer(position), Value::Integer(last), Value::Integer(BATCH_MAX)];
    let read = |row: &Row| {
        let row = JournalRow::read(row);
        let entry = row.entry().map_err(|error| Unavailable(format!("entry {} cannot be read: {error}", row.position)));
        let JournalRow { position, workspace, seq, idempotency_key, next_due_at, hash, .. } = row;
        let (key, hash) = (idempotency_key.and_then(|key| key.try_into().ok()), hash.try_into().unwrap_or(GENESIS));
        Ok(JournalEntry { position, workspace, seq, key, events: entry?.events.into(), next_due_at, hash })
    };
    all_rows(&mut journal.prepare_cached(sql)?, &values)?.iter().map(read).collect()
}

/// Returns the index. Entries that its tables lacked when the process ended are folded once more, for the index alone.
fn rebuild_index(
    journal: &Connection,
    views: &Connection,
    projected: i64,
    generation: usize,
) -> Result<Index, Unavailable> {
    let indexed = read_position(views, INDEX)?;
    let (mut index, mut position) = (Index::at(indexed, generation), indexed.0);
    loop {
        let entries = read_journal(journal, position, projected)?;
        let Some(last) = entries.last() else { return Ok(index) };
        position = last.position;
        let known = rows::read(views, &RowKeys::by(&entries), &index)?;
        let changes = Changes::fold(&entries, known);
        index.add(&entries, changes.holds);
    }
}

/// Returns whether the index's position is an entry of this journal, and not after the folded ones.
fn is_indexed(journal: &Connection, views: &Connection, projected: i64) -> Result<bool, rusqlite::Error> {
    let (position, hash) = read_position(views, INDEX)?;
    Ok(position <= projected && hash_at(journal, position)? == Some(hash))
}

/// Folds entries that follow a position, in one transaction; returns the position of the last.
fn fold(
    views: &mut Connection,
    position: i64,
    entries: &[JournalEntry],
    index: &mut Index,
) -> Result<Option<i64>, Unavailable> {
    let Some(last) = entries.last() else { return Ok(None) };
    let transaction = views.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Some rows are sums: an entry that is folded twice would count twice.
    let (reached, _) = read_position(&transaction, VIEWS)?;
    if reached != position {
        return Err(Unavailable(format!(
            "the projections are at {reached} and not at {position}: another process folds them"
        )));
    }
    let known = rows::read(&transaction, &RowKeys::by(entries), index)?;
    let changes = Changes::fold(entries, known);
    rows::write(&transaction, &Moves::by(entries), &changes)?;
    index.write_beside(&transaction, entries.len())?;
    put_position(&transaction, VIEWS, (last.position, last.hash))?;
    transaction.commit()?;
    index.note_slice(entries.len());
    index.add(entries, changes.holds);
    Ok(Some(last.position))
}

fn open_views(path: &Path) -> Result<Connection, Unavailable> {
    let connection = connect_views(path)?;
    let form: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if form == FORM {
        return Ok(connection);
    }
    drop(connection);
    remove(path)?;
    let connection = connect_views(path)?;
    connection.execute_batch(SCHEMA)?;
    connection.pragma_update(None, "user_version", FORM)?;
    Ok(connection)
}

fn connect_views(path: &Path) -> Result<Connection, Unavailable> {
    files::open(path).map_err(|error| Unavailable(format!("{}: {error}", path.display())))?;
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    connection.busy_timeout(Duration::from_secs(5))?;
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

/// Returns the hash of the entry at a position; `None` where the journal has none.
fn hash_at(journal: &Connection, position: i64) -> Result<Option<[u8; 32]>, rusqlite::Error> {
    if position == 0 {
        return Ok(Some(GENESIS));
    }
    let sql = "SELECT hash FROM entries WHERE position = ?1";
    let hash = journal.query_row(sql, [position], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(hash.and_then(|hash| hash.try_into().ok()))
}
