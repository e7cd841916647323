//! Hosted pages: Checkout, the customer portal, and invoices, as plain forms that work without a script.
//!
//! The pages are for people and for browsers that tests drive. Their forms call the functions that the API uses.
//!
//! Invariant: a page shows what the API would answer at that moment, and a form does nothing that the API could not.

mod authentication;
mod card;
mod checkout;
mod html;
mod invoice;
mod pdf;
mod portal;
mod words;

use crate::error::StripeError;
use crate::params::Params;
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;
use html::Html;

/// Shows the page at a path, if there is one.
pub fn get(state: &mut State, path: &str, query: &str) -> Response {
    let query = Params::parse(query);
    match parts(path).as_slice() {
        ["c", "pay", session] => checkout::show(state, session),
        ["c", "authenticate", intent] => authentication::show(state, intent),
        ["p", "session", session, step @ ..] => portal::get(state, session, step, &query),
        ["i", invoice] => invoice::show(state, invoice, &query),
        ["i", invoice, "pdf"] => invoice::print(state, invoice),
        ["receipts", charge] => invoice::receipt(state, charge),
        _ => not_found(),
    }
}

/// Carries out the form at a path.
pub fn post(state: &mut State, path: &str, query: &str, form: &str) -> Response {
    let (query, form) = (Params::parse(query), Params::parse(form));
    match parts(path).as_slice() {
        ["c", "pay", session] => checkout::pay(state, session, &form),
        ["c", "authenticate", intent] => authentication::answer(state, intent, &form),
        ["p", "session", session, step @ ..] => portal::post(state, session, step, &form),
        ["i", invoice] => invoice::pay(state, invoice, &query, &form),
        _ => not_found(),
    }
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

/// Returns the page for an address that leads nowhere.
fn not_found() -> Response {
    Html::new()
        .raw("<h1>There is nothing here</h1>\n<p>The address is wrong, or what it led to is gone.</p>\n")
        .page(StatusCode::NOT_FOUND, "There is nothing here")
}

/// Returns the page for a refused request, with links to go on.
fn refusal_page(error: &StripeError, back: Html) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Html::new()
        .raw("<h1>That did not work</h1>\n")
        .add(card::problem(Some(error.message())))
        .add(back)
        .page(status, "That did not work")
}
