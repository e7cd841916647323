//! Payments through Stripe: subscriptions that renew when they are paid, automatic top-ups, and the reviews that a
//! plan requires.
//!
//! Stripe collects money and keeps no credits. It is believed about what was paid and for which period; the catalog
//! version that sold it at that price says what it gives.
//!
//! Invariant: a payment gives its grants once, for ever, however often it is reported (R7).

use super::TopUp;
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::reviews::Review;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Payment of the current period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodPayment {
    /// Stripe's id of the subscription.
    pub subscription: Name,
    /// Stripe's id of the thing paid for, which is the source of the period's grants (R7).
    pub source: Name,
    /// Amount that was paid, in the currency's smallest unit.
    pub amount: Amount,
    /// Currency of the amount, ISO 4217 in lower case.
    pub currency: Name,
    /// Amount paid and the amount of it that has gone back, both in the same unit; `None` while none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed: Option<(u64, u64)>,
}

/// Payments, reviews and top-ups of a workspace, besides its current period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// Invoice of the last payment that failed, and its attempt; `None` once a payment has succeeded.
    #[serde(default)]
    pub failed: Option<(Name, u32)>,
    /// Reviews that were applied for, by name (R25).
    #[serde(default)]
    pub reviews: BTreeMap<Name, Review>,
    /// Automatic top-ups, if they were asked for.
    #[serde(default)]
    pub top_up: Option<TopUp>,
    /// Number of the next purchase of a top-up.
    #[serde(default)]
    pub top_ups: u32,
}
