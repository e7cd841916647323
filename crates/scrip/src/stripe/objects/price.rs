//! What it costs.

use super::{Id, Metadata, Seconds, or_empty};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// What a product costs. Its amount, currency and interval never change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Price {
    /// `price_…`
    pub id: String,
    /// Whether it can be bought. Subscriptions go on with one that cannot.
    pub active: bool,
    /// Whether money moves.
    pub livemode: bool,
    /// ISO 4217, lower case.
    pub currency: String,
    /// In the currency's smallest unit; absent where it is not one whole number for each piece.
    pub unit_amount: Option<i64>,
    /// `per_unit`, or `tiered`.
    pub billing_scheme: String,
    /// How often it is paid; absent when once.
    pub recurring: Option<Recurring>,
    /// What it is found by; no two prices have one key.
    pub lookup_key: Option<String>,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// What it is a price of.
    pub product: Id,
    /// When it was made.
    pub created: Seconds,
}

/// How often a price is paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recurring {
    /// `day`, `week`, `month` or `year`.
    pub interval: String,
    /// Every so many of them.
    pub interval_count: i64,
    /// `licensed`, or `metered`.
    #[serde(default = "licensed")]
    pub usage_type: String,
}

fn licensed() -> String {
    "licensed".to_owned()
}

/// A price to be.
#[derive(Clone, Debug, Serialize)]
pub struct NewPrice {
    /// What it is a price of.
    pub product: String,
    /// ISO 4217, lower case.
    pub currency: String,
    /// In the currency's smallest unit.
    pub unit_amount: i64,
    /// How often it is paid; absent when once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurring: Option<NewRecurring>,
    /// What it is found by.
    pub lookup_key: String,
    /// Whether it takes that key from the price that has it.
    pub transfer_lookup_key: bool,
    /// What it sells.
    pub metadata: Metadata,
}

/// How often a price is to be paid.
#[derive(Clone, Debug, Serialize)]
pub struct NewRecurring {
    /// `week`, `month` or `year`.
    pub interval: String,
}

/// What is changed of a price; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PriceChange {
    /// Whether it can be bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// What it is found by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookup_key: Option<String>,
    /// Whether it takes that key from the price that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_lookup_key: Option<bool>,
}

impl Client {
    /// Makes a price.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn create_price(&self, new: &NewPrice, key: &IdempotencyKey) -> Result<Price, Error> {
        self.post(&["prices"], new, key).await
    }

    /// Changes what may be changed of a price.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn update_price(&self, id: &str, change: &PriceChange, key: &IdempotencyKey) -> Result<Price, Error> {
        self.post(&["prices", id], change, key).await
    }

    /// A price.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn price(&self, id: &str) -> Result<Price, Error> {
        self.get(&["prices", id], &()).await
    }

    /// Every price of the account, archived ones too.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn prices(&self) -> Result<Vec<Price>, Error> {
        self.all(&["prices"], &()).await
    }

    /// The price that bears a lookup key now, if any does.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn price_by_lookup(&self, key: &str) -> Result<Option<Price>, Error> {
        let which = serde_json::json!({ "lookup_keys": [key], "active": true });
        Ok(self.all::<Price>(&["prices"], &which).await?.into_iter().next())
    }
}
