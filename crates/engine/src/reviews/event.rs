//! Events of the reviews of a workspace, which are for ever.

use crate::catalog::Name;
use serde::{Deserialize, Serialize};

/// An event of the reviews of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewEvent {
    /// A review was applied for.
    ReviewRequested {
        /// Name of the review.
        review: Name,
        /// Number of the application.
        application: u32,
    },
    /// A review was approved (R25).
    ReviewApproved {
        /// Name of the review.
        review: Name,
        /// Reason of the approval.
        reason: String,
    },
    /// The application for a review was rejected.
    ReviewRejected {
        /// Name of the review.
        review: Name,
        /// Reason of the rejection.
        reason: String,
    },
    /// An approval was revoked.
    ReviewRevoked {
        /// Name of the review.
        review: Name,
        /// Reason of the revocation.
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
