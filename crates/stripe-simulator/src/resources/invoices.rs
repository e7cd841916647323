//! Invoices.
//!
//! Invariant: what is on an invoice never changes after it was finalized.

use super::{payment_intents, payment_methods};
use crate::answer::one;
use crate::billing::payment::{Attempt, Presence};
use crate::billing::{invoicing, settling, standing};
use crate::cards::TestCard;
use crate::error::{Answer, StripeError, not_now};
use crate::listing::Page;
use crate::params::Params;
use crate::state::State;

/// `GET /v1/invoices/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("invoice", id, "id")?;
    one(state, id)
}

/// `GET /v1/invoices/{id}/lines`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn lines(state: &State, id: &str, params: &Params) -> Answer {
    let page = Page::read(params)?;
    params.finish()?;
    let lines = state.find("invoice", id, "id")?.each("lines");
    Ok(page.of_these(&lines, &format!("/v1/invoices/{id}/lines")))
}

/// `POST /v1/invoices/{id}/finalize`
///
/// # Errors
/// When there is none, or it is no draft.
pub fn finalize(state: &mut State, id: &str, params: &Params) -> Answer {
    let advances = params.flag("auto_advance")?;
    params.finish()?;
    if state.find("invoice", id, "id")?.text("status") != "draft" {
        let message = "This invoice is already finalized, you can't re-finalize a non-draft invoice.";
        return Err(StripeError::invalid(message).code("invoice_not_editable"));
    }
    invoicing::finalize_now(state, id, advances);
    one(state, id)
}

/// `POST /v1/invoices/{id}/pay`
///
/// # Errors
/// When there is none, it is not open, or the payment is declined.
pub fn pay(state: &mut State, id: &str, params: &Params) -> Answer {
    let named = params.filled("payment_method");
    let away = params.flag("off_session")?.unwrap_or(true);
    params.finish()?;
    match state.find("invoice", id, "id")?.text("status") {
        "paid" => return Err(StripeError::invalid("Invoice is already paid")),
        "void" => return Err(not_now("This invoice is void and can no longer be paid.", "invoice_not_editable")),
        "draft" => invoicing::finalize(state, id),
        _ => {}
    }
    if state.must(id).text("status") == "paid" {
        return one(state, id);
    }
    let method = named.map(|named| payment_methods::resolve(state, &named, "payment_method")).transpose()?;
    let used = method.clone().or_else(|| settling::payment_method_for(state, state.must(id)));
    let presence = if away { Presence::Asked } else { Presence::Here };
    match settling::collect(state, id, method, presence)? {
        Attempt::Paid | Attempt::Processing => one(state, id),
        Attempt::NeedsAction => Err(StripeError::card(
            "invoice_payment_intent_requires_action",
            None,
            "Payment for this invoice requires additional user action before it can be completed successfully.",
        )),
        Attempt::Declined(error) => match (settling::intent_of(state, id), used) {
            (Some(intent), Some(used)) => Err(payment_intents::explained(state, &intent, &used, error)),
            _ => Err(error),
        },
    }
}

/// Pays an open invoice as its hosted page does: with a card, or with the one that is collected from anyway.
///
/// # Errors
/// When there is no such invoice, or it is not open.
pub fn pay_on_page(state: &mut State, id: &str, card: Option<TestCard>) -> Result<Attempt, StripeError> {
    let customer = state.find("invoice", id, "id")?.text("customer").to_owned();
    let now = state.now_of(id);
    let method = card.map(|card| {
        let email = state.must(&customer).maybe("email").map(str::to_owned);
        payment_methods::open(state, card, email.as_deref(), None, now)
    });
    settling::collect(state, id, method, Presence::Here)
}

/// `POST /v1/invoices/{id}/void`
///
/// # Errors
/// When there is none, or it cannot be voided.
pub fn void(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("invoice", id, "id")?;
    invoicing::void(state, id)?;
    dropped(state, id);
    one(state, id)
}

fn dropped(state: &mut State, id: &str) {
    let subscription = state.must(id).text("parent.subscription_details.subscription").to_owned();
    if state.get(&subscription).is_some_and(|found| !found.flag("deleted")) {
        standing::dropped(state, &subscription, id);
    }
}

/// `POST /v1/invoices/{id}/mark_uncollectible`
///
/// # Errors
/// When there is none, or it is not open.
pub fn mark_uncollectible(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("invoice", id, "id")?;
    invoicing::mark_uncollectible(state, id)?;
    dropped(state, id);
    one(state, id)
}

/// `GET /v1/invoices`
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = Page::read(params)?;
    let fields = ["customer", "status", "collection_method"];
    let wanted: Vec<(&str, Option<String>)> = fields.iter().map(|field| (*field, params.filled(field))).collect();
    let subscription = params.filled("subscription");
    params.finish()?;
    page.of(state, "invoice", "/v1/invoices", |invoice| {
        wanted.iter().all(|(field, wanted)| wanted.as_ref().is_none_or(|text| invoice.text(field) == text))
            && subscription.as_ref().is_none_or(|id| invoice.text("parent.subscription_details.subscription") == id)
    })
}
