//! Invoice payments: the links between payment intents and the invoices that they pay.
//!
//! Invariant: a payment intent pays one invoice at most.

use crate::answer::one;
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;

/// `GET /v1/invoice_payments/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("invoice_payment", id, "id")?;
    one(state, id)
}

/// `GET /v1/invoice_payments`: lists payments, by invoice, status or payment intent.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (invoice, status) = (params.optional("invoice"), params.optional("status"));
    let kind = params.one_of("payment[type]", &["payment_intent", "payment_record"])?;
    let intent = params.optional("payment[payment_intent]");
    params.finish()?;
    if intent.is_some() && kind.is_none() {
        return Err(StripeError::missing("payment[type]"));
    }
    page.of(state, "invoice_payment", "/v1/invoice_payments", |payment| {
        invoice.as_ref().is_none_or(|invoice| payment.text("invoice") == invoice)
            && status.as_ref().is_none_or(|status| payment.text("status") == status)
            && kind.as_ref().is_none_or(|kind| payment.text("payment.type") == kind)
            && intent.as_ref().is_none_or(|intent| payment.text("payment.payment_intent") == intent)
    })
}
