//! Workspaces that have something due soon, in memory: those that this process has changed, and those that a look at
//! all of them finds, which looks some seconds ahead.
//!
//! Invariant: a due instant is a hint; the engine decides whether anything is due, and a tick too many changes nothing.

use super::SharedState;
use super::{patiently, reach};
use crate::Unavailable;
use scrip_engine::{Timestamp, WorkspaceId};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reads workspaces on the real clock that have something due by an instant, the longest due first.
pub(super) const LOOK: &str = "SELECT workspace, next_due_at FROM workspaces
    WHERE test_clock IS NULL AND next_due_at <= $1 ORDER BY next_due_at LIMIT $2";
/// Time between two looks, and the time that each looks ahead, in microseconds.
const AHEAD_MICROS: i64 = 5_000_000;
/// Maximum number of workspaces that a look finds. More are found by the next one, which follows at once.
const FOUND_MAX: usize = 4_096;

#[derive(Default)]
struct Schedule {
    due_at: HashMap<WorkspaceId, Timestamp>,
    in_order: BTreeSet<(Timestamp, WorkspaceId)>,
    /// Instant up to which the last look has found all.
    looked_to: Option<Timestamp>,
}

impl Schedule {
    fn put(&mut self, workspace: WorkspaceId, due_at: Option<Timestamp>) {
        let before = match due_at {
            Some(due_at) => self.due_at.insert(workspace, due_at),
            None => self.due_at.remove(&workspace),
        };
        if let Some(before) = before {
            self.in_order.remove(&(before, workspace));
        }
        self.in_order.extend(due_at.map(|due_at| (due_at, workspace)));
    }

    fn take(&mut self, now: Timestamp, most: usize) -> Vec<WorkspaceId> {
        let due = self.in_order.range(..=(now, WorkspaceId::new(u64::MAX))).take(most);
        let due: Vec<WorkspaceId> = due.map(|(_, workspace)| *workspace).collect();
        due.iter().for_each(|workspace| self.put(*workspace, None));
        due
    }
}

/// Due instants that one process knows.
#[derive(Default)]
pub(super) struct DueTimes(Mutex<Schedule>);

impl DueTimes {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes when a workspace on the real clock has something due next. An instant that a later look finds in time is
    /// not kept.
    pub(super) fn note(&self, workspace: WorkspaceId, due_at: Option<Timestamp>, now: Timestamp) {
        let soon = now.after_micros(2 * AHEAD_MICROS);
        self.schedule().put(workspace, due_at.filter(|due_at| *due_at <= soon));
    }

    /// Takes workspaces that have something due by now, at most `most`.
    ///
    /// # Errors
    /// When the database does not answer, and nothing is known to be due.
    pub(super) async fn take(
        &self,
        shared: &SharedState,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<WorkspaceId>, Unavailable> {
        let is_looked_at = self.schedule().looked_to.is_some_and(|to| to >= now);
        let looked = if is_looked_at { Ok(()) } else { self.look(shared, now).await };
        let due = self.schedule().take(now, most);
        match looked {
            Err(error) if due.is_empty() => Err(error),
            _ => Ok(due),
        }
    }

    async fn look(&self, shared: &SharedState, now: Timestamp) -> Result<(), Unavailable> {
        let to = now.after_micros(AHEAD_MICROS);
        let client = reach::take(&shared.reserve).await?;
        let look = async {
            Ok(client.query(&client.prepare_cached(LOOK).await?, &[&to.micros(), &(FOUND_MAX as i64)]).await?)
        };
        let found = patiently(look).await?;
        let mut schedule = self.schedule();
        for row in &found {
            let workspace = WorkspaceId::new(row.get::<_, i64>(0) as u64);
            schedule.put(workspace, Some(Timestamp::from_micros(row.get(1))));
        }
        // Where there may be more, the next call looks again.
        schedule.looked_to = (found.len() < FOUND_MAX).then_some(to);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn each_workspace_is_taken_once_when_it_is_due_and_by_its_newest_instant() {
        let times = DueTimes::default();
        let [one, two, three] = [1, 2, 3].map(WorkspaceId::new);
        times.note(one, Some(at(3)), at(0));
        times.note(two, Some(at(1)), at(0));
        times.note(three, Some(at(60)), at(0));
        times.note(one, Some(at(2)), at(0));
        let mut schedule = times.schedule();
        assert_eq!(schedule.take(at(0), 8), []);
        assert_eq!(schedule.take(at(2), 1), [two]);
        assert_eq!(schedule.take(at(2), 8), [one]);
        assert_eq!(schedule.take(at(100), 8), [], "what is due in a minute is found by a look");
        assert!(schedule.due_at.is_empty() && schedule.in_order.is_empty());
    }
}
