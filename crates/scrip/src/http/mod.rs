//! The HTTP API: the whole route table in one function, one file a resource.
//!
//! Invariant: handlers read a request, ask the ledger or a query, and show the answer; they decide nothing.

pub mod address;
mod assets;
mod audit;
mod balances;
mod billing;
pub mod caller;
mod catalogs;
pub mod connection;
mod health;
mod holds;
mod hooks;
pub mod keys;
mod members;
mod oidc;
mod openapi;
mod opening;
mod operator_keys;
mod people;
pub mod person;
pub mod problem;
pub mod rates;
mod request;
mod reviews;
mod runs;
mod scopes;
mod sessions;
mod stop;
pub mod streams;
mod switches;
mod test_clocks;
pub mod throttle;
mod values;
pub mod views;
mod workspaces;

use crate::billing::Billing;
use crate::blocks::Blocked;
use crate::clock::{self, Stopwatch};
use crate::crypto::{hex, random};
use crate::gateway::assets::Assets;
use crate::history::Histories;
use crate::ledger::Ledger;
use crate::oidc::Oidc;
use crate::operators::OperatorKeys;
use crate::scheduler::TimeMachine;
use crate::sign_in::Lifetimes;
use crate::store::Committed;
use crate::switches::Switches;
use address::{Client, Proxies};
use axum::Extension;
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use connection::{Crowd, Door, LOOK, Peer};
pub use health::Health;
use health::{Reason, STOPPING};
pub use openapi::document;
use problem::{Problem, REQUEST_ID};
use rates::STANDING;
use scrip_client::types as api;
use scrip_engine::{Kind, WorkspaceId};
use serde::Serialize;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
pub use stop::Stop;
use throttle::Throttle;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// What every handler works with.
pub struct App {
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// Moves test clocks.
    pub time: Arc<TimeMachine>,
    /// Runs that somebody follows.
    pub followed: runs::events::FollowedRuns,
    /// States of workspaces as they once were.
    pub histories: Histories,
    /// Stored outputs.
    pub assets: Arc<Assets>,
    /// Signs quotes and links.
    pub secret: Vec<u8>,
    /// Keys of operators.
    pub operator_keys: OperatorKeys,
    /// Whose each key is, and when it was last used.
    pub keys: keys::directory::Directory,
    /// What is switched off.
    pub switches: Arc<Switches>,
    /// Where links lead: scheme and host.
    pub public_url: String,
    /// How long sessions last.
    pub lifetimes: Lifetimes,
    /// The provider that people may sign in with.
    pub oidc: Option<Oidc>,
    /// Who sells through a payment provider, if anybody does.
    pub billing: Option<Arc<Billing>>,
    /// Readiness.
    pub health: Health,
    /// The end of this server.
    pub stop: Stop,
    /// Who is believed about whom they were asked by.
    pub proxies: Proxies,
    /// Counts keys that nobody has, by who sends them.
    pub bad_keys: Throttle<Client>,
    /// Counts links that were asked for, by who asks.
    pub sign_ins: Throttle<Client>,
    /// Counts returns from the OpenID provider, by who returns.
    pub callbacks: Throttle<Client>,
    /// Open event streams and waits.
    pub streams: Arc<streams::Streams>,
    /// People who are blocked.
    pub blocked: Blocked,
}

impl App {
    /// What is needed to write links for somebody.
    fn links<'a>(&'a self, holder: &'a str) -> views::Links<'a> {
        views::Links { secret: &self.secret, base: &self.public_url, now: clock::now(), holder }
    }
}

/// Every route there is, with its documentation.
fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(catalogs::show))
        .routes(routes!(catalogs::publish, catalogs::list))
        .routes(routes!(catalogs::check::check))
        .routes(routes!(catalogs::migrate::migrate))
        .routes(routes!(workspaces::open, workspaces::list))
        .routes(routes!(workspaces::check::check))
        .routes(routes!(workspaces::show, workspaces::change))
        .routes(routes!(workspaces::subscribe, workspaces::cancel))
        .routes(routes!(workspaces::freeze))
        .routes(routes!(workspaces::give))
        .routes(routes!(workspaces::void))
        .routes(routes!(test_clocks::create, test_clocks::list))
        .routes(routes!(test_clocks::show))
        .routes(routes!(test_clocks::advance))
        .routes(routes!(balances::balance))
        .routes(routes!(balances::entitlements))
        .routes(routes!(balances::entries))
        .routes(routes!(balances::explanation))
        .routes(routes!(balances::usage))
        .routes(routes!(runs::quote))
        .routes(routes!(runs::create, runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::events::events))
        .routes(routes!(holds::open))
        .routes(routes!(holds::batch::batch))
        .routes(routes!(holds::show))
        .routes(routes!(holds::capture))
        .routes(routes!(holds::release))
        .routes(routes!(holds::extend))
        .routes(routes!(assets::show))
        .routes(routes!(keys::make, keys::list))
        .routes(routes!(keys::show, keys::change, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::freeze))
        .routes(routes!(members::add, members::list))
        .routes(routes!(members::change, members::remove))
        .routes(routes!(members::invite, members::invitations))
        .routes(routes!(members::accept))
        .routes(routes!(members::withdraw))
        .routes(routes!(billing::checkout))
        .routes(routes!(billing::portal))
        .routes(routes!(billing::show))
        .routes(routes!(billing::set_top_up, billing::unset_top_up))
        .routes(routes!(billing::link, billing::customer))
        .routes(routes!(billing::sync))
        .routes(routes!(billing::sweep))
        .routes(routes!(billing::alerts))
        .routes(routes!(reviews::apply, reviews::list))
        .routes(routes!(reviews::show))
        .routes(routes!(reviews::files::attach).layer(DefaultBodyLimit::max(reviews::files::FILE_MAX)))
        .routes(routes!(reviews::files::download))
        .routes(routes!(reviews::approve))
        .routes(routes!(reviews::reject))
        .routes(routes!(reviews::revoke))
        .routes(routes!(people::list))
        .routes(routes!(people::show))
        .routes(routes!(people::block, people::unblock))
        .routes(routes!(audit::list))
        .routes(routes!(operator_keys::make, operator_keys::list))
        .routes(routes!(operator_keys::revoke))
        .routes(routes!(switches::list))
        .routes(routes!(switches::model))
        .routes(routes!(switches::provider))
        .routes(routes!(sessions::ask))
        .routes(routes!(sessions::mint))
        .routes(routes!(sessions::open, sessions::close_all))
        .routes(routes!(sessions::show, sessions::close))
        .routes(routes!(oidc::start))
        .routes(routes!(oidc::callback))
}

/// Whom an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody: there is no address for operators alone.
    All,
    /// Everybody but operators.
    Public,
    /// Operators alone.
    Operators,
}

/// The service: the routes, health, and what every answer has.
pub fn service(app: Arc<App>, audience: Audience) -> Router {
    let (router, _) = routes().split_for_parts();
    let ready = {
        let app = Arc::clone(&app);
        move || async move {
            match app.health.check().await {
                Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                Err(reason) => not_ready(reason),
            }
        }
    };
    // Without a secret, nobody could be believed: then there is no such address.
    let is_told = app.billing.as_ref().is_some_and(|billing| !billing.secrets.is_empty());
    let router = if is_told { router.route("/hooks/stripe", post(hooks::stripe)) } else { router };
    let router = router
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/openapi.json", get(openapi::show));
    with_middleware(router, Some(Arc::clone(&app))).layer(Extension(audience)).with_state(app)
}

/// Answers with what it was sent, behind what every request passes: the ceiling of what this service can do.
pub fn echo() -> Router {
    with_middleware(Router::new().route("/echo", post(|body: Bytes| async { body })), None)
}

fn with_middleware<S: Clone + Send + Sync + 'static>(router: Router<S>, app: Option<Arc<App>>) -> Router<S> {
    router
        .fallback(|| async { Problem::not_found("address") })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(request::BODY_MAX))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| {
            let cause = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            tracing::error!(cause = cause.unwrap_or("unknown"), "a handler panicked");
            Problem::Internal.into_response()
        }))
        .layer(from_fn(move |request, next| every_request(app.clone(), request, next)))
}

/// What every request gets: an id, a log line, how it stands with its limit, and headers that keep browsers from
/// guessing.
async fn every_request(app: Option<Arc<App>>, request: Request, next: Next) -> Response {
    let serving = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.serving());
    let given = request.headers().get("request-id").and_then(|value| value.to_str().ok());
    let good = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let id = given.filter(good).map_or_else(request_id, str::to_owned);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let stopwatch = Stopwatch::start();
    let answered = async {
        let mut response = without_guesses(app, request, next).await;
        if let Some(standing) = STANDING.with(Cell::take) {
            standing.tell(response.headers_mut());
        }
        response
    };
    let mut response = REQUEST_ID.scope(id.clone(), STANDING.scope(Cell::default(), answered)).await;
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

/// Serves a request, unless its key, session or link is one too many of those that nobody has. Who has one is served
/// whatever others sent from the same address.
async fn without_guesses(app: Option<Arc<App>>, request: Request, next: Next) -> Response {
    let shows = [header::AUTHORIZATION, header::COOKIE].iter().any(|name| request.headers().contains_key(name));
    let app = app.filter(|_| shows || request.uri().path() == "/v1/sessions");
    let asker = app.map(|app| (app.proxies.client_of(request.extensions(), request.headers()), app));
    let response = next.run(request).await;
    match asker {
        Some((client, app)) if response.status() == StatusCode::UNAUTHORIZED => {
            app.bad_keys.attempt(client, clock::now()).map_or_else(IntoResponse::into_response, |()| response)
        }
        _ => response,
    }
}

/// Bytes that most answers fit into.
const BODY: usize = 512;

/// A name that no other request has: steps of the golden ratio from somewhere, which come back after 2^64.
fn request_id() -> String {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(u64::from_le_bytes(random())));
    let number = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    format!("req_{}", hex(&number.to_be_bytes()))
}

/// An answer to a write.
pub struct Reply<T> {
    status: StatusCode,
    body: T,
    replayed: bool,
    entry: Option<String>,
}

impl<T> Reply<T> {
    fn new(status: StatusCode, body: T) -> Reply<T> {
        Reply { status, body, replayed: false, entry: None }
    }

    /// Names the journal entry behind the answer, and says whether it was given before.
    fn of(mut self, workspace: WorkspaceId, committed: &Committed) -> Reply<T> {
        self.replayed = committed.replayed;
        let happened = !committed.events.is_empty();
        self.entry = happened.then(|| workspace.owned(Kind::Entry, committed.seq as u32));
        self
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(BODY);
        if serde_json::to_writer(&mut body, &self.body).is_err() {
            return Problem::Internal.into_response();
        }
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        if let Some(Ok(entry)) = self.entry.map(HeaderValue::try_from) {
            response.headers_mut().insert("scrip-entry", entry);
        }
        response
    }
}

fn page_limit(limit: Option<u32>) -> Result<i64, Problem> {
    match limit.unwrap_or(20) {
        limit @ 1..=100 => Ok(i64::from(limit)),
        _ => Err(Problem::invalid("", "limit is 1 to 100")),
    }
}

fn cursor(text: Option<&str>, start: i64) -> Result<i64, Problem> {
    let Some(text) = text else { return Ok(start) };
    let number = text.strip_prefix("c_").and_then(|digits| i64::from_str_radix(digits, 36).ok());
    number.filter(|number| *number >= 0).ok_or_else(|| Problem::invalid("", "the cursor is not one that a page gave"))
}

/// Makes a long answer on a thread that serves nobody, so that other requests do not wait for it.
async fn make_aside<T: Serialize>(
    make: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let made = tokio::task::spawn_blocking(move || make().map(|answer| Json(answer).into_response()));
    made.await.map_err(|_| Problem::Internal)?
}

fn page<T>(data: Vec<T>, last: Option<i64>) -> api::Page<T> {
    let next_cursor = last.map(|last| format!("c_{}", base36(last)));
    api::Page { data, has_more: next_cursor.is_some(), next_cursor }
}

fn base36(mut number: i64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
    }
    digits.iter().rev().collect()
}

/// Answer of a server that is not ready.
fn not_ready(reason: Reason) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
}

/// What a server that stops says to those who still come: they are to ask another one.
fn farewell() -> Router {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { not_ready(STOPPING) }))
        .fallback(|| async { Problem::Unavailable });
    router.layer(from_fn(move |request, next| every_request(None, request, next)))
}

/// Time that answers have which were begun when the server was told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves until told to stop, then lets what is being answered finish. Whoever comes meanwhile is sent away.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    crowd: Arc<Crowd>,
    stop: Stop,
) -> std::io::Result<()> {
    let listener = Arc::new(listener);
    let door = Door::new(Arc::clone(&listener), LOOK, Arc::clone(&crowd));
    let graceful = {
        let stop = stop.clone();
        async move { stop.begun().await }
    };
    let serving = axum::serve(door, router.into_make_service_with_connect_info::<Peer>());
    let serving = serving.with_graceful_shutdown(graceful);
    let patience = async move {
        stop.begun().await;
        let farewell = farewell().into_make_service_with_connect_info::<Peer>();
        let sent_away = axum::serve(Door::new(listener, LOOK, crowd), farewell);
        let _ = tokio::time::timeout(FAREWELL, async { sent_away.await }).await;
    };
    tokio::select! {
        served = async { serving.await } => served,
        () = patience => Ok(()),
    }
}
