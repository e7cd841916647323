//! Operator keys and their scopes.

use serde::{Deserialize, Serialize};

/// Scope of an operator key: the requests that it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperatorScope {
    /// Reads everything, secrets excepted.
    Read,
    /// Quotes, holds and runs, and reads holds and runs.
    Holds,
    /// Gives credits to workspaces.
    Grants,
    /// Makes links that sign a person in, checkout sessions and addresses of Stripe's portal.
    Links,
    /// Opens workspaces on the free plan, finds and renames them.
    Workspaces,
    /// Checks, publishes and migrates catalogs.
    Catalog,
    /// Allows every request of an operator.
    All,
}

/// An operator key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOperatorKey {
    /// Name of the key in lists; unique among the keys that are good.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// Scopes of the key; `all` only without others.
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 7))]
    pub scopes: Vec<OperatorScope>,
    /// Most credits, or units of another kind, that the key may give in a day of UTC; absent is no limit. For the
    /// scope `grants`.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants_per_day: Option<i64>,
    /// Instant at which the key expires; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// `true` for a key that begins with `scrip_sk_live_`, as keys for real credits do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
}

/// A key of an operator, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OperatorKey {
    /// Id of the key, `opk_…`.
    pub id: String,
    /// Name of the key; `environment` for the key in `SCRIP_OPERATOR_KEY`, `first` for the key that the first start
    /// made.
    pub name: String,
    /// Last four characters of the secret.
    pub last4: String,
    /// Scopes of the key: the requests that it is good for.
    pub scopes: Vec<String>,
    /// Most units that the key may give in a day of UTC; absent is no limit.
    pub grants_per_day: Option<i64>,
    /// Instant at which the key was made; absent for the key in `SCRIP_OPERATOR_KEY`.
    pub created_at: Option<String>,
    /// Instant at which the key expires; absent is never.
    pub expires_at: Option<String>,
    /// Instant at which the key was revoked.
    pub revoked_at: Option<String>,
    /// Instant of the last use, to the minute.
    pub last_used_at: Option<String>,
    /// The secret, `scrip_sk_…`, in the answer that makes the key alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}
