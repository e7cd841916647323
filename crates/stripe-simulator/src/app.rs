//! What the server, its workers and the control API share: the state, and who is woken when it changes.
//!
//! Invariant: a panic under the lock leaves the state to the others.

use crate::state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What the server and its workers share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    state: Arc<Mutex<State>>,
    /// There may be something to deliver.
    pub(crate) deliver: Arc<Notify>,
    /// A test clock may be advancing.
    pub(crate) advance: Arc<Notify>,
    /// A delivery ended.
    pub(crate) ended: Arc<Notify>,
}

impl App {
    /// Over a state.
    pub fn new(state: State) -> App {
        App {
            state: Arc::new(Mutex::new(state)),
            deliver: Arc::default(),
            advance: Arc::default(),
            ended: Arc::default(),
        }
    }

    /// The state, for reading or for one change.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the state, and wakes whoever has work from it.
    pub fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let done = act(&mut self.lock());
        self.deliver.notify_one();
        self.advance.notify_one();
        done
    }
}
