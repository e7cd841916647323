//! Workspaces in lists: in the order of their opening, and by their next due instant.
//!
//! Invariant: a row gives a workspace its place in a list; its grants and runs are in its own state.

use super::text;
use crate::{Handle, Store, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Reads workspaces after one, in the order of their opening.
    AFTER = "SELECT workspace FROM workspaces
    WHERE (opened, workspace) > (COALESCE((SELECT opened FROM workspaces WHERE workspace = $1), -1), $1)
    ORDER BY opened, workspace LIMIT $2";
    /// Reads workspaces by the operator's own id.
    AFTER_BY_EXTERNAL_ID = "SELECT workspace FROM workspaces WHERE external_id = $3
    AND (opened, workspace) > (COALESCE((SELECT opened FROM workspaces WHERE workspace = $1), -1), $1)
    ORDER BY opened, workspace LIMIT $2";
    /// Reads workspaces on the real clock that have something due.
    DUE = "SELECT workspace FROM workspaces WHERE test_clock IS NULL AND next_due_at <= $1 LIMIT $2";
    /// Reads workspaces on a test clock that have something due.
    DUE_ON_CLOCK = "SELECT workspace FROM workspaces WHERE test_clock = $3 AND next_due_at <= $1 LIMIT $2";
    /// Counts the workspaces on the real clock that have something due.
    COUNT_DUE = "SELECT COUNT(*) FROM workspaces WHERE test_clock IS NULL AND next_due_at <= $1";
    /// Reads the next instant at which anything is due on a test clock: a workspace's own change, or a run's.
    NEXT_ON_CLOCK = "SELECT MIN(due) FROM (
    SELECT MIN(next_due_at) AS due FROM workspaces WHERE test_clock = $1
    UNION ALL SELECT MIN(due_at) AS due FROM queue WHERE test_clock = $1) AS instants";
}

/// Returns workspaces in the order of their opening, after one of them or from the first (0), at most `most`; with an
/// operator's own id, only those that have it.
///
/// # Errors
/// When the store cannot answer.
pub async fn after(
    on: Handle<'_>,
    after: i64,
    most: i64,
    external_id: Option<&str>,
) -> Result<Vec<WorkspaceId>, Unavailable> {
    let sql = match external_id {
        None => AFTER,
        Some(_) => AFTER_BY_EXTERNAL_ID,
    };
    let values: Vec<Value> = vec![after.into(), most.into()].into_iter().chain(external_id.map(text)).collect();
    Ok(on.read(sql, values).await?.iter().map(|row| row.workspace(0)).collect())
}

/// Returns workspaces on the real clock that have something due by now, at most `most` besides the `leased` ones. On
/// PostgreSQL each is returned once, until it changes or is looked for anew after some seconds.
///
/// # Errors
/// When the store cannot answer.
pub async fn due(on: Handle<'_>, now: Timestamp, most: usize, leased: usize) -> Result<Vec<WorkspaceId>, Unavailable> {
    if let Store::Postgres(postgres) = on.store() {
        return postgres.take_due(now, most).await;
    }
    let values = vec![now.micros().into(), ((most + leased) as i64).into()];
    Ok(on.read(DUE, values).await?.iter().map(|row| row.workspace(0)).collect())
}

/// Returns workspaces on a test clock that have something due by now, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn due_on_clock(
    on: Handle<'_>,
    test_clock: i64,
    now: Timestamp,
    most: usize,
) -> Result<Vec<WorkspaceId>, Unavailable> {
    let values = vec![now.micros().into(), (most as i64).into(), test_clock.into()];
    Ok(on.read(DUE_ON_CLOCK, values).await?.iter().map(|row| row.workspace(0)).collect())
}

/// Counts the workspaces on the real clock that have something due by now.
///
/// # Errors
/// When the store cannot answer.
pub async fn count_due(on: Handle<'_>, now: Timestamp) -> Result<u64, Unavailable> {
    let rows = on.read(COUNT_DUE, vec![now.micros().into()]).await?;
    Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
}

/// Returns the next instant at which anything is due on a test clock.
///
/// # Errors
/// When the store cannot answer.
pub async fn next_on_clock(on: Handle<'_>, test_clock: i64) -> Result<Option<Timestamp>, Unavailable> {
    let rows = on.read(NEXT_ON_CLOCK, vec![test_clock.into()]).await?;
    Ok(rows.first().and_then(|row| row.maybe_instant(0)))
}
