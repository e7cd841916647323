//! `/v1/workspaces/{id}/grants` and `/v1/grants`: giving credits, and taking back what is left of them.

use crate::http::edge::app::App;
use crate::http::edge::object::GrantId;
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::Body;
use crate::http::edge::rights::{On, Operator};
use crate::http::edge::values::{amount, instant, name};
use crate::operate::operator_keys::{OperatorKeys, Reservation};
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::{
    Command, DAY, Event, Give, Grant, GrantCommand, GrantEvent, Kind, SECOND, Timestamp, Unit, Workspace, WorkspaceId,
    apply,
};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of grants.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(give)).routes(routes!(void))
}

/// Gives a workspace credits: a pack that was sold, or goodwill with a reason.
#[utoipa::path(post, path = "/v1/workspaces/{id}/grants", tag = "Workspaces",
    params(("id" = String, Path, description = "`ws_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::NewGrant, responses((status = 201, description = "The grants that were made; none if this source was granted before", body = Vec<api::Grant>)))]
pub async fn give(
    On(operator, id): On<Operator, WorkspaceId>,
    State(app): State<Arc<App>>,
    body: Body<api::NewGrant>,
) -> Result<Reply<Vec<api::Grant>>, Problem> {
    let id = id?;
    let asked = operator.origin_once(id, &body.bytes)?;
    let command = command(body.value)?;
    let reservation = reserve(&app, &operator, id, &command).await?;
    let submitted = app.ledger.submit_and_show(id, command, asked).await;
    if submitted.as_ref().map_or(true, |(committed, _)| committed.replayed) {
        reservation.give_back(app.ledger.store()).await;
    }
    let (committed, workspace) = submitted?;
    let made = committed.events.iter().filter_map(|dated| match &dated.1 {
        Event::Grant(GrantEvent::GrantIssued { grant, .. }) => workspace.grant(*grant),
        _ => None,
    });
    let made = made.map(|grant| to_api(&workspace, grant)).collect();
    Ok(Reply::new(StatusCode::CREATED, made).of(id, &committed))
}

/// Reserves a grant's units from what the operator's key may give today.
///
/// # Errors
/// When less than that is left today, or the workspace would refuse the grant.
async fn reserve(app: &App, operator: &Operator, id: WorkspaceId, command: &Command) -> Result<Reservation, Problem> {
    let key = operator.operator_key().ok_or(Problem::Internal)?;
    let Some(limit) = key.grants_per_day else { return Ok(Reservation::default()) };
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    let (catalogs, now) = (app.ledger.catalogs_of(&workspace).await?, app.ledger.now_of(&workspace).await?);
    let given = apply(&workspace, &catalogs, operator.by, command, now).map_err(Problem::Refused)?;
    let units = given.events.iter().map(|dated| match &dated.1 {
        Event::Grant(GrantEvent::GrantIssued { amount, .. }) => amount.get(),
        _ => 0,
    });
    let reservation = OperatorKeys::reserve(app.ledger.store(), key, units.sum()).await?;
    let day_end = Timestamp::from_micros(app.ledger.now(None).await?.day().saturating_add(1).saturating_mul(DAY));
    let left = day_end.micros().saturating_sub(app.ledger.now(None).await?.micros()) / SECOND + 1;
    reservation.ok_or(Problem::RateLimited {
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
        retry_after: u32::try_from(left).unwrap_or(u32::MAX),
    })
}

/// Builds the command that gives a grant.
///
/// # Errors
/// When the request contradicts itself, or a value is out of range.
pub fn command(new: api::NewGrant) -> Result<Command, Problem> {
    let give = match (new.pack, new.amount) {
        (Some(pack), None) if new.unit.is_none() && new.expires_at.is_none() && new.models.is_empty() => {
            Give::Pack(name(&pack))
        }
        (Some(_), _) => {
            return Err(Problem::invalid("/pack", "a pack has its amount, unit, expiry and models in the catalog"));
        }
        (None, Some(units)) => Give::Goodwill {
            unit: if new.unit == Some(api::GrantUnit::Training) { Unit::Training } else { Unit::Credits },
            amount: amount("/amount", units)?,
            expires_at: new.expires_at.map(|at| instant("/expires_at", &at)).transpose()?,
            models: new.models.iter().map(|model| name(model)).collect(),
        },
        (None, None) => return Err(Problem::invalid("/amount", "must be given, or a pack")),
    };
    Ok(Command::Grant(GrantCommand::Give { give, source: new.source.as_deref().map(name), reason: new.reason }))
}

/// Takes back what is left of a grant, now and when its holds end.
#[utoipa::path(post, path = "/v1/grants/{id}/void", tag = "Workspaces",
    params(("id" = String, Path, description = "`gr_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::VoidRequest, responses((status = 200, description = "The grant", body = api::Grant)))]
pub async fn void(
    On(operator, id): On<Operator, GrantId>,
    State(app): State<Arc<App>>,
    body: Body<api::VoidRequest>,
) -> Result<Reply<api::Grant>, Problem> {
    let GrantId { workspace, n: grant } = id?;
    let asked = operator.origin_once(workspace, &body.bytes)?;
    let command = Command::Grant(GrantCommand::Void { grant, reason: body.value.reason });
    let (committed, shown) = app.ledger.submit_and_show(workspace, command, asked).await?;
    let grant = shown.grant(grant).ok_or(Problem::not_found("grant"))?;
    Ok(Reply::new(StatusCode::OK, to_api(&shown, grant)).of(workspace, &committed))
}

/// Converts a grant of a workspace.
pub fn to_api(workspace: &Workspace, grant: &Grant) -> api::Grant {
    api::Grant {
        frozen: workspace.is_frozen(grant),
        id: workspace.id.id_of(Kind::Grant, grant.n),
        code: grant.code.to_string(),
        unit: grant.unit.name().to_owned(),
        kind: grant.kind.name().to_owned(),
        source: grant.source.to_string(),
        scope: grant.models.iter().map(ToString::to_string).collect(),
        rank: grant.rank,
        granted: grant.granted.get(),
        available: grant.available.get(),
        held: grant.held.get(),
        captured: grant.captured.get(),
        expired: grant.expired.get(),
        revoked: grant.revoked.get(),
        starts_at: grant.starts_at.to_string(),
        expires_at: grant.expires_at.map(|at| at.to_string()),
    }
}
