//! Holds: amounts set aside from grants until their run ends, or until the product that asked for them ends them.

mod command;
pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
mod state;

pub use command::{Ask, HoldCommand};
pub use decide::{ending, hold_is_good};
pub use event::{End, HoldEvent};
pub(crate) use evolve::{close, evolve, give_back, open};
pub use state::{Hold, Part, Purpose, TrialUse};
