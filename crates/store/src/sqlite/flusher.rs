//! Thread that makes the transactions of the journal's thread durable, and then answers: one flush for all the
//! transactions that were written during the flush before.
//!
//! Invariant: neither a caller nor the projections get an entry before it is on the disk.

use super::jobs::Answer;
use super::projector::{self, Snapshot};
use crate::Unavailable;
use crate::projection::JournalEntry;
use scrip_engine::Catalogs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// Maximum number of entries that the projector is sent in memory; beyond that it reads them from the journal.
const HEARD_MAX: i64 = 65_536;
/// Maximum number of transactions that wait for one flush.
const WAITING_MAX: usize = 64;

/// A transaction that is in the log but perhaps not on the disk.
pub(super) struct UnflushedTransaction {
    /// `true` when the transaction wrote something. One that only read waits for the writes before it, and for no
    /// flush.
    pub writes: bool,
    /// Position of the last entry.
    pub position: i64,
    pub answers: Vec<Answer>,
    pub written: Vec<JournalEntry>,
    pub snapshots: Vec<Snapshot>,
    /// `true` when the thread dies after the flush, before it answers; for tests of recovery.
    pub dies: bool,
}

/// Flushes transactions and answers their callers.
pub(super) struct Flusher {
    flush: Box<dyn Fn() -> io::Result<()> + Send>,
    committed: watch::Sender<i64>,
    projector: SyncSender<projector::Job>,
    projected: watch::Receiver<i64>,
    catalogs: Arc<RwLock<Arc<Catalogs>>>,
}

impl Flusher {
    /// Opens the log of a journal, and flushes the rest that a killed process may have left in it.
    pub(super) fn open(
        journal: &Path,
        committed: watch::Sender<i64>,
        projector: (SyncSender<projector::Job>, watch::Receiver<i64>),
        catalogs: Arc<RwLock<Arc<Catalogs>>>,
    ) -> Result<Flusher, Unavailable> {
        let mut name = journal.as_os_str().to_owned();
        name.push("-wal");
        let flushed = File::open(&name).and_then(|log| {
            log.sync_data()?;
            // The log may have just been made: its name must be on the disk as well.
            File::open(journal.parent().unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(log)
        });
        let log = flushed.map_err(|error| Unavailable(format!("{}: {error}", Path::new(&name).display())))?;
        let (projector, projected) = projector;
        Ok(Flusher { flush: Box::new(move || log.sync_data()), committed, projector, projected, catalogs })
    }

    /// Flushes once for all these transactions, and answers the callers that wait for them; `false` when one of them is
    /// the end.
    pub(super) fn finish(&self, transactions: Vec<UnflushedTransaction>) -> bool {
        if transactions.iter().any(|transaction| transaction.writes)
            && let Err(error) = (self.flush)()
        {
            stop_process(&error);
        }
        transactions.into_iter().all(|transaction| !transaction.dies && self.tell(transaction))
    }

    fn tell(&self, transaction: UnflushedTransaction) -> bool {
        let UnflushedTransaction { position, answers, written, snapshots, .. } = transaction;
        for snapshot in snapshots {
            // A snapshot that finds no room in the queue is replaced by the next one of its workspace.
            let _ = self.projector.try_send(projector::Job::Snapshot(snapshot));
        }
        if *self.committed.borrow() != position {
            self.committed.send_replace(position);
            // A projector that is far behind, or whose queue is full, reads the journal itself.
            let heard = position - *self.projected.borrow() <= HEARD_MAX;
            let written = if heard { written } else { Vec::new() };
            let _ = self.projector.try_send(projector::Job::Written(written));
        }
        for answer in answers {
            self.answer(answer);
        }
        true
    }

    fn answer(&self, answer: Answer) {
        // The caller may have stopped waiting; its reply is then dropped.
        match answer {
            Answer::Submit(reply, result) => drop(reply.send(result)),
            Answer::SubmitMany(reply, results) => drop(reply.send(results)),
            Answer::Read(reply, result) => drop(reply.send(result)),
            Answer::Now(reply, now) => drop(reply.send(Ok(now))),
            Answer::Write(reply, result) => drop(reply.send(result)),
            Answer::Take(reply, result) => drop(reply.send(result)),
            Answer::Spend(reply, result) => drop(reply.send(result)),
            Answer::Clock(reply, result) => drop(reply.send(result.map(|_| ()))),
            Answer::Publish(reply, result, catalogs) => {
                if let Some(catalogs) = catalogs {
                    *self.catalogs.write().expect("no thread panics while it publishes") = catalogs;
                }
                drop(reply.send(result));
            }
        }
    }
}

/// Stops the process after a failed flush: the content of the disk is then unknown, and only a new start reads it.
pub(super) fn stop_process(error: &dyn std::fmt::Display) -> ! {
    tracing::error!(%error, "the disk did not confirm a flush; stopping");
    std::process::exit(70);
}

/// Place to which the journal's thread hands its transactions.
pub(super) enum FlushMode {
    /// A thread of its own flushes while the journal's thread goes on deciding.
    Beside(Option<SyncSender<UnflushedTransaction>>, Option<JoinHandle<()>>),
    /// The journal's thread waits for each flush itself.
    Here(Flusher),
}

impl FlushMode {
    /// Starts the thread that flushes.
    pub(super) fn beside(flusher: Flusher) -> io::Result<FlushMode> {
        let (sender, waiting) = sync_channel(WAITING_MAX);
        let run = move || {
            while let Some(transactions) = gather(&waiting) {
                if !flusher.finish(transactions) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("flusher".to_owned()).spawn(run)?;
        Ok(FlushMode::Beside(Some(sender), Some(thread)))
    }

    /// Takes a transaction over; returns `false` when the thread that flushes has ended.
    pub(super) fn take(&self, transaction: UnflushedTransaction) -> bool {
        match self {
            FlushMode::Beside(sender, _) => sender.as_ref().is_some_and(|sender| sender.send(transaction).is_ok()),
            FlushMode::Here(flusher) => flusher.finish(vec![transaction]),
        }
    }
}

impl Drop for FlushMode {
    /// Waits until every transaction is flushed and answered.
    fn drop(&mut self) {
        let FlushMode::Beside(sender, thread) = self else { return };
        *sender = None;
        if let Some(Err(_)) = thread.take().map(JoinHandle::join) {
            tracing::error!("the flusher had panicked");
        }
    }
}

/// Returns all waiting transactions, once there is one; `None` when no sender is left.
fn gather(waiting: &Receiver<UnflushedTransaction>) -> Option<Vec<UnflushedTransaction>> {
    let first = waiting.recv().ok()?;
    Some([first].into_iter().chain(waiting.try_iter()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use tokio::sync::oneshot;

    /// Returns a transaction with one answer, and the receiver of that answer.
    fn written_transaction(position: i64) -> (UnflushedTransaction, oneshot::Receiver<Result<usize, Unavailable>>) {
        let (reply, answer) = oneshot::channel();
        let answers = vec![Answer::Write(reply, Ok(1))];
        let (written, snapshots) = (Vec::new(), Vec::new());
        (UnflushedTransaction { writes: true, position, answers, written, snapshots, dies: false }, answer)
    }

    /// Returns a flusher whose every flush signals its beginning and waits for permission to end, and the flusher's
    /// signals.
    fn gated_flusher() -> (Flusher, Receiver<()>, SyncSender<()>, watch::Receiver<i64>) {
        let ((began, begins), (ends, end)) = (channel(), sync_channel(8));
        let flush = move || {
            began.send(()).map_err(io::Error::other)?;
            end.recv().map_err(io::Error::other)
        };
        let (sender, committed) = watch::channel(0);
        let projected = watch::channel(0).1;
        let flusher = Flusher {
            flush: Box::new(flush),
            committed: sender,
            projector: sync_channel(8).0,
            projected,
            catalogs: Arc::default(),
        };
        (flusher, begins, ends, committed)
    }

    #[test]
    fn nobody_hears_of_an_entry_before_its_flush_and_those_that_gather_meanwhile_share_the_next_one() {
        let (flusher, begins, ends, committed) = gated_flusher();
        let flushing = FlushMode::beside(flusher).expect("a thread");
        let (first, mut told_first) = written_transaction(1);
        assert!(flushing.take(first));
        begins.recv().expect("the first flush");
        let (more, mut told): (Vec<_>, Vec<_>) = (2..=4).map(written_transaction).unzip();
        assert!(more.into_iter().all(|more| flushing.take(more)));
        assert!(told_first.try_recv().is_err(), "the first was told before its flush");
        assert_eq!(*committed.borrow(), 0, "the projections were told before the flush");
        ends.send(()).expect("the first flush ends");
        begins.recv().expect("the second flush");
        assert!(told_first.try_recv().is_ok(), "the first was not told after its flush");
        assert!(told.iter_mut().all(|told| told.try_recv().is_err()), "one was told before its flush");
        assert_eq!(*committed.borrow(), 1);
        ends.send(()).expect("the second flush ends");
        drop(flushing);
        assert!(told.iter_mut().all(|told| told.try_recv().is_ok()), "one was not told after its flush");
        assert_eq!(*committed.borrow(), 4);
        assert!(begins.try_recv().is_err(), "three transactions shared one flush");
    }

    #[test]
    fn what_was_only_read_waits_for_what_was_written_before_it() {
        let (flusher, begins, ends, _) = gated_flusher();
        let flushing = FlushMode::beside(flusher).expect("a thread");
        let (write, _told) = written_transaction(1);
        assert!(flushing.take(write));
        begins.recv().expect("a flush");
        let (mut read, mut told) = written_transaction(1);
        read.writes = false;
        assert!(flushing.take(read));
        assert!(told.try_recv().is_err(), "it was told of a write that is not on the disk");
        ends.send(()).expect("the flush ends");
        drop(flushing);
        assert!(told.try_recv().is_ok() && begins.try_recv().is_err(), "a read needs no flush of its own");
    }
}
