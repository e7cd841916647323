//! Completion of checkout sessions: the payment by a customer, and everything that follows.
//!
//! Invariant: a card that is declined leaves the session open, and no subscription and no customer behind.

use super::open;
use crate::billing::invoice::{self, NewInvoice};
use crate::billing::lines;
use crate::billing::payment::{self, Attempt, NewIntent, Presence};
use crate::billing::settlement;
use crate::billing::subscription::{self, NewSubscription, PaymentBehavior, PlannedItem};
use crate::calendar::DAY;
use crate::cards::{Outcome, TestCard};
use crate::error::{StripeError, not_now};
use crate::object::Object;
use crate::resources::{customers, payment_methods, setup_intents};
use crate::state::State;
use serde_json::{Value, json};

/// Result of an attempt to pay.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion {
    /// The session is complete, and the customer is redirected to this address.
    Complete(String),
    /// The customer must confirm the payment first.
    NeedsAction,
    /// The card was declined, and the page is shown again.
    Declined(StripeError),
}

/// Pays a session with a card.
///
/// # Errors
/// When the session is not open.
pub fn complete(state: &mut State, id: &str, card: TestCard, email: Option<&str>) -> Result<Completion, StripeError> {
    let session = open(state, id)?.clone();
    let known = state.get(session.text("customer")).and_then(|customer| customer.maybe("email")).map(str::to_owned);
    let email = session.maybe("customer_email").map(str::to_owned).or(known).or_else(|| email.map(str::to_owned));
    let email = email.unwrap_or_else(|| "customer@example.com".to_owned());
    let now = state.now_of(id);
    let method = payment_methods::open(state, card, Some(&email), Some("Test Customer"), now);
    state.edit(id, |session| session.set("_email", email));
    attempt(state, id, &method, Presence::Here)
}

/// Confirms the payment that a session waits for, as the customer.
///
/// # Errors
/// When the session is not open, or waits for nothing.
pub fn confirm(state: &mut State, id: &str) -> Result<Completion, StripeError> {
    let method = waiting_method(state, id)?;
    attempt(state, id, &method, Presence::Confirmed)
}

/// Refuses to confirm the payment that a session waits for, as the customer.
///
/// # Errors
/// When the session is not open, or waits for nothing.
pub fn abandon_action(state: &mut State, id: &str) -> Result<Completion, StripeError> {
    waiting_method(state, id)?;
    state.edit(id, |session| session.remove("_waiting"));
    let intent = state.must(id).maybe("payment_intent").map(str::to_owned);
    let declined = match intent {
        Some(intent) => settlement::authenticate(state, &intent, false)?,
        None => Attempt::Declined(crate::cards::UNAUTHENTICATED.error()),
    };
    match declined {
        Attempt::Declined(error) => Ok(Completion::Declined(error)),
        Attempt::Paid | Attempt::NeedsAction | Attempt::Processing => Ok(Completion::NeedsAction),
    }
}

fn waiting_method(state: &State, id: &str) -> Result<String, StripeError> {
    let waiting = open(state, id)?.maybe("_waiting").map(str::to_owned);
    waiting.ok_or_else(|| not_now("This Checkout Session does not wait for a confirmation.", "resource_missing"))
}

fn attempt(state: &mut State, id: &str, method: &str, presence: Presence) -> Result<Completion, StripeError> {
    let session = state.must(id).clone();
    let due = session.int("amount_total");
    let is_free = due == 0 && session.text("mode") != "setup";
    let outcome = if is_free { Outcome::Paid } else { payment::foretell(state, method, presence) };
    if !matches!(outcome, Outcome::Paid | Outcome::PaidAndDisputed | Outcome::Processing) {
        if session.text("mode") == "payment" {
            let intent = intent(state, id);
            settlement::attempt(state, &intent, method, presence);
        }
        return Ok(match outcome {
            Outcome::Declined(decline) => Completion::Declined(decline.error()),
            _ => {
                state.edit(id, |session| session.set("_waiting", method));
                Completion::NeedsAction
            }
        });
    }
    let customer = customer(state, id);
    match session.text("mode") {
        "subscription" => {
            let customer = customer.expect("a subscription's session always has a customer");
            subscribe(state, id, &customer, method, presence)?;
        }
        "setup" => set_up(state, id, customer.as_deref(), method),
        _ => pay(state, id, customer, method, presence),
    }
    let kind = state.card(method).0.kind();
    Ok(Completion::Complete(finish(state, id, due, kind)))
}

/// Keeps the payment method of a session in setup mode.
fn set_up(state: &mut State, id: &str, customer: Option<&str>, method: &str) {
    if let Some(customer) = customer {
        payment_methods::attach_to(state, method, customer);
    }
    let (card, _) = state.card(method);
    state.remember_card(method, card, true);
    let intent = setup_intents::create_succeeded(state, customer, method);
    state.edit(id, |session| session.set("setup_intent", intent));
}

/// Returns the customer of a session, created if there is none and one is needed.
fn customer(state: &mut State, id: &str) -> Option<String> {
    let session = state.must(id).clone();
    if let Some(customer) = session.maybe("customer") {
        return Some(customer.to_owned());
    }
    if !session.flag("_needs_customer") {
        return None;
    }
    let customer = customers::open(
        state,
        customers::NewCustomer {
            email: session.maybe("_email").map(str::to_owned),
            name: Some("Test Customer".to_owned()),
            metadata: json!({}),
            test_clock: None,
        },
    );
    state.edit(id, |session| session.set("customer", customer.as_str()));
    Some(customer)
}

/// Returns the intent of a session in payment mode, created at the first attempt.
fn intent(state: &mut State, id: &str) -> String {
    let session = state.must(id).clone();
    if let Some(intent) = session.maybe("payment_intent") {
        return intent.to_owned();
    }
    let aim = |field: &str| session.maybe(&format!("_payment.{field}")).map(str::to_owned);
    let intent = payment::create_intent(
        state,
        NewIntent {
            customer: session.maybe("customer").map(str::to_owned),
            amount: session.int("amount_total"),
            currency: session.text("currency").to_owned(),
            description: aim("description"),
            metadata: session.at("_payment.metadata").clone(),
            setup_future_usage: aim("setup_future_usage"),
            receipt_email: aim("receipt_email"),
        },
    );
    state.edit(id, |session| session.set("payment_intent", intent.as_str()));
    intent
}

fn pay(state: &mut State, id: &str, customer: Option<String>, method: &str, presence: Presence) {
    let session = state.must(id).clone();
    if session.int("amount_total") == 0 {
        return;
    }
    let intent = intent(state, id);
    state.edit(&intent, |intent| intent.set("customer", customer.clone()));
    if let Some(customer) = customer.filter(|_| session.flag("_invoice")) {
        let now = state.now_of(id);
        let items = session.each("_lines");
        let lines = items.iter().map(|item| {
            let price = Object::from(item.at("price").clone());
            lines::full_line(state, &price, item.int("quantity"), (now, now), json!({}))
        });
        let new = NewInvoice {
            lines: lines.collect(),
            customer,
            subscription: None,
            reason: "manual",
            period: (now, now),
            metadata: session.at("invoice_creation.invoice_data.metadata").clone(),
            advances: false,
        };
        let invoice = invoice::draft(state, NewInvoice { metadata: object_or_empty(&new.metadata), ..new });
        invoice::finalize_for(state, &invoice, Some(&intent));
        state.edit(id, |session| session.set("invoice", invoice));
    }
    settlement::attempt(state, &intent, method, presence);
}

fn object_or_empty(metadata: &Value) -> Value {
    if metadata.is_object() { metadata.clone() } else { json!({}) }
}

fn subscribe(state: &mut State, id: &str, customer: &str, method: &str, presence: Presence) -> Result<(), StripeError> {
    let session = state.must(id).clone();
    let (card, _) = state.card(method);
    payment_methods::attach_to(state, method, customer);
    state.remember_card(method, card, true);
    let items = session.each("_lines").into_iter().map(|item| PlannedItem {
        id: None,
        price: Object::from(item.at("price").clone()),
        quantity: item.int("quantity"),
        metadata: json!({}),
    });
    let now = state.now_of(customer);
    let days = session.at("_subscription.trial_days").as_i64().map(|days| now + days * DAY);
    let subscription = subscription::open(
        state,
        NewSubscription {
            customer: customer.to_owned(),
            items: items.filter(|item| !item.price.is_null("recurring")).collect(),
            metadata: session.at("_subscription.metadata").clone(),
            description: session.maybe("_subscription.description").map(str::to_owned),
            payment_method: Some(method.to_owned()),
            trial_end: session.at("_subscription.trial_end").as_i64().or(days),
            behavior: PaymentBehavior::AllowIncomplete,
            presence,
            classic: session.flag("_subscription.classic"),
        },
    )?;
    let invoice = state.must(&subscription).at("latest_invoice").clone();
    state.edit(id, |session| {
        session.set("subscription", subscription);
        session.set("invoice", invoice);
    });
    Ok(())
}

/// Returns the payment of a session, while a bank is carrying it out.
fn processing_intent(state: &State, session: &Object) -> Option<String> {
    let own = session.maybe("payment_intent").map(str::to_owned);
    let intent = own.or_else(|| settlement::intent_of(state, session.text("invoice")))?;
    state.get(&intent).filter(|intent| intent.text("status") == "processing").map(|intent| intent.id().to_owned())
}

/// Settles a session that was completed with a debit.
pub fn settle(state: &mut State, intent: &str, succeeded: bool) {
    let Some(id) = state.with("checkout.session", "_processing", intent).next().map(|found| found.id().to_owned())
    else {
        return;
    };
    state.edit(&id, |session| {
        session.remove("_processing");
        if succeeded {
            session.set("payment_status", "paid");
        }
    });
    state.emit(&format!("checkout.session.async_payment_{}", if succeeded { "succeeded" } else { "failed" }), &id);
}

/// Completes a session that was paid, or is being paid, and returns the address to which its customer goes.
fn finish(state: &mut State, id: &str, due: i64, kind: &str) -> String {
    let session = state.must(id).clone();
    let processing = processing_intent(state, &session);
    let paid = match (due, &processing) {
        (0, _) => "no_payment_required",
        (_, Some(_)) => "unpaid",
        (_, None) => "paid",
    };
    let details = json!({
        "address": payment_methods::address(), "business_name": null, "email": session.at("_email"),
        "individual_name": null, "name": "Test Customer", "phone": null, "tax_exempt": "none", "tax_ids": [],
    });
    state.edit(id, |session| {
        session.set("status", "complete");
        session.set("payment_status", paid);
        if let Some(intent) = processing {
            session.set("_processing", intent);
        }
        if kind != "card" {
            session.set("payment_method_types", json!(["card", kind]));
        }
        session.set("url", Value::Null);
        session.set("customer_details", details);
        session.remove("_waiting");
    });
    state.emit("checkout.session.completed", id);
    session.text("success_url").replace("{CHECKOUT_SESSION_ID}", id)
}
