//! Runs that callers follow, each read once for all of its followers.

use scrip_engine::WorkspaceId;
use scrip_store::projection::RunRow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Workspace and number of a run.
pub type RunKey = (WorkspaceId, u32);
/// Run as it was last read, with the sequence number of the entry that changed it; `None` before the first read.
pub type LastRead = Option<(Arc<RunRow>, i64)>;

/// Followed runs, with the channel of each.
#[derive(Default)]
pub struct FollowedRuns(Mutex<HashMap<RunKey, watch::Sender<LastRead>>>);

impl FollowedRuns {
    /// Locks the runs, to look one up, add it or remove it.
    pub fn lock(&self) -> MutexGuard<'_, HashMap<RunKey, watch::Sender<LastRead>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
