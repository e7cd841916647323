//! Products: what is for sale, each by its name.

use super::{Expandable, Metadata, or_empty, price::Price};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A product: a plan or a pack that is for sale.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Product {
    /// Identifier of the product, `prod_…`.
    pub id: String,
    /// `true` while the product is for sale.
    pub active: bool,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Name that buyers read.
    pub name: String,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Default price of the product, if any. A default price cannot be archived.
    pub default_price: Option<Expandable<Price>>,
    /// Instant of creation, in seconds since 1970.
    pub created: super::Seconds,
}

/// Parameters of a new product.
#[derive(Clone, Debug, Serialize)]
pub struct NewProduct {
    /// Name that buyers read.
    pub name: String,
    /// Key-value pairs by which Scrip finds the object again.
    pub metadata: Metadata,
}

/// Change of a product; a field that is `None` stays unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProductChange {
    /// Name that buyers read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `true` to put the product on sale, `false` to archive it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Default price of the product; `Some(None)` removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_price: Option<Option<String>>,
}

impl Client {
    /// Creates a product at Stripe.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn create_product(&self, new: &NewProduct, key: &IdempotencyKey) -> Result<Product, Error> {
        self.post(&["products"], new, key).await
    }

    /// Changes a product's name, status or default price.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn update_product(
        &self,
        id: &str,
        change: &ProductChange,
        key: &IdempotencyKey,
    ) -> Result<Product, Error> {
        self.post(&["products", id], change, key).await
    }

    /// Reads every product of the account, archived ones too.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn products(&self) -> Result<Vec<Product>, Error> {
        self.all(&["products"], &()).await
    }
}
