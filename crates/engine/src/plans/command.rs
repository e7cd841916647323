//! Commands about the plan of a workspace.

use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::Interval;

/// Plan that the operator puts a workspace on (manual billing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Id of the plan.
    pub plan: Name,
    /// Interval of the plan's price; may be left out where the plan has one price.
    pub interval: Option<Interval>,
    /// Number of credits for each period, agreed by contract; only for a custom plan.
    pub allowance: Option<Amount>,
    /// Reviews that the operator approves with it, each with its reason (R25).
    pub approve: Vec<(Name, String)>,
}

/// A command about the plan of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanCommand {
    /// Changes the plan: at once when it is an upgrade, at the period's end when it is a downgrade (R31).
    Subscribe(Choice),
    /// Ends the plan with its period (R32).
    Cancel,
    /// Takes back a cancellation or a scheduled change of plan.
    UndoCancel,
    /// Moves the workspace to another catalog version now (R33).
    Migrate {
        /// Number of the catalog version to move to.
        version: u32,
    },
}

impl PlanCommand {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            PlanCommand::Subscribe(_) => "subscribe",
            PlanCommand::Cancel => "cancel_subscription",
            PlanCommand::UndoCancel => "undo_cancel",
            PlanCommand::Migrate { .. } => "migrate_catalog",
        }
    }
}
