//! Changes of a plan in the portal: the plans on offer, the beginning of the change, and the payment that is due now.
//!
//! Invariant: a price that the configuration does not list cannot be changed to, whatever a form says.

use super::{PortalContext, forbidden_page};
use crate::object::Object;
use crate::pages::html::{Html, see_other};
use crate::pages::words::{cost, day, money, product_of};
use crate::resources::portal::{self, Switch};
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Returns `true` if the configuration lets a customer change to another price.
pub fn lets(context: &PortalContext) -> bool {
    let allowed = context.configuration.each("features.subscription_update.default_allowed_updates");
    context.lets("subscription_update") && allowed.iter().any(|update| update.value() == "price")
}

/// Returns the change that lies ahead of a subscription: its instant and its price.
pub fn scheduled_change(state: &State, subscription: &Object) -> Option<(i64, Object)> {
    let schedule = state.get(subscription.maybe("schedule")?)?;
    let now = subscription.int("items.data.0.current_period_start");
    let next = schedule.each("phases").into_iter().find(|phase| phase.int("start_date") > now)?;
    let price = state.get(next.text("items.0.price"))?;
    (price.id() != subscription.text("items.data.0.price.id")).then(|| (next.int("start_date"), price.clone()))
}

/// Returns the prices that a subscription may change to, in the configuration's order.
fn prices_on_offer(state: &State, context: &PortalContext, subscription: &Object) -> Vec<Object> {
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let products = context.configuration.each("features.subscription_update.products");
    let listed = products.iter().flat_map(|product| product.each("prices"));
    let found = listed.filter_map(|price| state.get(price.value().as_str()?).cloned());
    let fits = |price: &Object| price.flag("active") && price.text("currency") == current.text("currency");
    found.filter(|price| price.id() != current.id() && fits(price)).collect()
}

/// Returns a subscription and the price that a form asks to change to, if the customer may choose both.
fn read_choice(state: &State, context: &PortalContext, id: &str, price: &str) -> Option<(Object, Object)> {
    let subscription = context.subscription(state, id).filter(|_| lets(context))?.clone();
    let price = prices_on_offer(state, context, &subscription).into_iter().find(|offered| offered.id() == price)?;
    Some((subscription, price))
}

/// Shows the plans on offer.
pub fn choose(state: &State, context: &PortalContext, id: &str) -> Response {
    let Some(subscription) = context.subscription(state, id).filter(|_| lets(context)) else {
        return forbidden_page(context);
    };
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let quantity = subscription.int("items.data.0.quantity").max(1);
    let prices = prices_on_offer(state, context, subscription);
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
            .text(context.step(&format!("confirm/{id}")))
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
    page.add(context.back()).page(StatusCode::OK, "Change plan")
}

/// Asks the customer to confirm a change, and shows its cost.
pub fn confirm(state: &mut State, context: &PortalContext, id: &str, price: &str) -> Response {
    let Some((subscription, price)) = read_choice(state, context, id, price) else { return forbidden_page(context) };
    let current = Object::from(subscription.at("items.data.0.price").clone());
    let quantity = subscription.int("items.data.0.quantity").max(1);
    let when = match portal::foretell(state, context.session.id(), id, price.id()) {
        Err(error) => return context.refusal(&error),
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
        .text(context.step(&format!("confirm/{id}")))
        .raw("\">\n<input type=\"hidden\" name=\"price\" value=\"")
        .text(price.id())
        .raw("\">\n<button>Confirm</button>\n</form>\n")
        .add(context.back())
        .page(StatusCode::OK, "Confirm the change")
}

/// Changes the plan, now or when the period ends.
pub fn apply(state: &mut State, context: &PortalContext, id: &str, price: &str) -> Response {
    if read_choice(state, context, id, price).is_none() {
        return forbidden_page(context);
    }
    match portal::switch(state, context.session.id(), id, price) {
        Ok(None) => context.finish("Your plan is changed."),
        // The bank asks first: its question is on the invoice.
        Ok(Some(invoice)) => see_other(&format!("/i/{invoice}?portal={}", context.session.id())),
        Err(error) => context.refusal(&error),
    }
}
