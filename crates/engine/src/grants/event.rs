//! Events of the grants of a workspace, which are for ever.

use super::CostBasis;
use crate::catalog::{GrantKind, Name};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An event of the grants of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEvent {
    /// A grant was made.
    GrantIssued {
        /// Its number.
        grant: u32,
        /// Its name in the catalog, or the operator's.
        code: Name,
        /// Why it exists.
        kind: GrantKind,
        /// What it counts.
        unit: Unit,
        /// How much.
        amount: Amount,
        /// The only models it pays for; empty is all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        models: Vec<Name>,
        /// Its place in the draw order.
        rank: u8,
        /// What it was made from (R7).
        source: Name,
        /// What it cost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_basis: Option<CostBasis>,
        /// From when on it is dead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// When its owner is to be told that it will expire.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice_at: Option<Timestamp>,
        /// The grant it continues: one that died under a hold, or one whose dispute was won.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u32>,
        /// Why, in the operator's words (R10).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// What was available of a grant expired.
    GrantExpired {
        /// The grant.
        grant: u32,
        /// How much.
        amount: Amount,
    },
    /// What was available of a grant was taken back, and what more is to be (R9, R10).
    GrantRevoked {
        /// The grant.
        grant: u32,
        /// Taken now.
        amount: Amount,
        /// What refunds and disputes take back in all.
        reclaim: Amount,
        /// A correction: whatever is left is taken, now and when its holds end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        voided: bool,
        /// Why.
        reason: String,
    },
    /// A new grant paid a debt (R9).
    DebtRepaid {
        /// The grant that paid.
        grant: u32,
        /// The grant whose shortfall it was; `None` for one that is forgotten.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owed_by: Option<u32>,
        /// How much.
        amount: Amount,
    },
}

impl GrantEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            GrantEvent::GrantIssued { .. } => "grant_issued",
            GrantEvent::GrantExpired { .. } => "grant_expired",
            GrantEvent::GrantRevoked { .. } => "grant_revoked",
            GrantEvent::DebtRepaid { .. } => "debt_repaid",
        }
    }
}
