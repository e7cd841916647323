//! Prices of products, as Stripe describes them.

use super::{Id, Metadata, Seconds, or_empty};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A price of a product. Its amount, currency and interval never change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Price {
    /// Identifier of the price, `price_…`.
    pub id: String,
    /// `true` while the price can be bought. Existing subscriptions go on with an inactive one.
    pub active: bool,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Price of one unit, in the currency's smallest unit; absent where it is not a whole number.
    pub unit_amount: Option<i64>,
    /// Scheme of the amount: `per_unit` or `tiered`.
    pub billing_scheme: String,
    /// Interval at which the price is charged; absent for a price that is paid once.
    pub recurring: Option<Recurring>,
    /// Key by which Scrip finds the price; unique among the account's prices.
    pub lookup_key: Option<String>,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Product that the price belongs to.
    pub product: Id,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// Interval at which a price is charged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recurring {
    /// Unit of the interval: `day`, `week`, `month` or `year`.
    pub interval: String,
    /// Number of such units between two payments.
    pub interval_count: i64,
    /// Kind of usage: `licensed` or `metered`.
    #[serde(default = "licensed_usage")]
    pub usage_type: String,
}

fn licensed_usage() -> String {
    "licensed".to_owned()
}

/// Parameters of a new price.
#[derive(Clone, Debug, Serialize)]
pub struct NewPrice {
    /// Identifier of the product that the price belongs to, `prod_…`.
    pub product: String,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Price of one unit, in the currency's smallest unit.
    pub unit_amount: i64,
    /// Interval at which the price is charged; absent for a price that is paid once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurring: Option<NewRecurring>,
    /// Key by which Scrip finds the price.
    pub lookup_key: String,
    /// `true` to take the lookup key from the price that has it now.
    pub transfer_lookup_key: bool,
    /// Key-value pairs that say which plan or pack the price sells.
    pub metadata: Metadata,
}

/// Interval at which a new price is charged.
#[derive(Clone, Debug, Serialize)]
pub struct NewRecurring {
    /// Unit of the interval: `week`, `month` or `year`.
    pub interval: String,
}

/// Change of a price; a field that is `None` stays unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PriceChange {
    /// `true` to let the price be bought, `false` to archive it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Key by which Scrip finds the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookup_key: Option<String>,
    /// `true` to take the lookup key from the price that has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_lookup_key: Option<bool>,
}

impl Client {
    /// Creates a price at Stripe.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn create_price(&self, new: &NewPrice, key: &IdempotencyKey) -> Result<Price, Error> {
        self.post(&["prices"], new, key).await
    }

    /// Changes the status or the lookup key of a price.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn update_price(&self, id: &str, change: &PriceChange, key: &IdempotencyKey) -> Result<Price, Error> {
        self.post(&["prices", id], change, key).await
    }

    /// Reads the price with identifier `id`.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn price(&self, id: &str) -> Result<Price, Error> {
        self.get(&["prices", id], &()).await
    }

    /// Reads every price of the account, archived ones too.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn prices(&self) -> Result<Vec<Price>, Error> {
        self.all(&["prices"], &()).await
    }

    /// Reads the active price that bears a lookup key, if any.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn price_by_lookup(&self, key: &str) -> Result<Option<Price>, Error> {
        let which = serde_json::json!({ "lookup_keys": [key], "active": true });
        Ok(self.all::<Price>(&["prices"], &which).await?.into_iter().next())
    }
}
