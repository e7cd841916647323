//! `/v1/tasks`: the background tasks of the server that answers, with their last results.

use crate::http::edge::app::App;
use crate::http::edge::page::page;
use crate::http::edge::rights::Operator;
use crate::jobs::driver::Task;
use axum::Json;
use axum::extract::State;
use futures_util::future::join_all;
use scrip_client::types as api;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of background tasks.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists the background tasks of this server, each with its last run, its last error and its backlog.
///
/// Every server has its own tasks; the backlog is that of all servers.
#[utoipa::path(get, path = "/v1/tasks", tag = "Tasks",
    responses((status = 200, description = "All of them", body = api::Page<api::Task>)))]
pub async fn list(_: Operator, State(app): State<Arc<App>>) -> Json<api::Page<api::Task>> {
    Json(page(join_all(app.tasks.tasks().iter().map(|task| to_api(task))).await, None))
}

async fn to_api(task: &Task) -> api::Task {
    let status = task.status();
    let backlog = task.backlog().await.unwrap_or_else(|error| {
        tracing::warn!(task = task.name, %error, "the backlog of a task cannot be counted");
        None
    });
    api::Task {
        name: task.name.to_owned(),
        period_ms: task.period.as_millis() as u64,
        permits: task.permits as u64,
        busy: status.busy as u64,
        backlog,
        last_run_at: status.last_run_at.map(|at| at.to_string()),
        failures: status.failures,
        last_error: status.last_error.map(|(at, cause)| api::TaskError { at: at.to_string(), cause }),
    }
}
