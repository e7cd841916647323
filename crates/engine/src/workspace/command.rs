//! Commands about the workspace as a whole.

use super::state::{Mode, Profile};
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::plans::Choice;
use crate::team::Tenancy;

/// A command about the workspace as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceCommand {
    /// Opens the workspace, on the free plan or on a plan that the operator names.
    Open {
        /// Mode of the workspace: live or test, which decides whether its credits are real.
        mode: Mode,
        /// Test clock that the workspace follows; `None` is the wall clock.
        test_clock: Option<i64>,
        /// Name and external id of the workspace; its owner is the one below.
        profile: Profile,
        /// `true` when the owner may be given what a person gets once (R8).
        lifetime_allowed: bool,
        /// The plan to start on; `None` is the free plan.
        choice: Option<Choice>,
        /// Personal workspace, or one that may have other members.
        tenancy: Tenancy,
        /// Owner and first admin of the workspace; `None` leaves everything to the operator.
        owner: Option<UserId>,
    },
    /// Gives the workspace another name.
    Rename {
        /// New name of the workspace.
        name: String,
    },
    /// Refuses new runs and holds until the workspace is unfrozen.
    Freeze {
        /// Reason for the freeze, in the operator's words.
        reason: Name,
    },
    /// Allows new runs and holds again.
    Unfreeze,
}

impl WorkspaceCommand {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            WorkspaceCommand::Open { .. } => "open_workspace",
            WorkspaceCommand::Rename { .. } => "rename",
            WorkspaceCommand::Freeze { .. } => "freeze",
            WorkspaceCommand::Unfreeze => "unfreeze",
        }
    }
}
