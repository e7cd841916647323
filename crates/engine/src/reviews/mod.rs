//! Reviews that a plan requires before it can be bought.

pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
mod state;

pub use event::ReviewEvent;
pub(crate) use evolve::evolve;
pub use state::{Review, ReviewStatus};
