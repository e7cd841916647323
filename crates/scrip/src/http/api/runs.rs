//! Quotes and runs.

pub mod events;

use super::address::Client;
use super::caller::{Caller, Reader, Right, Runner};
use super::problem::{Problem, refusal_members};
use super::request::{Body, PathOf, QueryOf};
use super::streams;
use super::switches::off;
use super::values::{metadata, name, params};
use super::{App, Reply, page_limit, views};
use crate::crypto::{is_signed, sign};
use crate::store::projection::RunRow;
use crate::store::{Committed, Value, queries};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::{
    CitedQuote, Command, Dated, Ending, FreshQuote, Kind, Mode, Refusal, Script, ScriptedOutcome, Terms, Timestamp,
    Unit, Workspace, WorkspaceId, apply, limits::QUOTE_SECONDS,
};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Runs of others that a page of a key's own runs passes over at most.
const PASSED_OVER_MAX: i64 = 500; // # assumed
/// The longest a request may wait for a run, in seconds.
const WAIT_MAX: u32 = 60;

/// Quotes exact parameters for a workspace: the price, its lines, and whether the run would be accepted now.
#[utoipa::path(post, path = "/v1/quotes", tag = "Runs", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    request_body = api::NewQuote, responses((status = 200, description = "The quote", body = api::Quote)))]
pub async fn quote(
    runner: Runner,
    State(app): State<Arc<App>>,
    body: Body<api::NewQuote>,
) -> Result<Json<api::Quote>, Problem> {
    let workspace = runner.workspace_now(&app).await?;
    let id = workspace.id;
    let asked = params(&body.value.params)?;
    let now = app.ledger.now_of(&workspace).await?;
    let catalogs = app.ledger.catalogs_of(&workspace).await?;
    let command = Command::CreateRun {
        model: name(&body.value.model),
        params: asked.clone(),
        quote: None,
        sandbox: None,
        metadata: Default::default(),
        off: off(&app, &body.value.model),
        served: is_served(&workspace),
    };
    let refusal = match apply(&workspace, &catalogs, runner.by, &command, now) {
        Ok(_) => None,
        Err(
            refusal @ (Refusal::InvalidRequest { .. } | Refusal::NotFound { .. } | Refusal::CapabilityRequired { .. }),
        ) => {
            return Err(Problem::Refused(refusal));
        }
        Err(refusal) => Some(refusal),
    };
    let terms = Terms::of(&workspace, &catalogs, now).ok_or(Problem::Internal)?;
    let estimate = terms.estimate(&body.value.model, &asked).map_err(Problem::Refused)?;
    let (model, fresh) = (estimate.model, estimate.to_quote());
    let mut quote = shown(&app, id, &fresh, now);
    quote.unit = model.unit.name().to_owned();
    quote.cancel = model.cancel.name().to_owned();
    let available = workspace.available(model.unit, Some(&model.id), now).get();
    quote.balance_after = Some(available - fresh.credits.get()).filter(|left| refusal.is_none() && *left >= 0);
    quote.allowed = refusal.is_none();
    quote.refusal = refusal.as_ref().map(|refusal| {
        let mut members = refusal_members(refusal);
        members["code"] = json!(refusal.code());
        members
    });
    Ok(Json(quote))
}

/// Returns true if a provider serves models in a workspace's mode. Only the sandbox does so far, and its pictures are
/// not worth real credits.
fn is_served(workspace: &Workspace) -> bool {
    workspace.mode == Mode::Test
}

/// A quote as it is shown: its id is a signed statement of what it was for, so that nothing needs to be kept.
fn shown(app: &App, workspace: WorkspaceId, fresh: &FreshQuote, now: Timestamp) -> api::Quote {
    let expires_at = now.after_seconds(QUOTE_SECONDS);
    let cited = CitedQuote { catalog: fresh.catalog_version, fingerprint: fresh.fingerprint, expires_at };
    api::Quote {
        id: quote_id(&app.secret, workspace, cited),
        model: fresh.model.to_string(),
        params: json!(fresh.params),
        credits: fresh.credits.get(),
        unit: Unit::Credits.name().to_owned(),
        lines: views::lines(&fresh.lines),
        cancel: String::new(),
        expires_at: expires_at.to_string(),
        catalog_version: fresh.catalog_version,
        allowed: true,
        refusal: None,
        balance_after: None,
    }
}

fn quote_id(secret: &[u8], workspace: WorkspaceId, quote: CitedQuote) -> String {
    let body = format!("{:x}.{:x}.{:x}", quote.catalog, quote.fingerprint, quote.expires_at.micros());
    let signature = sign(secret, &format!("quote {workspace} {body}"));
    format!("qt_{body}.{signature}")
}

/// Reads a quote's id; a forged one, or another workspace's, is none.
fn cited(secret: &[u8], workspace: WorkspaceId, id: &str) -> Option<CitedQuote> {
    let (body, signature) = id.strip_prefix("qt_")?.rsplit_once('.')?;
    if !is_signed(secret, &format!("quote {workspace} {body}"), signature) {
        return None;
    }
    let mut numbers = body.split('.');
    let catalog = u32::from_str_radix(numbers.next()?, 16).ok()?;
    let fingerprint = u64::from_str_radix(numbers.next()?, 16).ok()?;
    let expires_at = Timestamp::from_micros(i64::from_str_radix(numbers.next()?, 16).ok()?);
    numbers.next().is_none().then_some(CitedQuote { catalog, fingerprint, expires_at })
}

/// How long an answer may wait for the run to end.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// Seconds, 0 to 60: the answer comes when the run has ended, or then.
    #[param(minimum = 0, maximum = 60)]
    wait: Option<u32>,
}

/// Runs a model: quoted, held and queued in one step, or refused with nothing changed.
#[utoipa::path(post, path = "/v1/runs", tag = "Runs",
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ("Idempotency-Key" = String, Header, description = "The same again when trying again"), WaitQuery),
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
    let _permit = if wait.is_zero() { None } else { streams::open(&app, &runner, client).await? };
    let asked = runner.asked_once(id, &body.bytes)?;
    let new = body.value;
    let workspace = runner.workspace_now(&app).await?;
    let sandbox = new.sandbox.map(script).transpose()?;
    let command = Command::CreateRun {
        model: name(&new.model),
        params: params(&new.params)?,
        quote: quoted(&app, id, new.quote.as_deref())?,
        sandbox,
        metadata: metadata(&new.metadata)?,
        off: off(&app, &new.model),
        served: is_served(&workspace),
    };
    let committed = match app.ledger.submit(id, command, asked).await {
        Ok(committed) => committed,
        Err(error) => {
            let now = app.ledger.now_of(&workspace).await?;
            return Err(with_fresh_quote(&app, id, error.into(), now));
        }
    };
    let (n, row) = queued(&committed).ok_or(Problem::Internal)?;
    let shown = match wait {
        Duration::ZERO => views::run(id, n, &row, app.links(runner.holder())),
        wait => events::ended(&app, (id, n), &runner, wait).await?,
    };
    Ok(Reply::new(StatusCode::ACCEPTED, shown).of(id, &committed))
}

fn queued(committed: &Committed) -> Option<(u32, RunRow)> {
    committed.events.iter().find_map(|Dated(at, event)| RunRow::queued(*at, event))
}

fn quoted(app: &App, workspace: WorkspaceId, id: Option<&str>) -> Result<Option<CitedQuote>, Problem> {
    let Some(id) = id else { return Ok(None) };
    let quote = cited(&app.secret, workspace, id);
    quote.map(Some).ok_or_else(|| Problem::invalid("/quote", "there is no such quote of this workspace"))
}

/// What the sandbox is told to do, checked.
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

/// Turns an engine's fresh price into a quote that can be cited from now on, by the workspace's own clock.
fn with_fresh_quote(app: &App, workspace: WorkspaceId, problem: Problem, now: Timestamp) -> Problem {
    let (code, fresh) = match problem {
        Problem::Refused(Refusal::QuoteExpired { fresh }) => ("QUOTE_EXPIRED", fresh),
        Problem::Refused(Refusal::QuoteMismatch { fresh }) => ("QUOTE_MISMATCH", fresh),
        other => return other,
    };
    let quote = shown(app, workspace, &fresh, now);
    Problem::Quote {
        code,
        fresh: json!({ "id": quote.id, "credits": quote.credits, "lines": quote.lines, "expires_at": quote.expires_at }),
    }
}

fn wait(seconds: Option<u32>) -> Result<Duration, Problem> {
    match seconds.unwrap_or(0) {
        seconds if seconds <= WAIT_MAX => Ok(Duration::from_secs(u64::from(seconds))),
        _ => Err(Problem::invalid("", format!("wait is 0 to {WAIT_MAX} seconds"))),
    }
}

/// One run, as the projections have it now.
async fn find(app: &App, workspace: WorkspaceId, n: u32) -> Result<(RunRow, i64), Problem> {
    app.ledger.store().projected().await?;
    let rows = app.ledger.store().query(queries::RUN, vec![workspace.into(), Value::Integer(i64::from(n))]).await?;
    let row = rows.first().ok_or(Problem::not_found("run"))?;
    let run = serde_json::from_str(row.text(0)).map_err(|error| {
        tracing::error!(%error, "a run's row cannot be read");
        Problem::Internal
    })?;
    Ok((run, row.integer(1)))
}

/// The same, for a caller who may see it: another key's run is none to a key that sees its own alone.
async fn find_for<R: Right>(app: &App, caller: &Caller<R>, run: (WorkspaceId, u32)) -> Result<RunRow, Problem> {
    let (row, _) = find(app, run.0, run.1).await?;
    if caller.sees(row.key) { Ok(row) } else { Err(Problem::not_found("run")) }
}

/// Shows a run.
#[utoipa::path(get, path = "/v1/runs/{id}", tag = "Runs", params(("id" = String, Path, description = "`run_…`"), WaitQuery),
    responses((status = 200, description = "The run", body = api::Run)))]
pub async fn show(
    reader: Reader,
    client: Client,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<WaitQuery>,
) -> Result<Json<api::Run>, Problem> {
    let (workspace, n) = reader.owned(Kind::Run, &id, "run")?;
    let wait = wait(query.wait)?;
    let _permit = if wait.is_zero() { None } else { streams::open(&app, &reader, client).await? };
    Ok(Json(events::ended(&app, (workspace, n), &reader, wait).await?))
}

/// Where a run can be.
#[derive(Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted.
    Queued,
    /// A worker has it.
    Running,
    /// Delivered.
    Succeeded,
    /// Delivered in part.
    Partial,
    /// Not delivered.
    Failed,
    /// Given up by the caller.
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

/// How runs are listed.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Only those with this status.
    #[param(inline)]
    status: Option<Status>,
}

/// Lists the runs of a workspace, newest first; to a key that sees its own alone, those. A page of them may have fewer
/// than asked for, and more behind it.
#[utoipa::path(get, path = "/v1/runs", tag = "Runs", params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ListQuery),
    responses((status = 200, description = "A page of runs", body = api::Page<api::Run>)))]
pub async fn list(
    reader: Reader,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<api::Page<api::Run>>, Problem> {
    let workspace = reader.workspace_now(&app).await?.id;
    let limit = page_limit(query.limit)?;
    let before = super::cursor(query.cursor.as_deref(), i64::MAX)?;
    app.ledger.store().projected().await?;
    let mut values = vec![workspace.into(), Value::Integer(before), Value::Null];
    let sql = match query.status {
        Some(status) => {
            values.push(status.name().to_owned().into());
            queries::RUNS_BY_STATUS
        }
        None => queries::RUNS,
    };
    // What another key made is passed over, up to a bound: whoever wants more goes on from there.
    let read_most = if reader.is_confined() { PASSED_OVER_MAX.max(limit) } else { limit };
    values[2] = Value::Integer(read_most + 1);
    let rows = app.ledger.store().query(sql, values).await?;
    let (mut data, mut last) = (Vec::new(), None);
    for row in rows.iter().take(read_most as usize) {
        if data.len() as i64 == limit {
            break;
        }
        last = Some(row.integer(0));
        let run: RunRow = serde_json::from_str(row.text(1)).map_err(|_| Problem::Internal)?;
        if reader.sees(run.key) {
            data.push(views::run(workspace, row.integer(0) as u32, &run, app.links(reader.holder())));
        }
    }
    let is_last = rows.last().map(|row| row.integer(0)) == last;
    Ok(Json(super::page(data, last.filter(|_| !is_last))))
}

/// Gives a run up. One that has ended is refused.
#[utoipa::path(post, path = "/v1/runs/{id}/cancel", tag = "Runs",
    params(("id" = String, Path, description = "`run_…`"), ("Idempotency-Key" = Option<String>, Header, description = "The same again when trying again")),
    responses((status = 200, description = "The run", body = api::Run)))]
pub async fn cancel(
    runner: Runner,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
) -> Result<Reply<api::Run>, Problem> {
    let (workspace, run) = runner.owned(Kind::Run, &id, "run")?;
    if runner.is_confined() {
        find_for(&app, &runner, (workspace, run)).await?;
    }
    match app
        .ledger
        .submit(workspace, Command::CancelRun { run }, runner.asked(workspace, b""))
        .await
        .map_err(Problem::from)
    {
        Ok(committed) => {
            let run = events::ended(&app, (workspace, run), &runner, Duration::ZERO).await?;
            Ok(Reply::new(StatusCode::OK, run).of(workspace, &committed))
        }
        Err(Problem::Refused(Refusal::HoldEnded { what, ending: None })) => {
            let ending = ending_of(&find(&app, workspace, run).await?.0);
            Err(Problem::Refused(Refusal::HoldEnded { what, ending }))
        }
        Err(problem) => Err(problem),
    }
}

/// The end of a run, as its row has it.
fn ending_of(row: &RunRow) -> Option<Ending> {
    let (status, ended_at) = (row.status?, row.ended_at?);
    Some(Ending { ended_as: status.name(), ended_at, captured: row.captured, released: row.released })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_good_for_its_workspace_and_unchanged() {
        let quote = CitedQuote { catalog: 3, fingerprint: 77, expires_at: Timestamp::from_micros(123) };
        let workspace = WorkspaceId::new(5);
        let id = quote_id(b"secret", workspace, quote);
        assert_eq!(cited(b"secret", workspace, &id), Some(quote));
        assert_eq!(cited(b"secret", WorkspaceId::new(6), &id), None);
        assert_eq!(cited(b"other", workspace, &id), None);
        for place in 3..id.len() {
            let mut forged = id.clone().into_bytes();
            forged[place] = if forged[place] == b'1' { b'2' } else { b'1' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(cited(b"secret", workspace, &forged), None, "{forged}");
        }
    }
}
