//! How far the projections are: an entry is noted beside what was folded up to it, in the same transaction.
//!
//! Invariant: a position stands beside the hash of its entry, so that it is known for one of another journal.

use crate::journal::GENESIS;
use rusqlite::{Connection, OptionalExtension};

/// The name of the position up to which everything is folded.
pub(super) const VIEWS: &str = "views";
/// The name of the one up to which the index is complete.
pub(super) const INDEX: &str = "index";

/// A position, and the hash of the entry there.
pub(super) type At = (i64, [u8; 32]);

/// How far projections are, and the hash of the entry there.
pub(super) fn read_position(connection: &Connection, name: &str) -> Result<At, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT position, hash FROM positions WHERE name = ?1")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(statement.query_row([name], row).optional()?.unwrap_or((0, GENESIS)))
}

/// Says how far they are.
pub(super) fn put_position(connection: &Connection, name: &str, at: At) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR REPLACE INTO positions (name, position, hash) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute((name, at.0, at.1)).map(|_| ())
}
