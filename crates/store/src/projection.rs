//! Rows that are folded from entries: workspaces by due time, runs and holds as lists show them, the work queue, usage
//! by day.
//!
//! Invariant: a row depends on entries alone, so that folding them again gives the same rows (I8).

use scrip_engine::team::Spender;
use scrip_engine::{
    Amount, CancelRule, DatedEvent, Event, Failure, Hold, HoldEvent, Line, Name, Output, OutputFile, Params, Purpose,
    RunEvent, RunStatus, Script, Timestamp, TrialUse, Unit, WorkspaceEvent, WorkspaceId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Returns the difference between a table and the journal folded again, in words; `None` without one.
pub fn difference(table: &str, missing: i64, extra: i64) -> Option<String> {
    (missing + extra > 0).then(|| {
        format!("projection {table}: {missing} rows are missing or differ, {extra} rows should not be as they are")
    })
}

/// A run, as the body of its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// Identifier of the model.
    pub model: Name,
    /// Kind of output that the model makes.
    pub output: Output,
    /// Parameters that the run was asked with.
    pub params: Params,
    /// Number of the catalog version of its price.
    pub catalog: u32,
    /// Unit in which the run is paid.
    pub unit: Unit,
    /// Quoted price, in units.
    pub quoted: Amount,
    /// Lines of the quote, which add up to the price.
    pub lines: Vec<Line>,
    /// Quantity that was asked for, in the measure of the rate: images, seconds or calls.
    pub asked: u64,
    /// Number of units that were spent.
    pub captured: Amount,
    /// Number of units that were given back.
    pub released: Amount,
    /// Final status; `None` while the run has not ended.
    pub status: Option<RunStatus>,
    /// Output files that were stored.
    pub outputs: Vec<OutputFile>,
    /// Failure of the run, if it failed.
    pub error: Option<Failure>,
    /// Use of a trial, if the run was on one.
    pub trial: Option<TrialUse>,
    /// Rule for the charge when the run is cancelled after its start.
    pub cancel: CancelRule,
    /// Script of the sandbox, for a test run.
    pub sandbox: Option<Script>,
    /// Metadata of the caller: names and values.
    pub metadata: BTreeMap<String, String>,
    /// Number of the key that asked for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// Number of times that it was handed to a worker.
    pub attempt: u32,
    /// Instant at which the run was accepted.
    pub created_at: Timestamp,
    /// Instant at which it was first handed to a worker.
    pub started_at: Option<Timestamp>,
    /// Instant at which it ended.
    pub ended_at: Option<Timestamp>,
    /// Instant at which the run is given up.
    pub expires_at: Timestamp,
    /// `true` when an outcome arrived after the end.
    pub late: bool,
}

impl RunRow {
    /// Returns the status that the caller is shown.
    pub fn status_name(&self) -> &'static str {
        match self.status {
            None if self.started_at.is_none() => "queued",
            None => "running",
            Some(status) => status.name(),
        }
    }

    /// Returns the row's body, as JSON.
    pub fn body(&self) -> String {
        serde_json::to_string(self).expect("a row has no maps with other keys than text")
    }

    /// Returns the number and the row of a run that an event queues; `None` for any other event.
    pub fn of_event(at: Timestamp, event: &RunEvent) -> Option<(u32, RunRow)> {
        let RunEvent::RunQueued {
            run,
            model,
            output,
            params,
            catalog,
            unit,
            quoted,
            lines,
            asked,
            expires_at,
            cancel,
            trial,
            sandbox,
            metadata,
            by,
            ..
        } = event
        else {
            return None;
        };
        let row = RunRow {
            model: model.clone(),
            output: *output,
            params: params.clone(),
            catalog: *catalog,
            unit: *unit,
            quoted: *quoted,
            lines: lines.clone(),
            asked: *asked,
            captured: Amount::ZERO,
            released: Amount::ZERO,
            status: None,
            outputs: Vec::new(),
            error: None,
            trial: *trial,
            cancel: *cancel,
            sandbox: sandbox.clone(),
            metadata: metadata.clone(),
            key: by.and_then(|spender| spender.key),
            attempt: 0,
            created_at: at,
            started_at: None,
            ended_at: None,
            expires_at: *expires_at,
            late: false,
        };
        Some((*run, row))
    }

    /// Returns whether an event queues a run.
    pub fn is_queued_by(event: &Event) -> bool {
        matches!(event, Event::Run(RunEvent::RunQueued { .. }))
    }

    /// Returns the run after a later event of it.
    pub fn after(mut self, at: Timestamp, event: &RunEvent) -> RunRow {
        match event {
            RunEvent::RunStarted { attempt, .. } => {
                self.attempt = *attempt;
                self.started_at.get_or_insert(at);
            }
            RunEvent::RunSettled { status, captured, released, outputs, error, .. } => {
                self.status = Some(*status);
                self.captured = *captured;
                self.released = *released;
                self.outputs.clone_from(outputs);
                self.error.clone_from(error);
                self.ended_at = Some(at);
            }
            RunEvent::OutcomeIgnored { .. } => self.late = true,
            // The first is the row itself; the other is about a trial of the workspace.
            RunEvent::RunQueued { .. } | RunEvent::WindowWithdrawn { .. } => {}
        }
        self
    }
}

/// A caller's hold, by the entries about it.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldRow {
    /// Reference: the caller's name for the hold.
    pub reference: String,
    /// Model that the hold is for.
    pub model: Option<Name>,
    /// Unit that the hold counts.
    pub unit: Unit,
    /// Number of units that were held at first.
    pub amount: Amount,
    /// Number of units that were spent.
    pub captured: Amount,
    /// Number of units that were given back.
    pub released: Amount,
    /// Status of the hold: `open`, `captured`, `released` or `expired`.
    pub status: String,
    /// Instant at which the hold was opened.
    pub created_at: Timestamp,
    /// Instant at which the hold expires.
    pub expires_at: Timestamp,
    /// Instant at which the hold ended.
    pub ended_at: Option<Timestamp>,
    /// Member or key that the hold is for.
    pub by: Option<Spender>,
}

impl HoldRow {
    /// Returns the number and the row of a hold that an event opens; `None` for any other event.
    pub fn of_event(at: Timestamp, event: &HoldEvent) -> Option<(u32, HoldRow)> {
        let HoldEvent::HoldOpened { hold, reference, model, unit, amount, expires_at, by, .. } = event else {
            return None;
        };
        let row = HoldRow {
            reference: reference.clone(),
            model: model.clone(),
            unit: *unit,
            amount: *amount,
            captured: Amount::ZERO,
            released: Amount::ZERO,
            status: "open".to_owned(),
            created_at: at,
            expires_at: *expires_at,
            ended_at: None,
            by: *by,
        };
        Some((*hold, row))
    }

    /// Returns the hold that the first of these events opens, after all of them; `None` when none of them opens it.
    pub fn fold<'e>(n: u32, events: impl Iterator<Item = &'e DatedEvent>) -> Option<HoldRow> {
        let events = events.filter_map(|DatedEvent(at, event)| Some((*at, hold_event(event)?)));
        events.fold(None, |row, (at, event)| match row {
            None => HoldRow::of_event(at, event).filter(|(opened, _)| *opened == n).map(|(_, row)| row),
            Some(row) if HoldRow::about(event) == Some(n) => Some(row.after(at, event)),
            row => row,
        })
    }

    /// Returns the number of the hold that an event changes.
    fn about(event: &HoldEvent) -> Option<u32> {
        match event {
            HoldEvent::HoldExtended { hold, .. } | HoldEvent::HoldEnded { hold, .. } => Some(*hold),
            HoldEvent::HoldOpened { .. } => None,
        }
    }

    /// Returns a hold that was open before an entry, after the entry's events; `None` for a run's hold.
    pub fn after_all(before: &Hold, events: &[DatedEvent]) -> Option<HoldRow> {
        let Purpose::Caller { reference } = &before.purpose else { return None };
        let row = HoldRow {
            reference: reference.to_string(),
            model: before.model.clone(),
            unit: before.unit,
            amount: before.amount,
            captured: Amount::ZERO,
            released: Amount::ZERO,
            status: "open".to_owned(),
            created_at: before.opened_at,
            expires_at: before.expires_at,
            ended_at: None,
            by: before.by,
        };
        Some(events.iter().fold(row, |row, DatedEvent(at, event)| match hold_event(event) {
            Some(event) if HoldRow::about(event) == Some(before.n) => row.after(*at, event),
            _ => row,
        }))
    }

    /// Returns the hold after a later event of it.
    pub fn after(mut self, at: Timestamp, event: &HoldEvent) -> HoldRow {
        match event {
            HoldEvent::HoldExtended { expires_at, .. } => self.expires_at = *expires_at,
            HoldEvent::HoldEnded { captured, released, .. } => {
                self.status = event.end_status().unwrap_or("open").to_owned();
                self.captured = *captured;
                self.released = *released;
                self.ended_at = Some(at);
            }
            HoldEvent::HoldOpened { .. } => {}
        }
        self
    }
}

/// Returns the event of a hold; `None` for an event of any other subject.
fn hold_event(event: &Event) -> Option<&HoldEvent> {
    if let Event::Hold(event) = event { Some(event) } else { None }
}

/// The columns of a journal entry that folding needs.
pub struct JournalEntry {
    /// Position of the entry among all entries.
    pub position: i64,
    /// Identifier of the workspace.
    pub workspace: WorkspaceId,
    /// Number of the entry in its workspace.
    pub seq: u64,
    /// Hash of its idempotency key, where keys are indexed among the projections.
    pub key: Option<[u8; 16]>,
    /// Events of the entry, each with its instant.
    pub events: Arc<[DatedEvent]>,
    /// Instant of the workspace's next change by itself, in microseconds.
    pub next_due_at: Option<i64>,
    /// Hash of the entry.
    pub hash: [u8; 32],
}

/// Entries of a caller's hold in the journal, and the values that usage is counted by. All other values are in the
/// entries.
#[derive(Clone, Debug)]
pub struct HoldPlace {
    /// Model that the hold is for.
    pub model: Option<Name>,
    /// Unit that the hold counts.
    pub unit: Unit,
    /// Number of units that were held.
    pub amount: Amount,
    /// Number of the entry that opened the hold.
    pub opened: i64,
    /// Number of the last entry that extended the hold.
    pub extended: Option<i64>,
    /// Number of the entry that ended the hold.
    pub ended: Option<i64>,
}

/// Identifier of a workspace and a number within it.
pub type Key = (i64, u32);

/// Rows that a batch of entries changes and does not make: they must be read first.
#[derive(Debug, Default)]
pub struct RowKeys {
    /// Keys of the runs to read.
    pub runs: BTreeSet<Key>,
    /// Keys of the holds to read; some belong to runs and have no row.
    pub holds: BTreeSet<Key>,
}

impl RowKeys {
    /// Returns the keys of the rows that these entries change.
    pub fn by(entries: &[JournalEntry]) -> RowKeys {
        let mut wanted = RowKeys::default();
        let (mut runs, mut holds) = (BTreeSet::new(), BTreeSet::new());
        for entry in entries {
            let workspace = entry.workspace.get();
            for DatedEvent(_, event) in &*entry.events {
                match event {
                    Event::Run(event) => match event {
                        RunEvent::RunQueued { run, .. } => drop(runs.insert((workspace, *run))),
                        RunEvent::RunStarted { run, .. }
                        | RunEvent::RunSettled { run, .. }
                        | RunEvent::OutcomeIgnored { run, .. } => drop(wanted.runs.insert((workspace, *run))),
                        RunEvent::WindowWithdrawn { .. } => {}
                    },
                    Event::Hold(event) => match event {
                        HoldEvent::HoldOpened { hold, .. } => drop(holds.insert((workspace, *hold))),
                        HoldEvent::HoldExtended { hold, .. } | HoldEvent::HoldEnded { hold, .. } => {
                            wanted.holds.insert((workspace, *hold));
                        }
                    },
                    Event::Workspace(_)
                    | Event::Plan(_)
                    | Event::Grant(_)
                    | Event::Payment(_)
                    | Event::TopUp(_)
                    | Event::Review(_)
                    | Event::Team(_)
                    | Event::Notice(_) => {}
                }
            }
        }
        wanted.runs.retain(|run| !runs.contains(run));
        wanted.holds.retain(|hold| !holds.contains(hold));
        wanted
    }
}

/// Rows that were read before a batch is folded.
#[derive(Debug, Default)]
pub struct KnownRows {
    /// Runs by their key.
    pub runs: BTreeMap<Key, RunRow>,
    /// Holds by their key.
    pub holds: BTreeMap<Key, HoldPlace>,
}

/// A workspace that was opened in a batch.
#[derive(Clone, Debug)]
pub struct OpenedWorkspace {
    /// Identifier of the workspace, as a number.
    pub workspace: i64,
    /// Operator's own identifier of the workspace.
    pub external_id: Option<String>,
    /// Test clock that the workspace stands on.
    pub test_clock: Option<i64>,
    /// Instant of the opening.
    pub at: Timestamp,
}

/// A run that changes, and its effect on the queue.
#[derive(Clone, Debug)]
pub struct ChangedRun {
    /// Row of the run after the batch.
    pub row: RunRow,
    /// Number of the entry that last changed the run.
    pub seq: u64,
    /// `true` when the run was queued in this batch.
    pub queued: bool,
}

/// Increase of a day's usage of a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsageIncrease {
    /// Number of runs that ended, and of captured holds of a model.
    pub runs: i64,
    /// Number of runs that failed.
    pub failed: i64,
    /// Number of units that were spent.
    pub captured: i64,
}

/// Effect of a batch of entries on the rows of its workspaces, which depends on no other row.
#[derive(Debug, Default)]
pub struct Moves {
    /// Workspaces that were opened, in order.
    pub opened: Vec<OpenedWorkspace>,
    /// Each workspace's last numbers and due instant.
    pub moved: BTreeMap<i64, Move>,
}

/// Effect of a batch of entries on the row of one workspace.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// Number of the workspace's first entry in the batch.
    pub first: i64,
    /// Number of the workspace's last entry in the batch.
    pub last: i64,
    /// Next instant at which the workspace changes by itself, in microseconds.
    pub next_due_at: Option<i64>,
}

impl Moves {
    /// Returns the effect of entries, in which those of one workspace follow each other.
    pub fn by(entries: &[JournalEntry]) -> Moves {
        let mut moves = Moves::default();
        for JournalEntry { workspace, seq, next_due_at, events, .. } in entries {
            let (workspace, last, next_due_at) = (workspace.get(), *seq as i64, *next_due_at);
            let first = moves.moved.get(&workspace).map_or(last, |before| before.first);
            moves.moved.insert(workspace, Move { first, last, next_due_at });
            moves.opened.extend(events.iter().filter_map(|event| OpenedWorkspace::by(workspace, event)));
        }
        moves
    }
}

impl OpenedWorkspace {
    /// Returns the workspace that an event opens; `None` for any other event.
    fn by(workspace: i64, DatedEvent(at, event): &DatedEvent) -> Option<OpenedWorkspace> {
        let Event::Workspace(WorkspaceEvent::WorkspaceOpened { profile, test_clock, .. }) = event else { return None };
        // Earlier versions accepted U+0000, which PostgreSQL does not store.
        let external_id = profile.external_id.as_ref().map(|id| id.replace('\0', "\u{fffd}"));
        Some(OpenedWorkspace { workspace, external_id, test_clock: *test_clock, at: *at })
    }
}

/// Effect of a batch of entries on runs, holds and usage: each row is read once, folded in memory, and written once, in
/// the order of its key. A hold that is opened and ended in one batch is written once.
#[derive(Debug, Default)]
pub struct Changes {
    /// Changed runs by their key.
    pub runs: BTreeMap<Key, ChangedRun>,
    /// Changed holds by their key.
    pub holds: BTreeMap<Key, HoldPlace>,
    /// Usage by workspace, day, model, unit and the number of the key that asked, or 0.
    pub usage: BTreeMap<(i64, i64, Name, Unit, u32), UsageIncrease>,
}

impl Changes {
    /// Folds entries onto the rows that they [want](RowKeys).
    pub fn fold(entries: &[JournalEntry], known: KnownRows) -> Changes {
        let mut fold = Fold { known, changes: Changes::default() };
        for entry in entries {
            fold.entry(entry);
        }
        fold.changes
    }
}

struct Fold {
    known: KnownRows,
    changes: Changes,
}

impl Fold {
    fn entry(&mut self, entry: &JournalEntry) {
        let seq = entry.seq;
        let workspace = entry.workspace.get();
        for DatedEvent(at, event) in &*entry.events {
            match event {
                Event::Run(event) => self.change_run(workspace, seq, *at, event),
                Event::Hold(event) => self.change_hold(workspace, seq as i64, *at, event),
                Event::Workspace(_)
                | Event::Plan(_)
                | Event::Grant(_)
                | Event::Payment(_)
                | Event::TopUp(_)
                | Event::Review(_)
                | Event::Team(_)
                | Event::Notice(_) => {}
            }
        }
    }

    fn change_run(&mut self, workspace: i64, seq: u64, at: Timestamp, event: &RunEvent) {
        match event {
            RunEvent::RunQueued { .. } => {
                let (n, row) = RunRow::of_event(at, event).expect("the event queues a run");
                self.changes.runs.insert((workspace, n), ChangedRun { row, seq, queued: true });
            }
            RunEvent::RunStarted { run, .. } | RunEvent::OutcomeIgnored { run, .. } => {
                self.update_run((workspace, *run), seq, at, event);
            }
            RunEvent::RunSettled { run, status, captured, .. } => {
                let key = (workspace, *run);
                self.update_run(key, seq, at, event);
                let Some(row) = self.changes.runs.get(&key).map(|changed| &changed.row) else { return };
                let what = (row.model.clone(), row.unit, row.key.unwrap_or_default());
                let failed = matches!(status, RunStatus::Failed | RunStatus::Canceled);
                self.use_up(
                    workspace,
                    at,
                    what,
                    UsageIncrease { runs: 1, failed: i64::from(failed), captured: captured.get() },
                );
            }
            RunEvent::WindowWithdrawn { .. } => {}
        }
    }

    /// Puts the row of a run after an event among the changes; a run that is not known has no row.
    fn update_run(&mut self, key: Key, seq: u64, at: Timestamp, event: &RunEvent) {
        let (row, queued) = match self.changes.runs.remove(&key) {
            Some(changed) => (Some(changed.row), changed.queued),
            None => (self.known.runs.remove(&key), false),
        };
        if let Some(row) = row {
            self.changes.runs.insert(key, ChangedRun { row: row.after(at, event), seq, queued });
        }
    }

    fn change_hold(&mut self, workspace: i64, seq: i64, at: Timestamp, event: &HoldEvent) {
        match event {
            HoldEvent::HoldOpened { hold, model, unit, amount, .. } => {
                let (model, unit, amount) = (model.clone(), *unit, *amount);
                let place = HoldPlace { model, unit, amount, opened: seq, extended: None, ended: None };
                self.changes.holds.insert((workspace, *hold), place);
            }
            HoldEvent::HoldExtended { hold, .. } => {
                self.update_hold((workspace, *hold), |place| place.extended = Some(seq));
            }
            HoldEvent::HoldEnded { hold, captured, .. } => {
                let place = self.update_hold((workspace, *hold), |place| place.ended = Some(seq));
                // A hold counts as a run of its model once it is captured; a released one was no run, and no failure.
                if let Some(place) = place.filter(|_| event.end_status() == Some("captured")) {
                    let runs = i64::from(place.model.is_some());
                    let model = place.model.unwrap_or_else(|| Name::from(""));
                    let used = UsageIncrease { runs, failed: 0, captured: captured.get() };
                    self.use_up(workspace, at, (model, place.unit, 0), used);
                }
            }
        }
    }

    /// Changes the row of a hold and returns it; `None` for a run's hold, whose amounts the run's row has.
    fn update_hold(&mut self, key: Key, change: impl FnOnce(&mut HoldPlace)) -> Option<HoldPlace> {
        let known = self.changes.holds.remove(&key).or_else(|| self.known.holds.remove(&key));
        let mut place = known?;
        change(&mut place);
        self.changes.holds.insert(key, place.clone());
        Some(place)
    }

    fn use_up(&mut self, workspace: i64, at: Timestamp, (model, unit, key): (Name, Unit, u32), more: UsageIncrease) {
        let used = self.changes.usage.entry((workspace, at.day(), model, unit, key)).or_default();
        used.runs += more.runs;
        used.failed += more.failed;
        used.captured += more.captured;
    }
}
