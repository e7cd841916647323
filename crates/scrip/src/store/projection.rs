//! From entries to rows: workspaces by due time, runs and holds as they are shown, the work queue, usage by day.
//!
//! Invariant: a row depends on entries alone, so that folding them again gives the same rows.

use rusqlite::{Connection, OptionalExtension, Transaction};
use scrip_engine::{
    Amount, CancelRule, Dated, Event, Failure, Hold, Line, Name, Output, OutputFile, Params, Purpose, RunStatus,
    Script, Timestamp, TrialUse, Unit, WorkspaceId,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::sync::Arc;

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
            Some(RunStatus::Succeeded) => "succeeded",
            Some(RunStatus::Partial) => "partial",
            Some(RunStatus::Failed) => "failed",
            Some(RunStatus::Canceled) => "canceled",
        }
    }

    /// The run as its first event tells it; `None` for any other event.
    pub fn queued(at: Timestamp, event: &Event) -> Option<(u32, RunRow)> {
        let Event::RunQueued {
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
            Event::RunStarted { attempt, .. } => {
                self.attempt = *attempt;
                self.started_at.get_or_insert(at);
            }
            Event::RunSettled { status, captured, released, outputs, error, .. } => {
                self.status = Some(*status);
                self.captured = *captured;
                self.released = *released;
                self.outputs.clone_from(outputs);
                self.error.clone_from(error);
                self.ended_at = Some(at);
            }
            Event::OutcomeIgnored { .. } => self.late = true,
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
}

impl HoldRow {
    /// The hold as its first event tells it; `None` for any other event.
    pub fn opened(at: Timestamp, event: &Event) -> Option<(u32, HoldRow)> {
        let Event::HoldOpened { hold, reference, model, unit, amount, expires_at, .. } = event else { return None };
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
            Event::HoldExtended { hold, .. } | Event::HoldEnded { hold, .. } => Some(*hold),
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
        };
        let events = events.iter().filter(|Dated(_, event)| HoldRow::about(event) == Some(before.n));
        Some(events.fold(row, |row, Dated(at, event)| row.after(*at, event)))
    }

    /// What a hold of so much is after an event that ends it; `open` after any other.
    fn ending(amount: Amount, event: &Event) -> &'static str {
        let Event::HoldEnded { captured, expired, .. } = event else { return "open" };
        match (expired, captured.is_zero() && !amount.is_zero()) {
            (true, _) => "expired",
            (false, true) => "released",
            (false, false) => "captured",
        }
    }

    /// The hold after a later event.
    pub fn after(mut self, at: Timestamp, event: &Event) -> HoldRow {
        match event {
            Event::HoldExtended { expires_at, .. } => self.expires_at = *expires_at,
            Event::HoldEnded { captured, released, .. } => {
                self.status = HoldRow::ending(self.amount, event).to_owned();
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
    /// What happened.
    pub events: Arc<[Dated]>,
    /// When the workspace next changes by itself.
    pub next_due_at: Option<i64>,
    /// The entry's hash.
    pub hash: [u8; 32],
}

/// Where a caller's hold is in the journal, and what counting it takes. The rest of it is in the entries.
struct HoldPlace {
    model: Option<Name>,
    unit: Unit,
    amount: Amount,
    opened: i64,
    extended: Option<i64>,
    ended: Option<i64>,
}

/// The rows that a batch of entries changes: each is read once, folded in memory, and written once, in the order of its
/// key.
///
/// A hold that is opened and ended in one batch is one row written; a workspace that a thousand entries are about has
/// its due time written once, and only if it has changed.
pub struct Fold<'t> {
    rows: &'t Transaction<'t>,
    places: Vec<(i64, i64, i64)>,
    runs: BTreeMap<(i64, u32), Changed>,
    holds: BTreeMap<(i64, u32), HoldPlace>,
    due: BTreeMap<i64, Option<i64>>,
    usage: BTreeMap<(i64, i64, Name, Unit), Used>,
}

/// A run that changes, and what that does to the queue.
struct Changed {
    row: RunRow,
    seq: u64,
    queued: bool,
}

/// What a day's usage of a model grows by.
#[derive(Default)]
struct Used {
    runs: i64,
    failed: i64,
    captured: i64,
}

impl<'t> Fold<'t> {
    /// Starts with nothing changed.
    pub fn new(rows: &'t Transaction<'t>) -> Fold<'t> {
        let (runs, holds) = (BTreeMap::new(), BTreeMap::new());
        Fold { rows, places: Vec::new(), runs, holds, due: BTreeMap::new(), usage: BTreeMap::new() }
    }

    /// Folds one entry.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn entry(&mut self, entry: &Journaled) -> Result<(), rusqlite::Error> {
        let Journaled { position, seq, next_due_at, .. } = *entry;
        let workspace = entry.workspace.get();
        self.places.push((workspace, seq as i64, position));
        for Dated(at, event) in &*entry.events {
            match event {
                Event::WorkspaceOpened { profile, test_clock, .. } => {
                    let sql =
                        "INSERT OR REPLACE INTO workspaces (workspace, opened, external_id, test_clock, next_due_at)
                               VALUES (?1, (SELECT COALESCE(MAX(opened), 0) + 1 FROM workspaces), ?2, ?3, NULL)";
                    self.rows.prepare_cached(sql)?.execute((workspace, &profile.external_id, test_clock))?;
                }
                Event::RunQueued { .. } => {
                    let (n, row) = RunRow::queued(*at, event).expect("the event queues a run");
                    self.runs.insert((workspace, n), Changed { row, seq, queued: true });
                }
                Event::RunStarted { run, .. } | Event::RunSettled { run, .. } | Event::OutcomeIgnored { run, .. } => {
                    self.change_run(workspace, *run, seq, *at, event)?;
                }
                Event::HoldOpened { hold, model, unit, amount, .. } => {
                    let (model, unit, amount) = (model.clone(), *unit, *amount);
                    let place = HoldPlace { model, unit, amount, opened: position, extended: None, ended: None };
                    self.holds.insert((workspace, *hold), place);
                }
                Event::HoldExtended { hold, .. } | Event::HoldEnded { hold, .. } => {
                    self.change_hold(workspace, *hold, position, *at, event)?;
                }
                _ => {}
            }
        }
        self.due.insert(workspace, next_due_at);
        Ok(())
    }

    fn change_run(
        &mut self,
        workspace: i64,
        n: u32,
        seq: u64,
        at: Timestamp,
        event: &Event,
    ) -> Result<(), rusqlite::Error> {
        let select = "SELECT body FROM runs WHERE workspace = ?1 AND n = ?2";
        let (row, queued) = match self.runs.remove(&(workspace, n)) {
            Some(changed) => (Some(changed.row), changed.queued),
            None => (stored::<RunRow>(self.rows, select, workspace, n)?, false),
        };
        let Some(row) = row else { return Ok(()) };
        let row = row.after(at, event);
        if let Event::RunSettled { status, captured, .. } = event {
            let failed = matches!(status, RunStatus::Failed | RunStatus::Canceled);
            self.use_up(workspace, at, row.model.clone(), row.unit, failed, *captured);
        }
        self.runs.insert((workspace, n), Changed { row, seq, queued });
        Ok(())
    }

    fn change_hold(
        &mut self,
        workspace: i64,
        n: u32,
        position: i64,
        at: Timestamp,
        event: &Event,
    ) -> Result<(), rusqlite::Error> {
        let known = match self.holds.remove(&(workspace, n)) {
            Some(place) => Some(place),
            None => hold_place(self.rows, workspace, n)?,
        };
        // A run's hold has no row: the run's has it all.
        let Some(mut place) = known else { return Ok(()) };
        if let Event::HoldEnded { captured, .. } = event {
            let model = place.model.clone().unwrap_or_else(|| Name::from(""));
            self.use_up(
                workspace,
                at,
                model,
                place.unit,
                HoldRow::ending(place.amount, event) != "captured",
                *captured,
            );
            place.ended = Some(position);
        } else {
            place.extended = Some(position);
        }
        self.holds.insert((workspace, n), place);
        Ok(())
    }

    fn use_up(&mut self, workspace: i64, at: Timestamp, model: Name, unit: Unit, failed: bool, captured: Amount) {
        let used = self.usage.entry((workspace, at.day(), model, unit)).or_default();
        used.runs += 1;
        used.failed += i64::from(failed);
        used.captured += captured.get();
    }

    /// Writes what has changed.
    ///
    /// # Errors
    /// When a row cannot be written.
    pub fn write(mut self) -> Result<(), rusqlite::Error> {
        self.places.sort_unstable();
        let sql = "INSERT INTO places (workspace, seq, position) VALUES (?1, ?2, ?3)";
        let mut statement = self.rows.prepare_cached(sql)?;
        for place in &self.places {
            statement.execute(*place)?;
        }
        let mut statement = self.rows.prepare_cached(
            "INSERT INTO holds (workspace, n, model, unit, amount, opened, extended, ended) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (workspace, n) DO UPDATE SET extended = excluded.extended, ended = excluded.ended",
        )?;
        for ((workspace, n), place) in &self.holds {
            let HoldPlace { model, unit, amount, opened, extended, ended } = place;
            let (model, unit) = (model.as_deref(), unit.name());
            statement.execute((workspace, n, model, unit, amount.get(), opened, extended, ended))?;
        }
        for ((workspace, n), changed) in &self.runs {
            write_run(self.rows, *workspace, *n, changed)?;
        }
        let mut statement = self.rows.prepare_cached(
            "INSERT INTO usage (workspace, day, model, unit, runs, failed, captured) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (workspace, day, model, unit) DO UPDATE SET runs = runs + excluded.runs,
             failed = failed + excluded.failed, captured = captured + excluded.captured",
        )?;
        for ((workspace, day, model, unit), used) in &self.usage {
            statement.execute((workspace, day, &**model, unit.name(), used.runs, used.failed, used.captured))?;
        }
        let sql = "UPDATE workspaces SET next_due_at = ?2 WHERE workspace = ?1 AND next_due_at IS NOT ?2";
        let mut statement = self.rows.prepare_cached(sql)?;
        for (workspace, next_due_at) in &self.due {
            statement.execute((workspace, next_due_at))?;
        }
        Ok(())
    }
}

/// Writes a run, and its place in the queue for as long as it has not ended.
fn write_run(rows: &Connection, workspace: i64, n: u32, changed: &Changed) -> Result<(), rusqlite::Error> {
    let Changed { row, seq, queued } = changed;
    let sql = "INSERT INTO runs (workspace, n, status, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (workspace, n) DO UPDATE SET status = excluded.status, seq = excluded.seq, body = excluded.body";
    rows.prepare_cached(sql)?.execute((workspace, n, row.status_name(), *seq as i64, json(row)))?;
    if row.status.is_some() {
        rows.prepare_cached("DELETE FROM queue WHERE workspace = ?1 AND n = ?2")?.execute((workspace, n))?;
    } else if *queued {
        let sql = "INSERT OR REPLACE INTO queue (workspace, n, test_clock, due_at, lease_until, attempt)
                   VALUES (?1, ?2, (SELECT test_clock FROM workspaces WHERE workspace = ?1), ?3, 0, ?4)";
        rows.prepare_cached(sql)?.execute((workspace, n, row.created_at.micros(), row.attempt))?;
    } else {
        let sql = "UPDATE queue SET attempt = ?3 WHERE workspace = ?1 AND n = ?2";
        rows.prepare_cached(sql)?.execute((workspace, n, row.attempt))?;
    }
    Ok(())
}

/// Where a hold is, if it is a caller's.
fn hold_place(rows: &Connection, workspace: i64, n: u32) -> Result<Option<HoldPlace>, rusqlite::Error> {
    let sql = "SELECT model, unit, amount, opened, extended, ended FROM holds WHERE workspace = ?1 AND n = ?2";
    let place = |row: &rusqlite::Row<'_>| {
        let unit = Unit::named(row.get_ref(1)?.as_str()?);
        Ok(HoldPlace {
            model: row.get_ref(0)?.as_str_or_null()?.map(Name::from),
            unit: unit.expect("units are written by their names"),
            amount: Amount::new(row.get(2)?).expect("amounts are written from amounts"),
            opened: row.get(3)?,
            extended: row.get(4)?,
            ended: row.get(5)?,
        })
    };
    rows.prepare_cached(sql)?.query_row((workspace, n), place).optional()
}

fn stored<T: DeserializeOwned>(
    rows: &Connection,
    sql: &str,
    workspace: i64,
    n: u32,
) -> Result<Option<T>, rusqlite::Error> {
    let body = rows.prepare_cached(sql)?.query_row((workspace, n), |row| row.get::<_, String>(0)).optional()?;
    let read = |body: String| {
        serde_json::from_str(&body).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    };
    body.map(read).transpose()
}

fn json<T: Serialize>(row: &T) -> String {
    serde_json::to_string(row).expect("a row has no maps with other keys than text")
}
