//! Driver of background work: every loop of a server is a task with a name, a period, a wake-up and permits.
//!
//! Permits come first: a task leases only as many rows as it has free permits. So no leased row waits for another one,
//! and a job that never answers costs one permit and delays no other. A panic is a failed attempt, and failed rounds
//! are repeated after pauses that grow.
//!
//! Invariant: a task has at most as many leased rows as permits, and leases none once the server was told to stop.

use super::work::{Failure, Work, finish, one_line, panic_cause};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use scrip_engine::Timestamp;
use scrip_store::Unavailable;
use scrip_store::clock;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

#[cfg(test)]
mod tests;

/// Pause before each round after the first: rows that end together free their permits together.
const REST: Duration = Duration::from_millis(5);
/// First pause after a failed round, unless the period is shorter. The pause doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1); // # assumed
/// Longest pause after failed rounds, unless the period is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(4); // # assumed
/// Maximum time for which jobs go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(5); // # assumed

/// Work without rows: one act on parts of the server, which is repeated.
struct Act<P, F>(P, F);

impl<P, F, R> Work for Act<P, F>
where
    P: Clone + Send + Sync + 'static,
    F: Fn(P) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Unavailable>> + Send,
{
    type Lease = Infallible;
    type Success = ();
    const RENEW_EVERY: Duration = Duration::MAX;
    const PATIENCE: Duration = Duration::MAX;

    async fn lease(&self, _most: usize) -> Result<Vec<Infallible>, Unavailable> {
        (self.1)(self.0.clone()).await.map(|()| Vec::new())
    }

    async fn attempt(&self, lease: &Infallible) -> Result<(), Failure> {
        match *lease {}
    }

    async fn renew(&self, lease: &mut Infallible) -> Result<bool, Unavailable> {
        match *lease {}
    }

    async fn record(&self, lease: &Infallible, _result: &Result<(), Failure>) -> Result<(), Unavailable> {
        match *lease {}
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        Ok(None)
    }

    async fn next_wake(&self) {
        std::future::pending().await
    }
}

/// Status of a task in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Number of jobs that are being worked on.
    pub busy: usize,
    /// Instant at which the last round began: the task leased rows, or acted.
    pub last_run_at: Option<Timestamp>,
    /// Number of rounds that failed since the last one that did not.
    pub failures: u32,
    /// Instant and cause of the last failure of a round or a job.
    pub last_error: Option<(Timestamp, String)>,
}

/// Function that starts the rounds of a task, which end after the receiver says so.
type Rounds = dyn Fn(Arc<Task>, watch::Receiver<bool>) -> BoxFuture<'static, ()> + Send + Sync;
/// Function that counts the rows of a task that are due.
type Count = dyn Fn() -> BoxFuture<'static, Result<Option<u64>, Unavailable>> + Send + Sync;

/// A named task of a server, and its status.
pub struct Task {
    /// Name of the task, unique in the server.
    pub name: &'static str,
    /// Maximum time between two rounds while nothing fails and a permit is free.
    pub period: Duration,
    /// Maximum number of rows that are leased at once.
    pub permits: usize,
    status: Mutex<Status>,
    rounds: Box<Rounds>,
    backlog: Box<Count>,
}

impl Task {
    /// Returns a task that leases rows and works on each.
    pub fn over_rows<W: Work>(name: &'static str, period: Duration, permits: usize, work: Arc<W>) -> Task {
        let counted = Arc::clone(&work);
        Task {
            name,
            period,
            permits,
            status: Mutex::default(),
            rounds: Box::new(move |task, stop| Box::pin(run(Arc::clone(&work), task, stop))),
            backlog: Box::new(move || {
                let work = Arc::clone(&counted);
                Box::pin(async move { work.backlog().await })
            }),
        }
    }

    /// Returns a task that repeats an act on parts of the server.
    pub fn periodic<P, F, R>(name: &'static str, period: Duration, parts: P, act: F) -> Task
    where
        P: Clone + Send + Sync + 'static,
        F: Fn(P) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Unavailable>> + Send + 'static,
    {
        Task::over_rows(name, period, 1, Arc::new(Act(parts, act)))
    }

    /// Returns the status of the task: its busy jobs, its last round and its last error.
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts the rows that are due; `None` for a task without rows.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        (self.backlog)().await
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn note_error(&self, cause: &str) {
        self.change(|status| status.last_error = Some((clock::now(), one_line(cause))));
    }

    /// Notes the result of a round, and returns the pause until the next one.
    fn note_round(&self, failed: Option<&str>) -> Duration {
        let mut failures = 0;
        self.change(|status| {
            status.failures = if failed.is_some() { status.failures.saturating_add(1) } else { 0 };
            failures = status.failures;
        });
        if let Some(cause) = failed {
            self.note_error(cause);
            tracing::warn!(task = self.name, failures, cause, "a round of a task failed; it is repeated");
        }
        pause(self.period, failures)
    }
}

/// Returns the pause until the next round, after so many failures in a row.
fn pause(period: Duration, failures: u32) -> Duration {
    let Some(more) = failures.checked_sub(1) else { return period };
    period.min(FIRST_PAUSE).saturating_mul(1 << more.min(16)).min(period.max(LONGEST_PAUSE))
}

/// Runs the rounds of a task until the server stops, and then waits for the jobs that go on.
async fn run<W: Work>(work: Arc<W>, task: Arc<Task>, mut stop: watch::Receiver<bool>) {
    let mut jobs = JoinSet::new();
    while !*stop.borrow() {
        // What becomes due from here on wakes the task, also while it leases.
        let woken = work.next_wake();
        let pause = match task.permits.saturating_sub(jobs.len()) {
            0 => task.period,
            free => round(&work, &task, free, &mut jobs).await,
        };
        let is_failing = task.status().failures > 0;
        task.change(|status| status.busy = jobs.len());
        tokio::select! {
            () = wait_for_stop(&mut stop) => {}
            () = tokio::time::sleep(pause) => {}
            () = woken, if !is_failing => {}
            Some(ended) = jobs.join_next(), if !is_failing => note_end(&task, ended),
        }
        tokio::time::sleep(REST).await;
        while let Some(ended) = jobs.try_join_next() {
            note_end(&task, ended);
        }
    }
    while let Some(ended) = jobs.join_next().await {
        note_end(&task, ended);
    }
}

/// Waits until the server is told to stop; without a server, it is.
async fn wait_for_stop(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stops| *stops).await;
}

/// Leases rows for the free permits and starts a job for each; returns the pause until the next round.
async fn round<W: Work>(work: &Arc<W>, task: &Task, free: usize, jobs: &mut JoinSet<Result<(), Failure>>) -> Duration {
    task.change(|status| status.last_run_at = Some(clock::now()));
    match AssertUnwindSafe(work.lease(free)).catch_unwind().await {
        Ok(Ok(leases)) => {
            for lease in leases {
                let work = Arc::clone(work);
                jobs.spawn(async move { finish(&*work, lease).await });
            }
            task.note_round(None)
        }
        Ok(Err(error)) => task.note_round(Some(&error.to_string())),
        Err(panic) => task.note_round(Some(&panic_cause(panic.as_ref()))),
    }
}

fn note_end(task: &Task, ended: Result<Result<(), Failure>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => task.note_error(failure.cause()),
        Err(panic) => {
            tracing::error!(task = task.name, %panic, "a job ended without a result; its row is leased again later");
            task.note_error(&panic.to_string());
        }
    }
}

/// Every task of a server, in the order of its list.
pub struct Driver(Vec<Arc<Task>>);

impl Driver {
    /// Returns a driver of tasks, none of which runs yet.
    pub fn new(tasks: Vec<Task>) -> Driver {
        Driver(tasks.into_iter().map(Arc::new).collect())
    }

    /// Returns every task with its status, in the order of the list.
    pub fn tasks(&self) -> &[Arc<Task>] {
        &self.0
    }

    /// Starts the rounds of every task.
    pub fn start(&self) -> Running {
        let stop = watch::Sender::new(false);
        let mut rounds = JoinSet::new();
        for task in &self.0 {
            rounds.spawn((task.rounds)(Arc::clone(task), stop.subscribe()));
        }
        Running { stop, rounds }
    }
}

/// Rounds of tasks that were started, and the signal that stops them.
pub struct Running {
    stop: watch::Sender<bool>,
    rounds: JoinSet<()>,
}

impl Running {
    /// Stops in order: no task leases any more, jobs that go on may end for a while, and the others are cut. The lease
    /// of a job that was cut ends by itself.
    pub async fn stop(self) {
        self.stop_within(GRACE).await;
    }

    async fn stop_within(mut self, grace: Duration) {
        self.stop.send_replace(true);
        let ended = async { while self.rounds.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!("jobs that had not ended were cut: their leases end by themselves");
        }
        self.rounds.shutdown().await;
    }
}
