//! Folding notices: the time of each mail is kept, so that members do not get a second one too soon.

use super::event::Notice;
use crate::kernel::time::Timestamp;
use crate::workspace::Workspace;

/// Folds a notice into the workspace.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, notice: &Notice) {
    if let Some(subject) = notice.damping_key().filter(|_| notice.is_mailed()) {
        workspace.mailed.insert(subject, at);
    }
    if let Notice::GrantExpiring { grant, .. } = notice {
        workspace.grant_mut(*grant).notice_at = None;
    }
}
