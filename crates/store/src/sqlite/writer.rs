//! Writer: the thread that owns the journal. It takes one submission, drains the ones that wait, decides them in order,
//! writes one transaction, and hands it over to be flushed and answered.
//!
//! Groups form without a timer: while some transactions are flushed, the next submissions gather.
//!
//! Invariant: only here does a decision of the engine reach the disk.

mod allowances;
mod claims;
mod load;

use super::checkpointer::{RestRequest, copy_rest};
use super::flusher::{FlushMode, Flusher, UnflushedTransaction, stop_process};
use super::jobs::{Answer, Job, keys, refuse};
use super::projector::Snapshot;
use super::recent::RecentEntries;
use super::{Options, all_rows, bound, is_lost_flush, reader, seals};
use crate::clock::{Clock, Stopwatch};
use crate::integrity::{self, LAST_ACT, LAST_CATALOG, Seals};
use crate::journal::{EarlierEntry, SealedEntry};
use crate::projection::JournalEntry;
use crate::snapshot::HealLog;
use crate::written_clocks;
use crate::{
    Commit, Idempotency, Row, SNAPSHOT_EVERY, Submission, SubmitError, Unavailable, Value, number_parameters,
    panic_text, queries, text_hash,
};
use load::LoadError;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use scrip_engine::{By, Catalog, Catalogs, Command, Timestamp, Transition, Workspace, WorkspaceId, apply};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::sync::watch;

/// Maximum number of submissions that share a transaction; a group that came as one is never divided, and may be
/// larger.
const BATCH_MAX: usize = 512;
/// Maximum number of workspaces in memory; beyond that the cache starts again from snapshots.
const CACHE_MAX: usize = 100_000;
/// Maximum time that a batch waits for projections that are too far behind, before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// A workspace after its last entry. One whose last entry is not in the index yet is always cached: the positions of
/// its entries are found nowhere else.
struct CachedState {
    workspace: Arc<Workspace>,
    hash: [u8; 32],
    position: i64,
}

pub(super) struct Writer {
    connection: Connection,
    /// Connection to the projections, for snapshots. Were they attached to the journal, each of its transactions would
    /// take the projections' lock as well, and the two threads would wait for each other's disk.
    views: Connection,
    clock: Clock,
    clocks: HashMap<i64, Timestamp>,
    cache: HashMap<WorkspaceId, CachedState>,
    recent: RecentEntries,
    current: Arc<Catalogs>,
    position: i64,
    /// Position that the journal had when it was opened.
    opened: i64,
    projected: watch::Receiver<i64>,
    indexed: watch::Receiver<i64>,
    flushing: FlushMode,
    /// Request to copy the rest of the log.
    rest: RestRequest,
    options: Options,
    seals: Seals,
    healed: Arc<HealLog>,
    /// Former values in the cache that a batch has replaced, in order.
    touched: Vec<(WorkspaceId, Option<CachedState>)>,
    written: Vec<JournalEntry>,
    commits: u64,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        views: &Path,
        current: Arc<Catalogs>,
        (position, projected, indexed): (i64, watch::Receiver<i64>, watch::Receiver<i64>),
        (flusher, rest): (Flusher, RestRequest),
        options: Options,
        (seals, healed): (Seals, Arc<HealLog>),
    ) -> Result<Writer, Unavailable> {
        connection.set_prepared_statement_cache_capacity(64);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let journal_and_views = reader::open(Path::new(connection.path().unwrap_or_default()), views)?;
        let views = Connection::open_with_flags(views, flags)?;
        let clocks = all_rows(&mut connection.prepare_cached("SELECT id, now, seal FROM test_clocks")?, &[])?;
        let clocks = clocks.iter().map(|row| integrity::read_clock(&seals, row)).collect::<Result<_, _>>()?;
        let beside = |error| Unavailable(format!("no thread for the flushes: {error}"));
        let flushing = match options.group_commit {
            true => FlushMode::beside(flusher).map_err(beside)?,
            false => FlushMode::Here(flusher),
        };
        Ok(Writer {
            clock: Clock::not_before(last_entry_at(&journal_and_views)?),
            connection,
            views,
            clocks,
            cache: HashMap::new(),
            recent: RecentEntries::after(position),
            current,
            position,
            opened: position,
            projected,
            indexed,
            flushing,
            rest,
            options,
            seals,
            healed,
            touched: Vec::new(),
            written: Vec::new(),
            commits: 0,
        })
    }

    /// Serves jobs until every sender is gone.
    pub(super) fn run(mut self, waiting: &Receiver<Job>) {
        let most = if self.options.group_commit { BATCH_MAX } else { 1 };
        let mut batch = Vec::with_capacity(most);
        while let Ok(job) = waiting.recv() {
            let mut weight = job.weight();
            batch.push(job);
            while weight < most {
                let Ok(job) = waiting.try_recv() else { break };
                weight += job.weight();
                batch.push(job);
            }
            if !self.batch(&mut batch) {
                return;
            }
        }
    }

    /// Serves one batch; returns `false` when the thread is to die.
    fn batch(&mut self, jobs: &mut Vec<Job>) -> bool {
        self.touched.clear();
        self.written.clear();
        let writes = jobs.iter().any(|job| !matches!(job, Job::Read(..) | Job::Now(..)));
        let (before, changes) = (self.position, self.connection.total_changes());
        // First the entries up to the index's position are forgotten, then the index is read, so that it has what was
        // forgotten. Each read is short: under one as long as a batch, the log of the projections could never start
        // over.
        self.recent.forget(*self.indexed.borrow());
        let known = self.recent.look_up(&self.views, keys(jobs));
        let mut failed = known.and_then(|()| if writes { self.begin() } else { Ok(()) }).err();
        let answers: Vec<Answer> = jobs.drain(..).map(|job| self.job(job, &mut failed)).collect();
        let mut dies = false;
        if writes && failed.is_none() {
            self.commits += 1;
            if self.dies(false) {
                return false;
            }
            failed = self.commit().err();
            dies = self.dies(true);
        }
        if let Some(error) = failed {
            self.undo(before, &error);
            refuse(answers, &error);
            return true;
        }
        self.remember(&answers);
        let (written, snapshots) = (std::mem::take(&mut self.written), self.snapshots());
        // Refusals and stored answers put nothing into the log.
        let writes = self.connection.total_changes() != changes;
        let took = self.flushing.take(UnflushedTransaction {
            writes,
            position: self.position,
            answers,
            written,
            snapshots,
            dies,
        });
        if self.rest.take() {
            copy_rest(&self.connection);
        }
        if self.cache.len() > CACHE_MAX {
            let indexed = *self.indexed.borrow();
            self.cache.retain(|_, cached| cached.position > indexed);
        }
        took
    }

    /// Begins a transaction, unless the projections are too far behind and make no progress.
    fn begin(&self) -> Result<(), rusqlite::Error> {
        let most = self.options.lag_max;
        let behind = || self.position - *self.projected.borrow() > most;
        let stopwatch = Stopwatch::start();
        while behind() {
            if stopwatch.elapsed() > PATIENCE {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                let text = format!("the projections are more than {most} entries behind");
                return Err(rusqlite::Error::SqliteFailure(busy, Some(text)));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    /// Puts the batch into the log. It is on the disk only after its flush.
    fn commit(&self) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached("COMMIT")?.execute([]).map(drop)
    }

    fn dies(&self, flushed: bool) -> bool {
        self.options.crash.is_some_and(|crash| crash.commit == self.commits && crash.flushed == flushed)
    }

    /// Undoes the batch: the states that it left in the cache are forgotten.
    fn undo(&mut self, before: i64, error: &rusqlite::Error) {
        tracing::error!(%error, "the journal could not be written; nothing of this batch was acknowledged");
        if matches!(error, rusqlite::Error::SqliteFailure(failure, _) if is_lost_flush(failure)) {
            stop_process(error);
        }
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.position = before;
        self.recent.undo(before);
        for (workspace, was) in self.touched.drain(..).rev() {
            match was {
                Some(was) => drop(self.cache.insert(workspace, was)),
                None => drop(self.cache.remove(&workspace)),
            }
        }
    }

    fn job(&mut self, job: Job, failed: &mut Option<rusqlite::Error>) -> Answer {
        match job {
            Job::Submit(submission, reply) => {
                let result = self.submit_unless(failed, &submission);
                Answer::Submit(reply, result)
            }
            Job::SubmitMany(submissions, room, reply) => {
                drop(room);
                let results = submissions.iter().map(|submission| self.submit_unless(failed, submission)).collect();
                Answer::SubmitMany(reply, results)
            }
            Job::Read(id, reply) => Answer::Read(reply, self.read(id)),
            Job::Now(test_clock, reply) => Answer::Now(reply, self.now(test_clock)),
            Job::SetClock { id, name, now, reply } => {
                let seal = self.seals.seal("test_clocks", &[id.into(), now.micros().into()]);
                let values = [id.into(), name.into(), now.micros().into(), seal];
                let sql = number_parameters(queries::SET_TEST_CLOCK);
                let result = self.unless(failed, |writer| writer.connection.execute(&sql, bound(&values)));
                Answer::Clock(reply, result.map(|_| (id, now)))
            }
            Job::Write(sql, values, reply) => {
                let result = self.unless(failed, |writer| {
                    let mut statement = writer.connection.prepare_cached(&number_parameters(sql))?;
                    statement.execute(bound(&values))
                });
                Answer::Write(reply, result)
            }
            Job::Take(sql, values, reply) => {
                let result = self.unless(failed, |writer| {
                    all_rows(&mut writer.connection.prepare_cached(&number_parameters(sql))?, &values)
                });
                Answer::Take(reply, result)
            }
            Job::Spend(allowance, reply) => {
                let result = self.spend_unless(failed, &allowance);
                Answer::Spend(reply, result)
            }
            Job::Act(act, reply) => Answer::Write(reply, self.append_act(&act, failed)),
            Job::Publish { text, catalog, actor, reply } => {
                let (result, catalogs) =
                    match self.unless(failed, |writer| writer.publish(&text, Arc::clone(&catalog), &actor)) {
                        Ok((version, catalogs)) => (Ok(version), catalogs),
                        Err(unavailable) => (Err(unavailable), None),
                    };
                Answer::Publish(reply, result, catalogs)
            }
        }
    }

    /// Appends an act after the last one.
    fn append_act(&mut self, act: &[Value], failed: &mut Option<rusqlite::Error>) -> Result<usize, Unavailable> {
        let sql = number_parameters(queries::SETTING);
        let last = [Value::Text(LAST_ACT.to_owned())];
        let last = self.unless(failed, |writer| all_rows(&mut writer.connection.prepare_cached(&sql)?, &last))?;
        let (values, last) = self.seals.next_act(last.first(), act)?;
        self.unless(failed, |writer| {
            seals::keep(&writer.connection, &writer.seals, LAST_ACT, last)?;
            writer.connection.prepare_cached(&number_parameters(queries::NEW_ACT))?.execute(bound(&values))
        })
    }

    fn submit_unless(
        &mut self,
        failed: &mut Option<rusqlite::Error>,
        submission: &Submission,
    ) -> Result<Commit, SubmitError> {
        match failed {
            Some(error) => Err(Unavailable(error.to_string()).into()),
            None => self.submit(submission, failed),
        }
    }

    /// Writes beside the journal, unless the batch has failed already. A full disk may end the whole transaction at any
    /// statement; a row that was written after that would stay although every caller of the batch is told that it took
    /// no effect.
    fn unless<T>(
        &mut self,
        failed: &mut Option<rusqlite::Error>,
        write: impl FnOnce(&mut Writer) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Unavailable> {
        if let Some(error) = failed {
            return Err(Unavailable(error.to_string()));
        }
        write(self).map_err(|error| {
            let unavailable = Unavailable(error.to_string());
            if self.connection.is_autocommit() {
                *failed = Some(error);
            }
            unavailable
        })
    }

    fn submit(&mut self, submission: &Submission, failed: &mut Option<rusqlite::Error>) -> Result<Commit, SubmitError> {
        let id = submission.workspace;
        match self.load(id) {
            Ok(()) => {}
            Err(LoadError::This(why)) => return Err(not_served(id, &why).into()),
            Err(LoadError::Disk(error)) => {
                let text = error.to_string();
                *failed = Some(error);
                return Err(Unavailable(text).into());
            }
        }
        if let Some(stored) = self.find_answer(submission)? {
            return Ok(stored);
        }
        let now = self.now(submission.test_clock(&self.cache[&id].workspace));
        let workspace = &self.cache[&id].workspace;
        let decided =
            catch_unwind(AssertUnwindSafe(|| apply(workspace, &self.current, submission.by, &submission.command, now)));
        match decided {
            Ok(Ok(applied)) if applied.events.is_empty() => Ok(self.nothing(submission, applied)),
            Ok(Ok(applied)) => self.append(submission, applied, failed),
            Ok(Err(refusal)) => Err(SubmitError::Refused(refusal)),
            Err(panic) => Err(SubmitError::Bug(panic_text(panic.as_ref()))),
        }
    }

    /// Returns the result of a submission that changes nothing and leaves no entry.
    fn nothing(&self, submission: &Submission, applied: Transition) -> Commit {
        let Workspace { seq, at, .. } = applied.workspace;
        let before = Some(Arc::clone(&self.cache[&submission.workspace].workspace));
        let workspace = submission.wants_workspace.then(|| Arc::new(applied.workspace));
        Commit { seq, at, events: Arc::default(), replayed: false, before, workspace }
    }

    fn append(
        &mut self,
        submission: &Submission,
        applied: Transition,
        failed: &mut Option<rusqlite::Error>,
    ) -> Result<Commit, SubmitError> {
        self.refuse_taken(submission, failed)?;
        let counted = self.judge_allowance(&submission.allowance, failed)?;
        let Transition { workspace, events } = applied;
        let previous = self.cache[&workspace.id].hash;
        let sealed = SealedEntry::new(&previous, submission, &workspace, events);
        let idempotency = submission.idempotency.as_ref();
        if let Err(error) = self.insert(&workspace, idempotency, &previous, &sealed) {
            let text = error.to_string();
            *failed = Some(error);
            return Err(Unavailable(text).into());
        }
        self.position += 1;
        self.recent.remember(self.position, (workspace.id, workspace.seq), idempotency);
        self.claim(submission, failed)?;
        self.count(&counted, failed)?;
        let told = (self.options.tell)(&self.current, &workspace, &sealed.events);
        self.write_mails(submission.mails.iter().chain(&told.mails), failed)?;
        self.write_rows(submission.rows.iter().chain(&told.rows), failed)?;
        let (seq, at) = (workspace.seq, workspace.at);
        let workspace = Arc::new(workspace);
        let shown = submission.wants_workspace.then(|| Arc::clone(&workspace));
        let SealedEntry { events, next_due_at, hash, .. } = sealed;
        let (position, id) = (self.position, submission.workspace);
        let was = self.cache.insert(id, CachedState { workspace, hash, position });
        let before = was.as_ref().map(|cached| Arc::clone(&cached.workspace));
        self.touched.push((id, was));
        let (key, told) = (idempotency.map(|idempotency| idempotency.key), Arc::clone(&events));
        self.written.push(JournalEntry { position, workspace: id, seq, key, events: told, next_due_at, hash });
        Ok(Commit { seq, at, events, replayed: false, before, workspace: shown })
    }

    /// Inserts an entry by the one statement that gives order, idempotency and the request's hash.
    fn insert(
        &self,
        workspace: &Workspace,
        idempotency: Option<&Idempotency>,
        previous: &[u8],
        sealed: &SealedEntry,
    ) -> Result<usize, rusqlite::Error> {
        let sql = "INSERT INTO entries (position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let key = idempotency.map(|idempotency| &idempotency.key[..]);
        let request = idempotency.map(|idempotency| &idempotency.request[..]);
        let mut statement = self.connection.prepare_cached(sql)?;
        let (seq, at) = (workspace.seq as i64, workspace.at.micros());
        statement.execute((
            self.position + 1,
            workspace.id.get(),
            seq,
            at,
            key,
            request,
            sealed.next_due_at,
            &sealed.body,
            previous,
            sealed.hash,
        ))
    }

    /// Returns the answer that the submission's key was given before.
    fn find_answer(&self, submission: &Submission) -> Result<Option<Commit>, SubmitError> {
        let Some(idempotency) = &submission.idempotency else { return Ok(None) };
        let Some(position) = self.recent.position(submission.workspace, idempotency) else { return Ok(None) };
        let sql = "SELECT seq, at, request_hash, body FROM entries WHERE position = ?1";
        let found = self.connection.prepare_cached(sql).and_then(|mut statement| {
            let row = |row: &rusqlite::Row<'_>| {
                let (seq, at) = (row.get::<_, i64>(0)? as u64, Timestamp::from_micros(row.get(1)?));
                Ok(EarlierEntry { seq, at, request: row.get(2)?, body: row.get(3)? })
            };
            statement.query_row([position], row)
        });
        let stored = found.map_err(Unavailable::from)?;
        let mut committed = stored.answer(submission)?;
        if submission.wants_workspace {
            let then = self.then(submission.workspace, committed.seq).map_err(Unavailable::from)?;
            committed.workspace = Some(then);
        }
        Ok(Some(committed))
    }

    /// Returns a workspace right after one of its entries. A caller that tries again mostly asks for the last one.
    fn then(&self, id: WorkspaceId, seq: u64) -> Result<Arc<Workspace>, LoadError> {
        let now = &self.cache[&id].workspace;
        if now.seq == seq {
            return Ok(Arc::clone(now));
        }
        self.replay(id, Some(seq)).map(|cached| cached.workspace)
    }

    fn read(&mut self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, Unavailable> {
        self.load(id).map_err(|error| match error {
            LoadError::This(why) => not_served(id, &why),
            LoadError::Disk(error) => error.into(),
        })?;
        let workspace = &self.cache[&id].workspace;
        if !workspace.is_open() {
            self.cache.remove(&id);
            return Ok(None);
        }
        let test_clock = workspace.test_clock;
        let now = self.now(test_clock);
        let workspace = &self.cache[&id].workspace;
        if workspace.next_due_at().is_none_or(|due| due > now) {
            return Ok(Some(Arc::clone(workspace)));
        }
        match catch_unwind(AssertUnwindSafe(|| apply(workspace, &self.current, By::Operator, &Command::Tick, now))) {
            Ok(Ok(applied)) => Ok(Some(Arc::new(applied.workspace))),
            Ok(Err(refusal)) => Err(Unavailable(format!("time could not pass: {}", refusal.code()))),
            Err(panic) => Err(Unavailable(panic_text(panic.as_ref()))),
        }
    }

    fn now(&mut self, test_clock: Option<i64>) -> Timestamp {
        match test_clock.and_then(|id| self.clocks.get(&id)) {
            Some(now) => *now,
            None => self.clock.now(),
        }
    }

    fn publish(
        &mut self,
        text: &str,
        catalog: Arc<Catalog>,
        actor: &str,
    ) -> Result<(u32, Option<Arc<Catalogs>>), rusqlite::Error> {
        let hash = text_hash(text);
        let newest = "SELECT sha256 FROM catalogs ORDER BY version DESC LIMIT 1";
        let newest = self.connection.query_row(newest, [], |row| row.get::<_, String>(0)).optional()?;
        if newest.as_ref() == Some(&hash) {
            return Ok((self.current.newest().map_or(0, |published| published.version), None));
        }
        let now = self.clock.now();
        let mut catalogs = Catalogs::clone(&self.current);
        // One process owns the data, so the version is in force at once.
        let version = catalogs.publish_on(now, self.clocks.iter().map(|(id, now)| (*id, *now)).collect(), catalog);
        let clocks = written_clocks(self.clocks.iter().map(|(id, now)| (*id, now.micros())));
        let values = self.seals.catalog((i64::from(version), now), &hash, actor, &clocks, text);
        self.connection.execute(&number_parameters(queries::NEW_CATALOG), bound(&values))?;
        let last = integrity::last_catalog(Some(&Row(vec![i64::from(version).into()])));
        seals::keep(&self.connection, &self.seals, LAST_CATALOG, last)?;
        Ok((version, Some(Arc::new(catalogs))))
    }

    /// Returns the workspaces of this batch of which snapshots are due.
    fn snapshots(&self) -> Vec<Snapshot> {
        let cached = self.touched.iter().filter_map(|(id, _)| self.cache.get(id));
        let due = cached.filter(|cached| cached.workspace.seq % SNAPSHOT_EVERY == 0);
        due.map(|cached| Snapshot(Arc::clone(&cached.workspace), cached.hash)).collect()
    }

    /// Updates the writer's memory by the rows that were written beside the journal.
    fn remember(&mut self, answers: &[Answer]) {
        for answer in answers {
            match answer {
                Answer::Clock(_, Ok((id, now))) => {
                    let clock = self.clocks.entry(*id).or_default();
                    *clock = (*now).max(*clock);
                }
                Answer::Publish(_, _, Some(catalogs)) => self.current = Arc::clone(catalogs),
                _ => {}
            }
        }
    }
}

fn not_served(id: WorkspaceId, why: &str) -> Unavailable {
    Unavailable(format!("{id} is not served, because its journal is not right: {why}; run `scrip verify`"))
}

/// Returns the instant of the last entry on the machine's clock. A machine whose clock was set back while the server
/// was stopped goes on from there, so that runs and holds before and after are due by one clock.
fn last_entry_at(connection: &Connection) -> Result<Timestamp, rusqlite::Error> {
    let sql = "SELECT at FROM entries CROSS JOIN views.workspaces ON workspaces.workspace = entries.workspace
               WHERE test_clock IS NULL ORDER BY position DESC LIMIT 1";
    let at = connection.query_row(sql, [], |row| row.get::<_, i64>(0)).optional()?;
    Ok(Timestamp::from_micros(at.unwrap_or(0)))
}
