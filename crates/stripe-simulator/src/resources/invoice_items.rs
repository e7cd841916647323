//! Invoice items: amounts that a caller puts on an invoice.
//!
//! Invariant: an item can be changed while it waits or is on a draft, and never afterwards.

use crate::answer::one;
use crate::billing::items;
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

const KIND: &str = "invoiceitem";

/// Amount, currency, quantity and pricing of an item to create.
struct Cost {
    amount: i64,
    currency: String,
    quantity: i64,
    pricing: Value,
}

fn cost(state: &State, params: &Params) -> Result<Cost, StripeError> {
    let quantity = params.int("quantity")?.unwrap_or(1);
    let (amount, currency) = (params.int("amount")?, params.optional("currency"));
    if let Some(price) = params.optional("pricing[price]") {
        let price = state.find("price", &price, "pricing[price]")?;
        if !price.is_null("recurring") {
            let message = "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.";
            return Err(StripeError::unusable("pricing[price]", message));
        }
        let pricing = json!({
            "price_details": {"price": price.id(), "product": price.text("product")}, "type": "price_details",
            "unit_amount_decimal": price.at("unit_amount_decimal"),
        });
        let amount = price.int("unit_amount").saturating_mul(quantity);
        return Ok(Cost { amount, currency: price.text("currency").to_owned(), quantity, pricing });
    }
    let amount = amount.ok_or_else(|| StripeError::missing("amount"))?;
    let currency = currency.ok_or_else(|| StripeError::missing("currency"))?.to_lowercase();
    Ok(Cost { amount, currency, quantity: 1, pricing: Value::Null })
}

/// `POST /v1/invoiceitems`: creates an item.
///
/// # Errors
/// When a parameter cannot be used, or the invoice is no draft.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let (named, invoice) = (params.optional("customer"), params.optional("invoice"));
    let subscription = params.optional("subscription");
    let Cost { amount, currency, quantity, pricing } = cost(state, params)?;
    let (description, metadata) = (params.optional("description"), params.metadata("metadata"));
    let period = (params.int("period[start]")?, params.int("period[end]")?);
    params.accept(&["discountable", "tax_behavior"]);
    params.finish()?;
    if let Some(invoice) = &invoice {
        editable(state, invoice)?;
    }
    let owner = invoice.as_ref().map(|invoice| state.must(invoice).text("customer").to_owned());
    let customer = named.or(owner).ok_or_else(|| StripeError::missing("customer"))?;
    let test_clock = state.find("customer", &customer, "customer")?.at("test_clock").clone();
    if let Some(subscription) = &subscription {
        state.find("subscription", subscription, "subscription")?;
    }
    let parent = subscription.map(
        |subscription| json!({"subscription_details": {"subscription": subscription}, "type": "subscription_details"}),
    );
    let (id, now) = (state.id("ii_"), state.now_of(&customer));
    state.put(json!({
        "id": id, "object": KIND, "amount": amount, "currency": currency, "customer": customer,
        "customer_account": null, "date": now, "description": description, "discountable": amount >= 0,
        "discounts": [], "invoice": null, "livemode": false, "metadata": metadata, "net_amount": amount,
        "parent": parent, "period": {"start": period.0.unwrap_or(now), "end": period.1.unwrap_or(now)},
        "pricing": pricing, "proration": false, "quantity": quantity, "quantity_decimal": quantity.to_string(),
        "tax_rates": [], "test_clock": test_clock,
    }));
    if let Some(invoice) = invoice {
        let before = state.must(&invoice).clone();
        items::join(state, &id, &invoice);
        state.emit("invoiceitem.created", &id);
        state.emit_changes(&before, "invoice.updated");
    } else {
        state.emit("invoiceitem.created", &id);
    }
    one(state, &id)
}

/// Refuses a change of an invoice that is no draft.
fn editable(state: &State, invoice: &str) -> Result<(), StripeError> {
    if state.find("invoice", invoice, "invoice")?.text("status") == "draft" {
        return Ok(());
    }
    Err(not_now("Invoice items can only be on draft invoices.", "invoice_not_editable"))
}

/// Returns the draft of an item that can still be changed; `None` if the item waits for an invoice.
fn changeable(state: &State, id: &str) -> Result<Option<String>, StripeError> {
    let invoice = state.find(KIND, id, "id")?.maybe("invoice").map(str::to_owned);
    if let Some(invoice) = &invoice {
        editable(state, invoice)?;
    }
    Ok(invoice)
}

/// `GET /v1/invoiceitems/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find(KIND, id, "id")?;
    one(state, id)
}

/// `POST /v1/invoiceitems/{id}`
///
/// # Errors
/// When there is none, or its invoice was finalized.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let metadata = params.changed_metadata("metadata", state.find(KIND, id, "id")?.at("metadata"));
    let (amount, description) = (params.int("amount")?, params.text("description"));
    params.finish()?;
    let invoice = changeable(state, id)?;
    items::leave(state, id);
    state.edit(id, |item| {
        item.set("metadata", metadata);
        if let Some(amount) = amount {
            item.set("amount", amount);
            item.set("net_amount", amount);
        }
        if let Some(description) = description {
            item.set("description", description);
        }
    });
    if let Some(invoice) = invoice {
        items::join(state, id, &invoice);
    }
    one(state, id)
}

/// `DELETE /v1/invoiceitems/{id}`
///
/// # Errors
/// When there is none, or its invoice was finalized.
pub fn delete(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    changeable(state, id)?;
    items::leave(state, id);
    state.emit("invoiceitem.deleted", id);
    state.edit(id, |item| *item = json!({"id": id, "object": KIND, "deleted": true}).into());
    one(state, id)
}

/// `GET /v1/invoiceitems`: lists items, by customer or invoice, or those that wait.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (customer, invoice) = (params.optional("customer"), params.optional("invoice"));
    let pending = params.flag("pending")?;
    params.finish()?;
    page.of(state, KIND, "/v1/invoiceitems", |item| {
        customer.as_ref().is_none_or(|customer| item.text("customer") == customer)
            && invoice.as_ref().is_none_or(|invoice| item.text("invoice") == invoice)
            && pending.is_none_or(|pending| item.is_null("invoice") == pending)
    })
}
