//! Grants, balances, and the entitlements of a workspace under its plan.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Grant to be made: a pack, or an amount of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// Id of the catalog's pack that was sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// Number of units to give, in place of a pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub amount: Option<i64>,
    /// Unit of `amount`: `credits` (the default) or `training`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<GrantUnit>,
    /// Reason for the grant, which members of the workspace can read.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
    /// The payment behind the grant, or the operator's own name for the gift. A source is granted once, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Instant at which the grant expires; not with a pack, which brings its own expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Ids of the only models that the grant pays for; empty is every model. Not with a pack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

/// Unit that an operator can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantUnit {
    /// Credits, which pay for most runs.
    Credits,
    /// Training units, which pay for trainings.
    Training,
}

/// Reason for voiding a grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VoidRequest {
    /// Reason in words, kept in the audit log.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}

/// An amount of one unit with its source, rank, scope and expiry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Grant {
    /// Id of the grant, `gr_…`.
    pub id: String,
    /// Name of the grant in the catalog.
    pub code: String,
    /// Unit that the grant counts: `credits`, `training` or `runs`.
    pub unit: String,
    /// Kind of the grant: `cycle`, `rollover`, `lifetime`, `trial`, `pack`, `bonus`, `goodwill`, `returned` or
    /// `reinstated`.
    pub kind: String,
    /// Source that the grant was made for, such as an invoice's line or the operator's own name for a gift.
    pub source: String,
    /// Ids of the only models that the grant pays for; empty is every model.
    pub scope: Vec<String>,
    /// Rank of the grant in the draw order; the lowest is drawn first.
    pub rank: u8,
    /// Number of units granted at the start.
    pub granted: i64,
    /// Number of units that can be held now.
    pub available: i64,
    /// Number of units under open holds.
    pub held: i64,
    /// Number of units spent.
    pub captured: i64,
    /// Number of units that ended with the grant's expiry.
    pub expired: i64,
    /// Number of units that were taken back, by a refund, a dispute or a correction.
    pub revoked: i64,
    /// Instant at which the grant was made.
    pub starts_at: String,
    /// Instant at which the grant expires; absent is never.
    pub expires_at: Option<String>,
    /// `true` while the grant's period is over and the next is not paid yet: nothing can be held from the grant.
    #[serde(default)]
    pub frozen: bool,
}

/// Available and held units of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnitBalance {
    /// Number of units that can be held now.
    pub available: i64,
    /// Number of units under open holds.
    pub held: i64,
}

/// Balance of a workspace, with its grants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Balance {
    /// Number of credits that can be held now.
    pub available: i64,
    /// Number of credits under open holds.
    pub held: i64,
    /// Number of credits that refunds and disputes took back after they were spent; the next pack repays them.
    pub debt: i64,
    /// Available and held units, by unit.
    pub units: BTreeMap<String, UnitBalance>,
    /// Instant of the next allowance.
    pub renews_at: Option<String>,
    /// Instant of the last allowance.
    pub renewed_at: Option<String>,
    /// Grants that make up the balance; grants that are spent or expired are left out.
    pub grants: Vec<Grant>,
}

/// A model under the workspace's plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelEntitlement {
    /// Id of the model.
    pub id: String,
    /// Name of the model for people.
    pub name: String,
    /// Output of the model: `image`, `video` or `weights`.
    pub output: String,
    /// `true` when the plan does not let the workspace run the model now.
    pub locked: bool,
    /// Reason for the lock: `MODEL_TIER_REQUIRED`, `TRIAL_EXHAUSTED` or `ALLOWANCE_EXHAUSTED`.
    pub reason: Option<String>,
    /// Ids of the plans that include the model.
    pub plans_that_include: Vec<String>,
    /// Number of free runs left in a trial, 0 when it is used up; absent where the plan has none.
    pub trial_runs_left: Option<i64>,
    /// Instant at which an open trial window ends.
    pub trial_window_ends_at: Option<String>,
    /// `true` when the next run would open a trial window.
    pub trial_window_unopened: bool,
    /// Number of runs left today, where the plan limits them.
    pub runs_left_today: Option<u32>,
}

/// Limits of a plan; an absent limit is unlimited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Number of requests in any 60 seconds.
    pub requests_per_minute: Option<u32>,
    /// Number of runs open at once.
    pub concurrency: Option<u32>,
    /// Number of images in one run.
    pub batch: Option<u32>,
    /// Size of all stored outputs, in bytes.
    pub storage_bytes: Option<u64>,
    /// Size of the outputs that are stored now, in bytes.
    pub stored_bytes: u64,
    /// Number of members that the plan has room for.
    pub members: Option<u32>,
    /// Time for which outputs are kept.
    pub retention: Option<String>,
    /// Highest level of parameter values.
    pub level: Option<String>,
    /// Name of the lane in which runs are queued.
    pub lane: Option<String>,
}

/// Models, limits and features of a workspace under its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entitlements {
    /// Id of the plan.
    pub plan: String,
    /// Every model of the catalog, with the workspace's access to it.
    pub models: Vec<ModelEntitlement>,
    /// Limits of the plan.
    pub limits: Limits,
    /// Allowances beside credits, by unit.
    pub allowances: BTreeMap<String, UnitBalance>,
    /// Capabilities that the plan allows keys to have.
    pub ceiling: Vec<String>,
    /// Other features of the plan.
    pub features: Vec<String>,
}
