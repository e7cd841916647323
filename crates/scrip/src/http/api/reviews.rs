//! `/v1/reviews`: applying for what stands before a plan, and deciding it (R25).
//!
//! Where a review stands is in its workspace; what was sent with an application is in a row that is written with its
//! entry, and so is how it was decided.
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
use crate::store::{Row, Statement, Unavailable, Value, queries};
use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::billing::ReviewStatus;
use scrip_engine::billing::command::BillingCommand;
use scrip_engine::text::{is_forbidden, is_line};
use scrip_engine::{Command, Dated, Event, Kind, Name, ReviewEvent, Timestamp, WorkspaceId};
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

/// Texts that an application may have.
const FIELDS_MAX: usize = 50; // # assumed
/// Characters that the name of one may have.
const FIELD_NAME_MAX: usize = 100; // # assumed
/// Characters that one may have.
const FIELD_MAX: usize = 2_000; // # assumed

/// What is kept of an application.
struct Kept {
    n: i64,
    workspace: WorkspaceId,
    number: u32,
    review: Name,
    application: u32,
    form: String,
    actor: String,
    applied_at: Timestamp,
    status: String,
    reason: Option<String>,
    decided_at: Option<Timestamp>,
}

impl Kept {
    fn read(row: &Row) -> Kept {
        let number = |column: usize| u32::try_from(row.integer(column)).unwrap_or(u32::MAX);
        Kept {
            n: row.integer(0),
            workspace: WorkspaceId::new(row.integer(1) as u64),
            number: number(2),
            review: Name::from(row.text(3)),
            application: number(4),
            form: row.text(5).to_owned(),
            actor: row.text(6).to_owned(),
            applied_at: Timestamp::from_micros(row.integer(7)),
            status: row.text(8).to_owned(),
            reason: matches!(row.0.get(9), Some(Value::Text(_))).then(|| row.text(9).to_owned()),
            decided_at: row.maybe_integer(10).map(Timestamp::from_micros),
        }
    }

    /// An application by its number in the workspace.
    async fn find(app: &App, workspace: WorkspaceId, number: u32) -> Result<Kept, Problem> {
        let values = vec![workspace.into(), i64::from(number).into()];
        let rows = app.ledger.store().query(queries::REVIEW, values).await?;
        rows.first().map(Kept::read).ok_or(Problem::not_found("review"))
    }

    async fn shown(self, app: &App) -> Result<api::Review, Unavailable> {
        let files = files::of(app, self.workspace, self.number).await?;
        Ok(api::Review {
            id: self.workspace.owned(Kind::Review, self.number),
            workspace: self.workspace.to_string(),
            review: self.review.to_string(),
            status: self.status,
            form: serde_json::from_str(&self.form).unwrap_or_default(),
            files: files.into_iter().map(|file| file.shown).collect(),
            applied_by: Some(self.actor).filter(|actor| !actor.is_empty()),
            applied_at: self.applied_at.to_string(),
            reason: self.reason,
            decided_at: self.decided_at.map(|at| at.to_string()),
        })
    }
}

/// Applies for a review that a plan requires. What was rejected or revoked can be applied for again.
#[utoipa::path(post, path = "/v1/reviews", tag = "Reviews", request_body = api::NewReview,
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ("Idempotency-Key" = Option<String>, Header, description = "The same again when trying again")),
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
    let values = vec![
        id.into(),
        Value::Text(review.to_string()),
        i64::from(application).into(),
        Value::Text(form),
        Value::Text(admin.actor().to_owned()),
        now.micros().into(),
    ];
    let sealed = Some(("reviews", values.clone()));
    let rows = vec![Statement { sql: queries::NEW_REVIEW, values, sealed }];
    let command = Command::Billing(BillingCommand::RequestReview { review, application });
    let beside = Beside { rows, ..Beside::default() };
    let (committed, _) = app.ledger.submit_beside(id, command, admin.asked(id, &body.bytes), beside).await?;
    let made = committed.events.iter().find_map(|Dated(_, event)| match event {
        Event::Review(ReviewEvent::ReviewRequested { review, application }) => Some((review, *application)),
        _ => None,
    });
    let (review, application) = made.ok_or(Problem::Internal)?;
    let values = vec![id.into(), Value::Text(review.to_string()), i64::from(application).into()];
    let rows = app.ledger.store().query(queries::REVIEW_OF, values).await?;
    let kept = rows.first().map(Kept::read).ok_or(Problem::Internal)?;
    Ok(Reply::new(StatusCode::CREATED, kept.shown(&app).await?).of(id, &committed))
}

/// A form as it is kept.
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

/// Which applications are listed.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Only those that stand so: `submitted`, `approved`, `rejected` or `revoked`.
    status: Option<String>,
}

/// Lists applications, newest first: the workspace's own; those of all workspaces, for an operator who names none.
#[utoipa::path(get, path = "/v1/reviews", tag = "Reviews", params(("Scrip-Workspace" = Option<String>, Header, description = "`ws_…`; an operator may leave it out"), ListQuery),
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
    let mut values = vec![Value::Integer(before), Value::Integer(limit + 1)];
    let sql = match (workspace, &query.status) {
        (None, None) => queries::REVIEWS,
        (None, Some(_)) => queries::REVIEWS_BY_STATUS,
        (Some(_), None) => queries::REVIEWS_OF,
        (Some(_), Some(_)) => queries::REVIEWS_OF_BY_STATUS,
    };
    values.extend(workspace.map(Value::from));
    values.extend(query.status.map(Value::Text));
    let rows = app.ledger.store().query(sql, values).await?;
    let mut data = Vec::new();
    let mut last = None;
    for row in rows.iter().take(limit as usize) {
        let kept = Kept::read(row);
        last = Some(kept.n);
        data.push(kept.shown(&app).await?);
    }
    Ok(Json(page(data, last.filter(|_| rows.len() > limit as usize))))
}

/// Shows an application, with what was sent.
#[utoipa::path(get, path = "/v1/reviews/{id}", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    responses((status = 200, description = "The application", body = api::Review)))]
pub async fn show(
    On(_admin, id): On<Admin, ReviewId>,
    State(app): State<Arc<App>>,
) -> Result<Json<api::Review>, Problem> {
    let ReviewId { workspace, n: number } = id?;
    Ok(Json(Kept::find(&app, workspace, number).await?.shown(&app).await?))
}

/// Approves an application: the plans that require the review can be bought. The applicant is told by mail.
#[utoipa::path(post, path = "/v1/reviews/{id}/approve", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    request_body = api::ReviewDecision, responses((status = 200, description = "The application", body = api::Review)))]
pub async fn approve(
    On(operator, id): On<Operator, ReviewId>,
    State(app): State<Arc<App>>,
    body: Body<api::ReviewDecision>,
) -> Result<Reply<api::Review>, Problem> {
    let id = id?;
    decide(&app, &operator, id, &body, |review, reason| Command::ApproveReview { review, reason }).await
}

/// Rejects an application. The applicant is told why by mail, and can apply again.
#[utoipa::path(post, path = "/v1/reviews/{id}/reject", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    request_body = api::ReviewDecision, responses((status = 200, description = "The application", body = api::Review)))]
pub async fn reject(
    On(operator, id): On<Operator, ReviewId>,
    State(app): State<Arc<App>>,
    body: Body<api::ReviewDecision>,
) -> Result<Reply<api::Review>, Problem> {
    let id = id?;
    let command = |review, reason| Command::Billing(BillingCommand::RejectReview { review, reason });
    decide(&app, &operator, id, &body, command).await
}

/// Takes an approval back: what requires the review is sold and renewed no more and starts no new runs; a period that
/// is paid for stays. The applicant is told why by mail.
#[utoipa::path(post, path = "/v1/reviews/{id}/revoke", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`")),
    request_body = api::ReviewDecision, responses((status = 200, description = "The application", body = api::Review)))]
pub async fn revoke(
    On(operator, id): On<Operator, ReviewId>,
    State(app): State<Arc<App>>,
    body: Body<api::ReviewDecision>,
) -> Result<Reply<api::Review>, Problem> {
    let id = id?;
    let command = |review, reason| Command::Billing(BillingCommand::RevokeReview { review, reason });
    decide(&app, &operator, id, &body, command).await
}

async fn decide(
    app: &App,
    operator: &Operator,
    ReviewId { workspace: id, n: number }: ReviewId,
    body: &Body<api::ReviewDecision>,
    command: impl FnOnce(Name, String) -> Command,
) -> Result<Reply<api::Review>, Problem> {
    let kept = Kept::find(app, id, number).await?;
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("review"))?;
    let newest = workspace.billing.reviews.get(&kept.review).map(|known| known.application);
    if newest != Some(kept.application) {
        return Err(Problem::invalid("", "there is a newer application for this review: decide that one"));
    }
    let command = command(kept.review, body.value.reason.clone());
    let committed = app.ledger.submit(id, command, operator.asked(id, &body.bytes)).await?;
    let shown = Kept::find(app, id, number).await?.shown(app).await?;
    Ok(Reply::new(StatusCode::OK, shown).of(id, &committed))
}
