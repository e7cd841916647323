//! Charges: the results of payments.
//!
//! Invariant: `amount_refunded` is the sum of the charge's refunds that did not fail.

use crate::answer::one;
use crate::error::Answer;
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;

/// `GET /v1/charges/{id}`: returns a charge.
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("charge", id, "id")?;
    one(state, id)
}

/// `GET /v1/charges`: lists charges, by customer or payment intent.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (customer, intent) = (params.optional("customer"), params.optional("payment_intent"));
    params.finish()?;
    page.of(state, "charge", "/v1/charges", |charge| {
        customer.as_ref().is_none_or(|customer| charge.text("customer") == customer)
            && intent.as_ref().is_none_or(|intent| charge.text("payment_intent") == intent)
    })
}
