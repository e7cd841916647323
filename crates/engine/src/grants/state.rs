//! Grants: amounts of one unit, each with its own expiry and a record of its units.
//!
//! Invariant: a grant's granted amount is its available, held, captured, expired and revoked units together (I1).

use crate::catalog::{GrantKind, Name};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Money that was paid for a number of credits of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostBasis {
    /// ISO 4217 code of the currency, in lower case.
    pub currency: Name,
    /// Amount of money, in the currency's smallest unit.
    pub amount: Amount,
    /// Number of credits that the money was paid for.
    pub credits: Amount,
}

/// An amount of one unit with a source, a rank, a scope and an expiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Number of the grant in the workspace, from 1.
    pub n: u32,
    /// Name of the grant in the catalog, or the operator's.
    pub code: Name,
    /// Kind of the grant: the reason for which it exists.
    pub kind: GrantKind,
    /// Unit that the grant counts.
    pub unit: Unit,
    /// The only models that the grant pays for; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Name>,
    /// Rank of the grant in the draw order, lowest first (R5).
    pub rank: u8,
    /// Source of the grant, which is granted from once (R7).
    pub source: Name,
    /// Money that was paid for the grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_basis: Option<CostBasis>,
    /// Number of units that were granted; it never changes.
    pub granted: Amount,
    /// Number of units that can be held.
    pub available: Amount,
    /// Number of units under open holds.
    pub held: Amount,
    /// Number of units that were spent.
    pub captured: Amount,
    /// Number of units that were lost to the expiry.
    pub expired: Amount,
    /// Number of units that were taken back.
    pub revoked: Amount,
    /// Number of units that refunds and disputes take back in all, of this grant and of what was reinstated from it
    /// (R9).
    #[serde(default)]
    pub reclaim: Amount,
    /// `true` when a correction takes back the rest of the grant (R10).
    #[serde(default)]
    pub voided: bool,
    /// Number of the grant whose taken units this one gives back; only a reinstated grant has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<u32>,
    /// Amounts that were taken back and then given again or repaid by packs.
    #[serde(default)]
    pub settled: SettledSums,
    /// Instant at which the grant was issued.
    pub starts_at: Timestamp,
    /// Instant of the expiry; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// Expiry that the grant was issued with, where a bridge to an unpaid renewal has moved `expires_at` behind it
    /// (R4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridged_from: Option<Timestamp>,
    /// Instant at which the owner is notified of the coming expiry; `None` once the notice was sent, or when none is
    /// needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_at: Option<Timestamp>,
    /// Instant of the last change to the grant.
    pub touched_at: Timestamp,
}

/// Amounts of a grant beside its revoked units: given again, repaid, or gone on into another grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledSums {
    /// Number of units of debt that later packs repaid (R9).
    pub repaid: Amount,
    /// Number of units that were given again after a won dispute (R9), and not taken back since.
    pub reinstated: Amount,
    /// Number of units that corrections took, which no won dispute gives again (R10).
    #[serde(default)]
    pub voided: Amount,
    /// Number of units that came back from holds after the grant's end, and live on in a returned grant (R17).
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub returned: Amount,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_nothing(amount: &Amount) -> bool {
    amount.is_zero()
}

impl Grant {
    /// Returns `true` if a hold can draw from the grant at an instant.
    pub fn live(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.expires_at.is_none_or(|end| at < end)
    }

    /// Returns `true` if the grant has expired at an instant.
    pub fn dead(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= at)
    }

    /// Returns the expiry that the grant was issued with, which no bridge to an unpaid renewal moves (R17).
    pub fn own_end(&self) -> Option<Timestamp> {
        self.bridged_from.or(self.expires_at)
    }

    /// Returns `true` if units that a hold gives back at an instant find the grant expired. A bridge keeps the grant
    /// alive for holds that were opened inside the bridge alone: for older ones the grant's own end counts (R17).
    pub(crate) fn dead_for(&self, opened_at: Timestamp, at: Timestamp) -> bool {
        self.dead(at) || self.bridged_from.is_some_and(|own_end| own_end <= at && opened_at < own_end)
    }

    /// Returns `true` if the grant pays for a model; `None` stands for a use without a model.
    pub fn pays_for(&self, model: Option<&str>) -> bool {
        self.models.is_empty() || model.is_some_and(|model| self.models.iter().any(|known| &**known == model))
    }

    /// Returns `true` once the grant has neither available nor held units.
    pub fn is_closed(&self) -> bool {
        self.available.is_zero() && self.held.is_zero()
    }

    /// Returns the number of units that were taken back and not given again, of the grant and of what was reinstated
    /// from it.
    pub fn units_recovered(&self) -> Amount {
        (self.revoked + self.settled.repaid).less(self.settled.reinstated)
    }

    /// Returns the number of units that are still to be taken back, even if the grant has none left to take.
    pub fn units_owed(&self) -> Amount {
        self.reclaim.less(self.units_recovered())
    }
}

/// Sums of the amounts of several grants of one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Number of units that were granted.
    pub granted: Amount,
    /// Number of units that can be held.
    pub available: Amount,
    /// Number of units under open holds.
    pub held: Amount,
    /// Number of units that were spent.
    pub captured: Amount,
    /// Number of units that were lost to an expiry.
    pub expired: Amount,
    /// Number of units that were taken back.
    pub revoked: Amount,
}

impl Sums {
    /// Adds the amounts of a grant to the sums.
    pub(crate) fn add(&mut self, grant: &Grant) {
        self.granted += grant.granted;
        self.available += grant.available;
        self.held += grant.held;
        self.captured += grant.captured;
        self.expired += grant.expired;
        self.revoked += grant.revoked;
    }
}

/// Returns the source of the grant of a count trial.
pub(crate) fn trial_source(plan: &str, model: &str) -> String {
    format!("trial:{plan}:{model}")
}
