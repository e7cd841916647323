//! Commands about holds of a caller's own.

use crate::catalog::{Name, Params};
use crate::kernel::amount::Amount;
use crate::runs::Off;
use crate::team::Spender;

/// Amount of credits, or model with parameters, that a product asks to hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Plain amount of credits, for any use.
    Credits(Amount),
    /// Model with parameters, which is priced and gated like a run.
    Model(Name, Params),
}

/// A command about a caller's hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldCommand {
    /// Holds credits for a product that executes its work itself.
    Open {
        /// Amount of credits, or model and parameters, to hold for.
        ask: Ask,
        /// The caller's name for the hold.
        reference: String,
        /// Lifetime of the hold, in seconds; `None` is an hour.
        seconds: Option<i64>,
        /// Operator's switch that stops the model or its provider, if there is one.
        off: Option<Off>,
        /// The member or key that the hold is for, whose rights and caps bind it as they bind a run (R30).
        behalf: Option<Spender>,
    },
    /// Captures a hold, in whole or in part; the rest is released.
    Capture {
        /// Number of the hold to capture.
        hold: u32,
        /// Amount to capture, in the hold's unit; `None` is all.
        amount: Option<Amount>,
    },
    /// Releases a hold in full.
    Release {
        /// Number of the hold to release.
        hold: u32,
    },
    /// Gives a hold a later end.
    Extend {
        /// Number of the hold to extend.
        hold: u32,
        /// Lifetime of the hold from now on, in seconds.
        seconds: i64,
    },
}

impl HoldCommand {
    /// Names of the commands in the journal, in the order of the enum.
    pub(crate) const NAMES: [&str; 4] = ["open_hold", "capture_hold", "release_hold", "extend_hold"];

    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        let [open, capture, release, extend] = HoldCommand::NAMES;
        match self {
            HoldCommand::Open { .. } => open,
            HoldCommand::Capture { .. } => capture,
            HoldCommand::Release { .. } => release,
            HoldCommand::Extend { .. } => extend,
        }
    }
}
