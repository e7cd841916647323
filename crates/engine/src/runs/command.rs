//! The parts of commands about runs.

use super::event::{Failure, OutputFile};
use crate::catalog::Name;
use crate::kernel::time::Timestamp;

/// A quote that a run cites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CitedQuote {
    /// The catalog version of its price.
    pub catalog: u32,
    /// The fingerprint of the model and parameters it was for.
    pub fingerprint: u64,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// What an operator has switched off for everybody, as it was known when the command was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Off {
    /// The model, or its provider.
    pub name: Name,
    /// Why.
    pub reason: String,
}

/// How a run ended, as a worker saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Usable outputs are stored.
    Delivered {
        /// How much of what was asked, in what the rate counts.
        delivered: u64,
        /// The files.
        outputs: Vec<OutputFile>,
    },
    /// Nothing usable came.
    Failed(Failure),
}
