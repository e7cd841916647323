//! Changes of a plan in the portal: the plans on offer, the beginning of the change, and the payment that is due now.
//!
//! Invariant: a price that the configuration does not list cannot be changed to, whatever a form says.

use super::{Visit, not_offered};
use crate::object::Object;
use crate::pages::html::{Html, see_other};
use crate::pages::words::{cost, day, money, product_of};
use crate::resources::portal::{self, Switch};
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Returns `true` if the configuration lets a customer change to another price.
pub fn lets(visit: &Visit) -> bool {
    let allowed = visit.configuration.each("features.subscription_update.default_allowed_updates");
    visit.lets("subscription_update") && allowed.iter().any(|update| update.value() == "price")
}

/// Returns the change that lies ahead of a subscription: its instant and its price.
pub fn scheduled(state: &State, subscription: &Object) -> Option<(i64, Object)> {
    let schedule = state.get(subscription.maybe("schedule")?)?;
    let now = subscription.int("items.data.0.current_period_start");
    let next = schedule.each("phases").into_iter().find(|phase| phase.int("start_date") > now)?;
    let price = state.get(next.text("items.0.price"))?;
    (price.id() != subscription.text("items.data.0.price.id")).then(|| (next.int("start_date"), price.clone()))
}

/// Returns the prices that a subscription may change to, in the configuration's order.
fn offered(state: &State, visit: &Visit, subscription: &Object) -> Vec<Object> {
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let products = visit.configuration.each("features.subscription_update.products");
    let listed = products.iter().flat_map(|product| product.each("prices"));
    let found = listed.filter_map(|price| state.get(price.value().as_str()?).cloned());
    let fits = |price: &Object| price.flag("active") && price.text("currency") == current.text("currency");
    found.filter(|price| price.id() != current.id() && fits(price)).collect()
}

/// Returns a subscription and the price that a form asks to change to, if the customer may choose both.
fn asked(state: &State, visit: &Visit, id: &str, price: &str) -> Option<(Object, Object)> {
    let subscription = visit.subscription(state, id).filter(|_| lets(visit))?.clone();
    let price = offered(state, visit, &subscription).into_iter().find(|offered| offered.id() == price)?;
    Some((subscription, price))
}

/// Shows the plans on offer.
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

/// Asks the customer to confirm a change, and shows its cost.
pub fn confirm(state: &mut State, visit: &Visit, id: &str, price: &str) -> Response {
    let Some((subscription, price)) = asked(state, visit, id, price) else { return not_offered(visit) };
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let quantity = subscription.int("items.data.0.quantity").max(1);
    let when = match portal::foretell(state, visit.session.id(), id, price.id()) {
        Err(error) => return visit.refused(&error),
        Ok(Switch::Later(at)) => format!("It begins on {}. Until then nothing changes.", day(at)),
        Ok(Switch::Now(0)) => "It begins at once. Nothing is paid now.".to_owned(),
        Ok(Switch::Now(amount)) => {
            format!("It begins at once. You pay {} now.", money(amount, price.text("currency")))
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
    if asked(state, visit, id, price).is_none() {
        return not_offered(visit);
    }
    match portal::switch(state, visit.session.id(), id, price) {
        Ok(None) => visit.done("Your plan is changed."),
        // The bank asks first: its question is on the invoice.
        Ok(Some(invoice)) => see_other(&format!("/i/{invoice}?portal={}", visit.session.id())),
        Err(error) => visit.refused(&error),
    }
}
