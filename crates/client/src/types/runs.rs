//! Quotes and runs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of a price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Line {
    /// What it is for.
    pub text: String,
    /// What it comes to.
    pub credits: i64,
}

/// A price to be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewQuote {
    /// The model.
    pub model: String,
    /// What is asked of it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// A price for exact parameters, good for 15 minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quote {
    /// `qt_…`, to be cited by a run.
    pub id: String,
    /// The model.
    pub model: String,
    /// The parameters as they were understood, defaults filled in.
    pub params: serde_json::Value,
    /// The price; in the model's unit.
    pub credits: i64,
    /// What the price counts.
    pub unit: String,
    /// Its breakdown.
    pub lines: Vec<Line>,
    /// What cancelling costs once the run is running: `none`, `full` or `elapsed` comes back.
    pub cancel: String,
    /// Until when it is good.
    pub expires_at: String,
    /// The catalog version of the price.
    pub catalog_version: u32,
    /// Whether the run would be accepted now.
    pub allowed: bool,
    /// Why not: a code and its members.
    pub refusal: Option<serde_json::Value>,
    /// Credits that would be left.
    pub balance_after: Option<i64>,
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// The model.
    pub model: String,
    /// What is asked of it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: serde_json::Map<String, serde_json::Value>,
    /// The quote whose price is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// What the sandbox provider is to do; only in test mode.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::strict::maybe")]
    pub sandbox: Option<Sandbox>,
    /// The caller's own words; at most 50 of them.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// What the sandbox provider is to do with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// How it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<SandboxOutcome>,
    /// After so many seconds.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 86400))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// How much of `images` or `duration` is delivered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, u32>,
}

/// How a sandboxed run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SandboxOutcome {
    /// With usable output.
    Succeed,
    /// With an error of the provider.
    Fail,
    /// Never; its deadline ends it.
    Timeout,
    /// With output that cannot be used.
    Unusable,
    /// With a refusal by a filter.
    Refused,
}

/// What became of a run's credits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunCredits {
    /// The price.
    pub quoted: i64,
    /// Held now.
    pub held: i64,
    /// Spent.
    pub captured: i64,
    /// Given back.
    pub released: i64,
}

/// A stored output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunOutput {
    /// `as_…`
    pub asset: String,
    /// A signed address of the file, good for an hour.
    pub url: String,
    /// IANA media type.
    pub content_type: String,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunError {
    /// `TIMEOUT`, `PROVIDER_ERROR`, `REFUSED`, `UNUSABLE_OUTPUT` or `CANCELED`.
    pub code: String,
    /// In words.
    pub detail: String,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Run {
    /// `run_…`
    pub id: String,
    /// `model`.
    pub kind: String,
    /// The model.
    pub model: String,
    /// `queued`, `running`, `succeeded`, `partial`, `failed` or `canceled`.
    pub status: String,
    /// What was asked of it, defaults filled in.
    pub params: serde_json::Value,
    /// What became of its credits.
    pub credits: RunCredits,
    /// What the price counts.
    pub unit: String,
    /// The price's breakdown.
    pub lines: Vec<Line>,
    /// `runs` or `window` when it used a trial.
    pub trial: Option<String>,
    /// What was stored.
    pub outputs: Vec<RunOutput>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// The caller's own words.
    pub metadata: BTreeMap<String, String>,
    /// The catalog version of the price.
    pub catalog_version: u32,
    /// When it was accepted.
    pub created_at: String,
    /// When it was first handed to a worker.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// When it is given up.
    pub expires_at: String,
}
