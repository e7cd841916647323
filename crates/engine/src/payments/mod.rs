//! Payments: what Stripe collected for a workspace, and automatic top-ups.

mod command;
pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
mod state;
pub(crate) mod top_up;

pub use crate::reviews::{Review, ReviewStatus};
pub use command::{Goods, Payment, PaymentCommand, SubscriptionStatus};
pub use event::PaymentEvent;
pub(crate) use evolve::evolve;
pub use state::{Billing, PeriodPayment};
pub(crate) use top_up::decide::follow_up;
pub use top_up::{
    AgreedPack, TopUp, TopUpCommand, TopUpDrop, TopUpEvent, TopUpPurchase, TopUpStatus, TopUpStop, TopUpTerms,
};
