//! Customer portal: a customer's plan, card and invoices, as far as the configuration shows them.
//!
//! A session that was made with `flow_data` opens at its step and leads back to the shop when the step is done.
//!
//! Invariant: every step asks the configuration itself, so that an address that is guessed does no more than a link.

mod cancellation;
mod change;
mod details;
mod home;

use super::html::{Html, see_other};
use super::{not_found, refusal_page};
use crate::error::StripeError;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Objects that a page of the portal is about: session, configuration and customer.
#[derive(Debug)]
struct PortalContext {
    session: Object,
    configuration: Object,
    customer: Object,
}

impl PortalContext {
    fn enter(state: &State, id: &str) -> Option<PortalContext> {
        let session = state.get(id).filter(|found| found.text("object") == "billing_portal.session")?;
        let configuration = state.get(session.text("configuration"))?.clone();
        let customer = state.get(session.text("customer")).filter(|customer| !customer.flag("deleted"))?.clone();
        Some(PortalContext { session: session.clone(), configuration, customer })
    }

    /// Returns `true` if the configuration lets a customer use a feature.
    fn lets(&self, feature: &str) -> bool {
        self.configuration.flag(&format!("features.{feature}.enabled"))
    }

    /// Returns the address of a step.
    fn step(&self, step: &str) -> String {
        format!("/p/session/{}/{step}", self.session.id())
    }

    /// Returns the step that the session was made for, if any.
    fn flow(&self) -> Option<&str> {
        self.session.maybe("flow.type")
    }

    /// Returns a subscription of this customer that has not ended.
    fn subscription<'a>(&self, state: &'a State, id: &str) -> Option<&'a Object> {
        let found = state.get(id).filter(|found| found.text("object") == "subscription")?;
        let over = ["canceled", "incomplete_expired"].contains(&found.text("status"));
        (found.text("customer") == self.customer.id() && !over).then_some(found)
    }

    /// Returns the links of a step: out of the portal, and back to its first page.
    fn back(&self) -> Html {
        // A session that was made for one step shows nothing else.
        self.ways_out(self.flow().is_none().then(|| self.step("home")))
    }

    fn ways_out(&self, home: Option<String>) -> Html {
        let out = self.session.maybe("return_url").filter(|url| !url.is_empty());
        Html::new()
            .raw("<nav aria-label=\"Ways out\">\n")
            .maybe(out, |url| Html::new().raw("<p>").link(url, "Back to the shop").raw("</p>\n"))
            .maybe(home, |home| Html::new().raw("<p>").link(home, "Plan and payments").raw("</p>\n"))
            .raw("</nav>\n")
    }

    /// Returns the response after a finished step: a redirect, a confirmation, or the first page.
    fn finish(&self, what: &str) -> Response {
        match self.session.text("flow.after_completion.type") {
            "redirect" => see_other(self.session.text("flow.after_completion.redirect.return_url")),
            "hosted_confirmation" => {
                let words = self.session.maybe("flow.after_completion.hosted_confirmation.custom_message");
                Html::new()
                    .raw("<h1>Done</h1>\n<p class=\"good\" role=\"status\">")
                    .text(words.unwrap_or(what))
                    .raw("</p>\n")
                    .add(self.back())
                    .page(StatusCode::OK, "Done")
            }
            _ => see_other(&self.step("home")),
        }
    }

    /// Returns the page for a refused request, with links to go on; one of them may lead to another card.
    fn refusal(&self, error: &StripeError) -> Response {
        let card = (error.status() == 402 && self.lets("payment_method_update")).then(|| self.step("card"));
        let card = Html::new().maybe(card, |step| Html::new().raw("<p>").link(step, "Change card").raw("</p>\n"));
        refusal_page(error, card.add(self.back()))
    }
}

/// Returns the response after a step that was finished on another page, if the session exists.
pub fn finish(state: &State, session: &str, what: &str) -> Option<Response> {
    PortalContext::enter(state, session).map(|context| context.finish(what))
}

/// Shows a page of the portal.
pub fn get(state: &mut State, id: &str, step: &[&str], query: &Params) -> Response {
    let Some(context) = PortalContext::enter(state, id) else { return not_found() };
    match step {
        [] => first(state, &context),
        ["home"] => home::show(state, &context),
        ["change", subscription] => change::choose(state, &context, subscription),
        ["confirm", subscription] => {
            let price = query.optional("price").unwrap_or_default();
            change::confirm(state, &context, subscription, &price)
        }
        ["cancel", subscription] => cancellation::ask(state, &context, subscription),
        ["card"] => details::card(&context, None),
        _ => not_found(),
    }
}

/// Carries out a form of the portal.
pub fn post(state: &mut State, id: &str, step: &[&str], form: &Params) -> Response {
    let Some(context) = PortalContext::enter(state, id) else { return not_found() };
    match step {
        ["confirm", subscription] => {
            let price = form.optional("price").unwrap_or_default();
            change::apply(state, &context, subscription, &price)
        }
        ["cancel", subscription] => cancellation::apply(state, &context, subscription, form),
        ["keep", subscription] => cancellation::undo(state, &context, subscription),
        ["card"] => details::change_card(state, &context, form),
        ["details"] => details::change_details(state, &context, form),
        _ => not_found(),
    }
}

/// Returns the page that a session opens with.
fn first(state: &mut State, context: &PortalContext) -> Response {
    let flow = context.session.clone();
    match context.flow() {
        None => home::show(state, context),
        Some("payment_method_update") => details::card(context, None),
        Some("subscription_cancel") => {
            cancellation::ask(state, context, flow.text("flow.subscription_cancel.subscription"))
        }
        Some("subscription_update") => {
            change::choose(state, context, flow.text("flow.subscription_update.subscription"))
        }
        Some("subscription_update_confirm") => {
            let asked = "flow.subscription_update_confirm";
            let subscription = flow.text(&format!("{asked}.subscription"));
            let price = flow.text(&format!("{asked}.items.0.price"));
            change::confirm(state, context, subscription, price)
        }
        Some(_) => home::show(state, context),
    }
}

/// Returns the page for a request that the configuration does not offer.
fn forbidden_page(context: &PortalContext) -> Response {
    Html::new()
        .raw("<h1>This is not offered</h1>\n<p role=\"alert\">The shop does not offer this here.</p>\n")
        .add(context.back())
        .page(StatusCode::FORBIDDEN, "This is not offered")
}
