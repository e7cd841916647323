//! Events of the workspace as a whole.
//!
//! Invariant: an event is for ever; variants and fields are only added.

use super::{Mode, Profile};
use crate::catalog::Name;
use crate::team::Tenancy;
use serde::{Deserialize, Serialize};

/// An event of the workspace as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceEvent {
    /// The workspace was opened on the free plan.
    WorkspaceOpened {
        /// Mode of the workspace: live or test.
        mode: Mode,
        /// Test clock that the workspace follows; `None` is the wall clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_clock: Option<i64>,
        /// Name, owner and external id of the workspace.
        profile: Profile,
        /// Catalog version that the workspace starts on.
        catalog: u32,
        /// Id of the free plan of that version.
        plan: Name,
        /// `true` when the owner may be given what a person gets once (R8).
        lifetime_allowed: bool,
        /// Personal workspace, or one that may have other members.
        #[serde(default, skip_serializing_if = "Tenancy::is_team")]
        tenancy: Tenancy,
    },
    /// The workspace got another name.
    Renamed {
        /// New name of the workspace.
        name: String,
    },
    /// The operator froze the workspace.
    Frozen {
        /// Reason that the operator gave.
        reason: Name,
    },
    /// The operator unfroze the workspace.
    Unfrozen,
}

impl WorkspaceEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            WorkspaceEvent::WorkspaceOpened { .. } => "workspace_opened",
            WorkspaceEvent::Renamed { .. } => "renamed",
            WorkspaceEvent::Frozen { .. } => "frozen",
            WorkspaceEvent::Unfrozen => "unfrozen",
        }
    }
}
