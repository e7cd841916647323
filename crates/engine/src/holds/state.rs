//! Holds: amounts set aside from grants until somebody says what became of them.
//!
//! Invariant: a hold's parts are its amount (I6).

use crate::catalog::{CancelRule, Name, Output};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::team::Spender;
use serde::{Deserialize, Serialize};

/// What a hold took from one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The grant's number.
    pub grant: u32,
    /// How much.
    pub amount: Amount,
}

/// An open hold, in the order its parts were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its number in the workspace, from 1; its run has the same.
    pub n: u32,
    /// What it counts.
    pub unit: Unit,
    /// The sum of the parts.
    pub amount: Amount,
    /// Where it was taken from.
    pub parts: Vec<Part>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// How much was asked for, in what the rate counts; 1 for a plain amount.
    pub asked: u64,
    /// What it waits for.
    pub purpose: Purpose,
    /// The trial it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialUse>,
    /// The model, when it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// Whether it counts against a daily limit, and of which day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_day: Option<i64>,
    /// The plan it was opened under: a trial is of a plan.
    pub plan: Name,
    /// Whose caps it counts against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Spender>,
}

/// What a hold waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A run that we dispatch.
    Run {
        /// What it makes.
        output: Output,
        /// How often it was handed to a worker.
        attempt: u32,
        /// When it was first handed to a worker.
        started_at: Option<Timestamp>,
        /// What cancelling it costs.
        cancel: CancelRule,
    },
    /// A product that dispatches itself.
    Caller {
        /// The caller's name for it.
        reference: Name,
    },
}

/// Which kind of trial a run used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialUse {
    /// One of a count.
    Runs,
    /// A run inside a window.
    Window,
}
