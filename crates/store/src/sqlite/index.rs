//! Index of the journal by workspace: the positions of a workspace's entries by number and by idempotency key, and the
//! entries of its holds.
//!
//! Neighbours in the journal are far apart in these tables. Written with every batch that is folded, each entry would
//! cost pages of its own, more of them with every entry that its workspace has already. So the tables are written a
//! generation at a time, in their own order, a slice with each batch: while one generation is written, the next one
//! gathers in memory. The rows of a workspace that a reader asks for are written at once.
//!
//! Invariant: every entry up to the index's own position is in the tables, and every later folded entry is in memory or
//! in the tables.

use super::positions::{At, INDEX, put_position};
use crate::journal::GENESIS;
use crate::projection::{HoldPlace, JournalEntry, Key};
use rusqlite::{Connection, Error, OptionalExtension, Transaction};
use scrip_engine::WorkspaceId;
use std::collections::BTreeMap;

/// Number of entries that are written with each folded one, so that a generation is written before the next one is
/// whole.
const PACE: usize = 2;

/// Workspace, number and position of an entry: two entries with one number are both written, so that the fault is
/// found.
type Place = (i64, i64, i64);
/// Places of entries, each with the entry's idempotency key.
type Places = BTreeMap<Place, Option<[u8; 16]>>;
type Holds = BTreeMap<Key, HoldPlace>;

/// Places of consecutive folded entries, and the holds that they change.
#[derive(Default)]
struct Generation {
    places: Places,
    holds: Holds,
}

impl Generation {
    /// Returns whether `most` places and `most` holds are the whole generation.
    fn is_within(&self, most: usize) -> bool {
        self.places.len() <= most && self.holds.len() <= most
    }

    /// Inserts the first `most` places and holds into the tables.
    fn insert_first(&self, rows: &Connection, most: usize) -> Result<(), Error> {
        insert_places(rows, self.places.iter().take(most))?;
        insert_holds(rows, self.holds.iter().take(most))
    }

    fn forget_first(&mut self, most: usize) {
        for _ in 0..most {
            if self.places.pop_first().is_none() & self.holds.pop_first().is_none() {
                return;
            }
        }
    }

    /// Inserts the places and holds of one workspace into the tables.
    fn insert_of(&self, rows: &Connection, workspace: i64) -> Result<(), Error> {
        insert_places(rows, self.places.range((workspace, 0, 0)..=(workspace, i64::MAX, i64::MAX)))?;
        insert_holds(rows, self.holds.range((workspace, 0)..=(workspace, u32::MAX)))
    }

    fn forget_of(&mut self, workspace: i64) {
        let places: Vec<_> =
            self.places.range((workspace, 0, 0)..=(workspace, i64::MAX, i64::MAX)).map(|(at, _)| *at).collect();
        let holds: Vec<_> = self.holds.range((workspace, 0)..=(workspace, u32::MAX)).map(|(key, _)| *key).collect();
        for at in places {
            self.places.remove(&at);
        }
        for key in holds {
            self.holds.remove(&key);
        }
    }

    fn has(&self, workspace: i64) -> bool {
        self.places.range((workspace, 0, 0)..=(workspace, i64::MAX, i64::MAX)).next().is_some()
            || self.holds.range((workspace, 0)..=(workspace, u32::MAX)).next().is_some()
    }
}

/// Index of the folded entries, some of which may not be in the tables yet.
pub(super) struct Index {
    /// Position up to which every entry is certainly in the tables.
    position: i64,
    /// Minimum number of entries in a generation.
    generation: usize,
    /// Generation that is being written, and its last entry.
    old: Option<(Generation, At)>,
    /// Generation that gathers meanwhile; `last` is its last entry so far.
    young: Generation,
    last: At,
}

impl Index {
    /// Returns an index whose tables have everything up to an entry, written in generations of so many entries.
    pub(super) fn at(entry: At, generation: usize) -> Index {
        Index { position: entry.0, generation, old: None, young: Generation::default(), last: entry }
    }

    /// Returns the same index before the first entry.
    pub(super) fn to_empty(&self) -> Index {
        Index::at((0, GENESIS), self.generation)
    }

    /// Returns the position up to which everything is in the tables.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// Returns whether every folded entry is in the tables.
    pub(super) fn is_complete(&self) -> bool {
        self.position == self.last.0
    }

    /// Returns a hold after its last folded entry; `None` where it is in the tables alone.
    pub(super) fn hold(&self, key: Key) -> Option<&HoldPlace> {
        let old = || self.old.as_ref().and_then(|(old, _)| old.holds.get(&key));
        self.young.holds.get(&key).or_else(old)
    }

    /// Adds entries that were folded, in order, and the holds after them.
    pub(super) fn add(&mut self, entries: &[JournalEntry], holds: Holds) {
        let Some(last) = entries.last() else { return };
        let place = |entry: &JournalEntry| ((entry.workspace.get(), entry.seq as i64, entry.position), entry.key);
        self.young.places.extend(entries.iter().map(place));
        self.young.holds.extend(holds);
        self.last = (last.position, last.hash);
        if self.young.places.len() >= self.generation {
            self.age();
        }
    }

    /// Makes the young generation the one to be written, unless another still is.
    fn age(&mut self) {
        if self.old.is_none() && !self.is_complete() {
            self.old = Some((std::mem::take(&mut self.young), self.last));
        }
    }

    /// Writes the slice that goes with so many entries that are folded in the same transaction. The caller calls
    /// [`Index::written_beside`] once that is committed.
    ///
    /// # Errors
    /// When the disk does not take it, or another entry has a number or a key already.
    pub(super) fn write_beside(&self, rows: &Transaction<'_>, folded: usize) -> Result<(), Error> {
        self.write(rows, folded * PACE)
    }

    /// Records that the slice written with so many entries has been committed.
    pub(super) fn note_slice(&mut self, folded: usize) {
        self.note_written(folded * PACE);
    }

    /// Writes at most `most` places and holds in a transaction of their own.
    ///
    /// # Errors
    /// When the disk does not take it, or another entry has a number or a key already.
    pub(super) fn write_some(&mut self, rows: &mut Connection, most: usize) -> Result<(), Error> {
        self.age();
        let transaction = rows.transaction()?;
        self.write(&transaction, most)?;
        transaction.commit()?;
        self.note_written(most);
        Ok(())
    }

    fn write(&self, rows: &Transaction<'_>, most: usize) -> Result<(), Error> {
        let Some((old, end)) = &self.old else { return Ok(()) };
        old.insert_first(rows, most)?;
        if old.is_within(most) { put_position(rows, INDEX, *end) } else { Ok(()) }
    }

    fn note_written(&mut self, most: usize) {
        let Some((old, end)) = &mut self.old else { return };
        if !old.is_within(most) {
            return old.forget_first(most);
        }
        self.position = end.0;
        self.old = None;
        if self.young.places.len() >= self.generation {
            self.age();
        }
    }

    /// Writes the missing places and holds of one workspace.
    ///
    /// # Errors
    /// When the disk does not take it; then none of them is written.
    pub(super) fn write_all_of(&mut self, rows: &mut Connection, workspace: WorkspaceId) -> Result<(), Error> {
        let workspace = workspace.get();
        let old = self.old.as_mut().map(|(old, _)| old);
        let mut generations: Vec<&mut Generation> = old.into_iter().chain([&mut self.young]).collect();
        if !generations.iter().any(|generation| generation.has(workspace)) {
            return Ok(());
        }
        let transaction = rows.transaction()?;
        generations.iter().try_for_each(|generation| generation.insert_of(&transaction, workspace))?;
        transaction.commit()?;
        generations.iter_mut().for_each(|generation| generation.forget_of(workspace));
        Ok(())
    }
}

/// Inserts places; those that were written before a crash are left as they are.
fn insert_places<'a>(
    rows: &Connection,
    places: impl Iterator<Item = (&'a Place, &'a Option<[u8; 16]>)>,
) -> Result<(), Error> {
    let sql = "INSERT INTO places (workspace, seq, position) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut by_number = rows.prepare_cached(sql)?;
    let sql = "INSERT INTO keys (workspace, idempotency_key, position) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut by_key = rows.prepare_cached(sql)?;
    let mut end = None;
    for ((workspace, seq, position), key) in places {
        if let Some((before, last)) = end.replace((*workspace, *seq))
            && before != *workspace
        {
            insert_end(rows, before, last)?;
        }
        if by_number.execute((workspace, seq, position))? == 0 {
            let sql = "SELECT position FROM places WHERE workspace = ?1 AND seq = ?2";
            let found = rows.prepare_cached(sql)?.query_row((workspace, seq), |row| row.get(0));
            same(*position, found.optional()?)?;
        }
        let Some(key) = key else { continue };
        if by_key.execute((workspace, key, position))? == 0 {
            let sql = "SELECT position FROM keys WHERE workspace = ?1 AND idempotency_key = ?2";
            let found = rows.prepare_cached(sql)?.query_row((workspace, key), |row| row.get(0));
            same(*position, found.optional()?)?;
        }
    }
    end.map_or(Ok(()), |(workspace, seq)| insert_end(rows, workspace, seq))
}

/// Records the last entry of a workspace that has a place.
fn insert_end(rows: &Connection, workspace: i64, seq: i64) -> Result<(), Error> {
    let sql = "INSERT INTO ends (workspace, seq) VALUES (?1, ?2)
               ON CONFLICT (workspace) DO UPDATE SET seq = MAX(seq, excluded.seq)";
    rows.prepare_cached(sql)?.execute((workspace, seq)).map(drop)
}

/// Refuses two entries with one number or one key.
fn same(position: i64, found: Option<i64>) -> Result<(), Error> {
    if found == Some(position) {
        return Ok(());
    }
    let text = format!("entry {position} has the number or the key of entry {}", found.unwrap_or_default());
    let constraint = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT);
    Err(Error::SqliteFailure(constraint, Some(text)))
}

fn insert_holds<'a>(rows: &Connection, holds: impl Iterator<Item = (&'a Key, &'a HoldPlace)>) -> Result<(), Error> {
    let sql = "INSERT INTO holds (workspace, n, model, unit, amount, opened, extended, ended)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (workspace, n) DO UPDATE SET extended = excluded.extended, ended = excluded.ended";
    let mut statement = rows.prepare_cached(sql)?;
    for ((workspace, n), place) in holds {
        let HoldPlace { model, unit, amount, opened, extended, ended } = place;
        let (model, unit) = (model.as_deref(), unit.name());
        statement.execute((workspace, n, model, unit, amount.get(), opened, extended, ended))?;
    }
    Ok(())
}
