//! Grants: amounts of credits and other units, which are given, spent, lost to expiry and taken back.

mod command;
pub(crate) mod decide;
pub(crate) mod draw_order;
mod event;
mod evolve;
mod explain;
mod state;

pub use command::{Give, GrantCommand};
pub use event::GrantEvent;
pub(crate) use evolve::{evolve, take_back, touch};
pub(crate) use state::trial_source;
pub use state::{CostBasis, Grant, SettledSums, Sums};
