//! Automatic top-ups: packs that are bought when the balance is low.

pub(crate) mod decide;
mod state;

pub use state::{AgreedPack, TopUp, TopUpDrop, TopUpPurchase, TopUpStatus, TopUpStop, TopUpTerms};
