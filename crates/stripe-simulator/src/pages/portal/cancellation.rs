//! Cancellation of a plan, and taking it back.
//!
//! Invariant: what is canceled at the end of its period can be kept until then.

use super::{PortalContext, change, forbidden_page};
use crate::object::Object;
use crate::pages::html::Html;
use crate::pages::words::{day, product_of};
use crate::params::Params;
use crate::resources::{portal, schedules};
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Reasons that a customer may give, as the page shows them.
const REASONS: [(&str, &str); 8] = [
    ("customer_service", "The service was not good"),
    ("low_quality", "The quality was too low"),
    ("missing_features", "Something is missing"),
    ("other", "Another reason"),
    ("switched_service", "I use another product"),
    ("too_complex", "It is too complicated"),
    ("too_expensive", "It is too expensive"),
    ("unused", "I do not use it enough"),
];

fn at_once(context: &PortalContext) -> bool {
    context.configuration.text("features.subscription_cancel.mode") == "immediately"
}

/// Asks the customer to confirm the cancellation.
pub fn ask(state: &State, context: &PortalContext, id: &str) -> Response {
    let Some(subscription) = context.subscription(state, id).filter(|_| context.lets("subscription_cancel")) else {
        return forbidden_page(context);
    };
    let price = Object::from(subscription.at("items.data.0.price").clone());
    let when = match at_once(context) {
        true => "It ends at once.".to_owned(),
        false => {
            let until = day(subscription.int("items.data.0.current_period_end"));
            format!("It stays yours until {until}, and you can keep it until then.")
        }
    };
    Html::new()
        .raw("<h1>Cancel ")
        .text(product_of(state, &price))
        .raw("</h1>\n<p>")
        .text(when)
        .raw("</p>\n<form method=\"post\" action=\"")
        .text(context.step(&format!("cancel/{id}")))
        .raw("\">\n")
        .add(reasons(context))
        .raw("<button>Cancel plan</button>\n</form>\n")
        .add(context.back())
        .page(StatusCode::OK, "Cancel plan")
}

fn reasons(context: &PortalContext) -> Html {
    let asked = "features.subscription_cancel.cancellation_reason";
    if !context.configuration.flag(&format!("{asked}.enabled")) {
        return Html::new();
    }
    let options = context.configuration.each(&format!("{asked}.options"));
    let named = options.iter().filter_map(|option| option.value().as_str());
    let shown = named.filter_map(|option| REASONS.iter().find(|(name, _)| *name == option));
    Html::new()
        .raw("<fieldset>\n<legend>Why do you leave?</legend>\n")
        .each(shown, |(name, words)| {
            Html::new()
                .raw("<label class=\"choice\"><input type=\"radio\" name=\"feedback\" value=\"")
                .text(name)
                .raw("\">")
                .text(words)
                .raw("</label>\n")
        })
        .raw("</fieldset>\n")
}

/// Cancels a subscription for the customer of the portal.
pub fn apply(state: &mut State, context: &PortalContext, id: &str, form: &Params) -> Response {
    if context.subscription(state, id).is_none() || !context.lets("subscription_cancel") {
        return forbidden_page(context);
    }
    let known = |feedback: &String| REASONS.iter().any(|(name, _)| name == feedback);
    let feedback = form.optional("feedback").filter(known);
    match portal::cancel(state, context.session.id(), id, feedback.as_deref()) {
        Ok(()) => context.finish("Your plan is canceled."),
        Err(error) => context.refusal(&error),
    }
}

/// Returns `true` if an end or a change lies ahead that the customer may undo.
pub fn can_be_undone(context: &PortalContext, subscription: &Object) -> bool {
    let ending = !subscription.is_null("cancel_at");
    let changing = subscription.maybe("schedule").is_some();
    (ending && context.lets("subscription_cancel")) || (!ending && changing && change::lets(context))
}

/// Takes back a cancellation or a planned change.
pub fn undo(state: &mut State, context: &PortalContext, id: &str) -> Response {
    let found = context.subscription(state, id).filter(|found| can_be_undone(context, found));
    let Some(subscription) = found.cloned() else { return forbidden_page(context) };
    if let Some(schedule) = subscription.maybe("schedule") {
        schedules::release_subscription(state, schedule);
    }
    let kept = match subscription.is_null("cancel_at") {
        true => Ok(()),
        false => portal::keep(state, context.session.id(), id),
    };
    match kept {
        Ok(()) => context.finish("Your plan goes on."),
        Err(error) => context.refusal(&error),
    }
}
