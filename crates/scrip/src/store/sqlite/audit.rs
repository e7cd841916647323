//! Whether the projections are what folding the journal again gives.

use super::projector::{SCHEMA, fold_into};
use crate::store::Unavailable;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// What is compared of each table. A lease and the next look at a run are the workers' own and follow from no entry.
const COMPARED: [(&str, &str); 6] = [
    ("places", "workspace, seq, position"),
    ("workspaces", "workspace, opened, external_id, test_clock, next_due_at"),
    ("runs", "workspace, n, status, seq, body"),
    ("holds", "workspace, n, model, unit, amount, opened, extended, ended"),
    ("usage", "workspace, day, model, unit, runs, failed, captured"),
    ("queue", "workspace, n, test_clock, attempt"),
];

/// Folds the journal into a database in memory and names every table that differs from the one on disk.
pub(super) fn differences(journal: &Path, views: &Path) -> Result<Vec<String>, Unavailable> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let journal = Connection::open_with_flags(journal, flags)?;
    let mut fresh = Connection::open_in_memory()?;
    fresh.execute_batch(SCHEMA)?;
    let mut position = 0;
    loop {
        match fold_into(&journal, &mut fresh, position) {
            Ok(Some(last)) => position = last,
            Ok(None) => break,
            Err(error) => return Ok(vec![format!("the journal cannot be folded after entry {position}: {error}")]),
        }
    }
    fresh.execute("ATTACH DATABASE ?1 AS stored", [views.to_string_lossy()])?;
    let mut found = Vec::new();
    for (table, columns) in COMPARED {
        let extra = count(&fresh, table, columns, "stored", "main")?;
        let missing = count(&fresh, table, columns, "main", "stored")?;
        if extra + missing > 0 {
            found.push(format!(
                "projection {table}: {missing} rows are missing or differ, {extra} rows should not be as they are"
            ));
        }
    }
    Ok(found)
}

fn count(connection: &Connection, table: &str, columns: &str, left: &str, right: &str) -> Result<i64, Unavailable> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT {columns} FROM {left}.{table} EXCEPT SELECT {columns} FROM {right}.{table})"
    );
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}
