//! Home page of the portal.
//!
//! Invariant: showing the page changes nothing.

use super::PortalContext;
use crate::object::Object;
use crate::pages::html::Html;
use crate::pages::words::{cost, day, money, product_of};
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Maximum number of invoices on the page.
const INVOICES_MAX: usize = 24;

/// Shows the page: plans, card, details and invoices.
pub fn show(state: &State, context: &PortalContext) -> Response {
    let headline = context.configuration.maybe("business_profile.headline").unwrap_or("Your plan and payments");
    let mine = state.with("subscription", "customer", context.customer.id()).map(Object::id);
    let plans: Vec<&Object> = mine.filter_map(|id| context.subscription(state, id)).collect();
    let none = plans.is_empty().then_some("You have no plan.");
    Html::new()
        .raw("<h1>")
        .text(headline)
        .raw("</h1>\n<section aria-labelledby=\"plan\">\n<h2 id=\"plan\">Current plan</h2>\n")
        .maybe(none, |words| Html::new().raw("<p>").text(words).raw("</p>\n"))
        .each(&plans, |subscription| plan(state, context, subscription))
        .raw("</section>\n")
        .add(super::details::summary(state, context, &plans))
        .maybe(context.lets("invoice_history").then_some(()), |()| invoices(state, context))
        .add(context.ways_out(None))
        .page(StatusCode::OK, headline)
}

fn plan(state: &State, context: &PortalContext, subscription: &Object) -> Html {
    let item = subscription.each("items").into_iter().next().unwrap_or_else(|| Object::from(serde_json::Value::Null));
    let price = Object::from(item.at("price").clone());
    let id = subscription.id();
    let until = item.int("current_period_end");
    let ending = subscription.at("cancel_at").as_i64();
    let scheduled = super::change::scheduled_change(state, subscription);
    let words = match (ending, &scheduled, subscription.text("status")) {
        (Some(at), ..) => format!("Ends on {}.", day(at)),
        (None, Some((at, next)), _) => format!("Changes to {} on {}.", product_of(state, next), day(*at)),
        (None, None, "trialing") => format!("Free until {}, then paid.", day(until)),
        (None, None, "active") => format!("Renews on {}.", day(until)),
        (None, None, _) => "The last payment is still open.".to_owned(),
    };
    let settled = ending.is_none() && scheduled.is_none();
    let open = subscription.maybe("latest_invoice").and_then(|invoice| state.get(invoice));
    let open = open.filter(|invoice| invoice.text("status") == "open").map(|invoice| format!("/i/{}", invoice.id()));
    let link = |step: &str, words: &'static str| {
        Html::new().raw("<p>").link(context.step(&format!("{step}/{id}")), words).raw("</p>\n")
    };
    Html::new()
        .raw("<p><strong>")
        .text(product_of(state, &price))
        .raw("</strong>, ")
        .text(cost(&price, item.int("quantity").max(1)))
        .raw("</p>\n<p>")
        .text(words)
        .raw("</p>\n")
        .maybe(open, |invoice| Html::new().raw("<p>").link(invoice, "Pay the open invoice").raw("</p>\n"))
        .maybe((settled && super::change::lets(context)).then_some(()), |()| link("change", "Change plan"))
        .maybe((settled && context.lets("subscription_cancel")).then_some(()), |()| link("cancel", "Cancel plan"))
        .maybe(super::cancellation::can_be_undone(context, subscription).then_some(()), |()| {
            Html::new()
                .raw("<form method=\"post\" action=\"")
                .text(context.step(&format!("keep/{id}")))
                .raw("\">\n<button>Keep plan</button>\n</form>\n")
        })
}

fn invoices(state: &State, context: &PortalContext) -> Html {
    let mine = state.with("invoice", "customer", context.customer.id()).rev();
    let shown: Vec<&Object> = mine.filter(|invoice| invoice.text("status") != "draft").take(INVOICES_MAX).collect();
    let none = shown.is_empty().then_some("There are none yet.");
    let section = Html::new()
        .raw("<section aria-labelledby=\"invoices\">\n<h2 id=\"invoices\">Invoices</h2>\n")
        .maybe(none, |words| Html::new().raw("<p>").text(words).raw("</p>\n"));
    if shown.is_empty() {
        return section.raw("</section>\n");
    }
    section
        .raw("<table>\n<thead>\n<tr><th scope=\"col\">Date</th><th scope=\"col\">Number</th>")
        .raw("<th scope=\"col\">Status</th><th scope=\"col\" class=\"amount\">Amount</th></tr>\n</thead>\n<tbody>\n")
        .each(shown, |invoice| {
            let status = match invoice.text("status") {
                "paid" => "Paid",
                "open" => "Open",
                "void" => "Void",
                _ => "Not collected",
            };
            let number = invoice.maybe("number").unwrap_or_else(|| invoice.id());
            Html::new()
                .raw("<tr><td>")
                .text(day(invoice.int("created")))
                .raw("</td><td>")
                .link(format!("/i/{}", invoice.id()), number)
                .raw("</td><td>")
                .text(status)
                .raw("</td><td class=\"amount\">")
                .text(money(invoice.int("total"), invoice.text("currency")))
                .raw("</td></tr>\n")
        })
        .raw("</tbody>\n</table>\n</section>\n")
}
