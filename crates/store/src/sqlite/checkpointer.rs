//! Thread that copies the journal's log into its file while other threads go on writing the log.
//!
//! SQLite begins a log again when all of it was copied and flushed between two transactions. A thread that copies
//! beside the writer never has all of it, so the last pages are the writer's: but this thread flushes what it copied,
//! and asks the writer only once a round of both found few new pages. The writer then waits for three small flushes,
//! and not for those of a whole log.
//!
//! Invariant: this thread writes nothing that is not in the log already, so that it may end at any moment.

use super::flusher::stop_process;
use super::is_lost_flush;
use crate::Unavailable;
use rusqlite::{Connection, Error, OpenFlags};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two copies.
const REST: Duration = Duration::from_millis(250);
/// Number of pages from which on a log is begun again: short enough to be written over soon, which a disk flushes
/// faster than a file that grows.
const LONG: i64 = 4_096;
/// Maximum number of new pages in a round after which the writer is asked to copy the rest.
const FEW: i64 = 256;
/// Maximum number of rounds until the writer is asked whatever the rest is: under full load it may never be small.
const ROUNDS: usize = 4;

/// Request to the journal's thread to copy the rest of the log between two transactions.
#[derive(Clone, Default)]
pub(super) struct RestRequest(Arc<AtomicBool>);

impl RestRequest {
    fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns `true` once for a request.
    pub(super) fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

/// Handle of the thread, which ends with it.
pub(super) struct Checkpointer {
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The journal's file, which outlives the thread: when a process closes a file, it loses its locks on it, those of
    /// SQLite's connections too.
    _file: Arc<File>,
}

impl Checkpointer {
    /// Starts the thread for a journal.
    pub(super) fn start(journal: &Path, rest: RestRequest) -> Result<Checkpointer, Unavailable> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(journal, flags)?;
        let file = File::open(journal).map_err(|error| Unavailable(format!("{}: {error}", journal.display())))?;
        let file = Arc::new(file);
        let (alive, ends) = channel();
        let copier = Copier { connection, file: Arc::clone(&file), rest, length: 0 };
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || copier.run(&ends))
            .map_err(|error| Unavailable(format!("no thread to copy the journal's log: {error}")))?;
        Ok(Checkpointer { alive: Some(alive), thread: Some(thread), _file: file })
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

struct Copier {
    connection: Connection,
    file: Arc<File>,
    rest: RestRequest,
    /// Number of pages in the log when it was last copied.
    length: i64,
}

impl Copier {
    fn run(mut self, ends: &Receiver<()>) {
        while ends.recv_timeout(REST) == Err(RecvTimeoutError::Timeout) {
            if (0..ROUNDS).all(|_| self.round()) {
                self.rest.raise();
            }
        }
    }

    /// Copies and flushes once; returns `true` when another round should follow.
    fn round(&mut self) -> bool {
        let Some(Log { length, copied }) = copy(&self.connection) else { return false };
        let before = std::mem::replace(&mut self.length, length);
        if length == before {
            return false;
        }
        if let Err(error) = self.file.sync_data() {
            stop_process(&error);
        }
        // Readers of earlier states keep the log from being copied.
        if length < LONG || length > copied {
            return false;
        }
        if length - before > FEW {
            return true;
        }
        self.rest.raise();
        false
    }
}

/// Numbers of pages in a log, and of those that were copied.
struct Log {
    length: i64,
    copied: i64,
}

/// Copies the log into its file as far as no reader needs it. Pages that cannot be copied now, for want of room or
/// because another thread copies, are copied later.
fn copy(connection: &Connection) -> Option<Log> {
    let read = |row: &rusqlite::Row<'_>| Ok(Log { length: row.get(1)?, copied: row.get(2)? });
    match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], read) {
        Ok(log) => Some(log),
        Err(Error::SqliteFailure(failure, why)) if is_lost_flush(&failure) => {
            stop_process(&Error::SqliteFailure(failure, why))
        }
        Err(error) => {
            tracing::warn!(%error, "the journal's log could not be copied into its file");
            None
        }
    }
}

/// Copies the rest of the log between two transactions, so that the next one begins the log again.
pub(super) fn copy_rest(connection: &Connection) {
    copy(connection);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const PAGE: i64 = 4_096;

    /// A journal with its writer and its copier, in a directory of its own.
    struct Lab {
        directory: PathBuf,
        writer: Connection,
        copier: Copier,
    }

    impl Lab {
        fn new(name: &str) -> Lab {
            let directory = std::env::temp_dir().join(format!("scrip-checkpointer-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&directory);
            std::fs::create_dir(&directory).expect("a directory");
            let journal = directory.join("journal.db");
            let writer = Connection::open(&journal).expect("a journal");
            writer.pragma_update(None, "journal_mode", "WAL").expect("a log");
            writer.pragma_update(None, "wal_autocheckpoint", 0).expect("copied by none but the test");
            writer.execute_batch("CREATE TABLE entries (body BLOB)").expect("a table");
            let file = Arc::new(File::open(&journal).expect("the journal"));
            let connection = Connection::open(&journal).expect("a second connection");
            let copier = Copier { connection, file, rest: RestRequest::default(), length: 0 };
            Lab { directory, writer, copier }
        }

        fn write(&self, pages: i64) {
            let sql = "INSERT INTO entries (body) VALUES (zeroblob(?1))";
            self.writer.execute(sql, [pages * PAGE]).expect("room");
        }

        /// Returns a connection that reads the present state until it is dropped; meanwhile the log is not begun again.
        fn reader(&self) -> Connection {
            let reader = Connection::open(self.directory.join("journal.db")).expect("a reader");
            reader.execute_batch("BEGIN; SELECT COUNT(*) FROM entries").expect("a state to read");
            reader
        }

        /// Returns the number that SQLite gives a log when it begins it.
        fn log(&self) -> Vec<u8> {
            let log = std::fs::read(self.directory.join("journal.db-wal")).expect("a log");
            log[16..20].to_vec()
        }
    }

    impl Drop for Lab {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    #[test]
    fn the_writer_is_asked_once_little_is_left_and_then_begins_the_log_again() {
        let mut lab = Lab::new("long");
        lab.write(LONG);
        let (before, reader) = (lab.log(), lab.reader());
        assert!(lab.copier.round(), "so many new pages are copied in another round");
        assert!(!lab.copier.rest.take(), "the writer would wait for all of them");
        lab.write(1);
        let reader = (lab.reader(), drop(reader)).0;
        assert!(!lab.copier.round(), "few pages are left");
        assert!(lab.copier.rest.take() && !lab.copier.rest.take(), "the writer is asked once");
        lab.write(1);
        drop(reader);
        lab.write(1);
        assert_eq!(lab.log(), before, "what came after the copy keeps the log from being begun again");
        copy_rest(&lab.writer);
        lab.write(1);
        assert_ne!(lab.log(), before, "the log is begun again");
    }

    #[test]
    fn the_writer_is_not_asked_for_a_short_log_or_for_one_that_is_read() {
        let mut lab = Lab::new("read");
        lab.write(1);
        assert!(!lab.copier.round() && !lab.copier.rest.take(), "the log is short");
        lab.write(1);
        let reader = lab.reader();
        lab.write(LONG);
        assert!(!lab.copier.round() && !lab.copier.rest.take(), "a reader needs the log");
        drop(reader);
        lab.write(1);
        assert!(!lab.copier.round() && lab.copier.rest.take(), "no reader needs the log any more");
    }

    #[test]
    fn nothing_is_asked_for_where_nothing_was_written() {
        let mut lab = Lab::new("idle");
        lab.write(LONG);
        assert!(lab.copier.round());
        assert!(!lab.copier.round() && !lab.copier.rest.take(), "all of it was copied already");
    }
}
