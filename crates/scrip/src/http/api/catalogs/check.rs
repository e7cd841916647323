//! `POST /v1/catalogs/check`: a preview of the models that a catalog retires, with what they leave behind.
//!
//! Invariant: changes nothing, and refuses what `POST /v1/catalogs` would refuse for the catalog's text.

use super::walk::walk;
use crate::http::edge::app::App;
use crate::http::edge::page::{cursor, page};
use crate::http::edge::problem::Problem;
use crate::http::edge::request::{Body, QueryOf};
use crate::http::edge::rights::Operator;
use axum::Json;
use axum::extract::State;
use scrip_client::types as api;
use scrip_engine::{Kind, Name, StrandedUnits, WorkspaceId, find_stranded, retired_models};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of key ids that are shown for a model.
const KEYS_SHOWN: usize = 100;

/// Part of the workspaces that is counted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CheckQuery {
    /// Cursor at which the part before ended.
    cursor: Option<String>,
}

/// Counts what the models that a catalog would retire leave behind: credits for them alone, trials, keys that name
/// them.
///
/// A long count comes in parts, whose counts the caller adds up.
#[utoipa::path(post, path = "/v1/catalogs/check", tag = "Catalog", params(CheckQuery), request_body = api::NewCatalog,
    responses((status = 200, description = "The models that would be retired, with the counts", body = api::CatalogCheck)))]
pub async fn check(
    _: Operator,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<CheckQuery>,
    body: Body<api::NewCatalog>,
) -> Result<Json<api::CatalogCheck>, Problem> {
    let after = cursor(query.cursor.as_deref(), 0)?;
    let next = Arc::new(super::read(&app, &body.value)?);
    let catalogs = app.ledger.store().catalogs();
    let newest = catalogs.newest();
    let version = newest.map_or(1, |newest| newest.version + 1);
    let mut retired: BTreeMap<String, api::RetiredModel> = BTreeMap::new();
    let mut next_cursor = None;
    if let Some(newest) = newest {
        for model in retired_models(&newest.catalog, &next) {
            let model = model.to_string();
            retired.insert(model.clone(), api::RetiredModel { model, ..api::RetiredModel::default() });
        }
        if !retired.is_empty() {
            let now = Arc::clone(&newest.catalog);
            let count = move |app: Arc<App>, id| {
                let (now, next) = (Arc::clone(&now), Arc::clone(&next));
                async move {
                    let Some(workspace) = app.ledger.workspace(id).await? else { return Ok(None) };
                    let at = app.ledger.now_of(&workspace).await?;
                    let found = find_stranded(&workspace, &now, &next, at);
                    Ok((!found.is_empty()).then_some((id, found)))
                }
            };
            let add = |(workspace, found): (WorkspaceId, BTreeMap<Name, StrandedUnits>)| {
                for (model, left) in found {
                    if let Some(retired) = retired.get_mut(&*model) {
                        add(retired, workspace, &left);
                    }
                }
            };
            next_cursor = walk(&app, after, usize::MAX, count, add).await?;
        }
    }
    let page = page(retired.into_values().collect(), next_cursor);
    let api::Page { data: retired, next_cursor, has_more } = page;
    Ok(Json(api::CatalogCheck { version, retired, next_cursor, has_more }))
}

fn add(retired: &mut api::RetiredModel, workspace: WorkspaceId, left: &StrandedUnits) {
    retired.workspaces += 1;
    retired.credits += left.credits.get();
    retired.training += left.training.get();
    retired.trials += u64::from(left.trials);
    retired.trial_runs += left.trial_runs.get();
    retired.keys += left.keys.len() as u64;
    let room = KEYS_SHOWN.saturating_sub(retired.key_ids.len());
    retired.key_ids.extend(left.keys.iter().take(room).map(|key| workspace.id_of(Kind::Key, *key)));
}
