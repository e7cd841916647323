//! Keys of a workspace.

use super::Interval;
use serde::{Deserialize, Serialize};

/// So many credits, for ever or in each interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SpendCap {
    /// Credits.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1_000_000_000))]
    pub credits: i64,
    /// How often it begins again, counted from when it was set; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Interval>,
}

/// A cap and how far it is used up. What is held counts as spent; what comes back does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CapView {
    /// Credits.
    pub credits: i64,
    /// `week`, `month` or `year`; absent when it never begins again.
    pub every: Option<String>,
    /// Spent of it.
    pub spent: i64,
    /// When it begins again.
    pub resets_at: Option<String>,
}

/// Whose a key is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyOwner {
    /// The workspace's own: it lives on whoever leaves. For admins and the operator.
    #[default]
    Workspace,
    /// Of whoever makes it: it can do no more than they, and goes with them.
    Me,
}

/// A key to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Shown on pages.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// What it may do, such as `workflow:read`, `model:run`, or `model:image-pro:run` for one alone. None of it may be
    /// above the plan's ceiling or above whoever makes the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// A preset of the catalog, instead of capabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The only models it may run; absent is every one that its capabilities reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The only workflows it may run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<String>,
    /// Whose it is: the workspace's, unless a member who is no admin makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyOwner>,
    /// What it may spend.
    #[serde(default, deserialize_with = "crate::strict::maybe", skip_serializing_if = "Option::is_none")]
    pub spend_cap: Option<SpendCap>,
    /// From when on it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// What is to be different about a key. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: Option<String>,
    /// Other capabilities, granted anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// Another cap; `null` takes it away.
    #[serde(default, deserialize_with = "crate::strict::given", skip_serializing_if = "Option::is_none")]
    pub spend_cap: Option<Option<SpendCap>>,
    /// Somebody has looked at it after its maker had left, and it stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reviewed: bool,
}

/// How a key gets another secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// For how many seconds the old secret still opens it; a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 604_800))]
    pub grace: Option<i64>,
}

/// A key. Its secret is shown once, when it is made or gets another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Key {
    /// `key_…`
    pub id: String,
    /// Shown on pages.
    pub name: String,
    /// The secret, `scrip_wk_…`, in this answer alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How the secret ends.
    pub last4: String,
    /// What it was given.
    pub capabilities: Vec<String>,
    /// What of it is in force under the plan and the role of its owner.
    pub effective: Vec<String>,
    /// What of it sleeps.
    pub dormant: Vec<String>,
    /// What could be granted to it now.
    pub available: Vec<String>,
    /// The only models it may run; empty is all.
    pub models: Vec<String>,
    /// The only workflows it may run; empty is all.
    pub workflows: Vec<String>,
    /// The member it belongs to, `usr_…`; absent is the workspace's own.
    pub owner: Option<String>,
    /// Who made it, `usr_…`; absent is the operator.
    pub made_by: Option<String>,
    /// Whether it is the workspace's own and whoever made it has left: somebody should look at it.
    pub needs_review: bool,
    /// What it may spend.
    pub spend_cap: Option<CapView>,
    /// Why it is switched off.
    pub frozen_reason: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// From when on it is dead.
    pub expires_at: Option<String>,
    /// Until when the secret before this one opens it.
    pub previous_until: Option<String>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<String>,
}

/// Something that was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ended {
    /// What.
    pub id: String,
}
