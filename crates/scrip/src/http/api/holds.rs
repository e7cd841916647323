//! `/v1/holds`: holds, for products that dispatch their runs themselves.

pub mod batch;

use super::switches::off;
use crate::http::edge::app::App;
use crate::http::edge::object::HoldId;
use crate::http::edge::problem::Problem;
use crate::http::edge::rates;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::Body;
use crate::http::edge::rights::{On, Operator};
use crate::http::edge::values::{amount, name, params};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::team::Spender;
use scrip_engine::{
    Ask, Command, DatedEvent, Ending, Entry, Event, HoldCommand, Kind, Refusal, WorkspaceId, ending, parse_id,
};
use scrip_store::journal::JournalRow;
use scrip_store::projection::HoldRow;
use scrip_store::{Commit, SubmitError, rows};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of holds.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(open))
        .routes(routes!(batch::batch))
        .routes(routes!(show))
        .routes(routes!(capture))
        .routes(routes!(release))
        .routes(routes!(extend))
}

/// Holds credits: a plain amount, or the price of a model with parameters.
#[utoipa::path(post, path = "/v1/holds", tag = "Holds",
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::NewHold, responses((status = 201, description = "The hold", body = api::Hold)))]
pub async fn open(
    operator: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::NewHold>,
) -> Result<Reply<api::Hold>, Problem> {
    let id = operator.workspace()?;
    let asked = operator.origin_once(id, &body.bytes)?;
    if body.value.count_request {
        rates::count(&app.ledger, id).await?;
    }
    let command = open_command(&app, id, body.value)?;
    creation_reply(id, app.ledger.submit(id, command, asked).await)
}

/// Builds the command that opens a hold.
///
/// # Errors
/// When the request names neither an amount nor a model, or both, or a value is out of range.
fn open_command(app: &App, workspace: WorkspaceId, new: api::NewHold) -> Result<Command, Problem> {
    let behalf = new.on_behalf_of.map(|behalf| spender(workspace, &behalf)).transpose()?;
    let ask = match (new.credits, new.model) {
        (Some(credits), None) if new.params.is_empty() => Ask::Credits(amount("/credits", credits)?),
        (Some(_), _) => return Err(Problem::invalid("/credits", "either credits, or a model with params")),
        (None, Some(model)) => Ask::Model(name(&model), params(&new.params)?),
        (None, None) => return Err(Problem::invalid("/credits", "must be given, or a model")),
    };
    let off = match &ask {
        Ask::Model(model, _) => off(app, model),
        Ask::Credits(_) => None,
    };
    Ok(Command::Hold(HoldCommand::Open { ask, reference: new.reference, seconds: new.seconds, off, behalf }))
}

/// Returns the member and key that a hold is for.
///
/// # Errors
/// When neither is named, or an id is not one of the workspace's.
fn spender(workspace: WorkspaceId, behalf: &api::OnBehalfOf) -> Result<Spender, Problem> {
    if behalf.member.is_none() && behalf.key.is_none() {
        return Err(Problem::invalid("/on_behalf_of", "name a member or a key"));
    }
    let none = |member: &str| Problem::invalid(format!("/on_behalf_of/{member}"), format!("there is no such {member}"));
    let member = |id: &String| id.parse().map_err(|()| none("member"));
    let key = |id: &String| match parse_id(Kind::Key, id) {
        Some((owner, n)) if owner == workspace => Ok(n),
        _ => Err(none("key")),
    };
    let (member, key) = (behalf.member.as_ref().map(member), behalf.key.as_ref().map(key));
    Ok(Spender { member: member.transpose()?, key: key.transpose()? })
}

/// Returns the hold that was opened.
fn creation_reply(id: WorkspaceId, result: Result<Commit, SubmitError>) -> Result<Reply<api::Hold>, Problem> {
    let committed = result?;
    let new = committed.events.iter().find_map(|DatedEvent(at, event)| {
        let Event::Hold(event) = event else { return None };
        HoldRow::of_event(*at, event)
    });
    let (n, row) = new.ok_or(Problem::Internal)?;
    Ok(Reply::new(StatusCode::CREATED, to_api(id, n, &row)).of(id, &committed))
}

/// Shows a hold and its state.
#[utoipa::path(get, path = "/v1/holds/{id}", tag = "Holds", params(("id" = String, Path, description = "`hd_…`")),
    responses((status = 200, description = "The hold", body = api::Hold)))]
pub async fn show(
    On(_operator, id): On<Operator, HoldId>,
    State(app): State<Arc<App>>,
) -> Result<Json<api::Hold>, Problem> {
    let HoldId { workspace, n: hold } = id?;
    Ok(Json(find(&app, workspace, hold).await?))
}

/// Captures a hold, in whole or in part, and releases the rest.
///
/// A hold that has ended is refused.
#[utoipa::path(post, path = "/v1/holds/{id}/capture", tag = "Holds",
    params(("id" = String, Path, description = "`hd_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::CaptureRequest, responses((status = 200, description = "The hold", body = api::Hold)))]
pub async fn capture(
    On(operator, id): On<Operator, HoldId>,
    State(app): State<Arc<App>>,
    body: Body<api::CaptureRequest>,
) -> Result<Reply<api::Hold>, Problem> {
    let HoldId { workspace, n: hold } = id?;
    end(&app, &operator, workspace, hold, capture_command(hold, &body.value)?, &body.bytes).await
}

/// Builds the command that captures a hold.
fn capture_command(hold: u32, asked: &api::CaptureRequest) -> Result<Command, Problem> {
    let amount = asked.credits.map(|credits| amount("/credits", credits)).transpose()?;
    Ok(Command::Hold(HoldCommand::Capture { hold, amount }))
}

/// Releases a hold and returns its units.
///
/// A hold that has ended is refused.
#[utoipa::path(post, path = "/v1/holds/{id}/release", tag = "Holds",
    params(("id" = String, Path, description = "`hd_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one")),
    responses((status = 200, description = "The hold", body = api::Hold)))]
pub async fn release(
    On(operator, id): On<Operator, HoldId>,
    State(app): State<Arc<App>>,
) -> Result<Reply<api::Hold>, Problem> {
    let HoldId { workspace, n: hold } = id?;
    end(&app, &operator, workspace, hold, Command::Hold(HoldCommand::Release { hold }), b"").await
}

/// Extends a hold, counted from now.
///
/// A hold that has ended is refused.
#[utoipa::path(post, path = "/v1/holds/{id}/extend", tag = "Holds",
    params(("id" = String, Path, description = "`hd_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::ExtendRequest, responses((status = 200, description = "The hold", body = api::Hold)))]
pub async fn extend(
    On(operator, id): On<Operator, HoldId>,
    State(app): State<Arc<App>>,
    body: Body<api::ExtendRequest>,
) -> Result<Reply<api::Hold>, Problem> {
    let HoldId { workspace, n: hold } = id?;
    end(
        &app,
        &operator,
        workspace,
        hold,
        Command::Hold(HoldCommand::Extend { hold, seconds: body.value.seconds }),
        &body.bytes,
    )
    .await
}

/// Submits a command about a hold and returns the hold after it.
async fn end(
    app: &App,
    operator: &Operator,
    workspace: WorkspaceId,
    hold: u32,
    command: Command,
    body: &[u8],
) -> Result<Reply<api::Hold>, Problem> {
    let asked = operator.origin_once(workspace, body)?;
    change_reply(app, workspace, hold, app.ledger.submit(workspace, command, asked).await).await
}

/// Returns a hold after a command about it. A hold that has ended is not ended again (R36).
async fn change_reply(
    app: &App,
    workspace: WorkspaceId,
    hold: u32,
    result: Result<Commit, SubmitError>,
) -> Result<Reply<api::Hold>, Problem> {
    let committed = match result.map_err(Problem::from) {
        Ok(committed) => committed,
        Err(Problem::Refused(Refusal::HoldEnded { what, ending: None })) => {
            let ending = Some(ending_of(app, workspace, hold).await?);
            return Err(Problem::Refused(Refusal::HoldEnded { what, ending }));
        }
        Err(problem) => return Err(problem),
    };
    // The hold now follows from its state before and the events: the answer waits for nothing but the journal.
    let shown = match right_after(&committed, hold) {
        Some(row) => to_api(workspace, hold, &row),
        // A replayed answer has no state before, so the hold is read.
        None => find(app, workspace, hold).await?,
    };
    Ok(Reply::new(StatusCode::OK, shown).of(workspace, &committed))
}

/// Returns the end of a hold, from the journal.
async fn ending_of(app: &App, workspace: WorkspaceId, hold: u32) -> Result<Ending, Problem> {
    let entries = entries(app, workspace, hold).await?;
    let ends = entries.iter().flat_map(|entry| &entry.events).filter_map(|DatedEvent(at, event)| ending(*at, event));
    let end = ends.into_iter().find(|(what, n, _)| (*what, *n) == ("hold", hold));
    end.map(|(_, _, ending)| ending).ok_or(Problem::not_found("hold"))
}

/// Returns the hold right after an entry, if it was open before.
fn right_after(committed: &Commit, hold: u32) -> Option<HoldRow> {
    HoldRow::after_all(committed.before.as_ref()?.hold(hold)?, &committed.events)
}

/// Returns the entries of a hold's history.
async fn entries(app: &App, workspace: WorkspaceId, hold: u32) -> Result<Vec<Entry>, Problem> {
    let rows = rows::entries::of_hold(app.ledger.store().reader(), workspace, hold).await?;
    let entries = rows.iter().map(JournalRow::entry).collect::<Result<Vec<_>, _>>();
    entries.map_err(|_| Problem::Internal)
}

async fn find(app: &App, workspace: WorkspaceId, hold: u32) -> Result<api::Hold, Problem> {
    let entries = entries(app, workspace, hold).await?;
    let events = entries.iter().flat_map(|entry| &entry.events);
    let row = HoldRow::fold(hold, events).ok_or(Problem::not_found("hold"))?;
    Ok(to_api(workspace, hold, &row))
}

/// Converts a hold of a workspace.
fn to_api(workspace: WorkspaceId, n: u32, row: &HoldRow) -> api::Hold {
    api::Hold {
        id: workspace.id_of(Kind::Hold, n),
        reference: row.reference.clone(),
        model: row.model.as_ref().map(ToString::to_string),
        status: row.status.clone(),
        unit: row.unit.name().to_owned(),
        credits: row.amount.get(),
        captured: row.captured.get(),
        released: row.released.get(),
        created_at: row.created_at.to_string(),
        expires_at: row.expires_at.to_string(),
        ended_at: row.ended_at.map(|at| at.to_string()),
        on_behalf_of: row.by.map(|by| api::OnBehalfOf {
            member: by.member.map(|user| user.to_string()),
            key: by.key.map(|n| workspace.id_of(Kind::Key, n)),
        }),
    }
}
