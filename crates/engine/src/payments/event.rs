//! Events of the payments of a workspace, which are for ever. Amounts that a payment moves are events of its grants.

use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};
use serde::{Deserialize, Serialize};

/// An event of the payments of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentEvent {
    /// A period was paid for. Its grants follow as events of their own.
    PeriodPaid {
        /// Stripe's id of the thing paid for (R7).
        source: Name,
        /// Stripe's id of the subscription.
        subscription: Name,
        /// Id of the plan.
        plan: Name,
        /// Interval at which it is paid.
        interval: Interval,
        /// Version of the catalog that sells it at this price.
        catalog: u32,
        /// Start of the period.
        start: Timestamp,
        /// End of the period.
        end: Timestamp,
        /// Amount that was paid, in the currency's smallest unit.
        amount: Amount,
        /// Currency of the amount, ISO 4217 in lower case.
        currency: Name,
    },
    /// The period is over and its renewal is not paid: what is left of its grants can be spent until the bridge ends,
    /// and is frozen then (R4).
    PaymentAwaited {
        /// Instant until which the payment is waited for.
        until: Timestamp,
        /// End of the bridge; without one the rest is frozen at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<Timestamp>,
    },
    /// The bridge is over: the rest of the period's grants is frozen (R4).
    RemainderFrozen,
    /// The renewal's payment is on its way and has not failed: it is waited for longer, and the plan stays (R4).
    PaymentProcessing {
        /// Instant until which the payment is waited for.
        until: Timestamp,
    },
    /// A payment was declined.
    PaymentFailed {
        /// Stripe's id of the invoice.
        invoice: Name,
        /// Attempt number, starting at 1.
        attempt: u32,
    },
    /// Part of the payment of the current or a carried period went back, or came again.
    PaymentReversed {
        /// Source of the payment.
        source: Name,
        /// Amount that was paid, in the currency's smallest unit.
        paid: u64,
        /// Amount of it that has gone back by now, in the same unit.
        reversed: u64,
    },
    /// A payment is in dispute: new runs are refused until it is closed (R9).
    DisputeOpened {
        /// Source of the disputed payment.
        source: Name,
    },
    /// The dispute over a payment was closed.
    DisputeClosed {
        /// Source of the payment.
        source: Name,
    },
}

impl PaymentEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            PaymentEvent::PeriodPaid { .. } => "period_paid",
            PaymentEvent::PaymentAwaited { .. } => "payment_awaited",
            PaymentEvent::RemainderFrozen => "remainder_frozen",
            PaymentEvent::PaymentProcessing { .. } => "payment_processing",
            PaymentEvent::PaymentFailed { .. } => "payment_failed",
            PaymentEvent::PaymentReversed { .. } => "payment_reversed",
            PaymentEvent::DisputeOpened { .. } => "dispute_opened",
            PaymentEvent::DisputeClosed { .. } => "dispute_closed",
        }
    }
}
