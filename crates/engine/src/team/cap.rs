//! Caps: limits on what a member or a key may spend (R30).

use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};
use serde::{Deserialize, Serialize};

/// Terms of a cap: a number of credits, for ever or in each interval from the instant it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapTerms {
    /// Number of credits that may be spent.
    pub credits: Amount,
    /// Interval after which the cap begins anew; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Interval>,
}

/// A cap and what was spent under it: held credits count as spent, and released credits do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Terms that were set.
    #[serde(flatten)]
    pub terms: CapTerms,
    /// Instant at which the cap was set: its intervals are computed from it (R2).
    pub since: Timestamp,
    /// Number of the first hold that counts: earlier holds were opened without the cap, even at the same instant.
    #[serde(default)]
    pub first: u32,
    /// Number of the interval in which credits were last spent.
    pub index: u32,
    /// Number of credits spent in that interval.
    pub spent: Amount,
}

impl Cap {
    /// Returns a cap from an instant on, for holds from a number on.
    pub fn new(terms: CapTerms, at: Timestamp, first: u32) -> Cap {
        Cap { terms, since: at, first, index: 0, spent: Amount::ZERO }
    }

    /// Returns this cap with other terms. Where the interval stays, what was spent stays, so that changing the amount
    /// forgets nothing.
    pub fn with(self, terms: CapTerms, at: Timestamp, first: u32) -> Cap {
        if terms.every == self.terms.every { Cap { terms, ..self } } else { Cap::new(terms, at, first) }
    }

    fn index_at(&self, at: Timestamp) -> u32 {
        let Some(every) = self.terms.every else { return 0 };
        let mut index = self.index;
        while self.since.nth(every, index + 1) <= at && self.since.nth(every, index + 1) < Timestamp::MAX {
            index += 1;
        }
        index
    }

    /// Returns the number of credits spent in the interval of an instant.
    pub fn credits_spent(&self, at: Timestamp) -> Amount {
        if self.index_at(at) == self.index { self.spent } else { Amount::ZERO }
    }

    /// Returns the number of credits that may still be spent.
    pub fn credits_left(&self, at: Timestamp) -> Amount {
        self.terms.credits.less(self.credits_spent(at))
    }

    /// Returns the instant at which the cap begins anew.
    pub fn resets_at(&self, at: Timestamp) -> Option<Timestamp> {
        Some(self.since.nth(self.terms.every?, self.index_at(at) + 1))
    }

    pub(crate) fn spend(&mut self, amount: Amount, at: Timestamp) {
        self.spent = self.credits_spent(at) + amount;
        self.index = self.index_at(at);
    }

    /// Takes back what was counted when a hold was opened, if that was in this interval.
    pub(crate) fn give_back(&mut self, amount: Amount, hold: u32, opened_at: Timestamp) {
        let start = self.terms.every.map_or(self.since, |every| self.since.nth(every, self.index));
        if hold >= self.first && opened_at >= start {
            self.spent = self.spent.less(amount);
        }
    }
}
