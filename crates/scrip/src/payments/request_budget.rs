//! Request budget: requests to Stripe that a person waits for, counted for their workspace.
//!
//! Invariant: a request for a person's workspace is counted before it is sent, and never exceeds the day's number.

use super::error::Denial;
use crate::ledger::Ledger;
use crate::payments::stripe::pace::{self, Busy, Count, CountFuture};
use crate::people::allowances::{has_paid, stripe_requests};
use scrip_engine::Workspace;
use std::sync::Arc;

/// Runs requests to Stripe for a caller who waits for the answer; they count for the workspace `counted`, if given.
///
/// # Errors
/// As those of `asks`, and [`Denial::Busy`] when there were too many requests.
pub async fn with_budget<T>(
    ledger: &Arc<Ledger>,
    counted: Option<&Workspace>,
    asks: impl Future<Output = Result<T, Denial>>,
) -> Result<T, Denial> {
    let count = counted.map(|workspace| {
        let (id, paid, ledger) = (workspace.id, has_paid(workspace), Arc::clone(ledger));
        let count = move |cost, room| -> CountFuture {
            let (ledger, requests) = (Arc::clone(&ledger), stripe_requests(id, paid, cost, room));
            Box::pin(async move {
                match ledger.store().spend(requests).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(exceeded)) => {
                        Err(Busy { retry_after: exceeded.retry_after, exceeded: Some(exceeded.limit) })
                    }
                    Err(unavailable) => {
                        // The number is not known, so the request is not sent.
                        tracing::warn!(%unavailable, "requests to Stripe cannot be counted");
                        Err(Busy { retry_after: 1, exceeded: None })
                    }
                }
            })
        };
        Box::new(count) as Box<Count>
    });
    pace::with_budget(count, asks).await
}
