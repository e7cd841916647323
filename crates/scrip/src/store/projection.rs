//! From entries to rows: workspaces by due time, runs and holds as they are shown, the work queue, usage by day.
//!
//! Invariant: a row depends on entries alone, so that folding them again gives the same rows.

use rusqlite::{Connection, OptionalExtension, Transaction};
use scrip_engine::{
    Amount, CancelRule, Dated, Entry, Event, Failure, Hold, Line, Name, Output, OutputFile, Params, Purpose, RunStatus,
    Script, Timestamp, TrialUse, Unit,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

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

/// A caller's hold as its row has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
        let about_it = |event: &Event| match event {
            Event::HoldExtended { hold, .. } | Event::HoldEnded { hold, .. } => *hold == before.n,
            _ => false,
        };
        let events = events.iter().filter(|Dated(_, event)| about_it(event));
        Some(events.fold(row, |row, Dated(at, event)| row.after(*at, event)))
    }

    /// The hold after a later event.
    pub fn after(mut self, at: Timestamp, event: &Event) -> HoldRow {
        match event {
            Event::HoldExtended { expires_at, .. } => self.expires_at = *expires_at,
            Event::HoldEnded { captured, released, expired, .. } => {
                let status = match (expired, captured.is_zero() && !self.amount.is_zero()) {
                    (true, _) => "expired",
                    (false, true) => "released",
                    (false, false) => "captured",
                };
                self.status = status.to_owned();
                self.captured = *captured;
                self.released = *released;
                self.ended_at = Some(at);
            }
            _ => {}
        }
        self
    }
}

/// Folds one entry into the rows.
pub fn project(rows: &Transaction<'_>, entry: &Entry, next_due_at: Option<i64>) -> Result<(), rusqlite::Error> {
    let workspace = entry.workspace.get();
    for Dated(at, event) in &entry.events {
        match event {
            Event::WorkspaceOpened { profile, test_clock, .. } => {
                let sql = "INSERT OR REPLACE INTO workspaces (workspace, opened, external_id, test_clock, next_due_at)
                           VALUES (?1, (SELECT COALESCE(MAX(opened), 0) + 1 FROM workspaces), ?2, ?3, NULL)";
                rows.prepare_cached(sql)?.execute((workspace, &profile.external_id, test_clock))?;
            }
            Event::RunQueued { .. } => queue_run(rows, workspace, entry.seq, *at, event)?,
            Event::RunStarted { run, .. } | Event::RunSettled { run, .. } | Event::OutcomeIgnored { run, .. } => {
                change_run(rows, workspace, *run, entry.seq, *at, event)?;
            }
            Event::HoldOpened { .. } => {
                let (n, row) = HoldRow::opened(*at, event).expect("the event opens a hold");
                let sql = "INSERT OR REPLACE INTO holds (workspace, n, status, body) VALUES (?1, ?2, 'open', ?3)";
                rows.prepare_cached(sql)?.execute((workspace, n, json(&row)))?;
            }
            Event::HoldExtended { hold, .. } | Event::HoldEnded { hold, .. } => {
                change_hold(rows, workspace, *hold, *at, event)?
            }
            _ => {}
        }
    }
    let sql = "UPDATE workspaces SET next_due_at = ?2 WHERE workspace = ?1";
    rows.prepare_cached(sql)?.execute((workspace, next_due_at))?;
    Ok(())
}

fn queue_run(rows: &Connection, workspace: i64, seq: u64, at: Timestamp, event: &Event) -> Result<(), rusqlite::Error> {
    let (n, row) = RunRow::queued(at, event).expect("the event queues a run");
    let sql = "INSERT OR REPLACE INTO runs (workspace, n, status, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    rows.prepare_cached(sql)?.execute((workspace, n, row.status_name(), seq as i64, json(&row)))?;
    let sql = "INSERT OR REPLACE INTO queue (workspace, n, test_clock, due_at, lease_until, attempt)
               VALUES (?1, ?2, (SELECT test_clock FROM workspaces WHERE workspace = ?1), ?3, 0, 0)";
    rows.prepare_cached(sql)?.execute((workspace, n, at.micros()))?;
    Ok(())
}

fn change_run(
    rows: &Connection,
    workspace: i64,
    n: u32,
    seq: u64,
    at: Timestamp,
    event: &Event,
) -> Result<(), rusqlite::Error> {
    let select = "SELECT body FROM runs WHERE workspace = ?1 AND n = ?2";
    let Some(row) = stored::<RunRow>(rows, select, workspace, n)? else { return Ok(()) };
    let row = row.after(at, event);
    let sql = "UPDATE runs SET status = ?3, seq = ?4, body = ?5 WHERE workspace = ?1 AND n = ?2";
    rows.prepare_cached(sql)?.execute((workspace, n, row.status_name(), seq as i64, json(&row)))?;
    match event {
        Event::RunStarted { attempt, .. } => {
            let sql = "UPDATE queue SET attempt = ?3 WHERE workspace = ?1 AND n = ?2";
            rows.prepare_cached(sql)?.execute((workspace, n, attempt))?;
        }
        Event::RunSettled { status, captured, .. } => {
            rows.prepare_cached("DELETE FROM queue WHERE workspace = ?1 AND n = ?2")?.execute((workspace, n))?;
            let failed = i64::from(matches!(status, RunStatus::Failed | RunStatus::Canceled));
            use_up(rows, workspace, at, &row.model, row.unit, failed, *captured)?;
        }
        _ => {}
    }
    Ok(())
}

fn change_hold(rows: &Connection, workspace: i64, n: u32, at: Timestamp, event: &Event) -> Result<(), rusqlite::Error> {
    let select = "SELECT body FROM holds WHERE workspace = ?1 AND n = ?2";
    let Some(row) = stored::<HoldRow>(rows, select, workspace, n)? else { return Ok(()) };
    let row = row.after(at, event);
    let sql = "UPDATE holds SET status = ?3, body = ?4 WHERE workspace = ?1 AND n = ?2";
    rows.prepare_cached(sql)?.execute((workspace, n, &row.status, json(&row)))?;
    if let Event::HoldEnded { captured, .. } = event {
        let model = row.model.unwrap_or_else(|| Name::from(""));
        use_up(rows, workspace, at, &model, row.unit, i64::from(row.status != "captured"), *captured)?;
    }
    Ok(())
}

fn use_up(
    rows: &Connection,
    workspace: i64,
    at: Timestamp,
    model: &str,
    unit: Unit,
    failed: i64,
    captured: Amount,
) -> Result<(), rusqlite::Error> {
    let sql =
        "INSERT INTO usage (workspace, day, model, unit, runs, failed, captured) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)
               ON CONFLICT (workspace, day, model, unit) DO UPDATE
               SET runs = runs + 1, failed = failed + excluded.failed, captured = captured + excluded.captured";
    rows.prepare_cached(sql)?.execute((workspace, at.day(), model, unit.name(), failed, captured.get()))?;
    Ok(())
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
