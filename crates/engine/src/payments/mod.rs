//! Payments: what Stripe collected for a workspace, and what is bought without being asked for.

pub mod command;
pub(crate) mod decide;
pub mod event;
pub(crate) mod evolve;
pub(crate) mod explain;
mod state;
mod top_up;

pub use state::{Billing, Paid, Review, ReviewStatus};
pub(crate) use top_up::decide::follow_up;
pub use top_up::{AgreedPack, TopUp, TopUpDrop, TopUpPurchase, TopUpStatus, TopUpStop, TopUpTerms};
