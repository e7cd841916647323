//! The ledger: `Ledger::submit` is the only write path to anything about credits.
//!
//! Invariant: decides nothing itself; the engine does, inside the store.

use crate::crypto::sha256;
use crate::store::queries;
use crate::store::{Committed, Idempotency, Store, Submission, SubmitError, Unavailable, Value};
use scrip_engine::{Command, Timestamp, Workspace, WorkspaceId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The ledger over a store.
pub struct Ledger {
    store: Store,
    /// Workspaces that are being opened now, and by how many requests.
    opening: Mutex<HashMap<WorkspaceId, usize>>,
}

/// A workspace that is being opened: nobody takes its claims over for as long as this lives.
pub struct Opening<'a> {
    ledger: &'a Ledger,
    workspace: WorkspaceId,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let mut opening = self.ledger.opening.lock().expect("nobody panics while counting");
        if let Some(requests) = opening.get_mut(&self.workspace) {
            *requests -= 1;
            if *requests == 0 {
                opening.remove(&self.workspace);
            }
        }
    }
}

/// Who asks for a command, and what makes the request at most once.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As the journal names them.
    pub actor: String,
    /// What makes it at most once.
    pub idempotency: Option<Idempotency>,
}

impl Asked {
    /// One of our own workers, with a natural key where its command must happen once.
    pub fn internal(actor: &str, workspace: WorkspaceId, key: Option<String>) -> Asked {
        let idempotency = key.map(|key| idempotency(workspace, &format!("internal:{key}"), &[]));
        Asked { actor: actor.to_owned(), idempotency }
    }
}

/// The fixed-size form of an idempotency key and of the request it came with.
pub fn idempotency(workspace: WorkspaceId, key: &str, request: &[&[u8]]) -> Idempotency {
    let half = |hash: [u8; 32]| -> [u8; 16] { std::array::from_fn(|index| hash[index]) };
    Idempotency { key: half(sha256(&[&workspace.get().to_le_bytes(), key.as_bytes()])), request: half(sha256(request)) }
}

impl Ledger {
    /// A ledger over a store.
    pub fn new(store: Store) -> Ledger {
        Ledger { store, opening: Mutex::default() }
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Decides a command and makes it durable.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(
        &self,
        workspace: WorkspaceId,
        command: Command,
        asked: Asked,
    ) -> Result<Committed, SubmitError> {
        self.send(workspace, command, asked, false).await
    }

    /// The same, and answers with the workspace as it was right after.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit_and_show(
        &self,
        workspace: WorkspaceId,
        command: Command,
        asked: Asked,
    ) -> Result<(Committed, Arc<Workspace>), SubmitError> {
        let mut committed = self.send(workspace, command, asked, true).await?;
        let shown = committed.workspace.take();
        let shown = shown.ok_or_else(|| SubmitError::Bug("the store showed no workspace".to_owned()))?;
        Ok((committed, shown))
    }

    /// Decides many commands, those of one workspace in this order, and makes them durable together.
    pub async fn submit_many(&self, many: Vec<(WorkspaceId, Command, Asked)>) -> Vec<Result<Committed, SubmitError>> {
        let submission = |(workspace, command, asked): (WorkspaceId, Command, Asked)| {
            let Asked { actor, idempotency } = asked;
            Submission { workspace, command, actor, idempotency, wants_workspace: false }
        };
        self.store.submit_many(many.into_iter().map(submission).collect()).await
    }

    async fn send(
        &self,
        workspace: WorkspaceId,
        command: Command,
        asked: Asked,
        wants_workspace: bool,
    ) -> Result<Committed, SubmitError> {
        let Asked { actor, idempotency } = asked;
        self.store.submit(Submission { workspace, command, actor, idempotency, wants_workspace }).await
    }

    /// Lets time pass for a workspace, if anything is due.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn tick(&self, workspace: WorkspaceId) -> Result<Committed, SubmitError> {
        self.submit(workspace, Command::Tick, Asked::internal("scheduler", workspace, None)).await
    }

    /// A workspace, settled to now.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, Unavailable> {
        self.store.workspace(id).await
    }

    /// Says that a workspace is being opened, before its claims are made and until its entry was submitted.
    pub fn opening(&self, workspace: WorkspaceId) -> Opening<'_> {
        *self.opening.lock().expect("nobody panics while counting").entry(workspace).or_default() += 1;
        Opening { ledger: self, workspace }
    }

    /// Claims something that only one workspace may have, for a workspace; whether it has it now.
    ///
    /// A claim whose workspace was never opened (a crash or a refusal came between) goes to whoever asks next, but not
    /// while that workspace is being opened: two people at once would both have it.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn claim(&self, scope: &str, claim: &str, workspace: WorkspaceId) -> Result<bool, Unavailable> {
        let (scope, claim) = (Value::Text(scope.to_owned()), Value::Text(claim.to_owned()));
        let made = self.store.write(queries::CLAIM, vec![scope.clone(), claim.clone(), workspace.into()]).await?;
        if made == 1 {
            return Ok(true);
        }
        let rows = self.store.query(queries::CLAIMED_BY, vec![scope.clone(), claim.clone()]).await?;
        let Some(holder) = rows.first().map(|row| row.integer(0)) else { return Ok(false) };
        if holder == workspace.get() {
            return Ok(true);
        }
        let holding = WorkspaceId::new(holder as u64);
        let in_flight = self.opening.lock().expect("nobody panics while counting").contains_key(&holding);
        // The look comes after that: whoever is no longer in flight has been answered by the journal before it.
        if in_flight || self.workspace(holding).await?.is_some() {
            return Ok(false);
        }
        let taken = self
            .store
            .write(queries::CLAIM_AGAIN, vec![scope, claim, workspace.into(), Value::Integer(holder)])
            .await?;
        Ok(taken == 1)
    }

    /// What time it is for a workspace on a test clock, or for everyone else.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn now(&self, test_clock: Option<i64>) -> Result<Timestamp, Unavailable> {
        self.store.now(test_clock).await
    }
}
