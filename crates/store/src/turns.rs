//! Turns of work that takes a processor for long: reads of many rows, folds of histories, and the rendering of long
//! answers.
//!
//! A server whose cores are all in such work has none for a hold, which then waits for the end of a time slice at each
//! thread that it passes through. So such work takes turns, in the order of its arrival, on threads of its own.
//!
//! Invariant: at most half as many pieces of such work run at once as there are cores, and at least one does.

use crate::Unavailable;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// Turns of one process, shared by its clones. The threads end with the last of them.
#[derive(Clone)]
pub struct Turns(Sender<Work>);

impl Turns {
    /// Starts the threads of the turns, half as many as there are cores.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> Result<Turns, Unavailable> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Turns::on((cores / 2).max(1)).map_err(|error| Unavailable(format!("no thread for long reads: {error}")))
    }

    fn on(threads: usize) -> std::io::Result<Turns> {
        let (sender, receiver) = channel::<Work>();
        let receiver = Arc::new(Mutex::new(receiver));
        for n in 0..threads {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(format!("turn-{n}")).spawn(move || work(&receiver))?;
        }
        Ok(Turns(sender))
    }

    /// Runs a piece of work in its turn, on a thread that serves no request. The work must not wait for another turn.
    ///
    /// # Errors
    /// When the work panics.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let piece = move || {
            // Nobody waits any more when the request was given up.
            let _ = reply.send(work());
        };
        let panicked = |_| Unavailable("work in the background panicked".to_owned());
        self.0.send(Box::new(piece)).map_err(|_| Unavailable("no thread takes turns any more".to_owned()))?;
        answer.await.map_err(panicked)
    }
}

/// Runs pieces of work until every sender is gone.
fn work(receiver: &Mutex<Receiver<Work>>) {
    loop {
        let next = receiver.lock().expect("no piece of work runs while the lock is held").recv();
        let Ok(piece) = next else { return };
        // The panic is logged by the process's hook, and the answer's channel is dropped.
        let _ = catch_unwind(AssertUnwindSafe(piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::JoinSet;

    #[tokio::test]
    async fn no_more_pieces_than_threads_run_at_once_and_a_panic_ends_none() {
        let turns = Turns::on(2).expect("threads");
        let (working, highest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut pieces = JoinSet::new();
        for n in 0..64 {
            let (turns, working, highest) = (turns.clone(), Arc::clone(&working), Arc::clone(&highest));
            pieces.spawn(async move {
                let work = move || {
                    highest.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    working.fetch_sub(1, Ordering::SeqCst);
                    assert!(n % 2 == 0, "a panic on purpose");
                };
                turns.run(work).await.is_ok()
            });
        }
        let good = pieces.join_all().await.into_iter().filter(|good| *good).count();
        assert_eq!((good, highest.load(Ordering::SeqCst)), (32, 2));
    }
}
