//! Loading of a workspace: from its snapshot and the entries after it, from its first entry, or, where neither is
//! believed, from a search through the whole journal.
//!
//! Invariant: a loaded workspace follows from its entries, each chained to the one before it; a workspace whose entries
//! are damaged is not served.

use super::super::{all_rows, originals};
use super::{CachedState, Writer};
use crate::journal::{GENESIS, JournalRow};
use crate::snapshot::{StoredSnapshot, check, fold_entry};
use crate::{Unavailable, Value};
use rusqlite::{Error, OptionalExtension};
use scrip_engine::{Workspace, WorkspaceId};
use std::sync::Arc;

/// Reason why a workspace cannot be loaded.
pub(super) enum LoadError {
    /// The database failed, and the whole transaction with it.
    Disk(Error),
    /// The workspace's entries do not match their hashes, or the index is not complete yet; other workspaces are
    /// served.
    This(String),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> LoadError {
        LoadError::Disk(error)
    }
}

impl From<LoadError> for Unavailable {
    fn from(unloaded: LoadError) -> Unavailable {
        Unavailable(match unloaded {
            LoadError::Disk(error) => error.to_string(),
            LoadError::This(why) => why,
        })
    }
}

impl Writer {
    pub(super) fn load(&mut self, id: WorkspaceId) -> Result<(), LoadError> {
        if !self.cache.contains_key(&id) {
            let indexed = *self.indexed.borrow();
            if indexed < self.opened {
                let text = format!("the projections are at {indexed} and not at {} yet", self.opened);
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(Error::SqliteFailure(busy, Some(text)).into());
            }
            let cached = self.replay(id, None)?;
            self.cache.insert(id, cached);
        }
        Ok(())
    }

    /// Folds a workspace from its last snapshot; up to an earlier entry, from its first entry.
    pub(super) fn replay(&self, id: WorkspaceId, until: Option<u64>) -> Result<CachedState, LoadError> {
        if until.is_none()
            && let Some(snapshot) = self.snapshot(id)?
        {
            match self.go_on(id, &snapshot) {
                Err(LoadError::This(why)) => self.healed.note(id, &why),
                other => return other,
            }
        }
        let places = self.places(id, 1, until);
        let followed = places.and_then(|places| self.follow(Workspace::new(id), None, &places));
        let reaches = |cached: &CachedState| until.is_none_or(|until| cached.workspace.seq == until);
        match followed {
            Ok(cached) if !reaches(&cached) => self.healed.note(id, "the index does not have all of its entries"),
            Err(LoadError::This(why)) => self.healed.note(id, &why),
            other => return other,
        }
        // The index does not lead to the entries: they are searched in the whole journal.
        self.follow(Workspace::new(id), None, &self.search(id, until)?)
    }

    fn go_on(&self, id: WorkspaceId, snapshot: &StoredSnapshot) -> Result<CachedState, LoadError> {
        let workspace = snapshot.open(id, &self.seals).map_err(LoadError::This)?;
        self.follow(workspace, Some(&snapshot.hash), &self.places(id, snapshot.seq, None)?)
    }

    fn snapshot(&self, id: WorkspaceId) -> Result<Option<StoredSnapshot>, Error> {
        let sql = "SELECT seq, hash, mac, state FROM snapshots WHERE workspace = ?1";
        let row = |row: &rusqlite::Row<'_>| {
            let state = row.get_ref(3)?.as_bytes()?;
            Ok(StoredSnapshot {
                seq: row.get::<_, i64>(0)? as u64,
                hash: row.get_ref(1)?.as_bytes_or_null()?.unwrap_or_default().to_vec(),
                mac: row.get_ref(2)?.as_bytes_or_null()?.unwrap_or_default().to_vec(),
                state: String::from_utf8_lossy(state).into_owned(),
            })
        };
        match self.views.prepare_cached(sql)?.query_row([id.get()], row).optional() {
            // A value of an unexpected type is no snapshot.
            Err(Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..)) => Ok(None),
            other => other,
        }
    }

    /// Folds entries onto a workspace. With `last`, the first of them is the entry that the workspace stands after, and
    /// must have this hash.
    fn follow(&self, mut workspace: Workspace, last: Option<&[u8]>, places: &[i64]) -> Result<CachedState, LoadError> {
        let id = workspace.id;
        let (mut hash, mut position) = (GENESIS, 0);
        let sql =
            "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash,
                   hash FROM entries WHERE position = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = Vec::with_capacity(places.len());
        for at in places {
            rows.extend(all_rows(&mut statement, &[Value::Integer(*at)])?);
        }
        let mut rows = rows.iter().map(JournalRow::read);
        if let Some(last) = last {
            let first = rows.next().filter(|row| row.workspace == id && row.seq == workspace.seq && row.hash == last);
            let first =
                first.ok_or_else(|| LoadError::This(format!("it is of entry {}, which is missing", workspace.seq)))?;
            (hash, position) = (first.hash.try_into().unwrap_or(GENESIS), first.position);
        }
        for mut row in rows {
            originals::restore(&self.connection, &mut row)?;
            row.follows(id, workspace.seq, &hash).map_err(LoadError::This)?;
            let entry =
                row.entry().map_err(|error| LoadError::This(format!("entry {} cannot be read: {error}", row.seq)))?;
            fold_entry(&mut workspace, entry.at, &entry.events).map_err(LoadError::This)?;
            (hash, position) = (row.hash.try_into().unwrap_or(GENESIS), row.position);
        }
        check(&workspace).map_err(LoadError::This)?;
        Ok(CachedState { workspace: Arc::new(workspace), hash, position })
    }

    /// Returns the positions of a workspace's entries from one number to another.
    ///
    /// # Errors
    /// When the index lacks some of them.
    fn places(&self, id: WorkspaceId, from: u64, until: Option<u64>) -> Result<Vec<i64>, LoadError> {
        let sql = "SELECT position FROM places WHERE workspace = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq";
        let last = until.map_or(i64::MAX, |until| until as i64);
        let mut statement = self.views.prepare_cached(sql)?;
        let found = statement.query_map((id.get(), from as i64, last), |row| row.get(0))?;
        let mut places = found.collect::<Result<Vec<i64>, _>>()?;
        if until.is_some() {
            let indexed = places.last().copied().unwrap_or(0);
            places.extend(self.recent.places(id, indexed, last.unsigned_abs()));
            return Ok(places);
        }
        let sql = "SELECT seq FROM ends WHERE workspace = ?1";
        let end = self.views.prepare_cached(sql)?.query_row([id.get()], |row| row.get::<_, i64>(0)).optional()?;
        let expected = end.map_or(0, |end| (end - from as i64 + 1).max(0));
        if places.len() as i64 != expected {
            return Err(LoadError::This("the index does not have all of its entries".to_owned()));
        }
        Ok(places)
    }

    /// Searches a workspace's entries in the whole journal; returns their positions.
    fn search(&self, id: WorkspaceId, until: Option<u64>) -> Result<Vec<i64>, Error> {
        let sql = "SELECT position FROM entries WHERE workspace = ?1 AND seq <= ?2 ORDER BY seq, position";
        let last = until.map_or(i64::MAX, |until| until as i64);
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_map((id.get(), last), |row| row.get(0))?.collect()
    }
}
