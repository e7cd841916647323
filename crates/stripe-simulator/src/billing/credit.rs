//! Credit notes: amounts that are taken back of an invoice that was finalized.
//!
//! Invariant: an amount that is taken back of an open invoice is no longer due on it, and one that is taken back of a
//! paid invoice is given back in full: as refunds, as balance of the customer, or outside Stripe.

use super::balance::{self, NewTransaction};
use super::settlement;
use crate::error::{StripeError, not_now};
use crate::object::{self, Object};
use crate::resources::refunds;
use crate::state::State;
use serde_json::{Value, json};

/// A credit note to issue.
#[derive(Clone, Debug, Default)]
pub struct NewCredit {
    /// Invoice that the credit note takes from.
    pub invoice: String,
    /// Lines, as Stripe shows them.
    pub lines: Vec<Value>,
    /// Total of the lines.
    pub total: i64,
    /// Part that becomes balance of the customer.
    pub balance: i64,
    /// Part that is refunded now.
    pub refund: i64,
    /// Refunds that were made before, with the part of each that belongs here.
    pub refunds: Vec<(String, i64)>,
    /// Part that was given back outside Stripe.
    pub out_of_band: i64,
    /// Reason, as Stripe writes it.
    pub reason: Option<String>,
    /// Text for the customer.
    pub memo: Option<String>,
    /// Metadata of the caller.
    pub metadata: Value,
}

/// Returns the amount that credit notes took off an invoice so far.
fn credit_note_total(invoice: &Object) -> i64 {
    invoice.int("pre_payment_credit_notes_amount") + invoice.int("post_payment_credit_notes_amount")
}

/// Returns the charge that paid an invoice.
fn charge_of(state: &State, invoice: &str) -> Option<Object> {
    let mut payments = state.with("invoice_payment", "invoice", invoice);
    let paid = payments.rfind(|payment| payment.text("status") == "paid")?;
    let intent = state.get(paid.text("payment.payment_intent"))?;
    state.get(intent.text("latest_charge")).cloned()
}

/// Issues a credit note, and returns its identifier.
///
/// # Errors
/// When the invoice is neither open nor paid, there is not that much left on it, or the parts are not the whole.
pub fn issue(state: &mut State, new: NewCredit) -> Result<String, StripeError> {
    let invoice = state.must(&new.invoice).clone();
    let status = invoice.text("status");
    if !matches!(status, "open" | "paid") {
        let message = format!("Credit notes can only be issued for open or paid invoices; this one is {status}.");
        return Err(not_now(message, "invoice_not_editable"));
    }
    let open = status == "open";
    settlement::refuse_while_processing(state, invoice.id())?;
    let left = if open { invoice.int("amount_remaining") } else { invoice.int("total") - credit_note_total(&invoice) };
    if new.total < 1 || new.total > left {
        let message = format!("The credit note amount ({}) must be between 1 and {left}.", new.total);
        return Err(StripeError::unusable("amount", message).code("amount_too_large"));
    }
    let parts = new.balance + new.refund + new.out_of_band + new.refunds.iter().map(|(_, part)| part).sum::<i64>();
    if parts != if open { 0 } else { new.total } {
        let message = if open {
            "Refunds, credits and out of band amounts can only be given for paid invoices.".to_owned()
        } else {
            format!(
                "The sum of credit amount, refund amount and out of band amount ({parts}) must equal the credit note amount ({}).",
                new.total
            )
        };
        return Err(StripeError::unusable("amount", message));
    }
    let refund = if new.refund > 0 {
        let charge = charge_of(state, invoice.id());
        let charge = charge.ok_or_else(|| StripeError::unusable("refund_amount", "This invoice has no charge."))?;
        Some(refunds::open(state, &charge, Some(new.refund), None, json!({}))?)
    } else {
        None
    };
    let id = put_note(state, &invoice, &new, refund);
    if open {
        lower(state, invoice.id(), new.total);
    } else {
        state.edit(invoice.id(), |invoice| add(invoice, "post_payment_credit_notes_amount", new.total));
        if new.balance > 0 {
            credit(state, &invoice, &id, new.balance);
        }
    }
    state.emit("credit_note.created", &id);
    state.emit_changes(&invoice, "invoice.updated");
    if open && state.must(invoice.id()).int("amount_remaining") == 0 {
        settlement::cancel_payments(state, invoice.id());
        settlement::settle(state, invoice.id());
    }
    Ok(id)
}

fn add(object: &mut Object, field: &str, amount: i64) {
    object.set(field, object.int(field) + amount);
}

/// Takes an amount off what is due on an open invoice; below zero, puts it back.
fn lower(state: &mut State, invoice: &str, amount: i64) {
    state.edit(invoice, |invoice| {
        add(invoice, "pre_payment_credit_notes_amount", amount);
        add(invoice, "amount_due", -amount);
        add(invoice, "amount_remaining", -amount);
    });
    let left = state.must(invoice).int("amount_remaining");
    let open = state.with("invoice_payment", "invoice", invoice).rfind(|payment| payment.text("status") == "open");
    let open = open.map(|payment| (payment.id().to_owned(), payment.text("payment.payment_intent").to_owned()));
    if let Some((payment, intent)) = open.filter(|_| left > 0) {
        state.edit(&payment, |payment| payment.set("amount_requested", left));
        state.edit(&intent, |intent| intent.set("amount", left));
    }
}

/// Adds a part of a credit note to the balance of the customer.
fn credit(state: &mut State, invoice: &Object, id: &str, amount: i64) {
    let new = NewTransaction {
        kind: "credit_note",
        amount: -amount,
        currency: invoice.text("currency"),
        invoice: Some(invoice.id()),
        credit_note: Some(id),
        ..NewTransaction::default()
    };
    let transaction = balance::change(state, invoice.text("customer"), new);
    state.edit(id, |note| note.set("customer_balance_transaction", transaction));
}

fn put_note(state: &mut State, invoice: &Object, new: &NewCredit, refund: Option<String>) -> String {
    let id = state.id("cn_");
    let now = state.now_of(invoice.id());
    let number = state.with("credit_note", "invoice", invoice.id()).count() + 1;
    let made = refund.map(|refund| (refund, new.refund));
    let refunds = new.refunds.iter().cloned().chain(made).map(|(refund, amount)| {
        json!({"amount_refunded": amount, "payment_record_refund": null, "refund": refund, "type": "refund"})
    });
    let refunds: Vec<Value> = refunds.collect();
    let open = invoice.text("status") == "open";
    let (before, after) = if open { (new.total, 0) } else { (0, new.total) };
    let url = format!("/v1/credit_notes/{id}/lines");
    state.put(json!({
        "id": id, "object": "credit_note", "amount": new.total, "amount_shipping": 0, "created": now,
        "currency": invoice.text("currency"), "customer": invoice.text("customer"), "customer_account": null,
        "customer_balance_transaction": null, "discount_amount": 0, "discount_amounts": [], "effective_at": now,
        "invoice": invoice.id(), "lines": object::list(new.lines.clone(), false, &url), "livemode": false,
        "memo": new.memo, "metadata": new.metadata, "number": format!("{}-CN-{number:02}", invoice.text("number")),
        "out_of_band_amount": (new.out_of_band > 0).then_some(new.out_of_band),
        "pdf": format!("{}/i/{}/pdf", state.base, invoice.id()), "post_payment_amount": after,
        "pre_payment_amount": before, "pretax_credit_amounts": [], "reason": new.reason, "refunds": refunds,
        "shipping_cost": null, "status": "issued", "subtotal": new.total, "subtotal_excluding_tax": new.total,
        "total": new.total, "total_excluding_tax": new.total, "total_taxes": [],
        "type": if open { "pre_payment" } else { "post_payment" }, "voided_at": null,
    }))
}

/// Voids a credit note: what it took is due on its invoice again.
///
/// # Errors
/// When it is void, or its invoice is not open any more.
pub fn void(state: &mut State, id: &str) -> Result<(), StripeError> {
    let note = state.must(id).clone();
    let invoice = state.must(note.text("invoice")).clone();
    if note.text("status") != "issued" || note.text("type") != "pre_payment" || invoice.text("status") != "open" {
        let message = "Only issued credit notes of invoices that are still open can be voided.";
        return Err(not_now(message, "invoice_not_editable"));
    }
    let now = state.now_of(id);
    lower(state, invoice.id(), -note.int("amount"));
    state.edit(id, |note| {
        note.set("status", "void");
        note.set("voided_at", now);
    });
    state.emit("credit_note.voided", id);
    state.emit_changes(&invoice, "invoice.updated");
    Ok(())
}
