//! `/v1/entitlements`: models, limits, allowances and trials of a workspace.

use super::balances::unit_balance;
use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::http::edge::rights::Viewer;
use axum::Json;
use axum::extract::State;
use scrip_client::types as api;
use scrip_engine::{Access, Model, Output, Terms, Timestamp, Unit, Workspace, access, runs_left_today};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of entitlements.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(entitlements))
}

/// Shows what the workspace may do: every model, with the reason if it is locked, limits, allowances, trials.
#[utoipa::path(get, path = "/v1/entitlements", tag = "Balance", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The entitlements", body = api::Entitlements)))]
pub async fn entitlements(viewer: Viewer, State(app): State<Arc<App>>) -> Result<Json<api::Entitlements>, Problem> {
    let workspace = viewer.workspace_now(&app).await?;
    let now = app.ledger.now_of(&workspace).await?;
    let catalogs = app.ledger.catalogs_of(&workspace).await?;
    let terms = Terms::of(&workspace, &catalogs, now).ok_or(Problem::Internal)?;
    Ok(Json(to_api(&workspace, &terms, now)))
}

/// Returns the entitlements of a workspace at an instant.
fn to_api(workspace: &Workspace, terms: &Terms<'_>, at: Timestamp) -> api::Entitlements {
    let plan = terms.plan();
    let model = |model: &Model| {
        let access = access(workspace, terms, model, at);
        let left = runs_left_today(workspace, terms, &model.id, at);
        let (locked, reason) = match access {
            Access::Locked => (true, Some("MODEL_TIER_REQUIRED")),
            Access::Unapproved { .. } => (true, Some("REVIEW_REQUIRED")),
            Access::TrialExhausted => (true, Some("TRIAL_EXHAUSTED")),
            _ if left == Some(0) => (true, Some("ALLOWANCE_EXHAUSTED")),
            _ => (false, None),
        };
        api::ModelEntitlement {
            id: model.id.to_string(),
            name: model.name.clone(),
            output: output_name(model.output).to_owned(),
            locked,
            reason: reason.map(str::to_owned),
            plans_that_include: terms.plans_that_include(model).iter().map(ToString::to_string).collect(),
            trial_runs_left: trial_runs_left(terms, model, &access),
            trial_window_ends_at: if let Access::TrialWindow { ends_at } = access {
                ends_at.map(|at| at.to_string())
            } else {
                None
            },
            trial_window_unopened: access == Access::TrialWindow { ends_at: None },
            runs_left_today: left,
        }
    };
    let allowances = workspace.grants.iter().map(|grant| grant.unit).filter(|unit| *unit != Unit::Credits);
    api::Entitlements {
        plan: plan.id.to_string(),
        models: terms.menu.catalog.models.iter().map(model).collect(),
        limits: api::Limits {
            requests_per_minute: plan.requests_per_minute,
            concurrency: plan.concurrency,
            batch: plan.batch,
            storage_bytes: plan.storage_bytes(),
            stored_bytes: workspace.stored_bytes,
            members: plan.members,
            retention: plan.retention.map(|span| span.to_string()),
            level: plan.level.as_ref().map(ToString::to_string),
            lane: plan.lane.as_ref().map(ToString::to_string),
        },
        allowances: allowances.map(|unit| (unit.name().to_owned(), unit_balance(workspace, unit))).collect(),
        ceiling: plan.ceiling.clone(),
        features: plan.features.iter().map(ToString::to_string).collect(),
    }
}

/// Returns the number of free runs left of a count trial, 0 once it is used up; `None` when the plan has no count trial
/// of the model.
fn trial_runs_left(terms: &Terms<'_>, model: &Model, access: &Access) -> Option<i64> {
    let is_counted = terms.trials(&model.id).iter().any(|trial| trial.runs.is_some());
    match access {
        Access::TrialRuns { left } => Some(left.get()),
        Access::TrialExhausted if is_counted => Some(0),
        _ => None,
    }
}

/// Returns the name of a model's output kind.
const fn output_name(output: Output) -> &'static str {
    match output {
        Output::Image => "image",
        Output::Video => "video",
        Output::Weights => "weights",
    }
}
