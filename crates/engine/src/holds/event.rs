//! Events of the holds of a workspace, which are for ever.

use super::{Part, TrialUse};
use crate::catalog::Name;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::team::Spender;
use serde::{Deserialize, Serialize};

/// What became of one part of a hold. The sum is the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The grant it was taken from.
    pub grant: u32,
    /// Spent.
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub captured: Amount,
    /// Back in the grant.
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub released: Amount,
    /// Lost, because the grant has died; what the grace gives back is a grant of its own (R17).
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub expired: Amount,
    /// Taken back, because the grant is owed (R9).
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub revoked: Amount,
}

/// An event of the holds of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldEvent {
    /// A product that dispatches itself holds credits.
    HoldOpened {
        /// Its number.
        hold: u32,
        /// The caller's name for it.
        reference: String,
        /// The model it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<Name>,
        /// What it counts.
        unit: Unit,
        /// How much.
        amount: Amount,
        /// Where it was taken from, in order.
        parts: Vec<Part>,
        /// How much was asked for, in what the rate counts; 1 for a plain amount.
        asked: u64,
        /// When it is given up.
        expires_at: Timestamp,
        /// The trial it uses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<TrialUse>,
        /// The window it opens, and until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens_until: Option<Timestamp>,
        /// The day whose limit it counts against.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited_day: Option<i64>,
        /// The member or key it is for; nobody, when the operator named none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Spender>,
    },
    /// The hold may last longer.
    HoldExtended {
        /// The hold.
        hold: u32,
        /// When it is given up now.
        expires_at: Timestamp,
    },
    /// The hold ended (R15).
    HoldEnded {
        /// The hold.
        hold: u32,
        /// Spent.
        captured: Amount,
        /// Given back, wherever to.
        released: Amount,
        /// What became of each part.
        ends: Vec<End>,
        /// Nobody ended it in time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        expired: bool,
        /// The caller got what it was for; a hold of nothing, inside a window, is captured for nothing.
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
}
