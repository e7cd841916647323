//! Reviews that stand before a plan: what is sent with an application, and what became of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An application for a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// The review, as the plans that require it name it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub review: String,
    /// What the operator is to know, by names of the applicant's own: at most 50 texts of at most 2,000 characters.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
}

/// An application, and how it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Review {
    /// `rev_…`
    pub id: String,
    /// Whose it is, `ws_…`.
    pub workspace: String,
    /// The review.
    pub review: String,
    /// `submitted`, `approved`, `rejected` or `revoked`.
    pub status: String,
    /// What was sent with it.
    pub form: BTreeMap<String, String>,
    /// The files that were added to it.
    pub files: Vec<ReviewFile>,
    /// Who applied; absent when it was approved with a plan and nobody had applied.
    pub applied_by: Option<String>,
    /// When.
    pub applied_at: String,
    /// Why it was decided so.
    pub reason: Option<String>,
    /// When it was.
    pub decided_at: Option<String>,
}

/// A file of an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReviewFile {
    /// `rf_…`
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `application/pdf`, `image/png` or `image/jpeg`.
    pub content_type: String,
    /// Its size.
    pub bytes: i64,
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub added_at: String,
}

/// How an application is decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReviewDecision {
    /// Why. Of a rejection or a revocation, the applicant is told.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}
