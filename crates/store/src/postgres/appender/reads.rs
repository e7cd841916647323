//! Reads of an appender besides the states it knows: answers under keys, the ends of workspaces, test clocks.
//!
//! Invariant: these reads change nothing.

use super::super::states::{self, CachedState, States};
use super::super::{SharedState, reach, values};
use super::{Ask, Job};
use crate::integrity::{self, Seals};
use crate::journal::{EarlierEntry, GENESIS};
use crate::{Commit, SubmitError, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::Client;

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
    let sql = "SELECT w.place, seq, at, request_hash, body
               FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS w (place, workspace, key),
               LATERAL (SELECT seq, at, request_hash, body FROM entries
                        WHERE entries.workspace = w.workspace AND idempotency_key = w.key OFFSET 0) AS stored";
    let found = client.query(sql, &[&places, &workspaces, &keys]).await?;
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

/// Returns the hash of each workspace's last entry.
pub(super) async fn ends(client: &Client, jobs: &[Job]) -> Result<HashMap<WorkspaceId, [u8; 32]>, Unavailable> {
    let workspaces: Vec<i64> = jobs.iter().map(|job| job.workspace().get()).collect();
    let sql = "SELECT w.workspace,
               (SELECT hash FROM entries WHERE entries.workspace = w.workspace ORDER BY seq DESC LIMIT 1)
               FROM unnest($1::bigint[]) AS w (workspace)";
    let found = client.query(sql, &[&workspaces]).await?;
    let end = |row: &tokio_postgres::Row| {
        let hash = row.get::<_, Option<&[u8]>>(1).and_then(|hash| hash.try_into().ok());
        (WorkspaceId::new(row.get::<_, i64>(0) as u64), hash.unwrap_or(GENESIS))
    };
    Ok(found.iter().map(end).collect())
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
