//! `scrip verify`: replays the journal and checks every hash, every invariant and every projection.
//!
//! Invariant: the replay changes nothing, and uses no cached value and no snapshot.

mod beside;

use crate::crypto::hex;
use beside::Consequences;
use scrip_engine::{DatedEvent, Entry, Event, GrantEvent, GrantKind, Workspace, WorkspaceId, fold};
use scrip_store::integrity;
use scrip_store::journal::{GENESIS, JournalRow, digest};
use scrip_store::rows::{entries, profiles};
use scrip_store::{Store, Unavailable, panic_text};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

/// Number of entries that are read at once.
const PAGE: i64 = 5_000;
/// Maximum number of differences that are described; the rest are counted.
const NAMED_MAX: usize = 100;

/// Result of a replay of the journal.
#[derive(Debug, Default)]
pub struct Report {
    /// Number of entries that were replayed.
    pub entries: u64,
    /// Number of workspaces that they belong to.
    pub workspaces: u64,
    /// Number of holds that have not ended.
    pub open_holds: u64,
    /// Number of credits that were granted; available, held, captured, expired and revoked ones add up to it.
    pub granted: i64,
    /// Differences in words, the first hundred.
    pub differences: Vec<String>,
    /// Number of all differences, described or not.
    pub count: u64,
    /// Digest of the journal: equal on both engines for the same entries in the same order, and different otherwise.
    pub digest: [u8; 32],
    /// Position of the last entry that the digest is of.
    pub position: i64,
    /// Number of entries that could not be read at all.
    unreadable: u64,
}

impl Report {
    fn wrong(&mut self, what: String) {
        self.count += 1;
        if self.differences.len() < NAMED_MAX {
            self.differences.push(what);
        }
    }
}

/// Result of an earlier replay: the digest of the journal up to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierReplay {
    digest: String,
    position: i64,
}

impl FromStr for EarlierReplay {
    type Err = String;

    fn from_str(text: &str) -> Result<EarlierReplay, String> {
        let read = text.split_once('@').and_then(|(digest, position)| Some((digest, position.parse().ok()?)));
        let is_digest = |digest: &str| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        match read {
            Some((digest, position)) if is_digest(digest) => {
                Ok(EarlierReplay { digest: digest.to_ascii_lowercase(), position })
            }
            _ => {
                Err("it is written as `scrip verify` prints it: 64 hexadecimal digits, `@`, and a position".to_owned())
            }
        }
    }
}

impl Report {
    fn compare(&mut self, expected: &EarlierReplay, workspaces: &BTreeMap<WorkspaceId, ReplayState>) {
        let found = hex(&digest_of(workspaces));
        let EarlierReplay { digest, position } = expected;
        if found != *digest {
            self.wrong(format!("up to entry {position} the digest is {found}, and {digest} was expected"));
        }
    }
}

fn digest_of(workspaces: &BTreeMap<WorkspaceId, ReplayState>) -> [u8; 32] {
    let hash = |replayed: &ReplayState| <[u8; 32]>::try_from(&*replayed.hash).unwrap_or(GENESIS);
    digest(workspaces.iter().map(|(id, replayed)| (*id, replayed.seq, hash(replayed))))
}

struct ReplayState {
    workspace: Workspace,
    seq: u64,
    hash: Vec<u8>,
    broken: bool,
}

/// Replays the whole journal. `progress` is called with the number of replayed entries and of all.
///
/// # Errors
/// When the store cannot be read. Faults of its content are in the report.
pub async fn verify(store: &Store, progress: impl FnMut(u64, u64)) -> Result<Report, Unavailable> {
    verify_from(store, None, progress).await
}

/// Replays the whole journal, and checks that it begins with the entries of an earlier replay.
///
/// # Errors
/// When the store cannot be read.
pub async fn verify_from(
    store: &Store,
    mut expected: Option<EarlierReplay>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, Unavailable> {
    let length = entries::last_position(store.reader()).await?;
    let mut report = Report::default();
    let mut workspaces: BTreeMap<WorkspaceId, ReplayState> = BTreeMap::new();
    let mut told = Consequences::before(store, &mut report).await?;
    let mut position = 0;
    // Entries are numbered from one; an entry that was slipped in may have any number.
    let mut after = i64::MIN;
    loop {
        let rows = entries::after(store.reader(), after, PAGE).await?;
        let is_last = rows.is_empty();
        for mut row in rows {
            profiles::restore(store.reader(), &mut row).await?;
            let row = &row;
            if row.position < 1 {
                report.wrong(format!("entry {} should not be there: they are numbered from 1", row.position));
            } else if store.positions_are_dense() && row.position != position + 1 {
                report.wrong(format!("entries {} to {} are missing", position + 1, row.position - 1));
            }
            if let Some(passed) = expected.take_if(|expected| expected.position < row.position) {
                report.compare(&passed, &workspaces);
            }
            after = row.position;
            position = after.max(0);
            let fresh = || {
                let workspace = Workspace::new(row.workspace);
                ReplayState { workspace, seq: 0, hash: GENESIS.to_vec(), broken: false }
            };
            let replayed = workspaces.entry(row.workspace).or_insert_with(fresh);
            replay(replayed, row, &mut report);
            let workspace = (!replayed.broken).then_some(&replayed.workspace);
            told.entry(store, row, workspace, &mut report).await?;
            report.entries += 1;
        }
        progress(report.entries, length.max(0) as u64);
        if is_last {
            break;
        }
    }
    report.digest = digest_of(&workspaces);
    report.position = position;
    match expected {
        Some(expected) if expected.position == position => report.compare(&expected, &workspaces),
        Some(EarlierReplay { position: seen, .. }) => report.wrong(integrity::shorter(position, seen)),
        None => {}
    }
    for difference in store.end_differences(position).await? {
        report.wrong(difference);
    }
    for replayed in workspaces.values() {
        report.workspaces += 1;
        report.open_holds += replayed.workspace.holds.len() as u64;
        report.granted += replayed.workspace.sums().values().map(|sums| sums.granted.get()).sum::<i64>();
    }
    let known: BTreeSet<WorkspaceId> = workspaces.keys().copied().collect();
    told.compare(store, &known, &mut report).await?;
    if report.unreadable > 0 {
        report.wrong("the projections were not compared, since entries cannot be read".to_owned());
        return Ok(report);
    }
    if let Err(error) = store.await_projections().await {
        report.wrong(format!("the projections do not come up to the journal: {error}"));
    }
    for difference in store.projection_differences().await? {
        report.wrong(difference);
    }
    Ok(report)
}

fn replay(replayed: &mut ReplayState, row: &JournalRow, report: &mut Report) {
    let name = format!("{} entry {}", row.workspace, row.seq);
    if row.seq != replayed.workspace.seq + 1 {
        report.wrong(format!("{name}: entry {} should come next (I4)", replayed.workspace.seq + 1));
    }
    if row.previous_hash != replayed.hash {
        report.wrong(format!("{name}: it is not chained to the entry before it (I4)"));
    }
    if row.hash != row.expected_hash() {
        report.wrong(format!("{name}: its content is not what its hash says (I4)"));
    }
    replayed.hash.clone_from(&row.hash);
    replayed.seq = row.seq;
    if row.at < replayed.workspace.at {
        report.wrong(format!("{name}: its instant is before that of the entry before it (R3)"));
    }
    let entry = match row.entry() {
        Ok(entry) => entry,
        Err(error) => {
            report.unreadable += 1;
            replayed.broken = true;
            return report.wrong(format!("{name}: it cannot be read: {error}"));
        }
    };
    if replayed.broken {
        return;
    }
    if let Some(source) = find_repeated_source(&replayed.workspace, &entry) {
        report.wrong(format!("{name}: `{source}` was granted before (R7)"));
    }
    let workspace = &mut replayed.workspace;
    let folded = catch_unwind(AssertUnwindSafe(|| {
        fold(workspace, entry.at, &entry.events);
        workspace.check();
    }));
    if let Err(panic) = folded {
        replayed.broken = true;
        let what = panic_text(panic.as_ref());
        return report.wrong(format!("{name}: the workspace does not add up after it (I1 to I7): {what}"));
    }
    let next_due_at = replayed.workspace.next_due_at().map(scrip_engine::Timestamp::micros);
    if next_due_at != row.next_due_at {
        report.wrong(format!("{name}: its next due instant is stored as {:?} and is {next_due_at:?}", row.next_due_at));
    }
}

/// Returns a description of a source that an entry grants from although it was granted from before (R7).
fn find_repeated_source(workspace: &Workspace, entry: &Entry) -> Option<String> {
    let once = |kind: GrantKind| {
        matches!(kind, GrantKind::Pack | GrantKind::Lifetime | GrantKind::Trial | GrantKind::Goodwill)
    };
    entry.events.iter().find_map(|DatedEvent(_, event)| match event {
        Event::Grant(GrantEvent::GrantIssued { kind, source, .. })
            if once(*kind) && workspace.sources.contains(source) =>
        {
            Some(source.to_string())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
