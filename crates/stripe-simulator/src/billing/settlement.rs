//! Settling: an attempt to pay an intent, and its consequences for the invoice of the intent and, through that, for the
//! subscription.
//!
//! Invariant: an intent that succeeded settles its invoice, and the failure of one is recorded on its invoice.

use super::payment::{self, Attempt, Presence};
use super::{status, swap};
use crate::agenda::Due;
use crate::cards::{Conduct, Outcome};
use crate::debits::{Account, REFUSAL, Settlement};
use crate::error::{StripeError, not_now};
use crate::object::Object;
use crate::resources::{checkout, disputes};
use crate::state::State;
use serde_json::{Value, json};

/// Attempts to pay an intent with a payment method, and settles the object that the intent was made for.
pub fn attempt(state: &mut State, intent: &str, payment_method: &str, presence: Presence) -> Attempt {
    let outcome = payment::foretell(state, payment_method, presence);
    let kind = state.card(payment_method).0.kind();
    state.edit(intent, |intent| {
        intent.set("payment_method", payment_method);
        if kind != "card" {
            intent.set("payment_method_types", json!(["card", kind]));
        }
    });
    match outcome {
        Outcome::Paid | Outcome::PaidAndDisputed => {
            let charge = payment::succeed(state, intent, payment_method);
            record_success(state, intent);
            if outcome == Outcome::PaidAndDisputed {
                disputes::open(state, &charge, "fraudulent");
            }
            Attempt::Paid
        }
        Outcome::Declined(decline) => {
            let error = decline.error();
            payment::fail(state, intent, payment_method, &error);
            record_failure(state, intent);
            Attempt::Declined(error)
        }
        Outcome::NeedsAction => {
            payment::wait_for_owner(state, intent);
            Attempt::NeedsAction
        }
        Outcome::Processing => {
            payment::debit(state, intent, payment_method);
            let at = state.now_of(intent).saturating_add(state.debits.settle_after);
            state.remind(intent, at, Due::Settle(intent.to_owned()));
            record_processing(state, intent);
            Attempt::Processing
        }
    }
}

/// Settles a debit on the day on which it is due.
pub fn settle_when_due(state: &mut State, intent: &str) {
    let Some(found) = state.get(intent).filter(|found| found.text("status") == "processing") else { return };
    if !never_settles(state, &found.clone()) {
        settle_debit(state, intent, None).expect("a payment that is processing can settle");
    }
}

fn never_settles(state: &State, intent: &Object) -> bool {
    let conduct = state.card(intent.text("payment_method")).0.conduct;
    matches!(conduct, Conduct::Debits(Account { settles: Settlement::Never, .. }))
}

/// Settles a debit: as its account does, or as `succeeds` says.
///
/// # Errors
/// When the intent is not processing.
pub fn settle_debit(state: &mut State, intent: &str, succeeds: Option<bool>) -> Result<(), StripeError> {
    let found = state.find("payment_intent", intent, "id")?;
    if found.text("status") != "processing" {
        return Err(payment::status_error(found.text("status"), "processing"));
    }
    let method = found.text("payment_method").to_owned();
    let own = match state.card(&method).0.conduct {
        Conduct::Debits(account) => account.settles,
        _ => Settlement::Succeeds,
    };
    let failure = match (succeeds, own) {
        (Some(true), _) | (None, Settlement::Succeeds | Settlement::Disputes | Settlement::Never) => None,
        (_, Settlement::Fails(decline)) => Some(decline),
        (Some(false), _) => Some(REFUSAL),
    };
    if let Some(decline) = failure {
        let error = StripeError::invalid(decline.message).code(decline.code);
        payment::fail(state, intent, &method, &error);
        record_failure(state, intent);
        checkout::settle(state, intent, false);
        return Ok(());
    }
    let charge = payment::succeed(state, intent, &method);
    record_success(state, intent);
    checkout::settle(state, intent, true);
    if own == Settlement::Disputes && succeeds.is_none() {
        disputes::open(state, &charge, "fraudulent");
    }
    Ok(())
}

/// Returns `true` if a bank is carrying out the payment that an invoice waits for.
pub fn is_processing(state: &State, invoice: &str) -> bool {
    let intent = intent_of(state, invoice);
    intent.and_then(|intent| state.get(&intent)).is_some_and(|intent| intent.text("status") == "processing")
}

/// Refuses an act on an invoice while a bank is carrying out a payment of it.
///
/// # Errors
/// When a payment of the invoice is processing.
pub fn refuse_while_processing(state: &State, invoice: &str) -> Result<(), StripeError> {
    if is_processing(state, invoice) {
        let message = "This invoice has a payment that is processing; wait until it succeeds or fails.";
        return Err(not_now(message, "payment_intent_unexpected_state"));
    }
    Ok(())
}

/// Records that a debit was made; its invoice, if any, waits for it.
fn record_processing(state: &mut State, intent: &str) {
    let Some((invoice, _)) = invoice_of(state, intent) else { return };
    state.update(&invoice, "invoice.updated", |invoice| {
        invoice.set("attempted", true);
        invoice.set("next_payment_attempt", Value::Null);
    });
    let subscription = state.must(&invoice).text("parent.subscription_details.subscription").to_owned();
    if !subscription.is_empty() && !state.debits.incomplete {
        status::begin(state, &subscription, &invoice);
    }
}

/// Confirms a payment that waits for the card's owner, or refuses the confirmation.
///
/// # Errors
/// When the intent does not wait for its owner.
pub fn authenticate(state: &mut State, intent: &str, confirms: bool) -> Result<Attempt, StripeError> {
    let found = state.find("payment_intent", intent, "id")?;
    if found.text("status") != "requires_action" {
        return Err(payment::status_error(found.text("status"), "requires_action"));
    }
    let payment_method = found.text("payment_method").to_owned();
    if confirms {
        return Ok(attempt(state, intent, &payment_method, Presence::Confirmed));
    }
    let message =
        "We are unable to authenticate your payment method. Please choose a different payment method and try again.";
    let error = StripeError::card("payment_intent_authentication_failure", None, message);
    payment::refuse(state, intent, &payment_method, &error, None);
    record_failure(state, intent);
    Ok(Attempt::Declined(error))
}

/// Returns the invoice that an intent pays, with the invoice payment that binds them.
fn invoice_of(state: &State, intent: &str) -> Option<(String, String)> {
    let payment = state.with("invoice_payment", "payment.payment_intent", intent).next_back()?;
    Some((payment.text("invoice").to_owned(), payment.id().to_owned()))
}

/// Returns the intent that is to pay an open invoice.
pub fn intent_of(state: &State, invoice: &str) -> Option<String> {
    let mut payments = state.with("invoice_payment", "invoice", invoice);
    let open = payments.rfind(|payment| payment.text("status") == "open")?;
    Some(open.text("payment.payment_intent").to_owned())
}

/// Cancels the payments of an invoice: nothing is to be paid on it any more.
pub(super) fn cancel_payments(state: &mut State, invoice: &str) {
    let now = state.now_of(invoice);
    let open = state.with("invoice_payment", "invoice", invoice).filter(|one| one.text("status") == "open");
    let open: Vec<(String, String)> =
        open.map(|one| (one.id().to_owned(), one.text("payment.payment_intent").to_owned())).collect();
    for (payment, intent) in open {
        state.edit(&payment, |payment| {
            payment.set("status", "canceled");
            payment.set("status_transitions.canceled_at", now);
        });
        payment::cancel(state, &intent, "void_invoice");
    }
}

/// Returns the payment method that an invoice is collected with: the subscription's, or else the customer's.
pub fn payment_method_for(state: &State, invoice: &Object) -> Option<String> {
    let subscription = state.get(invoice.text("parent.subscription_details.subscription"));
    let own = subscription.and_then(|subscription| subscription.maybe("default_payment_method"));
    let customer = state.get(invoice.text("customer"));
    let customers = customer.and_then(|customer| customer.maybe("invoice_settings.default_payment_method"));
    invoice.maybe("default_payment_method").or(own).or(customers).map(str::to_owned)
}

/// Tries to collect an open invoice.
///
/// # Errors
/// When there is nothing to collect, or nothing to collect it with.
pub fn collect(
    state: &mut State,
    id: &str,
    payment_method: Option<String>,
    presence: Presence,
) -> Result<Attempt, StripeError> {
    let invoice = state.must(id).clone();
    if !matches!(invoice.text("status"), "open" | "uncollectible") {
        return Err(not_now("Invoice is not open.", "invoice_not_editable"));
    }
    refuse_while_processing(state, id)?;
    let Some(intent) = intent_of(state, id) else {
        return Err(not_now("Invoice has no payment to collect.", "invoice_no_payment_method_types"));
    };
    // Only automatic attempts count further; the first attempt of any kind counts as the first.
    let automatic = i64::from(presence == Presence::Billing);
    let count = (invoice.int("attempt_count") + automatic).max(1);
    state.edit(id, |invoice| {
        invoice.set("attempted", true);
        invoice.set("attempt_count", count);
    });
    let Some(payment_method) = payment_method.or_else(|| payment_method_for(state, &invoice)) else {
        let message = "There is no `default_payment_method` set on this Customer or Invoice.";
        let error = StripeError::invalid(message).code("invoice_payment_intent_requires_action");
        record_failed_attempt(state, id);
        return Err(error);
    };
    let attempt = attempt(state, &intent, &payment_method, presence);
    if attempt == Attempt::NeedsAction {
        state.emit("invoice.payment_action_required", id);
        record_failed_attempt(state, id);
    }
    Ok(attempt)
}

/// Marks the invoice of an intent that succeeded as paid, if it has one.
fn record_success(state: &mut State, intent: &str) {
    let Some((invoice, payment)) = invoice_of(state, intent) else { return };
    let (now, amount) = (state.now_of(&invoice), state.must(intent).int("amount_received"));
    state.edit(&payment, |payment| {
        payment.set("status", "paid");
        payment.set("amount_paid", amount);
        payment.set("status_transitions.paid_at", now);
    });
    state.edit(&invoice, |invoice| {
        let paid = invoice.int("amount_paid") + amount;
        invoice.set("amount_paid", paid);
        invoice.set("amount_remaining", (invoice.int("amount_due") - paid).max(0));
        invoice.set("attempted", true);
    });
    settle(state, &invoice);
    state.emit("invoice_payment.paid", &payment);
}

/// Marks an invoice as paid, and updates the subscription.
pub(super) fn settle(state: &mut State, id: &str) {
    let now = state.now_of(id);
    state.edit(id, |invoice| {
        invoice.set("status", "paid");
        invoice.set("attempted", true);
        invoice.set("auto_advance", false);
        invoice.set("next_payment_attempt", Value::Null);
        invoice.set("status_transitions.paid_at", now);
    });
    state.emit("invoice.updated", id);
    state.emit("invoice.paid", id);
    state.emit("invoice.payment_succeeded", id);
    let subscription = state.must(id).text("parent.subscription_details.subscription").to_owned();
    if !subscription.is_empty() {
        swap::apply_pending(state, &subscription, id);
        status::record_payment(state, &subscription, id);
    }
}

/// Schedules the next attempt for the invoice of an intent that failed, if it has one.
fn record_failure(state: &mut State, intent: &str) {
    if let Some((invoice, _)) = invoice_of(state, intent) {
        record_failed_attempt(state, &invoice);
    }
}

/// Records that a payment of an invoice failed.
fn record_failed_attempt(state: &mut State, id: &str) {
    let retried = status::plan_retry(state, id);
    state.edit(id, |invoice| {
        invoice.set("attempted", true);
        invoice.set("next_payment_attempt", retried);
    });
    state.emit("invoice.payment_failed", id);
    let subscription = state.must(id).text("parent.subscription_details.subscription").to_owned();
    if !subscription.is_empty() {
        status::record_failed_payment(state, &subscription, id);
    }
}
