//! Workspaces in lists: as they were opened, and as something of theirs falls due.
//!
//! Invariant: a row says where a workspace is in a list; what it has is in its own state.

use super::text;
use crate::{Handle, Row, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Workspaces after one, in the order they were opened.
    AFTER = "SELECT workspace, opened FROM workspaces WHERE opened > $1 ORDER BY opened LIMIT $2";
    /// Workspaces by the operator's own id.
    AFTER_BY_EXTERNAL_ID = "SELECT workspace, opened FROM workspaces WHERE external_id = $3 AND opened > $1 ORDER BY opened LIMIT $2";
    /// Workspaces on the real clock with something due.
    DUE = "SELECT workspace FROM workspaces WHERE test_clock IS NULL AND next_due_at <= $1 LIMIT $2";
    /// Workspaces on a test clock with something due.
    DUE_ON_CLOCK = "SELECT workspace FROM workspaces WHERE test_clock = $3 AND next_due_at <= $1 LIMIT $2";
    /// The next instant at which anything is due on a test clock: a workspace's own change, or a run's.
    NEXT_ON_CLOCK = "SELECT MIN(due) FROM (
    SELECT MIN(next_due_at) AS due FROM workspaces WHERE test_clock = $1
    UNION ALL SELECT MIN(due_at) AS due FROM queue WHERE test_clock = $1) AS instants";
}

/// A workspace in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its place in the list, in the order of opening.
    pub opened: i64,
}

impl Listed {
    fn read(row: &Row) -> Listed {
        Listed { workspace: row.workspace(0), opened: row.integer(1) }
    }
}

/// Returns workspaces after a place in the list, at most so many; with an id of the operator's, those that have it.
///
/// # Errors
/// When the store cannot answer.
pub async fn after(
    on: Handle<'_>,
    opened: i64,
    most: i64,
    external_id: Option<&str>,
) -> Result<Vec<Listed>, Unavailable> {
    let sql = match external_id {
        None => AFTER,
        Some(_) => AFTER_BY_EXTERNAL_ID,
    };
    let values: Vec<Value> = vec![opened.into(), most.into()].into_iter().chain(external_id.map(text)).collect();
    Ok(on.read(sql, values).await?.iter().map(Listed::read).collect())
}

/// Returns workspaces on a clock, the real one or a test clock, with something due by now, at most so many.
///
/// # Errors
/// When the store cannot answer.
pub async fn due(
    on: Handle<'_>,
    test_clock: Option<i64>,
    now: Timestamp,
    most: i64,
) -> Result<Vec<WorkspaceId>, Unavailable> {
    let sql = if test_clock.is_some() { DUE_ON_CLOCK } else { DUE };
    let values = vec![now.micros().into(), most.into()].into_iter().chain(test_clock.map(Value::Integer)).collect();
    Ok(on.read(sql, values).await?.iter().map(|row| row.workspace(0)).collect())
}

/// Returns the next instant at which anything is due on a test clock.
///
/// # Errors
/// When the store cannot answer.
pub async fn next_on_clock(on: Handle<'_>, test_clock: i64) -> Result<Option<Timestamp>, Unavailable> {
    let rows = on.read(NEXT_ON_CLOCK, vec![test_clock.into()]).await?;
    Ok(rows.first().and_then(|row| row.maybe_instant(0)))
}
