//! Answers of the API: objects as callers see them, with whole objects in place of identifiers where `expand[]` asks
//! for them.
//!
//! Invariant: an object inside an answer has the form that its own route answers.

use crate::error::{Answer, StripeError};
use crate::object::{self, Object};
use crate::state::State;
use serde_json::{Value, json};

/// Maximum depth of an expansion, in steps of its path.
const DEPTH: usize = 4;

/// Returns the answer that shows one object.
///
/// # Errors
/// Never; the type is that of a route's answer.
pub fn one(state: &State, id: &str) -> Answer {
    Ok(state.to_api(state.must(id)).into())
}

/// Replaces identifiers by objects where `expand[]` asks for them.
///
/// # Errors
/// When a path leads nowhere, or is too deep.
pub fn expand(state: &State, answer: &mut Value, paths: &[String]) -> Result<(), StripeError> {
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        if names.iter().filter(|name| **name != "data").count() > DEPTH {
            let message = format!("You cannot expand more than {DEPTH} levels of a property: {path}");
            return Err(StripeError::unusable("expand", message));
        }
        let can = step(state, answer, &names);
        if !can {
            let message = format!("This property cannot be expanded ({path}).");
            return Err(StripeError::unusable("expand", message));
        }
    }
    Ok(())
}

/// Expands one path below a value; returns `false` if there is nothing of that name.
fn step(state: &State, value: &mut Value, names: &[&str]) -> bool {
    let Some((name, rest)) = names.split_first() else { return true };
    if let Value::Array(list) = value {
        return list.iter_mut().all(|inner| step(state, inner, names));
    }
    let included = field_on_request(state, value, name);
    let Some(fields) = value.as_object_mut() else { return false };
    if let Some(included) = included {
        fields.entry(*name).or_insert(included);
    }
    let Some(inner) = fields.get_mut(*name) else { return false };
    if let Some(found) = inner.as_str().and_then(|id| state.get(id)) {
        *inner = state.to_api(found).into();
    }
    if let Value::Array(list) = inner {
        for member in list.iter_mut() {
            if let Some(found) = member.as_str().and_then(|id| state.get(id)) {
                *member = state.to_api(found).into();
            }
        }
    }
    inner.is_null() || step(state, inner, rest)
}

/// Returns a field that Stripe includes on request alone, such as a session's `line_items`.
fn field_on_request(state: &State, value: &Value, name: &str) -> Option<Value> {
    let object = Object::from(value.clone());
    let id = object.id();
    match (object.text("object"), name) {
        ("checkout.session", "line_items") => {
            let items = state.get(id).map(|session| session.each("_lines")).unwrap_or_default();
            let items = items.into_iter().map(Value::from).collect();
            Some(object::list(items, false, &format!("/v1/checkout/sessions/{id}/line_items")))
        }
        ("invoice", "payments") => {
            let payments = state.with("invoice_payment", "invoice", id).map(|payment| state.to_api(payment).into());
            Some(object::list(payments.collect(), false, &format!("/v1/invoice_payments?invoice={id}")))
        }
        ("invoice", "confirmation_secret") => {
            let Some(payment) = state.with("invoice_payment", "invoice", id).next_back() else {
                return Some(Value::Null);
            };
            let secret = state.must(payment.text("payment.payment_intent")).at("client_secret");
            Some(json!({"client_secret": secret, "type": "payment_intent"}))
        }
        ("charge", "refunds") => {
            let refunds = state.with("refund", "charge", id).rev().map(|refund| state.to_api(refund).into());
            Some(object::list(refunds.collect(), false, &format!("/v1/charges/{id}/refunds")))
        }
        ("customer", "subscriptions") => {
            let open = state.with("subscription", "customer", id).filter(|found| found.text("status") != "canceled");
            let open = open.map(|found| state.to_api(found).into());
            Some(object::list(open.collect(), false, &format!("/v1/customers/{id}/subscriptions")))
        }
        ("customer", "sources") => Some(object::list(Vec::new(), false, &format!("/v1/customers/{id}/sources"))),
        _ => None,
    }
}
