//! Reviews that a plan requires before it can be bought.

mod command;
pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
mod state;

pub use command::ReviewCommand;
pub use event::ReviewEvent;
pub(crate) use evolve::evolve;
pub use state::{Review, ReviewStatus};
