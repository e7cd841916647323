//! Details of a customer: card and address.
//!
//! Invariant: the card that is saved pays the next renewals, of the customer and of each of their plans.

use super::{Visit, not_offered};
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
pub fn shown(state: &State, visit: &Visit, plans: &[&Object]) -> Html {
    let own = plans.iter().find_map(|subscription| subscription.maybe("default_payment_method"));
    let method = own.or(visit.customer.maybe("invoice_settings.default_payment_method")).and_then(|id| state.get(id));
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
    let change = visit.lets("payment_method_update").then(|| visit.step("card"));
    Html::new()
        .raw("<section aria-labelledby=\"card\">\n<h2 id=\"card\">Card</h2>\n<p>")
        .text(words)
        .raw("</p>\n")
        .maybe(change, |address| Html::new().raw("<p>").link(address, "Change card").raw("</p>\n"))
        .raw("</section>\n")
        .maybe(visit.lets("customer_update").then_some(()), |()| address(visit))
}

fn may_change(visit: &Visit, name: &str) -> bool {
    let allowed = visit.configuration.each("features.customer_update.allowed_updates");
    visit.lets("customer_update") && allowed.iter().any(|update| update.value() == name)
}

fn address(visit: &Visit) -> Html {
    let fields = DETAILS.iter().filter(|(name, ..)| may_change(visit, name));
    Html::new()
        .raw("<section aria-labelledby=\"details\">\n<h2 id=\"details\">Your details</h2>\n")
        .raw("<form method=\"post\" action=\"")
        .text(visit.step("details"))
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
                .text(visit.customer.text(name))
                .raw("\">\n")
        })
        .raw("<button class=\"quiet\">Save details</button>\n</form>\n</section>\n")
}

/// Saves the details that the customer entered.
pub fn change_details(state: &mut State, visit: &Visit, form: &Params) -> Response {
    let allowed = DETAILS.iter().filter(|(name, ..)| may_change(visit, name));
    let change = allowed.filter_map(|(name, ..)| Some(((*name).to_owned(), form.text(name)?)));
    match customers::update(state, visit.customer.id(), &Params::of(change)) {
        Ok(_) => visit.done("Your details are saved."),
        Err(error) => visit.refused(&error),
    }
}

/// Shows the form for another card.
pub fn card(visit: &Visit, problem: Option<&str>) -> Response {
    if !visit.lets("payment_method_update") {
        return not_offered(visit);
    }
    let status = problem.map_or(StatusCode::OK, |_| StatusCode::PAYMENT_REQUIRED);
    Html::new()
        .raw("<h1>Change card</h1>\n<form method=\"post\" action=\"")
        .text(visit.step("card"))
        .raw("\">\n")
        .add(card::problem(problem))
        .add(card::fields(problem))
        .raw("<button>Save card</button>\n</form>\n")
        .add(visit.back())
        .page(status, "Change card")
}

/// Saves another card, which pays from now on.
pub fn change_card(state: &mut State, visit: &Visit, form: &Params) -> Response {
    if !visit.lets("payment_method_update") {
        return not_offered(visit);
    }
    let card = match card::read(form, state.now_of(visit.customer.id())) {
        Ok(card) => card,
        Err(words) => return self::card(visit, Some(words)),
    };
    match portal::set_card(state, visit.session.id(), card) {
        Ok(_) => visit.done("Your card is saved."),
        Err(error) => self::card(visit, Some(error.message())),
    }
}
