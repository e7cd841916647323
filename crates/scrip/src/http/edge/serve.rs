//! Serving on a listener, to the end and past it: whoever comes while a server stops is sent to another one.

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

/// Router of a server that stops: whoever still comes is to ask another one.
fn farewell() -> Router {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { health::answer(Err(STOPPING)) }))
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
