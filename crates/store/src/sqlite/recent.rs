//! Entries that the index does not have yet; together with the index they show which idempotency keys have been used.
//!
//! An index by key inside the journal would cost every entry a page of every flush, since keys are spread over all of
//! it. So the index is a projection, and the entries that it lacks are kept here.
//!
//! Invariant: the key of every entry is found, from the moment the entry is written.

use super::fingerprints::{Fingerprints, Key};
use crate::Idempotency;
use rusqlite::{Connection, Error, OptionalExtension};
use scrip_engine::WorkspaceId;
use std::collections::{HashMap, VecDeque};

struct RecentEntry {
    position: i64,
    workspace: WorkspaceId,
    seq: u64,
    key: Option<[u8; 16]>,
}

impl RecentEntry {
    fn key(&self) -> Option<Key> {
        self.key.map(|key| (self.workspace, key))
    }
}

/// Entries that are not in the index yet.
pub(super) struct RecentEntries {
    /// Entries in the order of the journal.
    entries: VecDeque<RecentEntry>,
    /// Positions of the entries by their key.
    by_key: HashMap<Key, i64>,
    /// Positions of the keys that were looked up last and that the index has.
    indexed: HashMap<Key, i64>,
    /// Fingerprints of the keys that the index has, of the workspaces that were asked for last.
    fingerprints: Fingerprints,
}

impl RecentEntries {
    /// Returns no entries yet, after a position up to which the index will have all of them before any is looked up.
    pub(super) fn after(position: i64) -> RecentEntries {
        RecentEntries {
            entries: VecDeque::new(),
            by_key: HashMap::new(),
            indexed: HashMap::new(),
            fingerprints: Fingerprints::after(position),
        }
    }

    /// Forgets the entries up to a position, which the index has.
    pub(super) fn forget(&mut self, indexed: i64) {
        while let Some(written) = self.entries.pop_front_if(|written| written.position <= indexed) {
            self.fingerprints.add(written.position, written.key());
            self.forget_key(&written);
        }
    }

    /// Looks the keys of a batch up in the index, all in one read: most of the work of a single read is to take and
    /// release locks. Keys that are not there according to their fingerprints are left out.
    pub(super) fn look_up<'a>(
        &mut self,
        views: &Connection,
        keys: impl Iterator<Item = (WorkspaceId, &'a Idempotency)>,
    ) -> Result<(), Error> {
        self.indexed.clear();
        let all = keys.map(|(workspace, idempotency)| (workspace, idempotency.key));
        let unknown = all.filter(|key| !self.by_key.contains_key(key) && self.fingerprints.may_have(key));
        let unknown: Vec<Key> = unknown.collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut end = views.prepare_cached("END")?;
        views.prepare_cached("BEGIN")?.execute([])?;
        let found = self.find(views, &unknown);
        end.execute([])?;
        found
    }

    /// Returns the position of the entry with a key, which must be one of those that were looked up.
    pub(super) fn position(&self, workspace: WorkspaceId, idempotency: &Idempotency) -> Option<i64> {
        let key = (workspace, idempotency.key);
        self.by_key.get(&key).or_else(|| self.indexed.get(&key)).copied()
    }

    /// Returns the positions of a workspace's entries after a position, up to one of its numbers.
    pub(super) fn places(&self, workspace: WorkspaceId, after: i64, until: u64) -> impl Iterator<Item = i64> {
        let wanted =
            move |entry: &&RecentEntry| entry.workspace == workspace && entry.position > after && entry.seq <= until;
        self.entries.iter().filter(wanted).map(|entry| entry.position)
    }

    /// Remembers an entry that was written after all others.
    pub(super) fn remember(&mut self, position: i64, (workspace, seq): (WorkspaceId, u64), key: Option<&Idempotency>) {
        let written = RecentEntry { position, workspace, seq, key: key.map(|key| key.key) };
        self.by_key.extend(written.key().map(|key| (key, position)));
        self.entries.push_back(written);
    }

    /// Forgets the entries after a position, whose transaction was undone.
    pub(super) fn undo(&mut self, position: i64) {
        while let Some(written) = self.entries.pop_back_if(|written| written.position > position) {
            self.forget_key(&written);
        }
    }

    fn find(&mut self, views: &Connection, keys: &[Key]) -> Result<(), Error> {
        let sql = "SELECT position FROM keys WHERE workspace = ?1 AND idempotency_key = ?2";
        let mut statement = views.prepare_cached(sql)?;
        self.fingerprints.gather(views, keys)?;
        for key in keys {
            if self.fingerprints.may_have(key) {
                let position = statement.query_row((key.0.get(), &key.1), |row| row.get(0)).optional()?;
                self.indexed.extend(position.map(|position| (*key, position)));
            }
        }
        Ok(())
    }

    fn forget_key(&mut self, written: &RecentEntry) {
        if let Some(key) = written.key() {
            self.by_key.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::positions::{INDEX, put_position};
    use super::super::projector::SCHEMA;
    use super::*;
    use crate::journal::GENESIS;

    fn key(n: u8) -> Idempotency {
        Idempotency { key: [n; 16], request: [n; 16], earlier: None }
    }

    #[test]
    fn a_key_is_found_before_and_after_the_index_has_it() {
        let views = Connection::open_in_memory().expect("a database");
        views.execute_batch(SCHEMA).expect("its tables");
        let (workspace, mut recent) = (WorkspaceId::new(1), RecentEntries::after(0));
        let position = |recent: &mut RecentEntries, n| {
            recent.look_up(&views, [(workspace, &key(n))].into_iter()).expect("a read");
            recent.position(workspace, &key(n))
        };
        assert_eq!(position(&mut recent, 1), None, "nothing is written yet");
        recent.remember(1, (workspace, 1), Some(&key(1)));
        assert_eq!(position(&mut recent, 1), Some(1), "it is in memory");
        let sql = "INSERT INTO keys (workspace, idempotency_key, position) VALUES (1, ?1, 1)";
        views.execute(sql, [[1_u8; 16]]).expect("a key");
        put_position(&views, INDEX, (1, GENESIS)).expect("a position");
        recent.forget(1);
        assert!(recent.by_key.is_empty(), "it is in the index alone");
        assert_eq!(position(&mut recent, 1), Some(1), "it is found there");
        assert_eq!(position(&mut recent, 2), None, "another one is not");
    }
}
