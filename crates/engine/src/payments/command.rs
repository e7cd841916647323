//! What a payment provider's truth asks of a workspace, and what its admin asks about buying.

use super::{TopUpStop, TopUpTerms};
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};

/// What a payment bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bought {
    /// A pack of the catalog.
    Pack(Name),
    /// A period of a plan.
    Period {
        /// The plan.
        plan: Name,
        /// How often it is paid.
        interval: Interval,
        /// The provider's subscription.
        subscription: Name,
        /// Where the provider computes the subscription's periods from (R2).
        anchor: Timestamp,
        /// When the period starts.
        start: Timestamp,
        /// When it ends.
        end: Timestamp,
    },
}

/// A payment that is settled: the money is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The thing paid for, as the provider names it: an invoice's line or a payment (R7).
    pub source: Name,
    /// Its price, before discounts and taxes, in the currency's smallest unit.
    pub price: Amount,
    /// Money that was paid, in the same unit: what its credits cost.
    pub paid: Amount,
    /// Settled beside it from a balance that nobody paid into, in the same unit: it buys, and costs nothing.
    pub given: Amount,
    /// ISO 4217, lower case.
    pub currency: Name,
    /// What for.
    pub bought: Bought,
    /// The catalog version that the checkout session showed; `None` for what no session sold.
    pub offered: Option<u32>,
    /// The number of the automatic purchase that it is.
    pub top_up: Option<u32>,
}

/// How a provider's subscription goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It renews, unless something else was agreed for the period's end.
    Goes {
        /// It ends with the period (R32).
        ending: bool,
        /// Another plan or interval follows (R31).
        change: Option<(Name, Interval)>,
        /// The payment of the period that follows the current one is on its way (R4).
        processing: bool,
    },
    /// There is no more of it.
    Ended,
}

/// What can be asked about money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillingCommand {
    /// Give what a payment bought, once.
    RecordPayment(Payment),
    /// Agree with the provider on how a subscription goes on.
    FollowSubscription {
        /// The provider's subscription.
        subscription: Name,
        /// How it goes on.
        standing: Standing,
    },
    /// A payment of the subscription was declined.
    FailPayment {
        /// The provider's subscription.
        subscription: Name,
        /// What was to be paid.
        invoice: Name,
        /// Which attempt it was, from 1.
        attempt: u32,
    },
    /// Buy packs when the balance gets low, or no more.
    SetTopUp(Option<TopUpTerms>),
    /// Note that the payment of an automatic purchase is on its way at Stripe.
    AwaitTopUp {
        /// The purchase's number.
        n: u32,
    },
    /// End an automatic purchase that was not paid, or was paid and could not be given.
    EndTopUp {
        /// The purchase's number.
        n: u32,
        /// The reason for which no more is bought until an admin asks again.
        stop: TopUpStop,
        /// Stripe's payment, where there is one.
        payment: Option<Name>,
    },
    /// Apply for a review (R25).
    RequestReview {
        /// The review.
        review: Name,
        /// The application's number, one more than the last.
        application: u32,
    },
    /// Decide against it.
    RejectReview {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
    /// Take an approval back: the paid period stays, and nothing that requires the review is sold or run any more.
    RevokeReview {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
}

impl BillingCommand {
    /// The command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            BillingCommand::RecordPayment(_) => "record_payment",
            BillingCommand::FollowSubscription { .. } => "follow_subscription",
            BillingCommand::FailPayment { .. } => "fail_payment",
            BillingCommand::SetTopUp(_) => "set_top_up",
            BillingCommand::AwaitTopUp { .. } => "await_top_up",
            BillingCommand::EndTopUp { .. } => "end_top_up",
            BillingCommand::RequestReview { .. } => "request_review",
            BillingCommand::RejectReview { .. } => "reject_review",
            BillingCommand::RevokeReview { .. } => "revoke_review",
        }
    }
}
