//! `/v1/people`: finding a person, and blocking one.
//!
//! Invariant: a block is in the audit log before it holds, and every process applies it from its answer on.

use super::membership;
use crate::http::edge::app::App;
use crate::http::edge::page::page;
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{Body, PathOf, QueryOf};
use crate::http::edge::rights::Operator;
use crate::http::edge::values::{address, line};
use crate::people::blocks::{self, Known};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::UserId;
use scrip_store::rows;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of people.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(block, unblock))
}

/// Maximum number of workspaces that are read for a person.
const SHOWN_MAX: i64 = 1_000; // # assumed

/// Address of the people to find.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// E-mail address; every spelling of its mailbox is found.
    #[param(min_length = 3, max_length = 254)]
    email: String,
}

/// Finds people by an address: all whose address leads to the same mailbox.
#[utoipa::path(get, path = "/v1/people", tag = "People", params(PeopleQuery),
    responses((status = 200, description = "The people", body = api::Page<api::Person>)))]
pub async fn list(
    _: Operator,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<PeopleQuery>,
) -> Result<Json<api::Page<api::Person>>, Problem> {
    let email = address(app.ledger.store(), "/email", &query.email).await?;
    let mut data = Vec::new();
    for known in blocks::people(app.ledger.store(), &email).await? {
        data.push(to_api(&app, known).await?);
    }
    Ok(Json(page(data, None)))
}

/// Shows a person, the person's workspaces, and a block if there is one.
#[utoipa::path(get, path = "/v1/people/{id}", tag = "People", params(("id" = String, Path, description = "`usr_…`")),
    responses((status = 200, description = "The person", body = api::Person)))]
pub async fn show(
    _: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
) -> Result<Json<api::Person>, Problem> {
    let known = find(&app, &id).await?;
    Ok(Json(to_api(&app, known).await?))
}

/// Blocks a person in every workspace.
///
/// The person's sessions and links end at once, keys that the person made or owns are refused, sign-in by the mailbox
/// is refused, and no mail goes to the person or from them. Memberships stay unchanged.
#[utoipa::path(post, path = "/v1/people/{id}/block", tag = "People", params(("id" = String, Path, description = "`usr_…`")),
    request_body = api::NewBlock, responses((status = 200, description = "The person", body = api::Person)))]
pub async fn block(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::NewBlock>,
) -> Result<Reply<api::Person>, Problem> {
    let reason = body.value.reason;
    line("/reason", &reason)?;
    let known = find(&app, &id).await?;
    let (store, now) = (app.ledger.store(), app.ledger.now(None).await?);
    blocks::block(store, &known, &reason, (operator.actor(), request_id()), now).await?;
    app.blocked.refresh(store).await?;
    Ok(Reply::new(StatusCode::OK, to_api(&app, known).await?))
}

/// Ends a person's block.
///
/// Sessions and links that the block has ended stay so; keys are accepted again.
#[utoipa::path(delete, path = "/v1/people/{id}/block", tag = "People", params(("id" = String, Path, description = "`usr_…`")),
    responses((status = 200, description = "The person", body = api::Person)))]
pub async fn unblock(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
) -> Result<Reply<api::Person>, Problem> {
    let known = find(&app, &id).await?;
    let (store, now) = (app.ledger.store(), app.ledger.now(None).await?);
    blocks::unblock(store, &known, (operator.actor(), request_id()), now).await?;
    app.blocked.refresh(store).await?;
    Ok(Reply::new(StatusCode::OK, to_api(&app, known).await?))
}

async fn find(app: &App, id: &str) -> Result<Known, Problem> {
    let user: UserId = id.parse().map_err(|()| Problem::not_found("person"))?;
    blocks::person(app.ledger.store(), user).await?.ok_or(Problem::not_found("person"))
}

async fn to_api(app: &App, known: Known) -> Result<api::Person, Problem> {
    let store = app.ledger.store();
    let block = blocks::of(store, known.user).await?;
    let mut workspaces = Vec::new();
    for id in rows::claims::holders(store.reader(), &membership::scope(known.user), SHOWN_MAX).await? {
        let open = app.ledger.workspace(id).await?;
        workspaces.extend(open.filter(|open| open.team.member(known.user).is_some()).map(|_| id.to_string()));
    }
    Ok(api::Person {
        id: known.user.to_string(),
        email: known.email,
        created_at: known.created_at.to_string(),
        workspaces,
        blocked: block.map(|block| api::Block { reason: block.reason, by: block.actor, at: block.at.to_string() }),
    })
}
