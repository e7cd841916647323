//! Reads of an appender besides the states it knows: answers under keys, the ends of workspaces, test clocks.
//!
//! Invariant: these reads change nothing.

use super::super::states::{self, CachedState, States};
use super::super::{SharedState, reach, values};
use super::jobs::{Ask, Job};
use crate::integrity::{self, Seals};
use crate::journal::EarlierEntry;
use crate::{Commit, SubmitError, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::Client;

/// Reads the entries under keys.
const STORED: &str = "SELECT w.place, seq, at, request_hash, body
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS w (workspace, place, key)
    JOIN entries ON entries.workspace = w.workspace AND idempotency_key = w.key
    WHERE entries.workspace = ANY($1)";

/// Returns the stored answers of jobs whose keys have been used, by the job's place.
pub(super) async fn stored_keys(client: &Client, jobs: &[Job]) -> Result<HashMap<usize, EarlierEntry>, Unavailable> {
    let keyed = jobs.iter().enumerate().filter_map(|(index, job)| Some((index, job.workspace(), job.idempotency()?)));
    let keyed: Vec<(i64, i64, Vec<u8>)> =
        keyed.map(|(index, workspace, key)| (index as i64, workspace.get(), key.key.to_vec())).collect();
    if keyed.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<i64> = keyed.iter().map(|(place, ..)| *place).collect();
    let workspaces: Vec<i64> = keyed.iter().map(|(_, workspace, _)| *workspace).collect();
    let keys: Vec<&[u8]> = keyed.iter().map(|(.., key)| key.as_slice()).collect();
    let found = client.query(STORED, &[&workspaces, &places, &keys]).await?;
    let stored = |row: &tokio_postgres::Row| {
        let (seq, at) = (row.get::<_, i64>(1) as u64, Timestamp::from_micros(row.get(2)));
        (row.get::<_, i64>(0) as usize, EarlierEntry { seq, at, request: row.get(3), body: row.get(4) })
    };
    Ok(found.iter().map(stored).collect())
}

/// Gives a job the answer that its key was given before. The workspace of that time is folded from its first entry on,
/// in a task of its own, since every other job of the appender would wait for it.
pub(super) fn answer_stored(shared: &Arc<SharedState>, job: Job, stored: EarlierEntry) {
    let Ask::Submit(submission, reply) = job.ask else { return };
    match stored.answer(&submission) {
        Ok(committed) if submission.wants_workspace => {
            let (shared, workspace) = (Arc::clone(shared), submission.workspace);
            tokio::spawn(async move { reply.send(with_workspace(&shared, workspace, committed).await) });
        }
        answer => drop(reply.send(answer)),
    }
}

async fn with_workspace(shared: &SharedState, id: WorkspaceId, mut committed: Commit) -> Result<Commit, SubmitError> {
    let client = reach::take(&shared.pool).await?;
    committed.workspace = Some(states::as_of(&client, id, committed.seq).await?);
    Ok(committed)
}

/// Reads the entries of workspaces at a number and at the next one.
const ENDS: &str =
    "SELECT entries.workspace, entries.seq, hash FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, seq)
    JOIN entries ON entries.workspace = w.workspace AND entries.seq BETWEEN w.seq AND w.seq + 1
    WHERE entries.workspace = ANY($1)";

/// Last entry of a workspace, as a decision knows it.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// Number of the entry; 0 before the first one.
    pub seq: u64,
    /// Hash of the entry.
    pub hash: [u8; 32],
}

/// Returns for each workspace whether its journal ends with this entry.
pub(super) async fn are_ends(
    client: &Client,
    ends: impl Iterator<Item = (WorkspaceId, End)> + Clone,
) -> Result<Vec<bool>, Unavailable> {
    let workspaces: Vec<i64> = ends.clone().map(|(id, _)| id.get()).collect();
    let seqs: Vec<i64> = ends.clone().map(|(_, end)| end.seq as i64).collect();
    let found = client.query(ENDS, &[&workspaces, &seqs]).await?;
    let found: HashMap<(i64, i64), &[u8]> =
        found.iter().map(|row| ((row.get(0), row.get(1)), row.get::<_, &[u8]>(2))).collect();
    let is_end = |(id, End { seq, hash }): (WorkspaceId, End)| {
        let at = (id.get(), seq as i64);
        let is_there = seq == 0 || found.get(&at).is_some_and(|found| **found == hash);
        is_there && !found.contains_key(&(at.0, at.1 + 1))
    };
    Ok(ends.map(is_end).collect())
}

/// Returns the test clock of a job.
pub(super) fn test_clock(job: &Job, cached: &CachedState) -> Option<i64> {
    let now = &cached.workspace;
    job.submission().map_or(now.test_clock, |submission| submission.test_clock(now))
}

/// Returns the instants of the test clocks that a batch needs.
pub(super) async fn clocks(
    client: &Client,
    states: &States,
    jobs: &[Job],
    seals: &Seals,
) -> Result<HashMap<i64, Timestamp>, Unavailable> {
    let wanted: HashSet<i64> = jobs.iter().filter_map(|job| test_clock(job, states.of(job.workspace()))).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<i64> = wanted.into_iter().collect();
    let found = client.query("SELECT id, now, seal FROM test_clocks WHERE id = ANY($1)", &[&wanted]).await?;
    found.iter().map(|row| integrity::read_clock(seals, &values::row(row)?)).collect()
}
