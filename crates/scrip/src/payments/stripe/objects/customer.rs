//! Customers: the Stripe objects that pay for workspaces.

use super::{Id, Metadata, or_empty};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A customer, as Stripe answers it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Customer {
    /// Identifier of the customer, `cus_…`.
    pub id: String,
    /// `true` if the customer was deleted; all other fields are then empty.
    #[serde(default)]
    pub deleted: bool,
    /// `true` if the object belongs to live mode, in which money moves.
    #[serde(default)]
    pub livemode: bool,
    /// E-mail address to which Stripe sends invoices.
    pub email: Option<String>,
    /// Name to which invoices are made out.
    pub name: Option<String>,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Defaults for the customer's invoices.
    #[serde(default)]
    pub invoice_settings: InvoiceSettings,
    /// Stripe test clock on which the customer stands, in test mode.
    pub test_clock: Option<Id>,
}

/// Defaults for a customer's invoices.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct InvoiceSettings {
    /// Payment method of invoices and subscriptions that name none; also used for a payment in the customer's absence.
    pub default_payment_method: Option<Id>,
}

/// A payment method, such as a card.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Method {
    /// Identifier of the payment method, `pm_…`.
    pub id: String,
}

/// Parameters of a new customer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewCustomer {
    /// E-mail address to which Stripe sends invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Name to which invoices are made out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Key-value pairs by which Scrip finds the object again.
    pub metadata: Metadata,
    /// Identifier of the Stripe test clock for the customer, in test mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<String>,
}

impl Client {
    /// Creates a customer at Stripe.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn create_customer(&self, new: &NewCustomer, key: &IdempotencyKey) -> Result<Customer, Error> {
        self.post(&["customers"], new, key).await
    }

    /// Reads the payment methods that are attached to a customer, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn payment_methods_of(&self, id: &str) -> Result<Vec<Method>, Error> {
        self.all(&["customers", id, "payment_methods"], &()).await
    }

    /// Reads a customer; a deleted one has `deleted` set.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn customer(&self, id: &str) -> Result<Customer, Error> {
        self.get(&["customers", id], &()).await
    }
}
