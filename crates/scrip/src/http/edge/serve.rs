//! Serving on a listener, until the stop and past it: late clients are sent to another server.

use super::connection::{Crowd, Door, LOOK, Peer};
use super::health::{self, STOPPING};
use super::middleware::every_request;
use super::problem::Problem;
use super::stop::Stop;
use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use std::sync::Arc;
use std::time::Duration;

/// Returns the router of a server that stops, which sends clients to another server.
fn farewell() -> Router {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { health::answer(Err(STOPPING)) }))
        .fallback(|| async { Problem::Unavailable });
    router.layer(from_fn(move |request, next| every_request(None, request, next)))
}

/// Maximum time to finish answers that were begun when the server was told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves until told to stop, then lets open answers finish. Clients that come meanwhile are sent away.
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
        async move { stop.wait().await }
    };
    let serving = axum::serve(door, router.into_make_service_with_connect_info::<Peer>());
    let serving = serving.with_graceful_shutdown(graceful);
    let patience = async move {
        stop.wait().await;
        let farewell = farewell().into_make_service_with_connect_info::<Peer>();
        let sent_away = axum::serve(Door::new(listener, LOOK, crowd), farewell);
        let _ = tokio::time::timeout(FAREWELL, async { sent_away.await }).await;
    };
    tokio::select! {
        served = async { serving.await } => served,
        () = patience => Ok(()),
    }
}
