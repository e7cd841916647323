//! Errors of a call.

use crate::types::Problem;
use serde_json::{Map, Value};
use std::fmt;

/// Reason for which a call gave no answer of its type.
#[derive(Debug)]
pub enum Error {
    /// Scrip refused the call, with a reason. Nothing was changed.
    Refused {
        /// HTTP status of the answer.
        status: u16,
        /// Members that every refusal has, such as its code and the remedy in words.
        problem: Box<Problem>,
        /// Members of the refusal's code, for instance the `options` of `INSUFFICIENT_CREDITS`.
        members: Value,
    },
    /// No answer came, after all tries. The write may or may not have been done: with the same idempotency key it is
    /// safe to try again.
    Transport {
        /// Number of times the call was sent.
        tries: u32,
        /// Cause of the last failure.
        source: reqwest::Error,
    },
    /// The answer is not one of this API: it came from a proxy, another program or another version.
    Unreadable {
        /// HTTP status of the answer.
        status: u16,
        /// Description of the difference.
        detail: String,
    },
    /// The call is wrong, and was not sent.
    Misused(String),
}

impl Error {
    /// Returns the stable code of a refusal, or `None` for another error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Refused { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }

    /// Returns `true` when Scrip could not be reached or could not answer, so that the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Error::Transport { .. } => true,
            Error::Refused { status, .. } | Error::Unreadable { status, .. } => is_unavailable(*status),
            Error::Misused(_) => false,
        }
    }

    /// Reads an answer whose status is not a success.
    pub(crate) fn read(status: u16, body: &[u8]) -> Error {
        let read = || {
            let mut members: Map<String, Value> = serde_json::from_slice(body).ok()?;
            let problem: Problem = serde_json::from_value(Value::Object(members.clone())).ok()?;
            for name in ["type", "title", "status", "code", "detail", "request_id"] {
                members.remove(name);
            }
            Some((Box::new(problem), Value::Object(members)))
        };
        match read() {
            Some((problem, members)) => Error::Refused { status, problem, members },
            None => Error::unreadable(status, body, "it is not a problem document"),
        }
    }

    pub(crate) fn unreadable(status: u16, body: &[u8], cause: impl fmt::Display) -> Error {
        let start: String = String::from_utf8_lossy(body).chars().take(120).collect();
        Error::Unreadable { status, detail: format!("{cause}: {start:?}") }
    }
}

/// Returns `true` for statuses by which a server says that it cannot answer now.
pub(crate) const fn is_unavailable(status: u16) -> bool {
    matches!(status, 502..=504)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused { problem, .. } => write!(f, "{}: {}", problem.code, problem.detail),
            Error::Transport { tries, source } => {
                write!(f, "no answer after {tries} tries: {source}")?;
                let mut cause = std::error::Error::source(source);
                while let Some(deeper) = cause {
                    write!(f, ": {deeper}")?;
                    cause = deeper.source();
                }
                Ok(())
            }
            Error::Unreadable { status, detail } => {
                write!(f, "an answer with status {status} that is not Scrip's: {detail}")
            }
            Error::Misused(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Transport { source, .. } => Some(source),
            _ => None,
        }
    }
}
