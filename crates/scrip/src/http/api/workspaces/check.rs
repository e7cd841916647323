//! `POST /v1/workspaces/check`: a check beforehand whether a workspace can be opened and given credits.
//!
//! Invariant: changes nothing, and refuses what `POST /v1/workspaces` and `POST /v1/workspaces/{id}/grants` would
//! refuse now: the same code builds the commands, and the engine decides them.

use super::open::preview;
use super::{by_operator, describe, id_of, to_api};
use crate::http::api::{balances, grants};
use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::http::edge::request::Body;
use crate::http::edge::rights::Operator;
use axum::Json;
use axum::extract::State;
use scrip_client::types as api;
use scrip_engine::{By, Command, Event, GrantEvent, Name, Workspace, apply};
use scrip_store::rows;
use std::sync::Arc;

/// Checks an opening and the grant that would follow it, under the idempotency key of the opening.
///
/// A workspace that this key has opened already is returned unchanged, and the grant is checked on it.
#[utoipa::path(post, path = "/v1/workspaces/check", tag = "Workspaces", request_body = api::NewWorkspaceCheck,
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key of the opening to be checked")),
    responses((status = 200, description = "Neither the opening nor the grant would be refused", body = api::WorkspaceCheck)))]
pub async fn check(
    operator: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::NewWorkspaceCheck>,
) -> Result<Json<api::WorkspaceCheck>, Problem> {
    let api::NewWorkspaceCheck { workspace: new, grant } = body.value;
    let id = id_of(operator.key(), None);
    let of_opening = |problem: Problem| problem.within("/workspace");
    let of_grant = |problem: Problem| problem.within("/grant");
    let opening = by_operator(&app, id, operator.origin(id, &body.bytes), new).await.map_err(of_opening)?;
    let source = grant.as_ref().and_then(|grant| grant.source.as_deref()).map(Name::from);
    let grant = grant.map(grants::command).transpose().map_err(of_grant)?;
    let open = app.ledger.workspace(id).await?;
    let exists = open.is_some();
    let workspace = match open {
        Some(workspace) => (*workspace).clone(),
        None => preview(&app, &opening).await.map_err(of_opening)?,
    };
    if let Some(grant) = &grant {
        can_give(&app, &workspace, grant).await.map_err(of_grant)?;
    }
    let granted = match source {
        Some(source) if exists => units_of_source(&app, &workspace, &source).await?,
        _ => None,
    };
    let workspace = match exists {
        true => describe(&app, &workspace).await?,
        false => to_api(&workspace, opening.owner_email),
    };
    Ok(Json(api::WorkspaceCheck { exists, workspace, granted }))
}

/// Checks that the workspace would accept a grant now.
///
/// # Errors
/// The refusal of the engine, or when the store cannot answer.
async fn can_give(app: &App, workspace: &Workspace, grant: &Command) -> Result<(), Problem> {
    let (catalogs, now) = (app.ledger.catalogs_of(workspace).await?, app.ledger.now(workspace.test_clock).await?);
    let applied = apply(workspace, &catalogs, By::Operator, grant, now);
    applied.map(drop).map_err(Problem::Refused)
}

/// Returns the units that were granted under a source; `None` when there are none. The journal is read, because the
/// workspace forgets grants that ended long ago.
async fn units_of_source(app: &App, workspace: &Workspace, source: &Name) -> Result<Option<i64>, Problem> {
    if !workspace.sources.contains(source) {
        return Ok(None);
    }
    let rows = rows::entries::up_to(app.ledger.store().reader(), workspace.id, u64::MAX).await?;
    let mut units = 0_i64;
    for row in &rows {
        for dated in &balances::read(row)?.events {
            match &dated.1 {
                Event::Grant(GrantEvent::GrantIssued { source: of, amount, .. }) if of == source => {
                    units = units.saturating_add(amount.get());
                }
                _ => {}
            }
        }
    }
    Ok(Some(units))
}
