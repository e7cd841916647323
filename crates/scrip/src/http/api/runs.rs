//! `/v1/runs`: starting, following and cancelling runs.

pub mod events;

use super::assets::{self, Links};
use super::quotes::{is_served, lines, read_cited, with_fresh_quote};
use super::switches::off;
use crate::http::edge::address::Client;
use crate::http::edge::app::App;
use crate::http::edge::caller::Caller;
use crate::http::edge::object::RunId;
use crate::http::edge::page::{cursor, page, page_limit};
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::{Reply, make_aside};
use crate::http::edge::request::{Body, QueryOf};
use crate::http::edge::rights::{On, Reader, Runner};
use crate::http::edge::values::{metadata, name, params};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use scrip_client::types as api;
use scrip_engine::{
    Command, DatedEvent, Ending, Event, Kind, Refusal, RunCommand, Script, ScriptedOutcome, TrialUse, WorkspaceId,
};
use scrip_store::projection::RunRow;
use scrip_store::{Commit, rows};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of runs.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(events::events))
}

/// Maximum number of other keys' runs that one page skips, for a key that sees only its own.
const PASSED_OVER_MAX: i64 = 500; // # assumed
/// Maximum wait of a request for the end of a run, in seconds.
const WAIT_MAX: u32 = 60;

/// Query with the maximum wait for the end of a run.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// Maximum wait for the end of the run, in seconds, 0 to 60.
    #[param(minimum = 0, maximum = 60)]
    wait: Option<u32>,
}

/// Runs a model: quoted, held and queued in one step, or refused with nothing changed.
#[utoipa::path(post, path = "/v1/runs", tag = "Runs",
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one"), WaitQuery),
    request_body = api::NewRun, responses((status = 202, description = "The run was accepted", body = api::Run)))]
pub async fn create(
    runner: Runner,
    client: Client,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<WaitQuery>,
    body: Body<api::NewRun>,
) -> Result<Reply<api::Run>, Problem> {
    let id = runner.workspace()?;
    let wait = wait(query.wait)?;
    let _permit = if wait.is_zero() { None } else { runner.open_stream(&app, client).await? };
    let asked = runner.origin_once(id, &body.bytes)?;
    let new = body.value;
    let workspace = runner.workspace_now(&app).await?;
    let sandbox = new.sandbox.map(script).transpose()?;
    let command = Command::Run(RunCommand::Create {
        model: name(&new.model),
        params: params(&new.params)?,
        quote: read_cited(&app, id, new.quote.as_deref())?,
        sandbox,
        metadata: metadata(&new.metadata)?,
        off: off(&app, &new.model),
        served: is_served(&workspace),
    });
    let committed = match app.ledger.submit(id, command, asked).await {
        Ok(committed) => committed,
        Err(error) => {
            let now = app.ledger.now_of(&workspace).await?;
            return Err(with_fresh_quote(&app, id, error.into(), now));
        }
    };
    let (n, row) = new_run(&committed).ok_or(Problem::Internal)?;
    let shown = match wait {
        Duration::ZERO => to_api(id, n, &row, Links::of(&app, runner.holder())),
        wait => events::wait_for_end(&app, (id, n), &runner, wait).await?,
    };
    Ok(Reply::new(StatusCode::ACCEPTED, shown).of(id, &committed))
}

/// Returns the number and the row of the run that an entry queues.
fn new_run(committed: &Commit) -> Option<(u32, RunRow)> {
    committed.events.iter().find_map(|DatedEvent(at, event)| {
        let Event::Run(event) = event else { return None };
        RunRow::of_event(*at, event)
    })
}

/// Checks the script of a sandboxed run.
///
/// # Errors
/// When it delivers something unknown, or waits for longer than a day.
fn script(sandbox: api::Sandbox) -> Result<Script, Problem> {
    let known = |name: &String| matches!(name.as_str(), "images" | "duration");
    if let Some(name) = sandbox.delivered.keys().find(|name| !known(name)) {
        return Err(Problem::invalid(
            "/sandbox/delivered",
            format!("`{}` is not delivered; images and duration are", name.chars().take(50).collect::<String>()),
        ));
    }
    if sandbox.after.is_some_and(|after| after > 86_400) {
        return Err(Problem::invalid("/sandbox/after", "must be 0 to 86400 seconds"));
    }
    let outcome = match sandbox.outcome.unwrap_or(api::SandboxOutcome::Succeed) {
        api::SandboxOutcome::Succeed => ScriptedOutcome::Succeed,
        api::SandboxOutcome::Fail => ScriptedOutcome::Fail,
        api::SandboxOutcome::Timeout => ScriptedOutcome::Timeout,
        api::SandboxOutcome::Unusable => ScriptedOutcome::Unusable,
        api::SandboxOutcome::Refused => ScriptedOutcome::Refused,
    };
    Ok(Script { outcome, after: sandbox.after.unwrap_or(0), delivered: sandbox.delivered })
}

fn wait(seconds: Option<u32>) -> Result<Duration, Problem> {
    match seconds.unwrap_or(0) {
        seconds if seconds <= WAIT_MAX => Ok(Duration::from_secs(u64::from(seconds))),
        _ => Err(Problem::invalid("", format!("wait is 0 to {WAIT_MAX} seconds"))),
    }
}

/// Reads a run from the projections, with the sequence number of the entry that changed it last.
async fn find(app: &App, workspace: WorkspaceId, n: u32) -> Result<(RunRow, i64), Problem> {
    app.ledger.store().await_projections().await?;
    let stored =
        rows::runs::by_number(app.ledger.store().reader(), workspace, n).await?.ok_or(Problem::not_found("run"))?;
    let run = stored.run().map_err(|error| {
        tracing::error!(%error, "a run's row cannot be read");
        Problem::Internal
    })?;
    Ok((run, stored.seq))
}

/// Reads a run for a caller who may see it. To a key that sees only its own runs, another key's run is not found.
async fn find_for(app: &App, caller: &Caller, run: (WorkspaceId, u32)) -> Result<RunRow, Problem> {
    let (row, _) = find(app, run.0, run.1).await?;
    if caller.sees(row.key) { Ok(row) } else { Err(Problem::not_found("run")) }
}

/// Shows a run, at once or when it has ended.
#[utoipa::path(get, path = "/v1/runs/{id}", tag = "Runs", params(("id" = String, Path, description = "`run_…`"), WaitQuery),
    responses((status = 200, description = "The run", body = api::Run)))]
pub async fn show(
    On(reader, id): On<Reader, RunId>,
    client: Client,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<WaitQuery>,
) -> Result<Json<api::Run>, Problem> {
    let RunId { workspace, n } = id?;
    let wait = wait(query.wait)?;
    let _permit = if wait.is_zero() { None } else { reader.open_stream(&app, client).await? };
    Ok(Json(events::wait_for_end(&app, (workspace, n), &reader, wait).await?))
}

/// Status of a run.
#[derive(Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, and waiting for a worker.
    Queued,
    /// Leased by a worker, which executes it.
    Running,
    /// Ended with all outputs delivered.
    Succeeded,
    /// Ended with some of the outputs delivered.
    Partial,
    /// Ended with nothing delivered.
    Failed,
    /// Cancelled by the caller.
    Canceled,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Succeeded => "succeeded",
            Status::Partial => "partial",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
        }
    }
}

/// Filter and page of a list of runs.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Maximum number of items, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Cursor at which the page before ended.
    cursor: Option<String>,
    /// Status of the listed runs.
    #[param(inline)]
    status: Option<Status>,
}

/// Lists the runs of a workspace, newest first.
///
/// A key that sees only its own runs gets those. Its page may have fewer runs than `limit`, with more behind it.
#[utoipa::path(get, path = "/v1/runs", tag = "Runs", params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ListQuery),
    responses((status = 200, description = "A page of runs", body = api::Page<api::Run>)))]
pub async fn list(
    reader: Reader,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Response, Problem> {
    let workspace = reader.workspace_now(&app).await?.id;
    let limit = page_limit(query.limit)?;
    let before = cursor(query.cursor.as_deref(), i64::MAX)?;
    app.ledger.store().await_projections().await?;
    // Runs of other keys are skipped, up to a bound per page; the caller goes on with the cursor.
    let read_most = if reader.is_confined() { PASSED_OVER_MAX.max(limit) } else { limit };
    let status = query.status.map(|status| status.name());
    let rows = rows::runs::before(app.ledger.store().reader(), workspace, (before, read_most + 1), status).await?;
    let parts = Arc::clone(&app);
    make_aside(app.ledger.store(), move || {
        let (mut data, mut last) = (Vec::new(), None);
        for row in rows.iter().take(read_most as usize) {
            if data.len() as i64 == limit {
                break;
            }
            last = Some(row.n);
            let run = row.run().map_err(|_| Problem::Internal)?;
            if reader.sees(run.key) {
                data.push(to_api(workspace, row.n as u32, &run, Links::of(&parts, reader.holder())));
            }
        }
        let is_last = rows.last().map(|row| row.n) == last;
        Ok(page(data, last.filter(|_| !is_last)))
    })
    .await
}

/// Cancels a run before its end.
///
/// A run that has ended is refused.
#[utoipa::path(post, path = "/v1/runs/{id}/cancel", tag = "Runs",
    params(("id" = String, Path, description = "`run_…`"), ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key; every retry of the request sends the same one")),
    responses((status = 200, description = "The run", body = api::Run)))]
pub async fn cancel(
    On(runner, id): On<Runner, RunId>,
    State(app): State<Arc<App>>,
) -> Result<Reply<api::Run>, Problem> {
    let RunId { workspace, n: run } = id?;
    if runner.is_confined() {
        find_for(&app, &runner, (workspace, run)).await?;
    }
    match app
        .ledger
        .submit(workspace, Command::Run(RunCommand::Cancel { run }), runner.origin(workspace, b""))
        .await
        .map_err(Problem::from)
    {
        Ok(committed) => {
            let run = events::wait_for_end(&app, (workspace, run), &runner, Duration::ZERO).await?;
            Ok(Reply::new(StatusCode::OK, run).of(workspace, &committed))
        }
        Err(Problem::Refused(Refusal::HoldEnded { what, ending: None })) => {
            let ending = ending_of(&find(&app, workspace, run).await?.0);
            Err(Problem::Refused(Refusal::HoldEnded { what, ending }))
        }
        Err(problem) => Err(problem),
    }
}

/// Returns the end of a run, from its row; `None` while it has not ended.
fn ending_of(row: &RunRow) -> Option<Ending> {
    let (status, ended_at) = (row.status?, row.ended_at?);
    Some(Ending { ended_as: status.name(), ended_at, captured: row.captured, released: row.released })
}

/// Converts a run of a workspace.
fn to_api(workspace: WorkspaceId, n: u32, row: &RunRow, links: Links<'_>) -> api::Run {
    let held = if row.status.is_none() { row.quoted.get() } else { 0 };
    let outputs = row.outputs.iter().enumerate().map(|(index, file)| {
        let asset = assets::id_of(workspace, n, index);
        api::RunOutput {
            url: assets::url(&asset, links),
            asset,
            content_type: file.content_type.clone(),
            sha256: file.sha256.clone(),
            bytes: file.bytes,
        }
    });
    api::Run {
        id: workspace.id_of(Kind::Run, n),
        kind: "model".to_owned(),
        model: row.model.to_string(),
        status: row.status_name().to_owned(),
        params: json!(row.params),
        credits: api::RunCredits {
            quoted: row.quoted.get(),
            held,
            captured: row.captured.get(),
            released: row.released.get(),
        },
        unit: row.unit.name().to_owned(),
        lines: lines(&row.lines),
        trial: row.trial.map(|trial| match trial {
            TrialUse::Runs => "runs".to_owned(),
            TrialUse::Window => "window".to_owned(),
        }),
        outputs: outputs.collect(),
        error: row
            .error
            .as_ref()
            .map(|error| api::RunError { code: error.code.name().to_owned(), detail: error.detail.clone() }),
        metadata: row.metadata.clone(),
        catalog_version: row.catalog,
        created_at: row.created_at.to_string(),
        started_at: row.started_at.map(|at| at.to_string()),
        ended_at: row.ended_at.map(|at| at.to_string()),
        expires_at: row.expires_at.to_string(),
    }
}
