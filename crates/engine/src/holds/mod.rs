//! Holds: amounts set aside from grants until their run, or the product that asked for them, has ended.

pub(crate) mod decide;
mod state;

pub use decide::{ending, hold_is_good};
pub use state::{Hold, Part, Purpose, TrialUse};
