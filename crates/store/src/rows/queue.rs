//! Queue of runs to be worked on, by lease.
//!
//! Invariant: leases are in the machine's time; work is due in the time of its workspace's clock. A statement that
//! changes a lease names its owner and the instant at which it ends, so that only the process that has it changes it.

use crate::{Handle, Store, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Leases runs that are due by now on the real clock, in the embedded database.
    LEASE = "UPDATE queue SET lease_until = $2, owner = $4 WHERE (workspace, n) IN (
    SELECT workspace, n FROM queue WHERE test_clock IS NULL AND due_at <= $1 AND lease_until <= $1 ORDER BY due_at LIMIT $3)
    RETURNING workspace, n";
    /// Leases runs that are due by now on a test clock, in the embedded database.
    LEASE_ON_CLOCK = "UPDATE queue SET lease_until = $2, owner = $4 WHERE (workspace, n) IN (
    SELECT workspace, n FROM queue WHERE test_clock = $5 AND due_at <= $6 AND lease_until <= $1 ORDER BY due_at LIMIT $3)
    RETURNING workspace, n";
    /// Counts the runs that are due on a test clock, leased or not.
    LEFT_ON_CLOCK = "SELECT COUNT(*) FROM queue WHERE test_clock = $1 AND due_at <= $2";
    /// Counts the runs that are due by now on their clock, leased or not.
    COUNT_DUE = "SELECT COUNT(*) FROM queue LEFT JOIN test_clocks ON test_clocks.id = queue.test_clock
    WHERE due_at <= COALESCE(test_clocks.now, $1)";
    /// Returns a leased run to the queue until an instant.
    PUT_OFF = "UPDATE queue SET lease_until = 0, due_at = $3
    WHERE workspace = $1 AND n = $2 AND lease_until = $4 AND owner = $5";
    /// Moves the end of a lease.
    MOVE_END = "UPDATE queue SET lease_until = $3
    WHERE workspace = $1 AND n = $2 AND lease_until = $4 AND owner = $5 RETURNING n";
}

/// A run that is leased to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasedRun {
    /// Workspace of the run.
    pub workspace: WorkspaceId,
    /// Number of the run in its workspace.
    pub n: u32,
    /// Test clock that the run is due on; `None` is the real clock.
    pub test_clock: Option<i64>,
    /// Instant at which the lease ends; it also identifies the lease.
    pub until: Timestamp,
}

/// Leases runs that are due on a clock until an instant of the machine's time, at most `most`. A test clock comes with
/// its present instant.
///
/// # Errors
/// When the store cannot write.
pub async fn lease(
    on: Handle<'_>,
    test_clock: Option<(i64, Timestamp)>,
    (machine, until): (Timestamp, Timestamp),
    most: usize,
) -> Result<Vec<LeasedRun>, Unavailable> {
    let found = match on.store() {
        Store::Postgres(postgres) => postgres.lease_runs(test_clock, (machine, until), most).await?,
        Store::Sqlite(_) => {
            let mut values: Vec<Value> = vec![machine.micros().into(), until.micros().into()];
            values.extend([(most as i64).into(), on.store().owner().into()]);
            values.extend(test_clock.iter().flat_map(|(id, now)| [(*id).into(), now.micros().into()]));
            let rows = on.take(if test_clock.is_some() { LEASE_ON_CLOCK } else { LEASE }, values).await?;
            rows.iter().map(|row| (row.workspace(0), row.integer(1) as u32)).collect()
        }
    };
    let test_clock = test_clock.map(|(id, _)| id);
    Ok(found.into_iter().map(|(workspace, n)| LeasedRun { workspace, n, test_clock, until }).collect())
}

/// Returns whether runs are due by now on a test clock, leased or not.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_any_left(on: Handle<'_>, test_clock: i64, now: Timestamp) -> Result<bool, Unavailable> {
    let rows = on.read(LEFT_ON_CLOCK, vec![test_clock.into(), now.micros().into()]).await?;
    Ok(rows.first().is_some_and(|row| row.integer(0) > 0))
}

/// Counts the runs that are due by now: by `now` on the real clock, and by the present instant of a test clock there.
///
/// # Errors
/// When the store cannot answer.
pub async fn count_due(on: Handle<'_>, now: Timestamp) -> Result<u64, Unavailable> {
    let rows = on.read(COUNT_DUE, vec![now.micros().into()]).await?;
    Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
}

/// Returns a leased run to the queue, to be worked on again at an instant of its clock, unless the lease is lost.
///
/// # Errors
/// When the store cannot write.
pub async fn put_off(on: Handle<'_>, leased: &LeasedRun, due: Timestamp) -> Result<(), Unavailable> {
    on.take(PUT_OFF, values(on, leased, due)).await?;
    if let (Store::Postgres(postgres), None) = (on.store(), leased.test_clock) {
        postgres.note_run(leased.workspace, due);
    }
    Ok(())
}

/// Moves the end of a lease, which identifies it from then on; returns `false` when the lease is lost.
///
/// # Errors
/// When the store cannot write.
pub async fn move_end(on: Handle<'_>, leased: &mut LeasedRun, until: Timestamp) -> Result<bool, Unavailable> {
    let is_kept = !on.take(MOVE_END, values(on, leased, until)).await?.is_empty();
    leased.until = until;
    Ok(is_kept)
}

fn values(on: Handle<'_>, leased: &LeasedRun, instant: Timestamp) -> Vec<Value> {
    let (workspace, n) = (leased.workspace.into(), i64::from(leased.n).into());
    vec![workspace, n, instant.micros().into(), leased.until.micros().into(), on.store().owner().into()]
}
