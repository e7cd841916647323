//! Former states of a workspace, which explanations and the audit log are made from.
//!
//! The state before an entry is a fold of all entries before it, and an old workspace has many. So its history is
//! folded once: some of its states are kept as marks, at distances that grow with its length, and a request folds from
//! the last mark before its entry. The marks are lost with the process, or when other workspaces are asked about.
//!
//! Invariant: one request at a time folds, a bounded number of entries, away from the threads that serve; then the
//! request that has waited longest has its turn. So a request about a long history delays no other by more than a turn.

use scrip_engine::{Entry, Workspace, WorkspaceId, fold, is_privileged};
use scrip_store::journal::JournalRow;
use scrip_store::rows::entries;
use scrip_store::{Store, Unavailable};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedMutexGuard, Semaphore};

/// Maximum number of entries that are folded in one turn.
const TURN_MAX: i64 = 256; // # assumed: some milliseconds
/// Maximum number of workspaces whose history is kept.
const KEPT_MAX: usize = 32; // # assumed
/// Maximum number of marks of one workspace; beyond that every other one is dropped.
const MARKS_MAX: usize = if cfg!(test) { 4 } else { 256 };
/// Number of entries between two marks at first.
const SPACING: u64 = if cfg!(test) { 2 } else { 64 };

/// Histories of the workspaces that were asked about last.
pub struct Histories {
    kept: Mutex<Cache>,
    turns: Semaphore,
}

/// Histories by workspace, with the number of the request that last asked for each.
#[derive(Default)]
struct Cache {
    requests: u64,
    histories: HashMap<WorkspaceId, (u64, Arc<tokio::sync::Mutex<History>>)>,
}

/// History of a workspace, as far as its entries were folded.
struct History {
    /// State after the last entry that was folded.
    state: Workspace,
    /// States after some of the entries before, oldest first.
    marks: Vec<Arc<Workspace>>,
    spacing: u64,
    /// Numbers of the entries that belong to the audit log.
    privileged: Vec<u64>,
}

/// An entry, with the state before it.
pub struct Moment {
    /// State of the workspace before the entry.
    pub before: Workspace,
    /// Row of the entry in the journal.
    pub row: JournalRow,
    /// Entry that the row holds.
    pub entry: Entry,
}

/// Error of a history that cannot be folded.
#[derive(Debug)]
pub enum HistoryError {
    /// The store cannot answer.
    Unavailable(Unavailable),
    /// An entry is of a form that this version cannot read.
    Unreadable(String),
}

impl From<Unavailable> for HistoryError {
    fn from(unavailable: Unavailable) -> HistoryError {
        HistoryError::Unavailable(unavailable)
    }
}

impl Default for Histories {
    fn default() -> Histories {
        Histories { kept: Mutex::default(), turns: Semaphore::new(1) }
    }
}

impl Histories {
    /// Returns an entry of a workspace, with the state before it; `None` where there is no such entry.
    ///
    /// # Errors
    /// When the store cannot answer, or an entry cannot be read.
    pub async fn moment(
        &self,
        store: &Store,
        workspace: WorkspaceId,
        seq: u64,
    ) -> Result<Option<Moment>, HistoryError> {
        let mut history = self.history(workspace).lock_owned().await;
        history = self.reach(store, history, seq).await?;
        if seq == 0 || history.state.seq < seq {
            return Ok(None);
        }
        let from = history.mark_before(seq);
        drop(history);
        self.walk(store, from, seq).await.map(Some)
    }

    /// Returns the newest entries of the audit log that come before a number, newest first, at most `most` of them.
    ///
    /// # Errors
    /// When the store cannot answer, or an entry cannot be read.
    pub async fn acts(
        &self,
        store: &Store,
        workspace: WorkspaceId,
        before: u64,
        most: usize,
    ) -> Result<Vec<Moment>, HistoryError> {
        let mut history = self.history(workspace).lock_owned().await;
        history = self.reach(store, history, u64::MAX).await?;
        let older = history.privileged.partition_point(|seq| *seq < before);
        let wanted = history.privileged[older.saturating_sub(most)..older].to_vec();
        let marks: Vec<Arc<Workspace>> = wanted.iter().map(|seq| history.mark_before(*seq)).collect();
        drop(history);
        let mut acts: Vec<Moment> = Vec::new();
        for (seq, mark) in wanted.into_iter().zip(marks) {
            // The act before may be nearer than the mark.
            let last = acts.last().map(Moment::after).filter(|last| last.seq > mark.seq).map(Arc::new);
            acts.push(self.walk(store, last.unwrap_or(mark), seq).await?);
        }
        acts.reverse();
        Ok(acts)
    }

    /// Returns the history of a workspace, and drops the one that was not asked about for longest.
    fn history(&self, workspace: WorkspaceId) -> Arc<tokio::sync::Mutex<History>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.requests += 1;
        let request = kept.requests;
        if kept.histories.len() >= KEPT_MAX && !kept.histories.contains_key(&workspace) {
            let oldest = kept.histories.iter().min_by_key(|(_, (last, _))| *last).map(|(id, _)| *id);
            oldest.and_then(|id| kept.histories.remove(&id));
        }
        let new = || (request, Arc::new(tokio::sync::Mutex::new(History::new(workspace))));
        let (last, history) = kept.histories.entry(workspace).or_insert_with(new);
        *last = request;
        Arc::clone(history)
    }

    /// Folds a history further, up to an entry or to its end.
    async fn reach(
        &self,
        store: &Store,
        mut history: OwnedMutexGuard<History>,
        seq: u64,
    ) -> Result<OwnedMutexGuard<History>, HistoryError> {
        while history.state.seq < seq {
            let (workspace, from) = (history.state.id, history.state.seq);
            let folded = self.turn(store, workspace, (from, seq), move |rows| {
                for row in &rows {
                    history.add(row)?;
                }
                Ok((history, rows.len()))
            });
            let count;
            (history, count) = folded.await?;
            if count == 0 {
                break;
            }
        }
        Ok(history)
    }

    /// Folds from a state to an entry, which must exist.
    async fn walk(&self, store: &Store, from: Arc<Workspace>, seq: u64) -> Result<Moment, HistoryError> {
        let mut state = Workspace::clone(&from);
        loop {
            let (workspace, from) = (state.id, state.seq);
            let folded = self.turn(store, workspace, (from, seq), move |rows| {
                for row in rows {
                    let entry = read(&row)?;
                    if row.seq == seq {
                        return Ok((state, Some((row, entry))));
                    }
                    fold(&mut state, entry.at, &entry.events);
                }
                Ok((state, None))
            });
            let found;
            (state, found) = folded.await?;
            match found {
                Some((row, entry)) => return Ok(Moment { before: state, row, entry }),
                None if state.seq == from => return Err(HistoryError::Unreadable(format!("{workspace} has a gap"))),
                None => {}
            }
        }
    }

    /// Calls `work` with the next entries of a workspace once it is this request's turn, on a thread that serves no
    /// requests.
    async fn turn<T: Send + 'static>(
        &self,
        store: &Store,
        workspace: WorkspaceId,
        (after, to): (u64, u64),
        work: impl FnOnce(Vec<JournalRow>) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let _turn =
            self.turns.acquire().await.map_err(|_| Unavailable("former states are no longer computed".to_owned()))?;
        let rows = entries::between(store.reader(), workspace, (after, to), TURN_MAX).await?;
        store.turns().run(move || work(rows)).await?
    }
}

impl History {
    fn new(workspace: WorkspaceId) -> History {
        History { state: Workspace::new(workspace), marks: Vec::new(), spacing: SPACING, privileged: Vec::new() }
    }

    /// Folds the next entry.
    fn add(&mut self, row: &JournalRow) -> Result<(), HistoryError> {
        let entry = read(row)?;
        fold(&mut self.state, entry.at, &entry.events);
        if is_privileged(&entry.command) {
            self.privileged.push(entry.seq);
        }
        if self.state.seq.is_multiple_of(self.spacing) {
            self.marks.push(Arc::new(self.state.clone()));
        }
        if self.marks.len() > MARKS_MAX {
            self.spacing *= 2;
            let spacing = self.spacing;
            self.marks.retain(|mark| mark.seq.is_multiple_of(spacing));
        }
        Ok(())
    }

    /// Returns the last mark before an entry.
    fn mark_before(&self, seq: u64) -> Arc<Workspace> {
        let older = self.marks.partition_point(|mark| mark.seq < seq);
        match older.checked_sub(1).and_then(|last| self.marks.get(last)) {
            Some(mark) => Arc::clone(mark),
            None => Arc::new(Workspace::new(self.state.id)),
        }
    }
}

impl Moment {
    /// Returns the state after the entry.
    pub fn after(&self) -> Workspace {
        let mut after = self.before.clone();
        fold(&mut after, self.entry.at, &self.entry.events);
        after
    }
}

fn read(row: &JournalRow) -> Result<Entry, HistoryError> {
    row.entry().map_err(|error| HistoryError::Unreadable(format!("entry {}: {error}", row.position)))
}
