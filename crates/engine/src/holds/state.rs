//! State of holds: amounts set aside from grants until they are captured or released.
//!
//! Invariant: the parts of a hold add up to its amount (I6).

use crate::catalog::{CancelRule, Name, Output};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::team::Spender;
use serde::{Deserialize, Serialize};

/// Units that a hold took from one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Number of the grant.
    pub grant: u32,
    /// Number of units that were taken.
    pub amount: Amount,
}

/// An open hold, with its parts in the order in which they were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Number of the hold in the workspace, from 1; its run has the same number.
    pub n: u32,
    /// Unit that the hold counts.
    pub unit: Unit,
    /// Number of units that are held: the sum of the parts.
    pub amount: Amount,
    /// Parts of the hold by grant.
    pub parts: Vec<Part>,
    /// Instant at which the hold was opened.
    pub opened_at: Timestamp,
    /// Instant at which the hold ends unless it is ended before.
    pub expires_at: Timestamp,
    /// Quantity that was asked for, in what the rate counts; 1 for a plain amount.
    pub asked: u64,
    /// The run or the caller that will end the hold.
    pub purpose: Purpose,
    /// Kind of the trial that the hold uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialUse>,
    /// Model that the hold is for; `None` for a plain amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// Day whose limit the hold counts against, in days since 1970; `None` for a model without a daily limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_day: Option<i64>,
    /// Plan that the hold was opened under; a trial belongs to a plan.
    pub plan: Name,
    /// Member or key whose caps the hold counts against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Spender>,
}

/// The run or the caller that will end a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A run that the gateway executes.
    Run {
        /// Kind of the run's output.
        output: Output,
        /// Last attempt number of the run; 0 before a worker has got it.
        attempt: u32,
        /// Instant at which a worker first got the run.
        started_at: Option<Timestamp>,
        /// Rule for the cost of cancelling the run.
        cancel: CancelRule,
    },
    /// A product that executes its work itself.
    Caller {
        /// The caller's name for the hold.
        reference: Name,
    },
}

/// Kind of the trial that a run or hold uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialUse {
    /// One run of a count trial.
    Runs,
    /// One run inside the window of a time trial.
    Window,
}
