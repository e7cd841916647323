//! Server of the simulator: the API, the control API and the pages on one port, and the two workers behind them.
//!
//! Invariant: the state is locked for the length of one request or one step of time and never across a wait.

use crate::api::{self, Request};
use crate::app::App;
use crate::billing;
use crate::control;
use crate::delivery::{self, Parcel};
use crate::object::Object;
use crate::pages;
use crate::resources::test_clocks;
use crate::wire::{Scissors, Wires};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Pause between two steps of the wall clock.
const TICK: Duration = Duration::from_millis(200);

/// Serves requests until the future is dropped.
pub async fn serve(app: App, listener: TcpListener) {
    let routes = Router::new().nest("/_control", control::routes()).fallback(answer).with_state(app.clone());
    let routes = routes.into_make_service_with_connect_info::<Scissors>();
    let served = axum::serve(Wires(listener), routes);
    tokio::select! {
        ended = async { served.await } => {
            if let Err(error) = ended {
                tracing::error!(%error, "the simulator stopped");
            }
        }
        () = deliver(&app) => {}
        () = pass_time(&app) => {}
    }
}

/// Lets time pass: on the wall clock, and on test clocks that are being advanced.
async fn pass_time(app: &App) {
    loop {
        let _ = tokio::time::timeout(TICK, app.advance.notified()).await;
        let mut state = app.lock();
        let now = state.now(None);
        billing::play(&mut state, None, now);
        test_clocks::play(&mut state);
        drop(state);
        app.deliver.notify_one();
    }
}

/// Sends what is to be delivered.
async fn deliver(app: &App) {
    let timeout = app.lock().config.delivery_timeout;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(timeout).build();
    let client = client.expect("a client without a certificate of its own can be built");
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        let next = app.lock().deliveries.next(Instant::now());
        match next {
            Ok(id) => {
                let (app, client) = (app.clone(), client.clone());
                under_way.spawn(async move { attempt(&app, &client, &id).await });
            }
            Err(due) => {
                let due = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
                tokio::select! {
                    () = app.deliver.notified() => {}
                    () = tokio::time::sleep_until(due) => {}
                    Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                }
            }
        }
    }
}

/// Makes one attempt of one delivery.
async fn attempt(app: &App, client: &reqwest::Client, id: &str) {
    let Some(parcel) = pack(app, id) else {
        app.lock().deliveries.record(id, None);
        return;
    };
    let mut request = client.post(parcel.url).header(header::CONTENT_TYPE, "application/json; charset=utf-8");
    request = request.header(header::USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)");
    if let Some(signature) = parcel.signature {
        request = request.header("Stripe-Signature", signature);
    }
    let status = request.body(parcel.body).send().await.ok().map(|answer| answer.status().as_u16());
    app.lock().deliveries.record(id, status);
    app.deliver.notify_one();
    app.ended.notify_waiters();
}

fn pack(app: &App, id: &str) -> Option<Parcel> {
    let state = app.lock();
    let delivery = state.deliveries.get(id)?;
    let event = state.get(&delivery.event)?;
    let endpoint = state.get(&delivery.endpoint).filter(|endpoint| !endpoint.flag("deleted"))?;
    let forgery = delivery.forge.clone().unwrap_or_default();
    let subject = event.text("data.object.id");
    let same = |other: &&Object| forgery.stale && other.text("data.object.id") == subject;
    let first = state.all("event").find(same);
    let event = state.to_api(event);
    Some(delivery::pack(&event, endpoint, &forgery, first, crate::clock::now()))
}

/// Answers every request outside the control API.
async fn answer(
    Shared(app): Shared<App>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let query = uri.query().unwrap_or_default();
    let form = String::from_utf8_lossy(&body);
    let request = Request {
        method: method.as_str().to_owned(),
        path: uri.path().to_owned(),
        form: format!("{query}&{form}"),
        key: text("authorization").and_then(|header| key(&header)),
        idempotency_key: text("idempotency-key"),
        version: text("stripe-version"),
    };
    if !request.path.starts_with("/v1/") {
        return match method.as_str() {
            "GET" | "HEAD" => app.with(|state| pages::get(state, &request.path, query)),
            "POST" => app.with(|state| pages::post(state, &request.path, query, &form)),
            _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        };
    }
    let reply = app.with(|state| api::answer(state, &request));
    if reply.is_silent {
        std::future::pending::<()>().await;
    }
    let Some(status) = reply.status else {
        scissors.cut();
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        [
            ("request-id", reply.request_id),
            ("stripe-version", request.version.unwrap_or_else(|| crate::API_VERSION.to_owned())),
            ("content-type", "application/json".to_owned()),
        ],
        serde_json::to_string_pretty(&reply.body).unwrap_or_default(),
    )
        .into_response();
    let echoed = request.idempotency_key.and_then(|key| key.parse().ok());
    response.headers_mut().extend(echoed.map(|key| (header::HeaderName::from_static("idempotency-key"), key)));
    if reply.replayed {
        let replayed = header::HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(replayed, header::HeaderValue::from_static("true"));
    }
    response
}

/// Returns the key of an `Authorization` header: a bearer, or the user of a basic one.
fn key(header: &str) -> Option<String> {
    if let Some(bearer) = header.strip_prefix("Bearer ") {
        return Some(bearer.trim().to_owned());
    }
    let decoded = decode_base64(header.strip_prefix("Basic ")?.trim())?;
    Some(decoded.split(':').next().unwrap_or_default().to_owned())
}

/// Decodes base 64 of the standard alphabet, with or without padding.
fn decode_base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_as_a_bearer_or_as_a_user() {
        assert_eq!(key("Bearer sk_test_1").as_deref(), Some("sk_test_1"));
        assert_eq!(key("Basic c2tfdGVzdF8xOg==").as_deref(), Some("sk_test_1"));
        assert_eq!(key("Digest x"), None);
    }
}
