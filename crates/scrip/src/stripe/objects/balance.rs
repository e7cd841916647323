//! The balance of a customer: what changed it. An invoice takes from the balance when it is finalized.

use super::{Id, Metadata, Range, Seconds, or_empty};
use crate::stripe::{Client, Error};
use serde::Deserialize;
use serde_json::json;

/// A change of a customer's balance.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BalanceTransaction {
    /// `cbtxn_…`
    pub id: String,
    /// Mode of the account: whether money moves.
    pub livemode: bool,
    /// Reason of the change.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Amount in the currency's smallest unit; below zero is a credit that lowers the next invoice.
    pub amount: i64,
    /// Balance after the change.
    pub ending_balance: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The customer whose balance it is.
    pub customer: Id,
    /// The invoice that the balance was applied to, if there is one.
    pub invoice: Option<Id>,
    /// The credit note that the change comes from, if there is one.
    pub credit_note: Option<Id>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant at which it was made.
    pub created: Seconds,
}

/// Reason of a change of a balance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Change made by hand.
    Adjustment,
    /// Balance that an invoice took when it was finalized.
    AppliedToInvoice,
    /// Credit of a credit note.
    CreditNote,
    /// Balance with which the customer was made.
    Initial,
    /// Amount that was paid beyond what was due on an invoice.
    InvoiceOverpaid,
    /// Amount of an invoice that is too large to be collected.
    InvoiceTooLarge,
    /// Amount of an invoice that is too small to be collected.
    InvoiceTooSmall,
    /// Balance that an invoice gave back when it was voided.
    UnappliedFromInvoice,
    /// A value that Stripe added.
    #[serde(untagged)]
    Other(String),
}

impl Client {
    /// Changes of a customer's balance that were made in a time, newest first.
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
