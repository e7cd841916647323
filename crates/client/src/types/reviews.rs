//! Reviews that a plan requires: applications, their files and their decisions.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Application for a review to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// Name of the review, as the plans that require it give it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub review: String,
    /// Answers for the operator, by names of the applicant's own: at most 50 texts of at most 2,000 characters.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
}

/// Application for a review, and its decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Review {
    /// Id of the application, `rev_…`.
    pub id: String,
    /// Id of the applying workspace, `ws_…`.
    pub workspace: String,
    /// Name of the review.
    pub review: String,
    /// Status: `submitted`, `approved`, `rejected` or `revoked`.
    pub status: String,
    /// Texts that were sent with the application.
    pub form: BTreeMap<String, String>,
    /// Files that were added to the application.
    pub files: Vec<ReviewFile>,
    /// Applicant; absent when the review was approved with a plan, without an application.
    pub applied_by: Option<String>,
    /// Instant of the application.
    pub applied_at: String,
    /// Reason of the decision.
    pub reason: Option<String>,
    /// Instant of the decision; absent until it is made.
    pub decided_at: Option<String>,
}

/// File of an application for a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReviewFile {
    /// Id of the file, `rf_…`.
    pub id: String,
    /// Name of the file.
    pub name: String,
    /// Media type: `application/pdf`, `image/png` or `image/jpeg`.
    pub content_type: String,
    /// Size of the file, in bytes.
    pub bytes: i64,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Applicant or operator who added the file.
    pub added_by: String,
    /// Instant at which the file was added.
    pub added_at: String,
}

/// Decision on an application for a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReviewDecision {
    /// Reason of the decision. The applicant is told the reason of a rejection or a revocation.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}
