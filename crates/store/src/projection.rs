//! From entries to rows: workspaces by due time, runs and holds as they are shown, the work queue, usage by day.
//!
//! Invariant: a row depends on entries alone, so that folding them again gives the same rows (I8).

use scrip_engine::team::Spender;
use scrip_engine::{
    Amount, CancelRule, Dated, Event, Failure, Hold, HoldEvent, Line, Name, Output, OutputFile, Params, Purpose,
    RunEvent, RunStatus, Script, Timestamp, TrialUse, Unit, WorkspaceEvent, WorkspaceId, ending,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a table differs from what folding the journal again gives, in words, if it does.
pub fn difference(table: &str, missing: i64, extra: i64) -> Option<String> {
    (missing + extra > 0).then(|| {
        format!("projection {table}: {missing} rows are missing or differ, {extra} rows should not be as they are")
    })
}

/// A run as its row has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// The model.
    pub model: Name,
    /// What it makes.
    pub output: Output,
    /// What was asked of it.
    pub params: Params,
    /// The catalog version of its price.
    pub catalog: u32,
    /// What it counts.
    pub unit: Unit,
    /// The price.
    pub quoted: Amount,
    /// Its breakdown.
    pub lines: Vec<Line>,
    /// How much was asked for, in what the rate counts.
    pub asked: u64,
    /// Spent.
    pub captured: Amount,
    /// Given back.
    pub released: Amount,
    /// How it ended; `None` while it has not.
    pub status: Option<RunStatus>,
    /// What was stored.
    pub outputs: Vec<OutputFile>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The trial it used.
    pub trial: Option<TrialUse>,
    /// What cancelling it costs once it runs.
    pub cancel: CancelRule,
    /// What the sandbox is told to do.
    pub sandbox: Option<Script>,
    /// The caller's own words.
    pub metadata: BTreeMap<String, String>,
    /// The number of the key that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// How often it was handed to a worker.
    pub attempt: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was first handed to a worker.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Whether an outcome came after the end.
    pub late: bool,
}

impl RunRow {
    /// The status a caller sees.
    pub fn status_name(&self) -> &'static str {
        match self.status {
            None if self.started_at.is_none() => "queued",
            None => "running",
            Some(status) => status.name(),
        }
    }

    /// The row's text.
    pub fn body(&self) -> String {
        serde_json::to_string(self).expect("a row has no maps with other keys than text")
    }

    /// The run as its first event tells it; `None` for any other event.
    pub fn queued(at: Timestamp, event: &Event) -> Option<(u32, RunRow)> {
        let Event::Run(RunEvent::RunQueued {
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
        }) = event
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

    /// The run after a later event.
    pub fn after(mut self, at: Timestamp, event: &Event) -> RunRow {
        match event {
            Event::Run(RunEvent::RunStarted { attempt, .. }) => {
                self.attempt = *attempt;
                self.started_at.get_or_insert(at);
            }
            Event::Run(RunEvent::RunSettled { status, captured, released, outputs, error, .. }) => {
                self.status = Some(*status);
                self.captured = *captured;
                self.released = *released;
                self.outputs.clone_from(outputs);
                self.error.clone_from(error);
                self.ended_at = Some(at);
            }
            Event::Run(RunEvent::OutcomeIgnored { .. }) => self.late = true,
            _ => {}
        }
        self
    }
}

/// A caller's hold, as the entries about it tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldRow {
    /// The caller's name for it.
    pub reference: String,
    /// The model it is for.
    pub model: Option<Name>,
    /// What it counts.
    pub unit: Unit,
    /// How much.
    pub amount: Amount,
    /// Spent.
    pub captured: Amount,
    /// Given back.
    pub released: Amount,
    /// `open`, `captured`, `released` or `expired`.
    pub status: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The member or key it is for.
    pub by: Option<Spender>,
}

impl HoldRow {
    /// The hold as its first event tells it; `None` for any other event.
    pub fn opened(at: Timestamp, event: &Event) -> Option<(u32, HoldRow)> {
        let Event::Hold(HoldEvent::HoldOpened { hold, reference, model, unit, amount, expires_at, by, .. }) = event
        else {
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

    /// The hold that the first of these entries opened, as it is after all of them; `None` when none of them opens it.
    pub fn folded<'e>(n: u32, events: impl Iterator<Item = &'e Dated>) -> Option<HoldRow> {
        events.fold(None, |row, Dated(at, event)| match row {
            None => HoldRow::opened(*at, event).filter(|(opened, _)| *opened == n).map(|(_, row)| row),
            Some(row) if HoldRow::about(event) == Some(n) => Some(row.after(*at, event)),
            row => row,
        })
    }

    /// The hold that an event changes.
    fn about(event: &Event) -> Option<u32> {
        match event {
            Event::Hold(HoldEvent::HoldExtended { hold, .. } | HoldEvent::HoldEnded { hold, .. }) => Some(*hold),
            _ => None,
        }
    }

    /// A hold that was open before an entry, as it is after the entry's events; `None` for a run's.
    pub fn after_all(before: &Hold, events: &[Dated]) -> Option<HoldRow> {
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
        let events = events.iter().filter(|Dated(_, event)| HoldRow::about(event) == Some(before.n));
        Some(events.fold(row, |row, Dated(at, event)| row.after(*at, event)))
    }

    /// The hold after a later event.
    pub fn after(mut self, at: Timestamp, event: &Event) -> HoldRow {
        match event {
            Event::Hold(HoldEvent::HoldExtended { expires_at, .. }) => self.expires_at = *expires_at,
            Event::Hold(HoldEvent::HoldEnded { captured, released, .. }) => {
                self.status = ending(at, event).map_or("open", |(_, _, ending)| ending.ended_as).to_owned();
                self.captured = *captured;
                self.released = *released;
                self.ended_at = Some(at);
            }
            _ => {}
        }
        self
    }
}

/// A journal entry, as far as it is folded.
pub struct Journaled {
    /// Its place among all entries.
    pub position: i64,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Its place in the workspace.
    pub seq: u64,
    /// Of its idempotency key, where keys are looked up among the projections.
    pub key: Option<[u8; 16]>,
    /// What happened.
    pub events: Arc<[Dated]>,
    /// When the workspace next changes by itself.
    pub next_due_at: Option<i64>,
    /// The entry's hash.
    pub hash: [u8; 32],
}

/// Where a caller's hold is in the journal, and what counting it takes. The rest of it is in the entries.
#[derive(Clone, Debug)]
pub struct HoldPlace {
    /// The model it is for.
    pub model: Option<Name>,
    /// What it counts.
    pub unit: Unit,
    /// How much.
    pub amount: Amount,
    /// The number of the entry that opened it.
    pub opened: i64,
    /// Of the last one that extended it.
    pub extended: Option<i64>,
    /// Of the one that ended it.
    pub ended: Option<i64>,
}

/// A workspace and a number within it.
pub type Key = (i64, u32);

/// The rows that a batch of entries changes and that it does not make: they have to be read first.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Runs.
    pub runs: BTreeSet<Key>,
    /// Holds; some belong to runs and have no row.
    pub holds: BTreeSet<Key>,
}

impl Wanted {
    /// What these entries want.
    pub fn by(entries: &[Journaled]) -> Wanted {
        let mut wanted = Wanted::default();
        let (mut runs, mut holds) = (BTreeSet::new(), BTreeSet::new());
        for entry in entries {
            let workspace = entry.workspace.get();
            for Dated(_, event) in &*entry.events {
                match event {
                    Event::Run(RunEvent::RunQueued { run, .. }) => drop(runs.insert((workspace, *run))),
                    Event::Hold(HoldEvent::HoldOpened { hold, .. }) => drop(holds.insert((workspace, *hold))),
                    Event::Run(
                        RunEvent::RunStarted { run, .. }
                        | RunEvent::RunSettled { run, .. }
                        | RunEvent::OutcomeIgnored { run, .. },
                    ) => drop(wanted.runs.insert((workspace, *run))),
                    Event::Hold(HoldEvent::HoldExtended { hold, .. } | HoldEvent::HoldEnded { hold, .. }) => {
                        wanted.holds.insert((workspace, *hold));
                    }
                    _ => {}
                }
            }
        }
        wanted.runs.retain(|run| !runs.contains(run));
        wanted.holds.retain(|hold| !holds.contains(hold));
        wanted
    }
}

/// The rows that were read.
#[derive(Debug, Default)]
pub struct Known {
    /// Runs.
    pub runs: BTreeMap<Key, RunRow>,
    /// Holds.
    pub holds: BTreeMap<Key, HoldPlace>,
}

/// A workspace that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its number.
    pub workspace: i64,
    /// The operator's own id for it.
    pub external_id: Option<String>,
    /// The test clock it stands on.
    pub test_clock: Option<i64>,
}

/// A run that changes, and what that does to the queue.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The run.
    pub row: RunRow,
    /// The entry it last changed with.
    pub seq: u64,
    /// Whether it was queued in this batch.
    pub queued: bool,
}

/// What a day's usage of a model grows by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Runs that ended, and holds of a model that were captured.
    pub runs: i64,
    /// Runs that nothing came of.
    pub failed: i64,
    /// Spent.
    pub captured: i64,
}

/// What a batch of entries does to the rows: each is read once, folded in memory, and written once, in the order of its
/// key.
///
/// A hold that is opened and ended in one batch is one row written; a workspace that a thousand entries are about has
/// its due time written once, and only if it has changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// Workspaces that were opened, in order.
    pub opened: Vec<Opened>,
    /// Runs.
    pub runs: BTreeMap<Key, Changed>,
    /// Holds.
    pub holds: BTreeMap<Key, HoldPlace>,
    /// When each workspace next changes by itself.
    pub due: BTreeMap<i64, Option<i64>>,
    /// By workspace, day, model, unit and the key that asked, or 0.
    pub usage: BTreeMap<(i64, i64, Name, Unit, u32), Used>,
}

impl Changes {
    /// Folds entries onto the rows that they [want](Wanted).
    pub fn fold(entries: &[Journaled], known: Known) -> Changes {
        let mut fold = Fold { known, changes: Changes::default() };
        for entry in entries {
            fold.entry(entry);
        }
        fold.changes
    }
}

struct Fold {
    known: Known,
    changes: Changes,
}

impl Fold {
    fn entry(&mut self, entry: &Journaled) {
        let Journaled { seq, next_due_at, .. } = *entry;
        let workspace = entry.workspace.get();
        for Dated(at, event) in &*entry.events {
            match event {
                Event::Workspace(WorkspaceEvent::WorkspaceOpened { profile, test_clock, .. }) => {
                    // Earlier versions took U+0000, which not every database keeps.
                    let external_id = profile.external_id.as_ref().map(|id| id.replace('\0', "\u{fffd}"));
                    let test_clock = *test_clock;
                    self.changes.opened.push(Opened { workspace, external_id, test_clock });
                }
                Event::Run(RunEvent::RunQueued { .. }) => {
                    let (n, row) = RunRow::queued(*at, event).expect("the event queues a run");
                    self.changes.runs.insert((workspace, n), Changed { row, seq, queued: true });
                }
                Event::Run(
                    RunEvent::RunStarted { run, .. }
                    | RunEvent::RunSettled { run, .. }
                    | RunEvent::OutcomeIgnored { run, .. },
                ) => {
                    self.change_run((workspace, *run), seq, *at, event);
                }
                Event::Hold(HoldEvent::HoldOpened { hold, model, unit, amount, .. }) => {
                    let (model, unit, amount) = (model.clone(), *unit, *amount);
                    let opened = seq as i64;
                    let place = HoldPlace { model, unit, amount, opened, extended: None, ended: None };
                    self.changes.holds.insert((workspace, *hold), place);
                }
                Event::Hold(HoldEvent::HoldExtended { hold, .. } | HoldEvent::HoldEnded { hold, .. }) => {
                    self.change_hold((workspace, *hold), seq as i64, *at, event);
                }
                _ => {}
            }
        }
        self.changes.due.insert(workspace, next_due_at);
    }

    fn change_run(&mut self, key: Key, seq: u64, at: Timestamp, event: &Event) {
        let (row, queued) = match self.changes.runs.remove(&key) {
            Some(changed) => (Some(changed.row), changed.queued),
            None => (self.known.runs.remove(&key), false),
        };
        let Some(row) = row else { return };
        let row = row.after(at, event);
        if let Event::Run(RunEvent::RunSettled { status, captured, .. }) = event {
            let failed = matches!(status, RunStatus::Failed | RunStatus::Canceled);
            let used = Used { runs: 1, failed: i64::from(failed), captured: captured.get() };
            self.use_up(key.0, at, (row.model.clone(), row.unit, row.key.unwrap_or_default()), used);
        }
        self.changes.runs.insert(key, Changed { row, seq, queued });
    }

    fn change_hold(&mut self, key: Key, seq: i64, at: Timestamp, event: &Event) {
        let known = self.changes.holds.remove(&key).or_else(|| self.known.holds.remove(&key));
        // A run's hold has no row: the run's has it all.
        let Some(mut place) = known else { return };
        if let Event::Hold(HoldEvent::HoldEnded { captured, .. }) = event {
            // A hold is a run of its model once it is captured; what is given back was no run, and had no failure.
            let was_captured = ending(at, event).is_some_and(|(_, _, ending)| ending.ended_as == "captured");
            if was_captured {
                let runs = i64::from(place.model.is_some());
                let model = place.model.clone().unwrap_or_else(|| Name::from(""));
                self.use_up(key.0, at, (model, place.unit, 0), Used { runs, failed: 0, captured: captured.get() });
            }
            place.ended = Some(seq);
        } else {
            place.extended = Some(seq);
        }
        self.changes.holds.insert(key, place);
    }

    fn use_up(&mut self, workspace: i64, at: Timestamp, (model, unit, key): (Name, Unit, u32), more: Used) {
        let used = self.changes.usage.entry((workspace, at.day(), model, unit, key)).or_default();
        used.runs += more.runs;
        used.failed += more.failed;
        used.captured += more.captured;
    }
}
