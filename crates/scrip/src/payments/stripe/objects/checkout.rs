//! Checkout sessions: Stripe's hosted pages on which a plan or a pack is paid.

use super::{Id, Metadata, Seconds, or_empty};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A checkout session, as Stripe answers it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Session {
    /// Identifier of the checkout session, `cs_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Progress of the checkout session.
    pub status: Option<Status>,
    /// Status of the payment. A complete checkout session can still be unpaid.
    pub payment_status: PaymentStatus,
    /// Mode of the checkout session: `payment`, `subscription` or `setup`.
    pub mode: String,
    /// Address of the hosted page, while the checkout session is open.
    pub url: Option<String>,
    /// Customer who pays, if known.
    pub customer: Option<Id>,
    /// Scrip's identifier of the workspace that buys.
    pub client_reference_id: Option<String>,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Subscription that the checkout session created, if any.
    pub subscription: Option<Id>,
    /// Payment intent that the checkout session created, if any.
    pub payment_intent: Option<Id>,
    /// Invoice that the checkout session created, if any.
    pub invoice: Option<Id>,
    /// Setup intent that the checkout session created, if any.
    #[serde(default)]
    pub setup_intent: Option<Id>,
    /// Total to pay, in the currency's smallest unit.
    pub amount_total: Option<i64>,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: Option<String>,
    /// Instant at which the checkout session was opened, in seconds since 1970.
    pub created: Seconds,
    /// Instant at which the checkout session expires by itself, in seconds since 1970.
    pub expires_at: Seconds,
}

/// Progress of a checkout session.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Open: the customer can still pay.
    Open,
    /// Completed by the customer; the payment may still be processing.
    Complete,
    /// Expired: the customer can no longer pay.
    Expired,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

/// Status of a checkout session's payment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Payment that has arrived in full.
    Paid,
    /// Payment that has not arrived yet.
    Unpaid,
    /// No payment is due now, as with `setup` or a total of zero.
    NoPaymentRequired,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

/// Parameters of a new checkout session.
#[derive(Clone, Debug, Serialize)]
pub struct NewSession {
    /// Mode of the checkout session: `payment` for a pack, `subscription` for a plan, `setup` for a change that is paid
    /// later.
    pub mode: &'static str,
    /// Identifier of the customer who pays.
    pub customer: String,
    /// Scrip's identifier of the workspace that buys.
    pub client_reference_id: String,
    /// Items that are bought; empty with `setup`.
    pub line_items: Vec<LineItem>,
    /// Currency with `setup`, an ISO 4217 code in lower case; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Address to which Stripe leads the customer after paying.
    pub success_url: String,
    /// Address to which Stripe leads a customer who leaves without paying.
    pub cancel_url: String,
    /// Key-value pairs by which Scrip finds the object again.
    pub metadata: Metadata,
    /// Instant at which the checkout session expires by itself, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Seconds>,
    /// Texts of Scrip's own on the hosted page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_text: Option<CustomText>,
    /// Data that Stripe writes on the subscription that the checkout session creates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_data: Option<SubscriptionData>,
    /// Data that Stripe writes on the payment intent that the checkout session creates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_intent_data: Option<PaymentIntentData>,
}

/// A payment method that a customer entered without paying, as a setup intent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SetupIntent {
    /// Identifier of the setup intent, `seti_…`.
    pub id: String,
    /// Payment method that the customer entered, `pm_…`.
    pub payment_method: Option<Id>,
}

/// Texts of Scrip's own on the hosted page.
#[derive(Clone, Debug, Serialize)]
pub struct CustomText {
    /// Text beside the button that submits the payment.
    pub submit: Words,
}

/// A text for the customer.
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    /// Text of at most 1,200 characters.
    pub message: String,
}

/// One item that is bought.
#[derive(Clone, Debug, Serialize)]
pub struct LineItem {
    /// Identifier of the price, `price_…`.
    pub price: String,
    /// Number of units that are bought.
    pub quantity: u32,
}

/// Data that Stripe writes on the subscription that a checkout session creates.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionData {
    /// Key-value pairs by which Scrip finds the object again.
    pub metadata: Metadata,
}

/// Data that Stripe writes on the payment intent that a checkout session creates.
#[derive(Clone, Debug, Serialize)]
pub struct PaymentIntentData {
    /// Key-value pairs by which Scrip finds the object again.
    pub metadata: Metadata,
    /// `off_session` keeps the payment method for later payments in the customer's absence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<&'static str>,
}

impl Client {
    /// Opens a new checkout session.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn create_checkout(&self, new: &NewSession, key: &IdempotencyKey) -> Result<Session, Error> {
        self.post(&["checkout", "sessions"], new, key).await
    }

    /// Reads the checkout session with identifier `id`.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn checkout(&self, id: &str) -> Result<Session, Error> {
        self.get(&["checkout", "sessions", id], &()).await
    }

    /// Reads the setup intent with identifier `id`, which a checkout session created.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn setup_intent(&self, id: &str) -> Result<SetupIntent, Error> {
        self.get(&["setup_intents", id], &()).await
    }

    /// Reads a customer's checkout sessions, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn checkouts_of(&self, customer: &str) -> Result<Vec<Session>, Error> {
        self.all(&["checkout", "sessions"], &serde_json::json!({ "customer": customer })).await
    }

    /// Expires an open checkout session, so that it can no longer be paid.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn expire_checkout(&self, id: &str, key: &IdempotencyKey) -> Result<Session, Error> {
        self.post(&["checkout", "sessions", id, "expire"], &(), key).await
    }
}
