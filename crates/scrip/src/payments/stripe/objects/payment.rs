//! Payment intents: payments in the customer's presence or absence.

use super::{Id, Metadata, Range, Seconds, or_empty};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A payment intent: one payment, from the decision to ask for it until the money has arrived.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaymentIntent {
    /// Identifier of the payment intent, `pi_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Status of the payment.
    pub status: Status,
    /// Amount in the currency's smallest unit.
    pub amount: i64,
    /// Amount received so far, in the currency's smallest unit.
    #[serde(default)]
    pub amount_received: i64,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Customer who pays, if any.
    pub customer: Option<Id>,
    /// Payment method that is charged, if any.
    pub payment_method: Option<Id>,
    /// Charge of the last attempt, if any.
    pub latest_charge: Option<Id>,
    /// Error of the last attempt, if it failed.
    pub last_payment_error: Option<Failure>,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// Error of an attempt to pay.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Failure {
    /// Error code: `card_declined`, `authentication_required`, …
    pub code: Option<String>,
    /// Reason for which the card's bank declined, as a code.
    pub decline_code: Option<String>,
    /// Message of the error, for people.
    pub message: Option<String>,
}

/// Status of a payment intent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No payment method is attached, or the last one was declined.
    RequiresPaymentMethod,
    /// A payment method is attached, and the payment is not yet confirmed.
    RequiresConfirmation,
    /// The customer must act, such as authenticate with the bank.
    RequiresAction,
    /// The payment is under way.
    Processing,
    /// The money is authorized, and not yet captured.
    RequiresCapture,
    /// The payment was cancelled and takes no money.
    Canceled,
    /// The money has arrived.
    Succeeded,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

/// Parameters of a payment in the customer's absence, with a payment method that the customer left for it.
#[derive(Clone, Debug, Serialize)]
pub struct NewPayment {
    /// Amount in the currency's smallest unit.
    pub amount: i64,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Identifier of the customer who pays.
    pub customer: String,
    /// Identifier of the payment method that is charged, `pm_…`.
    pub payment_method: String,
    /// Description of the purchase, which the customer reads on the receipt.
    pub description: String,
    /// Key-value pairs by which Scrip finds the object again.
    pub metadata: Metadata,
}

impl Client {
    /// Charges a customer who is absent. A bank that wants the customer to authenticate refuses with
    /// `authentication_required`; the refusal names the payment intent. The request is sent once: the caller
    /// may not want the charge any more when the network is back.
    ///
    /// # Errors
    /// When the payment is declined, Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn pay_off_session(&self, new: &NewPayment, key: &IdempotencyKey) -> Result<PaymentIntent, Error> {
        let mut params = json!(new);
        params["confirm"] = json!(true);
        params["off_session"] = json!(true);
        self.post_once(&["payment_intents"], &params, key).await
    }

    /// Reads a customer's payment intents that were created within `created`, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn payment_intents_of(&self, customer: &str, created: Range) -> Result<Vec<PaymentIntent>, Error> {
        self.all(&["payment_intents"], &json!({ "customer": customer, "created": created })).await
    }
}
