//! `/hooks/stripe`: what the payment provider delivers.
//!
//! Invariant: the raw body's signature is judged before anything reads it, and what is kept is kept before it is
//! answered; so what was answered with a success is never lost, and what was not is delivered again.

use super::App;
use super::problem::Problem;
use crate::billing::signature::judge;
use crate::billing::{Billing, inbox};
use crate::stripe::objects::event::Event;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// Takes a delivery.
pub async fn stripe(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, Problem> {
    let billing: &Arc<Billing> = app.billing.as_ref().ok_or(Problem::not_found("address"))?;
    let mut signatures = headers.get_all("stripe-signature").iter();
    let signature = signatures.next().filter(|_| signatures.next().is_none()).and_then(|value| value.to_str().ok());
    let now = app.ledger.now(None).await?;
    if let Err(forged) = judge(signature, &body, &billing.secrets, now) {
        tracing::warn!(why = forged.detail(), "a delivery is not believed");
        return Err(Problem::BadSignature(forged.detail()));
    }
    let event: Event = serde_json::from_slice(&body).map_err(|error| {
        tracing::error!(%error, "a signed delivery is no event");
        Problem::BadSignature("the body is no event")
    })?;
    inbox::keep(billing, &event).await?;
    Ok(StatusCode::OK)
}
