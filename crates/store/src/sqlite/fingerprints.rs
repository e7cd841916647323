//! Fingerprints of the idempotency keys in the index, by workspace: a key whose fingerprint is not among its
//! workspace's is not in the index, and is not looked up there.
//!
//! A workspace's keys are neighbours in the index, so that all of them are read in about the time of one.
//!
//! Invariant: a workspace's fingerprints, where they are kept, are those of all of its keys up to the position to which
//! the entries outside of the index were forgotten.

use super::positions::{INDEX, read_position};
use rusqlite::{Connection, Error};
use scrip_engine::WorkspaceId;
use std::collections::HashMap;

/// Workspace and hash of an idempotency key.
pub(super) type Key = (WorkspaceId, [u8; 16]);

/// Maximum number of a workspace's keys whose fingerprints are kept. They are searched one after the other, and more of
/// them would take longer to read than a key that is looked up.
const KEYS_MAX: usize = 4_096;
/// Maximum number of fingerprints in memory, of four bytes each; beyond that they are read again.
const ALL_MAX: usize = 8 << 20;
/// Maximum number of workspaces whose fingerprints are kept.
const WORKSPACES_MAX: usize = 100_000;

/// Fingerprints of the keys of the workspaces that were asked for last.
pub(super) struct Fingerprints {
    /// Fingerprints by workspace; `None` for one with too many keys.
    by_workspace: HashMap<WorkspaceId, Option<Vec<u32>>>,
    /// Number of all fingerprints.
    count: usize,
    /// Position up to which entries are in the index and nowhere else.
    position: i64,
}

impl Fingerprints {
    /// Returns no fingerprints yet, of an index that will have every entry up to a position.
    pub(super) fn after(position: i64) -> Fingerprints {
        Fingerprints { by_workspace: HashMap::new(), count: 0, position }
    }

    /// Returns `false` for a key that is certainly not in the index.
    pub(super) fn may_have(&self, (workspace, key): &Key) -> bool {
        let known = self.by_workspace.get(workspace).and_then(Option::as_ref);
        known.is_none_or(|known| known.contains(&fingerprint(key)))
    }

    /// Adds the key of an entry that will be looked up in the index from now on.
    pub(super) fn add(&mut self, position: i64, key: Option<Key>) {
        self.position = position;
        let Some((workspace, key)) = key else { return };
        let Some(known) = self.by_workspace.get_mut(&workspace) else { return };
        match known {
            Some(fingerprints) if fingerprints.len() < KEYS_MAX => {
                fingerprints.push(fingerprint(&key));
                self.count += 1;
            }
            Some(_) => {
                *known = None;
                self.count -= KEYS_MAX;
            }
            None => {}
        }
    }

    /// Reads the fingerprints of the keys' workspaces that are not known. The caller has begun a read of the index.
    pub(super) fn gather(&mut self, views: &Connection, keys: &[Key]) -> Result<(), Error> {
        // An index that is being folded again lacks keys that it will have.
        if read_position(views, INDEX)?.0 < self.position {
            return Ok(());
        }
        for (workspace, _) in keys {
            if !self.by_workspace.contains_key(workspace) {
                self.read(views, *workspace)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, views: &Connection, workspace: WorkspaceId) -> Result<(), Error> {
        if self.count > ALL_MAX || self.by_workspace.len() >= WORKSPACES_MAX {
            self.by_workspace.clear();
            self.count = 0;
        }
        let sql = "SELECT idempotency_key FROM keys WHERE workspace = ?1 LIMIT ?2";
        let mut statement = views.prepare_cached(sql)?;
        let mut rows = statement.query((workspace.get(), KEYS_MAX as i64 + 1))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            // A value of another type is no key.
            let key = row.get_ref(0)?.as_blob().ok().and_then(|key| key.try_into().ok());
            found.extend(key.map(|key: [u8; 16]| fingerprint(&key)));
        }
        let known = (found.len() <= KEYS_MAX).then_some(found);
        self.count += known.as_ref().map_or(0, Vec::len);
        self.by_workspace.insert(workspace, known);
        Ok(())
    }
}

/// Returns the first bytes of a key, which is a hash.
fn fingerprint(key: &[u8; 16]) -> u32 {
    let [a, b, c, d, ..] = *key;
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::super::positions::put_position;
    use super::super::projector::SCHEMA;
    use super::*;
    use crate::journal::GENESIS;

    fn key(workspace: i64, n: u8) -> Key {
        (WorkspaceId::new(workspace as u64), [n; 16])
    }

    /// Returns an index that has everything up to a position, and the first `many` keys of a workspace.
    fn index(position: i64, workspace: i64, many: usize) -> Connection {
        let views = Connection::open_in_memory().expect("a database");
        views.execute_batch(SCHEMA).expect("its tables");
        put_position(&views, INDEX, (position, GENESIS)).expect("a position");
        for n in 0..many as u128 {
            let sql = "INSERT INTO keys (workspace, idempotency_key, position) VALUES (?1, ?2, ?3)";
            // The last bytes differ first, so that the fingerprints are equal.
            views.execute(sql, (workspace, n.to_be_bytes(), n as i64)).expect("a key");
        }
        views
    }

    #[test]
    fn keys_are_told_apart_without_the_index_once_it_was_read() {
        let views = index(7, 1, 1);
        let mut known = Fingerprints::after(7);
        assert!(known.may_have(&key(1, 9)), "nothing is known yet");
        known.gather(&views, &[key(1, 9), key(2, 9)]).expect("a read");
        assert!(known.may_have(&key(1, 0)), "it is in the index");
        assert!(!known.may_have(&key(1, 9)) && !known.may_have(&key(2, 9)) && known.may_have(&key(3, 9)));
        known.add(8, Some(key(1, 9)));
        known.add(9, Some(key(3, 9)));
        assert!(known.may_have(&key(1, 9)), "it is in the index from now on");
        assert!(!known.may_have(&key(2, 9)) && known.may_have(&key(3, 0)), "what is unknown stays unknown");
    }

    #[test]
    fn an_index_that_is_behind_is_not_believed() {
        let views = index(7, 1, 1);
        let mut known = Fingerprints::after(7);
        known.add(8, None);
        known.gather(&views, &[key(1, 9)]).expect("a read");
        assert!(known.may_have(&key(1, 9)), "entry 8 may have this key");
        put_position(&views, INDEX, (8, GENESIS)).expect("a position");
        known.gather(&views, &[key(1, 9)]).expect("a read");
        assert!(!known.may_have(&key(1, 9)));
    }

    #[test]
    fn a_workspace_with_too_many_keys_has_no_fingerprints() {
        let views = index(1, 1, KEYS_MAX);
        let mut known = Fingerprints::after(1);
        known.gather(&views, &[key(1, 9)]).expect("a read");
        assert!(!known.may_have(&key(1, 9)));
        assert_eq!(known.count, KEYS_MAX);
        known.add(2, Some(key(1, 8)));
        assert!(known.may_have(&key(1, 9)), "they are too many by now");
        assert_eq!(known.count, 0);
        let views = index(2, 2, KEYS_MAX + 1);
        known.gather(&views, &[key(2, 9)]).expect("a read");
        assert!(known.may_have(&key(2, 9)), "they were too many to be read");
        known.add(3, Some(key(2, 8)));
        assert_eq!(known.count, 0);
    }
}
