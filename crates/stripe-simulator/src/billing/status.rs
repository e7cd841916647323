//! Status of subscriptions: trialing, active, past due or ended; and the payments that change it.
//!
//! Invariant: a subscription that has ended stays ended.

use super::uncollectible;
use crate::AfterRetries;
use crate::agenda::Due;
use crate::calendar::DAY;
use crate::object::Object;
use crate::state::State;
use serde_json::Value;

/// Event that every change of a subscription emits.
pub const UPDATED: &str = "customer.subscription.updated";

/// Returns `true` if a subscription has periods that go on.
pub fn goes_on(subscription: &Object) -> bool {
    matches!(subscription.text("status"), "active" | "past_due" | "trialing" | "unpaid")
}

/// Returns the end of the current period: that of the item whose period ends first.
pub fn period_end(subscription: &Object) -> i64 {
    subscription.each("items").iter().map(|item| item.int("current_period_end")).min().unwrap_or(i64::MAX)
}

/// Puts the end of a subscription's period on the agenda, and the announcement of its trial's end.
pub fn plan_renewal(state: &mut State, id: &str) {
    let subscription = state.must(id);
    let (end, trial_end) = (period_end(subscription), subscription.int("trial_end"));
    state.remind(id, end, Due::Renew(id.to_owned()));
    if trial_end > 0 && trial_end == end {
        state.remind(id, trial_end - 3 * DAY, Due::AnnounceTrialEnd(id.to_owned()));
    }
}

/// Returns `true` if only a call collects an invoice, because automatic collection was turned off.
pub fn is_left_alone(invoice: &Object) -> bool {
    matches!(invoice.text("billing_reason"), "subscription_cycle" | "manual") && !invoice.flag("auto_advance")
}

/// Schedules the next retry of an invoice whose payment has just failed, and returns its instant; `None` without a
/// retry.
pub fn plan_retry(state: &mut State, id: &str) -> Option<i64> {
    let invoice = state.must(id);
    let subscription = state.get(invoice.text("parent.subscription_details.subscription"))?;
    if invoice.text("billing_reason") == "subscription_create"
        || subscription.text("_pending_invoice") == id
        || !goes_on(subscription)
        || is_left_alone(invoice)
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
    let at = now + days * DAY;
    state.remind(id, at, Due::Collect(id.to_owned()));
    Some(at)
}

/// Records that an invoice of a subscription was paid.
pub fn record_payment(state: &mut State, id: &str, invoice: &str) {
    begin(state, id, invoice);
    let next = match state.must(id).text("status") {
        "past_due" | "unpaid" if is_latest(state, id, invoice) || !owes(state, id) => "active",
        _ => return,
    };
    state.update(id, UPDATED, |subscription| subscription.set("status", next));
}

/// Begins a subscription: its first invoice was paid, or is being debited.
pub fn begin(state: &mut State, id: &str, invoice: &str) {
    let first = state.must(invoice).text("billing_reason") == "subscription_create";
    if !first || state.must(id).text("status") != "incomplete" {
        return;
    }
    let trial = state.must(id).int("trial_end") > state.now_of(id);
    let next = if trial { "trialing" } else { "active" };
    state.update(id, UPDATED, |subscription| subscription.set("status", next));
    plan_renewal(state, id);
}

/// Returns `true` if an invoice is the newest of a subscription. Drafts do not count.
fn is_latest(state: &State, id: &str, invoice: &str) -> bool {
    let mut invoices = state.with("invoice", "parent.subscription_details.subscription", id);
    invoices.rfind(|one| one.text("status") != "draft").is_some_and(|latest| latest.id() == invoice)
}

/// Returns `true` if a subscription has an open invoice.
fn owes(state: &State, id: &str) -> bool {
    state
        .with("invoice", "parent.subscription_details.subscription", id)
        .any(|invoice| invoice.text("status") == "open")
}

/// Handles that an open invoice of a subscription was voided or given up: a subscription without other debts goes on,
/// and one whose first invoice it was never begins.
pub fn record_write_off(state: &mut State, id: &str, invoice: &str) {
    let first = state.must(invoice).text("billing_reason") == "subscription_create";
    let now = state.now_of(id);
    match state.must(id).text("status") {
        "incomplete" if first => state.update(id, UPDATED, |subscription| {
            subscription.set("status", "incomplete_expired");
            subscription.set("ended_at", now);
        }),
        "past_due" | "unpaid" if !owes(state, id) => {
            state.update(id, UPDATED, |subscription| subscription.set("status", "active"));
        }
        _ => {}
    }
}

/// Records that a payment of a subscription failed.
pub fn record_failed_payment(state: &mut State, id: &str, invoice: &str) {
    let subscription = state.must(id).clone();
    let invoice = state.must(invoice).clone();
    if !goes_on(&subscription) || subscription.text("_pending_invoice") == invoice.id() {
        return;
    }
    // A first payment that a bank took back is not tried again, and waits for the customer.
    let first = invoice.text("billing_reason") == "subscription_create";
    if invoice.is_null("next_payment_attempt") && !is_left_alone(&invoice) && !first {
        return give_up(state, id, invoice.id());
    }
    if subscription.text("status") != "past_due" {
        state.update(id, UPDATED, |subscription| subscription.set("status", "past_due"));
    }
}

/// Ends the retries of an invoice, after the last has failed.
fn give_up(state: &mut State, id: &str, invoice: &str) {
    let after = state.config.after_retries;
    if state.config.uncollectible_after_retries {
        uncollectible::mark(state, invoice).expect("an open invoice can be given up");
    }
    match after {
        AfterRetries::Cancel => end(state, id, Some("payment_failed")),
        AfterRetries::MarkUnpaid => state.update(id, UPDATED, |subscription| subscription.set("status", "unpaid")),
        AfterRetries::LeavePastDue => state.update(id, UPDATED, |subscription| subscription.set("status", "past_due")),
    }
}

/// Ends a subscription at once. `reason` is given unless a caller asked for the end.
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
        close_schedule(state, &schedule, "canceled");
    }
}

/// Closes a schedule with a status.
pub fn close_schedule(state: &mut State, id: &str, status: &str) {
    if !matches!(state.must(id).text("status"), "active" | "not_started") {
        return;
    }
    let now = state.now_of(id);
    state.edit(id, |schedule| {
        schedule.set("status", status);
        schedule.set("current_phase", Value::Null);
        if matches!(status, "canceled" | "completed") {
            schedule.set(&format!("{status}_at"), now);
        }
    });
    state.emit(&format!("subscription_schedule.{status}"), id);
}
