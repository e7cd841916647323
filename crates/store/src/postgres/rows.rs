//! Rows of the projections in PostgreSQL: read before a batch is folded, written after, each kind in one statement.
//!
//! Invariant: only the rows in [`Changes`] are written; their values are decided where entries are folded.

use crate::Unavailable;
use crate::projection::{Changes, HoldPlace, Key, KnownRows, RowKeys, RunRow};
use scrip_engine::{Amount, Name, Unit};
use tokio_postgres::Transaction;

fn columns<'k>(keys: impl Iterator<Item = &'k Key>) -> (Vec<i64>, Vec<i64>) {
    keys.map(|(workspace, n)| (*workspace, i64::from(*n))).unzip()
}

fn key(row: &tokio_postgres::Row) -> Key {
    (row.get(0), u32::try_from(row.get::<_, i64>(1)).expect("numbers are written from u32"))
}

/// Reads the rows that a batch wants; rows that do not exist are left out.
pub(super) async fn read(rows: &Transaction<'_>, wanted: &RowKeys) -> Result<KnownRows, Unavailable> {
    let mut known = KnownRows::default();
    if !wanted.runs.is_empty() {
        let (workspaces, numbers) = columns(wanted.runs.iter());
        let sql = "SELECT runs.workspace, runs.n, runs.body FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, n)
                   JOIN runs USING (workspace, n)";
        for row in rows.query(sql, &[&workspaces, &numbers]).await? {
            let body: &str = row.get(2);
            let run: RunRow = serde_json::from_str(body).map_err(|error| Unavailable(error.to_string()))?;
            known.runs.insert(key(&row), run);
        }
    }
    if !wanted.holds.is_empty() {
        let (workspaces, numbers) = columns(wanted.holds.iter());
        let sql = "SELECT holds.workspace, holds.n, model, unit, amount, opened, extended, ended
                   FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, n) JOIN holds USING (workspace, n)";
        for row in rows.query(sql, &[&workspaces, &numbers]).await? {
            let place = HoldPlace {
                model: row.get::<_, Option<&str>>(2).map(Name::from),
                unit: Unit::from_name(row.get(3)).expect("units are written by their names"),
                amount: Amount::new(row.get(4)).expect("amounts are written from amounts"),
                opened: row.get(5),
                extended: row.get(6),
                ended: row.get(7),
            };
            known.holds.insert(key(&row), place);
        }
    }
    Ok(known)
}

/// Writes the changed rows of a batch.
pub(super) async fn write(rows: &Transaction<'_>, changes: &Changes) -> Result<(), Unavailable> {
    write_workspaces(rows, changes).await?;
    write_holds(rows, changes).await?;
    write_runs(rows, changes).await?;
    write_usage(rows, changes).await
}

async fn write_workspaces(rows: &Transaction<'_>, changes: &Changes) -> Result<(), Unavailable> {
    if !changes.opened.is_empty() {
        let workspaces: Vec<i64> = changes.opened.iter().map(|opened| opened.workspace).collect();
        let external: Vec<Option<&str>> = changes.opened.iter().map(|opened| opened.external_id.as_deref()).collect();
        let clocks: Vec<Option<i64>> = changes.opened.iter().map(|opened| opened.test_clock).collect();
        let sql = "INSERT INTO workspaces (workspace, opened, external_id, test_clock)
                   SELECT w.workspace, (SELECT COALESCE(MAX(opened), 0) FROM workspaces) + w.place, w.external_id, w.test_clock
                   FROM unnest($1::bigint[], $2::text[], $3::bigint[]) WITH ORDINALITY
                   AS w (workspace, external_id, test_clock, place)";
        rows.execute(sql, &[&workspaces, &external, &clocks]).await?;
    }
    let (workspaces, due): (Vec<i64>, Vec<Option<i64>>) = changes.due.iter().map(|(w, due)| (*w, *due)).unzip();
    let sql = "UPDATE workspaces SET next_due_at = w.due FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, due)
               WHERE workspaces.workspace = w.workspace AND workspaces.next_due_at IS DISTINCT FROM w.due";
    rows.execute(sql, &[&workspaces, &due]).await?;
    Ok(())
}

async fn write_holds(rows: &Transaction<'_>, changes: &Changes) -> Result<(), Unavailable> {
    if changes.holds.is_empty() {
        return Ok(());
    }
    let (workspaces, numbers) = columns(changes.holds.keys());
    let places: Vec<&HoldPlace> = changes.holds.values().collect();
    let models: Vec<Option<&str>> = places.iter().map(|place| place.model.as_deref()).collect();
    let units: Vec<&str> = places.iter().map(|place| place.unit.name()).collect();
    let amounts: Vec<i64> = places.iter().map(|place| place.amount.get()).collect();
    let opened: Vec<i64> = places.iter().map(|place| place.opened).collect();
    let extended: Vec<Option<i64>> = places.iter().map(|place| place.extended).collect();
    let ended: Vec<Option<i64>> = places.iter().map(|place| place.ended).collect();
    let sql = "INSERT INTO holds (workspace, n, model, unit, amount, opened, extended, ended)
               SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
               $7::bigint[], $8::bigint[])
               ON CONFLICT (workspace, n) DO UPDATE SET extended = excluded.extended, ended = excluded.ended";
    rows.execute(sql, &[&workspaces, &numbers, &models, &units, &amounts, &opened, &extended, &ended]).await?;
    Ok(())
}

/// Writes runs, and their places in the queue until they have ended.
async fn write_runs(rows: &Transaction<'_>, changes: &Changes) -> Result<(), Unavailable> {
    if changes.runs.is_empty() {
        return Ok(());
    }
    let (workspaces, numbers) = columns(changes.runs.keys());
    let runs: Vec<_> = changes.runs.values().collect();
    let statuses: Vec<&str> = runs.iter().map(|run| run.row.status_name()).collect();
    let seqs: Vec<i64> = runs.iter().map(|run| run.seq as i64).collect();
    let bodies: Vec<String> = runs.iter().map(|run| run.row.body()).collect();
    let sql = "INSERT INTO runs (workspace, n, status, seq, body)
               SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[])
               ON CONFLICT (workspace, n) DO UPDATE
               SET status = excluded.status, seq = excluded.seq, body = excluded.body";
    rows.execute(sql, &[&workspaces, &numbers, &statuses, &seqs, &bodies]).await?;
    let ended: Vec<bool> = runs.iter().map(|run| run.row.status.is_some()).collect();
    let queued: Vec<bool> = runs.iter().map(|run| run.queued).collect();
    let created: Vec<i64> = runs.iter().map(|run| run.row.created_at.micros()).collect();
    let attempts: Vec<i64> = runs.iter().map(|run| i64::from(run.row.attempt)).collect();
    let sql = "DELETE FROM queue USING unnest($1::bigint[], $2::bigint[], $3::bool[]) AS w (workspace, n, ended)
               WHERE w.ended AND queue.workspace = w.workspace AND queue.n = w.n";
    rows.execute(sql, &[&workspaces, &numbers, &ended]).await?;
    let sql = "UPDATE queue SET attempt = w.attempt FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
               AS w (workspace, n, attempt) WHERE queue.workspace = w.workspace AND queue.n = w.n";
    rows.execute(sql, &[&workspaces, &numbers, &attempts]).await?;
    let sql = "INSERT INTO queue (workspace, n, test_clock, due_at, lease_until, attempt)
               SELECT w.workspace, w.n, workspaces.test_clock, w.created, 0, w.attempt
               FROM unnest($1::bigint[], $2::bigint[], $3::bool[], $4::bool[], $5::bigint[], $6::bigint[])
               AS w (workspace, n, ended, queued, created, attempt) JOIN workspaces ON workspaces.workspace = w.workspace
               WHERE w.queued AND NOT w.ended ON CONFLICT (workspace, n) DO NOTHING";
    rows.execute(sql, &[&workspaces, &numbers, &ended, &queued, &created, &attempts]).await?;
    Ok(())
}

async fn write_usage(rows: &Transaction<'_>, changes: &Changes) -> Result<(), Unavailable> {
    if changes.usage.is_empty() {
        return Ok(());
    }
    let workspaces: Vec<i64> = changes.usage.keys().map(|(workspace, ..)| *workspace).collect();
    let days: Vec<i64> = changes.usage.keys().map(|(_, day, ..)| *day).collect();
    let models: Vec<&str> = changes.usage.keys().map(|(_, _, model, ..)| &**model).collect();
    let units: Vec<&str> = changes.usage.keys().map(|(.., unit, _)| unit.name()).collect();
    let keys: Vec<i64> = changes.usage.keys().map(|(.., key)| i64::from(*key)).collect();
    let runs: Vec<i64> = changes.usage.values().map(|used| used.runs).collect();
    let failed: Vec<i64> = changes.usage.values().map(|used| used.failed).collect();
    let captured: Vec<i64> = changes.usage.values().map(|used| used.captured).collect();
    let sql = "INSERT INTO usage (workspace, day, model, unit, key, runs, failed, captured)
               SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
               $7::bigint[], $8::bigint[])
               ON CONFLICT (workspace, day, model, unit, key) DO UPDATE SET runs = usage.runs + excluded.runs,
               failed = usage.failed + excluded.failed, captured = usage.captured + excluded.captured";
    rows.execute(sql, &[&workspaces, &days, &models, &units, &keys, &runs, &failed, &captured]).await?;
    Ok(())
}
