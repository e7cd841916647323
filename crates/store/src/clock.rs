//! The only reader of the machine's time.
//!
//! Invariant: every other file is given the time as an argument; `clippy.toml` forbids asking the operating system
//! elsewhere.

#![allow(clippy::disallowed_methods, reason = "this is the one place that may")]

use scrip_engine::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's wall clock, never set back; the store stamps entries with it.
#[derive(Debug)]
pub struct Clock {
    last: Timestamp,
}

impl Clock {
    /// Returns a clock whose answers are never before an instant.
    pub const fn not_before(last: Timestamp) -> Clock {
        Clock { last }
    }

    /// Returns the current instant, never before any answer that this clock gave.
    pub fn now(&mut self) -> Timestamp {
        self.last = self.last.max(now());
        self.last
    }
}

/// Returns the instant of the machine's wall clock. It may go back; every instant that is stored goes through
/// [`Clock`].
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A running stopwatch, for measurements only: no decision depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts a stopwatch at zero.
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Returns the time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
