//! `/v1/catalog` and `/v1/catalogs`: the catalog for a pricing page, and its versions.

pub mod check;
pub mod migrate;
mod walk;

use crate::crypto::{hex, sha256};
use crate::http::edge::app::App;
use crate::http::edge::page::page;
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::reply::Reply;
use crate::http::edge::request::Body;
use crate::http::edge::rights::{Operator, Viewer};
use crate::operate::acts;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::{Catalog, Invalid, Refusal, Terms, parse_catalog};
use scrip_store::rows;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of catalogs.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(publish, list))
        .routes(routes!(check::check))
        .routes(routes!(migrate::migrate))
}

/// Shows the catalog in force: plans, packs, models and prices.
///
/// The catalog is public. For the caller's workspace, or one that an operator names, the answer has that workspace's
/// own plan as it was sold, the models in that plan, and the rates that the workspace pays.
#[utoipa::path(get, path = "/v1/catalog", tag = "Catalog", security(()),
    params(("Scrip-Workspace" = Option<String>, Header, description = "Id of a workspace, `ws_…`; the answer is then what this workspace would get")),
    responses((status = 200, description = "The catalog", body = api::PublicCatalog)))]
pub async fn show(viewer: Option<Viewer>, State(app): State<Arc<App>>) -> Result<Json<api::PublicCatalog>, Problem> {
    let catalogs = app.ledger.store().catalogs();
    let Some(viewer) = viewer.filter(|viewer| viewer.has_workspace()) else {
        let newest = catalogs.in_force(app.ledger.now(None).await?, None).ok_or(Problem::not_found("catalog"))?;
        return Ok(Json(to_api(newest.version, &newest.catalog)));
    };
    let workspace = viewer.workspace_now(&app).await?;
    let now = app.ledger.now_of(&workspace).await?;
    let catalogs = app.ledger.catalogs_of(&workspace).await?;
    let terms = Terms::of(&workspace, &catalogs, now).ok_or(Problem::Internal)?;
    Ok(Json(to_api(terms.menu.version, &terms.menu_for(&workspace, now))))
}

fn to_api(version: u32, catalog: &Catalog) -> api::PublicCatalog {
    let list = |value: Value| match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    api::PublicCatalog {
        name: catalog.name.to_string(),
        version,
        free_plan: catalog.free_plan.to_string(),
        plans: list(json!(catalog.plans)),
        packs: list(json!(catalog.packs)),
        models: list(json!(catalog.models)),
    }
}

/// Publishes a catalog version.
///
/// With a Stripe key its prices are made at Stripe first, and nothing is published if Stripe refuses. An invalid
/// catalog changes nothing; the same text again is the same version.
#[utoipa::path(post, path = "/v1/catalogs", tag = "Catalog", request_body = api::NewCatalog,
    responses((status = 201, description = "The version", body = api::CatalogVersion)))]
pub async fn publish(
    operator: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::NewCatalog>,
) -> Result<Reply<api::CatalogVersion>, Problem> {
    let catalog = read(&app, &body.value)?;
    if let Some(billing) = &app.billing {
        billing.prepare(&catalog).await.map_err(|fault| {
            tracing::warn!(%fault, "a catalog is not published: Stripe cannot sell it");
            Problem::NotForSale(format!("nothing is published, because Stripe cannot sell it: {fault}"))
        })?;
    }
    let (store, sha256) = (app.ledger.store(), hex(&sha256(&[body.value.toml.as_bytes()])));
    let who = (operator.actor(), request_id());
    acts::note(store, ("publish_catalog", &catalog.name, &sha256), who, store.now(None).await?).await?;
    let version = app.ledger.store().publish(body.value.toml, catalog, operator.actor().to_owned()).await?;
    if let Some(billing) = &app.billing {
        billing.archive_later(version);
    }
    let versions = versions(&app).await?;
    let published = versions.into_iter().find(|published| published.version == version).ok_or(Problem::Internal)?;
    Ok(Reply::new(StatusCode::CREATED, published))
}

/// Reads a catalog that is to follow the published ones.
///
/// # Errors
/// When the text is not a valid catalog, or has another name than the newest version.
fn read(app: &App, new: &api::NewCatalog) -> Result<Catalog, Problem> {
    let catalog = parse_catalog(&new.toml).map_err(|problems| {
        let errors = problems.iter().take(100).map(|problem| Invalid::new("/toml", problem.to_string()));
        Problem::Refused(Refusal::InvalidRequest { errors: errors.collect() })
    })?;
    let newest = app.ledger.store().catalogs();
    if newest.newest().is_some_and(|newest| newest.catalog.name != catalog.name) {
        return Err(Problem::invalid("/toml", "the catalog's name must not change: a deployment serves one product"));
    }
    Ok(catalog)
}

/// Lists the versions of the catalog, newest first.
#[utoipa::path(get, path = "/v1/catalogs", tag = "Catalog",
    responses((status = 200, description = "The versions", body = api::Page<api::CatalogVersion>)))]
pub async fn list(_: Operator, State(app): State<Arc<App>>) -> Result<Json<api::Page<api::CatalogVersion>>, Problem> {
    Ok(Json(page(versions(&app).await?, None)))
}

async fn versions(app: &App) -> Result<Vec<api::CatalogVersion>, Problem> {
    let version = |known: rows::catalogs::Version| api::CatalogVersion {
        version: known.version,
        published_at: known.published_at.to_string(),
        sha256: known.sha256,
        actor: known.actor,
    };
    Ok(rows::catalogs::versions(app.ledger.store().reader()).await?.into_iter().map(version).collect())
}
