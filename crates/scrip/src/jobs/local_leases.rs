//! Leases of rows whose table has none: this process does not work on a row twice at once.
//!
//! Another process may work on the same row, so this is for work that changes nothing the second time.
//!
//! Invariant: a row is leased once at a time in this process.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Leased rows of one table by their keys, each with the instant at which a failed one may be leased again.
pub struct LocalLeases<K>(Mutex<HashMap<K, Option<Instant>>>);

impl<K> Default for LocalLeases<K> {
    fn default() -> LocalLeases<K> {
        LocalLeases(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> LocalLeases<K> {
    fn rows(&self) -> MutexGuard<'_, HashMap<K, Option<Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the keys of the rows that are leased now, to be asked for before the due rows are read.
    pub fn keys(&self) -> HashSet<K> {
        let (mut rows, now) = (self.rows(), Instant::now());
        rows.retain(|_, again| again.is_none_or(|again| again > now));
        rows.keys().cloned().collect()
    }

    /// Leases at most `most` of the due rows, and none that was leased before they were read: it may have ended since.
    pub fn lease<T>(&self, due: Vec<T>, most: usize, leased: &HashSet<K>, key: impl Fn(&T) -> K) -> Vec<T> {
        let fresh: Vec<T> = due.into_iter().filter(|row| !leased.contains(&key(row))).take(most).collect();
        self.rows().extend(fresh.iter().map(|row| (key(row), None)));
        fresh
    }

    /// Ends the lease of a row.
    pub fn end(&self, key: &K) {
        self.rows().remove(key);
    }

    /// Ends the lease of a row after a pause.
    pub fn end_after(&self, key: K, pause: Duration) {
        self.rows().insert(key, Some(Instant::now() + pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(leases: &LocalLeases<u32>, most: usize) -> Vec<u32> {
        let leased = leases.keys();
        leases.lease((1..=most as u32 + leased.len() as u32).collect(), most, &leased, |row| *row)
    }

    #[test]
    fn a_row_is_leased_once_and_hides_no_other() {
        let leases = LocalLeases::default();
        assert_eq!(lease(&leases, 2), [1, 2]);
        assert_eq!(lease(&leases, 1), [3]);
        leases.end(&2);
        leases.end_after(1, Duration::from_secs(3_600));
        assert_eq!(lease(&leases, 2), [2, 4]);
        leases.end_after(1, Duration::ZERO);
        assert_eq!(lease(&leases, 1), [1]);
    }

    #[test]
    fn a_row_that_ends_while_the_due_ones_are_read_is_not_leased_from_them() {
        let leases = LocalLeases::default();
        assert_eq!(lease(&leases, 1), [1]);
        let leased = leases.keys();
        leases.end(&1);
        assert_eq!(leases.lease(vec![1, 2], 2, &leased, |row| *row), [2]);
    }
}
