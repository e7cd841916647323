//! Entries of the journal: all of them, or one workspace's.
//!
//! Invariant: a read of one workspace's entries includes everything that was committed before the call.

use crate::journal::JournalRow;
use crate::{Handle, Row, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Reads the entries that a hold is folded from: the one that opened it, the last that extended it, and the one
    /// that ended it.
    OF_HOLD = "SELECT history.position, history.workspace, history.seq, history.at, history.idempotency_key,
    history.request_hash, history.next_due_at, history.body, history.previous_hash, history.hash
    FROM holds JOIN history ON history.workspace = holds.workspace
    AND history.seq IN (holds.opened, holds.extended, holds.ended)
    WHERE holds.workspace = $1 AND holds.n = $2 ORDER BY history.seq";
    /// Reads entries of a workspace before one, newest first.
    BEFORE = "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM history WHERE workspace = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    /// Reads entries of a workspace up to one, oldest first.
    UP_TO = "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM history WHERE workspace = $1 AND seq <= $2 ORDER BY seq";
    /// Reads all entries after a position.
    AFTER = "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM entries WHERE position > $1 ORDER BY position LIMIT $2";
    /// Reads the position of the last entry.
    LAST_POSITION = "SELECT COALESCE(MAX(position), 0) FROM entries";
    /// Reads entries of a workspace after one and up to another, oldest first.
    BETWEEN = "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM history WHERE workspace = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4";
}

fn read(rows: &[Row]) -> Vec<JournalRow> {
    rows.iter().map(JournalRow::read).collect()
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Returns entries of the journal after a position, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn after(on: Handle<'_>, position: i64, most: i64) -> Result<Vec<JournalRow>, Unavailable> {
    Ok(read(&on.read(AFTER, vec![position.into(), most.into()]).await?))
}

/// Returns the instant of the oldest entry that is not folded, by the position that everything is folded up to. On
/// PostgreSQL there is none.
///
/// # Errors
/// When the store cannot answer.
pub async fn oldest_unfolded(on: Handle<'_>, reached: i64) -> Result<Option<Timestamp>, Unavailable> {
    match on.store().is_shared() {
        true => Ok(None),
        false => Ok(after(on, reached, 1).await?.first().map(|row| row.at)),
    }
}

/// Returns the position of the last entry; 0 where there is none.
///
/// # Errors
/// When the store cannot answer.
pub async fn last_position(on: Handle<'_>) -> Result<i64, Unavailable> {
    let rows = on.read(LAST_POSITION, Vec::new()).await?;
    Ok(rows.first().map_or(0, |row| row.integer(0)))
}

/// Returns entries of a workspace up to one, oldest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn up_to(on: Handle<'_>, workspace: WorkspaceId, seq: u64) -> Result<Vec<JournalRow>, Unavailable> {
    Ok(read(&on.history(UP_TO, workspace, &[number(seq)]).await?))
}

/// Returns entries of a workspace after one and up to another, oldest first, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn between(
    on: Handle<'_>,
    workspace: WorkspaceId,
    (after, to): (u64, u64),
    most: i64,
) -> Result<Vec<JournalRow>, Unavailable> {
    Ok(read(&on.history(BETWEEN, workspace, &[number(after), number(to), most]).await?))
}

/// Returns entries of a workspace before one, newest first, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn before(
    on: Handle<'_>,
    workspace: WorkspaceId,
    seq: i64,
    most: i64,
) -> Result<Vec<JournalRow>, Unavailable> {
    Ok(read(&on.history(BEFORE, workspace, &[seq, most]).await?))
}

/// Returns the entries that a hold is folded from: the one that opened it, the last that extended it, and the one that
/// ended it.
///
/// # Errors
/// When the store cannot answer.
pub async fn of_hold(on: Handle<'_>, workspace: WorkspaceId, hold: u32) -> Result<Vec<JournalRow>, Unavailable> {
    Ok(read(&on.history(OF_HOLD, workspace, &[i64::from(hold)]).await?))
}
