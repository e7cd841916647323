//! Readiness: whether this server can do now what it is for, found out by a small write that lasts.
//!
//! The write is made at most once a second, however many ask, and one that gets no answer is waited for and not made
//! again. A balancer that asks often costs the journal one row a second.
//!
//! Invariant: everybody who asks is answered within [`PATIENCE`], whatever the store does.

use super::stop::Stop;
use crate::clock::Stopwatch;
use crate::ledger::Ledger;
use crate::store::{Progress, Unavailable};
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Minimum time between two probes of the store.
const EVERY: Duration = Duration::from_secs(1);
/// Time in which the store answers a probe, or is not ready.
const PATIENCE: Duration = Duration::from_millis(1_500); // # assumed
/// Time that the projections may be behind in one place before they count as standing still.
const STILL: Duration = Duration::from_secs(5); // # assumed
/// Time that a server is not ready after a write of a caller's failed and none succeeded since.
const FAILING: Duration = Duration::from_secs(5); // # assumed

/// Why a server is not ready, in the words of its answer.
pub type Reason = &'static str;

/// The server was told to stop.
pub const STOPPING: Reason = "the server is stopping";
const SILENT: Reason = "the store does not answer";
const UNWRITABLE: Reason = "the store cannot be written";
const BEHIND: Reason = "the projections stand still";
const WITHOUT_CATALOG: Reason = "there is no catalog";

/// Answers a balancer that asks whether to send requests here.
pub fn answer(found: Result<(), Reason>) -> (StatusCode, String) {
    match found {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

/// Readiness of one server, shared by all who ask.
pub struct Health {
    ledger: Arc<Ledger>,
    stop: Stop,
    state: Mutex<State>,
}

/// What is known since the last probe.
#[derive(Default)]
struct State {
    last: Option<(Stopwatch, Result<(), Reason>)>,
    /// A probe that has not been answered yet.
    running: Option<JoinHandle<Result<Progress, Unavailable>>>,
    /// Since when the projections are behind, and where.
    behind: Option<(Stopwatch, (i64, i64))>,
    /// Failed writes that were known at the last probe, and since when there are more.
    failed: u64,
    failing: Option<Stopwatch>,
}

impl Health {
    /// The readiness of a server over a ledger.
    pub fn new(ledger: Arc<Ledger>, stop: Stop) -> Health {
        Health { ledger, stop, state: Mutex::default() }
    }

    /// Checks that the server can write and that what it reads moves on.
    ///
    /// # Errors
    /// Why it is not ready; details are in the log.
    pub async fn check(&self) -> Result<(), Reason> {
        if self.stop.has_begun() {
            return Err(STOPPING);
        }
        let mut state = self.state.lock().await;
        if let Some((since, known)) = state.last
            && since.elapsed() < EVERY
        {
            return known;
        }
        let found = state.probe(&self.ledger).await;
        if state.last.is_none_or(|(_, before)| before != found) {
            match found {
                Ok(()) => tracing::info!("the server is ready"),
                Err(reason) => tracing::warn!(reason, "the server is not ready"),
            }
        }
        state.last = Some((Stopwatch::start(), found));
        found
    }
}

impl State {
    async fn probe(&mut self, ledger: &Arc<Ledger>) -> Result<(), Reason> {
        if ledger.store().catalogs().newest().is_none() {
            return Err(WITHOUT_CATALOG);
        }
        let running = self.running.get_or_insert_with(|| {
            let ledger = Arc::clone(ledger);
            tokio::spawn(async move { ledger.store().probe().await })
        });
        let Ok(answer) = tokio::time::timeout(PATIENCE, running).await else { return Err(SILENT) };
        self.running = None;
        let progress = match answer {
            Ok(Ok(progress)) => progress,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a probe of the store failed");
                return Err(UNWRITABLE);
            }
            Err(panic) => {
                tracing::error!(%panic, "a probe of the store panicked");
                return Err(UNWRITABLE);
            }
        };
        self.follow(progress)?;
        self.heed(ledger.failures())
    }

    /// Notes where the projections are.
    fn follow(&mut self, Progress { is_behind, reached }: Progress) -> Result<(), Reason> {
        let since = match self.behind {
            _ if !is_behind => None,
            Some((since, place)) if place == reached => Some((since, place)),
            _ => Some((Stopwatch::start(), reached)),
        };
        self.behind = since;
        if since.is_some_and(|(since, _)| since.elapsed() >= STILL) { Err(BEHIND) } else { Ok(()) }
    }

    /// Notes how many writes of callers have failed since one succeeded: a probe is small, and may find room on a disk
    /// where nothing else does.
    fn heed(&mut self, failed: u64) -> Result<(), Reason> {
        if failed > self.failed {
            self.failing = Some(Stopwatch::start());
        } else if failed == 0 {
            self.failing = None;
        }
        self.failed = failed;
        if self.failing.is_some_and(|since| since.elapsed() < FAILING) { Err(UNWRITABLE) } else { Ok(()) }
    }
}
