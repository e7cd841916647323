//! Invoice items: lines that a caller adds to an invoice beside the lines of subscriptions.
//!
//! Invariant: an item that names an invoice is one line of it, and one that names none waits for the next.

use super::totals::update_totals;
use crate::object::Object;
use crate::state::State;
use serde_json::{Value, json};

/// Returns the line of an item.
fn line(state: &mut State, item: &Object, invoice: &str) -> Value {
    let subscription = item.at("parent.subscription_details.subscription");
    json!({
        "id": state.id("il_"), "object": "line_item", "amount": item.at("amount"), "currency": item.at("currency"),
        "description": item.at("description"), "discount_amounts": [], "discountable": item.at("discountable"),
        "discounts": [], "invoice": invoice, "livemode": false, "metadata": item.at("metadata"),
        "parent": {
            "invoice_item_details": {
                "invoice_item": item.id(), "proration": false, "proration_details": {"credited_items": null},
                "subscription": subscription,
            },
            "subscription_item_details": null, "type": "invoice_item_details",
        },
        "period": item.at("period"), "pretax_credit_amounts": [], "pricing": item.at("pricing"),
        "quantity": item.at("quantity"), "quantity_decimal": item.at("quantity_decimal"),
        "subscription": subscription, "subtotal": item.at("amount"), "taxes": [],
    })
}

/// Puts an item on a draft.
pub fn join(state: &mut State, item: &str, invoice: &str) {
    let found = state.must(item).clone();
    let line = line(state, &found, invoice);
    state.edit(item, |item| item.set("invoice", invoice));
    state.edit(invoice, |invoice| {
        let mut lines: Vec<Value> = invoice.each("lines").into_iter().map(Value::from).collect();
        if lines.is_empty() {
            invoice.set("currency", found.text("currency"));
        }
        lines.push(line);
        invoice.set("lines.data", lines);
    });
    update_totals(state, invoice);
}

/// Puts the items that wait on a draft: those of its subscription, and with `all` those without a subscription too.
pub fn join_pending(state: &mut State, invoice: &str, all: bool) {
    let draft = state.must(invoice).clone();
    let subscription = draft.maybe("parent.subscription_details.subscription");
    let is_empty = draft.each("lines").is_empty();
    let wanted = |item: &&Object| {
        let own = item.maybe("parent.subscription_details.subscription");
        let currency = is_empty || item.text("currency") == draft.text("currency");
        item.is_null("invoice") && currency && if own.is_some() { own == subscription } else { all }
    };
    let pending = state.with("invoiceitem", "customer", draft.text("customer")).filter(wanted);
    let pending: Vec<String> = pending.map(|item| item.id().to_owned()).collect();
    for item in pending {
        join(state, &item, invoice);
    }
}

/// Takes the line of an item off its draft.
pub fn leave(state: &mut State, item: &str) {
    let Some(invoice) = state.must(item).maybe("invoice").map(str::to_owned) else { return };
    state.edit(&invoice, |invoice| {
        let lines = invoice.each("lines").into_iter();
        let kept = lines.filter(|line| line.text("parent.invoice_item_details.invoice_item") != item);
        let kept: Vec<Value> = kept.map(Value::from).collect();
        invoice.set("lines.data", kept);
    });
    update_totals(state, &invoice);
}
