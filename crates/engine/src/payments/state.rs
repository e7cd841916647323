//! What is sold through a payment provider: payments, subscriptions that renew when they are paid, automatic top-ups,
//! and the reviews that stand before a plan.
//!
//! A provider collects money and is never the credit store. It is believed about what was paid and for which period;
//! what that gives is in the catalog version that sold it at that price.
//!
//! Invariant: what is granted for a payment is granted once, for ever, whoever tells of it and however often (R7).

use super::TopUp;
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::reviews::Review;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the current period was paid with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The provider's subscription.
    pub subscription: Name,
    /// What was paid, as the source of the period's grants (R7).
    pub source: Name,
    /// In the currency's smallest unit.
    pub amount: Amount,
    /// ISO 4217, lower case.
    pub currency: Name,
    /// How much of it has gone back: this many of so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed: Option<(u64, u64)>,
}

/// What a workspace has to do with a payment provider, besides its current period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// The last payment that failed, and at which attempt; nothing once one has succeeded.
    #[serde(default)]
    pub failed: Option<(Name, u32)>,
    /// Reviews that were asked for (R25).
    #[serde(default)]
    pub reviews: BTreeMap<Name, Review>,
    /// Packs that are bought when the balance gets low.
    #[serde(default)]
    pub top_up: Option<TopUp>,
    /// The number of the next automatic purchase.
    #[serde(default)]
    pub top_ups: u32,
}
