//! Rows of the projections in PostgreSQL: read before entries are folded, written after, each kind in one statement.
//!
//! Every statement names its workspaces, so that a database in parts asks only the part that has them.
//!
//! Invariant: only the rows in [`Changes`] are written; their values are decided where entries are folded.

use crate::Unavailable;
use crate::projection::{Changes, HoldPlace, Key, KnownRows, RowKeys, RunRow};
use scrip_engine::{Amount, Name, Unit, WorkspaceId};
use std::collections::BTreeSet;
use tokio_postgres::{Error, GenericClient, Statement};

const READ_RUNS: &str = "SELECT runs.workspace, runs.n, runs.body
    FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, n)
    JOIN runs USING (workspace, n) WHERE runs.workspace = ANY($1)";
const READ_HOLDS: &str = "SELECT holds.workspace, holds.n, model, unit, amount, opened, extended, ended
    FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, n)
    JOIN holds USING (workspace, n) WHERE holds.workspace = ANY($1)";
/// Makes the rows of workspaces that are opened. One that is folded anew has a row without an entry.
const OPEN: &str = "INSERT INTO workspaces (workspace, opened, external_id, test_clock, seq, next_due_at)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
    ON CONFLICT (workspace) DO UPDATE SET opened = excluded.opened, external_id = excluded.external_id,
    test_clock = excluded.test_clock, seq = excluded.seq, next_due_at = excluded.next_due_at
    WHERE workspaces.seq = 0 RETURNING workspace";
/// Moves workspaces from the entry before a batch to the last one of the batch.
const MOVE: &str = "UPDATE workspaces SET seq = w.seq, next_due_at = w.due
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS w (workspace, before, seq, due)
    WHERE workspaces.workspace = w.workspace AND workspaces.seq = w.before AND workspaces.workspace = ANY($1)
    RETURNING workspaces.workspace";
const HOLDS: &str = "INSERT INTO holds (workspace, n, model, unit, amount, opened, extended, ended)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[])
    ON CONFLICT (workspace, n) DO UPDATE SET extended = excluded.extended, ended = excluded.ended";
const RUNS: &str = "INSERT INTO runs (workspace, n, status, seq, body)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[])
    ON CONFLICT (workspace, n) DO UPDATE SET status = excluded.status, seq = excluded.seq, body = excluded.body";
const UNQUEUE: &str =
    "DELETE FROM queue USING unnest($1::bigint[], $2::bigint[], $3::bool[]) AS w (workspace, n, ended)
    WHERE w.ended AND queue.workspace = w.workspace AND queue.n = w.n AND queue.workspace = ANY($1)";
const ATTEMPT: &str = "UPDATE queue SET attempt = w.attempt
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (workspace, n, attempt)
    WHERE queue.workspace = w.workspace AND queue.n = w.n AND queue.workspace = ANY($1)";
const QUEUE: &str = "INSERT INTO queue (workspace, n, test_clock, due_at, lease_until, attempt)
    SELECT w.workspace, w.n, workspaces.test_clock, w.created, 0, w.attempt
    FROM unnest($1::bigint[], $2::bigint[], $3::bool[], $4::bigint[], $5::bigint[])
    AS w (workspace, n, waits, created, attempt) JOIN workspaces ON workspaces.workspace = w.workspace
    WHERE w.waits AND workspaces.workspace = ANY($1) ON CONFLICT (workspace, n) DO NOTHING";
const USAGE: &str = "INSERT INTO usage (workspace, day, model, unit, key, runs, failed, captured)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[])
    ON CONFLICT (workspace, day, model, unit, key) DO UPDATE SET runs = usage.runs + excluded.runs,
    failed = usage.failed + excluded.failed, captured = usage.captured + excluded.captured";

/// Statements that read and write the rows, prepared on one connection.
pub(super) struct RowStatements {
    read_runs: Statement,
    read_holds: Statement,
    open: Statement,
    move_on: Statement,
    holds: Statement,
    runs: Statement,
    unqueue: Statement,
    attempt: Statement,
    queue: Statement,
    usage: Statement,
}

impl RowStatements {
    pub(super) async fn prepare(client: &impl GenericClient) -> Result<RowStatements, Error> {
        let (read_runs, read_holds, open, move_on, holds, runs, unqueue, attempt, queue, usage) = tokio::try_join!(
            client.prepare(READ_RUNS),
            client.prepare(READ_HOLDS),
            client.prepare(OPEN),
            client.prepare(MOVE),
            client.prepare(HOLDS),
            client.prepare(RUNS),
            client.prepare(UNQUEUE),
            client.prepare(ATTEMPT),
            client.prepare(QUEUE),
            client.prepare(USAGE)
        )?;
        Ok(RowStatements { read_runs, read_holds, open, move_on, holds, runs, unqueue, attempt, queue, usage })
    }
}

/// Reason for which entries could not be folded.
#[derive(Debug)]
pub(super) enum FoldError {
    /// The database refused a statement or does not answer.
    Database(Error),
    /// A row or an entry is not what this version writes.
    Unreadable(String),
}

impl From<Error> for FoldError {
    fn from(error: Error) -> FoldError {
        FoldError::Database(error)
    }
}

impl From<FoldError> for Unavailable {
    fn from(error: FoldError) -> Unavailable {
        match error {
            FoldError::Database(error) => error.into(),
            FoldError::Unreadable(why) => Unavailable(why),
        }
    }
}

fn columns<'k>(keys: impl Iterator<Item = &'k Key>) -> (Vec<i64>, Vec<i64>) {
    keys.map(|(workspace, n)| (*workspace, i64::from(*n))).unzip()
}

fn key(row: &tokio_postgres::Row) -> Key {
    (row.get(0), u32::try_from(row.get::<_, i64>(1)).expect("numbers are written from u32"))
}

/// Reads the rows that a batch wants; rows that do not exist are left out.
pub(super) async fn read(
    client: &impl GenericClient,
    with: &RowStatements,
    wanted: &RowKeys,
) -> Result<KnownRows, FoldError> {
    let runs = async {
        let (workspaces, numbers) = columns(wanted.runs.iter());
        match workspaces.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(&with.read_runs, &[&workspaces, &numbers]).await,
        }
    };
    let holds = async {
        let (workspaces, numbers) = columns(wanted.holds.iter());
        match workspaces.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(&with.read_holds, &[&workspaces, &numbers]).await,
        }
    };
    let (runs, holds) = tokio::try_join!(runs, holds)?;
    let mut known = KnownRows::default();
    for row in &runs {
        let run: RunRow = serde_json::from_str(row.get(2)).map_err(|error| FoldError::Unreadable(error.to_string()))?;
        known.runs.insert(key(row), run);
    }
    known.holds.extend(holds.iter().map(|row| (key(row), hold_place(row))));
    Ok(known)
}

fn hold_place(row: &tokio_postgres::Row) -> HoldPlace {
    HoldPlace {
        model: row.get::<_, Option<&str>>(2).map(Name::from),
        unit: Unit::from_name(row.get(3)).expect("units are written by their names"),
        amount: Amount::new(row.get(4)).expect("amounts are written from amounts"),
        opened: row.get(5),
        extended: row.get(6),
        ended: row.get(7),
    }
}

/// Writes the changed rows of a batch; returns the workspaces whose rows are not where their entries begin.
pub(super) async fn write(
    client: &impl GenericClient,
    with: &RowStatements,
    changes: &Changes,
) -> Result<Vec<WorkspaceId>, Error> {
    // Sent one after another without waiting; the rows of workspaces come first, since the queue reads them.
    let opened = write_opened(client, with, changes);
    let moved = write_moved(client, with, changes);
    let holds = write_holds(client, with, changes);
    let runs = write_runs(client, with, changes);
    let usage = write_usage(client, with, changes);
    let (mut reached, moved, (), (), ()) = tokio::try_join!(opened, moved, holds, runs, usage)?;
    reached.extend(moved);
    let behind = changes.due.keys().filter(|workspace| !reached.contains(workspace));
    Ok(behind.map(|workspace| WorkspaceId::new(*workspace as u64)).collect())
}

async fn write_opened(
    client: &impl GenericClient,
    with: &RowStatements,
    changes: &Changes,
) -> Result<BTreeSet<i64>, Error> {
    let opened = &changes.opened;
    if opened.is_empty() {
        return Ok(BTreeSet::new());
    }
    let workspaces: Vec<i64> = opened.iter().map(|opened| opened.workspace).collect();
    let at: Vec<i64> = opened.iter().map(|opened| opened.at.micros()).collect();
    let external: Vec<Option<&str>> = opened.iter().map(|opened| opened.external_id.as_deref()).collect();
    let clocks: Vec<Option<i64>> = opened.iter().map(|opened| opened.test_clock).collect();
    let seqs: Vec<i64> = workspaces.iter().map(|workspace| changes.span(*workspace).1).collect();
    let due: Vec<Option<i64>> = workspaces.iter().map(|workspace| changes.due[workspace]).collect();
    let written = client.query(&with.open, &[&workspaces, &at, &external, &clocks, &seqs, &due]).await?;
    Ok(written.iter().map(|row| row.get(0)).collect())
}

async fn write_moved(
    client: &impl GenericClient,
    with: &RowStatements,
    changes: &Changes,
) -> Result<BTreeSet<i64>, Error> {
    let opened: BTreeSet<i64> = changes.opened.iter().map(|opened| opened.workspace).collect();
    let known: Vec<i64> = changes.due.keys().copied().filter(|workspace| !opened.contains(workspace)).collect();
    if known.is_empty() {
        return Ok(BTreeSet::new());
    }
    let before: Vec<i64> = known.iter().map(|workspace| changes.span(*workspace).0 - 1).collect();
    let seqs: Vec<i64> = known.iter().map(|workspace| changes.span(*workspace).1).collect();
    let due: Vec<Option<i64>> = known.iter().map(|workspace| changes.due[workspace]).collect();
    let written = client.query(&with.move_on, &[&known, &before, &seqs, &due]).await?;
    Ok(written.iter().map(|row| row.get(0)).collect())
}

async fn write_holds(client: &impl GenericClient, with: &RowStatements, changes: &Changes) -> Result<(), Error> {
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
    client
        .execute(&with.holds, &[&workspaces, &numbers, &models, &units, &amounts, &opened, &extended, &ended])
        .await
        .map(drop)
}

/// Writes runs, and their places in the queue until they have ended.
async fn write_runs(client: &impl GenericClient, with: &RowStatements, changes: &Changes) -> Result<(), Error> {
    if changes.runs.is_empty() {
        return Ok(());
    }
    let (workspaces, numbers) = columns(changes.runs.keys());
    let runs: Vec<_> = changes.runs.values().collect();
    let statuses: Vec<&str> = runs.iter().map(|run| run.row.status_name()).collect();
    let seqs: Vec<i64> = runs.iter().map(|run| run.seq as i64).collect();
    let bodies: Vec<String> = runs.iter().map(|run| run.row.body()).collect();
    let ended: Vec<bool> = runs.iter().map(|run| run.row.status.is_some()).collect();
    let waits: Vec<bool> = runs.iter().map(|run| run.queued && run.row.status.is_none()).collect();
    let created: Vec<i64> = runs.iter().map(|run| run.row.created_at.micros()).collect();
    let attempts: Vec<i64> = runs.iter().map(|run| i64::from(run.row.attempt)).collect();
    let (is_any_ended, is_any_waiting) = (ended.contains(&true), waits.contains(&true));
    let unqueue = async {
        match is_any_ended {
            true => client.execute(&with.unqueue, &[&workspaces, &numbers, &ended]).await,
            false => Ok(0),
        }
    };
    let queue = async {
        match is_any_waiting {
            true => client.execute(&with.queue, &[&workspaces, &numbers, &waits, &created, &attempts]).await,
            false => Ok(0),
        }
    };
    let (run, attempt): ([&(dyn tokio_postgres::types::ToSql + Sync); 5], [_; 3]) =
        ([&workspaces, &numbers, &statuses, &seqs, &bodies], [&workspaces as _, &numbers as _, &attempts as _]);
    let written = client.execute(&with.runs, &run);
    let attempted = client.execute(&with.attempt, &attempt);
    tokio::try_join!(written, unqueue, attempted, queue).map(drop)
}

async fn write_usage(client: &impl GenericClient, with: &RowStatements, changes: &Changes) -> Result<(), Error> {
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
    client
        .execute(&with.usage, &[&workspaces, &days, &models, &units, &keys, &runs, &failed, &captured])
        .await
        .map(drop)
}
