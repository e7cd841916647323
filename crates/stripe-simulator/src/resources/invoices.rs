//! Invoices, as the API creates, lists and collects them.
//!
//! Invariant: the lines of an invoice never change after it was finalized.

use super::{payment_intents, payment_methods};
use crate::agenda::Due;
use crate::answer::one;
use crate::billing::invoice::NewInvoice;
use crate::billing::payment::{Attempt, Presence};
use crate::billing::{invoice, items, settlement, status, uncollectible};
use crate::cards::TestCard;
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;

/// `POST /v1/invoices`: creates an invoice by hand, a draft at first.
///
/// # Errors
/// When there is no such customer, or a parameter cannot be used.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let customer = params.require("customer")?;
    let advances = params.flag("auto_advance")?.unwrap_or_default();
    let currency = params.optional("currency");
    let (description, metadata) = (params.optional("description"), params.metadata("metadata"));
    let method = params.optional("default_payment_method");
    let pending = params.one_of("pending_invoice_items_behavior", &["exclude", "include"])?;
    params.one_of("collection_method", &["charge_automatically"])?;
    params.finish()?;
    let known = state.find("customer", &customer, "customer")?.maybe("currency").map(str::to_owned);
    if let Some(method) = &method {
        state.find("payment_method", method, "default_payment_method")?;
    }
    let now = state.now_of(&customer);
    let new = NewInvoice {
        customer,
        subscription: None,
        reason: "manual",
        lines: Vec::new(),
        period: (now, now),
        metadata,
        advances,
    };
    let id = invoice::draft_silently(state, new);
    state.edit(&id, |invoice| {
        invoice.set("description", description);
        invoice.set("default_payment_method", method);
        invoice.set("currency", currency.or(known).unwrap_or_else(|| "usd".to_owned()));
    });
    if pending.as_deref() == Some("include") {
        items::join_pending(state, &id, true);
    }
    state.emit("invoice.created", &id);
    one(state, &id)
}

/// `POST /v1/invoices/{id}`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let found = state.find("invoice", id, "id")?;
    let metadata = params.changed_metadata("metadata", found.at("metadata"));
    let (status, created) = (found.text("status").to_owned(), found.int("created"));
    let (advances, description) = (params.flag("auto_advance")?, params.text("description"));
    let method = params.optional("default_payment_method");
    params.finish()?;
    if advances.is_some() && !matches!(status.as_str(), "draft" | "open") {
        let message = "Automatic collection can only be changed on draft and open invoices.";
        return Err(not_now(message, "invoice_not_editable"));
    }
    if let Some(method) = &method {
        state.find("payment_method", method, "default_payment_method")?;
    }
    // A draft that advances again has its time from when it was made, or ends at once.
    let due = (created + state.drafts.last_for).max(state.now_of(id));
    state.update(id, "invoice.updated", |invoice| {
        invoice.set("metadata", metadata);
        if let Some(advances) = advances {
            invoice.set("auto_advance", advances);
            if status == "draft" {
                invoice.set("automatically_finalizes_at", advances.then_some(due));
                invoice.set("next_payment_attempt", advances.then_some(due));
            }
        }
        if let Some(description) = description {
            invoice.set("description", description);
        }
        if let Some(method) = method {
            invoice.set("default_payment_method", method);
        }
    });
    if advances == Some(true) && status == "draft" {
        state.remind(id, due, Due::Finalize(id.to_owned()));
    }
    one(state, id)
}

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
    let page = ListPage::read(params)?;
    params.finish()?;
    let lines = state.find("invoice", id, "id")?.each("lines");
    Ok(page.slice(&lines, &format!("/v1/invoices/{id}/lines")))
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
    invoice::finalize_now(state, id, advances);
    one(state, id)
}

/// `POST /v1/invoices/{id}/pay`
///
/// # Errors
/// When there is none, it is not open, or the payment is declined.
pub fn pay(state: &mut State, id: &str, params: &Params) -> Answer {
    let named = params.optional("payment_method");
    let away = params.flag("off_session")?.unwrap_or(true);
    params.finish()?;
    match state.find("invoice", id, "id")?.text("status") {
        "paid" => return Err(StripeError::invalid("Invoice is already paid")),
        "void" => return Err(not_now("This invoice is void and can no longer be paid.", "invoice_not_editable")),
        "draft" => invoice::finalize(state, id),
        _ => {}
    }
    if state.must(id).text("status") == "paid" {
        return one(state, id);
    }
    let method = named.map(|named| payment_methods::resolve(state, &named, "payment_method")).transpose()?;
    let used = method.clone().or_else(|| settlement::payment_method_for(state, state.must(id)));
    let presence = if away { Presence::Asked } else { Presence::Here };
    match settlement::collect(state, id, method, presence)? {
        Attempt::Paid | Attempt::Processing => one(state, id),
        Attempt::NeedsAction => Err(StripeError::card(
            "invoice_payment_intent_requires_action",
            None,
            "Payment for this invoice requires additional user action before it can be completed successfully.",
        )),
        Attempt::Declined(error) => match (settlement::intent_of(state, id), used) {
            (Some(intent), Some(used)) => Err(payment_intents::explain_decline(state, &intent, &used, error)),
            _ => Err(error),
        },
    }
}

/// Pays an open invoice as its hosted page does: with a given card, or with the payment method of its automatic
/// collection.
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
    settlement::collect(state, id, method, Presence::Here)
}

/// `POST /v1/invoices/{id}/void`
///
/// # Errors
/// When there is none, or it cannot be voided.
pub fn void(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("invoice", id, "id")?;
    invoice::void(state, id)?;
    record_write_off(state, id);
    one(state, id)
}

fn record_write_off(state: &mut State, id: &str) {
    let subscription = state.must(id).text("parent.subscription_details.subscription").to_owned();
    if state.get(&subscription).is_some_and(|found| !found.flag("deleted")) {
        status::record_write_off(state, &subscription, id);
    }
}

/// `POST /v1/invoices/{id}/mark_uncollectible`
///
/// # Errors
/// When there is none, or it is not open.
pub fn mark_uncollectible(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("invoice", id, "id")?;
    uncollectible::mark(state, id)?;
    record_write_off(state, id);
    one(state, id)
}

/// `GET /v1/invoices`: lists invoices, by customer, status or subscription.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let fields = ["customer", "status", "collection_method"];
    let wanted: Vec<(&str, Option<String>)> = fields.iter().map(|field| (*field, params.optional(field))).collect();
    let subscription = params.optional("subscription");
    params.finish()?;
    page.of(state, "invoice", "/v1/invoices", |invoice| {
        wanted.iter().all(|(field, wanted)| wanted.as_ref().is_none_or(|text| invoice.text(field) == text))
            && subscription.as_ref().is_none_or(|id| invoice.text("parent.subscription_details.subscription") == id)
    })
}
