//! The middleware of every request: its id and log line, the limit of its body, the catch of a panic, and the count of
//! unknown keys.

use super::app::App;
use super::client::client_of;
use super::connection::Peer;
use super::problem::{Problem, REQUEST_ID};
use super::rates::RATE_STATUS;
use super::request::BODY_MAX;
use crate::crypto::{hex, random};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use scrip_store::clock::{self, Stopwatch};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use tower_http::catch_panic::CatchPanicLayer;

/// Wraps a router in the middleware of every request.
pub fn with_middleware<S: Clone + Send + Sync + 'static>(router: Router<S>, app: Option<Arc<App>>) -> Router<S> {
    router
        .fallback(|| async { Problem::not_found("address") })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| {
            let cause = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            tracing::error!(cause = cause.unwrap_or("unknown"), "a handler panicked");
            Problem::Internal.into_response()
        }))
        .layer(from_fn(move |request, next| every_request(app.clone(), request, next)))
}

/// Gives a request an id and a log line, and its answer the state of its rate limit and headers that keep browsers from
/// guessing.
pub async fn every_request(app: Option<Arc<App>>, request: Request, next: Next) -> Response {
    let serving = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.mark_serving());
    let given = request.headers().get("request-id").and_then(|value| value.to_str().ok());
    let good = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let id = given.filter(good).map_or_else(new_request_id, str::to_owned);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let stopwatch = Stopwatch::start();
    let answered = async {
        let mut response = without_guesses(app, request, next).await;
        if let Some(status) = RATE_STATUS.with(Cell::take) {
            status.add_headers(response.headers_mut());
        }
        response
    };
    let mut response = REQUEST_ID.scope(id.clone(), RATE_STATUS.scope(Cell::default(), answered)).await;
    let status = response.status().as_u16();
    tracing::debug!(request_id = id, %method, path, status, micros = stopwatch.elapsed().as_micros() as u64, "served");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("request-id"), value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    match serving {
        Some(serving) => serving.until_the_end_of(response),
        None => response,
    }
}

/// Serves a request, and refuses its answer when it sent one unknown key, session or link too many. A known one is
/// served whatever other clients sent from the same address.
async fn without_guesses(app: Option<Arc<App>>, request: Request, next: Next) -> Response {
    let shows = [header::AUTHORIZATION, header::COOKIE].iter().any(|name| request.headers().contains_key(name));
    let app = app.filter(|_| shows || request.uri().path() == "/v1/sessions");
    let asker = app.map(|app| (client_of(&app.proxies, request.extensions(), request.headers()), app));
    let response = next.run(request).await;
    match asker {
        Some((client, app)) if response.status() == StatusCode::UNAUTHORIZED => {
            app.bad_keys.attempt(client, clock::now()).map_or_else(IntoResponse::into_response, |()| response)
        }
        _ => response,
    }
}

/// Returns an id that no other request has: steps of the golden ratio from a random start, which repeat after 2^64.
fn new_request_id() -> String {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(u64::from_le_bytes(random())));
    let number = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    format!("req_{}", hex(&number.to_be_bytes()))
}
