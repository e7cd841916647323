//! Clock: the only reader of the machine's time.
//!
//! Invariant: every other file gets the time as an argument; `clippy.toml` forbids asking the operating system
//! elsewhere.

#![allow(clippy::disallowed_methods, reason = "this is the one place that may")]

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the seconds since 1970 by the machine's wall clock.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
