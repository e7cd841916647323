//! An appender: one task and one connection that decide and append for the workspaces assigned to it.
//!
//! It takes the submissions that wait, decides them on the states that this process knows, and appends them in one
//! statement. A job that loses its number to another process is decided again on the entries it missed.
//!
//! Invariant: no answer is given that the database has not confirmed; a refusal needs the journal's end checked.

mod batch;
mod insert;
mod jobs;
mod reads;

use super::inserts::Inserts;
use super::rows::{FoldError, RowStatements};
use super::states::{self, CachedState, NEWS, States};
use super::{PATIENCE, SharedState, claims, fold, guards, reach};
use crate::projection::RunRow;
use crate::{SNAPSHOT_EVERY, Tell, Unavailable, panic_text};
use batch::{Batch, Decision, Group, NewEntry, groups, refuse_denied, refuse_taken};
use insert::{Insertion, insert};
pub(super) use jobs::Job;
use jobs::{Ask, NoChange, answer};
use reads::{End, answer_stored, are_ends, clocks, stored_keys, test_clock};
use scrip_engine::{By, Catalogs, Command, Timestamp, Transition, WorkspaceId, apply};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_postgres::{Client, Statement};

/// Maximum number of jobs that share a transaction.
const BATCH_MAX: usize = 256;
/// Settings of the connection: every statement finds its rows by their keys, whatever the planner knows of the tables.
const SESSION: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off";
/// Number of rounds in which a batch is decided again before its callers are told to come back.
const ROUNDS_MAX: usize = 100;

pub(super) struct Appender {
    pub shared: Arc<SharedState>,
    pub link: Option<Link>,
    /// `true` once the connection has failed a job: a server that ends a connection sends an error before it closes it.
    pub failed: bool,
    pub states: States,
    pub group_commit: bool,
    /// Function that returns the mails and rows which follow from an entry.
    pub tell: Tell,
}

/// Connection of an appender, with its frequent statements prepared.
pub(super) struct Link {
    client: Client,
    inserts: Inserts,
    claims: Inserts,
    news: Statement,
    rows: RowStatements,
}

impl Link {
    async fn new(shared: &SharedState) -> Result<Link, Unavailable> {
        let client = shared.connect().await?;
        client.batch_execute(SESSION).await?;
        client.batch_execute(shared.parts.planning()).await?;
        client.batch_execute(reach::SHORT_STATEMENTS).await?;
        let news = client.prepare(NEWS).await?;
        let rows = RowStatements::prepare(&client).await?;
        let inserts = Inserts::new(insert::HEAD, insert::TYPES, insert::TAIL);
        Ok(Link { client, inserts, claims: claims::inserts(), news, rows })
    }
}

impl Appender {
    /// Serves jobs until every sender is gone.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let most = if self.group_commit { BATCH_MAX } else { 1 };
        let mut batch = Vec::with_capacity(most);
        while waiting.recv_many(&mut batch, most).await > 0 {
            let mut pending = std::mem::take(&mut batch);
            pending.iter_mut().zip(0..).for_each(|(job, place)| job.place = place);
            for _ in 0..ROUNDS_MAX {
                // A job whose caller was told to come back is left out: the caller sends another.
                pending.retain(|job| !job.is_abandoned());
                if pending.is_empty() {
                    break;
                }
                // A database that does not answer is given up, and the connection with it: its jobs go unanswered.
                pending = tokio::time::timeout(PATIENCE, self.round(pending)).await.unwrap_or_default();
                // After every round, the jobs of one workspace are decided in the order of their arrival.
                pending.sort_by_key(|job| job.place);
            }
            let unavailable = Unavailable(format!("{ROUNDS_MAX} rounds were lost to other processes"));
            pending.into_iter().for_each(|job| job.fail(&unavailable));
        }
    }

    /// Decides and appends once; returns the jobs that must be decided again.
    async fn round(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let link = match self.link.take().filter(|link| !link.client.is_closed()) {
            Some(link) => link,
            None => match Link::new(&self.shared).await {
                Ok(link) => link,
                Err(unavailable) => {
                    jobs.into_iter().for_each(|job| job.fail(&unavailable));
                    return Vec::new();
                }
            },
        };
        let again = self.round_on(&link, jobs).await;
        if !std::mem::take(&mut self.failed) && !link.client.is_closed() {
            self.link = Some(link);
        }
        again
    }

    /// Answers callers with an error that asks them to come back; another connection serves them then.
    fn fail(&mut self, jobs: impl IntoIterator<Item = Job>, unavailable: &Unavailable) {
        self.failed = true;
        jobs.into_iter().for_each(|job| job.fail(unavailable));
    }

    async fn round_on(&mut self, link: &Link, jobs: Vec<Job>) -> Vec<Job> {
        let client = &link.client;
        if let Err(unavailable) = self.states.ready(client, &link.news, jobs.iter().map(Job::workspace)).await {
            self.fail(jobs, &unavailable);
            return Vec::new();
        }
        let jobs = self.without_broken(jobs);
        let mut loaded = clocks(client, &self.states, &jobs, &self.shared.seals).await;
        // A version that another process has just published is read before a job is judged by it.
        let newest = self.shared.catalogs().newest().map_or(0, |newest| newest.version);
        let is_behind = |job: &Job| self.states.of(job.workspace()).workspace.catalog > newest;
        if loaded.is_ok() && jobs.iter().any(is_behind) {
            loaded = self.shared.reload_catalogs().await.and(loaded);
        }
        let clocks = match loaded {
            Ok(clocks) => clocks,
            Err(unavailable) => {
                self.fail(jobs, &unavailable);
                return Vec::new();
            }
        };
        let Batch { planned, unchanged, later, after } = self.decide(jobs, &clocks);
        let mut again = later;
        for group in groups(planned, after, self.shared.parts.is_divided()) {
            again.extend(self.append(link, group).await);
        }
        again.extend(self.confirm(link, unchanged).await);
        again
    }

    /// Answers jobs of workspaces whose entries are damaged; returns the rest.
    fn without_broken(&self, jobs: Vec<Job>) -> Vec<Job> {
        let (mut good, mut broken) = (Vec::with_capacity(jobs.len()), Vec::new());
        for job in jobs {
            match self.states.fault(job.workspace()) {
                None => good.push(job),
                Some(why) => broken.push((job, why)),
            }
        }
        broken.into_iter().for_each(|(job, why)| job.fail(&why));
        good
    }

    fn decide(&self, jobs: Vec<Job>, clocks: &HashMap<i64, Timestamp>) -> Batch {
        let mut decided = Batch::default();
        let (mut keys, mut claimed, mut waiting) = (HashSet::new(), HashSet::new(), HashSet::new());
        let (catalogs, is_divided) = (self.shared.catalogs(), self.shared.parts.is_divided());
        for job in jobs {
            let id = job.workspace();
            if waiting.contains(&id) || job.claims().iter().any(|claim| claimed.contains(claim)) {
                // Every later job of a workspace waits for its opening.
                waiting.insert(id);
                decided.later.push(job);
                continue;
            }
            if job.idempotency().is_some_and(|idempotency| !keys.insert((id, idempotency.key))) {
                decided.later.push(job);
                continue;
            }
            claimed.extend(job.claims().iter().cloned());
            let cached = decided.after.get(&id).unwrap_or_else(|| self.states.of(id)).clone();
            let test_clock = test_clock(&job, &cached);
            let now = test_clock.and_then(|id| clocks.get(&id).copied()).unwrap_or_else(|| self.shared.now());
            let on = End { seq: cached.workspace.seq, hash: cached.hash };
            match decide(&job, &cached, &catalogs, now) {
                Outcome::Append(applied) => {
                    let told = (self.tell)(&catalogs, &applied.workspace, &applied.events);
                    let is_first = !decided.after.contains_key(&id);
                    let (entry, after) = NewEntry::new(job, *applied, cached, told);
                    if is_divided && !entry.is_plain() {
                        // It has a transaction of its own: no other entry of its workspace is in this batch.
                        waiting.insert(id);
                        if !is_first {
                            decided.later.push(entry.job);
                            continue;
                        }
                    }
                    decided.after.insert(id, after);
                    decided.planned.push(entry);
                }
                Outcome::Unchanged(unchanged) => decided.unchanged.push(Decision { job, on, unchanged }),
            }
        }
        decided
    }

    /// Appends the planned entries, all of them or none; returns the jobs that must be decided again.
    async fn append(&mut self, link: &Link, Group { planned, after }: Group) -> Vec<Job> {
        let inserted = insert(link, &planned, self.shared.now(), &self.shared.seals).await;
        if inserted.is_err() {
            // When the connection is gone, its transaction is gone too.
            let _ = link.client.batch_execute("ROLLBACK").await;
        }
        match inserted {
            Ok(Insertion::All) => self.acknowledge(planned, after),
            Ok(Insertion::But(lost)) => return self.resolve_losses(link, planned, &lost).await,
            Ok(Insertion::Claimed(taken)) => return refuse_taken(planned, &taken),
            Ok(Insertion::Denied(denied)) => return refuse_denied(planned, denied),
            Ok(Insertion::Behind(behind)) => return self.refold(planned, &behind).await,
            Err(FoldError::Database(error)) if reach::is_retryable(&error) => {
                return planned.into_iter().map(|planned| planned.job).collect();
            }
            Err(error) => {
                self.failed = true;
                let outcome = self.outcome(&planned).await;
                if outcome.is_err() {
                    planned.iter().for_each(|planned| self.states.forget(planned.job.workspace()));
                }
                match outcome {
                    Ok(true) => self.acknowledge(planned, after),
                    _ => self.fail(planned.into_iter().map(|planned| planned.job), &error.into()),
                }
            }
        }
        Vec::new()
    }

    fn acknowledge(&mut self, planned: Vec<NewEntry>, after: HashMap<WorkspaceId, CachedState>) {
        let now = self.shared.now();
        for CachedState { workspace, .. } in after.values().filter(|state| state.workspace.test_clock.is_none()) {
            self.shared.due_times.note(workspace.id, workspace.next_due_at(), now);
        }
        let is_queued = |entry: &&NewEntry| entry.committed.events.iter().any(|event| RunRow::is_queued_by(&event.1));
        for entry in planned.iter().filter(|_| self.shared.parts.is_divided()).filter(is_queued) {
            self.shared.queue.note(entry.job.part, entry.job.workspace(), entry.committed.at);
        }
        self.shared.hints.send(after.keys().copied());
        let due = |cached: &&CachedState| cached.workspace.seq.is_multiple_of(SNAPSHOT_EVERY);
        let kept: Vec<CachedState> = after.values().filter(due).cloned().collect();
        if !kept.is_empty() {
            tokio::spawn(states::keep(Arc::clone(&self.shared), kept));
        }
        self.states.keep(after);
        for NewEntry { job, committed, .. } in planned {
            if let Ask::Submit(_, reply) = job.ask {
                let _ = reply.send(Ok(committed));
            }
        }
    }

    /// Handles lost numbers or keys, when nothing was appended: answers jobs from stored answers, returns the rest.
    async fn resolve_losses(&mut self, link: &Link, planned: Vec<NewEntry>, lost: &HashSet<WorkspaceId>) -> Vec<Job> {
        let jobs: Vec<Job> = planned.into_iter().map(|planned| planned.job).collect();
        let lost: Vec<WorkspaceId> = lost.iter().copied().collect();
        let found = async {
            self.states.reload(&link.client, &link.news, &lost).await?;
            stored_keys(&link.client, &jobs).await
        };
        match found.await {
            Ok(mut found) => {
                let mut again = Vec::new();
                for (index, job) in jobs.into_iter().enumerate() {
                    match found.remove(&index) {
                        Some(stored) => answer_stored(&self.shared, job, stored),
                        None => again.push(job),
                    }
                }
                again
            }
            Err(unavailable) => {
                self.fail(jobs, &unavailable);
                Vec::new()
            }
        }
    }

    /// Folds workspaces anew whose rows are not where their entries begin; returns the jobs, to be decided again.
    async fn refold(&mut self, planned: Vec<NewEntry>, behind: &[WorkspaceId]) -> Vec<Job> {
        let jobs: Vec<Job> = planned.into_iter().map(|planned| planned.job).collect();
        let folded = async {
            let mut client = self.shared.connect().await?;
            let behind: Vec<i64> = behind.iter().map(|workspace| workspace.get()).collect();
            guards::refuse_shortened_workspaces(&client, &behind).await?;
            fold::refold(&mut client, &behind).await
        };
        match folded.await {
            Ok(()) => jobs,
            Err(unavailable) => {
                self.fail(jobs, &unavailable);
                Vec::new()
            }
        }
    }

    /// Returns whether entries are in the journal, after a commit whose answer was lost.
    async fn outcome(&self, planned: &[NewEntry]) -> Result<bool, Unavailable> {
        let client = self.shared.connect().await?;
        let first = &planned[0].row;
        let sql = "SELECT hash FROM entries WHERE workspace = $1 AND seq = $2";
        let row = client.query_opt(sql, &[&first.workspace, &first.seq]).await?;
        Ok(row.is_some_and(|row| row.get::<_, &[u8]>(0) == first.hash))
    }

    /// Answers jobs that change nothing, where the journal has no newer entry and no answer under their key; returns
    /// the rest.
    async fn confirm(&mut self, link: &Link, unchanged: Vec<Decision>) -> Vec<Job> {
        let client = &link.client;
        if unchanged.is_empty() {
            return Vec::new();
        }
        let decisions = unchanged.into_iter().map(|Decision { job, on, unchanged }| (job, (on, unchanged)));
        let (jobs, decided): (Vec<Job>, Vec<(End, NoChange)>) = decisions.unzip();
        let decided_on = jobs.iter().map(Job::workspace).zip(decided.iter().map(|(on, _)| *on));
        let looked = async { tokio::try_join!(stored_keys(client, &jobs), are_ends(client, decided_on)) };
        let (mut stored, are_ends) = match looked.await {
            Ok(looked) => looked,
            Err(unavailable) => {
                self.fail(jobs, &unavailable);
                return Vec::new();
            }
        };
        let (mut again, mut stale) = (Vec::new(), HashSet::new());
        for (index, ((job, (_, unchanged)), is_end)) in jobs.into_iter().zip(decided).zip(are_ends).enumerate() {
            match stored.remove(&index) {
                Some(stored) => answer_stored(&self.shared, job, stored),
                None if is_end => answer(job, unchanged),
                None => {
                    stale.insert(job.workspace());
                    again.push(job);
                }
            }
        }
        let stale: Vec<WorkspaceId> = stale.into_iter().collect();
        if let Err(unavailable) = self.states.reload(client, &link.news, &stale).await {
            self.fail(again.drain(..), &unavailable);
        }
        again
    }
}

enum Outcome {
    Append(Box<Transition>),
    Unchanged(NoChange),
}

/// Returns the outcome of a job on a state of its workspace.
fn decide(job: &Job, cached: &CachedState, catalogs: &Catalogs, now: Timestamp) -> Outcome {
    let workspace = &cached.workspace;
    let tick = Command::Tick;
    let (by, command) = match &job.ask {
        Ask::Submit(submission, _) => (submission.by, &submission.command),
        Ask::Read(..) if !workspace.is_open() => return Outcome::Unchanged(NoChange::Read(None)),
        Ask::Read(..) if workspace.next_due_at().is_none_or(|due| due > now) => {
            return Outcome::Unchanged(NoChange::Read(Some(Arc::clone(workspace))));
        }
        Ask::Read(..) => (By::Operator, &tick),
    };
    let unchanged = match catch_unwind(AssertUnwindSafe(|| apply(workspace, catalogs, by, command, now))) {
        Ok(Ok(applied)) if matches!(job.ask, Ask::Read(..)) => NoChange::Read(Some(Arc::new(applied.workspace))),
        Ok(Ok(applied)) if applied.events.is_empty() => NoChange::Nothing(Box::new(applied), Arc::clone(workspace)),
        Ok(Ok(applied)) => return Outcome::Append(Box::new(applied)),
        Ok(Err(refusal)) => NoChange::Refused(refusal),
        Err(panic) => NoChange::Bug(panic_text(panic.as_ref())),
    };
    Outcome::Unchanged(unchanged)
}
