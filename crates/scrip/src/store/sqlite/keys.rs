//! Which idempotency keys have been used.
//!
//! An index by key inside the journal would cost every entry a page of every flush, since keys are spread over all of
//! it. So the keys of entries that are projected are looked up among the projections, and the others are here.
//!
//! Invariant: a key that any entry has is found, from the moment its entry is written.

use crate::store::Idempotency;
use rusqlite::{Connection, OptionalExtension};
use scrip_engine::WorkspaceId;
use std::collections::{HashMap, VecDeque};

type Key = (WorkspaceId, [u8; 16]);

/// The keys of the entries that are not projected yet.
#[derive(Default)]
pub(super) struct Keys {
    recent: HashMap<Key, i64>,
    /// The same in the order of their positions.
    order: VecDeque<(i64, Key)>,
}

impl Keys {
    /// Forgets those up to a position, which the projections have.
    pub(super) fn forget(&mut self, projected: i64) {
        while let Some((_, key)) = self.order.pop_front_if(|(position, _)| *position <= projected) {
            self.recent.remove(&key);
        }
    }

    /// Where the entry is that has this key.
    pub(super) fn position(
        &self,
        views: &Connection,
        workspace: WorkspaceId,
        idempotency: &Idempotency,
    ) -> Result<Option<i64>, rusqlite::Error> {
        if let Some(position) = self.recent.get(&(workspace, idempotency.key)) {
            return Ok(Some(*position));
        }
        let sql = "SELECT position FROM keys WHERE workspace = ?1 AND idempotency_key = ?2";
        let mut statement = views.prepare_cached(sql)?;
        statement.query_row((workspace.get(), &idempotency.key), |row| row.get(0)).optional()
    }

    /// Remembers the key of an entry that was written behind all others.
    pub(super) fn remember(&mut self, position: i64, workspace: WorkspaceId, idempotency: &Idempotency) {
        let key = (workspace, idempotency.key);
        self.recent.insert(key, position);
        self.order.push_back((position, key));
    }

    /// Forgets the keys of entries after a position, which were not written after all.
    pub(super) fn undo(&mut self, position: i64) {
        while let Some((_, key)) = self.order.pop_back_if(|(at, _)| *at > position) {
            self.recent.remove(&key);
        }
    }
}
