//! Workers that execute runs: each leases a queued run, starts it, asks its provider, checks and stores the outputs,
//! and settles it.
//!
//! A crash at any point leaves a queued run that is leased again, a started one whose provider is asked again under the
//! run's id, or a settled one. There is no other recovery code.
//!
//! Invariant: every result of a worker goes back as a command; `SettleRun` is the only end of a run.

use crate::assets::disk::Assets;
use crate::assets::media;
use crate::jobs::scheduler::Signals;
use crate::jobs::work::{self, Work};
use crate::ledger::{Ledger, Origin};
use crate::operate::switches::{Kind, SANDBOX, Switches};
use crate::providers::sandbox::{self, Answer};
use scrip_engine::{
    Command, Event, Failure, FailureCode, Outcome, Output, OutputFile, Per, Refusal, RunCommand, RunEvent, Timestamp,
    WorkspaceId, delivered_quantity,
};
use scrip_store::projection::RunRow;
use scrip_store::rows::queue::LeasedRun;
use scrip_store::rows::{queue, runs, test_clocks};
use scrip_store::{SubmitError, Unavailable};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Lifetime of a lease in seconds: a run whose worker is silent for longer is taken over.
const LEASE_SECONDS: i64 = 20;
/// Seconds until a run is tried again whose worker could not go on.
const AGAIN_SECONDS: i64 = 2;
/// Seconds until a run is tried again whose model or provider is switched off.
const OFF_SECONDS: i64 = 5;

/// Dispatcher of queued runs to workers.
pub struct Dispatcher {
    ledger: Arc<Ledger>,
    assets: Arc<Assets>,
    switches: Arc<Switches>,
    signals: Arc<Signals>,
    /// Number of leases so far: the clock that is asked first changes with each.
    leases: AtomicUsize,
}

impl Dispatcher {
    /// Returns a dispatcher over a ledger; the signals are those of the test clocks.
    pub fn new(ledger: Arc<Ledger>, assets: Arc<Assets>, switches: Arc<Switches>, signals: Arc<Signals>) -> Dispatcher {
        Dispatcher { ledger, assets, switches, signals, leases: AtomicUsize::default() }
    }

    async fn lease_on(&self, test_clock: Option<i64>, most: usize) -> Result<Vec<LeasedRun>, Unavailable> {
        // The clock that entries are stamped with: the machine's own may have been set back since.
        let machine = self.ledger.now(None).await?;
        let instants = (machine, machine.after_seconds(LEASE_SECONDS));
        let clock = match test_clock {
            None => None,
            Some(id) => Some((id, self.ledger.now(test_clock).await?)),
        };
        queue::lease(self.ledger.store().worker(), clock, instants, most).await
    }

    /// Works on a run; returns the instant at which it is to be worked on again, and `None` when nothing is left to do.
    async fn one(
        &self,
        &LeasedRun { workspace, n, test_clock, .. }: &LeasedRun,
    ) -> Result<Option<Timestamp>, Unavailable> {
        let stored = runs::by_number(self.ledger.store().worker(), workspace, n).await?;
        let run = stored.and_then(|stored| stored.run().ok());
        let Some(run) = run.filter(|run| run.status.is_none()) else { return Ok(None) };
        let now = self.ledger.now(test_clock).await?;
        if self.is_off(&run) {
            // The hold stays until its deadline: the operator may switch the model or provider on again.
            return Ok(Some(now.after_seconds(OFF_SECONDS).min(run.expires_at)));
        }
        let Some((attempt, started_at)) = self.start(workspace, n, &run).await? else { return Ok(None) };
        let seed = u64::from_le_bytes(std::array::from_fn(|index| workspace.get().to_le_bytes()[index]))
            .wrapping_add(u64::from(n));
        let asked = run.clone();
        let answer = tokio::task::spawn_blocking(move || sandbox::poll(&asked, started_at, now, seed)).await;
        let outcome = match answer.map_err(|panic| Unavailable(format!("the sandbox panicked: {panic}")))? {
            // A run that never ends is tried again after its hold has ended: the scheduler ends it.
            Answer::Later(at) => return Ok(Some(at.unwrap_or(run.expires_at))),
            Answer::Failed(failure) => Outcome::Failed(failure),
            Answer::Files(files) => self.keep(&run, files).await?,
        };
        self.settle(workspace, n, attempt, outcome).await.map(|()| None)
    }

    /// Returns whether the run's model or provider is switched off.
    fn is_off(&self, run: &RunRow) -> bool {
        let off = |kind, name: &str| self.switches.off(kind, name).is_some();
        off(Kind::Model, &run.model) || off(Kind::Provider, SANDBOX)
    }

    /// Starts the run for this worker, unless it has been started: then its provider is only asked again.
    async fn start(
        &self,
        workspace: WorkspaceId,
        n: u32,
        run: &RunRow,
    ) -> Result<Option<(u32, Timestamp)>, Unavailable> {
        if let Some(started_at) = run.started_at {
            return Ok(Some((run.attempt, started_at)));
        }
        let attempt = run.attempt + 1;
        let asked = Origin::internal("worker", workspace, Some(format!("start:{n}:{attempt}")));
        match self.ledger.submit(workspace, Command::Run(RunCommand::Start { run: n, attempt }), asked).await {
            Ok(committed) => {
                let started = |event: &Event| matches!(event, Event::Run(RunEvent::RunStarted { .. }));
                let at = committed.events.iter().find(|dated| started(&dated.1)).map_or(committed.at, |dated| dated.0);
                Ok(Some((attempt, at)))
            }
            Err(SubmitError::Refused(_)) => Ok(None),
            Err(SubmitError::Unavailable(unavailable)) => Err(unavailable),
            Err(SubmitError::KeyReused | SubmitError::Claimed(_) | SubmitError::OverLimit(_)) => Ok(None),
            Err(SubmitError::Bug(cause)) => Err(Unavailable(cause)),
        }
    }

    /// Stores the usable files, and returns how much of the asked quantity they are (R13, R14).
    async fn keep(&self, run: &RunRow, files: Vec<Vec<u8>>) -> Result<Outcome, Unavailable> {
        let kind = run.output;
        let mut outputs = Vec::new();
        let mut seconds = u64::MAX;
        let mut refused = None;
        for bytes in files {
            let (bytes, checked) = tokio::task::spawn_blocking(move || {
                let checked = media::check(kind, &bytes);
                (bytes, checked)
            })
            .await
            .map_err(|panic| Unavailable(format!("a check panicked: {panic}")))?;
            match checked {
                Ok(good) => {
                    // A clip half a second short of a second still shows that second.
                    seconds = seconds.min((good.seconds_ms.unwrap_or(0) + 500) / 1_000);
                    let size = bytes.len() as u64;
                    let sha256 = self
                        .assets
                        .store(bytes)
                        .await
                        .map_err(|error| Unavailable(format!("an output was not stored: {error}")))?;
                    outputs.push(OutputFile { content_type: good.content_type.to_owned(), bytes: size, sha256 });
                }
                Err(unusable) => drop(refused.get_or_insert(unusable.to_string())),
            }
        }
        if outputs.is_empty() {
            let detail = refused.unwrap_or_else(|| "the provider delivered no file".to_owned());
            return Ok(Outcome::Failed(Failure { code: FailureCode::UnusableOutput, detail }));
        }
        let catalogs = self.ledger.catalogs_with(run.catalog).await?;
        let per = catalogs.get(run.catalog).and_then(|version| Some(version.catalog.model(&run.model)?.rate.per));
        let images = match (kind, per) {
            (Output::Weights, _) => run.asked,
            _ => outputs.len() as u64,
        };
        let delivered = delivered_quantity(per.unwrap_or(Per::Call), images, seconds);
        Ok(Outcome::Delivered { delivered, outputs })
    }

    async fn settle(&self, workspace: WorkspaceId, n: u32, attempt: u32, outcome: Outcome) -> Result<(), Unavailable> {
        let asked = Origin::internal("worker", workspace, Some(format!("settle:{n}:{attempt}")));
        let command = Command::Run(RunCommand::Settle { run: n, attempt: Some(attempt), outcome });
        match self.ledger.submit(workspace, command, asked).await {
            Ok(_) | Err(SubmitError::KeyReused | SubmitError::Claimed(_) | SubmitError::OverLimit(_)) => Ok(()),
            Err(SubmitError::Refused(Refusal::Superseded)) => Ok(()),
            Err(SubmitError::Refused(refusal)) => {
                Err(Unavailable(format!("a run could not be settled: {}", refusal.code())))
            }
            Err(SubmitError::Unavailable(unavailable)) => Err(unavailable),
            Err(SubmitError::Bug(cause)) => Err(Unavailable(cause)),
        }
    }
}

impl Work for Dispatcher {
    type Lease = LeasedRun;
    /// Instant at which the run is to be worked on again, if it is.
    type Success = Option<Timestamp>;
    const RENEW_EVERY: Duration = Duration::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(3_600); // # assumed

    /// Leases runs that are due on the real clock and on every test clock, another one first each time.
    async fn lease(&self, most: usize) -> Result<Vec<LeasedRun>, Unavailable> {
        let test_clocks = test_clocks::all(self.ledger.store().worker()).await?;
        let mut clocks: Vec<Option<i64>> = test_clocks.iter().map(|clock| Some(clock.id)).collect();
        clocks.push(None);
        let first = self.leases.fetch_add(1, Ordering::Relaxed) % clocks.len();
        clocks.rotate_left(first);
        let mut leased = Vec::new();
        for clock in clocks {
            match self.lease_on(clock, most - leased.len()).await {
                Ok(more) => leased.extend(more),
                // Those that are leased already are worked on.
                Err(_) if !leased.is_empty() => break,
                Err(error) => return Err(error),
            }
            if leased.len() == most {
                break;
            }
        }
        Ok(leased)
    }

    async fn attempt(&self, leased: &LeasedRun) -> Result<Option<Timestamp>, work::Failure> {
        Ok(self.one(leased).await?)
    }

    async fn renew(&self, leased: &mut LeasedRun) -> Result<bool, Unavailable> {
        let until = self.ledger.now(None).await?.after_seconds(LEASE_SECONDS);
        queue::move_end(self.ledger.store().worker(), leased, until).await
    }

    /// Puts a run off that is to be worked on again. One that failed waits for a moment, and not for the end of the
    /// lease: the disk may have been full for that long.
    async fn record(
        &self,
        leased: &LeasedRun,
        result: &Result<Option<Timestamp>, work::Failure>,
    ) -> Result<(), Unavailable> {
        let on = self.ledger.store().worker();
        match result {
            Ok(Some(due)) => {
                queue::put_off(on, leased, *due).await?;
                self.signals.put_off.notify_one();
                Ok(())
            }
            // The run has ended, and with it its place in the queue; or its start was refused.
            Ok(None) => Ok(()),
            Err(failure) => {
                let run = leased.workspace.id_of(scrip_engine::Kind::Run, leased.n);
                tracing::warn!(error = failure.cause(), run, "a run waits to be tried again");
                let soon = self.ledger.now(None).await?.after_seconds(AGAIN_SECONDS);
                queue::move_end(on, &mut leased.clone(), soon).await.map(drop)
            }
        }
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        let now = self.ledger.now(None).await?;
        queue::count_due(self.ledger.store().worker(), now).await.map(Some)
    }

    fn next_wake(&self) -> impl Future<Output = ()> + Send {
        let mut moved = self.ledger.store().projections();
        moved.mark_unchanged();
        async move {
            tokio::select! {
                _ = moved.changed() => {}
                () = self.signals.due.notified() => {}
            }
        }
    }
}
