//! Webhook endpoints: the addresses that Stripe sends events to.

use super::{Metadata, Seconds, or_empty};
use crate::stripe::{Client, Error};
use serde::Deserialize;

/// An address that Stripe sends events to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// Mode of the account: whether money moves.
    pub livemode: bool,
    /// Address that events are sent to.
    pub url: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// Types of the events that are sent; `*` is every type.
    pub enabled_events: Vec<String>,
    /// Version of the API in which events are written; absent is the account's own.
    pub api_version: Option<String>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant at which it was made.
    pub created: Seconds,
}

impl Client {
    /// Webhook endpoints of the account, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, Error> {
        self.all(&["webhook_endpoints"], &()).await
    }
}
