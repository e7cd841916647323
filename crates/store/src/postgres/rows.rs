//! Rows of the projections in PostgreSQL: read before entries are folded, written after, each kind in one statement.
//!
//! Every statement names its workspaces, so that a database in parts asks only the part that has them.
//!
//! Invariant: only the rows in [`Moves`] and [`Changes`] are written; their values are decided where entries are
//! folded.

use super::inserts::Inserts;
use crate::projection::{Changes, HoldPlace, Key, KnownRows, Move, Moves, OpenedWorkspace, RowKeys, RunRow};
use crate::{Unavailable, Value};
use scrip_engine::{Amount, Name, Unit};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Error, GenericClient, Row, Statement};

const READ_RUNS: &str = "SELECT runs.workspace, runs.n, runs.body
    FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, n)
    JOIN runs USING (workspace, n) WHERE runs.workspace = ANY($1)";
const READ_HOLDS: &str = "SELECT holds.workspace, holds.n, model, unit, amount, opened, extended, ended
    FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, n)
    JOIN holds USING (workspace, n) WHERE holds.workspace = ANY($1)";
/// Moves workspaces from the entry before a batch to the last one of the batch.
const MOVE: &str = "UPDATE workspaces SET seq = w.seq, next_due_at = w.due
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS w (workspace, before, seq, due)
    WHERE workspaces.workspace = w.workspace AND workspaces.seq = w.before AND workspaces.workspace = ANY($1)
    RETURNING workspaces.workspace, workspaces.test_clock";
const UNQUEUE: &str = "DELETE FROM queue USING unnest($1::bigint[], $2::bigint[]) AS w (workspace, n)
    WHERE queue.workspace = w.workspace AND queue.n = w.n AND queue.workspace = ANY($1)";
const ATTEMPT: &str = "UPDATE queue SET attempt = w.attempt
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (workspace, n, attempt)
    WHERE queue.workspace = w.workspace AND queue.n = w.n AND queue.workspace = ANY($1)";

/// Type of numbers and instants.
const N: &str = "bigint";
/// Type of names and texts.
const T: &str = "text";

/// Statements that read and write the rows, prepared on one connection.
pub(super) struct RowStatements {
    read_runs: Statement,
    read_holds: Statement,
    /// Makes the rows of workspaces that are opened. One that is folded anew has a row without an entry.
    open: Inserts,
    move_on: Statement,
    holds: Inserts,
    runs: Inserts,
    unqueue: Statement,
    attempt: Statement,
    queue: Inserts,
    usage: Inserts,
}

impl RowStatements {
    pub(super) async fn prepare(client: &impl GenericClient) -> Result<RowStatements, Error> {
        let (read_runs, read_holds, move_on, unqueue, attempt) = tokio::try_join!(
            client.prepare(READ_RUNS),
            client.prepare(READ_HOLDS),
            client.prepare(MOVE),
            client.prepare(UNQUEUE),
            client.prepare(ATTEMPT)
        )?;
        let open = Inserts::new(
            "INSERT INTO workspaces (workspace, opened, external_id, test_clock, seq, next_due_at)",
            &[N, N, T, N, N, N],
            "ON CONFLICT (workspace) DO UPDATE SET opened = excluded.opened, external_id = excluded.external_id,
             test_clock = excluded.test_clock, seq = excluded.seq, next_due_at = excluded.next_due_at
             WHERE workspaces.seq = 0 RETURNING workspace, test_clock",
        );
        let holds = Inserts::new(
            "INSERT INTO holds (workspace, n, model, unit, amount, opened, extended, ended)",
            &[N, N, T, T, N, N, N, N],
            "ON CONFLICT (workspace, n) DO UPDATE SET extended = excluded.extended, ended = excluded.ended",
        );
        let runs = Inserts::new(
            "INSERT INTO runs (workspace, n, status, seq, body)",
            &[N, N, T, N, T],
            "ON CONFLICT (workspace, n) DO UPDATE SET status = excluded.status, seq = excluded.seq, body = excluded.body",
        );
        let queue = Inserts::new(
            "INSERT INTO queue (workspace, n, test_clock, due_at, lease_until, attempt)",
            &[N, N, N, N, N, N],
            "ON CONFLICT (workspace, n) DO NOTHING",
        );
        let usage = Inserts::new(
            "INSERT INTO usage (workspace, day, model, unit, key, runs, failed, captured)",
            &[N, N, T, T, N, N, N, N],
            "ON CONFLICT (workspace, day, model, unit, key) DO UPDATE SET runs = usage.runs + excluded.runs,
             failed = usage.failed + excluded.failed, captured = usage.captured + excluded.captured",
        );
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

/// Workspaces whose rows stand at the entries of a batch, each with its test clock.
pub(super) type StandingRows = BTreeMap<i64, Option<i64>>;

fn columns<'k>(keys: impl Iterator<Item = &'k Key>) -> (Vec<i64>, Vec<i64>) {
    keys.map(|(workspace, n)| (*workspace, i64::from(*n))).unzip()
}

fn key(row: &Row) -> Key {
    (row.get(0), u32::try_from(row.get::<_, i64>(1)).expect("numbers are written from u32"))
}

/// Reads the rows that a batch wants; rows that do not exist are left out.
pub(super) async fn read(
    client: &impl GenericClient,
    with: &RowStatements,
    wanted: &RowKeys,
) -> Result<KnownRows, FoldError> {
    let select = async |statement, keys: &BTreeSet<Key>| {
        let (workspaces, numbers) = columns(keys.iter());
        match workspaces.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(statement, &[&workspaces, &numbers]).await,
        }
    };
    let (runs, holds) =
        tokio::try_join!(select(&with.read_runs, &wanted.runs), select(&with.read_holds, &wanted.holds))?;
    let mut known = KnownRows::default();
    for row in &runs {
        let run: RunRow = serde_json::from_str(row.get(2)).map_err(|error| FoldError::Unreadable(error.to_string()))?;
        known.runs.insert(key(row), run);
    }
    known.holds.extend(holds.iter().map(|row| (key(row), hold_place(row))));
    Ok(known)
}

fn hold_place(row: &Row) -> HoldPlace {
    HoldPlace {
        model: row.get::<_, Option<&str>>(2).map(Name::from),
        unit: Unit::from_name(row.get(3)).expect("units are written by their names"),
        amount: Amount::new(row.get(4)).expect("amounts are written from amounts"),
        opened: row.get(5),
        extended: row.get(6),
        ended: row.get(7),
    }
}

/// Prepares the statements of [`make_moves`].
pub(super) async fn prepare_moves(
    client: &impl GenericClient,
    with: &RowStatements,
    moves: &Moves,
) -> Result<(), Error> {
    with.open.prepare(client, moves.opened.len()).await
}

/// Makes the rows of opened workspaces, and moves the others on from the entry before the batch; returns those that
/// were there. All statements are sent before the first one is answered.
pub(super) async fn make_moves(
    client: &impl GenericClient,
    with: &RowStatements,
    moves: &Moves,
) -> Result<StandingRows, Error> {
    let open = |opened: &OpenedWorkspace| -> Vec<Value> {
        let OpenedWorkspace { workspace, external_id, test_clock, at } = opened;
        let Move { last, next_due_at, .. } = moves.moved[workspace];
        let (workspace, at) = ((*workspace).into(), at.micros().into());
        vec![workspace, at, external_id.clone().into(), (*test_clock).into(), last.into(), next_due_at.into()]
    };
    let opened: Vec<Vec<Value>> = moves.opened.iter().map(open).collect();
    let is_opened: BTreeSet<i64> = moves.opened.iter().map(|opened| opened.workspace).collect();
    let others: Vec<(i64, Move)> =
        moves.moved.iter().filter(|(id, _)| !is_opened.contains(id)).map(|(id, moved)| (*id, *moved)).collect();
    let others = async {
        let workspaces: Vec<i64> = others.iter().map(|(workspace, _)| *workspace).collect();
        let before: Vec<i64> = others.iter().map(|(_, moved)| moved.first - 1).collect();
        let last: Vec<i64> = others.iter().map(|(_, moved)| moved.last).collect();
        let due: Vec<Option<i64>> = others.iter().map(|(_, moved)| moved.next_due_at).collect();
        match others.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(&with.move_on, &[&workspaces, &before, &last, &due]).await,
        }
    };
    let (opened, others) = tokio::try_join!(biased; with.open.insert(client, &opened), others)?;
    Ok(opened.iter().chain(&others).map(|row| (row.get(0), row.get(1))).collect())
}

/// Rows that a batch changes, as the statements take them.
pub(super) struct ChangedRows {
    holds: Vec<Vec<Value>>,
    runs: Vec<Vec<Value>>,
    queued: Vec<Vec<Value>>,
    /// Runs that have ended.
    ended: Vec<Key>,
    /// Runs that were queued before, each with the number of its attempt.
    attempts: Vec<(Key, i64)>,
    usage: Vec<Vec<Value>>,
}

impl ChangedRows {
    /// Returns the rows of changes in workspaces that were [moved](make_moves).
    pub(super) fn of(changes: &Changes, moved: &StandingRows) -> ChangedRows {
        let hold = |(key, place): (&Key, &HoldPlace)| -> Vec<Value> {
            let HoldPlace { model, unit, amount, opened, extended, ended } = place;
            let model = model.as_deref().map(str::to_owned).into();
            let (unit, amount) = (unit.name().to_owned().into(), amount.get().into());
            let instants = [(*opened).into(), (*extended).into(), (*ended).into()];
            row_key(key).into_iter().chain([model, unit, amount]).chain(instants).collect()
        };
        let mut rows = ChangedRows {
            holds: changes.holds.iter().map(hold).collect(),
            runs: Vec::new(),
            queued: Vec::new(),
            ended: Vec::new(),
            attempts: Vec::new(),
            usage: Vec::new(),
        };
        for (key, changed) in &changes.runs {
            let (row, attempt) = (&changed.row, i64::from(changed.row.attempt));
            let values = [row.status_name().to_owned().into(), (changed.seq as i64).into(), row.body().into()];
            rows.runs.push(row_key(key).into_iter().chain(values).collect());
            if row.status.is_some() {
                rows.ended.push(*key);
            } else if changed.queued {
                let clock = moved.get(&key.0).copied().flatten().into();
                let values = [clock, row.created_at.micros().into(), 0.into(), attempt.into()];
                rows.queued.push(row_key(key).into_iter().chain(values).collect());
            } else {
                rows.attempts.push((*key, attempt));
            }
        }
        for ((workspace, day, model, unit, key), used) in &changes.usage {
            let (model, unit) = (model.to_string().into(), unit.name().to_owned().into());
            let used = [used.runs, used.failed, used.captured].map(Value::from);
            let keys = [(*workspace).into(), (*day).into(), model, unit, i64::from(*key).into()];
            rows.usage.push(keys.into_iter().chain(used).collect());
        }
        rows
    }

    /// Prepares the statements that these rows need.
    pub(super) async fn prepare(&self, client: &impl GenericClient, with: &RowStatements) -> Result<(), Error> {
        with.holds.prepare(client, self.holds.len()).await?;
        with.runs.prepare(client, self.runs.len()).await?;
        with.queue.prepare(client, self.queued.len()).await?;
        with.usage.prepare(client, self.usage.len()).await
    }

    /// Writes the rows. All statements are sent before the first one is answered.
    pub(super) async fn write(&self, client: &impl GenericClient, with: &RowStatements) -> Result<(), Error> {
        let unqueue = async {
            let (workspaces, numbers) = columns(self.ended.iter());
            match workspaces.is_empty() {
                true => Ok(0),
                false => client.execute(&with.unqueue, &[&workspaces, &numbers]).await,
            }
        };
        let attempt = async {
            let (workspaces, numbers) = columns(self.attempts.iter().map(|(key, _)| key));
            let attempts: Vec<i64> = self.attempts.iter().map(|(_, attempt)| *attempt).collect();
            match workspaces.is_empty() {
                true => Ok(0),
                false => client.execute(&with.attempt, &[&workspaces, &numbers, &attempts]).await,
            }
        };
        tokio::try_join!(
            biased;
            with.holds.insert(client, &self.holds),
            with.runs.insert(client, &self.runs),
            unqueue,
            attempt,
            with.queue.insert(client, &self.queued),
            with.usage.insert(client, &self.usage)
        )
        .map(drop)
    }
}

fn row_key((workspace, n): &Key) -> [Value; 2] {
    [(*workspace).into(), i64::from(*n).into()]
}
