//! Parts of the commands that create and end runs.

use super::event::{Failure, OutputFile};
use crate::catalog::Name;
use crate::kernel::time::Timestamp;

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
