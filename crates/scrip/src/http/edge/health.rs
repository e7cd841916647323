//! Readiness: a check that this server can do its work now, by a small durable write.
//!
//! The write is made at most once a second, however many callers ask, and one without an answer is waited for and not
//! made again. A load balancer that asks often costs the journal one row a second.
//!
//! Invariant: every caller is answered within [`PATIENCE`], whatever the store does.

use super::stop::Stop;
use crate::ledger::Ledger;
use axum::http::StatusCode;
use scrip_store::clock::Stopwatch;
use scrip_store::{Progress, Unavailable};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Minimum time between two probes of the store.
const EVERY: Duration = Duration::from_secs(1);
/// Maximum time for the store to answer a probe; later it counts as not ready.
const PATIENCE: Duration = Duration::from_millis(1_500); // # assumed
/// Time without progress after which projections that are behind count as standing still.
const STILL: Duration = Duration::from_secs(5); // # assumed
/// Time for which a server is not ready after a failed write of a caller, unless one succeeds.
const FAILING: Duration = Duration::from_secs(5); // # assumed

/// Reason why a server is not ready, in the words of its answer.
pub type Reason = &'static str;

/// Reason of a server that was told to stop.
pub const STOPPING: Reason = "the server is stopping";
const SILENT: Reason = "the store does not answer";
const UNWRITABLE: Reason = "the store cannot be written";
const BEHIND: Reason = "the projections stand still";
const WITHOUT_CATALOG: Reason = "there is no catalog";

/// Returns the answer to a load balancer that asks whether to send requests here.
pub fn answer(found: Result<(), Reason>) -> (StatusCode, String) {
    match found {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

/// Readiness of one server, shared by all callers.
pub struct Health {
    ledger: Arc<Ledger>,
    stop: Stop,
    state: Mutex<State>,
}

/// Results that are known since the last probe.
#[derive(Default)]
struct State {
    last: Option<(Stopwatch, Result<(), Reason>)>,
    /// Probe that has not been answered yet.
    running: Option<JoinHandle<Result<Progress, Unavailable>>>,
    /// Time since which the projections have been behind at the same place, and the place.
    behind: Option<(Stopwatch, (i64, i64))>,
    /// Number of failed writes at the last probe, and the time since which there have been more.
    failed: u64,
    failing: Option<Stopwatch>,
}

impl Health {
    /// Makes the readiness of a server over a ledger.
    pub fn new(ledger: Arc<Ledger>, stop: Stop) -> Health {
        Health { ledger, stop, state: Mutex::default() }
    }

    /// Checks that the server can write and that its projections move on.
    ///
    /// # Errors
    /// The reason why it is not ready; details are in the log.
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
        self.record_failures(ledger.failures())
    }

    /// Records the place of the projections.
    ///
    /// # Errors
    /// When they have been behind at the same place for [`STILL`].
    fn follow(&mut self, Progress { is_behind, reached }: Progress) -> Result<(), Reason> {
        let since = match self.behind {
            _ if !is_behind => None,
            Some((since, place)) if place == reached => Some((since, place)),
            _ => Some((Stopwatch::start(), reached)),
        };
        self.behind = since;
        if since.is_some_and(|(since, _)| since.elapsed() >= STILL) { Err(BEHIND) } else { Ok(()) }
    }

    /// Records the number of callers' writes that have failed since one succeeded. A probe is small, and may find room
    /// on a disk where other writes do not.
    ///
    /// # Errors
    /// When one failed within [`FAILING`], and none succeeded since.
    fn record_failures(&mut self, failed: u64) -> Result<(), Reason> {
        if failed > self.failed {
            self.failing = Some(Stopwatch::start());
        } else if failed == 0 {
            self.failing = None;
        }
        self.failed = failed;
        if self.failing.is_some_and(|since| since.elapsed() < FAILING) { Err(UNWRITABLE) } else { Ok(()) }
    }
}
