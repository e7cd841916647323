//! What happened, as Stripe tells it.

use super::{Range, Seconds};
use crate::stripe::{Client, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that happened. It is a hint: what it is about is asked for before anything is done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// What happened: `invoice.paid`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether money moves.
    pub livemode: bool,
    /// The form of the object that is told of.
    pub api_version: Option<String>,
    /// The account it happened to, where that is not our own.
    pub account: Option<String>,
    /// What it is about.
    pub data: Data,
    /// When it happened.
    pub created: Seconds,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Data {
    /// The object as it was then.
    pub object: Value,
}

/// Which events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Events<'a> {
    /// When they happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
    /// What happened, at most twenty kinds; empty is all.
    pub types: &'a [&'a str],
    /// Whether every endpoint has taken them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_success: Option<bool>,
}

impl Client {
    /// Events of the last thirty days, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn events(&self, which: &Events<'_>) -> Result<Vec<Event>, Error> {
        self.all(&["events"], which).await
    }
}
