//! Keys of a workspace.

use super::Interval;
use serde::{Deserialize, Serialize};

/// Cap on spending: a number of credits, for ever or in each interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SpendCap {
    /// Number of credits that may be spent.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1_000_000_000))]
    pub credits: i64,
    /// Interval after which the cap begins anew, counted from when it was set; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Interval>,
}

/// A cap and the part of it that is used. Held credits count as spent; released credits do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CapView {
    /// Number of credits that may be spent.
    pub credits: i64,
    /// Interval after which the cap begins anew: `week`, `month` or `year`; absent is never.
    pub every: Option<String>,
    /// Number of credits spent in the current interval.
    pub spent: i64,
    /// Instant at which the cap begins anew.
    pub resets_at: Option<String>,
}

/// Owner of a key to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyOwner {
    /// The workspace: the key stays when its maker leaves. For admins and the operator.
    #[default]
    Workspace,
    /// The person who makes the key: it can do no more than its owner, and ends when the owner leaves.
    Me,
}

/// Key of a workspace to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Name of the key for people.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// Capabilities, such as `workflow:read`, `model:run`, or `model:image-pro:run` for one model alone. Each must be
    /// within the plan's ceiling and within the role of the person who makes the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Name of a preset of the catalog, in place of capabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Ids of the only models that the key may run; empty is every model that its capabilities reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The only workflows that the key may run; empty is every workflow that its capabilities reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<String>,
    /// Owner of the key; `workspace` when absent, and `me` for a member who is no admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyOwner>,
    /// Cap on what the key may spend.
    #[serde(default, deserialize_with = "crate::strict::maybe", skip_serializing_if = "Option::is_none")]
    pub spend_cap: Option<SpendCap>,
    /// Instant at which the key expires; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// Change of a key. An absent member stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// New name of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: Option<String>,
    /// New capabilities, which are granted anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// New cap; `null` removes it.
    #[serde(default, deserialize_with = "crate::strict::nullable", skip_serializing_if = "Option::is_none")]
    pub spend_cap: Option<Option<SpendCap>>,
    /// `true` confirms a key of the workspace whose maker has left, so that it no longer needs a review.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reviewed: bool,
}

/// Rotation of a key's secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Time for which the old secret still opens the key, in seconds; 86,400 (a day) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 604_800))]
    pub grace: Option<i64>,
}

/// A key of a workspace. Its secret is shown once, in the answer that makes or rotates it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Key {
    /// Id of the key, `key_…`.
    pub id: String,
    /// Name of the key for people.
    pub name: String,
    /// The secret, `scrip_wk_…`, in the answer that makes or rotates the key alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Last four characters of the secret.
    pub last4: String,
    /// Capabilities that the key was given.
    pub capabilities: Vec<String>,
    /// Capabilities in force under the plan and the role of the key's owner.
    pub effective: Vec<String>,
    /// Capabilities that were given and are not in force now.
    pub dormant: Vec<String>,
    /// Capabilities that could be granted to the key now.
    pub available: Vec<String>,
    /// Ids of the only models that the key may run; empty is all.
    pub models: Vec<String>,
    /// The only workflows that the key may run; empty is all.
    pub workflows: Vec<String>,
    /// Id of the member who owns the key, `usr_…`; absent for a key of the workspace itself.
    pub owner: Option<String>,
    /// Id of the user who made the key, `usr_…`; absent when the operator did.
    pub made_by: Option<String>,
    /// `true` for a key of the workspace whose maker has left: an admin should confirm or revoke it.
    pub needs_review: bool,
    /// Cap on the key's spending, and the part that is used.
    pub spend_cap: Option<CapView>,
    /// Reason for which the key is frozen; absent when it is not.
    pub frozen_reason: Option<String>,
    /// Instant at which the key was made.
    pub created_at: String,
    /// Instant at which the key expires; absent is never.
    pub expires_at: Option<String>,
    /// Instant until which the previous secret still opens the key.
    pub previous_until: Option<String>,
    /// Instant of the last use, to the minute.
    pub last_used_at: Option<String>,
}

/// Answer of a request that ended or removed a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = Ended))]
pub struct Removal {
    /// Id of the thing that was ended.
    pub id: String,
}
