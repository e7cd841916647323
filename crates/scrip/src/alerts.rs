//! Alerts: what an operator should look at because money and credits may not agree. Each thing is told once.
//!
//! Invariant: an alert is about something that was *not* done, so nothing is granted or taken where there is one.

use crate::store::rows::alerts;
pub use crate::store::rows::alerts::Alert as Kept;
use crate::store::{Store, Unavailable};
use scrip_engine::WorkspaceId;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it is about, and what is wrong with that: the same again is this one.
    pub about: String,
    /// What is wrong, in a word.
    pub kind: &'static str,
    /// Whose.
    pub workspace: Option<WorkspaceId>,
    /// What is wrong and what can be done, in a sentence.
    pub detail: String,
}

impl Alert {
    /// Something wrong with an object of the payment provider's.
    pub fn new(kind: &'static str, object: &str, workspace: Option<WorkspaceId>, detail: impl Into<String>) -> Alert {
        Alert { about: format!("{kind}:{object}"), kind, workspace, detail: detail.into() }
    }
}

/// Keeps an alert and logs it, unless it is known.
///
/// # Errors
/// When the store cannot write.
pub async fn raise(store: &Store, alert: Alert) -> Result<(), Unavailable> {
    let at = store.now(None).await?;
    let Alert { about, kind, workspace, detail } = alert;
    let kept = Kept { about, kind: kind.to_owned(), workspace, detail, at };
    if alerts::add(store.reader(), &kept).await? {
        let Kept { about, detail, .. } = kept;
        let workspace = workspace.map(|id| id.to_string());
        tracing::error!(about, workspace, detail, "money and credits may not agree: look at this");
    }
    Ok(())
}

/// Ends alerts of a kind that are about objects with this beginning: what they name was mended.
///
/// # Errors
/// When the store cannot write.
pub async fn end(store: &Store, kind: &str, object: &str) -> Result<usize, Unavailable> {
    alerts::end(store.reader(), &format!("{kind}:{object}")).await
}

/// Alerts before an instant, newest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn list(store: &Store, before: i64, limit: i64) -> Result<Vec<Kept>, Unavailable> {
    alerts::before(store.reader(), before, limit).await
}

/// Raises an alert for each workspace of which something was kept that is not what the journal says. What was kept is
/// folded again meanwhile: the alert is about what changed it.
///
/// # Errors
/// When the store cannot write.
pub async fn raise_healed(store: &Store) -> Result<(), Unavailable> {
    for (workspace, why) in store.take_healed() {
        let detail =
            format!("it was folded from the journal again, because what was kept of it is not believed: {why}");
        raise(store, Alert::new("not_believed", &workspace.to_string(), Some(workspace), detail)).await?;
    }
    Ok(())
}
