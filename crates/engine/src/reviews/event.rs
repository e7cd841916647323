//! Events of the reviews of a workspace, which are for ever.

use crate::catalog::Name;
use serde::{Deserialize, Serialize};

/// An event of the reviews of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewEvent {
    /// A review was applied for.
    ReviewRequested {
        /// The review.
        review: Name,
        /// The application's number.
        application: u32,
    },
    /// A review was approved (R25).
    ReviewApproved {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
    /// The application for a review was rejected.
    ReviewRejected {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
    /// An approval was taken back.
    ReviewRevoked {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
}

impl ReviewEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            ReviewEvent::ReviewRequested { .. } => "review_requested",
            ReviewEvent::ReviewApproved { .. } => "review_approved",
            ReviewEvent::ReviewRejected { .. } => "review_rejected",
            ReviewEvent::ReviewRevoked { .. } => "review_revoked",
        }
    }
}
