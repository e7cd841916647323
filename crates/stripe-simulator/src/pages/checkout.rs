//! Checkout pages: the items of a session, their cost now and later, and the form that pays for them.
//!
//! Invariant: a session is paid at most once, and only while it is open.

use super::html::{Html, see_other};
use super::words::{cost, money};
use super::{authentication, card, not_found};
use crate::object::Object;
use crate::params::Params;
use crate::resources::checkout::{self, Completion};
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Earlier input of a form that is shown again, and the problem with it.
#[derive(Clone, Copy, Default)]
struct Retry<'a> {
    email: &'a str,
    problem: Option<&'a str>,
}

fn find_session<'a>(state: &'a State, id: &str) -> Option<&'a Object> {
    state.get(id).filter(|found| found.text("object") == "checkout.session")
}

/// Shows the page of a session.
pub fn show(state: &State, id: &str) -> Response {
    page(state, id, Retry::default())
}

fn page(state: &State, id: &str, retry: Retry) -> Response {
    let Some(session) = find_session(state, id) else { return not_found() };
    let title = title(session);
    let page = Html::new().raw("<h1>").text(title).raw("</h1>\n");
    let page = match session.text("status") {
        "complete" if session.text("mode") == "setup" => {
            page.raw("<p class=\"good\" role=\"status\">This is saved. You can close this page.</p>\n")
        }
        "complete" => page.raw("<p class=\"good\" role=\"status\">This is paid. You can close this page.</p>\n"),
        "expired" => {
            page.raw("<p role=\"alert\">This page has expired. Start again in the shop.</p>\n").add(back(session))
        }
        _ => page.add(order(session)).add(form(state, session, retry)).add(back(session)),
    };
    page.page(retry.problem.map_or(StatusCode::OK, |_| StatusCode::PAYMENT_REQUIRED), title)
}

fn title(session: &Object) -> &'static str {
    match session.text("mode") {
        "subscription" => "Subscribe",
        "setup" => "Save your means of payment",
        _ => "Pay",
    }
}

fn back(session: &Object) -> Html {
    let url = session.maybe("cancel_url").filter(|url| !url.is_empty());
    Html::new().maybe(url, |url| Html::new().raw("<p>").link(url, "Back to the shop").raw("</p>\n"))
}

/// Returns the items of a session, with their cost.
fn order(session: &Object) -> Html {
    let lines = session.each("_lines");
    let currency = session.text("currency");
    let message = session.at("custom_text")["submit"]["message"].as_str();
    let message = Html::new().maybe(message, |message| Html::new().raw("<p>").text(message).raw("</p>\n"));
    if session.text("mode") == "setup" {
        return message;
    }
    let later: Vec<String> = lines
        .iter()
        .map(|line| (Object::from(line.at("price").clone()), line.int("quantity")))
        .filter(|(price, _)| !price.is_null("recurring"))
        .map(|(price, quantity)| cost(&price, quantity))
        .collect();
    Html::new()
        .raw("<table>\n<caption>Your order</caption>\n<tbody>\n")
        .each(&lines, |line| {
            let quantity = line.int("quantity");
            let many = (quantity > 1).then(|| format!(" × {quantity}"));
            Html::new()
                .raw("<tr><td>")
                .text(line.text("description"))
                .maybe(many, |many| Html::new().text(many))
                .raw("</td><td class=\"amount\">")
                .text(money(line.int("amount_total"), currency))
                .raw("</td></tr>\n")
        })
        .raw("<tr class=\"total\"><td>Due today</td><td class=\"amount\">")
        .text(money(session.int("amount_total"), currency))
        .raw("</td></tr>\n</tbody>\n</table>\n")
        .each(later, |later| Html::new().raw("<p class=\"soft\">Then ").text(later).raw(", until you cancel.</p>\n"))
        .add(message)
}

/// Returns the form that pays, or the bank's question while a payment waits for its answer.
fn form(state: &State, session: &Object, retry: Retry) -> Html {
    let action = format!("/c/pay/{}", session.id());
    let (amount, currency) = (session.int("amount_total"), session.text("currency"));
    if session.maybe("_waiting").is_some() {
        return authentication::question(amount, currency, &action);
    }
    let customer = session.maybe("customer").and_then(|id| state.get(id)).and_then(|customer| customer.maybe("email"));
    let known = session.maybe("customer_email").or(customer);
    let words = match session.text("mode") {
        "payment" => format!("Pay {}", money(amount, currency)),
        "setup" => "Save".to_owned(),
        _ => title(session).to_owned(),
    };
    Html::new()
        .raw("<form method=\"post\" action=\"")
        .text(action)
        .raw("\">\n")
        .add(card::problem(retry.problem))
        .maybe(known, |email| Html::new().raw("<p>For ").text(email).raw("</p>\n"))
        .maybe(known.is_none().then_some(()), |()| {
            Html::new()
                .raw("<label for=\"email\">E-mail</label>\n<input id=\"email\" name=\"email\" type=\"email\" required")
                .raw(" autocomplete=\"email\" value=\"")
                .text(retry.email)
                .raw("\">\n")
        })
        .add(card::fields(retry.problem))
        .raw("<button>")
        .text(words)
        .raw("</button>\n</form>\n")
}

/// Pays with the card of the form, or takes the answer to the bank's question.
pub fn pay(state: &mut State, id: &str, form: &Params) -> Response {
    let Some(session) = find_session(state, id).filter(|session| session.text("status") == "open") else {
        return show(state, id);
    };
    let clock = session.maybe("customer").map_or_else(|| state.now(None), |customer| state.now_of(customer));
    let email = form.optional("email").unwrap_or_default();
    let retry = |problem| Retry { email: &email, problem };
    let completion = match authentication::read_answer(form) {
        Some(true) => checkout::confirm(state, id),
        Some(false) => checkout::abandon_action(state, id),
        None => match card::read(form, clock) {
            Ok(card) => checkout::complete(state, id, card, form.optional("email").as_deref()),
            Err(words) => return page(state, id, retry(Some(words))),
        },
    };
    match completion {
        Ok(Completion::Complete(address)) => see_other(&address),
        Ok(Completion::NeedsAction) => see_other(&format!("/c/pay/{id}")),
        Ok(Completion::Declined(error)) | Err(error) => page(state, id, retry(Some(error.message()))),
    }
}
