//! Scheduler: ticks workspaces that have something due on the machine's clock, and moves test clocks in true order.
//!
//! Invariant: the scheduler only ticks. The engine decides the effect of a tick, and the instant that it was due; a
//! late one changes no balance.

use super::local_leases::LocalLeases;
use super::work::{Failure, Work};
use crate::ledger::Ledger;
use scrip_engine::{Timestamp, WorkspaceId};
use scrip_store::rows::{queue, workspaces};
use scrip_store::{SubmitError, Unavailable};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Maximum number of workspaces that are ticked at once: as many as share a transaction.
pub const WAVE: usize = 512;
/// Pause until a workspace is ticked again that could not be.
const AGAIN: Duration = Duration::from_secs(1); // # assumed
/// Time between two checks for the last runs of a test clock.
const EVERY: Duration = Duration::from_millis(250);

/// Work of ticking the workspaces that are due on the machine's clock.
pub struct Ticks {
    ledger: Arc<Ledger>,
    leases: LocalLeases<WorkspaceId>,
}

impl Ticks {
    /// Returns the work over a ledger.
    pub fn new(ledger: Arc<Ledger>) -> Ticks {
        Ticks { ledger, leases: LocalLeases::default() }
    }
}

impl Work for Ticks {
    type Lease = WorkspaceId;
    type Success = ();
    const RENEW_EVERY: Duration = Duration::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(60); // # assumed

    async fn lease(&self, most: usize) -> Result<Vec<WorkspaceId>, Unavailable> {
        let leased = self.leases.keys();
        let on = self.ledger.store().worker();
        on.await_projections().await?;
        let due = workspaces::due(on, self.ledger.now(None).await?, most, leased.len()).await?;
        Ok(self.leases.lease(due, most, &leased, |workspace| *workspace))
    }

    async fn attempt(&self, workspace: &WorkspaceId) -> Result<(), Failure> {
        match self.ledger.tick(*workspace).await {
            Ok(_) => Ok(()),
            Err(SubmitError::Unavailable(unavailable)) => Err(unavailable.into()),
            Err(error) => Err(Failure::Later(format!("{workspace} could not be settled: {error:?}"))),
        }
    }

    async fn renew(&self, _workspace: &mut WorkspaceId) -> Result<bool, Unavailable> {
        Ok(true)
    }

    async fn record(&self, workspace: &WorkspaceId, result: &Result<(), Failure>) -> Result<(), Unavailable> {
        match result {
            Ok(()) => self.leases.end(workspace),
            Err(failure) => {
                tracing::error!(error = failure.cause(), "a workspace could not be settled");
                self.leases.end_after(*workspace, AGAIN);
            }
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        let now = self.ledger.now(None).await?;
        workspaces::count_due(self.ledger.store().worker(), now).await.map(Some)
    }

    async fn next_wake(&self) {
        std::future::pending().await
    }
}

async fn tick(ledger: &Arc<Ledger>, due: Vec<WorkspaceId>) -> Result<usize, Unavailable> {
    let mut ticks = JoinSet::new();
    for workspace in due {
        let ledger = Arc::clone(ledger);
        ticks.spawn(async move { ledger.tick(workspace).await });
    }
    let mut ticked = 0;
    while let Some(ended) = ticks.join_next().await {
        match ended {
            Ok(Ok(_)) => ticked += 1,
            Ok(Err(SubmitError::Unavailable(unavailable))) => return Err(unavailable),
            Ok(Err(error)) => tracing::error!(?error, "a workspace could not be settled"),
            Err(panic) => tracing::error!(%panic, "a tick panicked"),
        }
    }
    Ok(ticked)
}

/// Signals between test clocks and the task of runs in one process.
#[derive(Default)]
pub struct Signals {
    /// Signal that runs may be due on a test clock, since it has moved.
    pub due: Notify,
    /// Signal that a run was put off to a later instant of its clock.
    pub put_off: Notify,
}

/// Mover of test clocks.
pub struct TimeMachine {
    ledger: Arc<Ledger>,
    signals: Arc<Signals>,
    /// Locks by which each clock is moved once at a time, so that its instants are stamped in order.
    moving: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
}

impl TimeMachine {
    /// Returns a time machine over a ledger; the signals are those of the task of runs.
    pub fn new(ledger: Arc<Ledger>, signals: Arc<Signals>) -> TimeMachine {
        TimeMachine { ledger, signals, moving: Mutex::default() }
    }

    /// Moves a clock to an instant, stopping at every due instant on the way; returns when everything due has happened.
    ///
    /// # Errors
    /// When the store cannot answer; the clock then stays at the instant it has reached.
    pub async fn advance(&self, clock: i64, to: Timestamp) -> Result<(), Unavailable> {
        let moving = Arc::clone(self.moving.lock().unwrap_or_else(PoisonError::into_inner).entry(clock).or_default());
        let _moving = moving.lock().await;
        let store = self.ledger.store();
        let mut last = None;
        loop {
            self.work(clock).await?;
            store.await_projections().await?;
            let next = workspaces::next_on_clock(store.reader(), clock).await?;
            let Some(next) = next.filter(|next| *next <= to) else {
                return store.set_clock(clock, None, to).await;
            };
            if last == Some(next) {
                return Err(Unavailable(format!(
                    "an event that is due at {next} on a test clock could not be settled"
                )));
            }
            store.set_clock(clock, None, next).await?;
            self.tick(clock, next).await?;
            last = Some(next);
        }
    }

    async fn tick(&self, clock: i64, now: Timestamp) -> Result<(), Unavailable> {
        let store = self.ledger.store();
        loop {
            let due = workspaces::due_on_clock(store.reader(), clock, now, WAVE).await?;
            if due.is_empty() {
                return Ok(());
            }
            if tick(&self.ledger, due).await? == 0 {
                return Err(Unavailable("nothing that is due on a test clock could be settled".to_owned()));
            }
            store.await_projections().await?;
        }
    }

    /// Has the clock's runs worked on until none is due.
    async fn work(&self, clock: i64) -> Result<(), Unavailable> {
        let store = self.ledger.store();
        let mut moved = store.projections();
        loop {
            store.await_projections().await?;
            moved.mark_unchanged();
            let now = self.ledger.now(Some(clock)).await?;
            if !queue::is_any_left(store.reader(), clock, now).await? {
                return Ok(());
            }
            self.signals.due.notify_one();
            tokio::select! {
                // The end of a run moves the projections, in whatever process it is worked on.
                _ = moved.changed() => {}
                () = self.signals.put_off.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
