//! Products and prices that Stripe should have for a catalog.
//!
//! Invariant: a price without an amount is agreed by contract and is not among them.

use crate::payments::stripe::objects::Metadata;
use crate::payments::stripe::offers::{Offer, PACK, PLAN, SaleItem};
use scrip_engine::{Catalog, Pack, Plan};
use std::fmt;

/// Plan or pack that a product is made for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A plan, by its identifier in the catalog.
    Plan(String),
    /// A pack, by its identifier in the catalog.
    Pack(String),
}

/// A product that the account should have.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetProduct {
    /// Plan or pack of the product.
    pub item: Item,
    /// Name that buyers read.
    pub name: String,
    /// Prices of the product, at least one; the first is its default.
    pub prices: Vec<Offer>,
}

impl Item {
    /// Reads the plan or pack from the metadata of a product, if it has exactly one.
    pub fn read(metadata: &Metadata) -> Option<Item> {
        match (metadata.get(PLAN), metadata.get(PACK)) {
            (Some(plan), None) => Some(Item::Plan(plan.clone())),
            (None, Some(pack)) => Some(Item::Pack(pack.clone())),
            _ => None,
        }
    }

    /// Returns the metadata for the product of the plan or pack.
    pub fn metadata(&self) -> Metadata {
        let (name, id) = match self {
            Item::Plan(id) => (PLAN, id),
            Item::Pack(id) => (PACK, id),
        };
        Metadata::from([(name.to_owned(), id.clone())])
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Plan(id) => write!(f, "plan {id}"),
            Item::Pack(id) => write!(f, "pack {id}"),
        }
    }
}

/// Returns every product that the account should have, in the catalog's order.
pub fn target_products(catalog: &Catalog) -> Vec<TargetProduct> {
    let plans = catalog.plans.iter().map(of_plan).filter(|wanted| !wanted.prices.is_empty());
    plans.chain(catalog.packs.iter().map(of_pack)).collect()
}

fn of_plan(plan: &Plan) -> TargetProduct {
    let id = plan.id.to_string();
    let prices = plan.prices.iter().filter_map(|price| {
        let sold = SaleItem::Plan { plan: id.clone(), interval: price.interval };
        Some(Offer { sold, amount: price.amount?, currency: price.currency.clone() })
    });
    TargetProduct { prices: prices.collect(), name: plan.name.clone(), item: Item::Plan(id) }
}

fn of_pack(pack: &Pack) -> TargetProduct {
    let id = pack.id.to_string();
    let sold = SaleItem::Pack { pack: id.clone() };
    let offer = Offer { sold, amount: pack.amount, currency: pack.currency.clone() };
    let bonus = if pack.bonus.is_zero() { String::new() } else { format!(" + {} bonus", pack.bonus.get()) };
    // A pack has no name in the catalog: buyers read its number of credits.
    TargetProduct { item: Item::Pack(id), name: format!("{} credits{bonus}", pack.credits.get()), prices: vec![offer] }
}
