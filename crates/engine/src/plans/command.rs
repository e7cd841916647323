//! The parts of commands about the plan.

use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::Interval;

/// A plan to be on, as the operator says it (manual billing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The plan.
    pub plan: Name,
    /// The interval; may be left out where the plan has one price.
    pub interval: Option<Interval>,
    /// The credits of a period, agreed by contract; only for a custom plan.
    pub allowance: Option<Amount>,
    /// Reviews the operator approves with it, and why (R25).
    pub approve: Vec<(Name, String)>,
}
