//! `/v1/switches`: what an operator has switched off everywhere, and who did.

use super::caller::Operator;
use super::problem::{Problem, request_id};
use super::request::{Body, PathOf, QueryOf};
use super::{App, page_limit};
use crate::switches::{Change, Kind, SANDBOX, changes};
use axum::Json;
use axum::extract::State;
use scrip_client::types as api;
use scrip_engine::Off;
use serde::Deserialize;
use std::sync::Arc;

/// How changes are listed.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Lists every change of a switch, newest first: the first one of a name is how it stands.
#[utoipa::path(get, path = "/v1/switches", tag = "Switches", params(ListQuery),
    responses((status = 200, description = "A page of changes", body = api::Page<api::Switch>)))]
pub async fn list(
    _: Operator,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<api::Page<api::Switch>>, Problem> {
    let limit = page_limit(query.limit)?;
    let before = super::cursor(query.cursor.as_deref(), i64::MAX)?;
    let found = changes(app.ledger.store(), before, limit + 1).await?;
    let last = found.get(limit as usize - 1).filter(|_| found.len() > limit as usize).map(|(n, _)| *n);
    let shown = found.iter().take(limit as usize).map(|(_, change)| shown(change));
    Ok(Json(super::page(shown.collect(), last)))
}

/// Switches a model or a provider off, with a reason, or on again: at once here, and within seconds on every server.
#[utoipa::path(put, path = "/v1/switches/{kind}/{name}", tag = "Switches",
    params(("kind" = String, Path, description = "`model` or `provider`"), ("name" = String, Path, description = "The model's id, or `sandbox`")),
    request_body = api::SwitchChange, responses((status = 200, description = "How it stands", body = api::Switch)))]
pub async fn change(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf((kind, name)): PathOf<(String, String)>,
    body: Body<api::SwitchChange>,
) -> Result<Json<api::Switch>, Problem> {
    let catalogs = app.ledger.store().catalogs();
    let newest = catalogs.newest().ok_or(Problem::Unavailable)?;
    let kind = match kind.as_str() {
        "model" if newest.catalog.model(&name).is_some() => Kind::Model,
        "provider" if name == SANDBOX => Kind::Provider,
        _ => return Err(Problem::not_found("switch")),
    };
    let off = match (body.value.off, body.value.reason) {
        (true, Some(reason)) if (1..=200).contains(&reason.chars().count()) => Some(reason),
        (true, Some(_)) => return Err(Problem::invalid("/reason", "must be 1 to 200 characters")),
        (true, None) => return Err(Problem::invalid("/reason", "must be given: whoever asks for a run sees it")),
        (false, _) => None,
    };
    let (actor, request, at) = (operator.actor().to_owned(), request_id(), app.ledger.now(None).await?);
    let change = Change { kind, name, off, actor, request, at };
    app.switches.change(app.ledger.store(), &change).await?;
    Ok(Json(shown(&change)))
}

/// Why nothing may start on a model: it is switched off, or its provider is.
pub fn off(app: &App, model: &str) -> Option<Off> {
    let switched = [(Kind::Model, model), (Kind::Provider, SANDBOX)];
    let reason = |(kind, name): (Kind, &str)| Some(Off { name: name.into(), reason: app.switches.off(kind, name)? });
    switched.into_iter().find_map(reason)
}

fn shown(change: &Change) -> api::Switch {
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
