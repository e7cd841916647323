//! Leases of runs: free ones are looked for, and each is taken by a statement that names the lease it was seen with.
//!
//! Where the tables are in parts, the workspaces that this process has queued runs in are looked at first, part by
//! part, so that a node which does not answer holds up no other; a look at all of them finds the rest.
//!
//! Invariant: a run is taken by one process at a time, since only one changes the lease that all of them saw.

use super::SharedState;
use super::reach;
use crate::Unavailable;
use crate::clock::Stopwatch;
use deadpool_postgres::Object;
use scrip_engine::{Timestamp, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Looks for free runs that are due on the real clock, the longest due first.
const LOOK: &str = "SELECT workspace, n, lease_until FROM queue
    WHERE test_clock IS NULL AND due_at <= $1 AND lease_until <= $1 ORDER BY due_at LIMIT $2";
/// Looks for free runs that are due on the real clock in the workspaces after one.
const LOOK_AFTER: &str = "SELECT workspace, n, lease_until FROM queue
    WHERE workspace > $3 AND test_clock IS NULL AND due_at <= $1 AND lease_until <= $1 ORDER BY workspace, n LIMIT $2";
/// Looks for free runs that are due on a test clock, the longest due first.
const LOOK_ON_CLOCK: &str = "SELECT workspace, n, lease_until FROM queue
    WHERE test_clock = $3 AND due_at <= $4 AND lease_until <= $1 ORDER BY due_at LIMIT $2";
/// Looks for free runs of some workspaces that are due on the real clock, the first of each workspace first.
const LOOK_IN: &str = "SELECT workspace, n, lease_until FROM (
    SELECT workspace, n, lease_until, due_at, row_number() OVER (PARTITION BY workspace ORDER BY due_at, n) AS place
    FROM queue WHERE workspace = ANY($3) AND test_clock IS NULL AND due_at <= $1 AND lease_until <= $1) AS free
    ORDER BY place, due_at LIMIT $2";
/// Takes runs whose leases are those that were seen.
const TAKE: &str = "UPDATE queue SET lease_until = $4, owner = $5
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (workspace, n, lease_until)
    WHERE queue.workspace = w.workspace AND queue.n = w.n AND queue.lease_until = w.lease_until
    AND queue.workspace = ANY($1) RETURNING queue.workspace, queue.n";

/// Maximum number of workspaces that are looked at together.
const TOGETHER_MAX: usize = 64;
/// Time between two looks at all parts, where there are several.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// Maximum time that one part is waited for.
const PART_PATIENCE: Duration = Duration::from_secs(1); // # assumed
/// Time for which a part that did not answer is left alone.
const PART_REST: Duration = Duration::from_secs(10); // # assumed

/// A run that was seen free: its key, and the end of its last lease.
type Free = (WorkspaceId, i64, i64);

/// Workspaces of one part in which this process has queued runs, each with the instant at which one is due.
#[derive(Default)]
struct NotedPart {
    due: BTreeMap<WorkspaceId, Timestamp>,
    /// Time since the part did not answer.
    silence: Option<Stopwatch>,
}

/// Looks of one process at the queue.
pub(super) struct Queue {
    /// Number of this process in the leases that it has.
    pub owner: i64,
    /// Workspace after which the next look begins.
    cursor: AtomicI64,
    looks: AtomicU64,
    noted: Mutex<BTreeMap<i64, NotedPart>>,
    last_scan: Mutex<Option<Stopwatch>>,
}

impl Queue {
    /// Returns the queue for a process that no other one is mistaken for.
    pub(super) fn new() -> Queue {
        Queue {
            owner: i64::from_be_bytes(crate::crypto::random()),
            cursor: AtomicI64::new(i64::MIN),
            looks: AtomicU64::default(),
            noted: Mutex::default(),
            last_scan: Mutex::default(),
        }
    }

    fn notes(&self) -> MutexGuard<'_, BTreeMap<i64, NotedPart>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a workspace of a part has a run that is due at an instant.
    pub(super) fn note(&self, part: i64, workspace: WorkspaceId, due_at: Timestamp) {
        let mut noted = self.notes();
        let due = noted.entry(part).or_default().due.entry(workspace).or_insert(due_at);
        *due = due_at.min(*due);
    }

    /// Leases runs that are due on a clock until an instant, at most `most`; returns their workspaces and numbers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn lease(
        &self,
        shared: &SharedState,
        clock: Option<(i64, Timestamp)>,
        (now, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<(WorkspaceId, u32)>, Unavailable> {
        let mut leased = Vec::new();
        if clock.is_none() && shared.parts.is_divided() {
            leased = self.lease_noted(shared, (now, until), most).await;
            if leased.len() >= most || !self.is_scan_due() {
                return Ok(leased);
            }
        }
        match self.scan(shared, clock, (now, until), most - leased.len()).await {
            Ok(more) => leased.extend(more),
            // Those that are leased already are worked on.
            Err(_) if !leased.is_empty() => {}
            Err(error) => return Err(error),
        }
        Ok(leased)
    }

    fn is_scan_due(&self) -> bool {
        let mut at = self.last_scan.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = at.is_none_or(|at| at.elapsed() >= SCAN_EVERY);
        if is_due {
            *at = Some(Stopwatch::start());
        }
        is_due
    }

    /// Leases runs of the workspaces that are noted, part by part.
    async fn lease_noted(
        &self,
        shared: &SharedState,
        instants: (Timestamp, Timestamp),
        most: usize,
    ) -> Vec<(WorkspaceId, u32)> {
        let mut leased = Vec::new();
        for (part, asked) in self.take_noted(instants.0) {
            let left = most - leased.len();
            if left == 0 {
                asked.iter().for_each(|id| self.note(part, *id, instants.0));
                continue;
            }
            let found = tokio::time::timeout(PART_PATIENCE, self.lease_in(shared, &asked, instants, left)).await;
            match found {
                Ok(Ok(found)) => {
                    // There may be more than were leased.
                    let more: BTreeSet<WorkspaceId> = found.iter().map(|(id, _)| *id).collect();
                    more.iter().for_each(|id| self.note(part, *id, instants.0));
                    leased.extend(found);
                }
                Ok(Err(_)) | Err(_) => {
                    asked.iter().for_each(|id| self.note(part, *id, instants.0));
                    self.notes().entry(part).or_default().silence = Some(Stopwatch::start());
                }
            }
        }
        leased
    }

    /// Takes workspaces with runs that are due by now off the notes, of each part that does not rest.
    fn take_noted(&self, now: Timestamp) -> Vec<(i64, Vec<WorkspaceId>)> {
        let mut noted = self.notes();
        noted.retain(|_, part| !part.due.is_empty());
        let mut taken = Vec::new();
        for (number, part) in &mut *noted {
            if part.silence.is_some_and(|silence| silence.elapsed() < PART_REST) {
                continue;
            }
            let due = part.due.iter().filter(|(_, due)| **due <= now).map(|(id, _)| *id);
            let due: Vec<WorkspaceId> = due.take(TOGETHER_MAX).collect();
            part.due.retain(|id, _| !due.contains(id));
            if !due.is_empty() {
                taken.push((*number, due));
            }
        }
        taken
    }

    async fn lease_in(
        &self,
        shared: &SharedState,
        workspaces: &[WorkspaceId],
        (now, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<(WorkspaceId, u32)>, Unavailable> {
        let client = BorrowedClient::take(shared).await?;
        let ids: Vec<i64> = workspaces.iter().map(|id| id.get()).collect();
        let look = client.prepare_cached(LOOK_IN).await?;
        let found = client.query(&look, &[&now.micros(), &(most as i64), &ids]).await?;
        let taken = self.take(&client, &read(&found), until).await?;
        client.give_back();
        Ok(taken)
    }

    /// Leases runs of any workspace: some that are due for the longest, and some of the workspaces that follow the last
    /// look, so that none waits for all the runs of another.
    async fn scan(
        &self,
        shared: &SharedState,
        clock: Option<(i64, Timestamp)>,
        (now, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<(WorkspaceId, u32)>, Unavailable> {
        let client = BorrowedClient::take(shared).await?;
        let leased = super::patiently(async {
            let free = match clock {
                Some((clock, there)) => {
                    let look = client.prepare_cached(LOOK_ON_CLOCK).await?;
                    read(&client.query(&look, &[&now.micros(), &(most as i64), &clock, &there.micros()]).await?)
                }
                None => self.look(&client, now, most).await?,
            };
            let places = shared.parts.places(&client, &free.iter().map(|(id, ..)| *id).collect::<Vec<_>>()).await?;
            let mut by_part: BTreeMap<i64, Vec<Free>> = BTreeMap::new();
            for (free, place) in free.into_iter().zip(places) {
                by_part.entry(place.part).or_default().push(free);
            }
            let mut leased = Vec::new();
            for free in by_part.values() {
                leased.extend(self.take(&client, free, until).await?);
            }
            Ok(leased)
        });
        let leased = leased.await?;
        client.give_back();
        Ok(leased)
    }

    async fn look(&self, client: &Object, now: Timestamp, most: usize) -> Result<Vec<Free>, Unavailable> {
        // Of one run, every second look begins at a workspace.
        let half = (most + (self.looks.fetch_add(1, Ordering::Relaxed) % 2) as usize) / 2;
        let look = client.prepare_cached(LOOK_AFTER).await?;
        let cursor = self.cursor.load(Ordering::Relaxed);
        let mut free = read(&client.query(&look, &[&now.micros(), &(half as i64), &cursor]).await?);
        let next = free.last().filter(|_| free.len() == half).map_or(i64::MIN, |(id, ..)| id.get());
        if half > 0 {
            self.cursor.store(next, Ordering::Relaxed);
        }
        let look = client.prepare_cached(LOOK).await?;
        let oldest = read(&client.query(&look, &[&now.micros(), &(most as i64)]).await?);
        let known: BTreeSet<(WorkspaceId, i64)> = free.iter().map(|(id, n, _)| (*id, *n)).collect();
        free.extend(oldest.into_iter().filter(|(id, n, _)| !known.contains(&(*id, *n))));
        free.truncate(most);
        Ok(free)
    }

    /// Takes free runs of one part; returns those that no other process took first.
    async fn take(
        &self,
        client: &Object,
        free: &[Free],
        until: Timestamp,
    ) -> Result<Vec<(WorkspaceId, u32)>, Unavailable> {
        if free.is_empty() {
            return Ok(Vec::new());
        }
        // Sorted in every process: of two that wait for each other's rows, the database would abort one.
        let free: BTreeSet<&Free> = free.iter().collect();
        let workspaces: Vec<i64> = free.iter().map(|(id, ..)| id.get()).collect();
        let numbers: Vec<i64> = free.iter().map(|(_, n, _)| *n).collect();
        let seen: Vec<i64> = free.iter().map(|(.., until)| *until).collect();
        let take = client.prepare_cached(TAKE).await?;
        let taken = client.query(&take, &[&workspaces, &numbers, &seen, &until.micros(), &self.owner]).await?;
        let run =
            |row: &tokio_postgres::Row| (WorkspaceId::new(row.get::<_, i64>(0) as u64), row.get::<_, i64>(1) as u32);
        Ok(taken.iter().map(run).collect())
    }
}

/// A connection for leases, closed where its caller did not wait for the end of a statement: the next one would wait
/// for it.
struct BorrowedClient(Option<Object>);

impl BorrowedClient {
    async fn take(shared: &SharedState) -> Result<BorrowedClient, Unavailable> {
        Ok(BorrowedClient(Some(reach::take(&shared.reserve).await?)))
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Deref for BorrowedClient {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.0.as_ref().expect("it is given back at the end")
    }
}

impl Drop for BorrowedClient {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

fn read(rows: &[tokio_postgres::Row]) -> Vec<Free> {
    rows.iter().map(|row| (WorkspaceId::new(row.get::<_, i64>(0) as u64), row.get(1), row.get(2))).collect()
}
