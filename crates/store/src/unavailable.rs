//! The error of a store that cannot answer now.
//!
//! Invariant: its text is for the operator's log, and no caller of the API is shown it.

use std::fmt;

/// End of the error's text when the queue of submissions is full.
const CROWD: &str = " submissions are waiting";

/// Error of a store that cannot answer now. The text is for the operator's log, not for callers.
#[derive(Clone, Debug)]
pub struct Unavailable(pub String);

impl Unavailable {
    /// Returns the error for a submission that finds `most` others waiting.
    pub(super) fn crowd(most: usize) -> Unavailable {
        Unavailable(format!("{most}{CROWD}"))
    }

    /// Returns `true` when the queue is full, and no other fault is known.
    pub fn is_crowd(&self) -> bool {
        self.0.ends_with(CROWD)
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

impl From<rusqlite::Error> for Unavailable {
    fn from(error: rusqlite::Error) -> Unavailable {
        Unavailable(error.to_string())
    }
}
