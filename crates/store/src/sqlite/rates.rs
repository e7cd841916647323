//! Rate limits of workspaces, in memory: one process owns the data, so it alone admits requests.
//!
//! Invariant: a workspace without a request for two windows takes up no memory.

use crate::Unavailable;
use crate::clock;
use scrip_engine::limits::RATE_SECONDS;
use scrip_engine::{Admission, Askers, WorkspaceId};
use std::sync::Mutex;

/// Requests of each workspace that were admitted in the last minute. A new process starts without any.
pub(super) struct Rates(Mutex<Askers<WorkspaceId>>);

impl Rates {
    /// Returns limits without any admitted request.
    pub(super) fn new() -> Rates {
        // No bound is needed: only workspaces that exist are asked about, and the silent ones are forgotten.
        Rates(Mutex::new(Askers::over(RATE_SECONDS, usize::MAX)))
    }

    /// See [`crate::Store::admit`].
    pub(super) fn admit(&self, workspace: WorkspaceId, limit: u32) -> Result<Admission, Unavailable> {
        // A thread that panicked with the lock may have left a log half written.
        let asked = self.0.lock().ok().and_then(|mut askers| askers.ask(workspace, limit, clock::now()));
        asked.ok_or_else(|| Unavailable("the rate limits cannot be read".to_owned()))
    }
}
