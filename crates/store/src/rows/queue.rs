//! Queue of runs to be worked on, by lease.
//!
//! Invariant: leases are in the machine's time; work is due in the time of its workspace's clock.

use crate::{Handle, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Leases runs that are due by now on the real clock.
    LEASE = "UPDATE queue SET lease_until = $2 WHERE (workspace, n) IN (
    SELECT workspace, n FROM queue WHERE test_clock IS NULL AND due_at <= $1 AND lease_until <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING workspace, n";
    /// Leases runs that are due by now on a test clock.
    LEASE_ON_CLOCK = "UPDATE queue SET lease_until = $2 WHERE (workspace, n) IN (
    SELECT workspace, n FROM queue WHERE test_clock = $4 AND due_at <= $5 AND lease_until <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING workspace, n";
    /// Counts the runs that are due on a test clock, leased or not.
    LEFT_ON_CLOCK = "SELECT COUNT(*) FROM queue WHERE test_clock = $1 AND due_at <= $2";
    /// Returns a run to the queue until an instant.
    PUT_OFF = "UPDATE queue SET lease_until = 0, due_at = $3 WHERE workspace = $1 AND n = $2";
    /// Extends a lease, unless it lasts longer already.
    RENEW = "UPDATE queue SET lease_until = $3 WHERE workspace = $1 AND n = $2 AND lease_until < $3";
    /// Shortens a lease, unless it ends sooner already.
    SHORTEN = "UPDATE queue SET lease_until = $3 WHERE workspace = $1 AND n = $2 AND lease_until > $3";
}

/// Identity of a leased run: its workspace and its number there.
pub type Leased = (WorkspaceId, u32);

/// Leases runs that are due on a clock until an instant of the machine's time, at most `most`. A test clock comes with
/// its present instant.
///
/// # Errors
/// When the store cannot write.
pub async fn lease(
    on: Handle<'_>,
    test_clock: Option<(i64, Timestamp)>,
    (machine, until): (Timestamp, Timestamp),
    most: i64,
) -> Result<Vec<Leased>, Unavailable> {
    let mut values: Vec<Value> = vec![machine.micros().into(), until.micros().into(), most.into()];
    let sql = match test_clock {
        None => LEASE,
        Some((id, now)) => {
            values.extend([id.into(), now.micros().into()]);
            LEASE_ON_CLOCK
        }
    };
    let rows = on.take(sql, values).await?;
    Ok(rows.iter().map(|row| (row.workspace(0), row.integer(1) as u32)).collect())
}

/// Returns whether runs are due by now on a test clock, leased or not.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_any_left(on: Handle<'_>, test_clock: i64, now: Timestamp) -> Result<bool, Unavailable> {
    let rows = on.read(LEFT_ON_CLOCK, vec![test_clock.into(), now.micros().into()]).await?;
    Ok(rows.first().is_some_and(|row| row.integer(0) > 0))
}

/// Returns a run to the queue, to be worked on again at an instant of its clock.
///
/// # Errors
/// When the store cannot write.
pub async fn put_off(on: Handle<'_>, run: Leased, until: Timestamp) -> Result<(), Unavailable> {
    on.take(PUT_OFF, values(run, until)).await.map(drop)
}

/// Extends a lease to an instant, if it would end before.
///
/// # Errors
/// When the store cannot write.
pub async fn renew(on: Handle<'_>, run: Leased, until: Timestamp) -> Result<(), Unavailable> {
    on.take(RENEW, values(run, until)).await.map(drop)
}

/// Shortens a lease to an instant, if it would end after.
///
/// # Errors
/// When the store cannot write.
pub async fn shorten(on: Handle<'_>, run: Leased, until: Timestamp) -> Result<(), Unavailable> {
    on.take(SHORTEN, values(run, until)).await.map(drop)
}

fn values((workspace, n): Leased, until: Timestamp) -> Vec<Value> {
    vec![workspace.into(), i64::from(n).into(), until.micros().into()]
}
