//! What a member or a key may spend (R30).

use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};
use serde::{Deserialize, Serialize};

/// A cap as it is set: so many credits, for ever or in each interval from when it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapTerms {
    /// Credits.
    pub credits: Amount,
    /// How often it begins again; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Interval>,
}

/// A cap and what was spent under it: what is held counts as spent, and what comes back of it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// As it was set.
    #[serde(flatten)]
    pub terms: CapTerms,
    /// When it was set: its intervals are computed from here (R2).
    pub since: Timestamp,
    /// The number of the first hold that counts: those before were opened without it, were it at the same instant.
    #[serde(default)]
    pub first: u32,
    /// The number of the interval in which something was last spent.
    pub index: u32,
    /// What was spent in that interval.
    pub spent: Amount,
}

impl Cap {
    /// A cap from now on, for holds from this number on.
    pub fn new(terms: CapTerms, at: Timestamp, first: u32) -> Cap {
        Cap { terms, since: at, first, index: 0, spent: Amount::ZERO }
    }

    /// The same cap with other terms. The interval goes on where it is the same, so that changing the amount forgets
    /// nothing.
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

    /// What was spent in the interval of an instant.
    pub fn spent(&self, at: Timestamp) -> Amount {
        if self.index_at(at) == self.index { self.spent } else { Amount::ZERO }
    }

    /// What may still be spent.
    pub fn left(&self, at: Timestamp) -> Amount {
        self.terms.credits.less(self.spent(at))
    }

    /// When it begins again.
    pub fn resets_at(&self, at: Timestamp) -> Option<Timestamp> {
        Some(self.since.nth(self.terms.every?, self.index_at(at) + 1))
    }

    pub(crate) fn spend(&mut self, amount: Amount, at: Timestamp) {
        self.spent = self.spent(at) + amount;
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
