//! Confirmation pages: the bank's question whether a payment is meant, which some cards ask.
//!
//! Invariant: the question is asked only while the payment waits for the answer.

use super::html::{Html, see_other};
use super::words::money;
use super::{not_found, refusal_page};
use crate::billing::settlement;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Returns the question, as a part of a page whose form answers it.
pub fn question(amount: i64, currency: &str, action: &str) -> Html {
    Html::new()
        .raw("<p>Your bank asks whether you mean to pay ")
        .text(money(amount, currency))
        .raw(".</p>\n<form method=\"post\" action=\"")
        .text(action)
        .raw("\">\n<button name=\"confirm\" value=\"yes\">Complete authentication</button>\n")
        .raw("<button name=\"confirm\" value=\"no\" class=\"quiet\">Fail authentication</button>\n</form>\n")
}

/// Returns the answer of a form to the question, if it has one.
pub fn read_answer(form: &Params) -> Option<bool> {
    form.optional("confirm").map(|answer| answer == "yes")
}

/// Shows the question for a payment that belongs to no page of the simulator.
pub fn show(state: &State, id: &str) -> Response {
    let waiting = |intent: &&Object| intent.text("status") == "requires_action";
    let Some(intent) = state.get(id).filter(waiting) else { return not_found() };
    Html::new()
        .raw("<h1>Confirm the payment</h1>\n")
        .add(question(intent.int("amount"), intent.text("currency"), &format!("/c/authenticate/{id}")))
        .page(StatusCode::OK, "Confirm the payment")
}

/// Takes the answer, and redirects to the return address of the payment.
pub fn answer(state: &mut State, id: &str, form: &Params) -> Response {
    let Some(confirms) = read_answer(form) else { return show(state, id) };
    let onward = state.get(id).and_then(|intent| intent.maybe("next_action.redirect_to_url.return_url"));
    let onward = onward.map(str::to_owned);
    if let Err(error) = settlement::authenticate(state, id, confirms) {
        return refusal_page(&error, Html::new());
    }
    match onward {
        Some(address) => see_other(&address),
        None => Html::new()
            .raw("<h1>Thank you</h1>\n<p role=\"status\">You can close this page.</p>\n")
            .page(StatusCode::OK, "Thank you"),
    }
}
