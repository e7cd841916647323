//! The whole route table: the resources joined, with health checks, the API document and webhooks.

use super::edge::app::{App, Audience};
use super::edge::health;
use super::edge::middleware::with_middleware;
use super::openapi::Document;
use super::{api, hooks, openapi};
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use utoipa_axum::router::OpenApiRouter;

/// The API document as it is sent, built once in the life of the process.
static SERVED: LazyLock<Document> = LazyLock::new(|| Document::of(&document()));

/// Joins the routes of every resource, with their documentation.
fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(api::catalogs::routes())
        .merge(api::workspaces::routes())
        .merge(api::subscriptions::routes())
        .merge(api::grants::routes())
        .merge(api::test_clocks::routes())
        .merge(api::balances::routes())
        .merge(api::entitlements::routes())
        .merge(api::quotes::routes())
        .merge(api::runs::routes())
        .merge(api::holds::routes())
        .merge(api::assets::routes())
        .merge(api::keys::routes())
        .merge(api::members::routes())
        .merge(api::billing::routes())
        .merge(api::reviews::routes())
        .merge(api::people::routes())
        .merge(api::audit::routes())
        .merge(api::operator_keys::routes())
        .merge(api::switches::routes())
        .merge(api::tasks::routes())
        .merge(api::sessions::routes())
        .merge(api::oidc::routes())
}

/// Returns the OpenAPI 3.1 document.
pub fn document() -> Value {
    openapi::document(routes().into_openapi())
}

/// Returns the service: the routes, health checks, and the middleware of every answer.
pub fn service(app: Arc<App>, audience: Audience) -> Router {
    let (router, _) = routes().split_for_parts();
    let ready = {
        let app = Arc::clone(&app);
        move || async move { health::answer(app.health.check().await) }
    };
    // Without a secret no webhook could be verified, so the address does not exist.
    let is_told = app.billing.as_ref().is_some_and(|billing| !billing.secrets.is_empty());
    let router = if is_told { router.route("/hooks/stripe", post(hooks::stripe::receive)) } else { router };
    let router = router
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/openapi.json", get(|headers: HeaderMap| async move { SERVED.answer(&headers) }));
    with_middleware(router, Some(Arc::clone(&app))).layer(Extension(audience)).with_state(app)
}

/// Returns a service that answers with the request's body, behind the middleware of every request: the upper limit of
/// what this service can serve.
pub fn echo() -> Router {
    with_middleware(Router::new().route("/echo", post(|body: Bytes| async { body })), None)
}
