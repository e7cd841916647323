//! `/v1/workspaces/{id}/subscription`: plans that an operator bills by hand, and the end of any plan.

use super::{billing, workspaces};
use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{Body, QueryOf};
use crate::http::edge::rights::{On, Operator};
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::{Command, PlanCommand, WorkspaceId};
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of subscriptions.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(subscribe, cancel))
}

/// Puts a workspace on a plan, billed by hand.
///
/// An upgrade begins at once, a downgrade at the end of the period.
#[utoipa::path(post, path = "/v1/workspaces/{id}/subscription", tag = "Workspaces",
    params(("id" = String, Path, description = "`ws_…`"), ("Idempotency-Key" = String, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::NewSubscription, responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn subscribe(
    On(operator, id): On<Operator, WorkspaceId>,
    State(app): State<Arc<App>>,
    body: Body<api::NewSubscription>,
) -> Result<Reply<api::Workspace>, Problem> {
    let id = id?;
    let asked = operator.origin_once(id, &body.bytes)?;
    let new = body.value;
    let command = Command::Plan(PlanCommand::Subscribe(workspaces::choice(
        &new.plan,
        new.interval,
        new.allowance,
        &new.approve,
    )?));
    let (committed, workspace) = app.ledger.submit_and_show(id, command, asked).await?;
    Ok(Reply::new(StatusCode::OK, workspaces::describe(&app, &workspace).await?).of(id, &committed))
}

/// Query that cancels the plan, or takes that back.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CancelQuery {
    /// `true` takes a cancellation or a scheduled change back.
    undo: Option<bool>,
}

/// Ends the plan with its period; packs stay.
///
/// A plan that is paid through Stripe is ended there.
#[utoipa::path(delete, path = "/v1/workspaces/{id}/subscription", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`"), CancelQuery),
    responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn cancel(
    On(operator, id): On<Operator, WorkspaceId>,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<CancelQuery>,
) -> Result<Reply<api::Workspace>, Problem> {
    let id = id?;
    let undo = query.undo == Some(true);
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    if workspace.subscription.payment.is_some() {
        billing::end(&app, &workspace, undo).await?;
        let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
        return Ok(Reply::new(StatusCode::OK, workspaces::describe(&app, &workspace).await?));
    }
    if !undo && workspace.subscription.period.is_none() && billing::end_collection(&app, &workspace).await? {
        let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
        return Ok(Reply::new(StatusCode::OK, workspaces::describe(&app, &workspace).await?));
    }
    let command = if undo { Command::Plan(PlanCommand::UndoCancel) } else { Command::Plan(PlanCommand::Cancel) };
    workspaces::command_on(&app, &operator, id, command, &[u8::from(undo)]).await
}
