//! What is only asked for workspace by workspace: where its entries are, by number and by idempotency key, and where
//! its holds are in them.
//!
//! Neighbours in the journal are strangers in these tables. Written with every batch that is folded, each entry would
//! cost pages of its own, more of them with every entry that its workspace has already. So the tables are written a
//! generation at a time, in their own order, a slice with each batch: while one generation is being written, the next
//! one gathers in memory. What is asked for of a workspace is written when it is asked for.
//!
//! Invariant: every entry up to the index's own position is in the tables, and every later one that was folded is here
//! or there.

use super::positions::{At, INDEX, put_position};
use crate::journal::GENESIS;
use crate::projection::{HoldPlace, Journaled, Key};
use rusqlite::{Connection, Error, OptionalExtension, Transaction};
use scrip_engine::WorkspaceId;
use std::collections::BTreeMap;

/// Entries that are written with each that is folded, so that a generation is written before the next one is whole.
const PACE: usize = 2;

/// The workspace, number and position of an entry: two with one number are both written, so that it is seen.
type Place = (i64, i64, i64);
/// Where keys were used.
type Places = BTreeMap<Place, Option<[u8; 16]>>;
type Holds = BTreeMap<Key, HoldPlace>;

/// Entries that were folded after one another, and what became of holds in them.
#[derive(Default)]
struct Generation {
    places: Places,
    holds: Holds,
}

impl Generation {
    /// Whether so many of each are all of it.
    fn is_within(&self, most: usize) -> bool {
        self.places.len() <= most && self.holds.len() <= most
    }

    /// Puts the first ones into the tables.
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

    /// Puts those of one workspace into the tables.
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

/// What was folded and may not be in the tables yet.
pub(super) struct Index {
    /// What is in the tables for sure.
    position: i64,
    /// Entries of a generation, at least.
    generation: usize,
    /// What is being written, and where it ends.
    old: Option<(Generation, At)>,
    /// What gathers meanwhile, and where it ends so far.
    young: Generation,
    last: At,
}

impl Index {
    /// An index whose tables have everything up to an entry, and which is written in generations of so many entries.
    pub(super) fn at(entry: At, generation: usize) -> Index {
        Index { position: entry.0, generation, old: None, young: Generation::default(), last: entry }
    }

    /// The same index before the first entry.
    pub(super) fn emptied(&self) -> Index {
        Index::at((0, GENESIS), self.generation)
    }

    /// The entry up to which everything is in the tables.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// Whether all that was folded is in the tables.
    pub(super) fn is_complete(&self) -> bool {
        self.position == self.last.0
    }

    /// A hold as it was left, unless only the tables know.
    pub(super) fn hold(&self, key: Key) -> Option<&HoldPlace> {
        let old = || self.old.as_ref().and_then(|(old, _)| old.holds.get(&key));
        self.young.holds.get(&key).or_else(old)
    }

    /// Takes note of entries that were folded, in order, and of the holds as they left them.
    pub(super) fn add(&mut self, entries: &[Journaled], holds: Holds) {
        let Some(last) = entries.last() else { return };
        let place = |entry: &Journaled| ((entry.workspace.get(), entry.seq as i64, entry.position), entry.key);
        self.young.places.extend(entries.iter().map(place));
        self.young.holds.extend(holds);
        self.last = (last.position, last.hash);
        if self.young.places.len() >= self.generation {
            self.age();
        }
    }

    /// Lets what has gathered be written next, unless something still is.
    fn age(&mut self) {
        if self.old.is_none() && !self.is_complete() {
            self.old = Some((std::mem::take(&mut self.young), self.last));
        }
    }

    /// Writes what goes with so many entries that are folded in the same transaction. [`Index::written`] is told once
    /// that has been committed.
    ///
    /// # Errors
    /// When the disk does not take it, or another entry has a number or a key already.
    pub(super) fn write_beside(&self, rows: &Transaction<'_>, folded: usize) -> Result<(), Error> {
        self.write(rows, folded * PACE)
    }

    /// What was written beside so many has been committed.
    pub(super) fn written_beside(&mut self, folded: usize) {
        self.written(folded * PACE);
    }

    /// Writes so many in a transaction of their own.
    ///
    /// # Errors
    /// When the disk does not take it, or another entry has a number or a key already.
    pub(super) fn write_some(&mut self, rows: &mut Connection, most: usize) -> Result<(), Error> {
        self.age();
        let transaction = rows.transaction()?;
        self.write(&transaction, most)?;
        transaction.commit()?;
        self.written(most);
        Ok(())
    }

    fn write(&self, rows: &Transaction<'_>, most: usize) -> Result<(), Error> {
        let Some((old, end)) = &self.old else { return Ok(()) };
        old.insert_first(rows, most)?;
        if old.is_within(most) { put_position(rows, INDEX, *end) } else { Ok(()) }
    }

    fn written(&mut self, most: usize) {
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

    /// Writes what is missing of one workspace.
    ///
    /// # Errors
    /// When the disk does not take it; then nothing of it is written.
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

/// Those that were put there before a crash are there already.
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

/// Notes the last entry of a workspace that has a place.
fn insert_end(rows: &Connection, workspace: i64, seq: i64) -> Result<(), Error> {
    let sql = "INSERT INTO ends (workspace, seq) VALUES (?1, ?2)
               ON CONFLICT (workspace) DO UPDATE SET seq = MAX(seq, excluded.seq)";
    rows.prepare_cached(sql)?.execute((workspace, seq)).map(drop)
}

/// Two entries with one number or one key are an error, wherever they come from.
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
