//! The parts of commands about holds.

use crate::catalog::{Name, Params};
use crate::kernel::amount::Amount;

/// What a hold is to be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A plain amount of credits.
    Credits(Amount),
    /// A model with parameters, priced and gated like a run.
    Model(Name, Params),
}
