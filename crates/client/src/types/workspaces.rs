//! Workspaces, their plans and their people.

use super::NewGrant;
use serde::{Deserialize, Serialize};

/// A workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Workspace {
    /// `ws_…`
    pub id: String,
    /// Shown on pages.
    pub name: String,
    /// The owner's e-mail; empty for a key that sees its own runs alone.
    pub owner_email: String,
    /// The operator's own id for it.
    pub external_id: Option<String>,
    /// `test` or `live`.
    pub mode: String,
    /// The plan.
    pub plan: String,
    /// `week`, `month` or `year`; absent on a plan that is never paid for.
    pub interval: Option<String>,
    /// `active`, `canceling`, `past_due` or `frozen`.
    pub status: String,
    /// Why it is frozen.
    pub frozen_reason: Option<String>,
    /// The test clock it stands on.
    pub test_clock: Option<String>,
    /// Who says that a period is paid: `manual`, the operator, or `provider`; absent on a plan that is never paid for.
    #[serde(default)]
    pub billing: Option<String>,
    /// Until when an unpaid renewal is waited for.
    #[serde(default)]
    pub awaited_until: Option<String>,
    /// The paid period.
    pub period: Option<PeriodView>,
    /// What takes effect with the next period.
    pub pending: Option<PendingChange>,
    /// Approved reviews.
    pub approvals: Vec<String>,
    /// The catalog version it is on.
    pub catalog_version: u32,
    /// When it was opened.
    pub created_at: String,
}

/// A paid period, half open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PeriodView {
    /// Its first instant.
    pub start: String,
    /// Its end, which belongs to the next.
    pub end: String,
}

/// A plan change that waits for the period's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PendingChange {
    /// The plan.
    pub plan: String,
    /// The interval.
    pub interval: String,
}

/// The person a workspace belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// E-mail.
    pub email: String,
}

/// A review the operator approves, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The review.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub review: String,
    /// Why.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}

/// A workspace to be opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    /// Shown on pages.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// Who owns it, and is its first admin. An operator names them; a person who has signed in is it themselves.
    #[serde(default, deserialize_with = "crate::strict::maybe", skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The operator's own id for it; at most one workspace has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `test` (the default) or `live`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The test clock it stands on; only in test mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<String>,
    /// The plan, billed by hand; absent is the free plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The interval; may be left out where the plan has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The credits of a period on a plan agreed by contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub allowance: Option<i64>,
    /// Reviews approved with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::strict::list")]
    pub approve: Vec<Approval>,
    /// `false` where the owner had elsewhere what a person gets once: the workspace gets no welcome credits and no
    /// trials, and no later workspace of that person does. An operator says so; `true` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome: Option<bool>,
}

/// An opening to be checked: the workspace, and the grant that would follow it.
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

/// The outcome of a check that found nothing to refuse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkspaceCheck {
    /// `true` when the idempotency key has opened the workspace already.
    pub exists: bool,
    /// The workspace that is there, or the one that would be opened.
    pub workspace: Workspace,
    /// Units granted under the grant's `source` so far; `null` when nothing was.
    pub granted: Option<i64>,
}

/// Real or play credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// For trying things.
    Test,
    /// For real.
    Live,
}

/// How often a plan is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// 7 × 24 hours.
    Week,
    /// A calendar month.
    Month,
    /// Twelve calendar months.
    Year,
}

/// What to change of a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkspaceChange {
    /// The new name.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
}

/// A plan to be on, billed by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// The plan.
    pub plan: String,
    /// The interval; may be left out where the plan has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The credits of a period on a plan agreed by contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub allowance: Option<i64>,
    /// Reviews approved with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::strict::list")]
    pub approve: Vec<Approval>,
}

/// Whether a workspace may start anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FreezeRequest {
    /// `true` freezes, `false` thaws.
    pub frozen: bool,
    /// Why; required to freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
