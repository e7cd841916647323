//! Payment methods: test cards, loose or attached to a customer.
//!
//! Invariant: a payment method is attached to one customer at most, and once detached it is never attached again.

use crate::answer::one;
use crate::cards::{self, Conduct, TestCard};
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

/// Creates a payment method of a card, with the name and the e-mail address of its owner.
pub fn open(state: &mut State, card: TestCard, email: Option<&str>, name: Option<&str>, at: i64) -> String {
    let id = state.id("pm_");
    state.put(json!({
        "id": id, "object": "payment_method", "allow_redisplay": "limited",
        "billing_details": {"address": address(), "email": email, "name": name, "phone": null, "tax_id": null},
        card.kind(): card.fields(), "created": at, "customer": null, "customer_account": null, "livemode": false,
        "metadata": {}, "type": card.kind(),
    }));
    state.remember_card(&id, card, false);
    id
}

/// Returns an address with nothing in it.
pub fn address() -> Value {
    json!({"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null})
}

/// Returns the payment method that a caller names: by its own identifier, or by a test card's token, of which one is
/// created.
///
/// # Errors
/// When it is neither.
pub fn resolve(state: &mut State, named: &str, param: &str) -> Result<String, StripeError> {
    if let Some(card) = cards::by_token(named) {
        let now = state.now(None);
        return Ok(open(state, card, None, None, now));
    }
    state.find("payment_method", named, param).map(|found| found.id().to_owned())
}

/// Checks that a card can be attached: banks decline some at once.
///
/// # Errors
/// When it is declined.
pub fn check_attachable(state: &State, id: &str) -> Result<(), StripeError> {
    match state.card(id).0.conduct {
        Conduct::Declines(decline) => Err(decline.error()),
        _ => Ok(()),
    }
}

/// Attaches a payment method to a customer, if it is not attached yet.
pub fn attach_to(state: &mut State, id: &str, customer: &str) {
    if state.must(id).is_null("customer") {
        state.edit(id, |method| method.set("customer", customer));
        state.emit("payment_method.attached", id);
    }
}

/// Detaches a payment method, which then is no customer's default any more.
pub fn detach_from_customer(state: &mut State, id: &str) {
    let customer = state.must(id).text("customer").to_owned();
    state.edit(id, |method| method.set("customer", Value::Null));
    state.edit(id, |method| method.set("_detached", true));
    if state.get(&customer).is_some_and(|owner| owner.text("invoice_settings.default_payment_method") == id) {
        state.update(&customer, "customer.updated", |customer| {
            customer.set("invoice_settings.default_payment_method", Value::Null);
        });
    }
    let paying = state.with("subscription", "default_payment_method", id);
    let paying: Vec<String> = paying.map(|subscription| subscription.id().to_owned()).collect();
    for subscription in paying {
        state.update(&subscription, "customer.subscription.updated", |subscription| {
            subscription.set("default_payment_method", Value::Null);
        });
    }
    state.emit("payment_method.detached", id);
}

/// `POST /v1/payment_methods`: of a bank account, or of a test card's token.
///
/// # Errors
/// When a parameter cannot be used.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let kinds = ["card", "sepa_debit", "us_bank_account"];
    let kind = params.one_of("type", &kinds)?.ok_or_else(|| StripeError::missing("type"))?;
    let name = match kind.as_str() {
        "card" => "card[token]",
        "sepa_debit" => "sepa_debit[iban]",
        _ => "us_bank_account[account_number]",
    };
    let number = params.require(name)?;
    let (email, owner) = (params.optional("billing_details[email]"), params.optional("billing_details[name]"));
    let metadata = params.metadata("metadata");
    params.accept(&["us_bank_account[account_holder_type]", "us_bank_account[account_type]"]);
    params.accept(&["us_bank_account[routing_number]", "billing_details", "allow_redisplay"]);
    params.finish()?;
    let card = if kind == "card" { cards::by_token(&number) } else { cards::by_number(&number) };
    let card = card.filter(|card| card.kind() == kind);
    let card = card.ok_or_else(|| StripeError::unusable(name, "Only Stripe's test numbers are known here."))?;
    let now = state.now(None);
    let id = open(state, card, email.as_deref(), owner.as_deref(), now);
    state.edit(&id, |method| method.set("metadata", metadata));
    one(state, &id)
}

/// `GET /v1/payment_methods/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("payment_method", id, "id")?;
    one(state, id)
}

/// `POST /v1/payment_methods/{id}/attach`
///
/// # Errors
/// When there is none, it was used up, or it is declined.
pub fn attach(state: &mut State, id: &str, params: &Params) -> Answer {
    let customer = params.require("customer")?;
    params.finish()?;
    state.find("customer", &customer, "customer")?;
    let id = resolve(state, id, "id")?;
    let method = state.must(&id);
    if method.flag("_detached") {
        let message = "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and may not be used again.";
        return Err(StripeError::invalid(message));
    }
    if method.maybe("customer").is_some_and(|owner| owner != customer) {
        return Err(StripeError::invalid("The payment method you provided has already been attached to a customer."));
    }
    check_attachable(state, &id)?;
    attach_to(state, &id, &customer);
    one(state, &id)
}

/// `POST /v1/payment_methods/{id}/detach`
///
/// # Errors
/// When there is none, or it is not attached.
pub fn detach(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    if state.find("payment_method", id, "id")?.is_null("customer") {
        let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(StripeError::invalid(message));
    }
    detach_from_customer(state, id);
    one(state, id)
}

/// `GET /v1/payment_methods` and `GET /v1/customers/{id}/payment_methods`
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, customer: Option<&str>, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let kind = params.optional("type");
    params.accept(&["allow_redisplay"]);
    let (url, customer) = match customer {
        Some(customer) => {
            state.find("customer", customer, "id")?;
            (format!("/v1/customers/{customer}/payment_methods"), Some(customer.to_owned()))
        }
        None => ("/v1/payment_methods".to_owned(), params.optional("customer")),
    };
    params.finish()?;
    page.of(state, "payment_method", &url, |method| {
        kind.as_ref().is_none_or(|kind| method.text("type") == kind)
            && method.maybe("customer").is_some_and(|owner| customer.as_deref().is_none_or(|one| one == owner))
    })
}
