//! Explanations of the events of the workspace as a whole.

use crate::explain::scene::{Scene, Sentence};
use crate::workspace::WorkspaceEvent;

impl Scene<'_> {
    /// Describes an event of the workspace as a whole.
    pub(crate) fn describe_workspace(&self, event: &WorkspaceEvent) -> Sentence {
        match event {
            WorkspaceEvent::WorkspaceOpened { mode, profile, catalog, plan, .. } => {
                let mode = mode.name();
                Sentence::with(
                    format!("Opened the workspace \"{}\" on the {plan} plan", profile.name),
                    format!(", in {mode} mode, with the prices of catalog version {catalog}."),
                )
            }
            WorkspaceEvent::Renamed { name } => {
                Sentence::plain(format!("Renamed the workspace from \"{}\" to \"{name}\"", self.before.profile.name))
            }
            WorkspaceEvent::Frozen { reason } => Sentence::with(
                "The workspace was frozen",
                format!(": new runs are refused until it is unfrozen. Reason: {reason}."),
            ),
            WorkspaceEvent::Unfrozen => Sentence::plain("The workspace was unfrozen"),
        }
    }
}
