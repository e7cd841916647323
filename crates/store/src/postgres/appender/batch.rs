//! Batches of an appender: what is decided in memory, and which entries share a transaction.
//!
//! Invariant: the entries of one transaction are of one part, or it is a transaction of one entry.

use super::jobs::{Ask, Job, NoChange};
use super::reads::End;
use crate::allowance::Denial;
use crate::journal::SealedEntry;
use crate::postgres::states::CachedState;
use crate::{Claim, Commit, Consequences, SubmitError};
use scrip_engine::{Transition, WorkspaceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Columns of a new entry.
pub(super) struct EntryRow {
    pub workspace: i64,
    pub seq: i64,
    pub at: i64,
    pub key: Option<Vec<u8>>,
    pub request: Option<Vec<u8>>,
    pub next_due_at: Option<i64>,
    pub body: String,
    pub previous: Vec<u8>,
    pub hash: Vec<u8>,
}

/// An entry that is decided and is to be appended.
pub(super) struct NewEntry {
    pub(super) job: Job,
    pub(super) row: EntryRow,
    pub(super) committed: Commit,
    /// Mails and rows that are written with the entry, besides its claims.
    pub(super) beside: Consequences,
}

impl NewEntry {
    /// Seals the entry of a command; returns it, and the state of its workspace after it.
    pub(super) fn new(
        Job { place, part, ask }: Job,
        Transition { workspace, events }: Transition,
        before: CachedState,
        told: Consequences,
    ) -> (NewEntry, CachedState) {
        let Ask::Submit(submission, reply) = ask else { panic!("a read appends no entry") };
        let mails = submission.mails.iter().cloned().chain(told.mails).collect();
        let beside = Consequences { mails, rows: submission.rows.iter().cloned().chain(told.rows).collect() };
        let SealedEntry { body, events, next_due_at, hash } =
            SealedEntry::new(&before.hash, &submission, &workspace, events);
        let idempotency = submission.idempotency;
        let row = EntryRow {
            workspace: workspace.id.get(),
            seq: workspace.seq as i64,
            at: workspace.at.micros(),
            key: idempotency.map(|idempotency| idempotency.key.to_vec()),
            request: idempotency.map(|idempotency| idempotency.request.to_vec()),
            next_due_at,
            body,
            previous: before.hash.to_vec(),
            hash: hash.to_vec(),
        };
        let workspace = Arc::new(workspace);
        let committed = Commit {
            seq: workspace.seq,
            at: workspace.at,
            events,
            replayed: false,
            before: Some(before.workspace),
            workspace: submission.wants_workspace.then(|| Arc::clone(&workspace)),
        };
        let job = Job { place, part, ask: Ask::Submit(submission, reply) };
        (NewEntry { job, row, committed, beside }, CachedState { workspace, hash })
    }
}

/// A decision that changes nothing, and the entry it was decided on: a later entry may exist by now.
pub(super) struct Decision {
    pub(super) job: Job,
    pub(super) on: End,
    pub(super) unchanged: NoChange,
}

/// A batch that is decided in memory.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) planned: Vec<NewEntry>,
    pub(super) unchanged: Vec<Decision>,
    /// Jobs whose key or claim an earlier job of this batch has: they wait for its result.
    pub(super) later: Vec<Job>,
    pub(super) after: HashMap<WorkspaceId, CachedState>,
}

/// Entries that are appended in one transaction, and the states after them.
pub(super) struct Group {
    pub(super) planned: Vec<NewEntry>,
    pub(super) after: HashMap<WorkspaceId, CachedState>,
}

/// Returns the entries by transaction: one for each part, and where there are several parts, one for each entry that
/// writes outside its own.
pub(super) fn groups(
    mut planned: Vec<NewEntry>,
    mut after: HashMap<WorkspaceId, CachedState>,
    is_divided: bool,
) -> Vec<Group> {
    // Sorted in every process: of two that wait for each other's rows, the database would abort one.
    planned.sort_by_key(|planned| (planned.job.part, planned.row.workspace, planned.row.seq));
    let mut groups: Vec<Group> = Vec::new();
    let mut plain: Option<usize> = None;
    for entry in planned {
        let id = entry.job.workspace();
        let is_alone = is_divided && !entry.is_plain();
        let open = plain.filter(|group| !is_alone && groups[*group].planned[0].job.part == entry.job.part);
        let group = open.unwrap_or_else(|| {
            groups.push(Group { planned: Vec::new(), after: HashMap::new() });
            groups.len() - 1
        });
        groups[group].after.extend(after.remove_entry(&id));
        groups[group].planned.push(entry);
        plain = if is_alone { plain } else { Some(group) };
    }
    groups
}

/// Refuses the jobs whose claims other workspaces have, as the database has confirmed: nothing was appended. The rest
/// is returned, to be decided again.
pub(super) fn refuse_taken(planned: Vec<NewEntry>, taken: &HashSet<Claim>) -> Vec<Job> {
    let mut again = Vec::new();
    for NewEntry { job, .. } in planned {
        match (job.claims().iter().find(|claim| taken.contains(claim)).cloned(), job) {
            (Some(claim), Job { ask: Ask::Submit(_, reply), .. }) => {
                drop(reply.send(Err(SubmitError::Claimed(claim))));
            }
            (_, job) => again.push(job),
        }
    }
    again
}

/// Answers the jobs that have no allowance: nothing was appended. The rest is returned, to be decided again.
pub(super) fn refuse_denied(planned: Vec<NewEntry>, mut denied: HashMap<usize, Denial>) -> Vec<Job> {
    let mut again = Vec::new();
    for (place, NewEntry { job, .. }) in planned.into_iter().enumerate() {
        let error = match denied.remove(&place) {
            Some(Denial::OverLimit(exceeded)) => SubmitError::OverLimit(exceeded),
            Some(Denial::Refused(refusal)) => SubmitError::Refused(refusal),
            None => {
                again.push(job);
                continue;
            }
        };
        if let Ask::Submit(_, reply) = job.ask {
            drop(reply.send(Err(error)));
        }
    }
    again
}
