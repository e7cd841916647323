//! Webhook endpoints: the addresses to which Stripe sends its events.

use super::{Metadata, Seconds, or_empty};
use crate::payments::stripe::{Client, Error};
use serde::Deserialize;

/// A webhook endpoint, as Stripe answers it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct WebhookEndpoint {
    /// Identifier of the endpoint, `we_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Address to which Stripe sends events.
    pub url: String,
    /// Status of the endpoint: `enabled` or `disabled`.
    pub status: String,
    /// Types of the events that are sent; `*` means every type.
    pub enabled_events: Vec<String>,
    /// Version of Stripe's API in which events are written; absent means the account's own.
    pub api_version: Option<String>,
    /// Key-value pairs written on the object through the API.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

impl Client {
    /// Reads the webhook endpoints of the account, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, Error> {
        self.all(&["webhook_endpoints"], &()).await
    }
}
