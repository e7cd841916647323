//! Whether the projections are what folding the journal again gives.

use super::projector::{SCHEMA, fold_into};
use crate::store::Unavailable;
use crate::store::projection::{FOLDED, count_others, difference};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Projections that are here alone.
const INDEXES: [(&str, &str); 2] =
    [("places", "workspace, seq, position"), ("keys", "workspace, idempotency_key, position")];

/// Folds the journal into a database in memory and names every table that differs from the one on disk.
pub(super) fn differences(journal: &Path, views: &Path) -> Result<Vec<String>, Unavailable> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let journal = Connection::open_with_flags(journal, flags)?;
    let mut fresh = Connection::open_in_memory()?;
    fresh.execute_batch(SCHEMA)?;
    let last = journal.query_row("SELECT COALESCE(MAX(position), 0) FROM entries", [], |row| row.get(0))?;
    let mut position = 0;
    loop {
        match fold_into(&journal, &mut fresh, position, last) {
            Ok(Some(last)) => position = last,
            Ok(None) => break,
            Err(error) => return Ok(vec![format!("the journal cannot be folded after entry {position}: {error}")]),
        }
    }
    fresh.execute("ATTACH DATABASE ?1 AS stored", [views.to_string_lossy()])?;
    let mut found = Vec::new();
    for (table, columns) in FOLDED.into_iter().chain(INDEXES) {
        let count = |of, not_in| fresh.query_row(&count_others(table, columns, of, not_in), [], |row| row.get(0));
        found.extend(difference(table, count("main", "stored")?, count("stored", "main")?));
    }
    Ok(found)
}
