//! Commands about runs: from the request to the outcome.

use super::event::{Failure, OutputFile, Script};
use crate::catalog::{Name, Params};
use crate::kernel::time::Timestamp;
use std::collections::BTreeMap;

/// Quote that a run cites, to run at its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CitedQuote {
    /// Catalog version that the quote's price is from.
    pub catalog: u32,
    /// Fingerprint of the model and parameters that the quote is for.
    pub fingerprint: u64,
    /// Instant from which the quote is expired.
    pub expires_at: Timestamp,
}

/// Switch by which an operator stops a model or provider for all workspaces, as known when the command was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Off {
    /// Name of the model, or of its provider.
    pub name: Name,
    /// Reason that the operator gave.
    pub reason: String,
}

/// Outcome of a run at its provider, as the worker reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Usable outputs were delivered and are stored.
    Delivered {
        /// Quantity that was delivered of what was asked for, in what the rate counts.
        delivered: u64,
        /// Files that were stored.
        outputs: Vec<OutputFile>,
    },
    /// The provider delivered no usable output.
    Failed(Failure),
}

/// A command about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunCommand {
    /// Queues a run of a model, with its hold.
    Create {
        /// Id of the model to run.
        model: Name,
        /// Parameters of the run, as the caller gave them.
        params: Params,
        /// Quote that the caller cites, to run at its rate.
        quote: Option<CitedQuote>,
        /// Script for the sandbox, in a test workspace.
        sandbox: Option<Script>,
        /// Names and values of the caller's own, which the run carries unchanged.
        metadata: BTreeMap<String, String>,
        /// Operator's switch that stops the model or its provider, if there is one.
        off: Option<Off>,
        /// `true` when a provider serves the model in the workspace's mode; the sandbox serves all in test mode.
        served: bool,
    },
    /// Hands a run to a worker.
    Start {
        /// Number of the run to start.
        run: u32,
        /// Attempt number, starting at 1; one more than the run's last attempt.
        attempt: u32,
    },
    /// Ends a run with its outcome.
    Settle {
        /// Number of the run to end.
        run: u32,
        /// Attempt number of the worker; `None` for a caller that needs no lease, such as a provider's own callback.
        attempt: Option<u32>,
        /// Delivered outputs, or a failure.
        outcome: Outcome,
    },
    /// Cancels a run before its outcome (R20).
    Cancel {
        /// Number of the run to cancel.
        run: u32,
    },
}

impl RunCommand {
    /// Names of the commands in the journal, in the order of the enum.
    pub(crate) const NAMES: [&str; 4] = ["create_run", "start_run", "settle_run", "cancel_run"];

    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        let [create, start, settle, cancel] = RunCommand::NAMES;
        match self {
            RunCommand::Create { .. } => create,
            RunCommand::Start { .. } => start,
            RunCommand::Settle { .. } => settle,
            RunCommand::Cancel { .. } => cancel,
        }
    }
}
