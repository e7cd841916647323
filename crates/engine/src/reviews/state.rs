//! A review that stands before a plan, and where it has got to.

use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a review stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    /// Applied for, and nobody has decided.
    Submitted,
    /// Approved: what requires it can be bought.
    Approved,
    /// Rejected; it can be applied for again.
    Rejected,
    /// Approved once, and not any more.
    Revoked,
}

impl ReviewStatus {
    /// The status's name in the API.
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
    /// Where it stands.
    pub status: ReviewStatus,
    /// The number of the newest application, from 1; 0 when it was approved without one.
    #[serde(default)]
    pub application: u32,
    /// Why it stands there, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}
