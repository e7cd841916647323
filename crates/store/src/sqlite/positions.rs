//! Positions of the projections, each written in the transaction of the rows that were folded up to it.
//!
//! Invariant: a position is stored with the hash of its entry, so that a position in another journal is recognized.

use crate::journal::GENESIS;
use rusqlite::{Connection, OptionalExtension};

/// Name of the position up to which everything is folded.
pub(super) const VIEWS: &str = "views";
/// Name of the position up to which the index is complete.
pub(super) const INDEX: &str = "index";

/// Position of an entry, and the entry's hash.
pub(super) type At = (i64, [u8; 32]);

/// Returns a position by its name; the one before the first entry where it is not stored.
pub(super) fn read_position(connection: &Connection, name: &str) -> Result<At, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT position, hash FROM positions WHERE name = ?1")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(statement.query_row([name], row).optional()?.unwrap_or((0, GENESIS)))
}

/// Writes a position by its name.
pub(super) fn put_position(connection: &Connection, name: &str, at: At) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR REPLACE INTO positions (name, position, hash) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute((name, at.0, at.1)).map(|_| ())
}
