//! Thread that copies the journal's log into its file while other threads go on writing the log.
//!
//! SQLite copies the log in the commit that makes it long enough, and every caller waits for that. The log can start
//! over only when all of it was copied and no thread writes: so a commit still does the copying, but finds little left
//! to copy.
//!
//! Invariant: this thread writes nothing that is not in the log already, so that it may end at any moment.

use crate::Unavailable;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two copies.
const REST: Duration = Duration::from_millis(250);

/// Handle of the thread, which ends with it.
pub(super) struct Checkpointer {
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread for a journal.
    pub(super) fn start(journal: &Path) -> Result<Checkpointer, Unavailable> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(journal, flags)?;
        let (alive, ends) = channel();
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || run(&connection, &ends))
            .map_err(|error| Unavailable(format!("no thread to copy the journal's log: {error}")))?;
        Ok(Checkpointer { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the checkpointer had panicked");
        }
    }
}

fn run(connection: &Connection, ends: &Receiver<()>) {
    while ends.recv_timeout(REST) == Err(RecvTimeoutError::Timeout) {
        // Pages that cannot be copied now, for want of room or because a commit copies, are copied later.
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the journal's log could not be copied into its file");
        }
    }
}
