//! Keys of operators.

use serde::{Deserialize, Serialize};

/// A part of what operators may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperatorScope {
    /// To see everything, secrets excepted.
    Read,
    /// To quote, hold and run, and to see holds and runs.
    Holds,
    /// To give credits.
    Grants,
    /// To make links that let somebody in, and pages on which they pay.
    Links,
    /// To open workspaces on the free plan, to find and to rename them.
    Workspaces,
    /// To check, publish and migrate catalogs.
    Catalog,
    /// To do everything.
    All,
}

/// An operator key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOperatorKey {
    /// Shown in lists; no other good key has it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// Scopes; `all` stands alone.
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 7))]
    pub scopes: Vec<OperatorScope>,
    /// Credits, or units of another kind, that it may give in a day of UTC; absent is no limit. For the scope `grants`.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants_per_day: Option<i64>,
    /// Instant from which on it is dead; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// `true` for a key that begins with `scrip_sk_live_`, as those for real credits do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
}

/// An operator key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OperatorKey {
    /// `opk_…`
    pub id: String,
    /// The key's name; `environment` for the one that `SCRIP_OPERATOR_KEY` gives, `first` for the one that the first
    /// start made.
    pub name: String,
    /// The secret's last four letters.
    pub last4: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Units that it may give in a day of UTC; absent is no limit.
    pub grants_per_day: Option<i64>,
    /// Instant at which it was made; absent for the one that `SCRIP_OPERATOR_KEY` gives.
    pub created_at: Option<String>,
    /// Instant from which on it is dead.
    pub expires_at: Option<String>,
    /// Instant at which it was revoked.
    pub revoked_at: Option<String>,
    /// Instant of its last use, to a minute.
    pub last_used_at: Option<String>,
    /// The secret, `scrip_sk_…`, in the answer that makes the key alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}
