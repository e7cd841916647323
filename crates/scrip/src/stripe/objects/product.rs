//! What is sold, by its name.

use super::{Expandable, Metadata, or_empty, price::Price};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// What is sold: a plan or a pack.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Product {
    /// `prod_…`
    pub id: String,
    /// Whether it is for sale.
    pub active: bool,
    /// Whether money moves.
    pub livemode: bool,
    /// What buyers read.
    pub name: String,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// The price that is asked where nobody names one. It cannot be archived.
    pub default_price: Option<Expandable<Price>>,
    /// When it was made.
    pub created: super::Seconds,
}

/// A product to be.
#[derive(Clone, Debug, Serialize)]
pub struct NewProduct {
    /// What buyers read.
    pub name: String,
    /// What it is found by.
    pub metadata: Metadata,
}

/// What is changed of a product; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProductChange {
    /// What buyers read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is for sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The price that is asked where nobody names one; `Some(None)` is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_price: Option<Option<String>>,
}

impl Client {
    /// Makes a product.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn create_product(&self, new: &NewProduct, key: &IdempotencyKey) -> Result<Product, Error> {
        self.post(&["products"], new, key).await
    }

    /// Changes a product.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn update_product(
        &self,
        id: &str,
        change: &ProductChange,
        key: &IdempotencyKey,
    ) -> Result<Product, Error> {
        self.post(&["products", id], change, key).await
    }

    /// Every product of the account, archived ones too.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn products(&self) -> Result<Vec<Product>, Error> {
        self.all(&["products"], &()).await
    }
}
