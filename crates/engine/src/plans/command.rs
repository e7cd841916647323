//! Parts of commands that concern the plan.

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
