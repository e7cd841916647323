//! Automatic top-ups: packs that are bought when the balance is low.

mod command;
pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
mod state;

pub use command::TopUpCommand;
pub use event::TopUpEvent;
pub(crate) use evolve::evolve;
pub use state::{AgreedPack, TopUp, TopUpDrop, TopUpPurchase, TopUpStatus, TopUpStop, TopUpTerms};
