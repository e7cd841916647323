//! Folds the journal into the projections: one process at a time, whichever holds the lock.
//!
//! Commits become visible out of order. So entries are read in the order of their transactions, below the oldest
//! transaction that is still running: nothing can appear there any more, and nothing is skipped.
//!
//! Invariant: the position moves in the transaction that writes the rows, so that no entry is folded twice.

use super::{Shared, rows};
use crate::store::Unavailable;
use crate::store::journal::{Body, GENESIS};
use crate::store::projection::{Changes, Journaled, Wanted};
use scrip_engine::WorkspaceId;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio_postgres::{Client, Transaction};

/// Entries folded in one transaction at most.
pub(super) const BATCH_MAX: i64 = 4_096;
/// The advisory lock of whoever folds; a number of our own.
const LOCK: i64 = 0x5343_5249_5001;
/// How long it rests when there is nothing to fold, unless it is told.
const REST: Duration = Duration::from_millis(10);
/// How often a process that does not fold looks how far the one that does has come, and whether it is still there.
const FOLLOW: Duration = Duration::from_millis(50);
/// How often it looks while somebody waits.
const LOOK: Duration = Duration::from_millis(2);
/// The lock is lost with its session, and a process that freezes would keep both: its session ends instead.
const SESSION: &str = "SET idle_session_timeout = '3s'"; // # assumed
/// How long it waits before it connects again.
const RECONNECT: Duration = Duration::from_millis(200);

/// A place in the order in which entries are folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The transaction that wrote the entry.
    pub xid: i64,
    /// The entry's place among all.
    pub position: i64,
}

/// Folds or follows, for as long as anybody listens.
pub(super) async fn run(shared: Arc<Shared>, reached: watch::Sender<Place>) {
    while !reached.is_closed() {
        if let Err(error) = connected(&shared, &reached).await {
            tracing::warn!(%error, "the projector lost its database; it connects again");
            tokio::time::sleep(RECONNECT).await;
        }
    }
}

async fn connected(shared: &Shared, reached: &watch::Sender<Place>) -> Result<(), Unavailable> {
    let mut client = shared.connect().await?;
    client.batch_execute(SESSION).await?;
    let lock = client.prepare("SELECT pg_try_advisory_lock($1)").await?;
    while !client.query_one(&lock, &[&LOCK]).await?.get::<_, bool>(0) {
        tell(reached, place(&client).await?);
        if reached.is_closed() {
            return Ok(());
        }
        let rest = if shared.waiting.load(Ordering::Relaxed) > 0 { LOOK } else { FOLLOW };
        let _ = tokio::time::timeout(rest, shared.waited_for.notified()).await;
    }
    tell(reached, place(&client).await?);
    while !reached.is_closed() {
        match fold(&mut client, BATCH_MAX).await? {
            Some(place) => tell(reached, place),
            None => {
                // A rebuild folds beside it.
                tell(reached, place(&client).await?);
                drop(tokio::time::timeout(REST, shared.written.notified()).await);
            }
        }
    }
    Ok(())
}

fn tell(reached: &watch::Sender<Place>, place: Place) {
    reached.send_if_modified(|reached| std::mem::replace(reached, place) != place);
}

async fn place(client: &Client) -> Result<Place, Unavailable> {
    let row = client.query_opt("SELECT xid, position FROM positions WHERE name = 'views'", &[]).await?;
    Ok(row.map(|row| Place { xid: row.get(0), position: row.get(1) }).unwrap_or_default())
}

/// Folds the next entries in one transaction; the place it came to, if there were any.
pub(super) async fn fold(client: &mut Client, most: i64) -> Result<Option<Place>, Unavailable> {
    let transaction = client.transaction().await?;
    let from = locked(&transaction).await?;
    let Some((entries, to)) = next(&transaction, from, most).await? else { return Ok(None) };
    let known = rows::read(&transaction, &Wanted::by(&entries)).await?;
    rows::write(&transaction, &Changes::fold(&entries, known)).await?;
    let sql = "UPDATE positions SET xid = $1, position = $2 WHERE name = 'views'";
    transaction.execute(sql, &[&to.xid, &to.position]).await?;
    transaction.commit().await?;
    Ok(Some(to))
}

/// Where folding goes on, which nobody else changes until the end of this transaction: whoever lost the lock with its
/// connection may still be at it, and so may a rebuild.
async fn locked(transaction: &Transaction<'_>) -> Result<Place, Unavailable> {
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
) -> Result<Option<(Vec<Journaled>, Place)>, Unavailable> {
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
        Ok(Journaled {
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
