//! Rate limits: a sliding log of the requests that were admitted (R27).
//!
//! [`Admissions`] is the log of one caller, [`Askers`] keeps one such log for each of many. Both are given the instant.
//! An admission at `s` counts in `[s, s + window)`: a request exactly one window later does not meet it any more.
//!
//! Invariant: no half-open span of a window's length has more admissions than the limit that each of them was judged
//! by, and a request that is refused leaves nothing behind (R21).

use crate::kernel::time::{SECOND, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Answer to a request under a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The request was admitted, and counts from now on.
    Admitted {
        /// Number of further requests that would be admitted at this instant.
        remaining: u32,
        /// Seconds until the oldest admission stops counting, rounded up.
        resets_in: u32,
    },
    /// The request was refused, and does not count.
    Refused {
        /// Seconds after which one request would be admitted if no other comes before, rounded up and at least 1.
        retry_after: u32,
    },
}

/// Number of admissions at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Burst {
    at: i64,
    count: u32,
}

/// Log of one caller's admissions that still count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admissions {
    /// Length of the window, in microseconds.
    window: i64,
    /// Admissions by instant, each later than the one before it.
    log: VecDeque<Burst>,
    /// Number of admissions in the log.
    count: u32,
}

impl Admissions {
    /// Returns an empty log over a window of so many seconds.
    pub fn over(seconds: u32) -> Admissions {
        Admissions { window: i64::from(seconds.max(1)) * SECOND, log: VecDeque::new(), count: 0 }
    }

    /// Asks for one more admission, at most `limit` in a window. The limit is that of this request alone: a later
    /// request is judged by its own limit and by the log at that time.
    pub fn ask(&mut self, limit: u32, at: Timestamp) -> Admission {
        let at = self.pass(at.micros());
        if self.count >= limit {
            return Admission::Refused { retry_after: self.seconds_until(self.leaves_for(limit), at) };
        }
        match self.log.back_mut() {
            Some(last) if last.at == at => last.count += 1,
            _ => self.log.push_back(Burst { at, count: 1 }),
        }
        self.count += 1;
        let oldest = self.log.front().map_or(at, |burst| burst.at);
        Admission::Admitted { remaining: limit - self.count, resets_in: self.seconds_until(oldest + self.window, at) }
    }

    /// Returns the last instant of an admission that still counted when the log was last asked.
    pub fn last(&self) -> Option<Timestamp> {
        self.log.back().map(|last| Timestamp::from_micros(last.at))
    }

    /// Lets time pass to an instant, forgets the admissions that count no more, and returns the instant that this log
    /// takes it to be.
    ///
    /// A clock that goes back stands still here, so that nothing is admitted early. A clock that goes back by more than
    /// a window had been wrong before, and standing still until it comes there again could shut a caller out for years:
    /// all admissions in the log are then taken to be of now, and one window later they are gone.
    fn pass(&mut self, at: i64) -> i64 {
        let Some(last) = self.log.back().map(|burst| burst.at) else { return at };
        if last.saturating_sub(at) > self.window {
            self.log.clear();
            self.log.push_back(Burst { at, count: self.count });
            return at;
        }
        let at = at.max(last);
        while let Some(oldest) = self.log.front().filter(|burst| burst.at + self.window <= at) {
            self.count -= oldest.count;
            self.log.pop_front();
        }
        at
    }

    /// Returns the instant at which enough admissions have left the log for one more, under a limit that is reached.
    fn leaves_for(&self, limit: u32) -> i64 {
        let mut too_many = u64::from(self.count - limit) + 1;
        for burst in &self.log {
            if u64::from(burst.count) >= too_many {
                return burst.at + self.window;
            }
            too_many -= u64::from(burst.count);
        }
        // Under a limit of zero nothing is ever admitted: a whole window is as good an answer as any.
        i64::MAX
    }

    fn seconds_until(&self, then: i64, at: i64) -> u32 {
        let micros = then.saturating_sub(at).clamp(1, self.window);
        u32::try_from((micros + SECOND - 1) / SECOND).unwrap_or(u32::MAX)
    }

    /// Returns the log as bytes: the first instant, and for each burst its distance from the one before and its count.
    /// Numbers are in groups of seven bits, the lowest first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.log.len() * 4);
        let mut before = 0;
        for burst in &self.log {
            put(&mut bytes, burst.at.abs_diff(before));
            put(&mut bytes, u64::from(burst.count));
            before = burst.at;
        }
        bytes
    }

    /// Reads a log over a window of so many seconds; returns `None` when the bytes are not of [`Admissions::to_bytes`].
    pub fn from_bytes(seconds: u32, mut bytes: &[u8]) -> Option<Admissions> {
        let mut read = Admissions::over(seconds);
        let mut before = 0_i64;
        while !bytes.is_empty() {
            let later = i64::try_from(take(&mut bytes)?).ok().filter(|later| *later > 0 || read.log.is_empty())?;
            let count = u32::try_from(take(&mut bytes)?).ok().filter(|count| *count > 0)?;
            before = before.checked_add(later).filter(|at| *at <= Timestamp::MAX.micros())?;
            read.count = read.count.checked_add(count)?;
            read.log.push_back(Burst { at: before, count });
        }
        Some(read)
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Logs of many callers, of which a limited number is remembered at once.
#[derive(Clone, Debug)]
pub struct Askers<K> {
    seconds: u32,
    most: usize,
    logs: BTreeMap<K, Admissions>,
    /// Instant at which silent callers are removed next.
    sweep_at: Timestamp,
}

impl<K: Ord> Askers<K> {
    /// Returns an empty set of logs over a window of so many seconds, for at most `most` callers at once.
    pub fn over(seconds: u32, most: usize) -> Askers<K> {
        Askers { seconds, most, logs: BTreeMap::new(), sweep_at: Timestamp::default() }
    }

    /// Asks for one admission of a caller. Returns `None` when there is no room for another caller: those who are
    /// remembered have all asked within the window, and none of them is forgotten for a new one.
    pub fn ask(&mut self, asker: K, limit: u32, at: Timestamp) -> Option<Admission> {
        self.forget_the_silent(at);
        if let Some(log) = self.logs.get_mut(&asker) {
            return Some(log.ask(limit, at));
        }
        let mut log = Admissions::over(self.seconds);
        let admission = log.ask(limit, at);
        if log.last().is_some() {
            if self.logs.len() >= self.most {
                return None;
            }
            self.logs.insert(asker, log);
        }
        Some(admission)
    }

    /// Returns the number of callers that are remembered.
    pub fn len(&self) -> usize {
        self.logs.len()
    }

    /// Returns `true` if no caller is remembered.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Forgets callers that have been silent for a window, once in a quarter of a window: a search through all logs
    /// costs more than a request, and a silent caller takes up room only.
    fn forget_the_silent(&mut self, at: Timestamp) {
        let step = i64::from(self.seconds.max(1)) * SECOND / 4;
        // A clock that was set back must not delay the search by the same time.
        if at >= self.sweep_at || self.sweep_at.micros() - at.micros() > step {
            self.logs.retain(|_, log| {
                log.pass(at.micros());
                !log.log.is_empty()
            });
            self.sweep_at = at.after_micros(step);
        }
    }
}
