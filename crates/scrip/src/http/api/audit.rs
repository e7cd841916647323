//! `/v1/audit`: the privileged acts of a workspace, newest first.
//!
//! The log is the journal: the entry of an act has its actor and request, in one transaction with its effects, and an
//! entry never changes. The state before and after follows from the entries themselves.
//!
//! Invariant: every privileged act is in the log, because there is no other way to do one.

use super::profiles;
use crate::history::Moment;
use crate::http::edge::app::App;
use crate::http::edge::page::PageQuery;
use crate::http::edge::page::{cursor, page, page_limit};
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::make_aside;
use crate::http::edge::request::QueryOf;
use crate::http::edge::rights::Admin;
use crate::operate::acts::{self, Act};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use scrip_client::types as api;
use scrip_engine::{Addresses, Kind, explain};
use scrip_store::difference::difference;
use serde_json::json;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of the audit log.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists privileged acts, newest first, each with its actor, its request and the state before and after.
///
/// Without a workspace, an operator sees the acts that belong to no workspace: catalogs, sign-in links, switches.
#[utoipa::path(get, path = "/v1/audit", tag = "Audit", params(("Scrip-Workspace" = Option<String>, Header, description = "Id of the workspace, `ws_…`; optional for an operator"), PageQuery),
    responses((status = 200, description = "A page of acts", body = api::Page<api::AuditEntry>)))]
pub async fn list(
    admin: Admin,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)? as usize;
    let before = cursor(query.cursor.as_deref(), i64::MAX)?;
    if admin.names_none() {
        return Ok(Json(of_all(&app, before, limit).await?).into_response());
    }
    let workspace = admin.workspace_now(&app).await?.id;
    let before = u64::try_from(before).unwrap_or_default();
    let mut acts = app.histories.acts(app.ledger.store(), workspace, before, limit + 1).await?;
    let more = acts.len() > limit;
    acts.truncate(limit);
    let last = acts.last().map(|act| act.entry.seq as i64).filter(|_| more);
    let addresses = profiles::addresses_in(&app, workspace, acts.iter().map(|act| &act.entry)).await?;
    let shown = move || page(acts.iter().map(|moment| act(moment, &addresses)).collect(), last);
    make_aside(app.ledger.store(), move || Ok(shown())).await
}

/// Converts an act, with the state before and after it.
fn act(moment: &Moment, addresses: &Addresses) -> api::AuditEntry {
    let Moment { before: was, row, entry } = moment;
    let (before, after) = difference(was, &moment.after());
    api::AuditEntry {
        entry: entry.workspace.id_of(Kind::Entry, entry.seq as u32),
        at: entry.at.to_string(),
        actor: entry.actor.clone(),
        act: entry.command.clone(),
        request_id: row.request(),
        summary: explain(was, entry, addresses).summary,
        before,
        after,
    }
}

/// Returns a page of the acts that belong to no single workspace.
async fn of_all(app: &App, before: i64, limit: usize) -> Result<api::Page<api::AuditEntry>, Problem> {
    let found = acts::list(app.ledger.store(), before, limit as i64 + 1).await?;
    let last = found.get(limit - 1).map(|act| act.n).filter(|_| found.len() > limit);
    let shown = |act: Act| {
        let summary = match act.kind.as_str() {
            "publish_catalog" => format!("Published the catalog {}, SHA-256 {}", act.name, act.detail),
            "migrate_catalog" => format!("Moved workspaces to the terms of catalog version {}", act.name),
            "portal_link" if act.detail.is_empty() => format!("Made a link that signs {} in", act.name),
            "portal_link" => format!("Made a link that signs {} in, to {} alone", act.name, act.detail),
            "make_operator_key" => format!("Made the operator key {}, for: {}", act.name, act.detail),
            "revoke_operator_key" => format!("Revoked the operator key {}", act.name),
            "link_customer" => format!("Linked {} to the Stripe customer {}", act.name, act.detail),
            "block_person" => format!("Blocked {}: {}", act.name, act.detail),
            "unblock_person" => format!("Unblocked {}", act.name),
            kind if act.detail.is_empty() => format!("Switched the {kind} {} on", act.name),
            kind => format!("Switched the {kind} {} off: {}", act.name, act.detail),
        };
        let (before, after) = (json!({}), json!({ act.kind.clone(): act.name, "detail": act.detail }));
        let (entry, at) = (format!("act_{}", act.n), act.at.to_string());
        api::AuditEntry { entry, at, actor: act.actor, act: act.kind, request_id: act.request, summary, before, after }
    };
    Ok(page(found.into_iter().take(limit).map(shown).collect(), last))
}
