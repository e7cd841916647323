//! Notices: what the members of a workspace learn without having asked.

pub(crate) mod decide;
mod event;
mod evolve;
mod explain;

pub use event::Notice;
pub(crate) use event::{credits_left, is_too_soon};
pub(crate) use evolve::evolve;
