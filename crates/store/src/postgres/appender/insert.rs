//! Insertion of a batch: its entries, the rows that follow from them, and what is written beside, in one transaction.
//!
//! Invariant: all of it is written, or nothing.

use super::Link;
use super::batch::{EntryRow, NewEntry};
use crate::allowance::Denial;
use crate::integrity::Seals;
use crate::journal::GENESIS;
use crate::postgres::rows::{self, FoldError};
use crate::postgres::{allowances, beside, claims, fold};
use crate::projection::{JournalEntry, Moves, RowKeys};
use crate::{Claim, Consequences, Value};
use scrip_engine::{Timestamp, WorkspaceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::Client;

impl NewEntry {
    /// Returns whether nothing is written with the entry but rows of its own workspace.
    pub(super) fn is_plain(&self) -> bool {
        let Consequences { mails, rows } = &self.beside;
        mails.is_empty() && rows.is_empty() && self.job.claims().is_empty() && self.job.allowance().is_none()
    }

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

/// Beginning of the statement that inserts entries, each with its number.
pub(super) const HEAD: &str = "INSERT INTO entries
    (workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash)";
/// Types of the columns of an entry.
pub(super) const TYPES: &[&str] = &["bigint", "bigint", "bigint", "bytea", "bytea", "bigint", "text", "bytea", "bytea"];
/// End of that statement: an entry whose number or key is taken is left out.
pub(super) const TAIL: &str = "ON CONFLICT DO NOTHING RETURNING workspace, seq";

impl EntryRow {
    fn values(&self) -> Vec<Value> {
        let bytes = |bytes: &Option<Vec<u8>>| bytes.clone().map_or(Value::Null, Value::Bytes);
        vec![
            self.workspace.into(),
            self.seq.into(),
            self.at.into(),
            bytes(&self.key),
            bytes(&self.request),
            self.next_due_at.into(),
            self.body.clone().into(),
            Value::Bytes(self.previous.clone()),
            Value::Bytes(self.hash.clone()),
        ]
    }
}

/// Inserts planned entries by the one statement that gives order, idempotency and the requests' hashes, with their
/// rows. Where a workspace has several entries in it, losing one must undo those that follow: then the transaction is
/// committed only when all of it was inserted.
///
/// A batch of plain entries is two messages and their answers: the entries with the reads of the rows that they change,
/// and these rows with the commit.
pub(super) async fn insert(
    link: &Link,
    planned: &[NewEntry],
    now: Timestamp,
    seals: &Seals,
) -> Result<Insertion, FoldError> {
    let Link { client, inserts, rows: with, .. } = link;
    let entries: Vec<JournalEntry> = planned.iter().map(NewEntry::to_journal).collect();
    let values: Vec<Vec<Value>> = planned.iter().map(|planned| planned.row.values()).collect();
    let (moves, wanted) = (Moves::by(&entries), RowKeys::by(&entries));
    inserts.prepare(client, values.len()).await?;
    rows::prepare_moves(client, with, &moves).await?;
    let begin = async { Ok(client.batch_execute("BEGIN").await?) };
    let inserted = async { Ok(inserts.insert(client, &values).await?) };
    let begun = fold::begin(client, with, &moves, &wanted);
    let ((), inserted, begun) = tokio::try_join!(biased; begin, inserted, begun)?;
    let inserted: HashSet<(i64, i64)> = inserted.iter().map(|row| (row.get(0), row.get(1))).collect();
    let lost = planned.iter().map(|planned| &planned.row);
    let lost = lost.filter(|row| !inserted.contains(&(row.workspace, row.seq)));
    let lost: HashSet<WorkspaceId> = lost.map(|row| WorkspaceId::new(row.workspace as u64)).collect();
    if !lost.is_empty() {
        return roll_back(client, Insertion::But(lost)).await;
    }
    let behind = begun.behind(&moves);
    if !behind.is_empty() {
        return roll_back(client, Insertion::Behind(behind)).await;
    }
    let rows = begun.rows(&entries);
    rows.prepare(client, with).await?;
    if planned.iter().all(NewEntry::is_plain) {
        tokio::try_join!(biased; rows.write(client, with), client.batch_execute("COMMIT"))?;
        return Ok(Insertion::All);
    }
    rows.write(client, with).await?;
    match write_beside(link, planned, now, seals).await? {
        Insertion::All => client.batch_execute("COMMIT").await?,
        refused => return roll_back(client, refused).await,
    }
    Ok(Insertion::All)
}

async fn roll_back(client: &Client, result: Insertion) -> Result<Insertion, FoldError> {
    client.batch_execute("ROLLBACK").await?;
    Ok(result)
}

/// Writes claims, counted uses, mails and the rows beside the entries; all of them, or the transaction must be rolled
/// back.
async fn write_beside(
    Link { client, claims: inserts, .. }: &Link,
    planned: &[NewEntry],
    now: Timestamp,
    seals: &Seals,
) -> Result<Insertion, FoldError> {
    let allowed = planned.iter().filter_map(|planned| planned.job.allowance());
    let mut counted = allowances::lock(client, allowed, now).await?;
    let mut denied = HashMap::new();
    for (place, planned) in planned.iter().enumerate() {
        let taken = planned.job.allowance().map_or(Ok(()), |allowance| counted.take(allowance, now));
        denied.extend(taken.err().map(|why| (place, why)));
    }
    if !denied.is_empty() {
        return Ok(Insertion::Denied(denied));
    }
    allowances::write(client, &counted).await?;
    let claimed = planned.iter().map(|planned| (planned.job.claims(), planned.job.workspace()));
    let claimed = claimed.flat_map(|(claims, id)| claims.iter().map(move |claim| (claim, id))).collect();
    let taken = claims::make(client, inserts, claimed, seals).await?;
    if !taken.is_empty() {
        return Ok(Insertion::Claimed(taken));
    }
    beside::write(client, planned.iter().map(|planned| &planned.beside), now, seals).await?;
    Ok(Insertion::All)
}
