//! Entries that the index does not have yet; together with the index they show which idempotency keys have been used.
//!
//! An index by key inside the journal would cost every entry a page of every flush, since keys are spread over all of
//! it. So the index is a projection, and the entries that it lacks are kept here.
//!
//! Invariant: the key of every entry is found, from the moment the entry is written.

use crate::Idempotency;
use rusqlite::{Connection, Error, OptionalExtension};
use scrip_engine::WorkspaceId;
use std::collections::{HashMap, VecDeque};

type Key = (WorkspaceId, [u8; 16]);

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
#[derive(Default)]
pub(super) struct RecentEntries {
    /// Entries in the order of the journal.
    entries: VecDeque<RecentEntry>,
    /// Positions of the entries by their key.
    by_key: HashMap<Key, i64>,
    /// Positions of the keys that were looked up last and that the index has.
    indexed: HashMap<Key, i64>,
}

impl RecentEntries {
    /// Forgets the entries up to a position, which the index has.
    pub(super) fn forget(&mut self, indexed: i64) {
        while let Some(written) = self.entries.pop_front_if(|written| written.position <= indexed) {
            self.forget_key(&written);
        }
    }

    /// Looks the keys of a batch up in the index, all in one read: most of the work of a single read is to take and
    /// release locks.
    pub(super) fn look_up<'a>(
        &mut self,
        views: &Connection,
        keys: impl Iterator<Item = (WorkspaceId, &'a Idempotency)>,
    ) -> Result<(), Error> {
        self.indexed.clear();
        let all = keys.map(|(workspace, idempotency)| (workspace, idempotency.key));
        let mut unknown = all.filter(|key| !self.by_key.contains_key(key)).peekable();
        if unknown.peek().is_none() {
            return Ok(());
        }
        let mut end = views.prepare_cached("END")?;
        views.prepare_cached("BEGIN")?.execute([])?;
        let found = find(views, unknown, &mut self.indexed);
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

    fn forget_key(&mut self, written: &RecentEntry) {
        if let Some(key) = written.key() {
            self.by_key.remove(&key);
        }
    }
}

fn find(views: &Connection, keys: impl Iterator<Item = Key>, found: &mut HashMap<Key, i64>) -> Result<(), Error> {
    let sql = "SELECT position FROM keys WHERE workspace = ?1 AND idempotency_key = ?2";
    let mut statement = views.prepare_cached(sql)?;
    for (workspace, key) in keys {
        let position = statement.query_row((workspace.get(), &key), |row| row.get(0)).optional()?;
        found.extend(position.map(|position| ((workspace, key), position)));
    }
    Ok(())
}
