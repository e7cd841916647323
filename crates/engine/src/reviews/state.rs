//! A review that a plan requires, with its status.

use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Status of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    /// Applied for, and not decided.
    Submitted,
    /// Approved: plans that require it can be bought.
    Approved,
    /// Rejected; the workspace can apply for it again.
    Rejected,
    /// Approved once, and revoked since.
    Revoked,
}

impl ReviewStatus {
    /// Returns the status's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            ReviewStatus::Submitted => "submitted",
            ReviewStatus::Approved => "approved",
            ReviewStatus::Rejected => "rejected",
            ReviewStatus::Revoked => "revoked",
        }
    }
}

/// A review of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Status of the review.
    pub status: ReviewStatus,
    /// Number of the newest application, starting at 1; 0 when it was approved without one.
    #[serde(default)]
    pub application: u32,
    /// Reason of the last decision, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Instant since which the status holds.
    pub at: Timestamp,
}
