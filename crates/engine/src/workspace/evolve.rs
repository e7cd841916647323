//! Folding the events of the workspace as a whole.
//!
//! Invariant: only an opening sets mode, test clock and tenancy; nothing changes them later.

use super::event::WorkspaceEvent;
use super::state::Workspace;
use crate::kernel::time::Timestamp;
use std::sync::Arc;

/// Folds an event of the workspace as a whole into the workspace.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &WorkspaceEvent) {
    match event {
        WorkspaceEvent::WorkspaceOpened { mode, test_clock, profile, catalog, plan, lifetime_allowed, tenancy } => {
            workspace.tenancy = *tenancy;
            workspace.opened_at = at;
            workspace.mode = *mode;
            workspace.test_clock = *test_clock;
            workspace.profile = Arc::new(profile.clone());
            workspace.catalog = *catalog;
            workspace.subscription.plan = plan.clone();
            workspace.lifetime_allowed = *lifetime_allowed;
        }
        WorkspaceEvent::Renamed { name } => Arc::make_mut(&mut workspace.profile).name.clone_from(name),
        WorkspaceEvent::Frozen { reason } => workspace.frozen = Some(reason.clone()),
        WorkspaceEvent::Unfrozen => workspace.frozen = None,
    }
}
