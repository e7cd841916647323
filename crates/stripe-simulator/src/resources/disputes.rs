//! Disputes: a bank takes a payment back, and the evidence decides.
//!
//! Invariant: a dispute ends once, won or lost; its money is withdrawn when it opens, and comes back only when it is
//! won.

use crate::answer::one;
use crate::calendar::DAY;
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Map, Value, json};

/// Fields of evidence; the second half are names of files.
const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// Opens a dispute about the rest of a charge.
pub fn open(state: &mut State, charge: &str, reason: &str) -> String {
    let id = state.id("du_");
    let paid = state.must(charge).clone();
    let amount = paid.int("amount") - paid.int("amount_refunded");
    let now = state.now_of(charge);
    let withdrawn = transaction(state, &id, -amount, paid.text("currency"), now);
    let mut evidence: Map<String, Value> = EVIDENCE.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    evidence.insert("enhanced_evidence".to_owned(), json!({}));
    let dispute = json!({
        "id": id, "object": "dispute", "amount": amount, "balance_transactions": [withdrawn], "charge": charge,
        "created": now, "currency": paid.text("currency"), "enhanced_eligibility_types": [], "evidence": evidence,
        "evidence_details": {
            "due_by": now + 9 * DAY, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0, "submission_method": "not_submitted",
        },
        "intended_submission_method": null, "is_charge_refundable": false, "livemode": false, "metadata": {},
        "payment_intent": paid.at("payment_intent"),
        "payment_method_details": {"card": {
            "brand": paid.at("payment_method_details.card.brand"), "case_type": "chargeback",
            "network": paid.at("payment_method_details.card.brand"), "network_reason_code": "10.4",
        }, "type": "card"},
        "reason": reason, "status": "needs_response",
    });
    state.put(dispute);
    if paid.text("payment_method_details.type") != "card" {
        state.edit(&id, |dispute| dispute.remove("payment_method_details"));
    }
    state.edit(charge, |charge| charge.set("disputed", true));
    state.emit("charge.dispute.created", &id);
    state.emit("charge.dispute.funds_withdrawn", &id);
    id
}

fn transaction(state: &mut State, source: &str, amount: i64, currency: &str, now: i64) -> Value {
    let withdrawn = amount < 0;
    let fee = if withdrawn { 1500 } else { 0 };
    json!({
        "id": state.id("txn_"), "object": "balance_transaction", "amount": amount, "available_on": now,
        "balance_type": "payments", "created": now, "currency": currency,
        "description": if withdrawn { "Chargeback withdrawal" } else { "Chargeback reversal" },
        "exchange_rate": null, "fee": fee, "fee_details": [], "net": amount - fee,
        "reporting_category": if withdrawn { "dispute" } else { "dispute_reversal" }, "source": source,
        "status": "available", "type": "adjustment",
    })
}

/// Decides a dispute, as won or as lost.
///
/// # Errors
/// When there is none, or it was decided before.
pub fn decide(state: &mut State, id: &str, won: bool) -> Result<(), StripeError> {
    let dispute = state.find("dispute", id, "id")?.clone();
    if matches!(dispute.text("status"), "won" | "lost") {
        return Err(not_now("This dispute is already closed.", "resource_missing"));
    }
    let now = state.now_of(id);
    let mut booked: Vec<Value> = dispute.each("balance_transactions").into_iter().map(Value::from).collect();
    if won {
        booked.push(transaction(state, id, dispute.int("amount"), dispute.text("currency"), now));
    }
    state.edit(id, |dispute| {
        dispute.set("status", if won { "won" } else { "lost" });
        dispute.set("balance_transactions", booked);
    });
    state.emit("charge.dispute.closed", id);
    if won {
        state.emit("charge.dispute.funds_reinstated", id);
    }
    Ok(())
}

/// `GET /v1/disputes/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("dispute", id, "id")?;
    one(state, id)
}

/// `POST /v1/disputes/{id}`: evidence, which decides the dispute if it says so.
///
/// # Errors
/// When there is none, it was decided before, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let before = state.find("dispute", id, "id")?.clone();
    let given = EVIDENCE.iter().filter_map(|name| Some((*name, params.text(&format!("evidence[{name}]"))?)));
    let given: Vec<(&str, String)> = given.collect();
    let submit = params.flag("submit")?.unwrap_or(true);
    let metadata = params.changed_metadata("metadata", before.at("metadata"));
    params.accept(&["intended_submission_method"]);
    params.finish()?;
    if !given.is_empty() && matches!(before.text("status"), "won" | "lost") {
        return Err(not_now("This dispute is already closed.", "resource_missing"));
    }
    let verdict = given.iter().find(|(name, _)| *name == "uncategorized_text").map(|(_, text)| text.clone());
    state.edit(id, |dispute| {
        dispute.set("metadata", metadata);
        for (name, text) in &given {
            dispute.set(&format!("evidence.{name}"), if text.is_empty() { Value::Null } else { text.as_str().into() });
        }
        if !given.is_empty() {
            dispute.set("evidence_details.has_evidence", true);
        }
        if submit && !given.is_empty() {
            dispute.set("evidence_details.submission_count", dispute.int("evidence_details.submission_count") + 1);
            dispute.set("evidence_details.submission_method", "manual");
            dispute.set("status", "under_review");
        }
    });
    state.emit_changes(&before, "charge.dispute.updated");
    match verdict.as_deref().filter(|_| submit) {
        Some("winning_evidence") => decide(state, id, true)?,
        Some("losing_evidence") => decide(state, id, false)?,
        _ => {}
    }
    one(state, id)
}

/// `POST /v1/disputes/{id}/close`: the dispute is given up.
///
/// # Errors
/// When there is none, or it was decided before.
pub fn close(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    decide(state, id, false)?;
    one(state, id)
}

/// `GET /v1/disputes`: lists disputes, by charge or payment intent.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (charge, intent) = (params.optional("charge"), params.optional("payment_intent"));
    params.finish()?;
    page.of(state, "dispute", "/v1/disputes", |dispute| {
        charge.as_ref().is_none_or(|charge| dispute.text("charge") == charge)
            && intent.as_ref().is_none_or(|intent| dispute.text("payment_intent") == intent)
    })
}
