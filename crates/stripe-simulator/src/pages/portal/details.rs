//! Details of a customer: card and address.
//!
//! Invariant: the card that is saved pays the next renewals, of the customer and of each of their plans.

use super::{PortalContext, forbidden_page};
use crate::object::Object;
use crate::pages::card;
use crate::pages::html::Html;
use crate::params::Params;
use crate::resources::{customers, portal};
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Details that customers may change themselves: name in the configuration, label, and kind of the field.
const DETAILS: [(&str, &str, &str); 3] =
    [("name", "Name", "name"), ("email", "E-mail", "email"), ("phone", "Telephone", "tel")];

/// Returns what the first page shows: the card that pays a plan, or would pay one.
pub fn summary(state: &State, context: &PortalContext, plans: &[&Object]) -> Html {
    let own = plans.iter().find_map(|subscription| subscription.maybe("default_payment_method"));
    let method = own.or(context.customer.maybe("invoice_settings.default_payment_method")).and_then(|id| state.get(id));
    let words = match method {
        Some(method) if method.text("type") != "card" => {
            let account = Object::from(method.at(method.text("type")).clone());
            format!("Bank account ending in {}", account.text("last4"))
        }
        Some(method) => format!(
            "{} ending in {}, expires {} / {}",
            method.text("card.display_brand"),
            method.text("card.last4"),
            method.int("card.exp_month"),
            method.int("card.exp_year"),
        ),
        None => "None is saved.".to_owned(),
    };
    let change = context.lets("payment_method_update").then(|| context.step("card"));
    Html::new()
        .raw("<section aria-labelledby=\"card\">\n<h2 id=\"card\">Card</h2>\n<p>")
        .text(words)
        .raw("</p>\n")
        .maybe(change, |address| Html::new().raw("<p>").link(address, "Change card").raw("</p>\n"))
        .raw("</section>\n")
        .maybe(context.lets("customer_update").then_some(()), |()| address(context))
}

fn may_change(context: &PortalContext, name: &str) -> bool {
    let allowed = context.configuration.each("features.customer_update.allowed_updates");
    context.lets("customer_update") && allowed.iter().any(|update| update.value() == name)
}

fn address(context: &PortalContext) -> Html {
    let fields = DETAILS.iter().filter(|(name, ..)| may_change(context, name));
    Html::new()
        .raw("<section aria-labelledby=\"details\">\n<h2 id=\"details\">Your details</h2>\n")
        .raw("<form method=\"post\" action=\"")
        .text(context.step("details"))
        .raw("\">\n")
        .each(fields, |(name, label, kind)| {
            Html::new()
                .raw("<label for=\"")
                .text(name)
                .raw("\">")
                .text(label)
                .raw("</label>\n<input id=\"")
                .text(name)
                .raw("\" name=\"")
                .text(name)
                .raw("\" autocomplete=\"")
                .text(kind)
                .raw("\" value=\"")
                .text(context.customer.text(name))
                .raw("\">\n")
        })
        .raw("<button class=\"quiet\">Save details</button>\n</form>\n</section>\n")
}

/// Saves the details that the customer entered.
pub fn change_details(state: &mut State, context: &PortalContext, form: &Params) -> Response {
    let allowed = DETAILS.iter().filter(|(name, ..)| may_change(context, name));
    let change = allowed.filter_map(|(name, ..)| Some(((*name).to_owned(), form.text(name)?)));
    match customers::update(state, context.customer.id(), &Params::of(change)) {
        Ok(_) => context.finish("Your details are saved."),
        Err(error) => context.refusal(&error),
    }
}

/// Shows the form for another card.
pub fn card(context: &PortalContext, problem: Option<&str>) -> Response {
    if !context.lets("payment_method_update") {
        return forbidden_page(context);
    }
    let status = problem.map_or(StatusCode::OK, |_| StatusCode::PAYMENT_REQUIRED);
    Html::new()
        .raw("<h1>Change card</h1>\n<form method=\"post\" action=\"")
        .text(context.step("card"))
        .raw("\">\n")
        .add(card::problem(problem))
        .add(card::fields(problem))
        .raw("<button>Save card</button>\n</form>\n")
        .add(context.back())
        .page(status, "Change card")
}

/// Saves another card, which pays from now on.
pub fn change_card(state: &mut State, context: &PortalContext, form: &Params) -> Response {
    if !context.lets("payment_method_update") {
        return forbidden_page(context);
    }
    let card = match card::read(form, state.now_of(context.customer.id())) {
        Ok(card) => card,
        Err(words) => return self::card(context, Some(words)),
    };
    match portal::set_card(state, context.session.id(), card) {
        Ok(_) => context.finish("Your card is saved."),
        Err(error) => self::card(context, Some(error.message())),
    }
}
