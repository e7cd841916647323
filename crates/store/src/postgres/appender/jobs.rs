//! Jobs of an appender: submissions and reads, each with the way back to its caller.
//!
//! Invariant: each job is answered once, or its caller is told to come back.

use crate::{Allowance, Claim, Commit, Idempotency, Submission, SubmitError, Unavailable};
use scrip_engine::{Refusal, Transition, Workspace, WorkspaceId};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A job of an appender.
pub(in crate::postgres) struct Job {
    /// Place in the order of arrival.
    pub(super) place: u64,
    /// Part of the database that the workspace is in.
    pub(super) part: i64,
    pub(super) ask: Ask,
}

pub(super) enum Ask {
    Submit(Box<Submission>, oneshot::Sender<Result<Commit, SubmitError>>),
    Read(WorkspaceId, oneshot::Sender<Result<Option<Arc<Workspace>>, Unavailable>>),
}

impl Job {
    pub(in crate::postgres) fn submit(
        submission: Submission,
        part: i64,
        reply: oneshot::Sender<Result<Commit, SubmitError>>,
    ) -> Job {
        Job { place: 0, part, ask: Ask::Submit(Box::new(submission), reply) }
    }

    pub(in crate::postgres) fn read(
        workspace: WorkspaceId,
        part: i64,
        reply: oneshot::Sender<Result<Option<Arc<Workspace>>, Unavailable>>,
    ) -> Job {
        Job { place: 0, part, ask: Ask::Read(workspace, reply) }
    }

    pub(super) fn workspace(&self) -> WorkspaceId {
        match &self.ask {
            Ask::Submit(submission, _) => submission.workspace,
            Ask::Read(workspace, _) => *workspace,
        }
    }

    pub(super) fn submission(&self) -> Option<&Submission> {
        match &self.ask {
            Ask::Submit(submission, _) => Some(submission),
            Ask::Read(..) => None,
        }
    }

    pub(super) fn idempotency(&self) -> Option<Idempotency> {
        self.submission()?.idempotency
    }

    pub(super) fn claims(&self) -> &[Claim] {
        self.submission().map_or(&[], |submission| &submission.claims)
    }

    pub(super) fn allowance(&self) -> Option<&Allowance> {
        self.submission().map(|submission| &submission.allowance).filter(|allowance| !allowance.is_empty())
    }

    pub(super) fn is_abandoned(&self) -> bool {
        match &self.ask {
            Ask::Submit(_, reply) => reply.is_closed(),
            Ask::Read(_, reply) => reply.is_closed(),
        }
    }

    pub(super) fn fail(self, unavailable: &Unavailable) {
        // The caller may have stopped waiting; its reply is then dropped.
        match self.ask {
            Ask::Submit(_, reply) => drop(reply.send(Err(unavailable.clone().into()))),
            Ask::Read(_, reply) => drop(reply.send(Err(unavailable.clone()))),
        }
    }
}

/// Decision that changes nothing, on a state that may not be the last one.
pub(super) enum NoChange {
    Nothing(Box<Transition>, Arc<Workspace>),
    Refused(Refusal),
    Bug(String),
    Read(Option<Arc<Workspace>>),
}

pub(super) fn answer(job: Job, unchanged: NoChange) {
    match (job.ask, unchanged) {
        (Ask::Read(_, reply), NoChange::Read(workspace)) => drop(reply.send(Ok(workspace))),
        (Ask::Read(_, reply), NoChange::Refused(refusal)) => {
            drop(reply.send(Err(Unavailable(format!("time could not pass: {}", refusal.code())))));
        }
        (Ask::Read(_, reply), NoChange::Bug(cause)) => drop(reply.send(Err(Unavailable(cause)))),
        (Ask::Read(_, reply), NoChange::Nothing(_, workspace)) => drop(reply.send(Ok(Some(workspace)))),
        (Ask::Submit(_, reply), NoChange::Refused(refusal)) => drop(reply.send(Err(SubmitError::Refused(refusal)))),
        (Ask::Submit(_, reply), NoChange::Bug(cause)) => drop(reply.send(Err(SubmitError::Bug(cause)))),
        (Ask::Submit(submission, reply), NoChange::Nothing(applied, before)) => {
            let Workspace { seq, at, .. } = applied.workspace;
            let workspace = submission.wants_workspace.then(|| Arc::new(applied.workspace));
            let before = Some(before);
            drop(reply.send(Ok(Commit { seq, at, events: Arc::default(), replayed: false, before, workspace })));
        }
        (Ask::Submit(_, reply), NoChange::Read(_)) => {
            drop(reply.send(Err(SubmitError::Bug("a submission was read".to_owned()))));
        }
    }
}
