//! Insertion of a batch: its entries, the rows that follow from them, and what is written beside, in one transaction.
//!
//! Invariant: all of it is written, or nothing.

use super::{Link, NewEntry};
use crate::Claim;
use crate::allowance::Denial;
use crate::integrity::Seals;
use crate::journal::GENESIS;
use crate::postgres::rows::FoldError;
use crate::postgres::{allowances, beside, claims, fold};
use crate::projection::JournalEntry;
use scrip_engine::{Timestamp, WorkspaceId};
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

impl NewEntry {
    /// Returns the entry as folding needs it.
    fn to_journal(&self) -> JournalEntry {
        let EntryRow { workspace, seq, next_due_at, .. } = self.row;
        JournalEntry {
            position: 0,
            workspace: WorkspaceId::new(workspace as u64),
            seq: seq as u64,
            key: None,
            events: Arc::clone(&self.committed.events),
            next_due_at,
            hash: GENESIS,
        }
    }
}

/// Result of inserting a batch.
pub(super) enum Insertion {
    All,
    But(HashSet<WorkspaceId>),
    Claimed(HashSet<Claim>),
    /// Some jobs have no allowance, by their place among the planned ones.
    Denied(HashMap<usize, Denial>),
    /// The rows of some workspaces are not where their entries begin.
    Behind(Vec<WorkspaceId>),
}

/// Inserts entries, each with its number; one whose number or key is taken is left out.
pub(super) const INSERT: &str = "INSERT INTO entries
    (workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[], $7::text[],
    $8::bytea[], $9::bytea[]) ON CONFLICT DO NOTHING RETURNING workspace, seq";

/// Inserts planned entries by the one statement that gives order, idempotency and the requests' hashes. Where a
/// workspace has several entries in it, losing one must undo those that follow: then the transaction is committed only
/// when all of it was inserted.
pub(super) async fn insert(
    link: &Link,
    planned: &[NewEntry],
    now: Timestamp,
    seals: &Seals,
) -> Result<Insertion, FoldError> {
    let rows: Vec<&EntryRow> = planned.iter().map(|planned| &planned.row).collect();
    let workspaces: Vec<i64> = rows.iter().map(|row| row.workspace).collect();
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let ats: Vec<i64> = rows.iter().map(|row| row.at).collect();
    let keys: Vec<Option<&[u8]>> = rows.iter().map(|row| row.key.as_deref()).collect();
    let requests: Vec<Option<&[u8]>> = rows.iter().map(|row| row.request.as_deref()).collect();
    let due: Vec<Option<i64>> = rows.iter().map(|row| row.next_due_at).collect();
    let bodies: Vec<&str> = rows.iter().map(|row| row.body.as_str()).collect();
    let previous: Vec<&[u8]> = rows.iter().map(|row| row.previous.as_slice()).collect();
    let hashes: Vec<&[u8]> = rows.iter().map(|row| row.hash.as_slice()).collect();
    let Link { client, insert, .. } = link;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] =
        [&workspaces, &seqs, &ats, &keys, &requests, &due, &bodies, &previous, &hashes];
    let (_, inserted) = tokio::try_join!(client.batch_execute("BEGIN"), client.query(insert, &values))?;
    let inserted: HashSet<(i64, i64)> = inserted.iter().map(|row| (row.get(0), row.get(1))).collect();
    let lost = rows.iter().filter(|row| !inserted.contains(&(row.workspace, row.seq)));
    let lost: HashSet<WorkspaceId> = lost.map(|row| WorkspaceId::new(row.workspace as u64)).collect();
    if !lost.is_empty() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Insertion::But(lost));
    }
    let entries: Vec<JournalEntry> = planned.iter().map(NewEntry::to_journal).collect();
    let behind = fold::write(client, &link.rows, &entries).await?;
    if !behind.is_empty() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Insertion::Behind(behind));
    }
    let allowed = planned.iter().filter_map(|planned| planned.job.allowance());
    let mut counted = allowances::lock(client, allowed, now).await?;
    let mut denied = HashMap::new();
    for (place, planned) in planned.iter().enumerate() {
        let taken = planned.job.allowance().map_or(Ok(()), |allowance| counted.take(allowance, now));
        denied.extend(taken.err().map(|why| (place, why)));
    }
    if !denied.is_empty() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Insertion::Denied(denied));
    }
    allowances::write(client, &counted).await?;
    let claimed = planned.iter().map(|planned| (planned.job.claims(), planned.job.workspace()));
    let claimed = claimed.flat_map(|(claims, id)| claims.iter().map(move |claim| (claim, id))).collect();
    let taken = claims::make(client, claimed, seals).await?;
    if !taken.is_empty() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Insertion::Claimed(taken));
    }
    beside::write(client, planned.iter().map(|planned| &planned.beside), now, seals).await?;
    client.batch_execute("COMMIT").await?;
    Ok(Insertion::All)
}
