//! Offers: the plan at an interval, or the pack, that a Stripe price sells.
//!
//! `scrip stripe sync` writes the plan or pack on the price, and a later reader of the price finds it here. The reader
//! must check that the catalog in force has such a plan or pack: a price lives longer than what it sells.
//!
//! Invariant: a price sells something only if its metadata and the interval at which it is charged agree.

use super::objects::Metadata;
use super::objects::price::Price;
use scrip_engine::{Amount, Interval};
use std::fmt;

/// Metadata key for the plan of a product or price.
pub const PLAN: &str = "scrip_plan";
/// Metadata key for the interval of a plan's price.
pub const INTERVAL: &str = "scrip_interval";
/// Metadata key for the pack of a product or price.
pub const PACK: &str = "scrip_pack";

/// Plan or pack that a price sells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SaleItem {
    /// A plan, for as long as it is paid.
    Plan {
        /// Identifier of the plan in the catalog.
        plan: String,
        /// Interval at which the plan is paid.
        interval: Interval,
    },
    /// A pack, which is paid once.
    Pack {
        /// Identifier of the pack in the catalog.
        pack: String,
    },
}

/// Plan or pack that a price sells, and the money that it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Plan or pack that is sold.
    pub sold: SaleItem,
    /// Amount in the currency's smallest unit.
    pub amount: Amount,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
}

/// Reason for which a price sells nothing of Scrip's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSale {
    /// The metadata has neither a plan nor a pack.
    NotOurs,
    /// The metadata has both a plan and a pack.
    Both,
    /// The metadata has a plan without a known interval; the text of the interval, if any.
    Interval(Option<String>),
    /// The price is charged at another interval than its metadata says; how it is charged.
    PaidOtherwise(String),
    /// The price has no whole amount for one unit.
    NoAmount,
}

impl SaleItem {
    /// Reads the plan or pack from the metadata of a product or price.
    ///
    /// # Errors
    /// When the metadata has no plan or pack, both, or an unknown interval.
    pub fn read(metadata: &Metadata) -> Result<SaleItem, NoSale> {
        match (metadata.get(PLAN), metadata.get(PACK)) {
            (None, None) => Err(NoSale::NotOurs),
            (Some(_), Some(_)) => Err(NoSale::Both),
            (None, Some(pack)) => Ok(SaleItem::Pack { pack: pack.clone() }),
            (Some(plan), None) => {
                let interval = metadata.get(INTERVAL);
                let known = interval.and_then(|interval| interval.parse().ok());
                let interval = known.ok_or_else(|| NoSale::Interval(interval.cloned()))?;
                Ok(SaleItem::Plan { plan: plan.clone(), interval })
            }
        }
    }

    /// Returns the metadata for the price of the plan or pack.
    pub fn metadata(&self) -> Metadata {
        let pairs = match self {
            SaleItem::Plan { plan, interval } => vec![(PLAN, plan.as_str()), (INTERVAL, interval.name())],
            SaleItem::Pack { pack } => vec![(PACK, pack.as_str())],
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Returns the lookup key for the price of the plan or pack.
    pub fn lookup_key(&self) -> String {
        match self {
            SaleItem::Plan { plan, interval } => format!("scrip:plan:{plan}:{}", interval.name()),
            SaleItem::Pack { pack } => format!("scrip:pack:{pack}"),
        }
    }

    /// Returns the interval at which it is paid; `None` for a pack, which is paid once.
    pub const fn interval(&self) -> Option<Interval> {
        match self {
            SaleItem::Plan { interval, .. } => Some(*interval),
            SaleItem::Pack { .. } => None,
        }
    }
}

/// Returns what a price sells and for how much, even if it can no longer be bought.
///
/// # Errors
/// When the price sells nothing of Scrip's; the reason.
pub fn offer(price: &Price) -> Result<Offer, NoSale> {
    let sold = SaleItem::read(&price.metadata)?;
    let paid = price.recurring.as_ref().map(|recurring| {
        let (count, interval, usage) = (recurring.interval_count, &recurring.interval, &recurring.usage_type);
        if count == 1 && usage == "licensed" { interval.clone() } else { format!("{count} {interval} {usage}") }
    });
    if paid.as_deref() != sold.interval().map(Interval::name) {
        return Err(NoSale::PaidOtherwise(paid.unwrap_or_else(|| "once".to_owned())));
    }
    let amount = price.unit_amount.filter(|_| price.billing_scheme == "per_unit").and_then(Amount::new);
    Ok(Offer { sold, amount: amount.ok_or(NoSale::NoAmount)?, currency: price.currency.clone() })
}

impl fmt::Display for SaleItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaleItem::Plan { plan, interval } => write!(f, "plan {plan}, {}", interval.name()),
            SaleItem::Pack { pack } => write!(f, "pack {pack}"),
        }
    }
}

impl fmt::Display for NoSale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSale::NotOurs => write!(f, "its metadata has neither {PLAN} nor {PACK}"),
            NoSale::Both => write!(f, "its metadata has both {PLAN} and {PACK}"),
            NoSale::Interval(None) => write!(f, "its metadata has {PLAN}, and no {INTERVAL}"),
            NoSale::Interval(Some(interval)) => {
                write!(f, "its metadata has `{interval}` as {INTERVAL}, which is not an interval")
            }
            NoSale::PaidOtherwise(paid) => write!(f, "its metadata says another interval than it is paid by: {paid}"),
            NoSale::NoAmount => write!(f, "it is not a fixed, whole amount for each unit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn price(metadata: Value, recurring: Value) -> Value {
        json!({ "id": "price_1", "active": false, "livemode": false, "currency": "usd", "unit_amount": 1500,
            "billing_scheme": "per_unit", "recurring": recurring, "lookup_key": null, "metadata": metadata,
            "product": "prod_1", "created": 1 })
    }

    fn monthly() -> Value {
        json!({ "interval": "month", "interval_count": 1, "usage_type": "licensed" })
    }

    fn menu_for(price: Value) -> Result<Offer, NoSale> {
        offer(&serde_json::from_value(price).expect("it is a price"))
    }

    #[test]
    fn a_price_sells_what_is_written_on_it() {
        let sold = SaleItem::Plan { plan: "pro".to_owned(), interval: Interval::Month };
        let written = json!(sold.metadata());
        let (amount, currency) = (Amount::new(1500).expect("it is one"), "usd".to_owned());
        let offer = Offer { sold: sold.clone(), amount, currency: currency.clone() };
        assert_eq!(menu_for(price(written, monthly())), Ok(offer));
        assert_eq!(sold.lookup_key(), "scrip:plan:pro:month");

        let sold = SaleItem::Pack { pack: "credits-1000".to_owned() };
        let offer = Offer { sold: sold.clone(), amount, currency };
        assert_eq!(menu_for(price(json!(sold.metadata()), Value::Null)), Ok(offer));
        assert_eq!(sold.lookup_key(), "scrip:pack:credits-1000");
    }

    #[test]
    fn every_way_not_to_sell_anything_has_a_name() {
        let plan = json!({ "scrip_plan": "pro", "scrip_interval": "month" });
        let pack = json!({ "scrip_pack": "credits-1000" });
        let otherwise = |paid: &str| NoSale::PaidOtherwise(paid.to_owned());
        for (price, why) in [
            (price(json!({}), monthly()), NoSale::NotOurs),
            (price(json!({ "plan": "pro" }), monthly()), NoSale::NotOurs),
            (price(json!({ "scrip_plan": "pro", "scrip_pack": "x" }), monthly()), NoSale::Both),
            (price(json!({ "scrip_plan": "pro" }), monthly()), NoSale::Interval(None)),
            (
                price(json!({ "scrip_plan": "pro", "scrip_interval": "day" }), monthly()),
                NoSale::Interval(Some("day".to_owned())),
            ),
            (price(plan.clone(), Value::Null), otherwise("once")),
            (price(plan.clone(), json!({ "interval": "year", "interval_count": 1 })), otherwise("year")),
            (price(plan.clone(), json!({ "interval": "month", "interval_count": 3 })), otherwise("3 month licensed")),
            (
                price(plan.clone(), json!({ "interval": "month", "interval_count": 1, "usage_type": "metered" })),
                otherwise("1 month metered"),
            ),
            (price(pack, monthly()), otherwise("month")),
        ] {
            assert_eq!(menu_for(price.clone()), Err(why), "{price}");
        }
        for (field, value) in
            [("unit_amount", Value::Null), ("unit_amount", json!(-1)), ("billing_scheme", json!("tiered"))]
        {
            let mut price = price(plan.clone(), monthly());
            price[field] = value;
            assert_eq!(menu_for(price), Err(NoSale::NoAmount), "{field}");
        }
    }
}
