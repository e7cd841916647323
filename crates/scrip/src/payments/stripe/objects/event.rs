//! Stripe's events: its own record of what happened in the account.

use super::{Range, Seconds};
use crate::payments::stripe::{Client, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One of Stripe's events. Invariant: it is a hint; its object is read again before anything is done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    /// Identifier of the event, `evt_…`.
    pub id: String,
    /// Type of the event, such as `invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Version of Stripe's API in which the event's object is written.
    pub api_version: Option<String>,
    /// Connected account in which the event happened; absent for the key's own account.
    pub account: Option<String>,
    /// Content of the event.
    pub data: Data,
    /// Instant at which the event happened, in seconds since 1970.
    pub created: Seconds,
}

/// Content of one of Stripe's events.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Data {
    /// Object of the event, as it was when the event happened.
    pub object: Value,
}

/// Filter of a list of Stripe's events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Events<'a> {
    /// Range in which the events happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
    /// Types of the events, at most 20; an empty list means every type.
    pub types: &'a [&'a str],
    /// `true` for events that every endpoint has accepted, `false` for those that one has not; absent for both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_success: Option<bool>,
}

impl Client {
    /// Reads Stripe's events that match a filter, newest first; Stripe keeps them for 30 days.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn events(&self, which: &Events<'_>) -> Result<Vec<Event>, Error> {
        self.all(&["events"], which).await
    }
}
