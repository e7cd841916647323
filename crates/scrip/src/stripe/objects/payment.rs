//! Payments, with the customer or without.

use super::{Id, Metadata, Range, Seconds, or_empty};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A payment, from the decision to ask for it until the money is there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// Whether money moves.
    pub livemode: bool,
    /// How it stands.
    pub status: Status,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// What came of it.
    #[serde(default)]
    pub amount_received: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Who pays.
    pub customer: Option<Id>,
    /// What is paid with.
    pub payment_method: Option<Id>,
    /// The last time that money was asked for.
    pub latest_charge: Option<Id>,
    /// Why that failed.
    pub last_payment_error: Option<Failure>,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// When it was made.
    pub created: Seconds,
}

/// Why a payment failed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Failure {
    /// `card_declined`, `authentication_required`, …
    pub code: Option<String>,
    /// Why the card's bank declined.
    pub decline_code: Option<String>,
    /// The same for people.
    pub message: Option<String>,
}

/// How a payment stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There is nothing to pay with, or what there was was declined.
    RequiresPaymentMethod,
    /// It was never asked for.
    RequiresConfirmation,
    /// The customer must do something.
    RequiresAction,
    /// It is under way.
    Processing,
    /// The money is kept for us, and was not taken.
    RequiresCapture,
    /// It was given up.
    Canceled,
    /// It is paid.
    Succeeded,
    /// Something Stripe added.
    #[serde(untagged)]
    Other(String),
}

/// A payment without the customer: by what they left for it.
#[derive(Clone, Debug, Serialize)]
pub struct NewPayment {
    /// In the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Who pays.
    pub customer: String,
    /// What is paid with.
    pub payment_method: String,
    /// What the customer reads on the receipt.
    pub description: String,
    /// What it is found by.
    pub metadata: Metadata,
}

impl Client {
    /// Asks for a payment while the customer is not there. If their bank wants to see them, it is refused with
    /// `authentication_required`; the refusal names the payment.
    ///
    /// # Errors
    /// When it is declined, or Stripe refuses, does not answer, or may have done it.
    pub async fn pay_off_session(&self, new: &NewPayment, key: &IdempotencyKey) -> Result<PaymentIntent, Error> {
        let mut params = json!(new);
        params["confirm"] = json!(true);
        params["off_session"] = json!(true);
        self.post(&["payment_intents"], &params, key).await
    }

    /// A customer's payments that were made in a time, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn payment_intents_of(&self, customer: &str, created: Range) -> Result<Vec<PaymentIntent>, Error> {
        self.all(&["payment_intents"], &json!({ "customer": customer, "created": created })).await
    }
}
