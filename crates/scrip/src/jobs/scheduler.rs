//! Scheduler: ticks workspaces that have something due on the machine's clock, and moves test clocks in true order.
//!
//! Invariant: the scheduler only ticks. The engine decides the effect of a tick, and the instant that it was due; a
//! late one changes no balance.

use crate::ledger::Ledger;
use crate::runs::dispatch::Dispatcher;
use crate::store::rows::{queue, workspaces};
use crate::store::{SubmitError, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// Maximum number of workspaces that are ticked at once: as many as share a transaction.
const WAVE: i64 = 512;
/// Time between two reads of the workspaces that are due on the machine's clock.
const EVERY: Duration = Duration::from_millis(250);

/// Ticks workspaces that are due on the machine's clock, for as long as the process lives.
pub async fn run(ledger: Arc<Ledger>) {
    loop {
        match due_now(&ledger).await {
            // A full wave: more workspaces are due.
            Ok(ticked) if ticked == WAVE as usize => {}
            Ok(_) => tokio::time::sleep(EVERY).await,
            Err(error) => {
                tracing::warn!(%error, "due workspaces cannot be read; it is tried again");
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

async fn due_now(ledger: &Arc<Ledger>) -> Result<usize, Unavailable> {
    let on = ledger.store().worker();
    on.await_projections().await?;
    let due = workspaces::due(on, None, ledger.now(None).await?, WAVE).await?;
    tick(ledger, due).await
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

/// Mover of test clocks.
pub struct TimeMachine {
    ledger: Arc<Ledger>,
    dispatcher: Arc<Dispatcher>,
    /// Lock by which one clock moves at a time, so that instants are stamped in order.
    moving: Mutex<()>,
}

impl TimeMachine {
    /// Returns a time machine over a ledger and its workers.
    pub fn new(ledger: Arc<Ledger>, dispatcher: Arc<Dispatcher>) -> TimeMachine {
        TimeMachine { ledger, dispatcher, moving: Mutex::default() }
    }

    /// Moves a clock to an instant, stopping at every due instant on the way; returns when everything due has happened.
    ///
    /// # Errors
    /// When the store cannot answer; the clock then stays at the instant it has reached.
    pub async fn advance(&self, clock: i64, to: Timestamp) -> Result<(), Unavailable> {
        let _moving = self.moving.lock().await;
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
            let due = workspaces::due(store.reader(), Some(clock), now, WAVE).await?;
            if due.is_empty() {
                return Ok(());
            }
            if tick(&self.ledger, due).await? == 0 {
                return Err(Unavailable("nothing that is due on a test clock could be settled".to_owned()));
            }
            store.await_projections().await?;
        }
    }

    /// Works on the clock's runs until none is due.
    async fn work(&self, clock: i64) -> Result<(), Unavailable> {
        let store = self.ledger.store();
        let mut moved = store.projections();
        loop {
            store.await_projections().await?;
            moved.mark_unchanged();
            if self.dispatcher.work(Some(clock)).await? > 0 {
                continue;
            }
            let now = self.ledger.now(Some(clock)).await?;
            if !queue::is_any_left(store.reader(), clock, now).await? {
                return Ok(());
            }
            // Another worker has the remaining runs; their end moves the projections.
            let _ = tokio::time::timeout(EVERY, moved.changed()).await;
        }
    }
}
