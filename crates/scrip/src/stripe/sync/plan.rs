//! What is to be done, from what should be there and what is.
//!
//! Pure: it is told what the account has. The steps stand in the order in which they are done, so that at each moment
//! there is something to buy, and no price is archived while it is its product's default, which Stripe refuses.
//!
//! Invariant: where everything is as it should be, there are no steps.

use super::wanted::{Item, Wanted};
use crate::stripe::objects::price::{Price, PriceChange};
use crate::stripe::objects::product::{Product, ProductChange};
use crate::stripe::offers::{Offer, Sold, offer};

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One after the other.
    pub steps: Vec<Step>,
    /// What is not Scrip's and would have to be changed; while there is any, nothing is done.
    pub in_the_way: Vec<String>,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A product that is not there yet.
    CreateProduct {
        /// Of what.
        item: Item,
        /// What buyers read.
        name: String,
    },
    /// A product that is called otherwise, or was archived.
    ChangeProduct {
        /// Of what.
        item: Item,
        /// Which one.
        id: String,
        /// What buyers read now.
        was: String,
        /// What becomes of it.
        change: ProductChange,
    },
    /// A price that is not there yet.
    CreatePrice {
        /// Of what.
        item: Item,
        /// What it sells.
        offer: Offer,
        /// Of which product, if that is there.
        product: Option<String>,
        /// The price whose lookup key it takes.
        instead: Option<Box<Price>>,
        /// Every price that sells the same and is there; so that coming back to an amount is another decision.
        known: Vec<String>,
    },
    /// A price that is right, but archived or without its lookup key.
    ReopenPrice {
        /// Which one.
        id: String,
        /// What it sells.
        offer: Offer,
        /// What becomes of it.
        change: PriceChange,
    },
    /// The price that is asked where nobody names one.
    SetDefault {
        /// Of what.
        item: Item,
        /// Of which product, if that is there.
        product: Option<String>,
        /// What the price sells.
        sold: Sold,
        /// Which one, if it is there.
        price: Option<String>,
    },
    /// A product that the catalog does not sell, or one too many.
    ArchiveProduct {
        /// Of what.
        item: Item,
        /// Which one.
        id: String,
        /// What becomes of it.
        change: ProductChange,
    },
    /// A price that the catalog does not ask.
    ArchivePrice {
        /// Which one.
        price: Box<Price>,
        /// What it sold.
        sold: Sold,
    },
}

/// The account as it is: what is Scrip's, by what is written on it, and what is not.
struct There<'a> {
    products: Vec<(Item, &'a Product)>,
    prices: Vec<(Sold, &'a Price)>,
    strange_products: Vec<&'a Product>,
    strange_prices: Vec<&'a Price>,
}

/// What is kept, while the steps are found.
#[derive(Default)]
struct Kept<'a> {
    products: Vec<&'a str>,
    prices: Vec<&'a str>,
}

/// What is to be done so that there is what is wanted.
pub fn plan(wanted: &[Wanted], products: &[Product], prices: &[Price]) -> Plan {
    let there = There::of(products, prices);
    let mut kept = Kept::default();
    let (mut made, mut defaults) = (Vec::new(), Vec::new());
    for wanted in wanted {
        let product = there.product(&wanted.item);
        kept.products.extend(product.map(|product| product.id.as_str()));
        made.extend(product_step(wanted, product));
        let mut first = None;
        for (n, offer) in wanted.prices.iter().enumerate() {
            let (price, step) = there.price(&wanted.item, offer, product);
            kept.prices.extend(price);
            made.extend(step);
            first = if n == 0 { price } else { first };
        }
        defaults.extend(default_step(wanted, product, first));
    }
    let steps = made.into_iter().chain(defaults).chain(there.archived(&kept)).collect();
    Plan { steps, in_the_way: there.in_the_way(wanted, &kept) }
}

fn product_step(wanted: &Wanted, product: Option<&Product>) -> Option<Step> {
    let (item, name) = (wanted.item.clone(), wanted.name.clone());
    let Some(product) = product else { return Some(Step::CreateProduct { item, name }) };
    let change = ProductChange {
        name: (product.name != name).then_some(name),
        active: (!product.active).then_some(true),
        default_price: None,
    };
    let (id, was) = (product.id.clone(), product.name.clone());
    (change != ProductChange::default()).then_some(Step::ChangeProduct { item, id, was, change })
}

fn default_step(wanted: &Wanted, product: Option<&Product>, first: Option<&str>) -> Option<Step> {
    let offer = wanted.prices.first()?;
    let now = product.and_then(|product| product.default_price.as_ref()).map(|price| price.id.as_str());
    let step = Step::SetDefault {
        item: wanted.item.clone(),
        product: product.map(|product| product.id.clone()),
        sold: offer.sold.clone(),
        price: first.map(str::to_owned),
    };
    (first.is_none() || now != first).then_some(step)
}

/// The ids of prices, in an order that does not depend on how they were listed.
fn ids(prices: &[&Price]) -> Vec<String> {
    let mut ids: Vec<String> = prices.iter().map(|price| price.id.clone()).collect();
    ids.sort();
    ids
}

impl<'a> There<'a> {
    fn of(products: &'a [Product], prices: &'a [Price]) -> There<'a> {
        let mut there = There {
            products: Vec::new(),
            prices: Vec::new(),
            strange_products: Vec::new(),
            strange_prices: Vec::new(),
        };
        for product in products {
            match Item::written(&product.metadata) {
                Some(item) => there.products.push((item, product)),
                None => there.strange_products.push(product),
            }
        }
        for price in prices {
            match Sold::written(&price.metadata) {
                Ok(sold) => there.prices.push((sold, price)),
                Err(_) => there.strange_prices.push(price),
            }
        }
        there
    }

    /// The product of an item: of several the one that can be bought, then the oldest.
    fn product(&self, item: &Item) -> Option<&'a Product> {
        let of = self.products.iter().filter(|(known, _)| known == item).map(|(_, product)| *product);
        of.min_by_key(|product| (!product.active, product.created, &product.id))
    }

    /// The price that is kept for an offer, and what is to be done for it.
    fn price(&self, item: &Item, wanted: &Offer, product: Option<&Product>) -> (Option<&'a str>, Option<Step>) {
        let key = wanted.sold.lookup_key();
        let all: Vec<&Price> =
            self.prices.iter().filter(|(sold, _)| *sold == wanted.sold).map(|(_, price)| *price).collect();
        let is_right = |price: &Price| {
            product.is_some_and(|product| product.id == price.product.id) && offer(price).as_ref() == Ok(wanted)
        };
        let named = all.iter().find(|price| price.lookup_key.as_ref() == Some(&key));
        // A price that can be bought and only lost its name is the right one; one that was archived is history.
        let nameless = || all.iter().find(|price| price.active && is_right(price));
        let Some(price) = named.filter(|price| is_right(price)).or_else(nameless) else {
            let step = Step::CreatePrice {
                item: item.clone(),
                offer: wanted.clone(),
                product: product.map(|product| product.id.clone()),
                instead: named.map(|price| Box::new((*price).clone())),
                known: ids(&all),
            };
            return (None, Some(step));
        };
        let is_named = price.lookup_key.as_ref() == Some(&key);
        let change = PriceChange {
            active: (!price.active).then_some(true),
            lookup_key: (!is_named).then_some(key),
            transfer_lookup_key: (!is_named).then_some(true),
        };
        let step = Step::ReopenPrice { id: price.id.clone(), offer: wanted.clone(), change: change.clone() };
        (Some(&price.id), (change != PriceChange::default()).then_some(step))
    }

    /// What can be bought and should not be.
    fn archived(&self, kept: &Kept<'_>) -> Vec<Step> {
        let products = self.products.iter().filter(|(_, product)| !kept.products.contains(&product.id.as_str()));
        let products = products.filter_map(|(item, product)| {
            let default = product.default_price.as_ref().map(|price| price.id.as_str());
            // As long as it is the default, Stripe does not archive a price.
            let is_held = self.surplus(kept).any(|(_, price)| Some(price.id.as_str()) == default);
            let change = ProductChange {
                name: None,
                active: product.active.then_some(false),
                default_price: is_held.then_some(None),
            };
            let step = Step::ArchiveProduct { item: item.clone(), id: product.id.clone(), change: change.clone() };
            (change != ProductChange::default()).then_some(step)
        });
        let prices = self.surplus(kept);
        let prices =
            prices.map(|(sold, price)| Step::ArchivePrice { price: Box::new((*price).clone()), sold: sold.clone() });
        products.chain(prices).collect()
    }

    /// Prices of ours that can be bought and should not be.
    fn surplus(&self, kept: &Kept<'_>) -> impl Iterator<Item = &(Sold, &'a Price)> {
        self.prices.iter().filter(|(_, price)| price.active && !kept.prices.contains(&price.id.as_str()))
    }

    /// What is not ours and would have to be changed.
    fn in_the_way(&self, wanted: &[Wanted], kept: &Kept<'_>) -> Vec<String> {
        let keys: Vec<String> =
            wanted.iter().flat_map(|wanted| &wanted.prices).map(|offer| offer.sold.lookup_key()).collect();
        let named = self.strange_prices.iter().filter_map(|price| {
            let key = price.lookup_key.as_ref().filter(|key| keys.contains(key))?;
            Some(format!("{} has the lookup key {key} and is not marked as Scrip's: take the key off it", price.id))
        });
        let held = self.surplus(kept).filter_map(|(_, price)| {
            let is_default = |product: &&&Product| product.default_price.as_ref().is_some_and(|it| it.id == price.id);
            let product = self.strange_products.iter().find(is_default)?;
            let (price, product) = (&price.id, &product.id);
            Some(format!("{price} is the default of {product}, which is not marked as Scrip's: choose another default"))
        });
        named.chain(held).collect()
    }
}
