//! Workers that execute runs: each leases a queued run, starts it, asks its provider, checks and stores the outputs,
//! and settles it.
//!
//! A crash at any point leaves a queued run that is leased again, a started one whose provider is asked again under the
//! run's id, or a settled one. There is no other recovery code.
//!
//! Invariant: every result of a worker goes back as a command; `SettleRun` is the only end of a run.

use crate::assets::disk::Assets;
use crate::assets::media;
use crate::ledger::{Ledger, Origin};
use crate::operate::switches::{Kind, SANDBOX, Switches};
use crate::providers::sandbox::{self, Answer};
use crate::store::projection::RunRow;
use crate::store::rows::queue::Leased;
use crate::store::rows::{queue, runs, test_clocks};
use crate::store::{SubmitError, Unavailable};
use scrip_engine::{
    Command, Event, Failure, FailureCode, Outcome, Output, OutputFile, Per, Refusal, RunCommand, RunEvent, Timestamp,
    WorkspaceId, delivered_quantity,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Maximum number of runs that are worked on at once.
const WORKERS: i64 = 8;
/// Lifetime of a lease in seconds: a run whose worker is silent for longer is taken over.
const LEASE_SECONDS: i64 = 20;
/// Time between two renewals of a lease.
const RENEW: Duration = Duration::from_secs(5);
/// Seconds until a run is tried again whose worker could not go on.
const AGAIN_SECONDS: i64 = 2;
/// Seconds until a run is tried again whose model or provider is switched off.
const OFF_SECONDS: i64 = 5;
/// Maximum sleep of the dispatcher while no projection moves.
const IDLE: Duration = Duration::from_millis(500);
/// Pause between two reads of the queue.
const REST: Duration = Duration::from_millis(5);

/// Dispatcher of queued runs to workers.
pub struct Dispatcher {
    ledger: Arc<Ledger>,
    assets: Arc<Assets>,
    switches: Arc<Switches>,
}

impl Dispatcher {
    /// Returns a dispatcher over a ledger.
    pub fn new(ledger: Arc<Ledger>, assets: Arc<Assets>, switches: Arc<Switches>) -> Dispatcher {
        Dispatcher { ledger, assets, switches }
    }

    /// Works on runs for as long as the process lives.
    pub async fn run(self: Arc<Self>) {
        let mut moved = self.ledger.store().projections();
        loop {
            moved.mark_unchanged();
            match self.work_everywhere().await {
                Ok(0) => drop(tokio::time::timeout(IDLE, moved.changed()).await),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "queued runs cannot be leased; it is tried again");
                    tokio::time::sleep(IDLE).await;
                }
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn work_everywhere(self: &Arc<Self>) -> Result<usize, Unavailable> {
        let mut worked = self.work(None).await?;
        for clock in test_clocks::all(self.ledger.store().worker()).await? {
            worked += self.work(Some(clock.id)).await?;
        }
        Ok(worked)
    }

    /// Leases runs that are due on a clock and works on them; returns their number.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn work(self: &Arc<Self>, test_clock: Option<i64>) -> Result<usize, Unavailable> {
        let leased = self.lease(test_clock).await?;
        let mut workers = JoinSet::new();
        for &(workspace, n) in &leased {
            let this = Arc::clone(self);
            workers.spawn(async move {
                let worked = tokio::select! {
                    worked = this.one(workspace, n, test_clock) => worked,
                    () = this.renew(workspace, n) => Ok(()),
                };
                if let Err(error) = worked {
                    tracing::warn!(%error, run = workspace.id_of(scrip_engine::Kind::Run, n), "a run waits to be tried again");
                    tokio::spawn(async move { this.again(workspace, n).await });
                }
            });
        }
        while let Some(ended) = workers.join_next().await {
            if let Err(panic) = ended {
                tracing::error!(%panic, "the task of a run panicked; the run is leased again later");
            }
        }
        Ok(leased.len())
    }

    async fn lease(&self, test_clock: Option<i64>) -> Result<Vec<Leased>, Unavailable> {
        // The clock that entries are stamped with: the machine's own may have been set back since.
        let machine = self.ledger.now(None).await?;
        let instants = (machine, machine.after_seconds(LEASE_SECONDS));
        let clock = match test_clock {
            None => None,
            Some(id) => Some((id, self.ledger.now(test_clock).await?)),
        };
        queue::lease(self.ledger.store().worker(), clock, instants, WORKERS).await
    }

    async fn one(&self, workspace: WorkspaceId, n: u32, test_clock: Option<i64>) -> Result<(), Unavailable> {
        let stored = runs::by_number(self.ledger.store().worker(), workspace, n).await?;
        let run = stored.and_then(|stored| stored.run().ok());
        let Some(run) = run.filter(|run| run.status.is_none()) else { return Ok(()) };
        let now = self.ledger.now(test_clock).await?;
        if self.is_off(&run) {
            // The hold stays until its deadline: the operator may switch the model or provider on again.
            return self.later(workspace, n, now.after_seconds(OFF_SECONDS).min(run.expires_at)).await;
        }
        let Some((attempt, started_at)) = self.start(workspace, n, &run).await? else { return Ok(()) };
        let seed = u64::from_le_bytes(std::array::from_fn(|index| workspace.get().to_le_bytes()[index]))
            .wrapping_add(u64::from(n));
        let asked = run.clone();
        let answer = tokio::task::spawn_blocking(move || sandbox::poll(&asked, started_at, now, seed)).await;
        match answer.map_err(|panic| Unavailable(format!("the sandbox panicked: {panic}")))? {
            // A run that never ends is tried again after its hold has ended: the scheduler ends it.
            Answer::Later(at) => self.later(workspace, n, at.unwrap_or(run.expires_at)).await,
            Answer::Failed(failure) => self.settle(workspace, n, attempt, Outcome::Failed(failure)).await,
            Answer::Files(files) => {
                let outcome = self.keep(&run, files).await?;
                self.settle(workspace, n, attempt, outcome).await
            }
        }
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
            Err(SubmitError::KeyReused | SubmitError::Claimed(_) | SubmitError::Exceeded(_)) => Ok(None),
            Err(SubmitError::Bug(cause)) => Err(Unavailable(cause)),
        }
    }

    async fn later(&self, workspace: WorkspaceId, n: u32, at: Timestamp) -> Result<(), Unavailable> {
        queue::put_off(self.ledger.store().worker(), (workspace, n), at).await
    }

    /// Renews the lease of the run again and again; never returns.
    async fn renew(&self, workspace: WorkspaceId, n: u32) {
        loop {
            tokio::time::sleep(RENEW).await;
            let renewed = async {
                let until = self.ledger.now(None).await?.after_seconds(LEASE_SECONDS);
                queue::renew(self.ledger.store().worker(), (workspace, n), until).await
            };
            if let Err(error) = renewed.await {
                tracing::warn!(%error, run = workspace.id_of(scrip_engine::Kind::Run, n), "a lease was not renewed");
            }
        }
    }

    /// Shortens a lease, so that a run does not wait out the lease of a worker whose disk was full for a moment. Where
    /// even that cannot be written it is tried again, until the lease has ended by itself.
    async fn again(&self, workspace: WorkspaceId, n: u32) {
        for _ in 0..LEASE_SECONDS / AGAIN_SECONDS {
            let given_up = async {
                let soon = self.ledger.now(None).await?.after_seconds(AGAIN_SECONDS);
                queue::shorten(self.ledger.store().worker(), (workspace, n), soon).await
            };
            let Err(error) = given_up.await else { return };
            tracing::warn!(%error, run = workspace.id_of(scrip_engine::Kind::Run, n), "a lease could not be released");
            tokio::time::sleep(Duration::from_secs(AGAIN_SECONDS.unsigned_abs())).await;
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
            Ok(_) | Err(SubmitError::KeyReused | SubmitError::Claimed(_) | SubmitError::Exceeded(_)) => Ok(()),
            Err(SubmitError::Refused(Refusal::Superseded)) => Ok(()),
            Err(SubmitError::Refused(refusal)) => {
                Err(Unavailable(format!("a run could not be settled: {}", refusal.code())))
            }
            Err(SubmitError::Unavailable(unavailable)) => Err(unavailable),
            Err(SubmitError::Bug(cause)) => Err(Unavailable(cause)),
        }
    }
}
