//! `/v1/reviews`: applications for reviews that plans require, and decisions about them (R25).
//!
//! The status of a review is in its workspace. The form of an application and the decision about it are in a row that
//! is written with the entry.
//!
//! Invariant: only the newest application for a review is decided, and a decision is an entry, so it is in the audit
//! log and mailed once.

pub mod files;

use crate::http::edge::app::App;
use crate::http::edge::object::ReviewId;
use crate::http::edge::page::{cursor, page, page_limit};
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{Body, QueryOf};
use crate::http::edge::rights::{Admin, On, Operator};
use crate::http::edge::values::name;
use crate::ledger::Beside;
use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::payments::ReviewStatus;
use scrip_engine::text::{is_forbidden, is_line};
use scrip_engine::{Command, DatedEvent, Event, Kind, Name, ReviewCommand, ReviewEvent, WorkspaceId};
use scrip_store::rows::reviews::{Application, NewApplication};
use scrip_store::{Unavailable, rows};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// The routes of reviews.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(apply, list))
        .routes(routes!(show))
        .routes(routes!(files::attach).layer(DefaultBodyLimit::max(files::FILE_MAX)))
        .routes(routes!(files::download))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(revoke))
}

/// Maximum number of fields in an application's form.
const FIELDS_MAX: usize = 50; // # assumed
/// Maximum length of a field's name, in characters.
const FIELD_NAME_MAX: usize = 100; // # assumed
/// Maximum length of a field's text, in characters.
const FIELD_MAX: usize = 2_000; // # assumed

/// Returns an application by its number in the workspace.
///
/// # Errors
/// When there is none, or the store cannot answer.
async fn find(app: &App, workspace: WorkspaceId, number: u32) -> Result<Application, Problem> {
    let kept = rows::reviews::by_number(app.ledger.store().reader(), workspace, number).await?;
    kept.ok_or(Problem::not_found("review"))
}

/// Converts an application, with its files.
async fn to_api(app: &App, kept: Application) -> Result<api::Review, Unavailable> {
    let files = files::of(app, kept.workspace, kept.number).await?;
    Ok(api::Review {
        id: kept.workspace.id_of(Kind::Review, kept.number),
        workspace: kept.workspace.to_string(),
        review: kept.review,
        status: kept.status,
        form: serde_json::from_str(&kept.form).unwrap_or_default(),
        files: files.into_iter().map(|file| file.shown).collect(),
        applied_by: Some(kept.actor).filter(|actor| !actor.is_empty()),
        applied_at: kept.applied_at.to_string(),
        reason: kept.reason,
        decided_at: kept.decided_at.map(|at| at.to_string()),
    })
}

/// Applies for a review that a plan requires.
///
/// After a rejection or a revocation, another application is possible.
#[utoipa::path(post, path = "/v1/reviews", tag = "Reviews", request_body = api::NewReview,
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key; every retry of the request sends the same one")),
    responses((status = 201, description = "The application", body = api::Review)))]
pub async fn apply(
    admin: Admin,
    State(app): State<Arc<App>>,
    body: Body<api::NewReview>,
) -> Result<Reply<api::Review>, Problem> {
    let id = admin.workspace()?;
    let form = form(&body.value.form)?;
    let workspace = admin.workspace_now(&app).await?;
    let review = name(&body.value.review);
    let application = workspace.billing.reviews.get(&review).map_or(0, |known| known.application) + 1;
    let now = app.ledger.now_of(&workspace).await?;
    let (form, actor) = (form.as_str(), admin.actor());
    let new = NewApplication { workspace: id, review: &review, application, form, actor, applied_at: now };
    let rows = vec![rows::reviews::add_with_entry(&new)];
    let command = Command::Review(ReviewCommand::Request { review, application });
    let beside = Beside { rows, ..Beside::default() };
    let (committed, _) = app.ledger.submit_beside(id, command, admin.origin(id, &body.bytes), beside).await?;
    let made = committed.events.iter().find_map(|DatedEvent(_, event)| match event {
        Event::Review(ReviewEvent::ReviewRequested { review, application }) => Some((review, *application)),
        _ => None,
    });
    let (review, application) = made.ok_or(Problem::Internal)?;
    let kept = rows::reviews::by_application(app.ledger.store().reader(), id, review, application).await?;
    let shown = to_api(&app, kept.ok_or(Problem::Internal)?).await?;
    Ok(Reply::new(StatusCode::CREATED, shown).of(id, &committed))
}

/// Returns the form as JSON, for storing.
///
/// # Errors
/// When it has too many fields, or a name or text is not valid.
fn form(given: &BTreeMap<String, String>) -> Result<String, Problem> {
    if given.len() > FIELDS_MAX {
        return Err(Problem::invalid("/form", format!("at most {FIELDS_MAX} fields")));
    }
    for (name, text) in given {
        let is_name = (1..=FIELD_NAME_MAX).contains(&name.chars().count()) && is_line(name);
        if !is_name {
            let detail = format!("a field's name is 1 to {FIELD_NAME_MAX} characters, without control characters");
            return Err(Problem::invalid("/form", detail));
        }
        if text.chars().count() > FIELD_MAX || text.contains(is_forbidden) {
            let pointer = format!("/form/{}", name.replace('~', "~0").replace('/', "~1"));
            return Err(Problem::invalid(pointer, format!("must be at most {FIELD_MAX} characters")));
        }
    }
    serde_json::to_string(given).map_err(|_| Problem::Internal)
}

/// Filter and page of a list of applications.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Maximum number of items, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Cursor at which the page before ended.
    cursor: Option<String>,
    /// Status of the listed applications: `submitted`, `approved`, `rejected` or `revoked`.
    status: Option<String>,
}

/// Lists applications, newest first.
///
/// The list has the workspace's own applications, or those of all workspaces when an operator names none.
#[utoipa::path(get, path = "/v1/reviews", tag = "Reviews", params(("Scrip-Workspace" = Option<String>, Header, description = "Id of the workspace, `ws_…`; optional for an operator"), ListQuery),
    responses((status = 200, description = "A page of applications", body = api::Page<api::Review>)))]
pub async fn list(
    admin: Admin,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<api::Page<api::Review>>, Problem> {
    use ReviewStatus::{Approved, Rejected, Revoked, Submitted};
    let limit = page_limit(query.limit)?;
    let before = cursor(query.cursor.as_deref(), i64::MAX)?;
    let known = |status: &String| [Submitted, Approved, Rejected, Revoked].iter().any(|known| known.name() == status);
    if query.status.as_ref().is_some_and(|status| !known(status)) {
        return Err(Problem::invalid("", "status is submitted, approved, rejected or revoked"));
    }
    let workspace = if admin.names_none() { None } else { Some(admin.workspace_now(&app).await?.id) };
    let (on, status) = (app.ledger.store().reader(), query.status.as_deref());
    let found = rows::reviews::before(on, (before, limit + 1), workspace, status).await?;
    let has_more = found.len() > limit as usize;
    let mut data = Vec::new();
    let mut last = None;
    for kept in found.into_iter().take(limit as usize) {
        last = Some(kept.n);
        data.push(to_api(&app, kept).await?);
    }
    Ok(Json(page(data, last.filter(|_| has_more))))
}

/// Shows an application, with its form and files.
#[utoipa::path(get, path = "/v1/reviews/{id}", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    responses((status = 200, description = "The application", body = api::Review)))]
pub async fn show(
    On(_admin, id): On<Admin, ReviewId>,
    State(app): State<Arc<App>>,
) -> Result<Json<api::Review>, Problem> {
    let ReviewId { workspace, n: number } = id?;
    Ok(Json(to_api(&app, find(&app, workspace, number).await?).await?))
}

/// Approves an application, so that the plans that require the review can be bought.
///
/// The applicant is mailed.
#[utoipa::path(post, path = "/v1/reviews/{id}/approve", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    request_body = api::ReviewDecision, responses((status = 200, description = "The application", body = api::Review)))]
pub async fn approve(
    On(operator, id): On<Operator, ReviewId>,
    State(app): State<Arc<App>>,
    body: Body<api::ReviewDecision>,
) -> Result<Reply<api::Review>, Problem> {
    let id = id?;
    decide(&app, &operator, id, &body, |review, reason| Command::Review(ReviewCommand::Approve { review, reason }))
        .await
}

/// Rejects an application for a review.
///
/// The applicant is mailed the reason, and can apply again.
#[utoipa::path(post, path = "/v1/reviews/{id}/reject", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    request_body = api::ReviewDecision, responses((status = 200, description = "The application", body = api::Review)))]
pub async fn reject(
    On(operator, id): On<Operator, ReviewId>,
    State(app): State<Arc<App>>,
    body: Body<api::ReviewDecision>,
) -> Result<Reply<api::Review>, Problem> {
    let id = id?;
    let command = |review, reason| Command::Review(ReviewCommand::Reject { review, reason });
    decide(&app, &operator, id, &body, command).await
}

/// Takes an approval back.
///
/// Plans that require the review are no longer sold or renewed, and start no new runs; a period that is paid for stays.
/// The applicant is mailed the reason.
#[utoipa::path(post, path = "/v1/reviews/{id}/revoke", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    request_body = api::ReviewDecision, responses((status = 200, description = "The application", body = api::Review)))]
pub async fn revoke(
    On(operator, id): On<Operator, ReviewId>,
    State(app): State<Arc<App>>,
    body: Body<api::ReviewDecision>,
) -> Result<Reply<api::Review>, Problem> {
    let id = id?;
    let command = |review, reason| Command::Review(ReviewCommand::Revoke { review, reason });
    decide(&app, &operator, id, &body, command).await
}

async fn decide(
    app: &App,
    operator: &Operator,
    ReviewId { workspace: id, n: number }: ReviewId,
    body: &Body<api::ReviewDecision>,
    command: impl FnOnce(Name, String) -> Command,
) -> Result<Reply<api::Review>, Problem> {
    let kept = find(app, id, number).await?;
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("review"))?;
    let review = Name::from(&*kept.review);
    let newest = workspace.billing.reviews.get(&review).map(|known| known.application);
    if newest != Some(kept.application) {
        return Err(Problem::invalid("", "there is a newer application for this review: decide that one"));
    }
    let command = command(review, body.value.reason.clone());
    let committed = app.ledger.submit(id, command, operator.origin(id, &body.bytes)).await?;
    let shown = to_api(app, find(app, id, number).await?).await?;
    Ok(Reply::new(StatusCode::OK, shown).of(id, &committed))
}
