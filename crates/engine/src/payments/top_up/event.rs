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
    /// Automatic top-ups were set, on other terms than before, or again after a decline.
    TopUpSet {
        /// Terms of the top-ups.
        terms: TopUpTerms,
        /// The pack as it was sold at that instant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agreed: Option<AgreedPack>,
    },
    /// Automatic top-ups were ended.
    TopUpUnset,
    /// The balance got low: a pack is to be bought.
    TopUpRequested {
        /// Number of the purchase.
        n: u32,
        /// Id of the pack.
        pack: Name,
        /// Price of the pack, in the currency's smallest unit.
        amount: Amount,
        /// Currency of the price, ISO 4217 in lower case.
        currency: Name,
        /// Version of the catalog that sells the pack so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        catalog: Option<u32>,
    },
    /// The payment of a purchase is on its way at Stripe.
    TopUpProcessing {
        /// Number of the purchase.
        n: u32,
    },
    /// A purchase is no longer wanted as it was asked for, and no longer counts as spent.
    TopUpDropped {
        /// Number of the purchase.
        n: u32,
        /// Reason for dropping it.
        why: TopUpDrop,
    },
    /// A purchase has ended.
    TopUpEnded {
        /// Number of the purchase.
        n: u32,
        /// `true` if the purchase was not paid, which stops further ones.
        declined: bool,
        /// Reason for which further purchases are stopped; absent when it was paid and given, and in old journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<TopUpStop>,
        /// Stripe's payment that was declined.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<Name>,
    },
    /// A purchase that was dropped was paid all the same: it counts as spent in the month of its payment.
    TopUpPaid {
        /// Number of the purchase.
        n: u32,
        /// Amount that was paid, in the currency's smallest unit.
        amount: Amount,
    },
    /// Automatic top-ups stop before a purchase: the pack is no longer sold as it was agreed.
    TopUpStopped {
        /// Reason for stopping the top-ups.
        why: TopUpStop,
    },
    /// The balance is low, and the month's maximum leaves no room for a pack.
    TopUpPutOff {
        /// Start of the next month, in which the pack is bought.
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
