//! Words for amounts, dates and intervals, as people read them.
//!
//! Invariant: an amount is shown to the last unit of its currency, without rounding.

use crate::object::Object;
use crate::state::State;
use jiff::{Timestamp, tz::TimeZone};

/// Currencies that have no smaller unit; Stripe counts the Ugandan shilling in hundredths nonetheless.
const WHOLE: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];

/// Currencies that are written with a sign in front.
const SIGNS: [(&str, &str); 5] = [("usd", "$"), ("eur", "€"), ("gbp", "£"), ("jpy", "¥"), ("inr", "₹")];

/// Formats an amount, which is given in the smallest unit of its currency.
pub fn money(amount: i64, currency: &str) -> String {
    let minus = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    let number =
        if WHOLE.contains(&currency) { amount.to_string() } else { format!("{}.{:02}", amount / 100, amount % 100) };
    match SIGNS.iter().find(|(name, _)| *name == currency) {
        Some((_, sign)) => format!("{minus}{sign}{number}"),
        None => format!("{minus}{number} {}", currency.to_uppercase()),
    }
}

/// Formats the day of an instant.
pub fn day(instant: i64) -> String {
    let at = Timestamp::from_second(instant).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

/// Formats the interval of a price: `every month`, `every 3 months`; nothing for a price that is paid once.
pub fn every(price: &Object) -> Option<String> {
    let unit = price.maybe("recurring.interval")?;
    Some(match price.int("recurring.interval_count") {
        0 | 1 => format!("every {unit}"),
        count => format!("every {count} {unit}s"),
    })
}

/// Formats the cost of a price with its interval: `$12.00 every month`.
pub fn cost(price: &Object, quantity: i64) -> String {
    let amount = money(price.int("unit_amount").saturating_mul(quantity), price.text("currency"));
    match every(price) {
        Some(every) => format!("{amount} {every}"),
        None => amount,
    }
}

/// Returns the name of a price's product.
pub fn product_of(state: &State, price: &Object) -> String {
    let product = price.maybe("product").and_then(|id| state.get(id));
    product.map(|product| product.text("name").to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_have_the_units_of_their_currency() {
        let shown = [money(1200, "usd"), money(-5, "eur"), money(500, "jpy"), money(1990, "chf")];
        assert_eq!(shown, ["$12.00", "-€0.05", "¥500", "19.90 CHF"]);
    }

    #[test]
    fn intervals_are_counted() {
        let price = |interval: &str, count: i64| {
            let recurring = json!({"interval": interval, "interval_count": count});
            Object::from(json!({"unit_amount": 900, "currency": "usd", "recurring": recurring}))
        };
        assert_eq!(cost(&price("month", 1), 2), "$18.00 every month");
        assert_eq!(cost(&price("week", 2), 1), "$9.00 every 2 weeks");
        assert_eq!(cost(&Object::from(json!({"unit_amount": 900, "currency": "usd", "recurring": null})), 1), "$9.00");
    }

    #[test]
    fn a_day_is_written_out() {
        assert_eq!(day(1_772_323_200), "1 March 2026");
    }
}
