//! The life of a subscription in time: renewals, failed payments and their retries, endings.
//!
//! Invariant: at a period's end either the subscription ends or its next period begins there, with nothing between.

use super::invoicing::{self, NewInvoice};
use super::lines;
use super::payment::Presence;
use crate::agenda::Due;
use crate::calendar::DAY;
use crate::object::Object;
use crate::state::State;
use crate::{AfterRetries, calendar};
use serde_json::{Value, json};

/// The event of every change of a subscription.
pub const UPDATED: &str = "customer.subscription.updated";

/// Whether a subscription has periods that go on.
fn goes_on(subscription: &Object) -> bool {
    matches!(subscription.text("status"), "active" | "past_due" | "trialing" | "unpaid")
}

/// When the current period ends: of the item whose period ends first.
pub fn period_end(subscription: &Object) -> i64 {
    subscription.each("items").iter().map(|item| item.int("current_period_end")).min().unwrap_or(i64::MAX)
}

/// Notes down when a subscription's period ends, and when its trial's end is told.
pub fn plan_renewal(state: &mut State, id: &str) {
    let subscription = state.must(id);
    let (end, trial_end) = (period_end(subscription), subscription.int("trial_end"));
    state.remind(id, end, Due::Renew(id.to_owned()));
    if trial_end > 0 && trial_end == end {
        state.remind(id, trial_end - 3 * DAY, Due::TellTrialEnds(id.to_owned()));
    }
}

/// A subscription's period ends: it ends with it, or the next period begins.
pub fn renew(state: &mut State, id: &str) {
    let Some(before) = state.get(id).cloned() else { return };
    let now = state.now_of(id);
    if !goes_on(&before) || period_end(&before) > now {
        return;
    }
    if before.flag("cancel_at_period_end") {
        return end(state, id, None);
    }
    let anchor = if before.text("status") == "trialing" { now } else { before.int("billing_cycle_anchor") };
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
            let mut line = lines::whole(state, &price, item.int("quantity"), period, before.at("metadata").clone());
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
        // A subscription that is given up as unpaid has its drafts kept as drafts.
        advances: before.text("status") != "unpaid",
    };
    let invoice = invoicing::draft(state, new);
    state.tell_changes(&before, UPDATED);
    tracing::debug!(subscription = id, invoice, "renewed");
    plan_renewal(state, id);
}

/// A trial is about to end.
pub fn tell_trial_ends(state: &mut State, id: &str) {
    if state.get(id).is_some_and(|subscription| subscription.text("status") == "trialing") {
        state.emit("customer.subscription.trial_will_end", id);
    }
}

/// A draft has waited its hour.
pub fn finalize_when_due(state: &mut State, id: &str) {
    let ready = |invoice: &&Object| invoice.text("status") == "draft" && invoice.flag("auto_advance");
    if state.get(id).filter(ready).is_none() {
        return;
    }
    invoicing::finalize(state, id);
    collect(state, id);
}

/// An invoice whose payment failed is tried again.
pub fn collect_again(state: &mut State, id: &str) {
    let now = state.now_of(id);
    let due = |invoice: &&Object| invoice.text("status") == "open" && invoice.int("next_payment_attempt") == now;
    if state.get(id).filter(due).is_some() {
        collect(state, id);
    }
}

fn collect(state: &mut State, id: &str) {
    if state.must(id).text("status") == "open" {
        // What comes of it is told by events; without a payment method it counts as failed.
        let outcome = invoicing::collect(state, id, None, Presence::Billing);
        tracing::debug!(invoice = id, ?outcome, "collected");
    }
}

/// When an invoice whose payment has just failed is tried again, if it is.
pub fn plan_retry(state: &mut State, id: &str) -> Option<i64> {
    let invoice = state.must(id);
    let subscription = state.get(invoice.text("parent.subscription_details.subscription"))?;
    if invoice.text("billing_reason") == "subscription_create"
        || subscription.text("_pending_invoice") == id
        || !goes_on(subscription)
    {
        return None;
    }
    let now = state.now_of(id);
    let planned = invoice.int("next_payment_attempt");
    if planned > now {
        return Some(planned);
    }
    let attempts = usize::try_from(invoice.int("attempt_count")).unwrap_or(usize::MAX);
    let days = *state.config.payment_retries.get(attempts.saturating_sub(1))?;
    let at = now + days * calendar::DAY;
    state.remind(id, at, Due::Collect(id.to_owned()));
    Some(at)
}

/// An invoice of a subscription was paid.
pub fn paid(state: &mut State, id: &str, invoice: &str) {
    let subscription = state.must(id);
    let first = state.must(invoice).text("billing_reason") == "subscription_create";
    let trial = subscription.int("trial_end") > state.now_of(id);
    let next = match subscription.text("status") {
        "incomplete" if first && trial => "trialing",
        "incomplete" if first => "active",
        "past_due" | "unpaid" if is_latest(state, id, invoice) || !owes(state, id) => "active",
        _ => return,
    };
    state.update(id, UPDATED, |subscription| subscription.set("status", next));
    if first {
        plan_renewal(state, id);
    }
}

/// Whether an invoice is the last that a subscription was billed with; drafts are no bills yet.
fn is_latest(state: &State, id: &str, invoice: &str) -> bool {
    let mut billed = state.with("invoice", "parent.subscription_details.subscription", id);
    billed.rfind(|one| one.text("status") != "draft").is_some_and(|latest| latest.id() == invoice)
}

/// Whether a subscription has an invoice that is open.
fn owes(state: &State, id: &str) -> bool {
    state
        .with("invoice", "parent.subscription_details.subscription", id)
        .any(|invoice| invoice.text("status") == "open")
}

/// A payment of a subscription did not come.
pub fn unpaid(state: &mut State, id: &str, invoice: &str) {
    let subscription = state.must(id).clone();
    let invoice = state.must(invoice).clone();
    if !goes_on(&subscription)
        || invoice.text("billing_reason") == "subscription_create"
        || subscription.text("_pending_invoice") == invoice.id()
    {
        return;
    }
    if invoice.is_null("next_payment_attempt") {
        return give_up(state, id, invoice.id());
    }
    if subscription.text("status") != "past_due" {
        state.update(id, UPDATED, |subscription| subscription.set("status", "past_due"));
    }
}

/// The last retry failed.
fn give_up(state: &mut State, id: &str, invoice: &str) {
    let after = state.config.after_retries;
    if state.config.uncollectible_after_retries {
        let now = state.now_of(invoice);
        state.edit(invoice, |invoice| {
            invoice.set("status", "uncollectible");
            invoice.set("status_transitions.marked_uncollectible_at", now);
        });
        state.emit("invoice.marked_uncollectible", invoice);
    }
    match after {
        AfterRetries::Cancel => end(state, id, Some("payment_failed")),
        AfterRetries::MarkUnpaid => state.update(id, UPDATED, |subscription| subscription.set("status", "unpaid")),
        AfterRetries::LeavePastDue => state.update(id, UPDATED, |subscription| subscription.set("status", "past_due")),
    }
}

/// A subscription that ends at an instant has come to it.
pub fn cancel_when_due(state: &mut State, id: &str) {
    let now = state.now_of(id);
    let due = |found: &&Object| !found.is_null("cancel_at") && found.int("cancel_at") <= now && goes_on(found);
    if state.get(id).filter(due).is_some() {
        end(state, id, None);
    }
}

/// Ends a subscription at once. A reason is given where nobody asked for the end.
pub fn end(state: &mut State, id: &str, reason: Option<&str>) {
    let now = state.now_of(id);
    let reason = reason.unwrap_or("cancellation_requested").to_owned();
    let schedule = state.must(id).maybe("schedule").map(str::to_owned);
    state.edit(id, |subscription| {
        subscription.set("status", "canceled");
        subscription.set("ended_at", now);
        if subscription.is_null("canceled_at") {
            subscription.set("canceled_at", now);
        }
        if subscription.is_null("cancellation_details.reason") {
            subscription.set("cancellation_details.reason", reason);
        }
        subscription.set("pending_update", Value::Null);
        subscription.set("schedule", Value::Null);
    });
    state.pending_lines.remove(id);
    let open = state.with("invoice", "parent.subscription_details.subscription", id);
    let open: Vec<String> = open
        .filter(|invoice| matches!(invoice.text("status"), "open" | "draft"))
        .map(|invoice| invoice.id().to_owned())
        .collect();
    for invoice in open {
        state.edit(&invoice, |invoice| {
            invoice.set("auto_advance", false);
            invoice.set("next_payment_attempt", Value::Null);
            invoice.set("automatically_finalizes_at", Value::Null);
        });
    }
    state.emit("customer.subscription.deleted", id);
    if let Some(schedule) = schedule {
        crate::resources::schedules::close(state, &schedule, "canceled");
    }
}

/// A subscription whose first payment did not come in time.
pub fn expire_incomplete(state: &mut State, id: &str) {
    if state.get(id).is_none_or(|subscription| subscription.text("status") != "incomplete") {
        return;
    }
    let now = state.now_of(id);
    let invoice = state.must(id).text("latest_invoice").to_owned();
    state.update(id, UPDATED, |subscription| {
        subscription.set("status", "incomplete_expired");
        subscription.set("ended_at", now);
    });
    if state.get(&invoice).is_some_and(|invoice| invoice.text("status") == "open") {
        invoicing::void(state, &invoice).expect("an open invoice can be voided");
    }
}
