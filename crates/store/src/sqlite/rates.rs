//! The rate limits of workspaces, in memory: one process owns the data, so it alone admits.
//!
//! Invariant: a workspace that has been silent for two windows takes up no memory.

use crate::Unavailable;
use crate::clock;
use scrip_engine::limits::RATE_SECONDS;
use scrip_engine::{Admission, Askers, WorkspaceId};
use std::sync::Mutex;

/// What each workspace was admitted in the last minute. Whoever starts the process again starts with nothing.
pub(super) struct Rates(Mutex<Askers<WorkspaceId>>);

impl Rates {
    /// Nothing yet.
    pub(super) fn new() -> Rates {
        // There is no bound: only workspaces that exist are asked for, and the silent ones are forgotten.
        Rates(Mutex::new(Askers::over(RATE_SECONDS, usize::MAX)))
    }

    /// See [`crate::Store::admit`].
    pub(super) fn admit(&self, workspace: WorkspaceId, limit: u32) -> Result<Admission, Unavailable> {
        // Whoever panicked in here may have left half a log.
        let asked = self.0.lock().ok().and_then(|mut askers| askers.ask(workspace, limit, clock::now()));
        asked.ok_or_else(|| Unavailable("the rate limits cannot be read".to_owned()))
    }
}
