//! What is wrong in a request, and where.

use serde::Serialize;

/// A value that cannot be accepted, by its place in the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// A JSON pointer.
    pub pointer: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

impl Invalid {
    /// An error at a pointer.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Invalid {
        Invalid { pointer: pointer.into(), detail: detail.into() }
    }
}
