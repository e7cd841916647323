//! Cycle: the life of a subscription in time, with its renewals, retries of payments, and endings that have come.
//!
//! Invariant: at a period's end either the subscription ends or its next period begins there, with nothing between.

use super::invoice::{self, NewInvoice};
use super::payment::Presence;
use super::status::{UPDATED, end, goes_on, is_left_alone, period_end, plan_renewal};
use super::{lines, settlement};
use crate::agenda::Due;
use crate::calendar::HOUR;
use crate::object::Object;
use crate::state::State;
use serde_json::{Value, json};

/// Ends a subscription's period: the subscription ends with it, or the next period begins.
pub fn renew(state: &mut State, id: &str) {
    let Some(before) = state.get(id).cloned() else { return };
    let now = state.now_of(id);
    if !goes_on(&before) || period_end(&before) > now {
        return;
    }
    let late = period_end(&before).saturating_add(state.drafts.created_after);
    if late > now {
        return state.remind(id, late, Due::Renew(id.to_owned()));
    }
    if before.flag("cancel_at_period_end") {
        return end(state, id, None);
    }
    // A trial's end is the anchor of what follows it.
    let anchor =
        if before.text("status") == "trialing" { period_end(&before) } else { before.int("billing_cycle_anchor") };
    let mut due = Vec::new();
    let mut past = (now, now);
    let mut items = Vec::new();
    for mut item in before.each("items") {
        let price = Object::from(item.at("price").clone());
        if item.int("current_period_end") <= now
            && let Some(interval) = lines::interval(&price)
        {
            past = (item.int("current_period_start"), item.int("current_period_end"));
            let period = (past.1, interval.next(anchor, past.1));
            item.set("current_period_start", period.0);
            item.set("current_period_end", period.1);
            let mut line = lines::full_line(state, &price, item.int("quantity"), period, before.at("metadata").clone());
            line.subscription = Some((id.to_owned(), item.id().to_owned()));
            due.push(line);
        }
        items.push(Value::from(item));
    }
    state.edit(id, |subscription| {
        subscription.set("items.data", items);
        subscription.set("billing_cycle_anchor", anchor);
        if subscription.text("status") == "trialing" {
            subscription.set("status", "active");
        }
    });
    let new = NewInvoice {
        customer: before.text("customer").to_owned(),
        subscription: Some(id.to_owned()),
        reason: "subscription_cycle",
        lines: due,
        period: past,
        metadata: json!({}),
        // A subscription whose invoices were given up as unpaid keeps its drafts as drafts.
        advances: before.text("status") != "unpaid",
    };
    let invoice = invoice::draft(state, new);
    state.emit_changes(&before, UPDATED);
    tracing::debug!(subscription = id, invoice, "renewed");
    plan_renewal(state, id);
}

/// Emits the event that a trial is about to end.
pub fn announce_trial_end(state: &mut State, id: &str) {
    if state.get(id).is_some_and(|subscription| subscription.text("status") == "trialing") {
        state.emit("customer.subscription.trial_will_end", id);
    }
}

/// Finalizes a draft that has waited its hour.
pub fn finalize_when_due(state: &mut State, id: &str) {
    let ready = |invoice: &&Object| invoice.text("status") == "draft" && invoice.flag("auto_advance");
    if state.get(id).filter(ready).is_none() {
        return;
    }
    invoice::finalize(state, id);
    collect(state, id);
}

/// Tries again to collect an invoice whose payment failed.
pub fn retry_collection(state: &mut State, id: &str) {
    let now = state.now_of(id);
    let due = |invoice: &&Object| invoice.text("status") == "open" && invoice.int("next_payment_attempt") == now;
    if state.get(id).filter(due).is_some() {
        collect(state, id);
    }
}

fn collect(state: &mut State, id: &str) {
    let invoice = state.must(id);
    if invoice.text("status") == "open" && !is_left_alone(invoice) {
        // Events report the result; without a payment method the attempt counts as failed.
        let outcome = settlement::collect(state, id, None, Presence::Billing);
        tracing::debug!(invoice = id, ?outcome, "collected");
    }
}

/// Cancels a subscription that ends at this instant.
pub fn cancel_when_due(state: &mut State, id: &str) {
    let now = state.now_of(id);
    let due = |found: &&Object| !found.is_null("cancel_at") && found.int("cancel_at") <= now && goes_on(found);
    if state.get(id).filter(due).is_some() {
        end(state, id, None);
    }
}

/// Expires a subscription whose first payment did not succeed in time.
pub fn expire_incomplete(state: &mut State, id: &str) {
    if state.get(id).is_none_or(|subscription| subscription.text("status") != "incomplete") {
        return;
    }
    let now = state.now_of(id);
    let invoice = state.must(id).text("latest_invoice").to_owned();
    // The subscription waits for the answer of the bank.
    if settlement::is_processing(state, &invoice) {
        return state.remind(id, now + HOUR, Due::ExpireIncomplete(id.to_owned()));
    }
    state.update(id, UPDATED, |subscription| {
        subscription.set("status", "incomplete_expired");
        subscription.set("ended_at", now);
    });
    if state.get(&invoice).is_some_and(|invoice| invoice.text("status") == "open") {
        invoice::void(state, &invoice).expect("an open invoice can be voided");
    }
}
