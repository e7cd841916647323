//! Events of the holds of a workspace.
//!
//! Invariant: an event is for ever; variants and fields are only added.

use super::{Part, TrialUse};
use crate::catalog::Name;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::team::Spender;
use serde::{Deserialize, Serialize};

/// End of one part of a hold: its four amounts add up to the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Number of the grant that the part was taken from.
    pub grant: u32,
    /// Number of units that were spent.
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub captured: Amount,
    /// Number of units that went back to the grant.
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub released: Amount,
    /// Number of units that were lost, because the grant has expired; the grace gives them back as a grant of its own
    /// (R17).
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub expired: Amount,
    /// Number of units that were taken back, because the grant owes them (R9).
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub revoked: Amount,
}

/// An event of the holds of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldEvent {
    /// A product that executes its work itself opened a hold.
    HoldOpened {
        /// Number of the hold in the workspace.
        hold: u32,
        /// The caller's name for the hold.
        reference: String,
        /// Model that the hold is for; `None` for a plain amount of credits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<Name>,
        /// Unit that the hold counts.
        unit: Unit,
        /// Number of units that are held.
        amount: Amount,
        /// Parts of the hold by grant, in the order in which they were taken.
        parts: Vec<Part>,
        /// Quantity that was asked for, in what the rate counts; 1 for a plain amount.
        asked: u64,
        /// Instant at which the hold ends unless it is ended or extended before.
        expires_at: Timestamp,
        /// Kind of the trial that the hold uses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<TrialUse>,
        /// End of the trial window that the hold opens.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens_until: Option<Timestamp>,
        /// Day whose limit the hold counts against, in days since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited_day: Option<i64>,
        /// Member or key that the hold is for; `None` when the operator named none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Spender>,
    },
    /// The hold got a later end.
    HoldExtended {
        /// Number of the hold.
        hold: u32,
        /// Instant at which the hold ends now unless it is ended or extended before.
        expires_at: Timestamp,
    },
    /// The hold ended, which happens once (R15).
    HoldEnded {
        /// Number of the hold.
        hold: u32,
        /// Number of units that were spent.
        captured: Amount,
        /// Number of units that were not spent, wherever they went.
        released: Amount,
        /// End of each part of the hold.
        ends: Vec<End>,
        /// `true` when the hold reached its end and was not captured or released before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        expired: bool,
        /// `true` when the caller got what the hold was for; a hold of no units, inside a trial window, is captured for
        /// nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        usable: bool,
    },
}

impl HoldEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            HoldEvent::HoldOpened { .. } => "hold_opened",
            HoldEvent::HoldExtended { .. } => "hold_extended",
            HoldEvent::HoldEnded { .. } => "hold_ended",
        }
    }

    /// Returns the status with which the event ends its hold: `captured`, `released` or `expired`; `None` for an event
    /// that ends no hold.
    pub const fn end_status(&self) -> Option<&'static str> {
        match self {
            HoldEvent::HoldEnded { expired: true, .. } => Some("expired"),
            HoldEvent::HoldEnded { captured, released, .. } if captured.is_zero() && !released.is_zero() => {
                Some("released")
            }
            HoldEvent::HoldEnded { .. } => Some("captured"),
            HoldEvent::HoldOpened { .. } | HoldEvent::HoldExtended { .. } => None,
        }
    }
}
