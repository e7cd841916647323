//! Workspaces as the journal has them: folded from a snapshot and what came after.
//!
//! Invariant: what is read here was committed; whether it is still the last word is for the journal to say.

use super::Shared;
use crate::store::Unavailable;
use crate::store::journal::{Body, GENESIS};
use scrip_engine::{Timestamp, Workspace, WorkspaceId, fold};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Client;

/// A workspace as its last known entry left it.
#[derive(Clone)]
pub(super) struct Cached {
    pub workspace: Arc<Workspace>,
    pub hash: [u8; 32],
}

impl Cached {
    fn unopened(id: WorkspaceId) -> Cached {
        Cached { workspace: Arc::new(Workspace::unopened(id)), hash: GENESIS }
    }
}

/// Reads what follows on the states that are known, and the whole of those that are not. Nothing is known by half: a
/// snapshot without its last entry does not say what the next one is chained to.
pub(super) async fn refresh(
    client: &Client,
    known: &mut HashMap<WorkspaceId, Cached>,
    ids: &[WorkspaceId],
) -> Result<(), Unavailable> {
    let missing: Vec<i64> = ids.iter().filter(|id| !known.contains_key(id)).map(|id| id.get()).collect();
    let mut read: HashMap<WorkspaceId, Cached> = HashMap::new();
    if !missing.is_empty() {
        let sql = "SELECT workspace, state FROM snapshots WHERE workspace = ANY($1)";
        for row in client.query(sql, &[&missing]).await? {
            // A snapshot in an older form is no loss: the journal has it all.
            if let Ok(workspace) = serde_json::from_str::<Workspace>(row.get(1)) {
                read.insert(id(row.get(0)), Cached { workspace: Arc::new(workspace), hash: GENESIS });
            }
        }
    }
    for id in ids {
        read.entry(*id).or_insert_with(|| known.remove(id).unwrap_or_else(|| Cached::unopened(*id)));
    }
    let from: Vec<(i64, i64)> = ids.iter().map(|id| (id.get(), read[id].workspace.seq as i64)).collect();
    let (workspaces, seqs): (Vec<i64>, Vec<i64>) = from.into_iter().unzip();
    // One look into the index each, whatever the planner believes of the table: `OFFSET 0` keeps it from joining.
    let sql = "SELECT news.* FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, seq),
               LATERAL (SELECT workspace, seq, at, body, hash FROM entries
                        WHERE entries.workspace = w.workspace AND entries.seq >= w.seq ORDER BY seq OFFSET 0) AS news";
    for row in client.query(sql, &[&workspaces, &seqs]).await? {
        let cached = read.get_mut(&id(row.get(0))).expect("only what was asked for is found");
        follow(cached, &row)?;
    }
    known.extend(read);
    Ok(())
}

/// A workspace right after one of its entries.
pub(super) async fn as_of(client: &Client, id: WorkspaceId, seq: u64) -> Result<Arc<Workspace>, Unavailable> {
    let mut cached = Cached::unopened(id);
    let sql = "SELECT workspace, seq, at, body, hash FROM entries WHERE workspace = $1 AND seq <= $2 ORDER BY seq";
    for row in client.query(sql, &[&id.get(), &(seq as i64)]).await? {
        follow(&mut cached, &row)?;
    }
    Ok(cached.workspace)
}

fn follow(cached: &mut Cached, row: &tokio_postgres::Row) -> Result<(), Unavailable> {
    let seq = row.get::<_, i64>(1) as u64;
    if seq > cached.workspace.seq {
        let body: Body = serde_json::from_str(row.get(3)).map_err(|error| Unavailable(error.to_string()))?;
        fold(Arc::make_mut(&mut cached.workspace), Timestamp::from_micros(row.get(2)), &body.events);
    }
    cached.hash = row.get::<_, &[u8]>(4).try_into().unwrap_or(GENESIS);
    Ok(())
}

fn id(number: i64) -> WorkspaceId {
    WorkspaceId::new(number as u64)
}

/// Keeps workspaces as they stand, so that they need not be folded from their first entry.
pub(super) async fn keep(shared: Arc<Shared>, states: Vec<Arc<Workspace>>) {
    let kept = async {
        let client = shared.pool.get().await?;
        let workspaces: Vec<i64> = states.iter().map(|state| state.id.get()).collect();
        let seqs: Vec<i64> = states.iter().map(|state| state.seq as i64).collect();
        let text = |state: &Arc<Workspace>| {
            serde_json::to_string(&**state).expect("a workspace has no maps with other keys than text")
        };
        let texts: Vec<String> = states.iter().map(text).collect();
        let sql = "INSERT INTO snapshots (workspace, seq, state)
                   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) ORDER BY 1
                   ON CONFLICT (workspace) DO UPDATE SET seq = excluded.seq, state = excluded.state
                   WHERE excluded.seq > snapshots.seq";
        client.execute(sql, &[&workspaces, &seqs, &texts]).await?;
        Ok::<(), Unavailable>(())
    };
    if let Err(error) = kept.await {
        tracing::warn!(%error, "snapshots were not kept");
    }
}
