//! Alerts: messages to the operator that money and credits may not agree. Each fault is reported once.
//!
//! Invariant: an alert is about something that was *not* done, so with it nothing is granted or taken.

use scrip_engine::WorkspaceId;
use scrip_store::rows::alerts;
pub use scrip_store::rows::alerts::Alert as Kept;
use scrip_store::{Store, Unavailable};

/// A message to the operator about a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Object of the alert and the fault in it: a second alert with this value is the same one.
    pub about: String,
    /// Kind of the fault, in a word.
    pub kind: &'static str,
    /// Workspace that the alert is about, if it is a single one.
    pub workspace: Option<WorkspaceId>,
    /// Fault and the possible remedy, in a sentence.
    pub detail: String,
}

impl Alert {
    /// Returns an alert about a fault in an object of Stripe's.
    pub fn new(kind: &'static str, object: &str, workspace: Option<WorkspaceId>, detail: impl Into<String>) -> Alert {
        Alert { about: format!("{kind}:{object}"), kind, workspace, detail: detail.into() }
    }
}

/// Writes an alert and logs it, unless it is known.
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
        tracing::error!(about, workspace, detail, "money and credits may not agree: read the detail and act on it");
    }
    Ok(())
}

/// Ends alerts of a kind whose object has this beginning, since the fault was mended; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn end(store: &Store, kind: &str, object: &str) -> Result<usize, Unavailable> {
    alerts::end(store.reader(), &format!("{kind}:{object}")).await
}

/// Returns alerts before an instant in microseconds, newest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn list(store: &Store, before: i64, limit: i64) -> Result<Vec<Kept>, Unavailable> {
    alerts::before(store.reader(), before, limit).await
}

/// Raises an alert for each workspace of which a stored value did not match the journal. The value was folded again
/// already: the alert is about the cause of the change.
///
/// # Errors
/// When the store cannot write.
pub async fn raise_healed(store: &Store) -> Result<(), Unavailable> {
    for (workspace, why) in store.take_healed() {
        let detail = format!("it was folded from the journal again, because its stored state is not believed: {why}");
        raise(store, Alert::new("not_believed", &workspace.to_string(), Some(workspace), detail)).await?;
    }
    Ok(())
}
