//! Credit notes: reductions of an invoice after it was finalized.

use super::{Id, Metadata, Seconds, or_empty};
use crate::payments::stripe::{Client, Error};
use serde::Deserialize;
use serde_json::json;

/// A reduction of a finalized invoice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CreditNote {
    /// Identifier of the credit note, `cn_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Status of the credit note.
    pub status: Status,
    /// Total in the currency's smallest unit.
    pub amount: i64,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Customer of the invoice.
    pub customer: Id,
    /// Invoice that the credit note reduces.
    pub invoice: Id,
    /// Part that lowers what is still due on the invoice, in the currency's smallest unit.
    pub pre_payment_amount: i64,
    /// Part that gives back what was paid, in the currency's smallest unit: as a refund, as customer balance, or
    /// outside Stripe.
    pub post_payment_amount: i64,
    /// Part that was given back outside Stripe, in the currency's smallest unit.
    pub out_of_band_amount: Option<i64>,
    /// Change of the customer's balance that the credit note made, if any.
    pub customer_balance_transaction: Option<Id>,
    /// Refunds that belong to the credit note.
    #[serde(default, deserialize_with = "or_empty")]
    pub refunds: Vec<NoteRefund>,
    /// Key-value pairs written on the object through the API.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant of issue, in seconds since 1970.
    pub created: Seconds,
    /// Instant at which the credit note was voided, in seconds since 1970.
    pub voided_at: Option<Seconds>,
}

/// A refund of a credit note.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NoteRefund {
    /// Identifier of the refund, `re_…`.
    pub refund: Option<Id>,
    /// Part of the refund that belongs to the credit note, in the currency's smallest unit.
    pub amount_refunded: i64,
}

/// Status of a credit note.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Issued: the credit note is in force.
    Issued,
    /// Voided: the credit note counts no longer.
    Void,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

impl Client {
    /// Reads the credit notes of an invoice, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn credit_notes_of(&self, invoice: &str) -> Result<Vec<CreditNote>, Error> {
        self.all(&["credit_notes"], &json!({ "invoice": invoice })).await
    }
}
