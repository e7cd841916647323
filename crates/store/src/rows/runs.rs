//! Runs, as rows of the projections.
//!
//! Invariant: these functions only read; the projector writes the rows.

use super::text;
use crate::projection::RunRow;
use crate::{Handle, Unavailable, Value};
use scrip_engine::WorkspaceId;

statements! {
    /// Reads runs of a workspace before one, newest first.
    BEFORE = "SELECT n, body FROM runs WHERE workspace = $1 AND n < $2 ORDER BY n DESC LIMIT $3";
    /// Reads runs of a workspace with a status before one, newest first.
    BEFORE_BY_STATUS = "SELECT n, body FROM runs WHERE workspace = $1 AND n < $2 AND status = $4 ORDER BY n DESC LIMIT $3";
    /// Reads a run, and the number of the entry that last changed it.
    BY_NUMBER = "SELECT body, seq FROM runs WHERE workspace = $1 AND n = $2";
}

/// A run, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// Body of the run's row, as JSON.
    pub body: String,
    /// Number of the entry that last changed the run.
    pub seq: i64,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRun {
    /// Number of the run in the workspace.
    pub n: i64,
    /// Body of the run's row, as JSON.
    pub body: String,
}

impl StoredRun {
    /// Parses the body of the row.
    ///
    /// # Errors
    /// When the body is not of the form that this version writes.
    pub fn run(&self) -> Result<RunRow, serde_json::Error> {
        serde_json::from_str(&self.body)
    }
}

impl ListedRun {
    /// Parses the body of the row.
    ///
    /// # Errors
    /// When the body is not of the form that this version writes.
    pub fn run(&self) -> Result<RunRow, serde_json::Error> {
        serde_json::from_str(&self.body)
    }
}

/// Returns a run by its number in the workspace.
///
/// # Errors
/// When the store cannot answer.
pub async fn by_number(on: Handle<'_>, workspace: WorkspaceId, n: u32) -> Result<Option<StoredRun>, Unavailable> {
    let rows = on.read(BY_NUMBER, vec![workspace.into(), i64::from(n).into()]).await?;
    Ok(rows.first().map(|row| StoredRun { body: row.text_owned(0), seq: row.integer(1) }))
}

/// Returns runs of a workspace before one, newest first, at most `most`; with a status, those that have it.
///
/// # Errors
/// When the store cannot answer.
pub async fn before(
    on: Handle<'_>,
    workspace: WorkspaceId,
    (n, most): (i64, i64),
    status: Option<&str>,
) -> Result<Vec<ListedRun>, Unavailable> {
    let sql = if status.is_some() { BEFORE_BY_STATUS } else { BEFORE };
    let values: Vec<Value> =
        vec![workspace.into(), n.into(), most.into()].into_iter().chain(status.map(text)).collect();
    let rows = on.read(sql, values).await?;
    Ok(rows.iter().map(|row| ListedRun { n: row.integer(0), body: row.text_owned(1) }).collect())
}
