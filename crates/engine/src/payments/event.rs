//! Events of the payments of a workspace, which are for ever. Amounts that a payment moves are events of its grants.

use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};
use serde::{Deserialize, Serialize};

/// An event of the payments of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentEvent {
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
    /// A payment is in dispute: new runs are refused until it is closed (R9).
    DisputeOpened {
        /// The payment.
        source: Name,
    },
    /// The dispute over a payment was closed.
    DisputeClosed {
        /// The payment.
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
