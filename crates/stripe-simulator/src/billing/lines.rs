//! Lines of invoices: periods and prorations.
//!
//! Invariant: the parts of a period that are credited and charged are rounded half up, each on its own, as the lines
//! that show them are.

use crate::calendar::Interval;
use crate::object::Object;
use crate::state::State;
use serde_json::{Value, json};

/// A line to put on an invoice.
#[derive(Clone, Debug)]
pub struct NewLine {
    /// Price of the line.
    pub price: Object,
    /// Quantity of the price.
    pub quantity: i64,
    /// Amount in the smallest unit of the currency; a credit is below zero.
    pub amount: i64,
    /// Description for the customer.
    pub description: String,
    /// Period that the line pays for: start and end.
    pub period: (i64, i64),
    /// Subscription and its item, for a line of a subscription.
    pub subscription: Option<(String, String)>,
    /// `true` if the line is for a part of a period.
    pub proration: bool,
    /// Metadata that the line shows.
    pub metadata: Value,
}

/// Returns the interval of a recurring price.
pub fn interval(price: &Object) -> Option<Interval> {
    Interval::parse(price.text("recurring.interval"), price.int("recurring.interval_count"))
}

/// Returns the line of a whole period, or of a single purchase.
pub fn full_line(state: &State, price: &Object, quantity: i64, period: (i64, i64), metadata: Value) -> NewLine {
    let amount = price.int("unit_amount").saturating_mul(quantity);
    let product = state.get(price.text("product")).map(|product| product.text("name")).unwrap_or_default();
    let money =
        format!("{} {}.{:02}", price.text("currency"), price.int("unit_amount") / 100, price.int("unit_amount") % 100);
    let description = match price.maybe("recurring.interval") {
        Some(interval) => format!("{quantity} × {product} (at {money} / {interval})"),
        None => product.to_owned(),
    };
    NewLine {
        price: price.clone(),
        quantity,
        amount,
        description,
        period,
        subscription: None,
        proration: false,
        metadata,
    }
}

/// Returns the share of an amount that the rest of a period is of the whole, rounded half up.
pub fn share(amount: i64, rest: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let (amount, rest, whole) = (i128::from(amount), i128::from(rest.clamp(0, whole)), i128::from(whole));
    i64::try_from((2 * amount * rest + whole).div_euclid(2 * whole)).unwrap_or(i64::MAX)
}

/// Returns a line as Stripe shows it.
pub fn to_json(state: &mut State, line: &NewLine, invoice: &str) -> Value {
    let (subscription, item) = line.subscription.clone().unzip();
    let parent = item.map(|item| {
        json!({
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": null, "proration": line.proration, "proration_details": {"credited_items": null},
                "subscription": subscription, "subscription_item": item,
            },
            "type": "subscription_item_details",
        })
    });
    json!({
        "id": state.id("il_"), "object": "line_item", "amount": line.amount, "currency": line.price.text("currency"),
        "description": line.description, "discount_amounts": [], "discountable": !line.proration, "discounts": [],
        "invoice": invoice, "livemode": false, "metadata": line.metadata, "parent": parent,
        "period": {"start": line.period.0, "end": line.period.1}, "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": line.price.id(), "product": line.price.text("product")},
            "type": "price_details", "unit_amount_decimal": line.price.at("unit_amount_decimal"),
        },
        "quantity": line.quantity, "quantity_decimal": line.quantity.to_string(), "subscription": subscription,
        "subtotal": line.amount, "taxes": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_half_up_and_never_more_than_the_whole() {
        assert_eq!(share(1000, 1, 3), 333);
        assert_eq!(share(1000, 2, 3), 667);
        assert_eq!(share(5, 1, 2), 3);
        assert_eq!(share(1000, 9, 3), 1000);
        assert_eq!(share(1000, 1, 0), 0);
    }
}
