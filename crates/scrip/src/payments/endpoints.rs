//! Webhook endpoints of the account, which a start compares with the events that Scrip follows.
//!
//! **Invariant:** no other work waits for the comparison, and nothing is changed by it.

use super::{Billing, inbox};
use crate::operate::alerts::{self, Alert};
use crate::payments::stripe::Error;
use crate::payments::stripe::objects::webhook::WebhookEndpoint;

/// Path of the address to which Stripe delivers events.
const PATH: &str = "/hooks/stripe";

/// Returns the types of events that Scrip follows and an endpoint does not send.
fn missing_events(endpoint: &WebhookEndpoint) -> Vec<&'static str> {
    let sends = |kind: &str| endpoint.enabled_events.iter().any(|event| event == "*" || event == kind);
    inbox::TYPES.into_iter().filter(|kind| !sends(kind)).collect()
}

/// Returns the id of the endpoint that lacks the fewest events, and a message; `None` when one sends all of them, or
/// none is Scrip's.
fn judge(endpoints: &[WebhookEndpoint]) -> Option<(String, String)> {
    let of_scrip = |endpoint: &&WebhookEndpoint| {
        endpoint.status == "enabled" && endpoint.url.trim_end_matches('/').ends_with(PATH)
    };
    let ours: Vec<&WebhookEndpoint> = endpoints.iter().filter(of_scrip).collect();
    let lacks =
        ours.iter().map(|endpoint| (*endpoint, missing_events(endpoint))).min_by_key(|(_, missing)| missing.len());
    let (endpoint, missing) = lacks?;
    if missing.is_empty() {
        return None;
    }
    let detail = format!(
        "the webhook endpoint {} ({}) does not send {}: add these events to it; until then Stripe's list of events is \
         read once an hour",
        endpoint.id,
        endpoint.url,
        missing.join(", ")
    );
    Some((endpoint.id.clone(), detail))
}

impl Billing {
    /// Tells the operator which events the account's endpoint does not send.
    pub(super) async fn check_endpoints(&self) {
        let endpoints = match self.client.webhook_endpoints().await {
            Ok(endpoints) => endpoints,
            Err(Error::Refused(refused)) if matches!(refused.status, 401 | 403) => {
                tracing::warn!(
                    "the Stripe key may not read webhook endpoints: whether they send all events of docs/STRIPE.md is \
                     not checked"
                );
                return;
            }
            Err(error) => return tracing::warn!(%error, "Stripe's webhook endpoints could not be read"),
        };
        if !endpoints.iter().any(|endpoint| endpoint.url.trim_end_matches('/').ends_with(PATH)) {
            tracing::warn!(
                "the account has no webhook endpoint for {PATH}: Stripe's list of events is read once an hour"
            );
        }
        let Some((id, detail)) = judge(&endpoints) else { return };
        tracing::warn!(detail, "a webhook endpoint does not send every event");
        if let Err(error) = alerts::raise(self.ledger.store(), Alert::new("missing_events", &id, None, detail)).await {
            tracing::warn!(%error, "an alert could not be stored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn endpoint(url: &str, status: &str, events: &[&str]) -> WebhookEndpoint {
        serde_json::from_value(json!({
            "id": "we_1", "livemode": false, "url": url, "status": status, "enabled_events": events,
            "api_version": null, "metadata": {}, "created": 1,
        }))
        .expect("an endpoint")
    }

    #[test]
    fn an_endpoint_is_judged_by_the_events_it_sends() {
        let url = "https://a.example/hooks/stripe";
        let but = |missing: &str| -> Vec<&str> { inbox::TYPES.into_iter().filter(|kind| *kind != missing).collect() };
        assert_eq!(judge(&[endpoint(url, "enabled", &["*"])]), None);
        assert_eq!(judge(&[endpoint(url, "enabled", &inbox::TYPES)]), None);
        assert_eq!(judge(&[endpoint("https://a.example/other", "enabled", &["charge.refunded"])]), None);
        let (_, detail) = judge(&[endpoint(url, "enabled", &but("invoice.created"))]).expect("one is missing");
        assert!(detail.contains("does not send invoice.created:"), "{detail}");
        let both = [endpoint(url, "enabled", &but("invoice.created")), endpoint(url, "enabled", &["*"])];
        assert_eq!(judge(&both), None, "one of them sends everything");
    }

    #[test]
    fn the_document_lists_the_events_that_are_followed() {
        let page = include_str!("../../../../docs/STRIPE.md");
        let start = page.find("events:").expect("the page lists them");
        let end = start + page[start..].find("Put the").expect("the list has an end");
        let listed: Vec<&str> = page[start..end].split('`').skip(1).step_by(2).collect();
        assert_eq!(listed, inbox::TYPES, "docs/STRIPE.md and the inbox name the same events, in the same order");
    }
}
