//! Check that the projections equal the journal folded again.
//!
//! Invariant: the check writes to a temporary database alone.

use super::index::Index;
use super::projector::{SCHEMA, fold_into};
use crate::Unavailable;
use crate::journal::GENESIS;
use crate::options::GENERATION;
use crate::projection::difference;
use crate::tables::{Engine, Table};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Memory for the fresh projections, in SQLite's form: KiB, negated.
const CACHE: i64 = -65_536;

/// Folds the journal into a temporary database and returns a description of every table that differs from the stored
/// one.
pub(super) fn differences(journal: &Path, views: &Path) -> Result<Vec<String>, Unavailable> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let journal = Connection::open_with_flags(journal, flags)?;
    let mut fresh = fresh()?;
    let last = journal.query_row("SELECT COALESCE(MAX(position), 0) FROM entries", [], |row| row.get(0))?;
    let (mut position, mut index) = (0, Index::at((0, GENESIS), GENERATION));
    loop {
        match fold_into(&journal, &mut fresh, position, last, &mut index) {
            Ok(Some(last)) => position = last,
            Ok(None) => break,
            Err(error) => return Ok(vec![format!("the journal cannot be folded after entry {position}: {error}")]),
        }
    }
    while !index.is_complete() {
        if let Err(error) = index.write_some(&mut fresh, usize::MAX) {
            return Ok(vec![format!("the journal cannot be folded after entry {}: {error}", index.position())]);
        }
    }
    fresh.execute("ATTACH DATABASE ?1 AS stored", [views.to_string_lossy()])?;
    let mut found = Vec::new();
    for (table, columns) in Table::projections_of(Engine::Sqlite) {
        let count = |of, not_in| fresh.query_row(&count_others(table, &columns, of, not_in), [], |row| row.get(0));
        found.extend(difference(table, count("main", "stored")?, count("stored", "main")?));
    }
    Ok(found)
}

/// Opens an empty database in a file without a name, in SQLite's temporary directory: projections may be larger than
/// memory, and the file is gone after the comparison.
fn fresh() -> Result<Connection, Unavailable> {
    let fresh = Connection::open("")?;
    // The file is not needed after a crash, or after a fold that failed.
    fresh.pragma_update(None, "journal_mode", "OFF")?;
    fresh.pragma_update(None, "synchronous", "OFF")?;
    fresh.pragma_update(None, "cache_size", CACHE)?;
    fresh.execute_batch(SCHEMA)?;
    Ok(fresh)
}

/// Returns the statement that counts the rows of one table that are not in another, each searched by its key: `EXCEPT`
/// would sort a copy of the table.
fn count_others(table: &str, columns: &str, of: &str, not_in: &str) -> String {
    let same: Vec<String> = columns.split(", ").map(|column| format!("b.{column} IS a.{column}")).collect();
    let same = same.join(" AND ");
    format!(
        "SELECT COUNT(*) FROM {of}.{table} AS a WHERE NOT EXISTS (SELECT 1 FROM {not_in}.{table} AS b WHERE {same})"
    )
}
