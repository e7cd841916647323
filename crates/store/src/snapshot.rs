//! Snapshots: a workspace right after one of its entries, so that it need not be folded from its first entry.
//!
//! Invariant: a snapshot is believed only with its MAC, with the hash of the entry that it was made after, and where
//! its amounts add up; in any other case the journal is folded again.

use super::integrity::Seals;
use super::{Row, panic_text};
use scrip_engine::{DatedEvent, Timestamp, Workspace, WorkspaceId, fold};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Number of the form of the state and of the MAC. A snapshot of another form is not used: count the number up where an
/// older version's snapshot would be misread.
const FORM: u32 = 2;
/// Maximum number of reports that wait about snapshots that were not believed; beyond that only their number is
/// counted.
const WAITING_MAX: usize = 100;

/// Reads snapshots in the order of the workspaces: at most `$2` after workspace `$1`.
pub const SNAPSHOTS: &str =
    "SELECT workspace, seq, hash, mac, state FROM snapshots WHERE workspace > $1 ORDER BY workspace LIMIT $2";

/// A snapshot, as its row has it.
pub struct StoredSnapshot {
    /// Number of the entry that the snapshot was made after.
    pub seq: u64,
    /// Hash of that entry.
    pub hash: Vec<u8>,
    /// MAC over the other fields and the workspace's number.
    pub mac: Vec<u8>,
    /// Workspace at that entry, as JSON.
    pub state: String,
}

impl StoredSnapshot {
    /// Makes the snapshot of a workspace whose last entry has this hash.
    pub fn of(workspace: &Workspace, hash: &[u8; 32], seals: &Seals) -> StoredSnapshot {
        let state = serde_json::to_string(workspace).expect("a workspace has no maps with other keys than text");
        let mac = seals.mac_of(&pieces(workspace.id, workspace.seq, hash, &state)).to_vec();
        StoredSnapshot { seq: workspace.seq, hash: hash.to_vec(), mac, state }
    }

    /// Reads a row of [`SNAPSHOTS`], with its workspace.
    pub fn read(row: &Row) -> (WorkspaceId, StoredSnapshot) {
        let (seq, hash, mac) = (row.integer(1) as u64, row.bytes(2).to_vec(), row.bytes(3).to_vec());
        (WorkspaceId::new(row.integer(0) as u64), StoredSnapshot { seq, hash, mac, state: row.text(4).to_owned() })
    }

    /// Returns the workspace of the snapshot.
    ///
    /// # Errors
    /// Names the reason why the snapshot is not believed.
    pub fn open(&self, id: WorkspaceId, seals: &Seals) -> Result<Workspace, String> {
        let text = pieces(id, self.seq, &self.hash, &self.state);
        if seals.mac_of(&text) != *self.mac {
            return Err("its MAC is not right".to_owned());
        }
        let workspace: Workspace =
            serde_json::from_str(&self.state).map_err(|error| format!("it is not a workspace: {error}"))?;
        if (workspace.id, workspace.seq) != (id, self.seq) {
            return Err("its state is that of another entry".to_owned());
        }
        check(&workspace)?;
        Ok(workspace)
    }
}

fn pieces(id: WorkspaceId, seq: u64, hash: &[u8], state: &str) -> Vec<u8> {
    let numbers = [i64::from(FORM), id.get(), seq as i64, hash.len() as i64].map(i64::to_le_bytes);
    [b"snapshot", numbers.as_flattened(), hash, state.as_bytes()].concat()
}

/// Checks the invariants of a workspace.
///
/// # Errors
/// Names the invariant that is broken (I1 to I7).
pub fn check(workspace: &Workspace) -> Result<(), String> {
    let checked = catch_unwind(AssertUnwindSafe(|| workspace.check()));
    checked.map_err(|panic| format!("it does not add up (I1 to I7): {}", panic_text(panic.as_ref())))
}

/// Folds an entry onto a workspace.
///
/// # Errors
/// When the events contradict the workspace.
pub fn fold_entry(workspace: &mut Workspace, at: Timestamp, events: &[DatedEvent]) -> Result<(), String> {
    let folded = catch_unwind(AssertUnwindSafe(|| fold(workspace, at, events)));
    folded.map_err(|panic| format!("an entry contradicts it: {}", panic_text(panic.as_ref())))
}

/// Reports of snapshots and places that were not believed and were healed by folding the journal again.
#[derive(Debug, Default)]
pub struct HealLog {
    count: AtomicU64,
    waiting: Mutex<VecDeque<(WorkspaceId, String)>>,
}

impl HealLog {
    /// Records one, with the reason, and logs it.
    pub fn note(&self, workspace: WorkspaceId, why: &str) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(%workspace, why, count, "a workspace is folded from the journal again: its snapshot is not \
                                                believed");
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push_back((workspace, why.to_owned()));
        }
    }

    /// Takes the reports that were not taken yet.
    pub fn take(&self) -> Vec<(WorkspaceId, String)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}
