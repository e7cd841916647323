//! Grants: lots of one unit, each with an end of its own, and what became of them.
//!
//! Invariant: granted is available, held, captured, expired and revoked together (I1).

use crate::catalog::{GrantKind, Name};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a grant cost in money: so much for so many credits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostBasis {
    /// ISO 4217, lower case.
    pub currency: Name,
    /// In the currency's smallest unit.
    pub amount: Amount,
    /// The credits it was paid for.
    pub credits: Amount,
}

/// A lot of one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its number in the workspace, from 1.
    pub n: u32,
    /// Its name in the catalog, or the operator's.
    pub code: Name,
    /// Why it exists.
    pub kind: GrantKind,
    /// What it counts.
    pub unit: Unit,
    /// The only models it pays for; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Name>,
    /// Its place in the draw order, lowest first (R5).
    pub rank: u8,
    /// What it was made from (R7).
    pub source: Name,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_basis: Option<CostBasis>,
    /// Size, for ever.
    pub granted: Amount,
    /// Free to be held.
    pub available: Amount,
    /// Under open holds.
    pub held: Amount,
    /// Spent.
    pub captured: Amount,
    /// Lost to the calendar.
    pub expired: Amount,
    /// Taken back.
    pub revoked: Amount,
    /// How much refunds and disputes take back in all, of it and of what was reinstated from it (R9).
    #[serde(default)]
    pub reclaim: Amount,
    /// Whether a correction takes back whatever is left (R10).
    #[serde(default)]
    pub voided: bool,
    /// The grant whose taken amounts this one gives back, for a reinstated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<u32>,
    /// How much of what was taken back has been given again or repaid by packs.
    #[serde(default)]
    pub settled: Settled,
    /// When it was made.
    pub starts_at: Timestamp,
    /// From when on it is dead; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// The end it was made with, where a bridge to an unpaid renewal has moved `expires_at` behind it (R4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridged_from: Option<Timestamp>,
    /// When its owner is to be told that it will expire; `None` once they are, or when there is no need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_at: Option<Timestamp>,
    /// The last time it changed.
    pub touched_at: Timestamp,
}

/// What happened to a reclaimed amount besides revoking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Shortfall that later packs paid (R9).
    pub repaid: Amount,
    /// Given again after a won dispute (R9), and not taken back since.
    pub reinstated: Amount,
    /// Taken by corrections, which no won dispute gives again (R10).
    #[serde(default)]
    pub voided: Amount,
    /// Came back from holds when the grant was dead, and lives on in another (R17).
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub returned: Amount,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_nothing(amount: &Amount) -> bool {
    amount.is_zero()
}

impl Grant {
    /// Whether it can be drawn from at an instant.
    pub fn live(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.expires_at.is_none_or(|end| at < end)
    }

    /// Whether it has died.
    pub fn dead(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= at)
    }

    /// Returns the grant's own end, which no bridge to an unpaid renewal moves (R17).
    pub fn own_end(&self) -> Option<Timestamp> {
        self.bridged_from.or(self.expires_at)
    }

    /// Returns whether what a hold gives back at an instant finds the grant dead. A bridge keeps it alive for holds
    /// that were opened inside the bridge alone: for older ones the grant's own end counts (R17).
    pub(crate) fn dead_for(&self, opened_at: Timestamp, at: Timestamp) -> bool {
        self.dead(at) || self.bridged_from.is_some_and(|own_end| own_end <= at && opened_at < own_end)
    }

    /// Whether it pays for a model; `None` asks for any use.
    pub fn pays_for(&self, model: Option<&str>) -> bool {
        self.models.is_empty() || model.is_some_and(|model| self.models.iter().any(|known| &**known == model))
    }

    /// Whether nothing can happen to its amounts any more.
    pub fn closed(&self) -> bool {
        self.available.is_zero() && self.held.is_zero()
    }

    /// What has been taken back and not given again, of it and of what was reinstated from it.
    pub fn recovered(&self) -> Amount {
        (self.revoked + self.settled.repaid).less(self.settled.reinstated)
    }

    /// What is still to be taken back, whether or not there is anything to take it from.
    pub fn owed(&self) -> Amount {
        self.reclaim.less(self.recovered())
    }
}

/// Sums over grants, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Granted.
    pub granted: Amount,
    /// Available.
    pub available: Amount,
    /// Held.
    pub held: Amount,
    /// Captured.
    pub captured: Amount,
    /// Expired.
    pub expired: Amount,
    /// Revoked.
    pub revoked: Amount,
}

impl Sums {
    /// Counts a grant in.
    pub(crate) fn add(&mut self, grant: &Grant) {
        self.granted += grant.granted;
        self.available += grant.available;
        self.held += grant.held;
        self.captured += grant.captured;
        self.expired += grant.expired;
        self.revoked += grant.revoked;
    }
}

/// The source of a count trial's grant.
pub(crate) fn trial_source(plan: &str, model: &str) -> String {
    format!("trial:{plan}:{model}")
}
