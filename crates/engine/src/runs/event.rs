//! Events of the runs of a workspace.
//!
//! Invariant: an event is for ever; variants and fields are only added.

use super::quote::Line;
use crate::catalog::{CancelRule, Name, Output, Params};
use crate::holds::{End, Part, TrialUse};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::team::Spender;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A file that a run delivered, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// IANA media type of the file.
    pub content_type: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

/// Status of a run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// All that was asked for was delivered.
    Succeeded,
    /// A usable share of what was asked for was delivered (R13).
    Partial,
    /// No usable output was delivered (R14).
    Failed,
    /// The caller cancelled the run (R20).
    Canceled,
}

impl RunStatus {
    /// Returns the status in the API.
    pub const fn name(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
            RunStatus::Canceled => "canceled",
        }
    }
}

/// Failure of a run: a code and its reason in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code of the failure.
    pub code: FailureCode,
    /// Reason for the failure, in words.
    pub detail: String,
}

/// Kinds of failure. A failure costs nothing (R14), except a cancellation under a rule that says otherwise (R20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The run had not ended by its deadline.
    Timeout,
    /// The provider answered with an error or broke down.
    ProviderError,
    /// A filter refused the request or its output.
    Refused,
    /// The output cannot be used: empty, undecodable, of the wrong kind, size or duration.
    UnusableOutput,
    /// The caller cancelled the run.
    Canceled,
}

impl FailureCode {
    /// Returns the code in the API.
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

/// Script by which a test tells the sandbox provider what becomes of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Outcome of the run; a success unless it is written.
    #[serde(default)]
    pub outcome: ScriptedOutcome,
    /// Delay before the outcome, in seconds.
    #[serde(default)]
    pub after: u32,
    /// Quantity of `images` or `duration` that is delivered; all that was asked for unless it is written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, u32>,
}

/// Outcome of a scripted run in the sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptedOutcome {
    /// The run delivers usable output.
    #[default]
    Succeed,
    /// The provider answers with an error.
    Fail,
    /// The run never ends, so that its deadline ends it.
    Timeout,
    /// The run delivers output that cannot be used.
    Unusable,
    /// A filter refuses the run.
    Refused,
}

/// An event of the runs of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A run was accepted: quoted, held and queued in one step (R11).
    RunQueued {
        /// Number of the run in the workspace; its hold has the same.
        run: u32,
        /// Id of the model.
        model: Name,
        /// Kind of the run's output.
        output: Output,
        /// Parameters of the run, with defaults filled in.
        params: Params,
        /// Catalog version that the price is from.
        catalog: u32,
        /// Unit that the run is paid in.
        unit: Unit,
        /// Number of units that are held for the run: its quoted price.
        quoted: Amount,
        /// Lines of the price, in words and credits.
        lines: Vec<Line>,
        /// Parts of the hold by grant, in the order in which they were taken.
        parts: Vec<Part>,
        /// Quantity that was asked for, in what the rate counts.
        asked: u64,
        /// Deadline of the run: the instant at which it fails and its hold is released.
        expires_at: Timestamp,
        /// Rule for the cost of cancelling the run once it is started.
        cancel: CancelRule,
        /// Kind of the trial that the run uses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<TrialUse>,
        /// End of the trial window that the run opens (R23).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens_until: Option<Timestamp>,
        /// Day whose limit the run counts against, in days since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited_day: Option<i64>,
        /// Script for the sandbox, in a test workspace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sandbox: Option<Script>,
        /// Names and values of the caller's own, which the run carries unchanged.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<String, String>,
        /// Member or key whose caps the run counts against; `None` when the operator asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Spender>,
    },
    /// The run was handed to a worker.
    RunStarted {
        /// Number of the run.
        run: u32,
        /// Attempt number, starting at 1; a worker of an earlier attempt is fenced off.
        attempt: u32,
    },
    /// The run ended, which happens once (R15).
    RunSettled {
        /// Number of the run.
        run: u32,
        /// Status of the ended run.
        status: RunStatus,
        /// Number of units that were spent.
        captured: Amount,
        /// Number of units that were not spent, wherever they went.
        released: Amount,
        /// End of each part of the run's hold.
        ends: Vec<End>,
        /// Quantity that was delivered, in what the rate counts.
        delivered: u64,
        /// Files that were stored.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outputs: Vec<OutputFile>,
        /// Failure of the run; `None` after a success or a partial delivery.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// An outcome came after the end: it is recorded, and was the operator's loss if it was a success (R15, R19).
    OutcomeIgnored {
        /// Number of the run.
        run: u32,
        /// `true` if the outcome would have been a success.
        usable: bool,
    },
    /// The opening of a time trial was withdrawn, because no run in it delivered usable output (R23).
    WindowWithdrawn {
        /// Plan that the trial belongs to.
        plan: Name,
        /// Id of the model on trial.
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
