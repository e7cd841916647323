//! Hints of one process to the others: the workspaces whose rows have changed.
//!
//! Invariant: nothing but the wait of a request depends on a hint. A process that may have missed some, because its
//! connection was lost, wakes every request that waits.

use super::SharedState;
use crate::Unavailable;
use crate::watchers::Watchers;
use scrip_engine::WorkspaceId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_postgres::Client;

/// Minimum time between two notifications of a process.
const GAP: Duration = Duration::from_millis(20); // # assumed
/// Time before a process connects again after an error.
const RECONNECT: Duration = Duration::from_millis(200);
/// Maximum number of workspaces that a notification names; beyond that it names none, and stands for all. The database
/// takes 8,000 bytes.
const NAMED_MAX: usize = 350;
/// Setting of the connection: a notification carries no entry and waits for no disk.
const SESSION: &str = "SET synchronous_commit = off; LISTEN scrip_changed";

/// Workspaces that this process has changed, and the requests that wait for any.
pub(super) struct Hints {
    watchers: Watchers,
    moves: watch::Sender<i64>,
    unsent: Mutex<BTreeSet<WorkspaceId>>,
    changed: Notify,
}

impl Hints {
    /// Returns hints that wake these watchers, and count up in `moves`.
    pub(super) fn new(watchers: Watchers, moves: watch::Sender<i64>) -> Hints {
        Hints { watchers, moves, unsent: Mutex::default(), changed: Notify::new() }
    }

    /// Wakes the requests that wait for these workspaces, here at once and in other processes soon.
    pub(super) fn send(&self, workspaces: impl Iterator<Item = WorkspaceId> + Clone) {
        self.wake(workspaces.clone());
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner).extend(workspaces);
        self.changed.notify_one();
    }

    fn wake(&self, workspaces: impl Iterator<Item = WorkspaceId>) {
        self.watchers.wake(workspaces);
        self.moves.send_modify(|moves| *moves += 1);
    }

    fn wake_all(&self) {
        self.watchers.wake_all();
        self.moves.send_modify(|moves| *moves += 1);
    }

    /// Wakes the requests that a notification is for.
    fn receive(&self, named: &str) {
        let ids: Option<Vec<WorkspaceId>> = named.split(' ').map(|id| id.parse().ok().map(WorkspaceId::new)).collect();
        match ids {
            Some(ids) => self.wake(ids.into_iter()),
            None => self.wake_all(),
        }
    }

    /// Takes the changed workspaces that no notification has named; `None` where there are none.
    fn take_unsent(&self) -> Option<String> {
        let unsent = std::mem::take(&mut *self.unsent.lock().unwrap_or_else(PoisonError::into_inner));
        let names = || unsent.iter().map(|id| id.get().to_string()).collect::<Vec<_>>().join(" ");
        (!unsent.is_empty()).then(|| if unsent.len() > NAMED_MAX { String::new() } else { names() })
    }
}

/// Sends and receives hints until the store is dropped.
pub(super) async fn run(shared: Arc<SharedState>) {
    while !shared.hints.moves.is_closed() {
        let exchanged = async {
            let hints = Arc::clone(&shared.hints);
            let client = shared.reach.listen(move |named| hints.receive(named)).await?;
            client.batch_execute(SESSION).await?;
            shared.hints.wake_all();
            exchange(&shared.hints, &client).await
        };
        if let Err(error) = exchanged.await {
            tracing::warn!(%error, "hints of other processes are not heard; this one connects again");
            tokio::time::sleep(RECONNECT).await;
        }
    }
}

async fn exchange(hints: &Hints, client: &Client) -> Result<(), Unavailable> {
    let notify = client.prepare("SELECT pg_notify('scrip_changed', $1)").await?;
    while !hints.moves.is_closed() {
        tokio::select! {
            () = hints.changed.notified() => {}
            () = hints.moves.closed() => return Ok(()),
            // A connection that ended is noticed when it is next used, and that may be never.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        if client.is_closed() {
            return Err(Unavailable("the connection ended".to_owned()));
        }
        while let Some(named) = hints.take_unsent() {
            client.execute(&notify, &[&named]).await?;
            tokio::time::sleep(GAP).await;
        }
    }
    Ok(())
}
