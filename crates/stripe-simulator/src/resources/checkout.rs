//! Checkout sessions: pages on which a customer pays once, or subscribes.
//!
//! Invariant: a session is completed once, by a payment that succeeded or because nothing was due, and everything that
//! was bought through it exists when it is.

mod completion;
mod creation;

pub use completion::{Completion, abandon_action, complete, confirm, settle};
pub use creation::create;

use crate::answer::one;
use crate::billing::payment;
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use serde_json::Value;

/// `GET /v1/checkout/sessions/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("checkout.session", id, "id")?;
    one(state, id)
}

/// `GET /v1/checkout/sessions/{id}/line_items`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn line_items(state: &State, id: &str, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    params.finish()?;
    let items = state.find("checkout.session", id, "id")?.each("_lines");
    Ok(page.slice(&items, &format!("/v1/checkout/sessions/{id}/line_items")))
}

/// `GET /v1/checkout/sessions`
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let fields = ["customer", "payment_intent", "subscription", "status"];
    let wanted: Vec<(&str, Option<String>)> = fields.iter().map(|field| (*field, params.optional(field))).collect();
    let email = params.optional("customer_details[email]");
    params.finish()?;
    page.of(state, "checkout.session", "/v1/checkout/sessions", |session| {
        wanted.iter().all(|(field, wanted)| wanted.as_ref().is_none_or(|text| session.text(field) == text))
            && email.as_ref().is_none_or(|email| session.text("customer_details.email") == email)
    })
}

/// `POST /v1/checkout/sessions/{id}/expire`
///
/// # Errors
/// When there is none, or it is not open.
pub fn expire(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    open(state, id)?;
    close(state, id);
    one(state, id)
}

/// Returns a session that can still be completed.
///
/// # Errors
/// When there is none, or it is over.
pub fn open<'a>(state: &'a State, id: &str) -> Result<&'a Object, StripeError> {
    let session = state.find("checkout.session", id, "id")?;
    match session.text("status") {
        "open" => Ok(session),
        status => {
            let message =
                format!("Only Checkout Sessions with a status in [\"open\"] can be used; this one is {status}.");
            Err(not_now(message, "resource_missing"))
        }
    }
}

/// Expires a session whose time is over.
pub fn lapse(state: &mut State, id: &str) {
    if open(state, id).is_ok() {
        close(state, id);
    }
}

fn close(state: &mut State, id: &str) {
    state.edit(id, |session| {
        session.set("status", "expired");
        session.set("url", Value::Null);
    });
    if let Some(intent) = state.must(id).maybe("payment_intent").map(str::to_owned) {
        payment::cancel(state, &intent, "automatic");
    }
    state.emit("checkout.session.expired", id);
}
