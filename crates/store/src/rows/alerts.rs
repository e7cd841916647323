//! Alerts for operators, each thing once.
//!
//! Invariant: what an alert is about names it, so the same again adds nothing.

use super::text;
use crate::{Handle, Row, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds an alert, unless it is there.
    NEW = "INSERT INTO alerts (about, kind, workspace, detail, at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (about) DO NOTHING";
    /// Ends alerts by the beginning of what they are about.
    END = "DELETE FROM alerts WHERE about LIKE $1";
    /// Any alert by the beginning of what it is about.
    ANY = "SELECT about FROM alerts WHERE about LIKE $1 LIMIT 1";
    /// Alerts before an instant, newest first.
    BEFORE = "SELECT about, kind, workspace, detail, at FROM alerts WHERE at < $1 ORDER BY at DESC, about LIMIT $2";
}

/// An alert as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it is about: a kind, a colon and an object.
    pub about: String,
    /// What is wrong, in a word.
    pub kind: String,
    /// The workspace that it concerns, if it is one alone.
    pub workspace: Option<WorkspaceId>,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// The instant at which it was first raised.
    pub at: Timestamp,
}

impl Alert {
    fn read(row: &Row) -> Alert {
        let [about, kind, detail] = [0, 1, 3].map(|column| row.owned(column));
        Alert { about, kind, workspace: row.maybe_workspace(2), detail, at: row.instant(4) }
    }
}

/// Adds an alert; `false` when it is there already.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, alert: &Alert) -> Result<bool, Unavailable> {
    let Alert { about, kind, workspace, detail, at } = alert;
    let values = vec![text(about), text(kind), (*workspace).into(), text(detail), at.micros().into()];
    Ok(on.write(NEW, values).await? > 0)
}

/// Ends the alerts that are about something with this beginning; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn end(on: Handle<'_>, beginning: &str) -> Result<usize, Unavailable> {
    on.write(END, vec![text(&format!("{beginning}%"))]).await
}

/// Returns whether an alert is about something with this beginning.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_any(on: Handle<'_>, beginning: &str) -> Result<bool, Unavailable> {
    Ok(!on.read(ANY, vec![text(&format!("{beginning}%"))]).await?.is_empty())
}

/// Returns alerts before an instant in microseconds, newest first, at most so many.
///
/// # Errors
/// When the store cannot answer.
pub async fn before(on: Handle<'_>, at: i64, most: i64) -> Result<Vec<Alert>, Unavailable> {
    let rows = on.read(BEFORE, vec![at.into(), most.into()]).await?;
    Ok(rows.iter().map(Alert::read).collect())
}
