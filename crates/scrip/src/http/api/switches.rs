//! `/v1/switches`: models and providers that an operator has switched off everywhere, with every change.

use crate::http::edge::app::App;
use crate::http::edge::page::PageQuery;
use crate::http::edge::page::{cursor, page, page_limit};
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::request::{Body, PathOf, QueryOf};
use crate::http::edge::rights::Operator;
use crate::http::edge::values::line;
use crate::operate::switches::{Change, Kind, SANDBOX, changes};
use axum::Json;
use axum::extract::State;
use scrip_client::types as api;
use scrip_engine::Off;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of switches.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(model)).routes(routes!(provider))
}

/// Lists every change of a switch, newest first.
///
/// The first change of a name is its present state.
#[utoipa::path(get, path = "/v1/switches", tag = "Switches", params(PageQuery),
    responses((status = 200, description = "A page of changes", body = api::Page<api::Switch>)))]
pub async fn list(
    _: Operator,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<api::Page<api::Switch>>, Problem> {
    let limit = page_limit(query.limit)?;
    let before = cursor(query.cursor.as_deref(), i64::MAX)?;
    let found = changes(app.ledger.store(), before, limit + 1).await?;
    let last = found.get(limit as usize - 1).filter(|_| found.len() > limit as usize).map(|(n, _)| *n);
    let shown = found.iter().take(limit as usize).map(|(_, change)| to_api(change));
    Ok(Json(page(shown.collect(), last)))
}

/// Switches a model off, with a reason, or on again.
///
/// The change holds at once on this server, and within seconds on every other.
#[utoipa::path(put, path = "/v1/switches/models/{id}", tag = "Switches",
    params(("id" = String, Path, description = "Id of the model")),
    request_body = api::SwitchChange, responses((status = 200, description = "The switch after the change", body = api::Switch)))]
pub async fn model(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::SwitchChange>,
) -> Result<Json<api::Switch>, Problem> {
    let catalogs = app.ledger.store().catalogs();
    let known = catalogs.newest().is_some_and(|newest| newest.catalog.model(&id).is_some());
    if !known {
        return Err(Problem::not_found("model"));
    }
    change(&app, &operator, Kind::Model, id, body.value).await
}

/// Switches a provider off with all of its models, or on again.
#[utoipa::path(put, path = "/v1/switches/providers/{id}", tag = "Switches",
    params(("id" = String, Path, description = "`sandbox`")),
    request_body = api::SwitchChange, responses((status = 200, description = "The switch after the change", body = api::Switch)))]
pub async fn provider(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::SwitchChange>,
) -> Result<Json<api::Switch>, Problem> {
    if id != SANDBOX {
        return Err(Problem::not_found("provider"));
    }
    change(&app, &operator, Kind::Provider, id, body.value).await
}

async fn change(
    app: &App,
    operator: &Operator,
    kind: Kind,
    name: String,
    asked: api::SwitchChange,
) -> Result<Json<api::Switch>, Problem> {
    let off = match (asked.off, asked.reason) {
        (true, None) => {
            return Err(Problem::invalid("/reason", "must be given: callers whose runs are refused see it"));
        }
        (off, Some(reason)) => {
            line("/reason", &reason)?;
            off.then_some(reason)
        }
        (false, None) => None,
    };
    let (actor, request, at) = (operator.actor().to_owned(), request_id(), app.ledger.now(None).await?);
    let change = Change { kind, name, off, actor, request, at };
    app.switches.change(app.ledger.store(), &change).await?;
    Ok(Json(to_api(&change)))
}

/// Returns the reason why no run of a model may start: the model or its provider is switched off.
pub fn off(app: &App, model: &str) -> Option<Off> {
    let switched = [(Kind::Model, model), (Kind::Provider, SANDBOX)];
    let reason = |(kind, name): (Kind, &str)| Some(Off { name: name.into(), reason: app.switches.off(kind, name)? });
    switched.into_iter().find_map(reason)
}

fn to_api(change: &Change) -> api::Switch {
    api::Switch {
        kind: change.kind.name().to_owned(),
        name: change.name.clone(),
        off: change.off.is_some(),
        reason: change.off.clone(),
        actor: change.actor.clone(),
        request_id: change.request.clone(),
        at: change.at.to_string(),
    }
}
