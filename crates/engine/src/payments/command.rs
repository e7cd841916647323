//! Commands that Stripe's records ask for, and commands of an admin about buying.

use super::{TopUpStop, TopUpTerms};
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};

/// Purchase that a payment paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bought {
    /// A pack of the catalog.
    Pack(Name),
    /// A period of a plan.
    Period {
        /// Id of the plan.
        plan: Name,
        /// Interval at which it is paid.
        interval: Interval,
        /// Stripe's id of the subscription.
        subscription: Name,
        /// Instant that Stripe computes the subscription's periods from (R2).
        anchor: Timestamp,
        /// Start of the period.
        start: Timestamp,
        /// End of the period.
        end: Timestamp,
    },
}

/// A payment that is settled: the money has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Stripe's id of the thing paid for: an invoice's line or a payment (R7).
    pub source: Name,
    /// Price of the purchase, before discounts and taxes, in the currency's smallest unit.
    pub price: Amount,
    /// Money that was paid, in the same unit: the cost of its credits.
    pub paid: Amount,
    /// Part that was settled from a balance that no customer paid into, in the same unit: it buys, and costs nothing.
    pub given: Amount,
    /// Currency of the amounts, ISO 4217 in lower case.
    pub currency: Name,
    /// Purchase that was paid for.
    pub bought: Bought,
    /// Version of the catalog that the checkout session showed; `None` for a purchase without a session.
    pub offered: Option<u32>,
    /// Number of the top-up's purchase that the payment is for.
    pub top_up: Option<u32>,
}

/// Status of a Stripe subscription: how it goes on after the current period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Renews, unless another plan or an end was agreed for the period's end.
    Goes {
        /// `true` if it ends with the period (R32).
        ending: bool,
        /// Plan and interval that follow the period (R31).
        change: Option<(Name, Interval)>,
        /// `true` while the payment of the period after the current one is on its way (R4).
        processing: bool,
    },
    /// The subscription has ended.
    Ended,
}

/// A command about payments, top-ups and reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillingCommand {
    /// Gives the grants that a payment bought, once.
    RecordPayment(Payment),
    /// Follows the status of a Stripe subscription.
    FollowSubscription {
        /// Stripe's id of the subscription.
        subscription: Name,
        /// Status of the subscription.
        standing: Standing,
    },
    /// Notes that a payment of the subscription was declined.
    FailPayment {
        /// Stripe's id of the subscription.
        subscription: Name,
        /// Stripe's id of the invoice.
        invoice: Name,
        /// Attempt number, starting at 1.
        attempt: u32,
    },
    /// Sets automatic top-ups, or ends them with `None`.
    SetTopUp(Option<TopUpTerms>),
    /// Notes that the payment of a top-up's purchase is on its way at Stripe.
    AwaitTopUp {
        /// Number of the purchase.
        n: u32,
    },
    /// Ends a top-up's purchase that was not paid, or was paid and could not be given.
    EndTopUp {
        /// Number of the purchase.
        n: u32,
        /// Reason for which no more packs are bought until an admin sets top-ups again.
        stop: TopUpStop,
        /// Stripe's payment, if there is one.
        payment: Option<Name>,
    },
    /// Applies for a review (R25).
    RequestReview {
        /// Name of the review.
        review: Name,
        /// Number of the application, one more than the last.
        application: u32,
    },
    /// Rejects the application for a review.
    RejectReview {
        /// Name of the review.
        review: Name,
        /// Reason of the rejection, in words.
        reason: String,
    },
    /// Revokes an approval: the paid period stays, and nothing that requires the review is sold or run any more.
    RevokeReview {
        /// Name of the review.
        review: Name,
        /// Reason of the revocation, in words.
        reason: String,
    },
}

impl BillingCommand {
    /// Returns the command's name in the journal.
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
