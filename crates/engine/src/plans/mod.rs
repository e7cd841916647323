//! Plans: subscriptions, their terms, and the order of their periods.

mod command;
pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
pub(crate) mod migration;
pub(crate) mod purchase;
pub(crate) mod renewal;
pub(crate) mod retirement;
pub(crate) mod subscription;
pub(crate) mod terms;

pub use command::{Choice, PlanCommand};
pub use event::{PlanEvent, Start};
pub(crate) use evolve::evolve;
