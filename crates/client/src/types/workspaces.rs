//! Workspaces, their plans and their owners.

use super::NewGrant;
use serde::{Deserialize, Serialize};

/// A workspace: it owns grants, runs, keys and assets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Workspace {
    /// Id of the workspace, `ws_…`.
    pub id: String,
    /// Name of the workspace for people.
    pub name: String,
    /// E-mail address of the owner; empty for a key that sees its own runs alone.
    pub owner_email: String,
    /// The operator's own id for the workspace.
    pub external_id: Option<String>,
    /// Mode: `test` or `live`.
    pub mode: String,
    /// Id of the plan.
    pub plan: String,
    /// Interval of the plan's price: `week`, `month` or `year`; absent on a plan that is never paid for.
    pub interval: Option<String>,
    /// Status of the plan: `active`, `canceling`, `past_due` or `frozen`.
    pub status: String,
    /// Reason for which the workspace is frozen.
    pub frozen_reason: Option<String>,
    /// Id of the test clock that the workspace stands on.
    pub test_clock: Option<String>,
    /// Kind of billing: `manual` (the operator says that a period is paid) or `provider` (Stripe collects it); absent
    /// on a plan that is never paid for.
    #[serde(default)]
    pub billing: Option<String>,
    /// Instant until which an unpaid renewal is waited for.
    #[serde(default)]
    pub awaited_until: Option<String>,
    /// Paid period; absent on a plan that is never paid for.
    pub period: Option<PeriodView>,
    /// Plan change that takes effect at the period's end.
    pub pending: Option<PendingChange>,
    /// Names of approved reviews.
    pub approvals: Vec<String>,
    /// Version of the catalog whose terms the workspace has.
    pub catalog_version: u32,
    /// Instant at which the workspace was opened.
    pub created_at: String,
}

/// A period: from its start up to its end, which is not part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PeriodView {
    /// First instant of the period.
    pub start: String,
    /// End of the period and start of the next.
    pub end: String,
}

/// Plan change that takes effect at the period's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PendingChange {
    /// Id of the plan that follows.
    pub plan: String,
    /// Interval of the plan's price.
    pub interval: String,
}

/// Owner of a workspace to be opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// E-mail address of the owner.
    pub email: String,
}

/// Review that the operator approves, with a reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Name of the review.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub review: String,
    /// Reason of the approval.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}

/// Workspace to be opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    /// Name of the workspace for people.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// Owner and first admin. An operator names the owner; a person who has signed in is the owner.
    #[serde(default, deserialize_with = "crate::strict::maybe", skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The operator's own id for the workspace; unique among workspaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Mode: `test` (the default) or `live`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Id of the test clock that the workspace stands on; only in test mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<String>,
    /// Id of the plan, with manual billing; absent is the free plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Interval of the plan's price; may be left out where the plan has one price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Number of credits for each period, on a plan agreed by contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub allowance: Option<i64>,
    /// Reviews that are approved together with the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::strict::list")]
    pub approve: Vec<Approval>,
    /// `false` where the owner had elsewhere what a person gets once: the workspace gets no welcome credits and no
    /// trials, and no later workspace of that person does. For operators; `true` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome: Option<bool>,
}

/// Opening of a workspace to be checked, with the grant that would follow it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWorkspaceCheck {
    /// The workspace, as `POST /v1/workspaces` takes it.
    #[serde(deserialize_with = "crate::strict::object")]
    pub workspace: NewWorkspace,
    /// The grant, as `POST /v1/workspaces/{id}/grants` takes it.
    #[serde(default, deserialize_with = "crate::strict::maybe", skip_serializing_if = "Option::is_none")]
    pub grant: Option<NewGrant>,
}

/// Outcome of a check that found no reason for a refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkspaceCheck {
    /// `true` when the idempotency key has opened the workspace already.
    pub exists: bool,
    /// The workspace that the key has opened, or the one that would be opened.
    pub workspace: Workspace,
    /// Number of units granted under the grant's `source` so far; `null` when none were.
    pub granted: Option<i64>,
}

/// Mode of a workspace: whether its models are served by the sandbox or for real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The sandbox serves the workspace's models.
    Test,
    /// Providers serve the workspace's models for real.
    Live,
}

/// Length of a price's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// A week of 7 × 24 hours.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of twelve calendar months.
    Year,
}

/// Change of a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkspaceChange {
    /// New name of the workspace.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
}

/// Plan that the operator puts a workspace on, with manual billing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Id of the plan.
    pub plan: String,
    /// Interval of the plan's price; may be left out where the plan has one price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Number of credits for each period, on a plan agreed by contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub allowance: Option<i64>,
    /// Reviews that are approved together with the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::strict::list")]
    pub approve: Vec<Approval>,
}

/// Freeze or thaw of a workspace or of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FreezeRequest {
    /// `true` freezes: no new run begins. `false` thaws.
    pub frozen: bool,
    /// Reason; required to freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
