//! Invalid values of a request: the place of each, and the reason.

use serde::Serialize;

/// A value that cannot be accepted, with its place in the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// JSON pointer to the value in the request.
    pub pointer: String,
    /// Reason for which the value is refused, and what would be accepted.
    pub detail: String,
}

impl Invalid {
    /// Returns the error of a value at a JSON pointer.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Invalid {
        Invalid { pointer: pointer.into(), detail: detail.into() }
    }
}
