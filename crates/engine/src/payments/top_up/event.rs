//! Events of the automatic top-ups of a workspace, which are for ever.

use super::{AgreedPack, TopUpDrop, TopUpStop, TopUpTerms};
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An event of the automatic top-ups of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopUpEvent {
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
}

impl TopUpEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            TopUpEvent::TopUpSet { .. } => "top_up_set",
            TopUpEvent::TopUpUnset => "top_up_unset",
            TopUpEvent::TopUpRequested { .. } => "top_up_requested",
            TopUpEvent::TopUpProcessing { .. } => "top_up_processing",
            TopUpEvent::TopUpDropped { .. } => "top_up_dropped",
            TopUpEvent::TopUpEnded { .. } => "top_up_ended",
            TopUpEvent::TopUpPaid { .. } => "top_up_paid",
            TopUpEvent::TopUpStopped { .. } => "top_up_stopped",
            TopUpEvent::TopUpPutOff { .. } => "top_up_put_off",
        }
    }
}
