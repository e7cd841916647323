//! Parts of the commands that open holds.

use crate::catalog::{Name, Params};
use crate::kernel::amount::Amount;

/// Amount of credits, or model with parameters, that a product asks to hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Plain amount of credits, for any use.
    Credits(Amount),
    /// Model with parameters, which is priced and gated like a run.
    Model(Name, Params),
}
