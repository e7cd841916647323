//! `/v1/test_clocks`: test clocks, which move forward on command alone.
//!
//! Invariant: everything due on the way of a clock happens in due order.

use crate::crypto::random;
use crate::http::edge::app::App;
use crate::http::edge::page::page;
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{Body, PathOf};
use crate::http::edge::rights::Operator;
use crate::http::edge::values::{instant, line};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::{Timestamp, WorkspaceId};
use scrip_store::rows;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of test clocks.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(show)).routes(routes!(advance))
}

/// Makes a test clock at an instant.
#[utoipa::path(post, path = "/v1/test_clocks", tag = "Test clocks", request_body = api::NewTestClock,
    responses((status = 201, description = "The clock", body = api::TestClock)))]
pub async fn create(
    _: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::NewTestClock>,
) -> Result<Reply<api::TestClock>, Problem> {
    let now = match &body.value.now {
        Some(text) => instant("/now", text)?,
        None => app.ledger.now(None).await?,
    };
    let name = body.value.name;
    name.as_deref().map_or(Ok(()), |name| line("/name", name))?;
    let name = name.unwrap_or_default();
    let id = WorkspaceId::new(u64::from_le_bytes(random())).get();
    app.ledger.store().set_clock(id, Some(name.clone()), now).await?;
    Ok(Reply::new(StatusCode::CREATED, to_api(id, &name, now)))
}

/// Lists all test clocks.
#[utoipa::path(get, path = "/v1/test_clocks", tag = "Test clocks",
    responses((status = 200, description = "All test clocks", body = api::Page<api::TestClock>)))]
pub async fn list(_: Operator, State(app): State<Arc<App>>) -> Result<Json<api::Page<api::TestClock>>, Problem> {
    let clocks = rows::test_clocks::all(app.ledger.store().reader()).await?;
    Ok(Json(page(clocks.iter().map(|clock| to_api(clock.id, &clock.name, clock.now)).collect(), None)))
}

/// Shows a test clock and its time.
#[utoipa::path(get, path = "/v1/test_clocks/{id}", tag = "Test clocks", params(("id" = String, Path, description = "`tc_…`")),
    responses((status = 200, description = "The clock", body = api::TestClock)))]
pub async fn show(
    _: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
) -> Result<Json<api::TestClock>, Problem> {
    let id = parse(&id).ok_or(Problem::not_found("test clock"))?;
    Ok(Json(find(&app, id).await?))
}

/// Moves a test clock forward, from due instant to due instant.
///
/// The answer comes when everything due has happened.
#[utoipa::path(post, path = "/v1/test_clocks/{id}/advance", tag = "Test clocks", params(("id" = String, Path, description = "`tc_…`")),
    request_body = api::AdvanceRequest, responses((status = 200, description = "The clock", body = api::TestClock)))]
pub async fn advance(
    _: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::AdvanceRequest>,
) -> Result<Json<api::TestClock>, Problem> {
    let id = parse(&id).ok_or(Problem::not_found("test clock"))?;
    let to = instant("/to", &body.value.to)?;
    let before = find(&app, id).await?;
    if before.now.parse().is_ok_and(|now: Timestamp| to < now) {
        return Err(Problem::invalid(
            "/to",
            format!("a test clock only moves forward, and its time is {}", before.now),
        ));
    }
    app.time.advance(id, to).await?;
    Ok(Json(find(&app, id).await?))
}

async fn find(app: &App, id: i64) -> Result<api::TestClock, Problem> {
    let clock =
        rows::test_clocks::by_id(app.ledger.store().reader(), id).await?.ok_or(Problem::not_found("test clock"))?;
    Ok(to_api(id, &clock.name, clock.now))
}

fn to_api(id: i64, name: &str, now: Timestamp) -> api::TestClock {
    api::TestClock { id: id_of(id), name: name.to_owned(), now: now.to_string() }
}

/// Returns the id of a test clock, `tc_…`.
pub fn id_of(id: i64) -> String {
    WorkspaceId::new(id as u64).to_string().replacen("ws_", "tc_", 1)
}

/// Returns the number in the id of a test clock that a request names (`tc_…`); `None` for any other text.
pub fn parse(id: &str) -> Option<i64> {
    format!("ws_{}", id.strip_prefix("tc_")?).parse::<WorkspaceId>().ok().map(WorkspaceId::get)
}
