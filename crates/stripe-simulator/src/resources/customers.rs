//! Customers, who own payment methods, subscriptions and a balance.
//!
//! Invariant: a customer's test clock is set when the customer is created and never changes, and every object of the
//! customer lives on it.

use super::payment_methods;
use crate::answer::one;
use crate::billing::{balance, status};
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

/// Text fields of a customer that a caller can set.
const TEXTS: [&str; 4] = ["description", "email", "name", "phone"];

/// A customer to create.
#[derive(Clone, Debug, Default)]
pub struct NewCustomer {
    /// E-mail address, if the customer has one.
    pub email: Option<String>,
    /// Name, if the customer has one.
    pub name: Option<String>,
    /// Metadata of the caller.
    pub metadata: Value,
    /// Test clock that the customer lives on.
    pub test_clock: Option<String>,
}

/// Creates a customer without an event yet.
fn put_customer(state: &mut State, new: NewCustomer) -> String {
    let id = state.id("cus_");
    let created = state.now(new.test_clock.as_deref());
    let prefix: String = id.bytes().skip(4).take(8).map(|byte| char::from(byte.to_ascii_uppercase())).collect();
    let metadata = if new.metadata.is_object() { new.metadata } else { json!({}) };
    state.put(json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": created, "currency": null,
        "customer_account": null, "default_source": null, "delinquent": false, "description": null, "discount": null,
        "email": new.email, "invoice_prefix": prefix,
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
        },
        "livemode": false, "metadata": metadata, "name": new.name, "next_invoice_sequence": 1, "phone": null,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": new.test_clock,
    }))
}

/// Creates a customer and emits its event.
pub fn open(state: &mut State, new: NewCustomer) -> String {
    let id = put_customer(state, new);
    state.emit("customer.created", &id);
    id
}

/// Fields that `create` and `update` both take.
struct Changes {
    texts: Vec<(&'static str, Value)>,
    address: Option<Value>,
    payment_method: Option<String>,
    balance: Option<i64>,
}

fn changes(state: &State, params: &Params) -> Result<Changes, StripeError> {
    let nullable = |text: String| if text.is_empty() { Value::Null } else { text.into() };
    let texts = TEXTS.iter().filter_map(|name| Some((*name, nullable(params.text(name)?)))).collect();
    let address = params.has("address").then(|| {
        let mut address = params.map("address").unwrap_or_default();
        for field in ["city", "country", "line1", "line2", "postal_code", "state"] {
            address.entry(field).or_insert(Value::Null);
        }
        Value::Object(address)
    });
    let payment_method = params.optional("invoice_settings[default_payment_method]");
    if let Some(payment_method) = &payment_method {
        state.find("payment_method", payment_method, "invoice_settings[default_payment_method]")?;
    }
    params.accept(&["tax_exempt", "preferred_locales", "shipping", "tax", "invoice_settings"]);
    Ok(Changes { texts, address, payment_method, balance: params.int("balance")? })
}

/// Changes a customer, except for its balance.
fn change(state: &mut State, id: &str, changes: Changes) {
    state.edit(id, |customer| {
        for (name, text) in changes.texts {
            customer.set(name, text);
        }
        if let Some(address) = changes.address {
            customer.set("address", address);
        }
        if let Some(payment_method) = changes.payment_method {
            customer.set("invoice_settings.default_payment_method", payment_method);
        }
    });
}

/// `POST /v1/customers`: creates a customer.
///
/// # Errors
/// When a parameter cannot be used, or the card is declined.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let test_clock = params.optional("test_clock");
    if let Some(clock) = &test_clock {
        state.find("test_helpers.test_clock", clock, "test_clock")?;
    }
    let payment_method = params.optional("payment_method");
    let mut changes = changes(state, params)?;
    let metadata = params.metadata("metadata");
    params.finish()?;
    let payment_method = payment_method.map(|named| payment_methods::resolve(state, &named, "payment_method"));
    let payment_method = payment_method.transpose()?;
    if let Some(payment_method) = &payment_method {
        payment_methods::check_attachable(state, payment_method)?;
    }
    let (default, opening) = (changes.payment_method.take(), changes.balance);
    let id = put_customer(state, NewCustomer { metadata, test_clock, ..NewCustomer::default() });
    change(state, &id, changes);
    state.emit("customer.created", &id);
    if let Some(balance) = opening {
        balance::set(state, &id, balance, "initial");
    }
    if let Some(payment_method) = payment_method {
        payment_methods::attach_to(state, &payment_method, &id);
    }
    if let Some(default) = default {
        state.edit(&id, |customer| customer.set("invoice_settings.default_payment_method", default));
    }
    one(state, &id)
}

/// `GET /v1/customers/{id}`
///
/// # Errors
/// When there is none; a deleted customer is returned, with its mark.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    if state.get(id).is_some_and(|found| found.flag("deleted")) {
        return one(state, id);
    }
    state.find("customer", id, "id")?;
    one(state, id)
}

/// `POST /v1/customers/{id}`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let found = state.find("customer", id, "id")?;
    let metadata = params.changed_metadata("metadata", found.at("metadata"));
    let changes = changes(state, params)?;
    params.finish()?;
    let (before, balance) = (state.must(id).clone(), changes.balance);
    change(state, id, changes);
    state.edit(id, |customer| customer.set("metadata", metadata));
    state.emit_changes(&before, "customer.updated");
    if let Some(balance) = balance {
        balance::set(state, id, balance, "adjustment");
    }
    one(state, id)
}

/// `DELETE /v1/customers/{id}`
///
/// # Errors
/// When there is none.
pub fn delete(state: &mut State, id: &str, params: &Params) -> Answer {
    state.find("customer", id, "id")?;
    params.finish()?;
    let subscriptions = state.with("subscription", "customer", id);
    let open = subscriptions.filter(|one| !matches!(one.text("status"), "canceled" | "incomplete_expired"));
    let open: Vec<String> = open.map(|one| one.id().to_owned()).collect();
    for subscription in open {
        status::end(state, &subscription, None);
    }
    let methods: Vec<String> =
        state.with("payment_method", "customer", id).map(|method| method.id().to_owned()).collect();
    for method in methods {
        payment_methods::detach_from_customer(state, &method);
    }
    state.emit("customer.deleted", id);
    // The clock is kept, so that what belonged to the customer still knows its time.
    let clock = state.must(id).at("test_clock").clone();
    state.edit(id, |customer| {
        *customer = json!({"id": id, "object": "customer", "deleted": true, "_test_clock": clock}).into();
    });
    one(state, id)
}

/// `GET /v1/customers`: lists customers, by e-mail address or test clock.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (email, clock) = (params.optional("email"), params.optional("test_clock"));
    params.finish()?;
    page.of(state, "customer", "/v1/customers", |customer| {
        let here = match &clock {
            Some(clock) => customer.text("test_clock") == clock,
            // Without a filter by test clock, the list leaves out customers that live on one.
            None => customer.is_null("test_clock"),
        };
        here && email.as_ref().is_none_or(|email| customer.text("email") == email)
    })
}
