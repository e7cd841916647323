//! The hosted page where something is bought.

use super::{Id, Metadata, Seconds, or_empty};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A visit to the hosted page.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Session {
    /// `cs_…`
    pub id: String,
    /// Whether money moves.
    pub livemode: bool,
    /// How far it is.
    pub status: Option<Status>,
    /// Whether it is paid. One that is complete may be unpaid still.
    pub payment_status: PaymentStatus,
    /// What is bought: `payment`, `subscription`, …
    pub mode: String,
    /// The page, while it is open.
    pub url: Option<String>,
    /// Who buys.
    pub customer: Option<Id>,
    /// Who that is to us.
    pub client_reference_id: Option<String>,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// The subscription that came of it.
    pub subscription: Option<Id>,
    /// The payment that came of it.
    pub payment_intent: Option<Id>,
    /// The bill that came of it.
    pub invoice: Option<Id>,
    /// The means of payment that came of it.
    #[serde(default)]
    pub setup_intent: Option<Id>,
    /// What is paid, in the currency's smallest unit.
    pub amount_total: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// When it was opened.
    pub created: Seconds,
    /// When it ends by itself.
    pub expires_at: Seconds,
}

/// How far a visit is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The page can be used.
    Open,
    /// It was used; the payment may be under way.
    Complete,
    /// It can no longer be used.
    Expired,
    /// Something Stripe added.
    #[serde(untagged)]
    Other(String),
}

/// Whether a visit is paid.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// It is.
    Paid,
    /// Not yet.
    Unpaid,
    /// Nothing was to pay.
    NoPaymentRequired,
    /// Something Stripe added.
    #[serde(untagged)]
    Other(String),
}

/// A visit to be.
#[derive(Clone, Debug, Serialize)]
pub struct NewSession {
    /// `payment` for a pack, `subscription` for a plan, `setup` for a change that is paid later.
    pub mode: &'static str,
    /// Who buys.
    pub customer: String,
    /// Who that is to us.
    pub client_reference_id: String,
    /// What is bought; nothing with `setup`.
    pub line_items: Vec<LineItem>,
    /// ISO 4217, lower case; with `setup` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Where the page leads when it is done.
    pub success_url: String,
    /// Where it leads when it is left.
    pub cancel_url: String,
    /// What it is found by.
    pub metadata: Metadata,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
    /// What the page says beside the button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_text: Option<CustomText>,
    /// What is written on the subscription that comes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data: Option<SubscriptionData>,
    /// What is written on the payment that comes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_intent_data: Option<PaymentIntentData>,
}

/// The means of payment that a customer entered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SetupIntent {
    /// `seti_…`
    pub id: String,
    /// `pm_…`
    pub payment_method: Option<Id>,
}

/// Words of our own on the page.
#[derive(Clone, Debug, Serialize)]
pub struct CustomText {
    /// Beside the button that pays.
    pub submit: Words,
}

/// Words.
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    /// At most 1,200 letters.
    pub message: String,
}

/// One thing that is bought.
#[derive(Clone, Debug, Serialize)]
pub struct LineItem {
    /// At which price.
    pub price: String,
    /// How many.
    pub quantity: u32,
}

/// What is written on a subscription that comes of a visit.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionData {
    /// What it is found by.
    pub metadata: Metadata,
}

/// What is written on a payment that comes of a visit.
#[derive(Clone, Debug, Serialize)]
pub struct PaymentIntentData {
    /// What it is found by.
    pub metadata: Metadata,
    /// `off_session` keeps the means of payment for payments without the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<&'static str>,
}

impl Client {
    /// Opens a visit.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn create_checkout(&self, new: &NewSession, key: &IdempotencyKey) -> Result<Session, Error> {
        self.post(&["checkout", "sessions"], new, key).await
    }

    /// A visit.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn checkout(&self, id: &str) -> Result<Session, Error> {
        self.get(&["checkout", "sessions", id], &()).await
    }

    /// The means of payment that came of a visit.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn setup_intent(&self, id: &str) -> Result<SetupIntent, Error> {
        self.get(&["setup_intents", id], &()).await
    }

    /// A customer's visits, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn checkouts_of(&self, customer: &str) -> Result<Vec<Session>, Error> {
        self.all(&["checkout", "sessions"], &serde_json::json!({ "customer": customer })).await
    }

    /// Ends an open visit, so that its page can no longer be used.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn expire_checkout(&self, id: &str, key: &IdempotencyKey) -> Result<Session, Error> {
        self.post(&["checkout", "sessions", id, "expire"], &(), key).await
    }
}
