//! The state that the server, its workers and the control API share, with the signals that wake the workers.
//!
//! Invariant: a panic under the lock leaves the state to the others.

use crate::state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// State and wake-up signals of the simulator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    state: Arc<Mutex<State>>,
    /// Wakes the delivery worker: a delivery may be due.
    pub(crate) deliver: Arc<Notify>,
    /// Wakes the time worker: a test clock may be advancing.
    pub(crate) advance: Arc<Notify>,
    /// Signals that a delivery ended.
    pub(crate) ended: Arc<Notify>,
}

impl App {
    /// Creates an `App` over a state.
    pub fn new(state: State) -> App {
        App {
            state: Arc::new(Mutex::new(state)),
            deliver: Arc::default(),
            advance: Arc::default(),
            ended: Arc::default(),
        }
    }

    /// Locks the state, for reading or for one change.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes the workers that may have work from the change.
    pub fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let done = act(&mut self.lock());
        self.deliver.notify_one();
        self.advance.notify_one();
        done
    }
}
