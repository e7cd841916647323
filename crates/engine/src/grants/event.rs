//! Events of the grants of a workspace.
//!
//! Invariant: an event is for ever; variants and fields are only added.

use super::CostBasis;
use crate::catalog::{GrantKind, Name};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An event of the grants of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEvent {
    /// A new grant was issued.
    GrantIssued {
        /// Number of the grant in the workspace, from 1.
        grant: u32,
        /// Name of the grant in the catalog, or the operator's.
        code: Name,
        /// Kind of the grant: the reason for which it exists.
        kind: GrantKind,
        /// Unit that the grant counts.
        unit: Unit,
        /// Number of units that are granted.
        amount: Amount,
        /// The only models that the grant pays for; empty is all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        models: Vec<Name>,
        /// Rank of the grant in the draw order, lowest first.
        rank: u8,
        /// Source of the grant, which is granted from once (R7).
        source: Name,
        /// Money that was paid for the grant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_basis: Option<CostBasis>,
        /// Instant of the expiry; `None` is never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// Instant at which the owner is notified of the coming expiry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice_at: Option<Timestamp>,
        /// Number of the grant that this one continues: one that ended under a hold, or one whose dispute was won.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u32>,
        /// Reason for the grant, in the operator's words (R10).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The available units of a grant expired.
    GrantExpired {
        /// Number of the grant.
        grant: u32,
        /// Number of units that expired.
        amount: Amount,
    },
    /// Available units of a grant were taken back, and a total to be reclaimed was set (R9, R10).
    GrantRevoked {
        /// Number of the grant.
        grant: u32,
        /// Number of units that are taken back now.
        amount: Amount,
        /// Number of units that refunds and disputes take back in all.
        reclaim: Amount,
        /// `true` for a correction: the rest of the grant is taken back, now and when its holds end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        voided: bool,
        /// Reason for taking the units back.
        reason: String,
    },
    /// A new grant repaid a debt (R9).
    DebtRepaid {
        /// Number of the grant that paid.
        grant: u32,
        /// Number of the grant that the debt is of; `None` for a grant that is forgotten.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owed_by: Option<u32>,
        /// Number of units that were repaid.
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
