//! Changes of a subscription's items: another price or quantity, at once, with or without settling the difference.
//!
//! Invariant: with `pending_if_incomplete` a subscription keeps its items until the change is paid, and afterwards has
//! exactly those that were paid for.

use super::invoice::{self, NewInvoice};
use super::lines::{self, NewLine};
use super::payment::Presence;
use super::settlement;
use super::status::UPDATED;
use super::subscription::{self, PATIENCE, PaymentBehavior, PlannedItem};
use super::swap::Swap;
use super::totals;
use crate::agenda::Due;
use crate::calendar::HOUR;
use crate::error::StripeError;
use crate::object::Object;
use crate::state::State;
use serde_json::{Value, json};

/// Way in which the difference between old and new items is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proration {
    /// No settlement of the difference.
    None,
    /// Settlement with the next invoice.
    #[default]
    Create,
    /// Settlement with an invoice of its own, at once.
    Invoice,
}

impl Proration {
    /// Parses Stripe's word for a proration behavior.
    pub fn parse(text: &str) -> Option<Proration> {
        match text {
            "none" => Some(Proration::None),
            "create_prorations" => Some(Proration::Create),
            "always_invoice" => Some(Proration::Invoice),
            _ => None,
        }
    }
}

/// A change of a subscription's items.
#[derive(Clone, Debug)]
pub struct Change {
    /// All items that the subscription has afterwards.
    pub items: Vec<PlannedItem>,
    /// Way in which the difference is settled.
    pub proration: Proration,
    /// `true` if a new period begins now.
    pub restart: bool,
    /// Consequence of a payment that does not succeed.
    pub behavior: PaymentBehavior,
}

/// New items of a change, and the invoice lines that settle it.
struct ChangePlan {
    swap: Swap,
    lines: Vec<NewLine>,
    /// `true` if the lines are invoiced now.
    at_once: bool,
}

fn plan(state: &mut State, before: &Object, change: &Change) -> ChangePlan {
    let (id, now) = (before.id(), state.now_of(before.id()));
    let old = before.each("items");
    let pace = |price: &Object| lines::interval(price);
    let was = old.first().map(|item| Object::from(item.at("price").clone())).as_ref().and_then(pace);
    let is = change.items.first().and_then(|item| pace(&item.price));
    let trial = before.text("status") == "trialing" && !change.restart;
    let restart = (change.restart || was != is) && !trial;
    let mut items = Vec::new();
    for planned in &change.items {
        let same = old.iter().find(|item| Some(item.id()) == planned.id.as_deref());
        let base = same.or(old.first());
        let kept = base.map(|item| (item.int("current_period_start"), item.int("current_period_end")));
        let fresh = pace(&planned.price).map(|interval| (now, interval.next(now, now)));
        let period = if restart { fresh } else { kept.or(fresh) };
        let created = same.map_or(now, |item| item.int("created"));
        items.push(Object::from(subscription::item(state, id, planned, period.unwrap_or((now, now)), created)));
    }
    let lines = difference(state, before, &items, change, restart, trial, now);
    let at_once = restart || (change.proration == Proration::Invoice && !lines.is_empty());
    ChangePlan { swap: Swap { items, anchor: restart.then_some(now) }, lines, at_once }
}

/// Returns the amount that a change of a subscription makes due at once.
pub fn due(state: &mut State, id: &str, change: &Change) -> i64 {
    let before = state.must(id).clone();
    let planned = plan(state, &before, change);
    if !planned.at_once {
        return 0;
    }
    let pending = state.pending_lines.get(id).into_iter().flatten().filter_map(|line| line["amount"].as_i64());
    let total: i64 = planned.lines.iter().map(|line| line.amount).chain(pending).sum();
    totals::due(total, state.must(before.text("customer")).int("balance"))
}

/// Changes a subscription's items.
///
/// # Errors
/// When a payment fails and the caller wanted that to fail the call; nothing is changed then.
pub fn apply(state: &mut State, id: &str, change: Change) -> Result<(), StripeError> {
    let before = state.must(id).clone();
    let ChangePlan { swap, lines, at_once } = plan(state, &before, &change);
    if !at_once {
        swap.apply(state, id);
        let pending: Vec<Value> = lines.iter().map(|line| lines::to_json(state, line, "")).collect();
        state.pending_lines.entry(id.to_owned()).or_default().extend(pending);
        subscription::replan(state, id);
        state.emit_changes(&before, UPDATED);
        return Ok(());
    }
    invoice_change(state, &before, swap, lines, change.behavior)
}

/// Invoices a change at once.
fn invoice_change(
    state: &mut State,
    before: &Object,
    swap: Swap,
    lines: Vec<NewLine>,
    behavior: PaymentBehavior,
) -> Result<(), StripeError> {
    let (id, now) = (before.id(), state.now_of(before.id()));
    let owed: i64 = lines.iter().map(|line| line.amount).sum();
    let customer = state.must(before.text("customer")).clone();
    if behavior == PaymentBehavior::ErrorIfIncomplete && owed + customer.int("balance") > 0 {
        let own = before.maybe("default_payment_method");
        let method = own.or(customer.maybe("invoice_settings.default_payment_method")).map(str::to_owned);
        let Some(method) = method else {
            let message = "There is no `default_payment_method` set on this Customer or Invoice.";
            return Err(StripeError::invalid(message).code("resource_missing"));
        };
        subscription::check_payment(state, &method, Presence::Billing)?;
    }
    let new = NewInvoice {
        customer: customer.id().to_owned(),
        subscription: Some(id.to_owned()),
        reason: "subscription_update",
        lines,
        period: (now, now),
        metadata: json!({}),
        advances: false,
    };
    let waits = behavior == PaymentBehavior::PendingIfIncomplete;
    if waits {
        swap.set_aside(state, id, now + PATIENCE);
    } else {
        swap.apply(state, id);
    }
    let invoice = invoice::draft(state, new);
    if waits {
        state.edit(id, |subscription| subscription.set("_pending_invoice", invoice.as_str()));
    }
    invoice::finalize(state, &invoice);
    if state.must(&invoice).text("status") == "open" && behavior != PaymentBehavior::DefaultIncomplete {
        // The invoice stays open when it is not paid; the subscription and the events show the consequences.
        let outcome = settlement::collect(state, &invoice, None, Presence::Billing);
        tracing::debug!(subscription = id, ?outcome, "invoiced a change");
    }
    let pending = !state.must(id).is_null("pending_update");
    if pending {
        state.remind(id, now + PATIENCE, Due::ExpirePendingUpdate(id.to_owned()));
    }
    subscription::replan(state, id);
    if pending || !waits {
        state.emit_changes(before, UPDATED);
    }
    Ok(())
}

/// Returns the lines that settle a change.
fn difference(
    state: &State,
    before: &Object,
    items: &[Object],
    change: &Change,
    restart: bool,
    trial: bool,
    now: i64,
) -> Vec<NewLine> {
    let mut settled = Vec::new();
    if trial {
        return settled;
    }
    let metadata = before.at("metadata").clone();
    let old = before.each("items");
    let line_of = |item: &Object, period: (i64, i64)| {
        let price = Object::from(item.at("price").clone());
        let mut line = lines::full_line(state, &price, item.int("quantity"), period, metadata.clone());
        line.subscription = Some((before.id().to_owned(), item.id().to_owned()));
        line
    };
    let same = |one: &Object, other: &Object| {
        one.text("price.id") == other.text("price.id") && one.int("quantity") == other.int("quantity")
    };
    let span = |item: &Object| (item.int("current_period_start"), item.int("current_period_end"));
    if change.proration != Proration::None {
        for item in old.iter().filter(|item| restart || !items.iter().any(|new| same(item, new))) {
            let (start, end) = span(item);
            let mut line = line_of(item, (now, end));
            line.amount = -lines::share(line.amount, end - now, end - start);
            line.description = format!("Unused time on {}", line.description);
            line.proration = true;
            settled.push(line);
        }
    }
    for item in items.iter().filter(|item| restart || !old.iter().any(|was| same(was, item))) {
        let (start, end) = span(item);
        let mut line = line_of(item, (now.max(start), end));
        if !restart {
            if change.proration == Proration::None {
                continue;
            }
            line.amount = lines::share(line.amount, end - now, end - start);
            line.description = format!("Remaining time on {}", line.description);
            line.proration = true;
        }
        settled.push(line);
    }
    settled
}

/// Gives up a change that was not paid in time.
pub fn expire_pending(state: &mut State, id: &str) {
    let Some(before) = state.get(id).cloned() else { return };
    let now = state.now_of(id);
    if before.is_null("pending_update") || before.int("pending_update.expires_at") > now {
        return;
    }
    let invoice = before.text("_pending_invoice").to_owned();
    // The change waits for the answer of the bank.
    if settlement::is_processing(state, &invoice) {
        return state.remind(id, now + HOUR, Due::ExpirePendingUpdate(id.to_owned()));
    }
    state.edit(id, |subscription| {
        subscription.set("pending_update", Value::Null);
        subscription.remove("_pending_invoice");
    });
    if state.get(&invoice).is_some_and(|invoice| invoice.text("status") == "open") {
        invoice::void(state, &invoice).expect("an open invoice can be voided");
    }
    state.emit("customer.subscription.pending_update_expired", id);
    state.emit_changes(&before, UPDATED);
}
