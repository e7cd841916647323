//! Alerts for operators, each subject once.
//!
//! Invariant: the subject of an alert is its name, so a second alert about it adds nothing.

use super::text;
use crate::{Handle, Row, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds an alert, unless there is one about the same subject.
    NEW = "INSERT INTO alerts (about, kind, workspace, detail, at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (about) DO NOTHING";
    /// Ends alerts by the beginning of their subject.
    END = "DELETE FROM alerts WHERE about LIKE $1";
    /// Reads one alert by the beginning of its subject.
    ANY = "SELECT about FROM alerts WHERE about LIKE $1 LIMIT 1";
    /// Reads alerts before an instant, newest first.
    BEFORE = "SELECT about, kind, workspace, detail, at FROM alerts WHERE at < $1 ORDER BY at DESC, about LIMIT $2";
}

/// An alert, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Subject of the alert: a kind, a colon and an object.
    pub about: String,
    /// Kind of the fault, in a word.
    pub kind: String,
    /// Workspace that the alert concerns, if it is a single one.
    pub workspace: Option<WorkspaceId>,
    /// Description of the fault, in a sentence.
    pub detail: String,
    /// Instant at which the alert was first raised.
    pub at: Timestamp,
}

impl Alert {
    fn read(row: &Row) -> Alert {
        let [about, kind, detail] = [0, 1, 3].map(|column| row.text_owned(column));
        Alert { about, kind, workspace: row.maybe_workspace(2), detail, at: row.instant(4) }
    }
}

/// Adds an alert; returns `false` when there is one about its subject already.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, alert: &Alert) -> Result<bool, Unavailable> {
    let Alert { about, kind, workspace, detail, at } = alert;
    let values = vec![text(about), text(kind), (*workspace).into(), text(detail), at.micros().into()];
    Ok(on.write(NEW, values).await? > 0)
}

/// Ends the alerts whose subject has this beginning; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn end(on: Handle<'_>, beginning: &str) -> Result<usize, Unavailable> {
    on.write(END, vec![text(&format!("{beginning}%"))]).await
}

/// Returns whether there is an alert whose subject has this beginning.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_any(on: Handle<'_>, beginning: &str) -> Result<bool, Unavailable> {
    Ok(!on.read(ANY, vec![text(&format!("{beginning}%"))]).await?.is_empty())
}

/// Returns alerts before an instant in microseconds, newest first, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn before(on: Handle<'_>, at: i64, most: i64) -> Result<Vec<Alert>, Unavailable> {
    let rows = on.read(BEFORE, vec![at.into(), most.into()]).await?;
    Ok(rows.iter().map(Alert::read).collect())
}
