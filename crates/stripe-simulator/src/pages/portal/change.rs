//! Changing to another plan: what is offered, when it begins, and what is paid now.
//!
//! Invariant: a price that the configuration does not list cannot be changed to, whatever a form says.

use super::{Visit, not_offered};
use crate::billing::change::{self, Change, Proration};
use crate::billing::subscribe::{PaymentBehavior, PlannedItem};
use crate::calendar::Interval;
use crate::error::StripeError;
use crate::object::Object;
use crate::pages::html::{Html, see_other};
use crate::pages::words::{cost, day, money, product_of};
use crate::resources::schedules::{self, Phase};
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// Whether a customer may change to another price at all.
pub fn lets(visit: &Visit) -> bool {
    let allowed = visit.configuration.each("features.subscription_update.default_allowed_updates");
    visit.lets("subscription_update") && allowed.iter().any(|update| update.value() == "price")
}

/// The change that lies ahead of a subscription: when, and to which price.
pub fn scheduled(state: &State, subscription: &Object) -> Option<(i64, Object)> {
    let schedule = state.get(subscription.maybe("schedule")?)?;
    let now = subscription.int("items.data.0.current_period_start");
    let next = schedule.each("phases").into_iter().find(|phase| phase.int("start_date") > now)?;
    let price = state.get(next.text("items.0.price"))?;
    (price.id() != subscription.text("items.data.0.price.id")).then(|| (next.int("start_date"), price.clone()))
}

/// The prices that a subscription may change to, in the configuration's order.
fn offered(state: &State, visit: &Visit, subscription: &Object) -> Vec<Object> {
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let products = visit.configuration.each("features.subscription_update.products");
    let listed = products.iter().flat_map(|product| product.each("prices"));
    let found = listed.filter_map(|price| state.get(price.value().as_str()?).cloned());
    let fits = |price: &Object| price.flag("active") && price.text("currency") == current.text("currency");
    found.filter(|price| price.id() != current.id() && fits(price)).collect()
}

/// A subscription and the price that a form asks to change to, if both are the customer's to choose.
fn asked(state: &State, visit: &Visit, id: &str, price: &str) -> Option<(Object, Object)> {
    let subscription = visit.subscription(state, id).filter(|_| lets(visit))?.clone();
    let price = offered(state, visit, &subscription).into_iter().find(|offered| offered.id() == price)?;
    Some((subscription, price))
}

/// Shows the plans.
pub fn choose(state: &State, visit: &Visit, id: &str) -> Response {
    let Some(subscription) = visit.subscription(state, id).filter(|_| lets(visit)) else { return not_offered(visit) };
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let quantity = subscription.int("items.data.0.quantity").max(1);
    let prices = offered(state, visit, subscription);
    let page = Html::new()
        .raw("<h1>Change plan</h1>\n<p>You have <strong>")
        .text(product_of(state, &current))
        .raw("</strong>, ")
        .text(cost(&current, quantity))
        .raw(".</p>\n");
    let page = match prices.is_empty() {
        true => page.raw("<p>There is no other plan to change to.</p>\n"),
        false => page
            .raw("<form method=\"get\" action=\"")
            .text(visit.step(&format!("confirm/{id}")))
            .raw("\">\n<fieldset>\n<legend>Choose another</legend>\n")
            .each(&prices, |price| {
                Html::new()
                    .raw("<label class=\"choice\"><input type=\"radio\" name=\"price\" required value=\"")
                    .text(price.id())
                    .raw("\">")
                    .text(product_of(state, price))
                    .raw(", ")
                    .text(cost(price, quantity))
                    .raw("</label>\n")
            })
            .raw("</fieldset>\n<button>Continue</button>\n</form>\n"),
    };
    page.add(visit.back()).page(StatusCode::OK, "Change plan")
}

/// Whether the configuration lets a change wait for the end of the period.
fn waits(visit: &Visit, current: &Object, next: &Object) -> bool {
    let conditions = visit.configuration.each("features.subscription_update.schedule_at_period_end.conditions");
    conditions.iter().any(|condition| match condition.text("type") {
        "decreasing_item_amount" => next.int("unit_amount") < current.int("unit_amount"),
        "shortening_interval" => length(next) < length(current),
        _ => false,
    })
}

/// How long a price's interval is, in seconds from an instant that any other is as good as.
fn length(price: &Object) -> i64 {
    let interval = Interval::parse(price.text("recurring.interval"), price.int("recurring.interval_count"));
    interval.map_or(0, |interval| interval.after(0, 1))
}

/// The change, as the configuration settles it. What must be paid for it is paid before it takes place.
fn planned(visit: &Visit, subscription: &Object, price: &Object) -> Change {
    let feature = |name: &str| visit.configuration.text(&format!("features.subscription_update.{name}")).to_owned();
    let items = subscription.each("items").into_iter().enumerate().map(|(place, item)| PlannedItem {
        id: Some(item.id().to_owned()),
        price: if place == 0 { price.clone() } else { Object::from(item.at("price").clone()) },
        quantity: item.int("quantity"),
        metadata: item.at("metadata").clone(),
    });
    Change {
        items: items.collect(),
        proration: Proration::parse(&feature("proration_behavior")).unwrap_or_default(),
        restart: feature("billing_cycle_anchor") == "now",
        behavior: PaymentBehavior::PendingIfIncomplete,
    }
}

/// Asks whether a change is meant, and says what it costs.
pub fn confirm(state: &mut State, visit: &Visit, id: &str, price: &str) -> Response {
    let Some((subscription, price)) = asked(state, visit, id, price) else { return not_offered(visit) };
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let quantity = subscription.int("items.data.0.quantity").max(1);
    let when = if waits(visit, &current, &price) {
        format!(
            "It begins on {}. Until then nothing changes.",
            day(subscription.int("items.data.0.current_period_end"))
        )
    } else {
        match change::due(state, id, &planned(visit, &subscription, &price)) {
            0 => "It begins at once. Nothing is paid now.".to_owned(),
            amount => format!("It begins at once. You pay {} now.", money(amount, price.text("currency"))),
        }
    };
    Html::new()
        .raw("<h1>Confirm the change</h1>\n<p>From <strong>")
        .text(product_of(state, &current))
        .raw("</strong>, ")
        .text(cost(&current, quantity))
        .raw(",<br>to <strong>")
        .text(product_of(state, &price))
        .raw("</strong>, ")
        .text(cost(&price, quantity))
        .raw(".</p>\n<p>")
        .text(when)
        .raw("</p>\n<form method=\"post\" action=\"")
        .text(visit.step(&format!("confirm/{id}")))
        .raw("\">\n<input type=\"hidden\" name=\"price\" value=\"")
        .text(price.id())
        .raw("\">\n<button>Confirm</button>\n</form>\n")
        .add(visit.back())
        .page(StatusCode::OK, "Confirm the change")
}

/// Changes the plan, now or when the period ends.
pub fn apply(state: &mut State, visit: &Visit, id: &str, price: &str) -> Response {
    let Some((subscription, price)) = asked(state, visit, id, price) else { return not_offered(visit) };
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let changed = match waits(visit, &current, &price) {
        true => schedule(state, &subscription, &price),
        false => at_once(state, planned(visit, &subscription, &price), id),
    };
    match changed {
        Ok(None) => visit.done("Your plan is changed."),
        Ok(Some(invoice)) => see_other(&format!("/i/{invoice}?portal={}", visit.session.id())),
        Err(error) => visit.refused(&error),
    }
}

/// Changes the plan at once; the invoice that has to be paid before the change takes place, if there is one.
fn at_once(state: &mut State, change: Change, id: &str) -> Result<Option<String>, StripeError> {
    change::apply(state, id, change)?;
    let changed = state.must(id);
    let waits = !changed.is_null("pending_update");
    Ok(changed.maybe("latest_invoice").filter(|_| waits).map(str::to_owned))
}

/// Has the plan change when its period ends.
fn schedule(state: &mut State, subscription: &Object, price: &Object) -> Result<Option<String>, StripeError> {
    let id = schedules::from_subscription(state, subscription.id())?;
    let [start, end] = ["start", "end"].map(|end| subscription.int(&format!("items.data.0.current_period_{end}")));
    let length = Interval::parse(price.text("recurring.interval"), price.int("recurring.interval_count"));
    let quantity = subscription.int("items.data.0.quantity").max(1);
    let phase = |price: Object, start: i64, end: i64| Phase {
        items: vec![(price, quantity)],
        start,
        end,
        metadata: json!({}),
        proration: "none".to_owned(),
    };
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let until = length.map_or(end, |interval| interval.after(end, 1));
    schedules::set_phases(state, &id, &[phase(current, start, end), phase(price.clone(), end, until)]);
    Ok(None)
}
