//! Commands about automatic top-ups.

use super::{TopUpStop, TopUpTerms};
use crate::catalog::Name;

/// A command about automatic top-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopUpCommand {
    /// Sets automatic top-ups, or ends them with `None`.
    Set(Option<TopUpTerms>),
    /// Notes that the payment of a top-up's purchase is on its way at Stripe.
    Await {
        /// Number of the purchase.
        n: u32,
    },
    /// Ends a top-up's purchase that was not paid, or was paid and could not be given.
    End {
        /// Number of the purchase.
        n: u32,
        /// Reason for which no more packs are bought until an admin sets top-ups again.
        stop: TopUpStop,
        /// Stripe's payment, if there is one.
        payment: Option<Name>,
    },
}

impl TopUpCommand {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            TopUpCommand::Set(_) => "set_top_up",
            TopUpCommand::Await { .. } => "await_top_up",
            TopUpCommand::End { .. } => "end_top_up",
        }
    }
}
