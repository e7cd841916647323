//! Credit notes: what was taken back of an invoice after it was finalized.

use super::{Id, Metadata, Seconds, or_empty};
use crate::stripe::{Client, Error};
use serde::Deserialize;
use serde_json::json;

/// Amount taken back of an invoice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CreditNote {
    /// `cn_…`
    pub id: String,
    /// Mode of the account: whether money moves.
    pub livemode: bool,
    /// State of the credit note.
    pub status: Status,
    /// Total in the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The customer of the invoice.
    pub customer: Id,
    /// The invoice that it takes from.
    pub invoice: Id,
    /// Part that lowers what is still due on the invoice.
    pub pre_payment_amount: i64,
    /// Part that gives back what was paid: as a refund, as customer balance, or outside Stripe.
    pub post_payment_amount: i64,
    /// Part that was given back outside Stripe.
    pub out_of_band_amount: Option<i64>,
    /// The change of the customer's balance, if there is one.
    pub customer_balance_transaction: Option<Id>,
    /// The refunds that give money back.
    #[serde(default, deserialize_with = "or_empty")]
    pub refunds: Vec<Refunded>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant at which it was issued.
    pub created: Seconds,
    /// Instant at which it was voided.
    pub voided_at: Option<Seconds>,
}

/// A refund of a credit note.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refunded {
    /// `re_…`
    pub refund: Option<Id>,
    /// Part of the refund that belongs to the credit note.
    pub amount_refunded: i64,
}

/// State of a credit note.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In force.
    Issued,
    /// Taken back: it counts no longer.
    Void,
    /// A value that Stripe added.
    #[serde(untagged)]
    Other(String),
}

impl Client {
    /// Credit notes of an invoice, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn credit_notes_of(&self, invoice: &str) -> Result<Vec<CreditNote>, Error> {
        self.all(&["credit_notes"], &json!({ "invoice": invoice })).await
    }
}
