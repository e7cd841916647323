//! Payment intents, as the API creates, confirms and cancels them.
//!
//! Invariant: an intent that succeeded or was canceled never changes its state again.

use super::payment_methods;
use crate::answer::one;
use crate::billing::payment::{self, Attempt, NewIntent, Presence};
use crate::billing::settlement;
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::Value;

/// `POST /v1/payment_intents`: creates an intent, and confirms it if the caller asks.
///
/// # Errors
/// When a parameter cannot be used, or the payment is declined.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let amount = params.int("amount")?.ok_or_else(|| StripeError::missing("amount"))?;
    let currency = params.require("currency")?.to_lowercase();
    let customer = params.optional("customer");
    let payment_method = params.optional("payment_method");
    let (confirm, away) =
        (params.flag("confirm")?.unwrap_or_default(), params.flag("off_session")?.unwrap_or_default());
    let new = NewIntent {
        customer: customer.clone(),
        amount,
        currency,
        description: params.optional("description"),
        metadata: params.metadata("metadata"),
        setup_future_usage: params.one_of("setup_future_usage", &["on_session", "off_session"])?,
        receipt_email: params.optional("receipt_email"),
    };
    params.accept(&["automatic_payment_methods", "return_url", "statement_descriptor", "statement_descriptor_suffix"]);
    params.accept(&["error_on_requires_action", "allowed_payment_method_types", "capture_method"]);
    params.finish()?;
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(StripeError::unusable("amount", message).code("parameter_invalid_integer"));
    }
    if away && !confirm {
        let message = "`off_session` can only be set when `confirm` is true.";
        return Err(StripeError::unusable("off_session", message));
    }
    if let Some(customer) = &customer {
        state.find("customer", customer, "customer")?;
    }
    let payment_method = payment_method.map(|named| payment_methods::resolve(state, &named, "payment_method"));
    let payment_method = payment_method.transpose()?;
    if let Some(payment_method) = &payment_method {
        check_owner(state, payment_method, customer.as_deref())?;
    }
    let id = payment::create_intent(state, new);
    if let Some(payment_method) = payment_method {
        state.edit(&id, |intent| {
            intent.set("payment_method", payment_method.as_str());
            intent.set("status", "requires_confirmation");
        });
        if confirm {
            return attempt(state, &id, &payment_method, away);
        }
    } else if confirm {
        return Err(StripeError::missing("payment_method"));
    }
    one(state, &id)
}

/// Refuses a payment method that belongs to another customer.
fn check_owner(state: &State, payment_method: &str, customer: Option<&str>) -> Result<(), StripeError> {
    match state.must(payment_method).maybe("customer") {
        Some(owner) if Some(owner) != customer => {
            let message = "The provided PaymentMethod belongs to a Customer. Pass that Customer as `customer`.";
            Err(StripeError::unusable("payment_method", message))
        }
        _ => Ok(()),
    }
}

fn attempt(state: &mut State, id: &str, payment_method: &str, away: bool) -> Answer {
    let presence = if away { Presence::Away } else { Presence::Here };
    match settlement::attempt(state, id, payment_method, presence) {
        Attempt::Declined(error) => Err(explain_decline(state, id, payment_method, error)),
        Attempt::Paid | Attempt::NeedsAction | Attempt::Processing => one(state, id),
    }
}

/// Returns a decline, with the intent and the payment method it was about.
pub fn explain_decline(state: &State, id: &str, payment_method: &str, error: StripeError) -> StripeError {
    let show = |id: &str| Value::from(state.to_api(state.must(id)));
    let charge = state.must(id).at("latest_charge").clone();
    error.with("payment_intent", show(id)).with("payment_method", show(payment_method)).with("charge", charge)
}

/// `GET /v1/payment_intents/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.accept(&["client_secret"]);
    params.finish()?;
    state.find("payment_intent", id, "id")?;
    one(state, id)
}

/// `POST /v1/payment_intents/{id}/confirm`
///
/// # Errors
/// When it cannot be confirmed, or is declined.
pub fn confirm(state: &mut State, id: &str, params: &Params) -> Answer {
    let named = params.optional("payment_method");
    let away = params.flag("off_session")?.unwrap_or_default();
    params.accept(&["return_url", "client_secret", "setup_future_usage", "error_on_requires_action"]);
    params.finish()?;
    let found = state.find("payment_intent", id, "id")?.clone();
    if !matches!(found.text("status"), "requires_payment_method" | "requires_confirmation" | "requires_action") {
        return Err(payment::status_error(found.text("status"), "requires_payment_method or requires_confirmation"));
    }
    let named = named.or_else(|| found.maybe("payment_method").map(str::to_owned));
    let named = named.ok_or_else(|| StripeError::missing("payment_method"))?;
    let payment_method = payment_methods::resolve(state, &named, "payment_method")?;
    check_owner(state, &payment_method, found.maybe("customer"))?;
    attempt(state, id, &payment_method, away)
}

/// `POST /v1/payment_intents/{id}/cancel`
///
/// # Errors
/// When it succeeded or was canceled before.
pub fn cancel(state: &mut State, id: &str, params: &Params) -> Answer {
    let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    let reason = params.one_of("cancellation_reason", &reasons)?;
    params.finish()?;
    let status = state.find("payment_intent", id, "id")?.text("status").to_owned();
    if matches!(status.as_str(), "succeeded" | "canceled" | "processing") {
        return Err(payment::status_error(&status, "one that can still be canceled"));
    }
    payment::cancel(state, id, reason.as_deref().unwrap_or("requested_by_customer"));
    one(state, id)
}

/// `GET /v1/payment_intents`: lists intents, by customer.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let customer = params.optional("customer");
    params.finish()?;
    page.of(state, "payment_intent", "/v1/payment_intents", |intent| {
        customer.as_ref().is_none_or(|customer| intent.text("customer") == customer)
    })
}
