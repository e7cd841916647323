//! Payments: an intent is tried with a card, and becomes a charge.
//!
//! Invariant: an intent that succeeded has a charge that is paid.

use crate::cards::{Outcome, UNAUTHENTICATED};
use crate::error::StripeError;
use crate::resources::payment_methods;
use crate::state::State;
use serde_json::{Value, json};

/// Presence of the card's owner during a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The owner is present, and can confirm.
    Here,
    /// The owner has just confirmed this payment.
    Confirmed,
    /// The owner is absent: a payment that needs a confirmation is declined.
    Away,
    /// A caller collects an invoice in the owner's absence: what must be confirmed waits for the owner.
    Asked,
    /// Billing collects in the owner's absence: what must be confirmed waits for the owner.
    Billing,
}

/// Result of an attempt to pay an intent.
#[derive(Clone, Debug, PartialEq)]
pub enum Attempt {
    /// The intent succeeded, and its charge is paid.
    Paid,
    /// The payment was declined, and the intent waits for another payment method.
    Declined(StripeError),
    /// The payment waits for a confirmation by the owner of the card.
    NeedsAction,
    /// The payment is processing: a debit settles in some days.
    Processing,
}

/// A payment intent to create.
#[derive(Clone, Debug, Default)]
pub struct NewIntent {
    /// Customer of the intent, if any.
    pub customer: Option<String>,
    /// Amount in the smallest unit of the currency.
    pub amount: i64,
    /// Currency code in lower case.
    pub currency: String,
    /// Description for the customer.
    pub description: Option<String>,
    /// Metadata of the caller.
    pub metadata: Value,
    /// Use for which the payment method is kept, as Stripe writes it.
    pub setup_future_usage: Option<String>,
    /// E-mail address for the receipt.
    pub receipt_email: Option<String>,
}

/// Creates a payment intent, and returns its identifier.
pub fn create_intent(state: &mut State, new: NewIntent) -> String {
    let id = state.id("pi_");
    let secret = state.id("secret_");
    let metadata = if new.metadata.is_object() { new.metadata } else { json!({}) };
    let clock = new.customer.as_deref().and_then(|customer| state.clock_of(state.must(customer)));
    let intent = json!({
        "id": id, "object": "payment_intent", "allowed_payment_method_types": null, "amount": new.amount,
        "amount_capturable": 0, "amount_details": {"tip": {}}, "amount_received": 0, "application": null,
        "application_fee_amount": null,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": true}, "canceled_at": null,
        "cancellation_reason": null, "capture_method": "automatic", "client_secret": format!("{id}_{secret}"),
        "confirmation_method": "automatic", "created": state.now(clock.as_deref()), "currency": new.currency,
        "customer": new.customer, "customer_account": null, "description": new.description,
        "excluded_payment_method_types": null, "last_payment_error": null, "latest_charge": null, "livemode": false,
        "managed_payments": null, "metadata": metadata, "next_action": null, "on_behalf_of": null,
        "payment_method": null, "payment_method_configuration_details": null,
        "payment_method_options": {"card": {
            "installments": null, "mandate_options": null, "network": null, "request_three_d_secure": "automatic",
        }},
        "payment_method_types": ["card"], "payment_record": null, "processing": null,
        "receipt_email": new.receipt_email, "review": null, "setup_future_usage": new.setup_future_usage,
        "shipping": null, "source": null, "statement_descriptor": null, "statement_descriptor_suffix": null,
        "status": "requires_payment_method", "transfer_data": null, "transfer_group": null,
    });
    state.put(intent);
    state.emit("payment_intent.created", &id);
    id
}

/// Returns the outcome that charging a payment method would have, without charging it.
pub fn foretell(state: &State, payment_method: &str, presence: Presence) -> Outcome {
    let (card, set_up) = state.card(payment_method);
    match card.outcome(matches!(presence, Presence::Here | Presence::Confirmed), set_up) {
        Outcome::NeedsAction if presence == Presence::Confirmed => Outcome::Paid,
        Outcome::NeedsAction if presence == Presence::Away => Outcome::Declined(UNAUTHENTICATED),
        outcome => outcome,
    }
}

/// Returns the error for an intent whose status does not allow an act.
pub fn status_error(status: &str, needed: &str) -> StripeError {
    let message = format!("This PaymentIntent's status is {status}; this needs it to be {needed}.");
    StripeError::invalid(message).code("payment_intent_unexpected_state")
}

/// Makes an intent wait for a confirmation by the owner of the card.
pub(super) fn wait_for_owner(state: &mut State, intent: &str) {
    let url = format!("{}/c/authenticate/{intent}", state.base);
    state.edit(intent, |intent| {
        intent.set("status", "requires_action");
        intent.set(
            "next_action",
            json!({
                "type": "redirect_to_url", "redirect_to_url": {"return_url": null, "url": url},
            }),
        );
    });
    state.emit("payment_intent.requires_action", intent);
}

/// Debits the account of an intent, and returns the charge, which is pending for some days.
pub(super) fn debit(state: &mut State, intent: &str, payment_method: &str) -> String {
    let charge = charge(state, intent, payment_method, None);
    state.edit(&charge, |charge| {
        charge.set("status", "pending");
        charge.set("paid", false);
        charge.set("balance_transaction", Value::Null);
        charge.set("receipt_url", Value::Null);
    });
    state.edit(intent, |intent| {
        intent.set("status", "processing");
        intent.set("latest_charge", charge.as_str());
        intent.set("next_action", Value::Null);
        intent.set("last_payment_error", Value::Null);
    });
    state.emit("charge.pending", &charge);
    state.emit("payment_intent.processing", intent);
    charge
}

/// Settles the pending charge of an intent, as paid or with an error; returns the charge, if one was pending.
fn settle_charge(state: &mut State, intent: &str, error: Option<&StripeError>) -> Option<String> {
    let charge = state.must(state.must(intent).maybe("latest_charge")?);
    if charge.text("status") != "pending" {
        return None;
    }
    let charge = charge.id().to_owned();
    let (transaction, receipt) = (state.id("txn_"), format!("{}/receipts/{charge}", state.base));
    state.edit(&charge, |charge| match error {
        None => {
            charge.set("status", "succeeded");
            charge.set("paid", true);
            charge.set("balance_transaction", transaction);
            charge.set("receipt_url", receipt);
        }
        Some(error) => {
            charge.set("status", "failed");
            charge.set("captured", false);
            charge.set("amount_captured", 0);
            charge.set("failure_code", error.field("code"));
            charge.set("failure_message", error.message());
        }
    });
    Some(charge)
}

/// Pays an intent, and returns the identifier of the charge.
pub(super) fn succeed(state: &mut State, intent: &str, payment_method: &str) -> String {
    let charge = settle_charge(state, intent, None).unwrap_or_else(|| charge(state, intent, payment_method, None));
    let (customer, later) = {
        let intent = state.must(intent);
        let later = intent.maybe("setup_future_usage").is_some();
        (intent.maybe("customer").map(str::to_owned), later)
    };
    if let Some(customer) = customer.filter(|_| later) {
        let (card, set_up) = state.card(payment_method);
        state.remember_card(payment_method, card, set_up || later);
        payment_methods::attach_to(state, payment_method, &customer);
    }
    state.edit(intent, |intent| {
        let amount = intent.int("amount");
        intent.set("status", "succeeded");
        intent.set("amount_received", amount);
        intent.set("latest_charge", charge.as_str());
        intent.set("next_action", Value::Null);
        intent.set("last_payment_error", Value::Null);
    });
    state.emit("charge.succeeded", &charge);
    state.emit("payment_intent.succeeded", intent);
    charge
}

/// Declines an intent, with a charge that failed.
pub(super) fn fail(state: &mut State, intent: &str, payment_method: &str, error: &StripeError) {
    let charge = settle_charge(state, intent, Some(error));
    let charge = charge.unwrap_or_else(|| self::charge(state, intent, payment_method, Some(error)));
    state.emit("charge.failed", &charge);
    refuse(state, intent, payment_method, error, Some(&charge));
}

/// Declines an intent, which then waits for another payment method.
pub(super) fn refuse(state: &mut State, intent: &str, payment_method: &str, error: &StripeError, charge: Option<&str>) {
    let mut details = error.details();
    details["payment_method"] = state.to_api(state.must(payment_method)).into();
    details["payment_method_type"] = state.card(payment_method).0.kind().into();
    if let Some(charge) = charge {
        details["charge"] = charge.into();
    }
    state.edit(intent, |intent| {
        intent.set("status", "requires_payment_method");
        intent.set("last_payment_error", details);
        intent.set("payment_method", Value::Null);
        intent.set("next_action", Value::Null);
        if let Some(charge) = charge {
            intent.set("latest_charge", charge);
        }
    });
    state.emit("payment_intent.payment_failed", intent);
}

/// Cancels an intent that did not succeed.
pub fn cancel(state: &mut State, id: &str, reason: &str) {
    if matches!(state.must(id).text("status"), "succeeded" | "canceled" | "processing") {
        return;
    }
    let now = state.now_of(id);
    state.edit(id, |intent| {
        intent.set("status", "canceled");
        intent.set("canceled_at", now);
        intent.set("cancellation_reason", reason);
        intent.set("next_action", Value::Null);
    });
    state.emit("payment_intent.canceled", id);
}

/// Creates the charge of an attempt.
fn charge(state: &mut State, intent: &str, payment_method: &str, error: Option<&StripeError>) -> String {
    let id = state.id("ch_");
    let paid = error.is_none();
    let intent = state.must(intent).clone();
    let (card, _) = state.card(payment_method);
    let amount = intent.int("amount");
    let code = error.and_then(|error| error.field("decline_code").or_else(|| error.field("code")));
    let billing = state.must(payment_method).at("billing_details").clone();
    let outcome = json!({
        "advice_code": null, "network_advice_code": null, "network_decline_code": code.map(|_| "05"),
        "network_status": if paid { "approved_by_network" } else { "declined_by_network" }, "reason": code,
        "risk_level": "normal", "risk_score": 32,
        "seller_message": if paid { "Payment complete." } else { "The bank did not return any further details." },
        "type": if paid { "authorized" } else { "issuer_declined" },
    });
    let charge = json!({
        "id": id, "object": "charge", "amount": amount, "amount_captured": if paid { amount } else { 0 },
        "amount_refunded": 0, "application": null, "application_fee": null, "application_fee_amount": null,
        "balance_transaction": paid.then(|| state.id("txn_")), "billing_details": billing,
        "calculated_statement_descriptor": "SIMULATED", "captured": paid, "created": state.now_of(intent.id()),
        "currency": intent.text("currency"), "customer": intent.at("customer"),
        "description": intent.at("description"), "disputed": false, "failure_balance_transaction": null,
        "failure_code": error.and_then(|error| error.field("code")),
        "failure_message": error.map(StripeError::message), "fraud_details": {}, "livemode": false,
        "metadata": intent.at("metadata"), "on_behalf_of": null, "outcome": outcome, "paid": paid,
        "payment_intent": intent.id(), "payment_method": payment_method,
        "payment_method_details": {card.kind(): card.charge_fields(amount), "type": card.kind()}, "radar_options": {},
        "receipt_email": intent.at("receipt_email"), "receipt_number": null,
        "receipt_url": paid.then(|| format!("{}/receipts/{id}", state.base)), "refunded": false, "review": null,
        "shipping": null, "source": null, "source_transfer": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": if paid { "succeeded" } else { "failed" },
        "transfer_data": null, "transfer_group": null,
    });
    state.put(charge)
}
