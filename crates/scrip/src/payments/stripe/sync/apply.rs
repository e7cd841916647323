//! Execution of the steps that a sync has planned.
//!
//! A step that creates something carries a key that follows from the decision: the same step, repeated because the last
//! sync was broken off, is the same decision, and Stripe answers with the object that it made. A step that changes
//! something sets it to its wanted value, so that doing it twice is doing it once; its key is a new one each time,
//! because the object may have been changed back by hand between two syncs.
//!
//! Invariant: one decision never creates two objects.

use super::Fault;
use super::plan::{Plan, Step};
use super::target::Item;
use crate::crypto::{hex, random};
use crate::payments::stripe::client::Client;
use crate::payments::stripe::error::Error;
use crate::payments::stripe::form::form;
use crate::payments::stripe::key::IdempotencyKey;
use crate::payments::stripe::objects::price::{NewPrice, NewRecurring, PriceChange};
use crate::payments::stripe::objects::product::{NewProduct, ProductChange};
use crate::payments::stripe::offers::{Offer, SaleItem};
use std::collections::BTreeMap;

/// Products and prices that this sync has created, which later steps name.
#[derive(Default)]
struct CreatedObjects {
    products: BTreeMap<Item, String>,
    prices: BTreeMap<SaleItem, String>,
}

/// Takes the steps in order, and calls `done` after each.
///
/// # Errors
/// When an object that is not Scrip's is in the way, or Stripe refuses or does not answer: the steps before stay done,
/// and another sync goes on from there.
pub async fn apply(client: &Client, plan: &Plan, mut done: impl FnMut(&Step)) -> Result<(), Fault> {
    if !plan.in_the_way.is_empty() {
        return Err(Fault::InTheWay(plan.in_the_way.clone()));
    }
    let mut made = CreatedObjects::default();
    for (n, step) in plan.steps.iter().enumerate() {
        let stopped = |error| Fault::Stopped { done: n, all: plan.steps.len(), error };
        made.take(client, step).await.map_err(stopped)?;
        done(step);
    }
    Ok(())
}

impl CreatedObjects {
    async fn take(&mut self, client: &Client, step: &Step) -> Result<(), Error> {
        match step {
            Step::CreateProduct { item, name } => {
                let new = NewProduct { name: name.clone(), metadata: item.metadata() };
                let product = client.create_product(&new, &IdempotencyKey::of(&["product", &form(&new)])).await?;
                self.products.insert(item.clone(), product.id);
            }
            Step::ChangeProduct { id, change, .. } | Step::ArchiveProduct { id, change, .. } => {
                client.update_product(id, change, &once()).await?;
            }
            Step::CreatePrice { item, offer, product, known, .. } => {
                let new = new_price(offer, self.product(item, product.as_ref())?);
                let decided = form(&new);
                let parts: Vec<&str> =
                    ["price", &decided].into_iter().chain(known.iter().map(String::as_str)).collect();
                let price = client.create_price(&new, &IdempotencyKey::of(&parts)).await?;
                self.prices.insert(offer.sold.clone(), price.id);
            }
            Step::ReopenPrice { id, change, .. } => {
                client.update_price(id, change, &once()).await?;
            }
            Step::SetDefault { item, product, sold, price } => {
                let price = price.as_ref().or_else(|| self.prices.get(sold)).ok_or_else(|| missing_object(sold))?;
                let change = ProductChange { default_price: Some(Some(price.clone())), ..ProductChange::default() };
                client.update_product(&self.product(item, product.as_ref())?, &change, &once()).await?;
            }
            Step::ArchivePrice { price, .. } => {
                let change = PriceChange { active: Some(false), ..PriceChange::default() };
                client.update_price(&price.id, &change, &once()).await?;
            }
        }
        Ok(())
    }

    /// Returns the product that a step is about: an existing one, or one that this sync has created.
    fn product(&self, item: &Item, there: Option<&String>) -> Result<String, Error> {
        there.or_else(|| self.products.get(item)).cloned().ok_or_else(|| missing_object(item))
    }
}

fn new_price(offer: &Offer, product: String) -> NewPrice {
    NewPrice {
        product,
        currency: offer.currency.clone(),
        unit_amount: offer.amount.get(),
        recurring: offer.sold.interval().map(|interval| NewRecurring { interval: interval.name().to_owned() }),
        lookup_key: offer.sold.lookup_key(),
        transfer_lookup_key: true,
        metadata: offer.sold.metadata(),
    }
}

/// Returns a key that no other change has.
fn once() -> IdempotencyKey {
    IdempotencyKey::of(&["change", &hex(&random::<16>())])
}

/// Returns the failure of a step that names an object which no step before it created.
fn missing_object(what: &impl std::fmt::Display) -> Error {
    Error::Unreachable(format!("{what} should have been made before"))
}
