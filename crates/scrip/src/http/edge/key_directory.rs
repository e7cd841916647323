//! Directory from a key's hash to its workspace, with the last use of each key.
//!
//! The workspace of a hash never changes, so it is read once. The rights of a key are never cached here: they are in
//! the workspace, and judged there.
//!
//! Invariant: a secret that opens nothing costs a look-up and leaves nothing.

use crate::crypto::hex;
use crate::ledger::Ledger;
use scrip_engine::team::KeyHash;
use scrip_engine::{SECOND, Timestamp, WorkspaceId};
use scrip_store::clock;
use scrip_store::{Claim, Unavailable, rows};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of cached hashes, and of last uses; a full cache is emptied.
const REMEMBERED: usize = 100_000;
/// Time for which further uses of a key are not recorded, in microseconds.
const USED_EVERY: i64 = 60 * SECOND;

/// Caches of the workspaces and last uses of keys.
#[derive(Default)]
pub struct Directory {
    workspaces: Mutex<HashMap<[u8; 32], WorkspaceId>>,
    used: Mutex<HashMap<(WorkspaceId, u32), Timestamp>>,
}

/// Returns the claim of an entry that makes a key: its hash belongs to that workspace for ever.
pub fn claim(hash: &KeyHash) -> Claim {
    Claim { scope: "key".into(), what: hash.to_string() }
}

impl Directory {
    /// Returns the workspace that has made a key of this hash, whether or not the key is still good.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn workspace_of(&self, ledger: &Ledger, hash: [u8; 32]) -> Result<Option<WorkspaceId>, Unavailable> {
        let known = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
        if known.is_some() {
            return Ok(known);
        }
        let holder = rows::claims::holder(ledger.store().reader(), "key", &hex(&hash)).await?;
        let Some(workspace) = holder else { return Ok(None) };
        let mut workspaces = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        if workspaces.len() >= REMEMBERED {
            workspaces.clear();
        }
        workspaces.insert(hash, workspace);
        Ok(Some(workspace))
    }

    /// Records that a key was used, at most once a minute, without delaying the request.
    pub fn record_use(&self, ledger: &Arc<Ledger>, workspace: WorkspaceId, key: u32) {
        let now = clock::now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let last = used.get(&(workspace, key)).copied();
        if last.is_some_and(|last| now < last.after_micros(USED_EVERY)) {
            return;
        }
        if used.len() >= REMEMBERED {
            used.clear();
        }
        used.insert((workspace, key), now);
        let ledger = Arc::clone(ledger);
        tokio::spawn(async move {
            if let Err(error) = rows::key_uses::mark(ledger.store().reader(), workspace, key, now).await {
                tracing::warn!(%error, "the last use of a key was not recorded");
            }
        });
    }
}
