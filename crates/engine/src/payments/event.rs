//! What happened about money that is no grant: those are the ledger's own events.

use super::{AgreedPack, TopUpDrop, TopUpStop, TopUpTerms};
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};
use serde::{Deserialize, Serialize};

/// What happened about money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingEvent {
    /// A period was paid for. What it gives follows.
    PeriodPaid {
        /// What was paid (R7).
        source: Name,
        /// The provider's subscription.
        subscription: Name,
        /// The plan.
        plan: Name,
        /// How often it is paid.
        interval: Interval,
        /// The catalog version that sells it at this price.
        catalog: u32,
        /// When the period starts.
        start: Timestamp,
        /// When it ends.
        end: Timestamp,
        /// What was paid, in the currency's smallest unit.
        amount: Amount,
        /// ISO 4217, lower case.
        currency: Name,
    },
    /// The period is over and its renewal is not paid: what is left of its grants can be spent until the bridge ends,
    /// and is frozen then (R4).
    PaymentAwaited {
        /// Until when that is waited for.
        until: Timestamp,
        /// End of the bridge; without one the rest is frozen at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<Timestamp>,
    },
    /// The bridge is over: what is left is frozen (R4).
    RemainderFrozen,
    /// The renewal's payment is on its way and has not failed: it is waited for longer, and the plan stays (R4).
    PaymentProcessing {
        /// Until when it is waited for.
        until: Timestamp,
    },
    /// A payment was declined.
    PaymentFailed {
        /// What was to be paid.
        invoice: Name,
        /// Which attempt it was.
        attempt: u32,
    },
    /// Part of what the current or a carried period was paid with went back, or came again.
    PaymentReversed {
        /// The payment.
        source: Name,
        /// What was paid, in the currency's smallest unit.
        paid: u64,
        /// What of it has gone back, in all.
        reversed: u64,
    },
    /// Automatic top-ups were asked for, on other terms than before, or again after a decline.
    TopUpSet {
        /// The terms.
        terms: TopUpTerms,
        /// The pack as it was sold then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agreed: Option<AgreedPack>,
    },
    /// No more automatic top-ups.
    TopUpUnset,
    /// The balance got low: a pack is to be bought.
    TopUpRequested {
        /// The purchase's number.
        n: u32,
        /// The pack.
        pack: Name,
        /// What it costs, in the currency's smallest unit.
        amount: Amount,
        /// ISO 4217, lower case.
        currency: Name,
        /// Catalog version that sells it so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        catalog: Option<u32>,
    },
    /// The purchase's payment is on its way at Stripe.
    TopUpProcessing {
        /// The purchase's number.
        n: u32,
    },
    /// The purchase is not wanted any more as it was asked for, and counts as spent no more.
    TopUpDropped {
        /// The purchase's number.
        n: u32,
        /// The reason.
        why: TopUpDrop,
    },
    /// The purchase has ended.
    TopUpEnded {
        /// Its number.
        n: u32,
        /// Whether it was declined, which stops further ones.
        declined: bool,
        /// The reason for which further ones are stopped; absent when it was paid and given, and in old journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<TopUpStop>,
        /// Stripe's payment that was declined.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<Name>,
    },
    /// A purchase that was dropped was paid all the same: it counts as spent in the month of its payment.
    TopUpPaid {
        /// The purchase's number.
        n: u32,
        /// Amount that was paid, in the currency's smallest unit.
        amount: Amount,
    },
    /// Automatic top-ups stop before anything is bought: the pack is not sold any more as it was agreed.
    TopUpStopped {
        /// The reason.
        why: TopUpStop,
    },
    /// The balance is low, and the month's maximum leaves no room for a pack.
    TopUpPutOff {
        /// The beginning of the next month, in which it is bought.
        until: Timestamp,
    },
    /// A review was applied for.
    ReviewRequested {
        /// The review.
        review: Name,
        /// The application's number.
        application: u32,
    },
    /// It was rejected.
    ReviewRejected {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
    /// An approval was taken back.
    ReviewRevoked {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
}

impl BillingEvent {
    /// The event's name in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            BillingEvent::PeriodPaid { .. } => "period_paid",
            BillingEvent::PaymentAwaited { .. } => "payment_awaited",
            BillingEvent::RemainderFrozen => "remainder_frozen",
            BillingEvent::PaymentProcessing { .. } => "payment_processing",
            BillingEvent::PaymentFailed { .. } => "payment_failed",
            BillingEvent::PaymentReversed { .. } => "payment_reversed",
            BillingEvent::TopUpSet { .. } => "top_up_set",
            BillingEvent::TopUpUnset => "top_up_unset",
            BillingEvent::TopUpRequested { .. } => "top_up_requested",
            BillingEvent::TopUpProcessing { .. } => "top_up_processing",
            BillingEvent::TopUpDropped { .. } => "top_up_dropped",
            BillingEvent::TopUpEnded { .. } => "top_up_ended",
            BillingEvent::TopUpPaid { .. } => "top_up_paid",
            BillingEvent::TopUpStopped { .. } => "top_up_stopped",
            BillingEvent::TopUpPutOff { .. } => "top_up_put_off",
            BillingEvent::ReviewRequested { .. } => "review_requested",
            BillingEvent::ReviewRejected { .. } => "review_rejected",
            BillingEvent::ReviewRevoked { .. } => "review_revoked",
        }
    }
}
