//! Allowances: limits on actions that cost other people something, counted where every process sees the count.
//!
//! A use is counted by its kind and by a subject: a recipient, a person, a workspace. Each pair has one sliding log, of
//! the type that the rate limits have, so that no span of a window's length has more uses than the limit, whatever the
//! number of concurrent requests and of processes. Uses that come with an entry are counted in the entry's transaction.
//!
//! Invariant: the uses of one request are counted all or not at all, and a refused request counts none.

use super::Value;
use scrip_engine::{Admission, Admissions, Refusal, Timestamp};
use std::collections::BTreeMap;

/// Number of uses of one kind, by one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Kind of the use; a row is keyed by the kind and the subject.
    pub kind: &'static str,
    /// The subject within the kind.
    pub subject: String,
    /// Length of the window, in seconds.
    pub window: u32,
    /// Maximum number of uses in a window.
    pub limit: u32,
    /// Number of uses that are counted now.
    pub cost: u32,
    /// Number of uses that must have room now, the counted ones included: the caller is likely to need that many.
    pub room: u32,
    /// Name of the counted thing in words, for the refusal that the caller reads.
    pub what: &'static str,
}

/// Maximum number of claims in a scope, checked before one more is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimLimit {
    /// The scope of the claims.
    pub scope: String,
    /// Maximum number of claims.
    pub limit: u32,
    /// Name of the claimed things in words, for the refusal.
    pub what: &'static str,
}

/// Everything that is counted for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Uses, no two of one kind and subject.
    pub uses: Vec<Use>,
    /// Limit on claims. With it there must be a use whose row puts the requests that claim in this scope into an order.
    pub claims: Option<ClaimLimit>,
}

/// Refusal of a use that is beyond its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverLimit {
    /// Maximum number of uses in a window.
    pub limit: u32,
    /// Length of the window, in seconds.
    pub window: u32,
    /// Number of seconds after which one more use is admitted.
    pub retry_after: u32,
    /// Name of the counted thing, in words.
    pub what: &'static str,
}

/// Reason why a request was given no allowance.
#[derive(Clone, Debug)]
pub(super) enum Denial {
    /// A use is beyond its limit.
    OverLimit(OverLimit),
    /// The scope has too many claims.
    Refused(Refusal),
}

/// Key of a row: the kind and the subject.
pub(super) type Key = (String, String);

/// Rows of a transaction, each locked, or otherwise out of reach of other transactions, until it ends.
#[derive(Default)]
pub(super) struct Logs {
    /// Bytes of each row as they were read; a row that does not exist has no entry here.
    pub read: BTreeMap<Key, Vec<u8>>,
    /// Logs that have changed since they were read.
    changed: BTreeMap<Key, Admissions>,
    /// Number of claims in each scope, those admitted in this transaction included.
    pub claims: BTreeMap<String, u32>,
}

impl Use {
    /// Returns the key of the row.
    pub(super) fn key(&self) -> Key {
        (self.kind.to_owned(), self.subject.clone())
    }

    /// Returns the log with this use added.
    fn add_to(&self, mut log: Admissions, now: Timestamp) -> Result<Admissions, OverLimit> {
        let mut counted = log.clone();
        for n in 0..self.cost.max(self.room) {
            if let Admission::Refused { retry_after } = log.ask(self.limit, now) {
                let Use { limit, window, what, .. } = *self;
                return Err(OverLimit { limit, window, retry_after, what });
            }
            if n + 1 == self.cost {
                counted = log.clone();
            }
        }
        Ok(counted)
    }
}

impl Allowance {
    /// Returns an allowance of uses alone.
    pub fn of(uses: Vec<Use>) -> Allowance {
        Allowance { uses, claims: None }
    }

    /// Returns `true` if a request with this allowance counts no use and makes no claim.
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty() && self.claims.is_none()
    }
}

impl Logs {
    /// Counts every use and claim of a request, or none of them.
    pub(super) fn take(&mut self, allowance: &Allowance, now: Timestamp) -> Result<(), Denial> {
        let mut counted = Vec::with_capacity(allowance.uses.len());
        for one in &allowance.uses {
            let key = one.key();
            let known = self.changed.get(&key).cloned();
            let read = || self.read.get(&key).and_then(|bytes| Admissions::from_bytes(one.window, bytes));
            let log = known.or_else(read).unwrap_or_else(|| Admissions::over(one.window));
            counted.push((key, one.add_to(log, now).map_err(Denial::OverLimit)?));
        }
        if let Some(ClaimLimit { scope, limit, what }) = &allowance.claims {
            let claims = self.claims.entry(scope.clone()).or_default();
            if *claims >= *limit {
                let (limit, asked) = (u64::from(*limit), u64::from(*claims) + 1);
                return Err(Denial::Refused(Refusal::LimitExceeded { what, limit, asked }));
            }
            *claims += 1;
        }
        self.changed.extend(counted);
        Ok(())
    }

    /// Returns the rows to be written: kind, subject, log and last instant.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Key, Vec<u8>, i64)> {
        let last = |log: &Admissions| log.last().unwrap_or_default().micros();
        self.changed.iter().map(move |(key, log)| (key, log.to_bytes(), last(log)))
    }
}

/// Returns the values of a row.
pub(super) fn values((kind, subject): &Key, log: Vec<u8>, last: i64) -> Vec<Value> {
    vec![Value::Text(kind.clone()), Value::Text(subject.clone()), Value::Bytes(log), Value::Integer(last)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_engine::SECOND;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros((1_800_000_000 + seconds) * SECOND)
    }

    fn one(subject: &str, limit: u32, cost: u32, room: u32) -> Use {
        Use { kind: "k", subject: subject.to_owned(), window: 100, limit, cost, room, what: "things" }
    }

    #[test]
    fn all_uses_of_a_request_are_counted_or_none() {
        let mut logs = Logs::default();
        let both = |limit| Allowance::of(vec![one("wide", 10, 1, 1), one("narrow", limit, 1, 1)]);
        logs.take(&both(1), at(0)).expect("there is room");
        for seconds in 1..20 {
            let refused = logs.take(&both(1), at(seconds));
            let Err(Denial::OverLimit(OverLimit { limit: 1, retry_after, .. })) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(i64::from(retry_after), 100 - seconds);
        }
        // Nineteen refusals took nothing of the wide one.
        for _ in 0..9 {
            logs.take(&Allowance::of(vec![one("wide", 10, 1, 1)]), at(20)).expect("there is room");
        }
        assert!(logs.take(&Allowance::of(vec![one("wide", 10, 1, 1)]), at(20)).is_err());
        logs.take(&both(1), at(100)).expect("a window later the first ones are gone");
    }

    #[test]
    fn room_is_asked_for_and_only_the_cost_is_counted() {
        let mut logs = Logs::default();
        for _ in 0..5 {
            logs.take(&Allowance::of(vec![one("s", 10, 1, 6)]), at(0)).expect("six have room");
        }
        assert!(logs.take(&Allowance::of(vec![one("s", 10, 1, 6)]), at(0)).is_err(), "five are left");
        logs.take(&Allowance::of(vec![one("s", 10, 5, 5)]), at(0)).expect("five are left");
        assert!(logs.take(&Allowance::of(vec![one("s", 10, 1, 1)]), at(0)).is_err());
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let mut logs = Logs::default();
        logs.take(&Allowance::of(vec![one("s", 3, 2, 2)]), at(0)).expect("there is room");
        let rows: Vec<(Key, Vec<u8>)> = logs.rows().map(|(key, log, _)| (key.clone(), log)).collect();
        let mut again = Logs { read: rows.into_iter().collect(), ..Logs::default() };
        again.take(&Allowance::of(vec![one("s", 3, 1, 1)]), at(1)).expect("one is left");
        assert!(again.take(&Allowance::of(vec![one("s", 3, 1, 1)]), at(2)).is_err());
    }
}
