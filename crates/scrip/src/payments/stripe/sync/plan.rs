//! The steps that bring an account's products and prices to those of a catalog.
//!
//! Pure: the account's objects are arguments. The steps stand in the order in which they are taken, so that at each
//! moment there is something to buy, and no price is archived while it is its product's default, which Stripe refuses.
//!
//! Invariant: where everything is as it should be, there are no steps.

use super::target::{Item, TargetProduct};
use crate::payments::stripe::objects::price::{Price, PriceChange};
use crate::payments::stripe::objects::product::{Product, ProductChange};
use crate::payments::stripe::offers::{Offer, SaleItem, offer};

/// The steps of a sync.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Steps in the order in which they are taken.
    pub steps: Vec<Step>,
    /// Objects without Scrip's mark that would have to be changed, one message for each; while there is any, no step is
    /// taken.
    pub in_the_way: Vec<String>,
}

/// One change of the account.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Creates a product that does not exist yet.
    CreateProduct {
        /// Plan or pack of the product.
        item: Item,
        /// Name that buyers read.
        name: String,
    },
    /// Renames a product, or puts an archived one on sale again.
    ChangeProduct {
        /// Plan or pack of the product.
        item: Item,
        /// Identifier of the product.
        id: String,
        /// Name that buyers have read so far.
        was: String,
        /// Change that is made.
        change: ProductChange,
    },
    /// Creates a price that does not exist yet.
    CreatePrice {
        /// Plan or pack of the price's product.
        item: Item,
        /// Plan or pack, and amount, that the price sells.
        offer: Offer,
        /// Identifier of the price's product, if it exists.
        product: Option<String>,
        /// Price whose lookup key the new one takes, if any.
        instead: Option<Box<Price>>,
        /// Identifiers of all prices that sell the same; they make the return to an earlier amount another decision.
        known: Vec<String>,
    },
    /// Puts a right price on sale again, or gives it its lookup key back.
    ReopenPrice {
        /// Identifier of the price.
        id: String,
        /// Plan or pack, and amount, that the price sells.
        offer: Offer,
        /// Change that is made.
        change: PriceChange,
    },
    /// Makes a price the default of its product.
    SetDefault {
        /// Plan or pack of the product.
        item: Item,
        /// Identifier of the product, if it exists.
        product: Option<String>,
        /// Plan or pack that the price sells.
        sold: SaleItem,
        /// Identifier of the price, if it exists.
        price: Option<String>,
    },
    /// Archives a product that the catalog does not sell, or a duplicate.
    ArchiveProduct {
        /// Plan or pack of the product.
        item: Item,
        /// Identifier of the product.
        id: String,
        /// Change that is made.
        change: ProductChange,
    },
    /// Archives a price that the catalog does not ask.
    ArchivePrice {
        /// Price that is archived.
        price: Box<Price>,
        /// Plan or pack that the price sold.
        sold: SaleItem,
    },
}

/// Products and prices of the account: Scrip's by what their metadata says, and others as strange.
struct AccountState<'a> {
    products: Vec<(Item, &'a Product)>,
    prices: Vec<(SaleItem, &'a Price)>,
    strange_products: Vec<&'a Product>,
    strange_prices: Vec<&'a Price>,
}

/// Identifiers of the products and prices that stay on sale, collected while the steps are found.
#[derive(Default)]
struct OnSale<'a> {
    products: Vec<&'a str>,
    prices: Vec<&'a str>,
}

/// Returns the steps after which the account has the wanted products and prices.
pub fn plan(wanted: &[TargetProduct], products: &[Product], prices: &[Price]) -> Plan {
    let there = AccountState::of(products, prices);
    let mut kept = OnSale::default();
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
    let steps = made.into_iter().chain(defaults).chain(there.archive_steps(&kept)).collect();
    Plan { steps, in_the_way: there.in_the_way(wanted, &kept) }
}

fn product_step(wanted: &TargetProduct, product: Option<&Product>) -> Option<Step> {
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

fn default_step(wanted: &TargetProduct, product: Option<&Product>, first: Option<&str>) -> Option<Step> {
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

/// Returns the identifiers of prices, sorted so that they do not depend on the order of Stripe's list.
fn ids(prices: &[&Price]) -> Vec<String> {
    let mut ids: Vec<String> = prices.iter().map(|price| price.id.clone()).collect();
    ids.sort();
    ids
}

impl<'a> AccountState<'a> {
    fn of(products: &'a [Product], prices: &'a [Price]) -> AccountState<'a> {
        let mut there = AccountState {
            products: Vec::new(),
            prices: Vec::new(),
            strange_products: Vec::new(),
            strange_prices: Vec::new(),
        };
        for product in products {
            match Item::read(&product.metadata) {
                Some(item) => there.products.push((item, product)),
                None => there.strange_products.push(product),
            }
        }
        for price in prices {
            match SaleItem::read(&price.metadata) {
                Ok(sold) => there.prices.push((sold, price)),
                Err(_) => there.strange_prices.push(price),
            }
        }
        there
    }

    /// Returns the product of a plan or pack: of several an active one, then the oldest.
    fn product(&self, item: &Item) -> Option<&'a Product> {
        let of = self.products.iter().filter(|(known, _)| known == item).map(|(_, product)| *product);
        of.min_by_key(|product| (!product.active, product.created, &product.id))
    }

    /// Returns the price that stays on sale for an offer, and the step that it needs.
    fn price(&self, item: &Item, wanted: &Offer, product: Option<&Product>) -> (Option<&'a str>, Option<Step>) {
        let key = wanted.sold.lookup_key();
        let all: Vec<&Price> =
            self.prices.iter().filter(|(sold, _)| *sold == wanted.sold).map(|(_, price)| *price).collect();
        let is_right = |price: &Price| {
            product.is_some_and(|product| product.id == price.product.id) && offer(price).as_ref() == Ok(wanted)
        };
        let named = all.iter().find(|price| price.lookup_key.as_ref() == Some(&key));
        // An active price that only lost its lookup key is the right one; an archived one is history.
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

    /// Returns the steps that archive what is on sale and should not be.
    fn archive_steps(&self, kept: &OnSale<'_>) -> Vec<Step> {
        let products = self.products.iter().filter(|(_, product)| !kept.products.contains(&product.id.as_str()));
        let products = products.filter_map(|(item, product)| {
            let default = product.default_price.as_ref().map(|price| price.id.as_str());
            // Stripe does not archive a price while it is its product's default.
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

    /// Returns Scrip's active prices that should not be on sale.
    fn surplus(&self, kept: &OnSale<'_>) -> impl Iterator<Item = &(SaleItem, &'a Price)> {
        self.prices.iter().filter(|(_, price)| price.active && !kept.prices.contains(&price.id.as_str()))
    }

    /// Returns a message for each object without Scrip's mark that would have to be changed.
    fn in_the_way(&self, wanted: &[TargetProduct], kept: &OnSale<'_>) -> Vec<String> {
        let keys: Vec<String> =
            wanted.iter().flat_map(|wanted| &wanted.prices).map(|offer| offer.sold.lookup_key()).collect();
        let named = self.strange_prices.iter().filter_map(|price| {
            let key = price.lookup_key.as_ref().filter(|key| keys.contains(key))?;
            Some(format!("{} has the lookup key {key} and is not marked as Scrip's: remove the key from it", price.id))
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
