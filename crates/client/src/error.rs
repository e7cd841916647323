//! What can go wrong with a call.

use crate::types::Problem;
use serde_json::{Map, Value};
use std::fmt;

/// Why a call gave no answer of its type.
#[derive(Debug)]
pub enum Error {
    /// Scrip said no, and why. Nothing was changed.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What every refusal has: its code, and what to do in words.
        problem: Box<Problem>,
        /// What its code has beside that, for instance the `options` of `INSUFFICIENT_CREDITS`.
        members: Value,
    },
    /// No answer came, after all tries. Whether a write was done is unknown: with the same idempotency key it is safe
    /// to try again.
    Transport {
        /// How often it was tried.
        tries: u32,
        /// The last cause.
        source: reqwest::Error,
    },
    /// Something answered, but not as this API does: a proxy, another program, another version.
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        detail: String,
    },
    /// The call could not even be sent.
    Misused(String),
}

impl Error {
    /// The stable code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Refused { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }

    /// Whether Scrip could not be reached or could not answer now, so that the same call may do better later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Error::Transport { .. } => true,
            Error::Refused { status, .. } | Error::Unreadable { status, .. } => is_unavailable(*status),
            Error::Misused(_) => false,
        }
    }

    /// Reads an answer that is not a success.
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
            None => Error::unreadable(status, body, "it is no problem document"),
        }
    }

    pub(crate) fn unreadable(status: u16, body: &[u8], cause: impl fmt::Display) -> Error {
        let start: String = String::from_utf8_lossy(body).chars().take(120).collect();
        Error::Unreadable { status, detail: format!("{cause}: {start:?}") }
    }
}

/// Statuses that say the server cannot answer now.
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
