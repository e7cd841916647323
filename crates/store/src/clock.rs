//! The only reader of the machine's time.
//!
//! Invariant: every other file is told what time it is; `clippy.toml` forbids asking the operating system elsewhere.

#![allow(clippy::disallowed_methods, reason = "this is the one place that may")]

use scrip_engine::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's wall clock, never set back: what the store stamps entries with.
#[derive(Debug)]
pub struct Clock {
    last: Timestamp,
}

impl Clock {
    /// A clock that never says it is earlier than an instant.
    pub const fn not_before(last: Timestamp) -> Clock {
        Clock { last }
    }

    /// Now, and not before any answer this clock gave.
    pub fn now(&mut self) -> Timestamp {
        self.last = self.last.max(now());
        self.last
    }
}

/// The wall clock as it stands. It may go back; whatever is stored goes through [`Clock`].
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A running stopwatch, for measuring and never for deciding.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// How long it has run.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
