//! Usage of workspaces by day, model, unit and key.
//!
//! Invariant: these functions only read; the projector writes the rows.

use crate::{Handle, Unavailable, Value};
use scrip_engine::WorkspaceId;

statements! {
    /// Reads the usage of a workspace between two days.
    BETWEEN = "SELECT day, model, unit, runs, failed, captured FROM usage
    WHERE workspace = $1 AND day >= $2 AND day <= $3 ORDER BY day, model, unit";
    /// Reads the usage of a workspace between two days, of the runs that one key asked for.
    BETWEEN_OF_KEY = "SELECT day, model, unit, runs, failed, captured FROM usage
    WHERE workspace = $1 AND day >= $2 AND day <= $3 AND key = $4 ORDER BY day, model, unit";
}

/// Usage of a unit by a model in a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayUsage {
    /// Day of the usage, counted in days since 1970.
    pub day: i64,
    /// Identifier of the model; empty for captures that name no model.
    pub model: String,
    /// Unit that was spent.
    pub unit: String,
    /// Number of runs that ended, and of captured holds of a model.
    pub runs: i64,
    /// Number of runs that failed.
    pub failed: i64,
    /// Number of units that were spent.
    pub captured: i64,
}

/// Returns the usage of a workspace between two days; with a key, only of the runs that it asked for.
///
/// # Errors
/// When the store cannot answer.
pub async fn between(
    on: Handle<'_>,
    workspace: WorkspaceId,
    (from, to): (i64, i64),
    key: Option<u32>,
) -> Result<Vec<DayUsage>, Unavailable> {
    let sql = if key.is_some() { BETWEEN_OF_KEY } else { BETWEEN };
    let values: Vec<Value> = vec![workspace.into(), from.into(), to.into()]
        .into_iter()
        .chain(key.map(|key| i64::from(key).into()))
        .collect();
    let rows = on.read(sql, values).await?;
    let read = |row: &crate::Row| DayUsage {
        day: row.integer(0),
        model: row.text_owned(1),
        unit: row.text_owned(2),
        runs: row.integer(3),
        failed: row.integer(4),
        captured: row.integer(5),
    };
    Ok(rows.iter().map(read).collect())
}
