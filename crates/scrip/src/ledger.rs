//! Ledger: `Ledger::submit` is the only way to write anything about credits.
//!
//! Invariant: the ledger decides nothing itself; the engine does, inside the store.

use crate::crypto::sha256;
use scrip_engine::{By, Catalogs, Command, Timestamp, UserId, Workspace, WorkspaceId};
use scrip_store::rows::claims;
use scrip_store::{
    Allowance, Claim, Commit, Idempotency, NewMail, Statement, Store, Submission, SubmitError, Unavailable,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ledger over a store, the only way to its journal.
pub struct Ledger {
    store: Store,
    /// Number of submissions in a row that the store could not write.
    failures: AtomicU64,
}

/// Caller of a command, with the request's identity.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Role of the caller, by which the engine judges the command.
    pub by: By,
    /// Name of the caller, as the journal keeps it.
    pub actor: String,
    /// Identifier of the request.
    pub request: Option<String>,
    /// Identity of the request, by which it takes effect at most once.
    pub idempotency: Option<Idempotency>,
}

/// Rows that are written together with an entry.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Claims that the workspace makes with the entry.
    pub claims: Vec<Claim>,
    /// Mails that are sent because of the entry.
    pub mails: Vec<NewMail>,
    /// Rows that are kept of the entry beside the journal.
    pub rows: Vec<Statement>,
    /// Uses that are counted with the entry.
    pub allowance: Allowance,
}

impl Origin {
    /// Returns a signed-in person as the caller, without an idempotency key.
    pub fn of_person(user: UserId, request: Option<String>) -> Origin {
        Origin { by: By::User(user), actor: user.to_string(), request, idempotency: None }
    }

    /// Returns one of Scrip's own workers as the caller, with a natural key where its command must happen once.
    pub fn internal(actor: &str, workspace: WorkspaceId, key: Option<String>) -> Origin {
        let idempotency = key.map(|key| idempotency(workspace, &format!("internal:{key}"), &[]));
        Origin { by: By::Operator, actor: actor.to_owned(), request: None, idempotency }
    }
}

/// Returns the fixed-size form of an idempotency key and of the request it came with.
pub fn idempotency(workspace: WorkspaceId, key: &str, request: &[&[u8]]) -> Idempotency {
    let key = half(sha256(&[&workspace.get().to_le_bytes(), key.as_bytes()]));
    Idempotency { key, request: request_hash(request), earlier: None }
}

/// Returns the fixed-size form of a request.
pub fn request_hash(request: &[&[u8]]) -> [u8; 16] {
    half(sha256(request))
}

fn half(hash: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|index| hash[index])
}

fn submission(
    workspace: WorkspaceId,
    command: Command,
    asked: Origin,
    beside: Beside,
    wants_workspace: bool,
) -> Submission {
    let (Origin { by, actor, request, idempotency }, Beside { claims, mails, rows, allowance }) = (asked, beside);
    Submission { workspace, command, by, actor, request, idempotency, claims, mails, rows, allowance, wants_workspace }
}

impl Ledger {
    /// Returns a ledger over a store.
    pub fn new(store: Store) -> Ledger {
        Ledger { store, failures: AtomicU64::new(0) }
    }

    /// Returns the store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the number of submissions that the store could not write since it last wrote one.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Counts a submission that the store could not write. A refusal because of a full queue does not count: the store
    /// may be well.
    fn note(&self, result: &Result<Commit, SubmitError>) {
        match result {
            Err(SubmitError::Unavailable(why)) if !why.is_crowd() => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            Ok(committed) if !committed.events.is_empty() && self.failures() > 0 => {
                self.failures.store(0, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Decides a command and makes its entry durable.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, workspace: WorkspaceId, command: Command, asked: Origin) -> Result<Commit, SubmitError> {
        let result = self.store.submit(submission(workspace, command, asked, Beside::default(), false)).await;
        self.note(&result);
        result
    }

    /// Decides a command and makes its entry durable; the answer carries the workspace right after it.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit_and_show(
        &self,
        workspace: WorkspaceId,
        command: Command,
        asked: Origin,
    ) -> Result<(Commit, Arc<Workspace>), SubmitError> {
        self.submit_beside(workspace, command, asked, Beside::default()).await
    }

    /// Decides a command and makes its entry durable, in one transaction with other rows: neither exists without the
    /// other.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit_beside(
        &self,
        workspace: WorkspaceId,
        command: Command,
        asked: Origin,
        beside: Beside,
    ) -> Result<(Commit, Arc<Workspace>), SubmitError> {
        let submission = submission(workspace, command, asked, beside, true);
        let result = self.store.submit(submission).await;
        self.note(&result);
        let mut committed = result?;
        let shown = committed.workspace.take();
        let shown = shown.ok_or_else(|| SubmitError::Bug("the store showed no workspace".to_owned()))?;
        Ok((committed, shown))
    }

    /// Decides many commands, those of one workspace in this order, and makes them durable together.
    pub async fn submit_many(&self, many: Vec<(WorkspaceId, Command, Origin)>) -> Vec<Result<Commit, SubmitError>> {
        let submission = |(workspace, command, asked): (WorkspaceId, Command, Origin)| {
            submission(workspace, command, asked, Beside::default(), false)
        };
        let results = self.store.submit_many(many.into_iter().map(submission).collect()).await;
        results.iter().for_each(|result| self.note(result));
        results
    }

    /// Lets time pass in a workspace, if anything is due.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn tick(&self, workspace: WorkspaceId) -> Result<Commit, SubmitError> {
        self.submit(workspace, Command::Tick, Origin::internal("scheduler", workspace, None)).await
    }

    /// Returns a workspace, settled to now; `None` when it was never opened.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, Unavailable> {
        self.store.workspace(id).await
    }

    /// Returns the catalog versions, among them the one that a workspace is on: where another process has just
    /// published it, the versions are read again first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn catalogs_of(&self, workspace: &Workspace) -> Result<Arc<Catalogs>, Unavailable> {
        self.catalogs_with(workspace.catalog).await
    }

    /// Returns the catalog versions, with a certain one among them.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn catalogs_with(&self, version: u32) -> Result<Arc<Catalogs>, Unavailable> {
        let known = self.store.catalogs();
        if known.get(version).is_some() {
            return Ok(known);
        }
        self.store.refresh_catalogs().await?;
        Ok(self.store.catalogs())
    }

    /// Returns whether another workspace than this one has a claim.
    ///
    /// A free name may be claimed a moment later: only the entry that comes with the claim decides. A claim that an
    /// older version made for a workspace that was never opened is released.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn is_taken(&self, claim: &Claim, workspace: WorkspaceId) -> Result<bool, Unavailable> {
        let on = self.store.reader();
        let holder = claims::holder(on, &claim.scope, &claim.what).await?;
        let Some(holder) = holder.filter(|holder| *holder != workspace) else { return Ok(false) };
        if self.workspace(holder).await?.is_some() {
            return Ok(true);
        }
        claims::release(on, claim, holder).await?;
        Ok(false)
    }

    /// Returns the present instant on a test clock, or on the machine's clock with `None`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn now(&self, test_clock: Option<i64>) -> Result<Timestamp, Unavailable> {
        self.store.now(test_clock).await
    }

    /// Returns the present instant of a workspace: by its clock, and never before its last entry.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn now_of(&self, workspace: &Workspace) -> Result<Timestamp, Unavailable> {
        Ok(self.now(workspace.test_clock).await?.max(workspace.at))
    }
}
