//! Commands about payments: what Stripe reports about money and subscriptions.

use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};

/// Purchase that a payment paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goods {
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
    pub bought: Goods,
    /// Version of the catalog that the checkout session showed; `None` for a purchase without a session.
    pub offered: Option<u32>,
    /// Number of the top-up's purchase that the payment is for.
    pub top_up: Option<u32>,
}

/// Status of a Stripe subscription: how it goes on after the current period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// Renews, unless another plan or an end was agreed for the period's end.
    Continues {
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

/// A command about payments and the subscription at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentCommand {
    /// Gives the grants that a payment bought, once.
    Record(Payment),
    /// Applies a refund or dispute of a payment, in part or in whole (R9).
    Reverse {
        /// Source of the grants that the payment paid for.
        source: Name,
        /// Amount of money that was paid, in the currency's smallest unit.
        paid: u64,
        /// Sum of the money that has gone back by now, in the currency's smallest unit.
        reversed: u64,
        /// `true` while the payment is in dispute.
        disputed: bool,
    },
    /// Follows the status of a Stripe subscription.
    FollowSubscription {
        /// Stripe's id of the subscription.
        subscription: Name,
        /// Status of the subscription.
        status: SubscriptionStatus,
    },
    /// Notes that a payment of the subscription was declined.
    Fail {
        /// Stripe's id of the subscription.
        subscription: Name,
        /// Stripe's id of the invoice.
        invoice: Name,
        /// Attempt number, starting at 1.
        attempt: u32,
    },
}

impl PaymentCommand {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            PaymentCommand::Record(_) => "record_payment",
            PaymentCommand::Reverse { .. } => "reverse_payment",
            PaymentCommand::FollowSubscription { .. } => "follow_subscription",
            PaymentCommand::Fail { .. } => "fail_payment",
        }
    }
}
