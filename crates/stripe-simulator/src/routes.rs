//! Routes of the API, all in one function.
//!
//! Invariant: a path that is not here is answered 404, as Stripe does.

use crate::error::{Answer, StripeError};
use crate::params::Params;
use crate::resources::{
    accounts, balance_transactions, charges, checkout, credit_notes, customers, disputes, events, invoice_items,
    invoice_payments, invoices, payment_intents, payment_methods, portal, prices, products, refunds, schedules,
    setup_intents, subscriptions, test_clocks, webhook_endpoints,
};
use crate::state::State;

/// Answers a request to the API.
///
/// # Errors
/// When there is no such route, or the route refuses.
pub fn dispatch(state: &mut State, method: &str, path: &str, params: &Params) -> Answer {
    let path = path.trim_start_matches("/v1/").trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["account"]) => accounts::get(state, params),
        (_, ["customers" | "payment_methods" | "products" | "prices", ..]) => {
            route_catalog(state, method, &parts, params)
        }
        (_, ["checkout" | "billing_portal" | "subscriptions" | "subscription_schedules", ..]) => {
            route_sales(state, method, &parts, params)
        }
        (_, ["invoices" | "invoice_payments" | "invoiceitems" | "credit_notes", ..]) => {
            route_invoices(state, method, &parts, params)
        }
        (_, ["payment_intents" | "charges" | "refunds" | "disputes", ..]) => {
            route_payments(state, method, &parts, params)
        }
        ("GET", ["setup_intents", id]) => setup_intents::get(state, id, params),
        ("GET", ["events"]) => events::list(state, params),
        ("GET", ["events", id]) => events::get(state, id, params),
        ("POST", ["webhook_endpoints"]) => webhook_endpoints::create(state, params),
        ("GET", ["webhook_endpoints"]) => webhook_endpoints::list(state, params),
        ("GET", ["webhook_endpoints", id]) => webhook_endpoints::get(state, id, params),
        ("POST", ["webhook_endpoints", id]) => webhook_endpoints::update(state, id, params),
        ("DELETE", ["webhook_endpoints", id]) => webhook_endpoints::delete(state, id, params),
        ("POST", ["test_helpers", "test_clocks"]) => test_clocks::create(state, params),
        ("GET", ["test_helpers", "test_clocks"]) => test_clocks::list(state, params),
        ("GET", ["test_helpers", "test_clocks", id]) => test_clocks::get(state, id, params),
        ("POST", ["test_helpers", "test_clocks", id, "advance"]) => test_clocks::advance(state, id, params),
        ("DELETE", ["test_helpers", "test_clocks", id]) => test_clocks::delete(state, id, params),
        _ => Err(no_such_route(method, path)),
    }
}

fn no_such_route(method: &str, path: &str) -> StripeError {
    let message = format!("Unrecognized request URL ({method}: /v1/{path}).");
    StripeError::new(404, "invalid_request_error", message)
}

/// Answers requests about customers, payment methods, products and prices.
fn route_catalog(state: &mut State, method: &str, parts: &[&str], params: &Params) -> Answer {
    match (method, parts) {
        ("POST", ["customers"]) => customers::create(state, params),
        ("GET", ["customers"]) => customers::list(state, params),
        ("GET", ["customers", id]) => customers::get(state, id, params),
        ("POST", ["customers", id]) => customers::update(state, id, params),
        ("DELETE", ["customers", id]) => customers::delete(state, id, params),
        ("POST", ["customers", id, "balance_transactions"]) => balance_transactions::create(state, id, params),
        ("GET", ["customers", id, "balance_transactions"]) => balance_transactions::list(state, id, params),
        ("GET", ["customers", id, "balance_transactions", one]) => balance_transactions::get(state, id, one, params),
        ("POST", ["customers", id, "balance_transactions", one]) => {
            balance_transactions::update(state, id, one, params)
        }
        ("GET", ["customers", id, "payment_methods"]) => payment_methods::list(state, Some(id), params),
        ("POST", ["payment_methods"]) => payment_methods::create(state, params),
        ("GET", ["payment_methods"]) => payment_methods::list(state, None, params),
        ("GET", ["payment_methods", id]) => payment_methods::get(state, id, params),
        ("POST", ["payment_methods", id, "attach"]) => payment_methods::attach(state, id, params),
        ("POST", ["payment_methods", id, "detach"]) => payment_methods::detach(state, id, params),
        ("POST", ["products"]) => products::create(state, params),
        ("GET", ["products"]) => products::list(state, params),
        ("GET", ["products", id]) => products::get(state, id, params),
        ("POST", ["products", id]) => products::update(state, id, params),
        ("POST", ["prices"]) => prices::create(state, params),
        ("GET", ["prices"]) => prices::list(state, params),
        ("GET", ["prices", id]) => prices::get(state, id, params),
        ("POST", ["prices", id]) => prices::update(state, id, params),
        _ => Err(no_such_route(method, &parts.join("/"))),
    }
}

/// Answers requests about checkout, the portal, subscriptions and schedules.
fn route_sales(state: &mut State, method: &str, parts: &[&str], params: &Params) -> Answer {
    match (method, parts) {
        ("POST", ["checkout", "sessions"]) => checkout::create(state, params),
        ("GET", ["checkout", "sessions"]) => checkout::list(state, params),
        ("GET", ["checkout", "sessions", id]) => checkout::get(state, id, params),
        ("GET", ["checkout", "sessions", id, "line_items"]) => checkout::line_items(state, id, params),
        ("POST", ["checkout", "sessions", id, "expire"]) => checkout::expire(state, id, params),
        ("POST", ["billing_portal", "configurations"]) => portal::create_configuration(state, params),
        ("GET", ["billing_portal", "configurations"]) => portal::list_configurations(state, params),
        ("GET", ["billing_portal", "configurations", id]) => portal::get_configuration(state, id, params),
        ("POST", ["billing_portal", "configurations", id]) => portal::update_configuration(state, id, params),
        ("POST", ["billing_portal", "sessions"]) => portal::create_session(state, params),
        ("POST", ["subscriptions"]) => subscriptions::create(state, params),
        ("GET", ["subscriptions"]) => subscriptions::list(state, params),
        ("GET", ["subscriptions", id]) => subscriptions::get(state, id, params),
        ("POST", ["subscriptions", id]) => subscriptions::update(state, id, params),
        ("DELETE", ["subscriptions", id]) => subscriptions::cancel(state, id, params),
        ("POST", ["subscription_schedules"]) => schedules::create(state, params),
        ("GET", ["subscription_schedules"]) => schedules::list(state, params),
        ("GET", ["subscription_schedules", id]) => schedules::get(state, id, params),
        ("POST", ["subscription_schedules", id]) => schedules::update(state, id, params),
        ("POST", ["subscription_schedules", id, "release"]) => schedules::release(state, id, params),
        ("POST", ["subscription_schedules", id, "cancel"]) => schedules::cancel(state, id, params),
        _ => Err(no_such_route(method, &parts.join("/"))),
    }
}

/// Answers requests about invoices, their items and credit notes.
fn route_invoices(state: &mut State, method: &str, parts: &[&str], params: &Params) -> Answer {
    match (method, parts) {
        ("GET", ["invoices"]) => invoices::list(state, params),
        ("GET", ["invoices", id]) => invoices::get(state, id, params),
        ("GET", ["invoices", id, "lines"]) => invoices::lines(state, id, params),
        ("POST", ["invoices", id, "finalize"]) => invoices::finalize(state, id, params),
        ("POST", ["invoices", id, "pay"]) => invoices::pay(state, id, params),
        ("POST", ["invoices", id, "void"]) => invoices::void(state, id, params),
        ("POST", ["invoices", id, "mark_uncollectible"]) => invoices::mark_uncollectible(state, id, params),
        ("GET", ["invoice_payments"]) => invoice_payments::list(state, params),
        ("GET", ["invoice_payments", id]) => invoice_payments::get(state, id, params),
        ("POST", ["credit_notes"]) => credit_notes::create(state, params),
        ("GET", ["credit_notes"]) => credit_notes::list(state, params),
        ("GET", ["credit_notes", id]) => credit_notes::get(state, id, params),
        ("POST", ["credit_notes", id]) => credit_notes::update(state, id, params),
        ("GET", ["credit_notes", id, "lines"]) => credit_notes::lines(state, id, params),
        ("POST", ["credit_notes", id, "void"]) => credit_notes::void(state, id, params),
        ("POST", ["invoices"]) => invoices::create(state, params),
        ("POST", ["invoices", id]) => invoices::update(state, id, params),
        ("POST", ["invoiceitems"]) => invoice_items::create(state, params),
        ("GET", ["invoiceitems"]) => invoice_items::list(state, params),
        ("GET", ["invoiceitems", id]) => invoice_items::get(state, id, params),
        ("POST", ["invoiceitems", id]) => invoice_items::update(state, id, params),
        ("DELETE", ["invoiceitems", id]) => invoice_items::delete(state, id, params),
        _ => Err(no_such_route(method, &parts.join("/"))),
    }
}

/// Answers requests about payments, refunds and disputes.
fn route_payments(state: &mut State, method: &str, parts: &[&str], params: &Params) -> Answer {
    match (method, parts) {
        ("POST", ["payment_intents"]) => payment_intents::create(state, params),
        ("GET", ["payment_intents"]) => payment_intents::list(state, params),
        ("GET", ["payment_intents", id]) => payment_intents::get(state, id, params),
        ("POST", ["payment_intents", id, "confirm"]) => payment_intents::confirm(state, id, params),
        ("POST", ["payment_intents", id, "cancel"]) => payment_intents::cancel(state, id, params),
        ("GET", ["charges"]) => charges::list(state, params),
        ("GET", ["charges", id]) => charges::get(state, id, params),
        ("GET", ["charges", id, "refunds"]) => refunds::list(state, Some(id), params),
        ("POST", ["refunds"]) => refunds::create(state, params),
        ("GET", ["refunds"]) => refunds::list(state, None, params),
        ("GET", ["refunds", id]) => refunds::get(state, id, params),
        ("POST", ["refunds", id]) => refunds::update(state, id, params),
        ("GET", ["disputes"]) => disputes::list(state, params),
        ("GET", ["disputes", id]) => disputes::get(state, id, params),
        ("POST", ["disputes", id]) => disputes::update(state, id, params),
        ("POST", ["disputes", id, "close"]) => disputes::close(state, id, params),
        _ => Err(no_such_route(method, &parts.join("/"))),
    }
}
