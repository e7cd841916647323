//! Types of quotes and of runs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of a price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Line {
    /// Text of the line: the part of the price that it states.
    pub text: String,
    /// Number of credits that the line adds.
    pub credits: i64,
}

/// Request for a quote: a model and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewQuote {
    /// Id of the model.
    pub model: String,
    /// Parameters of the run, by name.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// Price for exact parameters, good for 15 minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quote {
    /// Id of the quote, `qt_…`, which a run can cite.
    pub id: String,
    /// Id of the model.
    pub model: String,
    /// Parameters with their defaults filled in.
    pub params: serde_json::Value,
    /// Price of the run, in the model's unit.
    pub credits: i64,
    /// Unit that the price counts.
    pub unit: String,
    /// Price line by line; the lines add up to `credits`.
    pub lines: Vec<Line>,
    /// Units that come back when a running run is canceled: `none`, `full` or `elapsed`.
    pub cancel: String,
    /// Instant at which the quote expires.
    pub expires_at: String,
    /// Version of the catalog that the price is from.
    pub catalog_version: u32,
    /// `true` when the run would be accepted now.
    pub allowed: bool,
    /// Reason for which the run would be refused: a problem's code and its members.
    pub refusal: Option<serde_json::Value>,
    /// Number of credits that would be left.
    pub balance_after: Option<i64>,
}

/// Run to be started: a model, its parameters and, if wanted, a quote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// Id of the model.
    pub model: String,
    /// Parameters of the run, by name.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Id of the quote whose price is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Behavior of the sandbox for this run; only in test mode.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::strict::maybe")]
    pub sandbox: Option<Sandbox>,
    /// Labels of the caller's own; at most 50 of them.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// Behavior of the sandbox for one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Outcome of the run; absent leaves it to the sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<SandboxOutcome>,
    /// Time until the outcome, in seconds.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 86400))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// Amounts of `images` or `duration` that are delivered, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, u32>,
}

/// Outcome of a run in the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SandboxOutcome {
    /// Succeeds with usable output.
    Succeed,
    /// Fails with an error of the provider.
    Fail,
    /// Never ends by itself; the run's deadline ends it.
    Timeout,
    /// Ends with output that cannot be used.
    Unusable,
    /// Ends with a refusal by a content filter.
    Refused,
}

/// Credits of a run, from its price to their end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunCredits {
    /// Price of the run.
    pub quoted: i64,
    /// Number of units held now.
    pub held: i64,
    /// Number of units spent.
    pub captured: i64,
    /// Number of units that went back to their grants.
    pub released: i64,
}

/// Output file of a run, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunOutput {
    /// Id of the asset, `as_…`.
    pub asset: String,
    /// Signed address of the file, good for an hour.
    pub url: String,
    /// IANA media type of the file.
    pub content_type: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
}

/// Reason for which a run failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunError {
    /// Code of the reason: `TIMEOUT`, `PROVIDER_ERROR`, `REFUSED`, `UNUSABLE_OUTPUT` or `CANCELED`.
    pub code: String,
    /// Reason in words, for people.
    pub detail: String,
}

/// One execution of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Run {
    /// Id of the run, `run_…`.
    pub id: String,
    /// Kind of the run; always `model`.
    pub kind: String,
    /// Id of the model.
    pub model: String,
    /// Status: `queued`, `running`, `succeeded`, `partial`, `failed` or `canceled`.
    pub status: String,
    /// Parameters with their defaults filled in.
    pub params: serde_json::Value,
    /// Units that were quoted, held, spent and released.
    pub credits: RunCredits,
    /// Unit that the price counts.
    pub unit: String,
    /// Price line by line.
    pub lines: Vec<Line>,
    /// Kind of the trial that the run used, `runs` or `window`; absent when it used none.
    pub trial: Option<String>,
    /// Output files that are stored.
    pub outputs: Vec<RunOutput>,
    /// Reason for which the run failed; absent when it did not.
    pub error: Option<RunError>,
    /// Labels of the caller's own.
    pub metadata: BTreeMap<String, String>,
    /// Version of the catalog that the price is from.
    pub catalog_version: u32,
    /// Instant at which the run was accepted.
    pub created_at: String,
    /// Instant at which a worker first took the run.
    pub started_at: Option<String>,
    /// Instant at which the run ended.
    pub ended_at: Option<String>,
    /// Deadline of the run: the instant at which it fails if it has not ended.
    pub expires_at: String,
}
