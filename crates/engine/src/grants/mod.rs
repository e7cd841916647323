//! Grants: lots of credits and other units, given, spent and taken back.

pub(crate) mod decide;
pub(crate) mod draw_order;
mod state;

pub(crate) use state::trial_source;
pub use state::{CostBasis, Grant, Settled, Sums};
