//! Workspaces as the journal has them: folded from a snapshot and what came after.
//!
//! Invariant: what is read here was committed; whether it is still the last word is for the journal to say.

use super::{Shared, reach};
use crate::store::Unavailable;
use crate::store::journal::{Body, GENESIS};
use scrip_engine::{Timestamp, Workspace, WorkspaceId, fold};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::{Client, Statement};

/// Workspaces a lane keeps in memory; beyond that it starts again from snapshots. Tests see that often.
const KNOWN_MAX: usize = if cfg!(test) { 2 } else { 100_000 };
/// Rounds that a lane looks before it decides, after another process was quicker.
const WARY: u32 = 64; // # assumed
/// The entries of workspaces from one on, each found by one look into the index, whatever the planner believes of the
/// table: `OFFSET 0` keeps it from joining.
pub(super) const NEWS: &str = "SELECT news.* FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, seq),
    LATERAL (SELECT workspace, seq, at, body, hash FROM entries
             WHERE entries.workspace = w.workspace AND entries.seq >= w.seq ORDER BY seq OFFSET 0) AS news";

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

/// The states a lane decides on: each as this process last knew it.
#[derive(Default)]
pub(super) struct States {
    known: HashMap<WorkspaceId, Cached>,
    /// Rounds in which others may have been quicker.
    wary: u32,
}

impl States {
    /// Makes the states of these workspaces ready to be decided on: those that are unknown are read. Where other
    /// processes write to the same workspaces, the news of all are: a look costs less than a number that is lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn ready(
        &mut self,
        client: &Client,
        news: &Statement,
        ids: impl Iterator<Item = WorkspaceId>,
    ) -> Result<(), Unavailable> {
        // What is only read or refused is known as well: the bound is kept here, before anything rests on a state.
        if self.known.len() > KNOWN_MAX {
            self.known.clear();
        }
        let asked: HashSet<WorkspaceId> = ids.filter(|id| self.wary > 0 || !self.known.contains_key(id)).collect();
        self.wary = self.wary.saturating_sub(1);
        if asked.is_empty() {
            return Ok(());
        }
        let asked: Vec<WorkspaceId> = asked.into_iter().collect();
        if self.refresh(client, news, &asked).await? {
            self.wary = WARY;
        }
        Ok(())
    }

    /// Another process was quicker on these workspaces.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn lost(
        &mut self,
        client: &Client,
        news: &Statement,
        ids: &[WorkspaceId],
    ) -> Result<(), Unavailable> {
        self.wary = WARY;
        self.refresh(client, news, ids).await.map(|_| ())
    }

    /// The state of a workspace that is ready.
    pub(super) fn of(&self, id: WorkspaceId) -> &Cached {
        &self.known[&id]
    }

    /// What this process has written.
    pub(super) fn keep(&mut self, after: HashMap<WorkspaceId, Cached>) {
        self.known.extend(after);
    }

    /// Forgets a workspace of which nobody can say how its journal ends.
    pub(super) fn forget(&mut self, id: WorkspaceId) {
        self.known.remove(&id);
    }

    /// Reads what follows on the states that are known, and the whole of those that are not; whether anything followed.
    /// Nothing is known by half: a snapshot without its last entry does not say what the next one is chained to.
    async fn refresh(&mut self, client: &Client, news: &Statement, ids: &[WorkspaceId]) -> Result<bool, Unavailable> {
        let missing: Vec<i64> = ids.iter().filter(|id| !self.known.contains_key(id)).map(|id| id.get()).collect();
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
        let (mut known, mut followed) = (HashSet::new(), false);
        for id in ids {
            let Some(cached) = self.known.remove(id) else { continue };
            known.insert(*id);
            read.insert(*id, cached);
        }
        for id in ids {
            read.entry(*id).or_insert_with(|| Cached::unopened(*id));
        }
        let from: Vec<(i64, i64)> = ids.iter().map(|id| (id.get(), read[id].workspace.seq as i64)).collect();
        let (workspaces, seqs): (Vec<i64>, Vec<i64>) = from.into_iter().unzip();
        for row in client.query(news, &[&workspaces, &seqs]).await? {
            let id = id(row.get(0));
            let cached = read.get_mut(&id).expect("only what was asked for is found");
            followed |= follow(cached, &row)? && known.contains(&id);
        }
        self.known.extend(read);
        Ok(followed)
    }
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

/// Folds an entry, unless it is known; whether it was not.
fn follow(cached: &mut Cached, row: &tokio_postgres::Row) -> Result<bool, Unavailable> {
    let seq = row.get::<_, i64>(1) as u64;
    let is_news = seq > cached.workspace.seq;
    if is_news {
        let body: Body = serde_json::from_str(row.get(3)).map_err(|error| Unavailable(error.to_string()))?;
        fold(Arc::make_mut(&mut cached.workspace), Timestamp::from_micros(row.get(2)), &body.events);
    }
    cached.hash = row.get::<_, &[u8]>(4).try_into().unwrap_or(GENESIS);
    Ok(is_news)
}

fn id(number: i64) -> WorkspaceId {
    WorkspaceId::new(number as u64)
}

/// Keeps workspaces as they stand, so that they need not be folded from their first entry.
pub(super) async fn keep(shared: Arc<Shared>, states: Vec<Arc<Workspace>>) {
    let kept = async {
        let client = reach::take(&shared.pool).await?;
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
