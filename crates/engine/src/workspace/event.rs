//! Events of the workspace as a whole, which are for ever.

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
        /// Real or play credits.
        mode: Mode,
        /// The test clock it stands on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_clock: Option<i64>,
        /// What people know it by.
        profile: Profile,
        /// The catalog version it starts on.
        catalog: u32,
        /// The free plan.
        plan: Name,
        /// Whether its owner may have what is given once per person (R8).
        lifetime_allowed: bool,
        /// Whether it is one person's or may have others.
        #[serde(default, skip_serializing_if = "Tenancy::is_team")]
        tenancy: Tenancy,
    },
    /// The workspace got another name.
    Renamed {
        /// The new name.
        name: String,
    },
    /// The operator froze the workspace.
    Frozen {
        /// Why.
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
