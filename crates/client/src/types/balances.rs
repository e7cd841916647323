//! Grants, balances, and what a plan lets a workspace do.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Credits to be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// A pack of the catalog that was sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// Or so many units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub amount: Option<i64>,
    /// Of `credits` (the default) or `training`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<GrantUnit>,
    /// Why. People see it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
    /// What was paid, or the operator's own name for the gift: granted once, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// From when on it is dead; not with a pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The only models it pays for; not with a pack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

/// What an operator can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantUnit {
    /// The shared balance.
    Credits,
    /// The training allowance.
    Training,
}

/// Why a grant is voided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VoidRequest {
    /// In words.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Grant {
    /// `gr_…`
    pub id: String,
    /// Its name in the catalog.
    pub code: String,
    /// `credits`, `training` or `runs`.
    pub unit: String,
    /// `cycle`, `rollover`, `lifetime`, `trial`, `pack`, `bonus`, `goodwill`, `returned` or `reinstated`.
    pub kind: String,
    /// What it was made from.
    pub source: String,
    /// The only models it pays for; empty is all.
    pub scope: Vec<String>,
    /// Its place in the draw order, lowest first.
    pub rank: u8,
    /// Its size.
    pub granted: i64,
    /// Free to be spent.
    pub available: i64,
    /// Under open holds.
    pub held: i64,
    /// Spent.
    pub captured: i64,
    /// Lost to the calendar.
    pub expired: i64,
    /// Taken back.
    pub revoked: i64,
    /// When it was made.
    pub starts_at: String,
    /// From when on it is dead.
    pub expires_at: Option<String>,
    /// Whether its period is over and the next is not paid yet: nothing can be held from it.
    #[serde(default)]
    pub frozen: bool,
}

/// What is available and held of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnitBalance {
    /// Free to be spent.
    pub available: i64,
    /// Under open holds.
    pub held: i64,
}

/// A balance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Balance {
    /// Credits free to be spent.
    pub available: i64,
    /// Credits under open holds.
    pub held: i64,
    /// Credits that refunds and disputes left owing.
    pub debt: i64,
    /// The same for every unit there is.
    pub units: BTreeMap<String, UnitBalance>,
    /// When the next allowance comes.
    pub renews_at: Option<String>,
    /// When the last one came.
    pub renewed_at: Option<String>,
    /// Where it all is; spent and dead grants are left out.
    pub grants: Vec<Grant>,
}

/// A model as the workspace's plan sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelEntitlement {
    /// The model.
    pub id: String,
    /// Its name on a page.
    pub name: String,
    /// `image`, `video` or `weights`.
    pub output: String,
    /// Whether the plan keeps it shut.
    pub locked: bool,
    /// Why: `MODEL_TIER_REQUIRED`, `TRIAL_EXHAUSTED` or `ALLOWANCE_EXHAUSTED`.
    pub reason: Option<String>,
    /// The plans that include it.
    pub plans_that_include: Vec<String>,
    /// Free runs left in a trial, 0 when it is used up; absent where the plan has none.
    pub trial_runs_left: Option<i64>,
    /// When an open trial window ends.
    pub trial_window_ends_at: Option<String>,
    /// Whether a trial window would open with the next run.
    pub trial_window_unopened: bool,
    /// Runs left today, where the plan limits them.
    pub runs_left_today: Option<u32>,
}

/// The bounds of a plan; what is absent is unlimited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Requests in any 60 seconds.
    pub requests_per_minute: Option<u32>,
    /// Runs open at once.
    pub concurrency: Option<u32>,
    /// Images in one run.
    pub batch: Option<u32>,
    /// Bytes of stored outputs.
    pub storage_bytes: Option<u64>,
    /// Bytes that are stored now.
    pub stored_bytes: u64,
    /// People.
    pub members: Option<u32>,
    /// How long outputs are kept.
    pub retention: Option<String>,
    /// The highest parameter level.
    pub level: Option<String>,
    /// The queue lane.
    pub lane: Option<String>,
}

/// What a workspace may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entitlements {
    /// The plan.
    pub plan: String,
    /// Every model.
    pub models: Vec<ModelEntitlement>,
    /// The plan's bounds.
    pub limits: Limits,
    /// Allowances beside credits.
    pub allowances: BTreeMap<String, UnitBalance>,
    /// Capabilities a key may have.
    pub ceiling: Vec<String>,
    /// What else is in the plan.
    pub features: Vec<String>,
}
