//! Descriptions of the steps for people.

use super::plan::Step;
use crate::payments::stripe::objects::price::Price;
use scrip_engine::Interval;

/// Currencies without a smaller unit: an amount of 1 is one whole.
const WHOLE: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Currencies whose smallest unit is a thousandth.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

impl Step {
    /// Returns the name of the kind of step.
    pub const fn kind(&self) -> &'static str {
        match self {
            Step::CreateProduct { .. } => "create_product",
            Step::ChangeProduct { .. } => "change_product",
            Step::CreatePrice { .. } => "create_price",
            Step::ReopenPrice { .. } => "reopen_price",
            Step::SetDefault { .. } => "set_default",
            Step::ArchiveProduct { .. } => "archive_product",
            Step::ArchivePrice { .. } => "archive_price",
        }
    }

    /// Returns `true` for a step that takes something off sale.
    pub fn is_archiving(&self) -> bool {
        match self {
            Step::ArchiveProduct { .. } | Step::ArchivePrice { .. } => true,
            Step::CreateProduct { .. }
            | Step::ChangeProduct { .. }
            | Step::CreatePrice { .. }
            | Step::ReopenPrice { .. }
            | Step::SetDefault { .. } => false,
        }
    }

    /// Returns the plan or pack that the step is about: `plan pro`, or `plan pro, month`.
    pub fn at(&self) -> String {
        match self {
            Step::CreateProduct { item, .. }
            | Step::ChangeProduct { item, .. }
            | Step::SetDefault { item, .. }
            | Step::ArchiveProduct { item, .. } => item.to_string(),
            Step::CreatePrice { offer, .. } | Step::ReopenPrice { offer, .. } => offer.sold.to_string(),
            Step::ArchivePrice { sold, .. } => sold.to_string(),
        }
    }

    /// Returns the identifier of the object that the step changes, if it exists yet.
    pub fn id(&self) -> Option<&str> {
        match self {
            Step::CreateProduct { .. } | Step::CreatePrice { .. } => None,
            Step::ChangeProduct { id, .. } | Step::ReopenPrice { id, .. } | Step::ArchiveProduct { id, .. } => Some(id),
            Step::SetDefault { product, .. } => product.as_deref(),
            Step::ArchivePrice { price, .. } => Some(&price.id),
        }
    }

    /// Describes the step in one line: `+` creates, `~` changes, `-` archives.
    pub fn describe(&self) -> String {
        let at = self.at();
        match self {
            Step::CreateProduct { name, .. } => format!("+ product {at}: {name}"),
            Step::ChangeProduct { id, was, change, .. } => {
                let name = change.name.as_ref().map(|name| format!("{was} → {name}"));
                let active = change.active.map(|_| "for sale again".to_owned());
                let what: Vec<String> = name.into_iter().chain(active).collect();
                format!("~ product {at}: {} ({id})", what.join(", "))
            }
            Step::CreatePrice { offer, instead, .. } => {
                let new = money(offer.amount.get(), &offer.currency);
                match instead.as_ref().map(|price| amount_text(price)).filter(|old| *old != new) {
                    Some(old) => format!("~ price {at}: {old} → {new}; existing subscribers go on paying the old one"),
                    None => format!("+ price {at}: {new}"),
                }
            }
            Step::ReopenPrice { id, offer, .. } => {
                format!("~ price {at}: {} again ({id})", money(offer.amount.get(), &offer.currency))
            }
            Step::SetDefault { sold, .. } => {
                let which = sold.interval().map_or("its price", Interval::name);
                format!("~ product {at}: {which} is the default")
            }
            Step::ArchiveProduct { id, .. } => format!("- product {at} ({id})"),
            Step::ArchivePrice { price, .. } => format!("- price {at}: {} ({})", amount_text(price), price.id),
        }
    }
}

/// Describes the amount that a price asks.
fn amount_text(price: &Price) -> String {
    price.unit_amount.map_or_else(|| "no whole amount".to_owned(), |amount| money(amount, &price.currency))
}

/// Writes an amount of the currency's smallest unit in whole units, such as `12.00 usd`.
fn money(amount: i64, currency: &str) -> String {
    if WHOLE.contains(&currency) {
        return format!("{amount} {currency}");
    }
    if THOUSANDTHS.contains(&currency) {
        return format!("{}.{:03} {currency}", amount / 1000, amount % 1000);
    }
    format!("{}.{:02} {currency}", amount / 100, amount % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_by_its_currency() {
        assert_eq!(money(1205, "usd"), "12.05 usd");
        assert_eq!(money(1205, "jpy"), "1205 jpy");
        assert_eq!(money(1205, "kwd"), "1.205 kwd");
        assert_eq!(money(5, "eur"), "0.05 eur");
    }
}
