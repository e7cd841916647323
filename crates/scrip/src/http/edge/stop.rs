//! The end of a server, known to every request that waits, so that none of them delays it.
//!
//! Invariant: a server that is told to stop is never told to go on.

use tokio::sync::watch;

/// Signal that a server was told to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Stop {
        Stop(watch::channel(false).0)
    }
}

impl Stop {
    /// Tells the server to stop.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Returns `true` once the server was told to stop.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the server is told to stop.
    pub async fn wait(&self) {
        // This value owns the sender, so the wait does not fail.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }

    /// Waits for a future, but no longer than until the server is told to stop. Returns `None` when the stop came
    /// first.
    pub async fn run_until_stop<T>(&self, waited_for: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = waited_for => Some(done),
            () = self.wait() => None,
        }
    }
}
