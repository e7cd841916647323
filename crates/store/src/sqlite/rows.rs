//! Rows of the projections in the embedded database: read before a batch is folded, written after.
//!
//! Invariant: only the rows in [`Changes`] are written; their values are decided where entries are folded.

use super::index::Index;
use crate::projection::{
    ChangedRun, Changes, HoldPlace, Key, KnownRows, Move, Moves, OpenedWorkspace, RowKeys, RunRow,
};
use rusqlite::{Connection, Error, OptionalExtension, Row};
use scrip_engine::{Amount, Name, Unit};

/// Reads the rows that a batch wants; rows that do not exist are left out. Holds may be in the index alone.
pub(super) fn read(rows: &Connection, wanted: &RowKeys, index: &Index) -> Result<KnownRows, Error> {
    let mut known = KnownRows::default();
    let mut run = rows.prepare_cached("SELECT body FROM runs WHERE workspace = ?1 AND n = ?2")?;
    for key in &wanted.runs {
        if let Some(body) = run.query_row(*key, |row| row.get::<_, String>(0)).optional()? {
            let row: RunRow =
                serde_json::from_str(&body).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
            known.runs.insert(*key, row);
        }
    }
    let sql = "SELECT model, unit, amount, opened, extended, ended FROM holds WHERE workspace = ?1 AND n = ?2";
    let mut hold = rows.prepare_cached(sql)?;
    for key in &wanted.holds {
        let place = match index.hold(*key) {
            Some(place) => Some(place.clone()),
            None => hold.query_row(*key, hold_place).optional()?,
        };
        known.holds.extend(place.map(|place| (*key, place)));
    }
    Ok(known)
}

fn hold_place(row: &Row<'_>) -> Result<HoldPlace, Error> {
    let unit = Unit::from_name(row.get_ref(1)?.as_str()?);
    Ok(HoldPlace {
        model: row.get_ref(0)?.as_str_or_null()?.map(Name::from),
        unit: unit.expect("units are written by their names"),
        amount: Amount::new(row.get(2)?).expect("amounts are written from amounts"),
        opened: row.get(3)?,
        extended: row.get(4)?,
        ended: row.get(5)?,
    })
}

/// Writes the changed rows of a batch, without the holds, which the index writes.
pub(super) fn write(rows: &Connection, moves: &Moves, changes: &Changes) -> Result<(), Error> {
    let sql = "INSERT OR REPLACE INTO workspaces (workspace, opened, external_id, test_clock, next_due_at)
               VALUES (?1, (SELECT COALESCE(MAX(opened), 0) + 1 FROM workspaces), ?2, ?3, NULL)";
    let mut statement = rows.prepare_cached(sql)?;
    for OpenedWorkspace { workspace, external_id, test_clock, .. } in &moves.opened {
        statement.execute((workspace, external_id, test_clock))?;
    }
    for (key, changed) in &changes.runs {
        write_run(rows, *key, changed)?;
    }
    let mut statement = rows.prepare_cached(
        "INSERT INTO usage (workspace, day, model, unit, runs, failed, captured, key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (workspace, day, model, unit, key) DO UPDATE SET runs = runs + excluded.runs,
         failed = failed + excluded.failed, captured = captured + excluded.captured",
    )?;
    for ((workspace, day, model, unit, key), used) in &changes.usage {
        statement.execute((workspace, day, &**model, unit.name(), used.runs, used.failed, used.captured, key))?;
    }
    let sql = "UPDATE workspaces SET next_due_at = ?2 WHERE workspace = ?1 AND next_due_at IS NOT ?2";
    let mut statement = rows.prepare_cached(sql)?;
    for (workspace, Move { next_due_at, .. }) in &moves.moved {
        statement.execute((workspace, next_due_at))?;
    }
    Ok(())
}

/// Writes a run, and its place in the queue until it has ended.
fn write_run(rows: &Connection, (workspace, n): Key, changed: &ChangedRun) -> Result<(), Error> {
    let ChangedRun { row, seq, queued } = changed;
    let sql = "INSERT INTO runs (workspace, n, status, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (workspace, n) DO UPDATE SET status = excluded.status, seq = excluded.seq, body = excluded.body";
    rows.prepare_cached(sql)?.execute((workspace, n, row.status_name(), *seq as i64, row.body()))?;
    if row.status.is_some() {
        rows.prepare_cached("DELETE FROM queue WHERE workspace = ?1 AND n = ?2")?.execute((workspace, n))?;
    } else if *queued {
        let sql = "INSERT OR REPLACE INTO queue (workspace, n, test_clock, due_at, lease_until, attempt)
                   VALUES (?1, ?2, (SELECT test_clock FROM workspaces WHERE workspace = ?1), ?3, 0, ?4)";
        rows.prepare_cached(sql)?.execute((workspace, n, row.created_at.micros(), row.attempt))?;
    } else {
        let sql = "UPDATE queue SET attempt = ?3 WHERE workspace = ?1 AND n = ?2";
        rows.prepare_cached(sql)?.execute((workspace, n, row.attempt))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::projector::SCHEMA;
    use super::*;
    use crate::projection::UsageIncrease;

    /// Number of workspaces that have usage on every day.
    const WORKSPACES: i64 = 3_000;

    /// Returns the changes of a batch in which every n-th workspace used something on a day.
    fn usage(day: i64, step: usize) -> Changes {
        let used = |workspace| {
            let increase = UsageIncrease { runs: 1, failed: 0, captured: 20 };
            ((workspace, day, Name::from("image-pro"), Unit::Credits, 0), increase)
        };
        Changes { usage: (1..=WORKSPACES).step_by(step).map(used).collect(), ..Changes::default() }
    }

    #[test]
    fn the_usage_of_scattered_workspaces_on_a_day_changes_few_pages() {
        let directory = std::env::temp_dir().join(format!("scrip-usage-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("a directory");
        let rows = Connection::open(directory.join("views.db")).expect("a database");
        rows.pragma_update(None, "journal_mode", "WAL").expect("a log");
        rows.execute_batch(SCHEMA).expect("its tables");
        let fold = |day, step| {
            rows.execute_batch("BEGIN").expect("a transaction");
            write(&rows, &Moves::default(), &usage(day, step)).expect("room");
            rows.execute_batch("COMMIT").expect("room");
        };
        (0..30).for_each(|day| fold(day, 1));
        rows.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("an empty log");
        fold(29, 30);
        let log = std::fs::metadata(directory.join("views.db-wal")).expect("a log").len();
        assert!(log / 4_096 < 60, "100 rows of one day lie among 30 times as many, on {} pages", log / 4_096);
        let plan = "EXPLAIN QUERY PLAN SELECT runs FROM usage WHERE workspace = 1 AND day >= 2 AND day <= 3";
        let plan: String = rows.query_row(plan, [], |row| row.get(3)).expect("a plan");
        assert!(plan.contains("workspace=? AND day>? AND day<?"), "one workspace's days are not found alone: {plan}");
        drop(rows);
        std::fs::remove_dir_all(&directory).expect("the directory goes");
    }
}
