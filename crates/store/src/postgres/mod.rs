//! PostgreSQL: any number of processes, each with an appender that folds what it appends.
//!
//! Invariant: the database alone decides which entries exist and in which order; the state that a process remembers is
//! always checked against it.

mod allowances;
mod appender;
mod audit;
mod beside;
mod claims;
pub mod distributed;
mod due;
mod fold;
mod guards;
mod hints;
mod inserts;
mod limiter;
mod originals;
mod parts;
mod queue;
mod reach;
mod roles;
mod rows;
mod schema;
mod seals;
mod states;
mod tls;
pub mod transfer;
mod values;

use super::integrity::{self, LAST_CATALOG, Seals, check_catalogs};
use super::snapshot::HealLog;
use super::watchers::Watchers;
use super::{
    Allowance, Commit, Options, OverLimit, Progress, Row, ShortJournal, Submission, SubmitError, Unavailable, Value,
    catalogs_of, queries, text_hash, written_clocks,
};
use crate::clock::Stopwatch;
use crate::turns::Turns;
use appender::{Appender, Job};
use deadpool_postgres::Pool;
use due::DueTimes;
use futures_util::future::join_all;
use hints::Hints;
use limiter::Limiter;
use parts::{Parts, Place};
use queue::Queue;
pub use reach::Address;
use reach::Reach;
pub use roles::admit;
use schema::migrate;
#[cfg(test)]
pub(crate) use schema::migrate_to;
use scrip_engine::{Admission, Catalog, Catalogs, Timestamp, Workspace, WorkspaceId};
use states::States;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_postgres::Client;

/// Maximum number of submissions that wait; the caller of one more is told to come back.
const QUEUE_MAX: usize = 8_192;
/// Maximum number of connections for reading, beside those of the appender and of the projector.
const POOL_MAX: usize = 8;
/// Number of connections for leases and for the sweep: whatever the number of readers, runs settle and time passes.
const RESERVE_MAX: usize = 2;
/// Maximum time to wait for a connection, a statement of the pool or an answer of the appender.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time after which a connection counts as dead when its other end does not confirm that it is there.
const DEAD: Duration = Duration::from_secs(10); // # assumed
/// Advisory lock of the process that publishes a catalog; the number is Scrip's own.
const PUBLISHING: i64 = 0x5343_5249_5003;
/// Microseconds between the publication of a version and the instant from which it is in force: twice the time that any
/// process needs to read it.
const AHEAD_MICROS: i64 = 1_000_000;
/// Time between two reads of the newest catalog and of the database's clock by a process.
const REFRESH: Duration = Duration::from_millis(500);

/// State that the tasks of a process share.
struct SharedState {
    reach: Reach,
    seals: Seals,
    healed: Arc<HealLog>,
    /// `true` when catalogs are read without a check, to be replayed and not served.
    unchecked: bool,
    /// Number of workspaces that an appender remembers.
    known_max: usize,
    pool: Pool,
    reserve: Pool,
    parts: Parts,
    queue: Queue,
    due_times: DueTimes,
    catalogs: RwLock<Arc<Catalogs>>,
    /// Stopwatch since this process began, independent of the machine's clock.
    stopwatch: Stopwatch,
    /// Difference between the database's clock and the stopwatch, in microseconds.
    ahead: AtomicI64,
    /// Last instant that was given out.
    last: AtomicI64,
    /// Hints to and from other processes.
    hints: Arc<Hints>,
}

/// Waits for an answer of the database, at most [`PATIENCE`]: a frozen one keeps its connections and never answers.
async fn patiently<T>(answer: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.unwrap_or_else(|_| Err(Unavailable("the database does not answer".to_owned())))
}

/// Returns the answer of the appender to a job that was sent to it.
async fn await_answer<T>(sent: Result<oneshot::Receiver<T>, Unavailable>) -> Result<T, Unavailable> {
    let answer = sent?;
    patiently(async { answer.await.map_err(|_| Unavailable("the database does not answer".to_owned())) }).await
}

impl SharedState {
    /// Returns a new connection for one caller, which a task drives until it is dropped.
    async fn connect(&self) -> Result<Client, Unavailable> {
        self.reach.connect().await
    }

    fn catalogs(&self) -> Arc<Catalogs> {
        Arc::clone(&self.catalogs.read().expect("no thread panics while it publishes"))
    }

    /// Returns the database's time, never set back.
    fn now(&self) -> Timestamp {
        let now = micros(self.stopwatch).saturating_add(self.ahead.load(Ordering::Relaxed));
        Timestamp::from_micros(self.last.fetch_max(now, Ordering::Relaxed).max(now))
    }

    async fn measure_clock(&self) -> Result<(), Unavailable> {
        let client = reach::take(&self.pool).await?;
        let before = micros(self.stopwatch);
        let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";
        let there: i64 = client.query_one(sql, &[]).await?.get(0);
        let here = before + (micros(self.stopwatch) - before) / 2;
        self.ahead.store(there - here, Ordering::Relaxed);
        Ok(())
    }

    async fn reload_catalogs(&self) -> Result<(), Unavailable> {
        let client = reach::take(&self.pool).await?;
        let newest: i64 = client.query_one("SELECT COALESCE(MAX(version), 0) FROM catalogs", &[]).await?.get(0);
        if i64::from(self.catalogs().newest().map_or(0, |published| published.version)) == newest {
            return Ok(());
        }
        // A version and the setting that counts versions are written in one transaction, and read in one statement.
        let sql = format!(
            "SELECT found.*, value, settings.seal FROM ({}) AS found LEFT JOIN settings ON name = $1 \
            ORDER BY version",
            queries::CATALOG_TEXTS
        );
        let found = client.query(&sql, &[&LAST_CATALOG]).await?;
        let found = found.iter().map(values::row).collect::<Result<Vec<Row>, _>>()?;
        if !self.unchecked {
            let last = found.first().map(|row| Row(row.0[7..].to_vec()));
            check_catalogs(&found, last.as_ref(), &self.seals)?;
        }
        let catalogs = catalogs_of(&found)?;
        *self.catalogs.write().expect("no thread panics while it publishes") = Arc::new(catalogs);
        Ok(())
    }
}

/// Runs a statement on a connection of a pool; returns the number of rows it wrote.
async fn write_on(pool: &Pool, sql: &'static str, values: Vec<Value>) -> Result<usize, Unavailable> {
    let client = reach::take(pool).await?;
    let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let answer = async { Ok(client.execute(&client.prepare_cached(sql).await?, &values).await?) };
    Ok(patiently(answer).await? as usize)
}

async fn query_on(pool: &Pool, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
    let client = reach::take(pool).await?;
    let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let answer = async { Ok(client.query(&client.prepare_cached(sql).await?, &values).await?) };
    patiently(answer).await?.iter().map(values::row).collect()
}

fn micros(stopwatch: Stopwatch) -> i64 {
    i64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(i64::MAX)
}

/// Tasks and connections that write the parts of one node.
struct Strand {
    /// Queue of the appender.
    appender: mpsc::Sender<Job>,
    limiter: Limiter,
}

/// A store on a PostgreSQL database.
pub struct Postgres {
    shared: Arc<SharedState>,
    /// Strands by their number: one where all rows are in one place, since more of them would commit more often, each
    /// for fewer entries.
    strands: Vec<Strand>,
    moved: watch::Receiver<i64>,
    watchers: Watchers,
    mail_signal: Notify,
    pub(super) turns: Turns,
}

impl Postgres {
    /// Connects, and brings the schema up to this version.
    ///
    /// # Errors
    /// When the address is malformed, the database does not answer, its schema is unknown to this version, or a
    /// transfer into it has not ended.
    pub async fn open(address: &Address, options: Options) -> Result<Postgres, Unavailable> {
        let reach = Reach::of(address)?;
        let mut client = reach.connect().await?;
        let is_upgraded = migrate(&mut client, &reach).await?;
        guards::refuse_halves(&client).await?;
        guards::refuse_other_divisions(&client).await?;
        guards::refuse_shared_sessions(&reach, &client).await?;
        let seals = seals::establish(&mut client, options.secret, is_upgraded, options.reseal).await?;
        originals::establish(&mut client, &seals, &options).await?;
        guards::refuse_the_shortened(&client, options.shortened).await?;
        let parts = Parts::find(&client).await?;
        fold::catch_up(&mut client, &parts, |_, _| ()).await?;
        Postgres::start(reach, options, seals, parts).await
    }

    /// See [`super::Store::is_new_database`].
    pub async fn is_new(address: &Address) -> Result<bool, Unavailable> {
        let reach = Reach::of(address)?;
        schema::is_new(&reach.connect().await?, &reach).await
    }

    /// Connects to a database that a transfer has begun to fill.
    ///
    /// # Errors
    /// Those of [`Postgres::open`], except that an unfinished transfer is no error.
    pub async fn open_halfway(address: &Address, options: Options) -> Result<Postgres, Unavailable> {
        let reach = Reach::of(address)?;
        let mut client = reach.connect().await?;
        let seals = seals::establish(&mut client, options.secret, false, false).await?;
        let parts = Parts::find(&client).await?;
        Postgres::start(reach, options, seals, parts).await
    }

    async fn start(reach: Reach, options: Options, seals: Seals, parts: Parts) -> Result<Postgres, Unavailable> {
        let (pool, reserve) = (reach.pool(POOL_MAX)?, reach.pool(RESERVE_MAX)?);
        let (watchers, (moves, moved)) = (Watchers::default(), watch::channel(0));
        let shared = Arc::new(SharedState {
            reach,
            seals,
            healed: Arc::default(),
            unchecked: options.shortened == ShortJournal::Report,
            known_max: options.known_max,
            pool,
            reserve,
            parts,
            queue: Queue::new(),
            due_times: DueTimes::default(),
            catalogs: RwLock::default(),
            stopwatch: Stopwatch::start(),
            ahead: AtomicI64::new(0),
            last: AtomicI64::new(0),
            hints: Arc::new(Hints::new(watchers.clone(), moves)),
        });
        shared.measure_clock().await?;
        shared.reload_catalogs().await?;
        let strand = |_| Strand { appender: start_appender(&shared, options), limiter: Limiter::start(&shared) };
        let strands = (0..shared.parts.strands()).map(strand).collect();
        tokio::spawn(hints::run(Arc::clone(&shared)));
        tokio::spawn(refresh(Arc::downgrade(&shared)));
        let turns = Turns::start()?;
        Ok(Postgres { shared, strands, moved, watchers, mail_signal: Notify::new(), turns })
    }

    /// Returns the places of workspaces, in their order.
    async fn places(&self, workspaces: &[WorkspaceId]) -> Result<Vec<Place>, Unavailable> {
        let SharedState { parts, pool, .. } = &*self.shared;
        if let Some(known) = workspaces.iter().map(|id| parts.place(*id)).collect() {
            return Ok(known);
        }
        parts.places(&*reach::take(pool).await?, workspaces).await
    }

    async fn place(&self, workspace: WorkspaceId) -> Result<Place, Unavailable> {
        Ok(self.places(&[workspace]).await?[0])
    }

    /// Hands a job to the appender of its strand, behind the jobs before it; returns the receiver of its answer.
    fn send<T>(
        &self,
        Place { part, strand }: Place,
        job: impl FnOnce(i64, oneshot::Sender<T>) -> Job,
    ) -> Result<oneshot::Receiver<T>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let sent = self.strands[strand].appender.try_send(job(part, reply));
        sent.map_err(|_| Unavailable::crowd(QUEUE_MAX))?;
        Ok(answer)
    }

    /// See [`super::Store::submit`].
    pub async fn submit(&self, submission: Submission) -> Result<Commit, SubmitError> {
        let place = self.place(submission.workspace).await?;
        await_answer(self.send(place, |part, reply| Job::submit(submission, part, reply))).await?
    }

    /// See [`super::Store::submit_many`].
    pub async fn submit_many(&self, submissions: Vec<Submission>) -> Vec<Result<Commit, SubmitError>> {
        let workspaces: Vec<WorkspaceId> = submissions.iter().map(|submission| submission.workspace).collect();
        let places = match self.places(&workspaces).await {
            Ok(places) => places,
            Err(unavailable) => return workspaces.iter().map(|_| Err(unavailable.clone().into())).collect(),
        };
        let send = |(submission, place)| self.send(place, |part, reply| Job::submit(submission, part, reply));
        // Every submission is sent, in order, before the first answer is waited for.
        let sent: Vec<_> = submissions.into_iter().zip(places).map(send).collect();
        join_all(sent.into_iter().map(|sent| async { await_answer(sent).await? })).await
    }

    /// See [`super::Store::workspace`].
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, Unavailable> {
        let place = self.place(id).await?;
        await_answer(self.send(place, |part, reply| Job::read(id, part, reply))).await?
    }

    /// See [`super::Store::spend`].
    pub async fn spend(&self, allowance: &Allowance) -> Result<Result<(), OverLimit>, Unavailable> {
        allowances::spend(&self.shared, allowance).await
    }

    /// See [`super::Handle::read`].
    pub async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        query_on(&self.shared.pool, sql, values).await
    }

    /// See [`super::Handle::write`].
    pub async fn write(&self, sql: &'static str, values: Vec<Value>) -> Result<usize, Unavailable> {
        write_on(&self.shared.pool, sql, values).await
    }

    /// Runs a statement that writes, on a connection that no reader takes.
    pub async fn write_for_work(&self, sql: &'static str, values: Vec<Value>) -> Result<usize, Unavailable> {
        write_on(&self.shared.reserve, sql, values).await
    }

    /// See [`super::Store::append_act`].
    pub async fn append_act(&self, act: Vec<Value>) -> Result<(), Unavailable> {
        patiently(seals::append_act(&self.shared, &act)).await
    }

    /// See [`super::Store::take_healed`].
    pub fn take_healed(&self) -> Vec<(WorkspaceId, String)> {
        self.shared.healed.take()
    }

    /// See [`super::Handle::take`].
    pub async fn lease(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        query_on(&self.shared.reserve, sql, values).await
    }

    /// Returns the number of this process in the leases that it has.
    pub fn owner(&self) -> i64 {
        self.shared.queue.owner
    }

    /// Leases runs that are due on a clock; see [`super::rows::queue::lease`].
    pub async fn lease_runs(
        &self,
        clock: Option<(i64, Timestamp)>,
        instants: (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<(WorkspaceId, u32)>, Unavailable> {
        self.shared.queue.lease(&self.shared, clock, instants, most).await
    }

    /// Notes that a workspace has a run that is due at an instant.
    pub fn note_run(&self, workspace: WorkspaceId, due_at: Timestamp) {
        if let Some(Place { part, .. }) = self.shared.parts.place(workspace)
            && self.shared.parts.is_divided()
        {
            self.shared.queue.note(part, workspace, due_at);
        }
    }

    /// Takes workspaces on the real clock that have something due by now, at most `most`.
    pub async fn take_due(&self, now: Timestamp, most: usize) -> Result<Vec<WorkspaceId>, Unavailable> {
        self.shared.due_times.take(&self.shared, now, most).await
    }

    /// See [`super::Store::probe`].
    pub async fn probe(&self) -> Result<Progress, Unavailable> {
        let now = self.shared.now().micros().to_be_bytes();
        let values = self.shared.seals.setting(super::PROBE, now.to_vec());
        self.lease(queries::KEEP_SETTING, values).await?;
        // The rows of an entry are written with it.
        Ok(Progress { is_behind: false, reached: (0, 0) })
    }

    /// See [`super::Store::projections`].
    pub fn projections(&self) -> watch::Receiver<i64> {
        self.moved.clone()
    }

    /// See [`super::Store::watchers`].
    pub fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    /// See [`super::Store::mail_signal`].
    pub fn mail_signal(&self) -> &Notify {
        &self.mail_signal
    }

    /// See [`super::Store::catalogs`].
    pub fn catalogs(&self) -> Arc<Catalogs> {
        self.shared.catalogs()
    }

    /// See [`super::Store::seals`].
    pub fn seals(&self) -> &Seals {
        &self.shared.seals
    }

    /// See [`super::Store::refresh_catalogs`].
    pub async fn refresh_catalogs(&self) -> Result<(), Unavailable> {
        patiently(self.shared.reload_catalogs()).await
    }

    /// See [`super::Store::publish`].
    pub async fn publish(&self, text: String, _catalog: Catalog, actor: String) -> Result<u32, Unavailable> {
        let (version, starts_at) = patiently(self.publish_as_next(&text, &actor)).await?;
        patiently(self.shared.reload_catalogs()).await?;
        let wait = starts_at.micros() - self.shared.now().micros();
        tokio::time::sleep(Duration::from_micros(u64::try_from(wait).unwrap_or(0))).await;
        u32::try_from(version).map_err(|_| Unavailable("there are too many catalog versions".to_owned()))
    }

    async fn publish_as_next(&self, text: &str, actor: &str) -> Result<(i64, Timestamp), Unavailable> {
        let mut client = self.shared.connect().await?;
        let transaction = client.transaction().await?;
        // Only one version at a time is published. A lock of the table would need the right to change the table.
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&self.shared.reach.lock(PUBLISHING)]).await?;
        let newest = "SELECT version, sha256 FROM catalogs ORDER BY version DESC LIMIT 1";
        let newest = transaction.query_opt(newest, &[]).await?;
        let (hash, mut version) = (text_hash(text), newest.as_ref().map_or(0, |row| row.get::<_, i64>(0)));
        let mut starts_at = self.shared.now();
        if newest.is_none_or(|row| row.get::<_, &str>(1) != hash) {
            if version > 0 {
                starts_at = starts_at.after_micros(AHEAD_MICROS);
            }
            version += 1;
            let clocks = transaction.query("SELECT id, now FROM test_clocks", &[]).await?;
            let clocks = written_clocks(clocks.iter().map(|row| (row.get(0), row.get(1))));
            let seals = &self.shared.seals;
            let values = seals.catalog((version, starts_at), &hash, actor, &clocks, text);
            let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
                values.iter().map(|value| value as _).collect();
            transaction.execute(queries::NEW_CATALOG, &values).await?;
            let last = integrity::last_catalog(Some(&Row(vec![version.into()])));
            seals::keep(&transaction, seals, LAST_CATALOG, last).await?;
            transaction.commit().await?;
        }
        Ok((version, starts_at))
    }

    /// See [`super::Store::now`].
    pub async fn now(&self, test_clock: Option<i64>) -> Result<Timestamp, Unavailable> {
        let Some(id) = test_clock else { return Ok(self.shared.now()) };
        let found = self.query("SELECT id, now, seal FROM test_clocks WHERE id = $1", vec![id.into()]).await?;
        let Some(row) = found.first() else { return Ok(self.shared.now()) };
        integrity::read_clock(&self.shared.seals, row).map(|(_, now)| now)
    }

    /// See [`super::Store::about_now`].
    pub fn about_now(&self) -> Timestamp {
        self.shared.now()
    }

    /// See [`super::Store::admit`].
    pub async fn admit(&self, workspace: WorkspaceId, limit: u32) -> Result<Admission, Unavailable> {
        let Place { part, strand } = self.place(workspace).await?;
        self.strands[strand].limiter.admit(workspace, part, limit).await
    }

    /// See [`super::Store::set_clock`].
    pub async fn set_clock(&self, id: i64, name: Option<String>, now: Timestamp) -> Result<(), Unavailable> {
        let seal = self.shared.seals.seal("test_clocks", &[id.into(), now.micros().into()]);
        self.write(queries::SET_TEST_CLOCK, vec![id.into(), name.into(), now.micros().into(), seal]).await.map(drop)
    }

    /// See [`super::Store::rebuild`].
    pub async fn rebuild(&self) -> Result<(), Unavailable> {
        let mut client = self.shared.connect().await?;
        fold::list_all(&client).await?;
        fold::catch_up(&mut client, &self.shared.parts, |_, _| ()).await
    }

    /// Folds the workspaces whose rows are not there yet; `progress` is called with the number of those that are folded
    /// and of all.
    pub async fn catch_up(&self, progress: impl FnMut(u64, u64)) -> Result<(), Unavailable> {
        fold::catch_up(&mut self.shared.connect().await?, &self.shared.parts, progress).await
    }

    /// See [`super::Store::end_differences`].
    pub async fn end_differences(&self) -> Result<Vec<String>, Unavailable> {
        guards::end_differences(&self.shared.connect().await?).await
    }

    /// See [`super::Store::projection_differences`].
    pub async fn projection_differences(&self) -> Result<Vec<String>, Unavailable> {
        audit::differences(&mut self.shared.connect().await?).await
    }
}

fn start_appender(shared: &Arc<SharedState>, Options { group_commit, tell, .. }: Options) -> mpsc::Sender<Job> {
    let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
    let appender = Appender {
        shared: Arc::clone(shared),
        link: None,
        failed: false,
        states: States::new(shared),
        group_commit,
        tell,
    };
    tokio::spawn(appender.run(waiting));
    jobs
}

/// Reads the clock and the catalogs of the database again and again, until the store is dropped.
async fn refresh(shared: std::sync::Weak<SharedState>) {
    while let Some(shared) = shared.upgrade() {
        if let Err(error) =
            patiently(async { tokio::try_join!(shared.measure_clock(), shared.reload_catalogs()) }).await
        {
            tracing::warn!(%error, "the database's clock and catalogs could not be read");
        }
        drop(shared);
        tokio::time::sleep(REFRESH).await;
    }
}
