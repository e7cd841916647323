//! Invoices: their drafts, their finalization, and their end as void or uncollectible.
//!
//! Invariant: `amount_due` is `amount_paid` and `amount_remaining`, and an open invoice has exactly one payment that is
//! not settled yet.

use super::lines::{self, NewLine};
use super::payment::{self, NewIntent};
use super::settlement::{self, settle};
use super::totals::update_totals;
use super::{balance, items};
use crate::agenda::Due;
use crate::calendar::HOUR;
use crate::error::{StripeError, not_now};
use crate::object::{self, Object};
use crate::state::State;
use serde_json::{Value, json};

/// An invoice to draft.
#[derive(Clone, Debug)]
pub struct NewInvoice {
    /// Customer who owes the invoice.
    pub customer: String,
    /// Subscription that the invoice is for, if any.
    pub subscription: Option<String>,
    /// Billing reason, as Stripe writes it.
    pub reason: &'static str,
    /// Lines of the invoice.
    pub lines: Vec<NewLine>,
    /// Period that the invoice covers: start and end.
    pub period: (i64, i64),
    /// Metadata of the caller.
    pub metadata: Value,
    /// `true` if the invoice is finalized and collected without a call, after an hour.
    pub advances: bool,
}

/// Drafts an invoice and emits its event.
pub fn draft(state: &mut State, new: NewInvoice) -> String {
    let id = draft_silently(state, new);
    state.emit("invoice.created", &id);
    id
}

/// Drafts an invoice without an event; the caller emits it once the invoice is whole.
pub fn draft_silently(state: &mut State, new: NewInvoice) -> String {
    let id = state.id("in_");
    let customer = state.must(&new.customer).clone();
    let now = state.now_of(&new.customer);
    let mut data: Vec<Value> = new.lines.iter().map(|line| lines::to_json(state, line, &id)).collect();
    if let Some(pending) = new.subscription.as_deref().and_then(|id| state.pending_lines.remove(id)) {
        data.extend(pending.into_iter().map(|mut line| {
            line["invoice"] = id.as_str().into();
            line
        }));
    }
    let total: i64 = data.iter().filter_map(|line| line["amount"].as_i64()).sum();
    let currency = data.first().map_or_else(|| "usd".into(), |line| line["currency"].clone());
    let subscription = new.subscription.as_deref().map(|id| state.must(id).clone());
    let parent = subscription.as_ref().map(|subscription| {
        let details = json!({"metadata": subscription.at("metadata"), "subscription": subscription.id()});
        json!({"quote_details": null, "subscription_details": details, "type": "subscription_details"})
    });
    let url = format!("/v1/invoices/{id}/lines");
    let finalizes_at = new.advances.then(|| now.saturating_add(state.drafts.last_for));
    let invoice = json!({
        "id": id, "object": "invoice", "account_country": "US", "account_name": "Simulated account",
        "account_tax_ids": null, "amount_due": 0, "amount_overpaid": 0, "amount_paid": 0, "amount_remaining": 0,
        "amount_shipping": 0, "application": null, "attempt_count": 0, "attempted": false,
        "auto_advance": new.advances,
        "automatic_tax": {
            "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null,
        },
        "automatically_finalizes_at": finalizes_at, "billing_reason": new.reason,
        "collection_method": "charge_automatically", "created": now, "currency": currency, "custom_fields": null,
        "customer": new.customer, "customer_account": null, "customer_address": customer.at("address"),
        "customer_email": customer.at("email"), "customer_name": customer.at("name"),
        "customer_phone": customer.at("phone"), "customer_shipping": customer.at("shipping"),
        "customer_tax_exempt": "none", "customer_tax_ids": [], "default_payment_method": null,
        "default_source": null, "default_tax_rates": [], "description": null, "discounts": [], "due_date": null,
        "effective_at": null, "ending_balance": null, "footer": null, "from_invoice": null,
        "hosted_invoice_url": null, "invoice_pdf": null, "issuer": {"type": "self"},
        "last_finalization_error": null, "latest_revision": null, "lines": object::list(data, false, &url),
        "livemode": false, "metadata": new.metadata, "next_payment_attempt": finalizes_at,
        "number": null, "on_behalf_of": null, "parent": parent,
        "payment_settings": {"default_mandate": null, "payment_method_options": null, "payment_method_types": null},
        "period_end": new.period.1, "period_start": new.period.0, "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0, "receipt_number": null, "rendering": null, "shipping_cost": null,
        "shipping_details": null, "starting_balance": 0, "statement_descriptor": null, "status": "draft",
        "status_transitions": {
            "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null,
        },
        "subtotal": total, "subtotal_excluding_tax": total, "test_clock": customer.at("test_clock"), "total": total,
        "total_discount_amounts": [], "total_excluding_tax": total, "total_pretax_credit_amounts": [],
        "total_taxes": [], "webhooks_delivered_at": now,
    });
    state.put(invoice);
    update_totals(state, &id);
    if subscription.is_some() {
        // The invoice of a change takes the items of its subscription; that of a period, every item that waits for the
        // customer's next invoice.
        items::join_pending(state, &id, new.reason != "subscription_update");
    }
    if let Some(subscription) = &subscription {
        state.edit(subscription.id(), |subscription| subscription.set("latest_invoice", id.as_str()));
    }
    if let Some(at) = finalizes_at {
        state.remind(&id, at, Due::Finalize(id.clone()));
    }
    id
}

/// Finalizes a draft, so that it can be paid. An invoice with nothing due is paid at once.
pub fn finalize(state: &mut State, id: &str) {
    finalize_for(state, id, None);
}

/// Finalizes a draft when the caller asks for it. An invoice that advances is collected an hour later, unless it is
/// collected before.
pub fn finalize_now(state: &mut State, id: &str, advances: Option<bool>) {
    if let Some(advances) = advances {
        state.edit(id, |invoice| invoice.set("auto_advance", advances));
    }
    let at = state.now_of(id) + HOUR;
    if state.must(id).flag("auto_advance") {
        state.edit(id, |invoice| invoice.set("_collected_at", at));
        state.remind(id, at, Due::Collect(id.to_owned()));
    }
    finalize(state, id);
}

/// Finalizes a draft. `intent` is an intent that pays it already, if there is one.
pub fn finalize_for(state: &mut State, id: &str, intent: Option<&str>) {
    if state.must(id).text("status") != "draft" {
        return;
    }
    update_totals(state, id);
    let invoice = state.must(id).clone();
    let now = state.now_of(id);
    let customer = invoice.text("customer").to_owned();
    let prefix = state.must(&customer).text("invoice_prefix").to_owned();
    let number = state.must(&customer).int("next_invoice_sequence").max(1);
    let ending = invoice.int("_ending_balance");
    state.edit(&customer, |customer| {
        customer.set("next_invoice_sequence", number + 1);
        customer.set("currency", invoice.text("currency"));
    });
    let base = state.base.clone();
    state.edit(id, |invoice| {
        invoice.set("status", "open");
        invoice.set("number", format!("{prefix}-{number:04}"));
        invoice.set("status_transitions.finalized_at", now);
        invoice.set("effective_at", now);
        invoice.set("ending_balance", ending);
        invoice.set("automatically_finalizes_at", Value::Null);
        invoice.set("next_payment_attempt", invoice.at("_collected_at").clone());
        invoice.remove("_collected_at");
        invoice.set("hosted_invoice_url", format!("{base}/i/{id}"));
        invoice.set("invoice_pdf", format!("{base}/i/{id}/pdf"));
    });
    balance::apply(state, id);
    let due = invoice.int("amount_due");
    if due > 0 {
        let new = NewIntent {
            customer: Some(customer),
            amount: due,
            currency: invoice.text("currency").to_owned(),
            description: Some(description(&invoice)),
            setup_future_usage: invoice.maybe("parent.type").map(|_| "off_session".to_owned()),
            ..NewIntent::default()
        };
        let intent = intent.map_or_else(|| payment::create_intent(state, new), str::to_owned);
        attach_payment(state, id, &intent, due);
    }
    state.emit("invoice.finalized", id);
    if due == 0 {
        settle(state, id);
    }
}

fn description(invoice: &Object) -> String {
    match invoice.text("billing_reason") {
        "subscription_create" => "Subscription creation".to_owned(),
        "subscription_update" => "Subscription update".to_owned(),
        "subscription_cycle" => "Subscription cycle".to_owned(),
        _ => "Payment for Invoice".to_owned(),
    }
}

/// Binds an intent to an invoice that it pays.
pub fn attach_payment(state: &mut State, invoice: &str, intent: &str, amount: i64) -> String {
    let id = state.id("inpay_");
    let payment = json!({
        "id": id, "object": "invoice_payment", "amount_paid": null, "amount_requested": amount,
        "created": state.now_of(invoice), "currency": state.must(invoice).text("currency"), "invoice": invoice,
        "is_default": true, "livemode": false, "payment": {"payment_intent": intent, "type": "payment_intent"},
        "status": "open", "status_transitions": {"canceled_at": null, "paid_at": null},
    });
    state.put(payment)
}

/// Voids an invoice that is open or uncollectible.
///
/// # Errors
/// When it is neither open nor uncollectible.
pub fn void(state: &mut State, id: &str) -> Result<(), StripeError> {
    let status = state.must(id).text("status").to_owned();
    if !matches!(status.as_str(), "open" | "uncollectible") {
        let message = format!("You can only void open or uncollectible invoices; this one is {status}.");
        return Err(not_now(message, "invoice_not_editable"));
    }
    settlement::refuse_while_processing(state, id)?;
    let now = state.now_of(id);
    state.edit(id, |invoice| {
        invoice.set("status", "void");
        invoice.set("auto_advance", false);
        invoice.set("amount_remaining", 0);
        invoice.set("next_payment_attempt", Value::Null);
        invoice.set("status_transitions.voided_at", now);
    });
    settlement::cancel_payments(state, id);
    balance::unapply(state, id);
    state.emit("invoice.voided", id);
    Ok(())
}
