//! Hosted invoices: the lines of an invoice, and the form that pays it.
//!
//! Invariant: an invoice that is not open takes no payment.

use super::html::{Html, see_other};
use super::words::{day, money};
use super::{authentication, card, not_found, pdf, portal};
use crate::billing::payment::Attempt;
use crate::billing::settlement;
use crate::object::Object;
use crate::params::Params;
use crate::resources::invoices;
use crate::state::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Shows the page of an invoice.
pub fn show(state: &State, id: &str, query: &Params) -> Response {
    page(state, id, query, None)
}

fn find_invoice<'a>(state: &'a State, id: &str) -> Option<&'a Object> {
    state.get(id).filter(|found| found.text("object") == "invoice" && found.text("status") != "draft")
}

/// Returns the address of an invoice, which may have been reached from a session of the portal.
fn address(id: &str, query: &Params) -> String {
    match query.optional("portal") {
        Some(session) => format!("/i/{id}?portal={}", session.replace(|c: char| !c.is_alphanumeric() && c != '_', "")),
        None => format!("/i/{id}"),
    }
}

fn page(state: &State, id: &str, query: &Params, problem: Option<&str>) -> Response {
    let Some(invoice) = find_invoice(state, id) else { return not_found() };
    let currency = invoice.text("currency");
    let title = format!("Invoice {}", invoice.text("number"));
    let lines = invoice.each("lines");
    let page = Html::new()
        .raw("<h1>")
        .text(&title)
        .raw("</h1>\n<p class=\"soft\">")
        .text(format!("{}, {}", invoice.text("account_name"), day(invoice.int("created"))))
        .raw("</p>\n<table>\n<caption>What it is for</caption>\n<tbody>\n")
        .each(&lines, |line| {
            Html::new()
                .raw("<tr><td>")
                .text(line.text("description"))
                .raw("<br><span class=\"soft\">")
                .text(format!("{} to {}", day(line.int("period.start")), day(line.int("period.end"))))
                .raw("</span></td><td class=\"amount\">")
                .text(money(line.int("amount"), currency))
                .raw("</td></tr>\n")
        })
        .raw("<tr class=\"total\"><td>Total</td><td class=\"amount\">")
        .text(money(invoice.int("total"), currency))
        .raw("</td></tr>\n</tbody>\n</table>\n<p>")
        .link(format!("/i/{id}/pdf"), "Print")
        .raw("</p>\n")
        .add(status_section(state, invoice, &address(id, query), problem));
    page.page(problem.map_or(StatusCode::OK, |_| StatusCode::PAYMENT_REQUIRED), &title)
}

/// Returns the status of an invoice, with the form that pays it while it is open.
fn status_section(state: &State, invoice: &Object, action: &str, problem: Option<&str>) -> Html {
    let message = |words: String| Html::new().raw("<p class=\"good\" role=\"status\">").text(words).raw("</p>\n");
    match invoice.text("status") {
        "open" => {}
        "paid" => return message(format!("Paid on {}.", day(invoice.int("status_transitions.paid_at")))),
        "void" => return message("This invoice is void: nothing is owed.".to_owned()),
        _ => return message("This invoice is not collected.".to_owned()),
    }
    let (amount, currency) = (invoice.int("amount_remaining"), invoice.text("currency"));
    let intent = settlement::intent_of(state, invoice.id()).and_then(|intent| state.get(&intent));
    if intent.is_some_and(|intent| intent.text("status") == "requires_action") {
        return authentication::question(amount, currency, action);
    }
    if intent.is_some_and(|intent| intent.text("status") == "processing") {
        return message("Your payment is on its way.".to_owned());
    }
    Html::new()
        .raw("<form method=\"post\" action=\"")
        .text(action)
        .raw("\">\n")
        .add(card::problem(problem))
        .add(card::fields(problem))
        .raw("<button>Pay ")
        .text(money(amount, currency))
        .raw("</button>\n</form>\n")
}

/// Returns an invoice as a PDF file.
pub fn print(state: &State, id: &str) -> Response {
    let Some(invoice) = find_invoice(state, id) else { return not_found() };
    ([(header::CONTENT_TYPE, "application/pdf")], pdf::invoice(invoice)).into_response()
}

/// Shows the receipt of a paid charge.
pub fn receipt(state: &State, id: &str) -> Response {
    let Some(charge) = state.get(id).filter(|found| found.text("object") == "charge" && found.flag("paid")) else {
        return not_found();
    };
    let currency = charge.text("currency");
    let back = Some(charge.int("amount_refunded")).filter(|back| *back > 0);
    Html::new()
        .raw("<h1>Receipt</h1>\n<p>")
        .text(money(charge.int("amount"), currency))
        .raw(" paid on ")
        .text(day(charge.int("created")))
        .raw(".</p>\n")
        .maybe(back, |back| Html::new().raw("<p>").text(money(back, currency)).raw(" given back.</p>\n"))
        .page(StatusCode::OK, "Receipt")
}

/// Pays an invoice with the card of the form, or takes the answer to the bank's question.
pub fn pay(state: &mut State, id: &str, query: &Params, form: &Params) -> Response {
    if find_invoice(state, id).is_none_or(|invoice| invoice.text("status") != "open") {
        return show(state, id, query);
    }
    let attempt = match authentication::read_answer(form) {
        Some(confirms) => match settlement::intent_of(state, id) {
            Some(intent) => settlement::authenticate(state, &intent, confirms),
            None => return show(state, id, query),
        },
        None => match card::read(form, state.now_of(id)) {
            Ok(card) => invoices::pay_on_page(state, id, Some(card)),
            Err(words) => return page(state, id, query, Some(words)),
        },
    };
    match attempt {
        Ok(Attempt::Declined(error)) | Err(error) => page(state, id, query, Some(error.message())),
        Ok(Attempt::NeedsAction | Attempt::Processing) => see_other(&address(id, query)),
        Ok(Attempt::Paid) => {
            let session = query.optional("portal");
            let step = session.and_then(|session| portal::finish(state, &session, "Your plan is changed."));
            step.unwrap_or_else(|| see_other(&address(id, query)))
        }
    }
}
