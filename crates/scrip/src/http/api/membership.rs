//! Claims by which the workspaces of a person are found.

use scrip_engine::{UserId, WorkspaceId};
use scrip_store::Claim;

/// Returns the claim of an entry that makes a person a member, by which the person's workspaces are found. The claim
/// outlives the membership: the members of a workspace are in the workspace itself.
pub fn claim(user: UserId, workspace: WorkspaceId) -> Claim {
    Claim { scope: scope(user).into(), what: workspace.to_string() }
}

/// Returns the scope of the claims on a person's workspaces.
pub fn scope(user: UserId) -> String {
    format!("member {user}")
}
