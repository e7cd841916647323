//! Commands about the reviews that a plan requires.

use crate::catalog::Name;

/// A command about a review (R25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewCommand {
    /// Applies for a review (R25).
    Request {
        /// Name of the review.
        review: Name,
        /// Number of the application, one more than the last.
        application: u32,
    },
    /// Approves a review (R25).
    Approve {
        /// Name of the review to approve.
        review: Name,
        /// Reason for the approval, in the operator's words.
        reason: String,
    },
    /// Rejects the application for a review.
    Reject {
        /// Name of the review.
        review: Name,
        /// Reason of the rejection, in words.
        reason: String,
    },
    /// Revokes an approval: the paid period stays, and nothing that requires the review is sold or run any more.
    Revoke {
        /// Name of the review.
        review: Name,
        /// Reason of the revocation, in words.
        reason: String,
    },
}

impl ReviewCommand {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            ReviewCommand::Request { .. } => "request_review",
            ReviewCommand::Approve { .. } => "approve_review",
            ReviewCommand::Reject { .. } => "reject_review",
            ReviewCommand::Revoke { .. } => "revoke_review",
        }
    }
}
