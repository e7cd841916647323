//! Claims by which the workspaces of a person are found.

use crate::store::Claim;
use scrip_engine::{UserId, WorkspaceId};

/// The claim of an entry that makes a person a member, so that their workspaces are found by them. It outlives their
/// membership: who belongs to a workspace is in the workspace.
pub fn claim(user: UserId, workspace: WorkspaceId) -> Claim {
    Claim { scope: scope(user).into(), what: workspace.to_string() }
}

/// Returns the scope under which a person's workspaces are found.
pub fn scope(user: UserId) -> String {
    format!("member {user}")
}
