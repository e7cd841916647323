//! Refunds of charges, whole and in part.
//!
//! Invariant: a charge's refunds that did not fail never come to more than the charge.

use crate::answer::one;
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

/// `POST /v1/refunds`: refunds a charge, in whole or in part.
///
/// # Errors
/// When a parameter cannot be used, or there is not that much left to refund.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let (charge, intent) = (params.optional("charge"), params.optional("payment_intent"));
    let amount = params.int("amount")?;
    let reason = params.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let metadata = params.metadata("metadata");
    params.accept(&["refund_application_fee", "reverse_transfer"]);
    params.finish()?;
    let charge = match (charge, intent) {
        (Some(charge), _) => state.find("charge", &charge, "charge")?.clone(),
        (None, Some(intent)) => {
            let latest = state.find("payment_intent", &intent, "payment_intent")?.text("latest_charge").to_owned();
            let found = state.get(&latest).cloned();
            found.ok_or_else(|| {
                let message = format!("This PaymentIntent ({intent}) does not have a successful charge to refund.");
                StripeError::unusable("payment_intent", message).code("payment_intent_unexpected_state")
            })?
        }
        (None, None) => {
            return Err(StripeError::invalid(
                "One of the following params should be provided for this request: payment_intent or charge.",
            )
            .code("parameter_missing"));
        }
    };
    let id = open(state, &charge, amount, reason.as_deref(), metadata)?;
    one(state, &id)
}

/// Refunds an amount of a charge, or what is left of it.
///
/// # Errors
/// When there is not that much left, or the charge cannot be refunded.
pub fn open(
    state: &mut State,
    charge: &Object,
    amount: Option<i64>,
    reason: Option<&str>,
    metadata: Value,
) -> Result<String, StripeError> {
    if !charge.flag("paid") {
        return Err(not_now(format!("Charge {} has not been paid.", charge.id()), "charge_not_refundable"));
    }
    if charge.flag("disputed") {
        return Err(not_now(format!("Charge {} has been charged back.", charge.id()), "charge_disputed"));
    }
    let left = charge.int("amount") - charge.int("amount_refunded");
    if left == 0 {
        let message = format!("Charge {} has already been refunded.", charge.id());
        return Err(not_now(message, "charge_already_refunded"));
    }
    let amount = amount.unwrap_or(left);
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(StripeError::unusable("amount", message).code("parameter_invalid_integer"));
    }
    if amount > left {
        let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(StripeError::unusable("amount", message).code("amount_too_large"));
    }
    let id = state.id("re_");
    let transaction = state.id("txn_");
    state.put(json!({
        "id": id, "object": "refund", "amount": amount, "balance_transaction": transaction, "charge": charge.id(),
        "created": state.now_of(charge.id()), "currency": charge.text("currency"), "customer": charge.at("customer"),
        "customer_account": null,
        "destination_details": destination(charge),
        "metadata": metadata, "payment_intent": charge.at("payment_intent"),
        "payment_method": charge.at("payment_method"), "reason": reason, "receipt_number": null,
        "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null,
    }));
    add_refunded(state, charge.id(), amount);
    state.emit("refund.created", &id);
    state.emit_changes(charge, "charge.refunded");
    state.emit("refund.updated", &id);
    state.emit("charge.refund.updated", &id);
    Ok(id)
}

/// Returns the destination of a refund, as Stripe shows it.
fn destination(charge: &Object) -> Value {
    if charge.text("payment_method_details.type") == "card" {
        return json!({
            "card": {
                "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund",
            },
            "type": "card",
        });
    }
    json!({"type": charge.text("payment_method_details.type")})
}

/// Adds an amount to the refunded part of a charge; below zero, takes it off.
fn add_refunded(state: &mut State, charge: &str, amount: i64) {
    state.edit(charge, |charge| {
        let refunded = charge.int("amount_refunded") + amount;
        charge.set("amount_refunded", refunded);
        charge.set("refunded", refunded >= charge.int("amount"));
    });
}

/// Fails a refund that seemed to succeed: its money comes back.
///
/// # Errors
/// When there is none, or it failed before.
pub fn fail(state: &mut State, id: &str, reason: &str) -> Answer {
    let refund = state.find("refund", id, "id")?.clone();
    if refund.text("status") != "succeeded" {
        return Err(not_now("This refund can no longer fail.", "resource_missing"));
    }
    let transaction = state.id("txn_");
    add_refunded(state, refund.text("charge"), -refund.int("amount"));
    state.edit(id, |refund| {
        refund.set("status", "failed");
        refund.set("failure_reason", reason);
        refund.set("failure_balance_transaction", transaction);
    });
    state.emit("refund.failed", id);
    state.emit_changes(&refund, "refund.updated");
    state.emit_changes(&refund, "charge.refund.updated");
    one(state, id)
}

/// `GET /v1/refunds/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("refund", id, "id")?;
    one(state, id)
}

/// `POST /v1/refunds/{id}`
///
/// # Errors
/// When there is none.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let metadata: Value = params.changed_metadata("metadata", state.find("refund", id, "id")?.at("metadata"));
    params.finish()?;
    state.update(id, "refund.updated", |refund| refund.set("metadata", metadata));
    one(state, id)
}

/// `GET /v1/refunds` and `GET /v1/charges/{id}/refunds`
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, charge: Option<&str>, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let charge = charge.map(str::to_owned).or_else(|| params.optional("charge"));
    let intent = params.optional("payment_intent");
    params.finish()?;
    page.of(state, "refund", "/v1/refunds", |refund| {
        charge.as_ref().is_none_or(|charge| refund.text("charge") == charge)
            && intent.as_ref().is_none_or(|intent| refund.text("payment_intent") == intent)
    })
}
