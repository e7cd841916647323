//! `/v1/operator_keys`: keys of the operator of this deployment, for people and programs that need only some rights.

use crate::crypto::{OPERATOR_PREFIXES, new_key, sha256};
use crate::http::edge::app::App;
use crate::http::edge::page::page;
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::request::{Body, PathOf};
use crate::http::edge::rights::Operator;
use crate::http::edge::values::instant;
use crate::operate::operator_keys::{Actor, OperatorKey, Scope, last4};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of operator keys.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(make, list)).routes(routes!(revoke))
}

/// Maximum number of units that a key may be allowed to give in a day.
const GRANTS_MAX: i64 = 1_000_000_000;

/// Makes an operator key.
///
/// Its secret is in this answer alone. The name of a good key is taken, so a retry whose first answer was lost is
/// refused and makes no second key.
#[utoipa::path(post, path = "/v1/operator_keys", tag = "Operator keys", request_body = api::NewOperatorKey,
    responses((status = 201, description = "The key, with its secret", body = api::OperatorKey)))]
pub async fn make(
    operator: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::NewOperatorKey>,
) -> Result<(StatusCode, Json<api::OperatorKey>), Problem> {
    let new = body.value;
    let secret = new_key(OPERATOR_PREFIXES[usize::from(new.live)]);
    let now = app.ledger.now(None).await?;
    let expires_at = new.expires_at.as_deref().map(|at| instant("/expires_at", at)).transpose()?;
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::invalid("/expires_at", "must be after now"));
    }
    let key = OperatorKey {
        hash: sha256(&[secret.as_bytes()]),
        name: good_name(new.name)?,
        last4: last4(&secret),
        scopes: scopes(&new.scopes)?,
        grants_per_day: new.grants_per_day,
        created_at: Some(now),
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    if let Some(units) = key.grants_per_day {
        if !(1..=GRANTS_MAX).contains(&units) {
            return Err(Problem::invalid("/grants_per_day", format!("must be 1 to {GRANTS_MAX} credits")));
        }
        if !key.scopes.contains(&Scope::Grants) {
            return Err(Problem::invalid("/grants_per_day", "limits the scope `grants`, which the key does not have"));
        }
    }
    let actor = Actor { name: operator.actor(), request: request_id() };
    if !app.operator_keys.make(app.ledger.store(), &key, &actor).await? {
        let why = format!("`{}` is the name of a good key: revoke that one first, or choose another name", key.name);
        return Err(Problem::invalid("/name", why));
    }
    Ok((StatusCode::CREATED, Json(api::OperatorKey { secret: Some(secret), ..to_api(&key) })))
}

/// Lists every operator key without its secret: its scopes, its expiry and its last use.
///
/// The key that `SCRIP_OPERATOR_KEY` gives comes first.
#[utoipa::path(get, path = "/v1/operator_keys", tag = "Operator keys",
    responses((status = 200, description = "All operator keys", body = api::Page<api::OperatorKey>)))]
pub async fn list(_: Operator, State(app): State<Arc<App>>) -> Result<Json<api::Page<api::OperatorKey>>, Problem> {
    let keys = app.operator_keys.all(app.ledger.store()).await?;
    Ok(Json(page(keys.iter().map(|key| to_api(key)).collect(), None)))
}

/// Revokes an operator key for ever.
///
/// Once the answer is here, no process accepts the key.
#[utoipa::path(delete, path = "/v1/operator_keys/{id}", tag = "Operator keys",
    params(("id" = String, Path, description = "`opk_…`")),
    responses((status = 200, description = "The key is revoked", body = api::Removal)))]
pub async fn revoke(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
) -> Result<Json<api::Removal>, Problem> {
    let keys = app.operator_keys.all(app.ledger.store()).await?;
    let key = keys.iter().find(|key| key.id() == id).ok_or(Problem::not_found("operator key"))?;
    if key.created_at.is_none() {
        let why = "the environment gives this key: start without it in SCRIP_OPERATOR_KEY, or with another";
        return Err(Problem::invalid("", why));
    }
    if key.revoked_at.is_none() {
        let actor = Actor { name: operator.actor(), request: request_id() };
        app.operator_keys.revoke(app.ledger.store(), key, &actor).await?;
    }
    Ok(Json(api::Removal { id }))
}

fn good_name(name: String) -> Result<String, Problem> {
    if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Problem::invalid("/name", "must be 1 to 200 characters, none of them a control character"));
    }
    Ok(name)
}

/// Reads scopes: each once, and none beside the one for everything.
///
/// # Errors
/// When no scope is named, or `all` is not alone.
fn scopes(asked: &[api::OperatorScope]) -> Result<Vec<Scope>, Problem> {
    let mut scopes: Vec<Scope> = asked.iter().map(|scope| scope_of(*scope)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Problem::invalid("/scopes", "must name at least one scope"));
    }
    if scopes.contains(&Scope::All) && scopes.len() > 1 {
        return Err(Problem::invalid("/scopes", "`all` is everything: name it alone"));
    }
    Ok(scopes)
}

const fn scope_of(scope: api::OperatorScope) -> Scope {
    match scope {
        api::OperatorScope::Read => Scope::Read,
        api::OperatorScope::Holds => Scope::Holds,
        api::OperatorScope::Grants => Scope::Grants,
        api::OperatorScope::Links => Scope::Links,
        api::OperatorScope::Workspaces => Scope::Workspaces,
        api::OperatorScope::Catalog => Scope::Catalog,
        api::OperatorScope::All => Scope::All,
    }
}

fn to_api(key: &OperatorKey) -> api::OperatorKey {
    api::OperatorKey {
        id: key.id(),
        name: key.name.clone(),
        last4: key.last4.clone(),
        scopes: key.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        grants_per_day: key.grants_per_day,
        created_at: key.created_at.map(|at| at.to_string()),
        expires_at: key.expires_at.map(|at| at.to_string()),
        revoked_at: key.revoked_at.map(|at| at.to_string()),
        last_used_at: key.last_used_at.map(|at| at.to_string()),
        secret: None,
    }
}
