//! Projector: folds the journal into the projections, in the one process that holds the lock.
//!
//! Commits become visible out of order. So entries are read in the order of their transactions, below the oldest
//! transaction that is still running: no entry can appear there any more, and none is skipped.
//!
//! A notification is only a hint: its receiver reads the database, and without one it reads it a little later.
//!
//! Invariant: the position moves in the transaction that writes the rows, so that no entry is folded twice.

use super::{SharedState, rows};
use crate::Unavailable;
use crate::clock::Stopwatch;
use crate::journal::{Body, GENESIS};
use crate::projection::{Changes, JournalEntry, RowKeys};
use scrip_engine::WorkspaceId;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio_postgres::{Client, Transaction};

/// Maximum number of entries that are folded in one transaction.
pub(super) const BATCH_MAX: i64 = 4_096;
/// Advisory lock of the process that folds; the number is Scrip's own.
const LOCK: i64 = 0x5343_5249_5001;
/// Pause of the projector while the next entry cannot be folded yet.
const REST: Duration = Duration::from_millis(10);
/// Time between two reads without a notification: a lost one delays its receiver by no more than this.
const SLOW: Duration = Duration::from_millis(250); // # assumed
/// Minimum time between two reads, and between two notifications, of a process that does not fold, whatever is written.
const GAP: Duration = Duration::from_millis(50); // # assumed
/// Minimum time that replaces [`GAP`] while a caller waits for the projections.
const HASTE: Duration = Duration::from_millis(5); // # assumed
/// Setting of the connection. The lock is lost with its session, and a frozen process would keep both: its session ends
/// instead.
const SESSION: &str = "SET idle_session_timeout = '3s'"; // # assumed
/// Time before the projector connects again after an error.
const RECONNECT: Duration = Duration::from_millis(200);

/// A place in the order in which entries are folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Number of the transaction that wrote the entry.
    pub xid: i64,
    /// Position of the entry among all entries.
    pub position: i64,
}

/// Folds or follows the process that folds, until every receiver is gone.
pub(super) async fn run(shared: Arc<SharedState>, reached: watch::Sender<Place>) {
    while !reached.is_closed() {
        if let Err(error) = fold_connected(&shared, &reached).await {
            tracing::warn!(%error, "the projector lost its database; it connects again");
            tokio::time::sleep(RECONNECT).await;
        }
    }
}

/// Reads the place where folding goes on, and whether the next entry can be folded yet; null without a next entry. It
/// takes no lock.
const FOLDABLE: &str = "SELECT p.xid, p.position, e.ready
    FROM (SELECT COALESCE(MAX(xid), 0) AS xid, COALESCE(MAX(position), 0) AS position
    FROM positions WHERE name = 'views') AS p
    LEFT JOIN LATERAL (SELECT xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS ready FROM entries
    WHERE (entries.xid, entries.position) > (p.xid, p.position)
    ORDER BY entries.xid, entries.position LIMIT 1) AS e ON true";
/// Tries to take the lock of the projector, and reads the place that the projections have reached.
const TRY: &str = "SELECT pg_try_advisory_lock($1), xid, position
    FROM (VALUES (1)) AS one (row) LEFT JOIN positions ON name = 'views'";
/// Wakes the projector. Notifications are sent one transaction after another: so this is a transaction of its own,
/// which carries no entry and waits for no disk.
const RING: &str = "BEGIN; SET LOCAL synchronous_commit = off; NOTIFY scrip_written; COMMIT";

async fn fold_connected(shared: &SharedState, reached: &watch::Sender<Place>) -> Result<(), Unavailable> {
    let mut client = shared.reach.listen(Arc::clone(&shared.heard)).await?;
    client.batch_execute(SESSION).await?;
    if follow(shared, &client, reached).await? {
        lead(shared, &mut client, reached).await?;
    }
    Ok(())
}

/// Follows the process that folds, and returns `true` once this one has its lock; `false` when every receiver is gone.
async fn follow(shared: &SharedState, client: &Client, reached: &watch::Sender<Place>) -> Result<bool, Unavailable> {
    client.batch_execute("LISTEN scrip_folded").await?;
    let attempt = client.prepare(TRY).await?;
    let mut owed = false;
    loop {
        if owed {
            client.batch_execute(RING).await?;
        }
        let row = client.query_one(&attempt, &[&shared.reach.lock(LOCK)]).await?;
        let place = row.get::<_, Option<i64>>(1).zip(row.get::<_, Option<i64>>(2));
        tell(reached, place.map(|(xid, position)| Place { xid, position }).unwrap_or_default());
        if row.get(0) {
            return Ok(true);
        }
        let waited = Stopwatch::start();
        owed = tokio::select! {
            () = shared.written.notified() => true,
            () = shared.waited_for.notified() => true,
            () = shared.heard.notified() => false,
            () = tokio::time::sleep(SLOW) => false,
            () = reached.closed() => return Ok(false),
        };
        // Notifications that arrive meanwhile are handled with this one, or next.
        while waited.elapsed() < gap(shared) {
            let rest = gap(shared).saturating_sub(waited.elapsed());
            tokio::select! {
                () = shared.waited_for.notified() => owed = true,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }
}

/// Returns the time that a process which does not fold leaves between two reads.
fn gap(shared: &SharedState) -> Duration {
    if shared.waiting.load(Ordering::Relaxed) > 0 { HASTE } else { GAP }
}

/// Folds, until every receiver is gone.
async fn lead(shared: &SharedState, client: &mut Client, reached: &watch::Sender<Place>) -> Result<(), Unavailable> {
    client.batch_execute("UNLISTEN *; LISTEN scrip_written").await?;
    let foldable = client.prepare(FOLDABLE).await?;
    while !reached.is_closed() {
        let row = client.query_one(&foldable, &[]).await?;
        tell(reached, Place { xid: row.get(0), position: row.get(1) });
        let rest = match row.get::<_, Option<bool>>(2) {
            None => SLOW,
            Some(false) => REST,
            Some(true) => {
                fold(client, BATCH_MAX).await?.into_iter().for_each(|place| tell(reached, place));
                continue;
            }
        };
        tokio::select! {
            () = shared.written.notified() => {}
            () = shared.waited_for.notified() => {}
            () = shared.heard.notified() => {}
            () = tokio::time::sleep(rest) => {}
            () = reached.closed() => {}
        }
    }
    Ok(())
}

fn tell(reached: &watch::Sender<Place>, place: Place) {
    reached.send_if_modified(|reached| std::mem::replace(reached, place) != place);
}

/// Folds the next entries in one transaction; returns the place it has reached, if there were any.
pub(super) async fn fold(client: &mut Client, most: i64) -> Result<Option<Place>, Unavailable> {
    let transaction = client.transaction().await?;
    let from = lock_position(&transaction).await?;
    let Some((entries, to)) = next(&transaction, from, most).await? else { return Ok(None) };
    let known = rows::read(&transaction, &RowKeys::by(&entries)).await?;
    rows::write(&transaction, &Changes::fold(&entries, known)).await?;
    // Only the projector and the followers that wake it notify, so no commit of an entry waits for this one.
    let sql = "WITH moved AS (UPDATE positions SET xid = $1, position = $2 WHERE name = 'views' RETURNING name)
               SELECT pg_notify('scrip_folded', '') FROM moved";
    transaction.execute(sql, &[&to.xid, &to.position]).await?;
    transaction.commit().await?;
    Ok(Some(to))
}

/// Returns the place where folding goes on, locked until the end of this transaction. A process that lost the advisory
/// lock with its connection may still be folding, and so may a rebuild.
async fn lock_position(transaction: &Transaction<'_>) -> Result<Place, Unavailable> {
    let sql = "SELECT xid, position FROM positions WHERE name = 'views' FOR UPDATE";
    let row = match transaction.query_opt(sql, &[]).await? {
        Some(row) => row,
        None => {
            let first = "INSERT INTO positions (name, xid, position) VALUES ('views', 0, 0) ON CONFLICT DO NOTHING";
            transaction.execute(first, &[]).await?;
            transaction.query_one(sql, &[]).await?
        }
    };
    Ok(Place { xid: row.get(0), position: row.get(1) })
}

async fn next(
    transaction: &Transaction<'_>,
    from: Place,
    most: i64,
) -> Result<Option<(Vec<JournalEntry>, Place)>, Unavailable> {
    let sql = "SELECT xid, position, workspace, seq, next_due_at, body, hash FROM entries
               WHERE (xid, position) > ($1, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
               ORDER BY xid, position LIMIT $3";
    let found = transaction.query(sql, &[&from.xid, &from.position, &most]).await?;
    let Some(last) = found.last() else { return Ok(None) };
    let to = Place { xid: last.get(0), position: last.get(1) };
    let journaled = |row: &tokio_postgres::Row| {
        let position = row.get(1);
        let body: Body = serde_json::from_str(row.get(5))
            .map_err(|error| Unavailable(format!("entry {position} cannot be read: {error}")))?;
        Ok(JournalEntry {
            position,
            workspace: WorkspaceId::new(row.get::<_, i64>(2) as u64),
            seq: row.get::<_, i64>(3) as u64,
            key: None,
            events: body.events.into(),
            next_due_at: row.get(4),
            hash: row.get::<_, &[u8]>(6).try_into().unwrap_or(GENESIS),
        })
    };
    let entries = found.iter().map(journaled).collect::<Result<Vec<_>, Unavailable>>()?;
    Ok(Some((entries, to)))
}
