//! Jobs of the journal's thread, and the answers that wait for its flush.
//!
//! Invariant: every job has exactly one answer, sent after its batch is on the disk, or is known not to be.

use crate::{Allowance, Commit, Idempotency, OverLimit, Row, Submission, SubmitError, Unavailable, Value};
use scrip_engine::{Catalog, Catalogs, Timestamp, Workspace, WorkspaceId};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Results of submissions, in their order.
pub(super) type Results = Vec<Result<Commit, SubmitError>>;
pub(super) type Reply<T> = oneshot::Sender<Result<T, Unavailable>>;

/// A job of the journal's thread.
pub(super) enum Job {
    Submit(Box<Submission>, oneshot::Sender<Result<Commit, SubmitError>>),
    SubmitMany(Vec<Submission>, OwnedSemaphorePermit, oneshot::Sender<Results>),
    Read(WorkspaceId, Reply<Option<Arc<Workspace>>>),
    Now(Option<i64>, Reply<Timestamp>),
    SetClock {
        id: i64,
        name: Option<String>,
        now: Timestamp,
        reply: Reply<()>,
    },
    Write(&'static str, Vec<Value>, Reply<usize>),
    Take(&'static str, Vec<Value>, Reply<Vec<Row>>),
    Spend(Allowance, Reply<Result<(), OverLimit>>),
    /// Append an operator's act after the one before it.
    Act(Vec<Value>, Reply<usize>),
    Publish {
        text: String,
        catalog: Arc<Catalog>,
        actor: String,
        reply: Reply<u32>,
    },
}

impl Job {
    /// Returns the number of submissions that the job adds to a transaction.
    pub(super) fn weight(&self) -> usize {
        match self {
            Job::SubmitMany(submissions, ..) => submissions.len(),
            _ => 1,
        }
    }
}

/// Returns the idempotency keys of jobs.
pub(super) fn keys(jobs: &[Job]) -> impl Iterator<Item = (WorkspaceId, &Idempotency)> {
    let submissions = jobs.iter().flat_map(|job| match job {
        Job::Submit(submission, _) => std::slice::from_ref(&**submission),
        Job::SubmitMany(submissions, ..) => submissions,
        _ => &[],
    });
    submissions.filter_map(|submission| submission.idempotency.as_ref().map(|key| (submission.workspace, key)))
}

/// Answer that waits for the flush.
pub(super) enum Answer {
    Submit(oneshot::Sender<Result<Commit, SubmitError>>, Result<Commit, SubmitError>),
    SubmitMany(oneshot::Sender<Results>, Results),
    Read(Reply<Option<Arc<Workspace>>>, Result<Option<Arc<Workspace>>, Unavailable>),
    Now(Reply<Timestamp>, Timestamp),
    Clock(Reply<()>, Result<(i64, Timestamp), Unavailable>),
    Write(Reply<usize>, Result<usize, Unavailable>),
    Take(Reply<Vec<Row>>, Result<Vec<Row>, Unavailable>),
    Spend(Reply<Result<(), OverLimit>>, Result<Result<(), OverLimit>, Unavailable>),
    Publish(Reply<u32>, Result<u32, Unavailable>, Option<Arc<Catalogs>>),
}

/// Answers every job of a batch that it took no effect; a refusal too, since it may have been decided on entries that
/// were undone.
pub(super) fn refuse(answers: Vec<Answer>, error: &rusqlite::Error) {
    let unavailable = || Unavailable(error.to_string());
    for answer in answers {
        match answer {
            Answer::Submit(reply, _) => drop(reply.send(Err(unavailable().into()))),
            Answer::SubmitMany(reply, results) => {
                drop(reply.send(results.iter().map(|_| Err(unavailable().into())).collect()));
            }
            Answer::Read(reply, _) => drop(reply.send(Err(unavailable()))),
            Answer::Now(reply, now) => drop(reply.send(Ok(now))),
            Answer::Clock(reply, _) => drop(reply.send(Err(unavailable()))),
            Answer::Write(reply, _) => drop(reply.send(Err(unavailable()))),
            Answer::Take(reply, _) => drop(reply.send(Err(unavailable()))),
            Answer::Spend(reply, _) => drop(reply.send(Err(unavailable()))),
            Answer::Publish(reply, ..) => drop(reply.send(Err(unavailable()))),
        }
    }
}
