//! Runs that callers follow, each read once for all who do.

use crate::store::projection::RunRow;
use scrip_engine::WorkspaceId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A run's workspace and number.
pub type RunKey = (WorkspaceId, u32);
/// A run as it was last read, and the entry that changed it; nothing before the first read.
pub type Seen = Option<(Arc<RunRow>, i64)>;

/// Runs that somebody follows.
#[derive(Default)]
pub struct FollowedRuns(Mutex<HashMap<RunKey, watch::Sender<Seen>>>);

impl FollowedRuns {
    /// Locks the runs, to look one up, add it or end it.
    pub fn lock(&self) -> MutexGuard<'_, HashMap<RunKey, watch::Sender<Seen>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
