//! Who pays.

use super::{Id, Metadata, or_empty};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// Who pays.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Customer {
    /// `cus_…`
    pub id: String,
    /// Whether it was deleted; then nothing else is there.
    #[serde(default)]
    pub deleted: bool,
    /// Whether money moves.
    #[serde(default)]
    pub livemode: bool,
    /// Where bills go.
    pub email: Option<String>,
    /// Whom bills are made out to.
    pub name: Option<String>,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// What is said of its bills.
    #[serde(default)]
    pub invoice_settings: InvoiceSettings,
    /// The test clock it lives by.
    pub test_clock: Option<Id>,
}

/// What is said of a customer's bills.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct InvoiceSettings {
    /// What they are paid with unless something else is said: what a payment without the customer can use.
    pub default_payment_method: Option<Id>,
}

/// A means of payment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Method {
    /// `pm_…`
    pub id: String,
}

/// A customer to be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewCustomer {
    /// Where bills go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whom bills are made out to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is found by.
    pub metadata: Metadata,
    /// The test clock it is to live by, in test mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<String>,
}

impl Client {
    /// Makes a customer.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn create_customer(&self, new: &NewCustomer, key: &IdempotencyKey) -> Result<Customer, Error> {
        self.post(&["customers"], new, key).await
    }

    /// The means of payment that a customer has left, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn payment_methods_of(&self, id: &str) -> Result<Vec<Method>, Error> {
        self.all(&["customers", id, "payment_methods"], &()).await
    }

    /// A customer; a deleted one says so.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn customer(&self, id: &str) -> Result<Customer, Error> {
        self.get(&["customers", id], &()).await
    }
}
