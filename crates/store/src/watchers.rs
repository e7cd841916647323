//! Requests that wait for the rows of one workspace to change.
//!
//! Invariant: a waiting request is woken by the entries of its own workspace, and by no other's unless the changed ones
//! are unknown.

use scrip_engine::WorkspaceId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Workspaces that requests wait for, each with the channel that wakes them.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Mutex<HashMap<WorkspaceId, watch::Sender<()>>>>);

impl Watchers {
    /// Waits for a workspace from now on, until the watcher is dropped.
    pub fn watch(&self, workspace: WorkspaceId) -> Watcher {
        let moved = self.lock().entry(workspace).or_insert_with(|| watch::channel(()).0).subscribe();
        Watcher { moved, workspace, watchers: self.clone() }
    }

    /// Returns true if no request waits.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Wakes the requests that wait for one of these workspaces.
    pub fn wake(&self, workspaces: impl IntoIterator<Item = WorkspaceId>) {
        let waited_for = self.lock();
        if waited_for.is_empty() {
            return;
        }
        for workspace in workspaces {
            if let Some(moved) = waited_for.get(&workspace) {
                moved.send_replace(());
            }
        }
    }

    /// Wakes every request, where the changed workspaces are unknown.
    pub fn wake_all(&self) {
        for moved in self.lock().values() {
            moved.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkspaceId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's wait for one workspace.
pub struct Watcher {
    moved: watch::Receiver<()>,
    workspace: WorkspaceId,
    watchers: Watchers,
}

impl Watcher {
    /// Waits for a change after the last one that this watcher has returned for.
    pub async fn wait(&mut self) {
        // The sender lives as long as any watcher of its workspace does.
        let _ = self.moved.changed().await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut waited_for = self.watchers.lock();
        // This watcher's own receiver is still counted.
        if waited_for.get(&self.workspace).is_some_and(|moved| moved.receiver_count() <= 1) {
            waited_for.remove(&self.workspace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_workspace_wakes_its_own_watchers_alone_and_is_forgotten_with_the_last() {
        let (mine, other) = (WorkspaceId::new(1), WorkspaceId::new(2));
        let watchers = Watchers::default();
        let (mut first, mut second, mut foreign) = (watchers.watch(mine), watchers.watch(mine), watchers.watch(other));
        watchers.wake([mine, WorkspaceId::new(3)]);
        assert!(first.wait().now_or_never().is_some());
        assert!(second.wait().now_or_never().is_some());
        assert!(foreign.wait().now_or_never().is_none(), "that was none of its business");
        assert!(first.wait().now_or_never().is_none(), "it is told once");
        watchers.wake_all();
        assert!(foreign.wait().now_or_never().is_some());
        drop((first, foreign));
        watchers.wake([mine]);
        assert!(second.wait().now_or_never().is_some());
        drop(second);
        assert!(watchers.is_empty());
    }
}
