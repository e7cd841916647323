//! Changes of a customer's balance at Stripe. An invoice takes from the balance when it is finalized.

use super::{Id, Metadata, Range, Seconds, or_empty};
use crate::payments::stripe::{Client, Error};
use serde::Deserialize;
use serde_json::json;

/// One change of a customer's balance.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BalanceTransaction {
    /// Identifier of the change, `cbtxn_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Reason for which the balance changed.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Amount in the currency's smallest unit; a negative one is a credit that lowers the next invoice.
    pub amount: i64,
    /// Customer's balance after the change, in the currency's smallest unit.
    pub ending_balance: i64,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Customer that owns the balance.
    pub customer: Id,
    /// Invoice to which the balance was applied, if any.
    pub invoice: Option<Id>,
    /// Credit note from which the change comes, if any.
    pub credit_note: Option<Id>,
    /// Key-value pairs written on the object through the API.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// Reason for which a customer's balance changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Change made by hand.
    Adjustment,
    /// Balance that an invoice took when it was finalized.
    AppliedToInvoice,
    /// Amount that a credit note gave to the balance.
    CreditNote,
    /// Balance that the customer was created with.
    Initial,
    /// Amount that was paid beyond what was due on an invoice.
    InvoiceOverpaid,
    /// Amount of an invoice that was too large to be collected.
    InvoiceTooLarge,
    /// Amount of an invoice that was too small to be collected.
    InvoiceTooSmall,
    /// Balance that an invoice gave back when it was voided.
    UnappliedFromInvoice,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

impl Client {
    /// Reads the changes of a customer's balance that were made within `created`, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn customer_balance_transactions(
        &self,
        customer: &str,
        created: Range,
    ) -> Result<Vec<BalanceTransaction>, Error> {
        self.all(&["customers", customer, "balance_transactions"], &json!({ "created": created })).await
    }
}
