//! Actions of customers in the portal.
//!
//! Invariant: a change that the configuration puts off to the period's end becomes a schedule, and nothing is invoiced
//! before.

use crate::billing::change::{self, Change, Proration};
use crate::billing::lines;
use crate::billing::payment::{self, Presence};
use crate::billing::status::{self, UPDATED};
use crate::billing::subscription::{PaymentBehavior, PlannedItem};
use crate::cards::{Outcome, TestCard};
use crate::error::StripeError;
use crate::object::Object;
use crate::resources::schedules::{self, Phase};
use crate::resources::{payment_methods, subscriptions};
use crate::state::State;
use serde_json::{Value, json};

/// Returns the session and its configuration, if a feature is switched on.
fn check_feature(state: &State, session: &str, feature: &str) -> Result<(Object, Object), StripeError> {
    let session = state.find("billing_portal.session", session, "id")?.clone();
    let configuration = state.must(session.text("configuration")).clone();
    if !configuration.flag(&format!("features.{feature}.enabled")) {
        return Err(StripeError::invalid(format!("The portal configuration disables the `{feature}` feature.")));
    }
    Ok((session, configuration))
}

/// Returns a subscription of the session's customer that has not ended.
fn find_subscription(state: &State, session: &Object, subscription: &str) -> Result<Object, StripeError> {
    let found = state.find("subscription", subscription, "subscription")?;
    let ended = matches!(found.text("status"), "canceled" | "incomplete_expired");
    if ended || found.text("customer") != session.text("customer") {
        return Err(StripeError::no_such("subscription", subscription, "subscription"));
    }
    Ok(found.clone())
}

/// Returns `true` if a configuration offers a price.
pub fn may_switch_to(configuration: &Object, price: &str) -> bool {
    let products = configuration.each("features.subscription_update.products");
    products
        .iter()
        .any(|product| product.at("prices").as_array().is_some_and(|prices| prices.iter().any(|one| one == price)))
}

/// Cancels a subscription, at once or at the period's end, as the configuration says.
///
/// # Errors
/// When canceling is switched off, or the customer has no such subscription.
pub fn cancel(state: &mut State, session: &str, subscription: &str, feedback: Option<&str>) -> Result<(), StripeError> {
    let (session, configuration) = check_feature(state, session, "subscription_cancel")?;
    let before = find_subscription(state, &session, subscription)?;
    if let Some(feedback) = feedback {
        state.edit(subscription, |subscription| subscription.set("cancellation_details.feedback", feedback));
    }
    if configuration.text("features.subscription_cancel.mode") == "immediately" {
        status::end(state, subscription, None);
        return Ok(());
    }
    if let Some(schedule) = before.maybe("schedule") {
        schedules::release_subscription(state, schedule);
    }
    let before = state.must(subscription).clone();
    // With flexible billing the portal announces the end by its instant, with classic billing by the flag.
    if before.text("billing_mode.type") == "flexible" {
        let end = status::period_end(&before);
        subscriptions::announce_end(state, subscription, None, Some(Some(end)));
    } else {
        subscriptions::announce_end(state, subscription, Some(true), None);
    }
    state.emit_changes(&before, UPDATED);
    Ok(())
}

/// Takes back the announced end of a subscription.
///
/// # Errors
/// When canceling is switched off, or there is no such subscription of the customer.
pub fn keep(state: &mut State, session: &str, subscription: &str) -> Result<(), StripeError> {
    let (session, _) = check_feature(state, session, "subscription_cancel")?;
    let before = find_subscription(state, &session, subscription)?;
    subscriptions::announce_end(state, subscription, Some(false), None);
    state.emit_changes(&before, UPDATED);
    Ok(())
}

/// Effect of a switch to another price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The switch takes place at once, and this amount is paid for it.
    Now(i64),
    /// The switch takes place at this instant, when the period ends.
    Later(i64),
}

/// A switch that the configuration allows.
struct SwitchPlan {
    before: Object,
    new: Object,
    later: bool,
    change: Change,
}

fn plan_switch(state: &State, session: &str, subscription: &str, price: &str) -> Result<SwitchPlan, StripeError> {
    let (session, configuration) = check_feature(state, session, "subscription_update")?;
    let before = find_subscription(state, &session, subscription)?;
    let feature = "features.subscription_update";
    let updates = configuration.each(&format!("{feature}.default_allowed_updates"));
    if !updates.iter().any(|update| update.value() == "price") || !may_switch_to(&configuration, price) {
        return Err(StripeError::unusable("price", format!("The price {price} is not offered.")));
    }
    let new = state.find("price", price, "price")?.clone();
    let old = Object::from(before.at("items.data.0.price").clone());
    if old.id() == new.id() {
        return Err(StripeError::unusable("price", "The subscription has this price already."));
    }
    let items = before.each("items").into_iter().enumerate().map(|(place, item)| PlannedItem {
        id: Some(item.id().to_owned()),
        price: if place == 0 { new.clone() } else { Object::from(item.at("price").clone()) },
        quantity: item.int("quantity"),
        metadata: item.at("metadata").clone(),
    });
    let change = Change {
        items: items.collect(),
        proration: Proration::parse(configuration.text(&format!("{feature}.proration_behavior"))).unwrap_or_default(),
        restart: configuration.text(&format!("{feature}.billing_cycle_anchor")) == "now",
        behavior: PaymentBehavior::ErrorIfIncomplete,
    };
    Ok(SwitchPlan { later: waits(&configuration, &old, &new), before, new, change })
}

/// Returns the effect that a switch would have, without making it.
///
/// # Errors
/// When it is not allowed.
pub fn foretell(state: &mut State, session: &str, subscription: &str, price: &str) -> Result<Switch, StripeError> {
    let plan = plan_switch(state, session, subscription, price)?;
    if plan.later {
        return Ok(Switch::Later(status::period_end(&plan.before)));
    }
    Ok(Switch::Now(change::due(state, subscription, &plan.change)))
}

/// Switches a subscription to another price: at once, or with a schedule at the period's end. If the bank asks for a
/// confirmation first, the switch waits for the invoice that is returned.
///
/// # Errors
/// When that is switched off, the price is not offered, or the payment is declined; nothing is changed then.
pub fn switch(
    state: &mut State,
    session: &str,
    subscription: &str,
    price: &str,
) -> Result<Option<String>, StripeError> {
    let SwitchPlan { before, new, later, mut change } = plan_switch(state, session, subscription, price)?;
    if later {
        if let Some(schedule) = before.maybe("schedule") {
            schedules::release_subscription(state, schedule);
        }
        at_period_end(state, &before, &new)?;
        return Ok(None);
    }
    let asks = change::due(state, subscription, &change) > 0 && asks_first(state, &before);
    if asks {
        change.behavior = PaymentBehavior::PendingIfIncomplete;
    }
    change::apply(state, subscription, change)?;
    if let Some(schedule) = before.maybe("schedule") {
        schedules::release_subscription(state, schedule);
    }
    // A customer who switches wants to stay: an end that was announced is taken back.
    if !before.is_null("cancel_at") {
        keep_silently(state, subscription);
    }
    Ok(state.must(subscription).maybe("latest_invoice").filter(|_| asks).map(str::to_owned))
}

/// Returns `true` if the bank would ask the customer before it pays for a subscription.
fn asks_first(state: &State, subscription: &Object) -> bool {
    let customer = state.must(subscription.text("customer"));
    let own = subscription.maybe("default_payment_method");
    let method = own.or(customer.maybe("invoice_settings.default_payment_method"));
    method.is_some_and(|method| payment::foretell(state, method, Presence::Billing) == Outcome::NeedsAction)
}

fn keep_silently(state: &mut State, subscription: &str) {
    let before = state.must(subscription).clone();
    subscriptions::announce_end(state, subscription, Some(false), None);
    state.emit_changes(&before, UPDATED);
}

/// Returns `true` if the configuration puts a change off to the period's end.
fn waits(configuration: &Object, old: &Object, new: &Object) -> bool {
    let days = |price: &Object| lines::interval(price).map_or(0, |interval| interval.after(0, 1));
    let conditions = configuration.each("features.subscription_update.schedule_at_period_end.conditions");
    conditions.iter().any(|condition| match condition.text("type") {
        "decreasing_item_amount" => new.int("unit_amount") < old.int("unit_amount"),
        "shortening_interval" => days(new) < days(old),
        _ => false,
    })
}

fn at_period_end(state: &mut State, before: &Object, new: &Object) -> Result<(), StripeError> {
    let schedule = schedules::from_subscription(state, before.id())?;
    let end = status::period_end(before);
    let items: Vec<(Object, i64)> = before
        .each("items")
        .iter()
        .map(|item| (Object::from(item.at("price").clone()), item.int("quantity")))
        .collect();
    let quantity = items.first().map_or(1, |(_, quantity)| *quantity);
    let start = state.must(&schedule).int("phases.0.start_date");
    let until = lines::interval(new).map_or(end, |interval| interval.after(end, 1));
    let phase = |items, start, end| Phase { items, start, end, metadata: json!({}), proration: "none".to_owned() };
    let phases = [phase(items, start, end), phase(vec![(new.clone(), quantity)], end, until)];
    schedules::set_phases(state, &schedule, &phases);
    Ok(())
}

/// Gives the customer another card, with which everything is paid from now on.
///
/// # Errors
/// When that is switched off, or the card cannot be attached.
pub fn set_card(state: &mut State, session: &str, card: TestCard) -> Result<String, StripeError> {
    let (session, _) = check_feature(state, session, "payment_method_update")?;
    let customer = session.text("customer").to_owned();
    let (now, email) = (state.now_of(&customer), state.must(&customer).maybe("email").map(str::to_owned));
    let method = payment_methods::open(state, card, email.as_deref(), None, now);
    if let Err(error) = payment_methods::check_attachable(state, &method) {
        state.remove(&method);
        return Err(error);
    }
    state.remember_card(&method, card, true);
    payment_methods::attach_to(state, &method, &customer);
    state.update(&customer, "customer.updated", |customer| {
        customer.set("invoice_settings.default_payment_method", method.as_str());
    });
    // A subscription with a card of its own would go on paying with that.
    let ended = |one: &Object| matches!(one.text("status"), "canceled" | "incomplete_expired");
    let own = state.with("subscription", "customer", &customer);
    let own = own.filter(|one| !one.is_null("default_payment_method") && !ended(one));
    let own: Vec<String> = own.map(|one| one.id().to_owned()).collect();
    for subscription in own {
        state.update(&subscription, UPDATED, |subscription| {
            subscription.set("default_payment_method", Value::from(method.as_str()));
        });
    }
    Ok(method)
}
