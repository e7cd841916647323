//! Workspaces in the state of the journal, folded from a snapshot and the entries after it.
//!
//! Invariant: a state that is read here was committed; only the journal decides whether it is still the last one.

use super::{SharedState, originals, reach, values};
use crate::Unavailable;
use crate::integrity::Seals;
use crate::journal::{GENESIS, JournalRow};
use crate::snapshot::{HealLog, StoredSnapshot, check, fold_entry};
use scrip_engine::{Workspace, WorkspaceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::{Client, Statement};

/// Number of rounds in which an appender reads before it decides, after another process was quicker.
const WARY: u32 = 64; // # assumed
/// Reads the entries of workspaces from a number on.
pub(super) const NEWS: &str = "SELECT position, entries.workspace, entries.seq, at, idempotency_key, request_hash,
    next_due_at, body, previous_hash, hash FROM unnest($1::bigint[], $2::bigint[]) AS w (workspace, seq)
    JOIN entries ON entries.workspace = w.workspace AND entries.seq >= w.seq
    WHERE entries.workspace = ANY($1) ORDER BY entries.workspace, entries.seq";
/// Keeps a snapshot. One that was not believed may have a higher number than it should; an older one does no harm.
const KEEP: &str = "INSERT INTO snapshots (workspace, seq, hash, mac, state) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (workspace) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, mac = excluded.mac,
    state = excluded.state";

/// A workspace after its last known entry.
#[derive(Clone)]
pub(super) struct CachedState {
    pub workspace: Arc<Workspace>,
    pub hash: [u8; 32],
}

impl CachedState {
    fn new(id: WorkspaceId) -> CachedState {
        CachedState { workspace: Arc::new(Workspace::new(id)), hash: GENESIS }
    }
}

/// States that an appender decides on: each the last one that this process knows.
pub(super) struct States {
    known: HashMap<WorkspaceId, CachedState>,
    /// Number of workspaces that this strand remembers; beyond that the appender starts again from snapshots.
    known_max: usize,
    /// Workspaces of the last read whose entries are damaged, each with the fault.
    broken: HashMap<WorkspaceId, String>,
    seals: Seals,
    healed: Arc<HealLog>,
    /// Number of rounds left in which other processes may have been quicker.
    wary: u32,
}

impl States {
    /// Returns states without any workspace.
    pub(super) fn new(shared: &SharedState) -> States {
        let (seals, healed) = (shared.seals.clone(), Arc::clone(&shared.healed));
        States {
            known: HashMap::new(),
            known_max: shared.known_max / shared.parts.strands(),
            broken: HashMap::new(),
            seals,
            healed,
            wary: 0,
        }
    }

    /// Returns the reason why a workspace cannot be decided on, after [`States::ready`]; it is read anew the next time.
    pub(super) fn fault(&self, id: WorkspaceId) -> Option<Unavailable> {
        self.broken.get(&id).map(|why| not_served(id, why))
    }

    /// Makes the states of these workspaces ready to be decided on: unknown ones are read. Where other processes write
    /// to the same workspaces, new entries of all of them are read: a read costs less than a lost number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn ready(
        &mut self,
        client: &Client,
        news: &Statement,
        ids: impl Iterator<Item = WorkspaceId>,
    ) -> Result<(), Unavailable> {
        // Workspaces that are only read or refused are remembered too: the bound is kept here, before a decision uses a
        // state.
        if self.known.len() > self.known_max {
            self.known.clear();
        }
        self.broken.clear();
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

    /// Reads these workspaces again, on which another process was quicker.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn reload(
        &mut self,
        client: &Client,
        news: &Statement,
        ids: &[WorkspaceId],
    ) -> Result<(), Unavailable> {
        self.wary = WARY;
        self.refresh(client, news, ids).await.map(|_| ())
    }

    /// Returns the state of a workspace that is ready.
    pub(super) fn of(&self, id: WorkspaceId) -> &CachedState {
        &self.known[&id]
    }

    /// Keeps the states after the entries that this process has written.
    pub(super) fn keep(&mut self, after: HashMap<WorkspaceId, CachedState>) {
        self.known.extend(after);
    }

    /// Forgets a workspace whose last entry is uncertain.
    pub(super) fn forget(&mut self, id: WorkspaceId) {
        self.known.remove(&id);
    }

    /// Reads the entries after the states that are known, and unknown workspaces as a whole; returns whether a known
    /// state was behind the journal. A state is known whole or not at all: a snapshot without its last entry lacks the
    /// hash that the next one is chained to.
    async fn refresh(&mut self, client: &Client, news: &Statement, ids: &[WorkspaceId]) -> Result<bool, Unavailable> {
        let missing: Vec<i64> = ids.iter().filter(|id| !self.known.contains_key(id)).map(|id| id.get()).collect();
        let mut read: HashMap<WorkspaceId, PartialState> = HashMap::new();
        if !missing.is_empty() {
            let sql = "SELECT workspace, seq, hash, mac, state FROM snapshots WHERE workspace = ANY($1)";
            for row in client.query(sql, &[&missing]).await? {
                let (id, stored) = StoredSnapshot::read(&values::row(&row)?);
                match stored.open(id, &self.seals) {
                    Ok(workspace) => drop(read.insert(id, PartialState::of_snapshot(workspace, &stored.hash))),
                    Err(why) => self.healed.note(id, &why),
                }
            }
        }
        let mut known = HashSet::new();
        for id in ids {
            let Some(cached) = self.known.remove(id) else { continue };
            known.insert(*id);
            read.insert(*id, PartialState { cached, snapshot: None, wrong: None });
        }
        for id in ids {
            read.entry(*id).or_insert_with(|| PartialState::of_nothing(*id));
        }
        let before: HashMap<WorkspaceId, u64> = read.iter().map(|(id, one)| (*id, one.cached.workspace.seq)).collect();
        follow_all(client, news, ids, &mut read).await?;
        let wrong = read.iter().filter(|(_, one)| one.wrong.is_some());
        let again: Vec<WorkspaceId> = wrong.map(|(id, _)| *id).collect();
        if !again.is_empty() {
            for id in &again {
                let why = read.get(id).and_then(|one| one.wrong.clone());
                self.healed.note(*id, &why.unwrap_or_default());
                read.insert(*id, PartialState::of_nothing(*id));
            }
            follow_all(client, news, &again, &mut read).await?;
        }
        let mut followed = false;
        for (id, PartialState { cached, snapshot, wrong }) in read {
            followed |= known.contains(&id) && cached.workspace.seq > before[&id];
            // A snapshot with a valid MAC was made after an entry that existed.
            let lost = snapshot.map(|_| format!("entry {} was there and is missing", cached.workspace.seq));
            match wrong.or(lost) {
                None => drop(self.known.insert(id, cached)),
                Some(why) => drop(self.broken.insert(id, why)),
            }
        }
        Ok(followed)
    }
}

/// A workspace while its entries are read.
struct PartialState {
    cached: CachedState,
    /// Hash of the entry that the snapshot was made after, until that entry is found.
    snapshot: Option<Vec<u8>>,
    /// Reason why the entries that were read are not believed.
    wrong: Option<String>,
}

impl PartialState {
    fn of_nothing(id: WorkspaceId) -> PartialState {
        PartialState { cached: CachedState::new(id), snapshot: None, wrong: None }
    }

    fn of_snapshot(workspace: Workspace, hash: &[u8]) -> PartialState {
        let cached = CachedState { workspace: Arc::new(workspace), hash: hash.try_into().unwrap_or(GENESIS) };
        PartialState { cached, snapshot: Some(hash.to_vec()), wrong: None }
    }

    fn follow(&mut self, row: &JournalRow) {
        if self.wrong.is_some() {
            return;
        }
        let seq = self.cached.workspace.seq;
        if row.seq > seq {
            self.wrong = self.cached.follow(row).err();
        } else if row.hash != self.cached.hash {
            self.wrong = Some(format!("entry {} differs from the one that was read before", row.seq));
        } else {
            self.snapshot = None;
        }
    }
}

/// Folds the entries of workspaces after their present ones; the present entry of each is read as well.
async fn follow_all(
    client: &Client,
    news: &Statement,
    ids: &[WorkspaceId],
    read: &mut HashMap<WorkspaceId, PartialState>,
) -> Result<(), Unavailable> {
    let from: Vec<(i64, i64)> = ids.iter().map(|id| (id.get(), read[id].cached.workspace.seq as i64)).collect();
    let (workspaces, seqs): (Vec<i64>, Vec<i64>) = from.into_iter().unzip();
    let rows = client.query(news, &[&workspaces, &seqs]).await?;
    for row in originals::entries(client, &rows).await? {
        read.get_mut(&row.workspace).expect("only what was asked for is found").follow(&row);
    }
    for id in ids {
        let one = read.get_mut(id).expect("each has been read");
        if one.wrong.is_none() {
            one.wrong = check(&one.cached.workspace).err();
        }
    }
    Ok(())
}

impl CachedState {
    /// Folds the next entry, after checking that it follows.
    fn follow(&mut self, row: &JournalRow) -> Result<(), String> {
        let workspace = Arc::make_mut(&mut self.workspace);
        row.follows(workspace.id, workspace.seq, &self.hash)?;
        let entry = row.entry().map_err(|error| format!("entry {} cannot be read: {error}", row.seq))?;
        fold_entry(workspace, entry.at, &entry.events)?;
        self.hash = row.hash.as_slice().try_into().unwrap_or(GENESIS);
        Ok(())
    }
}

/// Returns a workspace right after one of its entries.
pub(super) async fn as_of(client: &Client, id: WorkspaceId, seq: u64) -> Result<Arc<Workspace>, Unavailable> {
    let mut cached = CachedState::new(id);
    let sql =
        "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
               FROM entries WHERE workspace = $1 AND seq <= $2 ORDER BY seq";
    let rows = client.query(sql, &[&id.get(), &(seq as i64)]).await?;
    for row in originals::entries(client, &rows).await? {
        cached.follow(&row).map_err(|why| not_served(id, &why))?;
    }
    Ok(cached.workspace)
}

/// Returns the error for a workspace that is not served.
fn not_served(id: WorkspaceId, why: &str) -> Unavailable {
    Unavailable(format!("{id} is not served, because its journal is not right: {why}; run `scrip verify`"))
}

/// Keeps snapshots of workspaces, so that they need not be folded from their first entry.
pub(super) async fn keep(shared: Arc<SharedState>, states: Vec<CachedState>) {
    let kept = async {
        let client = reach::take(&shared.pool).await?;
        let statement = client.prepare_cached(KEEP).await?;
        for CachedState { workspace, hash } in &states {
            let StoredSnapshot { seq, hash, mac, state } = StoredSnapshot::of(workspace, hash, &shared.seals);
            client.execute(&statement, &[&workspace.id.get(), &(seq as i64), &hash, &mac, &state]).await?;
        }
        Ok::<(), Unavailable>(())
    };
    if let Err(error) = kept.await {
        tracing::warn!(%error, "snapshots were not stored");
    }
}
