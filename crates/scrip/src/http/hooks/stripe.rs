//! `/hooks/stripe`: webhooks of Stripe.
//!
//! Invariant: the signature of the raw body is verified before anything reads the body, and the event is stored before
//! the answer. So a delivery that was answered with a success is never lost, and any other is delivered again.

use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::http::edge::request::{BODY_MAX, BODY_SECONDS};
use crate::payments::inbox::{self, ReceiveError};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Body of a delivery, as it was sent.
pub struct DeliveryBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for DeliveryBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<DeliveryBody, Problem> {
        let bytes = Bytes::from_request(request, state);
        // A body that is too long is answered with a status of its own, not as invalid JSON.
        let long = async { bytes.await.map_err(drop) };
        match tokio::time::timeout(Duration::from_secs(BODY_SECONDS), long).await {
            Err(_) => Err(Problem::TooSlow { seconds: BODY_SECONDS }),
            Ok(Err(())) => Err(Problem::TooLarge { most: BODY_MAX }),
            Ok(Ok(bytes)) => Ok(DeliveryBody(bytes)),
        }
    }
}

/// Receives a delivery of Stripe's.
pub async fn receive(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    DeliveryBody(body): DeliveryBody,
) -> Result<StatusCode, Problem> {
    let billing = app.billing.as_ref().ok_or(Problem::not_found("address"))?;
    let mut signatures = headers.get_all("stripe-signature").iter();
    let signature = signatures.next().filter(|_| signatures.next().is_none()).and_then(|value| value.to_str().ok());
    match inbox::receive(billing, signature, &body).await {
        Ok(()) => Ok(StatusCode::OK),
        Err(ReceiveError::NotBelieved(why)) => {
            tracing::warn!(why, "a delivery to the webhook endpoint is rejected");
            Err(Problem::BadSignature(why))
        }
        Err(ReceiveError::Unavailable(error)) => Err(error.into()),
    }
}
