//! Events of the runs of a workspace, which are for ever.

use super::quote::Line;
use crate::catalog::{CancelRule, Name, Output, Params};
use crate::holds::{End, Part, TrialUse};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::team::Spender;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stored output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// IANA media type.
    pub content_type: String,
    /// Size.
    pub bytes: u64,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// All that was asked for was delivered.
    Succeeded,
    /// A usable share of it was (R13).
    Partial,
    /// Nothing usable was (R14).
    Failed,
    /// The caller gave it up (R20).
    Canceled,
}

impl RunStatus {
    /// The status in the API.
    pub const fn name(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
            RunStatus::Canceled => "canceled",
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable code.
    pub code: FailureCode,
    /// In words.
    pub detail: String,
}

/// The kinds of failure. None of them costs anything (R14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// It had not ended by its deadline.
    Timeout,
    /// The provider said no or broke.
    ProviderError,
    /// A filter refused the request or its output.
    Refused,
    /// What came cannot be used: empty, undecodable, of the wrong kind, size or duration.
    UnusableOutput,
    /// The caller gave it up.
    Canceled,
}

impl FailureCode {
    /// The code in the API.
    pub const fn name(self) -> &'static str {
        match self {
            FailureCode::Timeout => "TIMEOUT",
            FailureCode::ProviderError => "PROVIDER_ERROR",
            FailureCode::Refused => "REFUSED",
            FailureCode::UnusableOutput => "UNUSABLE_OUTPUT",
            FailureCode::Canceled => "CANCELED",
        }
    }
}

/// What the sandbox provider is told to do with a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// How it ends.
    #[serde(default)]
    pub outcome: ScriptedOutcome,
    /// After so many seconds.
    #[serde(default)]
    pub after: u32,
    /// How much of `images` or `duration` is delivered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, u32>,
}

/// How a scripted run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptedOutcome {
    /// With usable output.
    #[default]
    Succeed,
    /// With an error of the provider.
    Fail,
    /// Never.
    Timeout,
    /// With output that cannot be used.
    Unusable,
    /// With a refusal by a filter.
    Refused,
}

/// An event of the runs of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A run was accepted: quoted, held and queued in one (R11).
    RunQueued {
        /// Its number.
        run: u32,
        /// The model.
        model: Name,
        /// What it makes.
        output: Output,
        /// What was asked of it.
        params: Params,
        /// The catalog version of the price.
        catalog: u32,
        /// What it counts.
        unit: Unit,
        /// The price.
        quoted: Amount,
        /// Its breakdown.
        lines: Vec<Line>,
        /// Where the hold was taken from, in order.
        parts: Vec<Part>,
        /// How much was asked for, in what the rate counts.
        asked: u64,
        /// When it is given up.
        expires_at: Timestamp,
        /// What cancelling it costs once it runs.
        cancel: CancelRule,
        /// The trial it uses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<TrialUse>,
        /// The window it opens, and until when (R23).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens_until: Option<Timestamp>,
        /// The day whose limit it counts against.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited_day: Option<i64>,
        /// What the sandbox is told to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sandbox: Option<Script>,
        /// The caller's own words.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<String, String>,
        /// Whose caps it counts against; nobody's, when the operator asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Spender>,
    },
    /// The run was handed to a worker.
    RunStarted {
        /// The run.
        run: u32,
        /// Which time; a worker of an earlier one is fenced off.
        attempt: u32,
    },
    /// The run ended (R15).
    RunSettled {
        /// The run.
        run: u32,
        /// How.
        status: RunStatus,
        /// Spent.
        captured: Amount,
        /// Given back, wherever to.
        released: Amount,
        /// What became of each part.
        ends: Vec<End>,
        /// How much was delivered, in what the rate counts.
        delivered: u64,
        /// What was stored.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outputs: Vec<OutputFile>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// An outcome came after the end: recorded, and the operator's loss if it was a success (R15, R19).
    OutcomeIgnored {
        /// The run.
        run: u32,
        /// Whether it would have been a success.
        usable: bool,
    },
    /// A time trial's opening was withdrawn, because nothing usable came of it (R23).
    WindowWithdrawn {
        /// The plan.
        plan: Name,
        /// The model.
        model: Name,
    },
}

impl RunEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            RunEvent::RunQueued { .. } => "run_queued",
            RunEvent::RunStarted { .. } => "run_started",
            RunEvent::RunSettled { .. } => "run_settled",
            RunEvent::OutcomeIgnored { .. } => "outcome_ignored",
            RunEvent::WindowWithdrawn { .. } => "window_withdrawn",
        }
    }
}
