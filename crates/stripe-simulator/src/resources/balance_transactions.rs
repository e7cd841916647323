//! Transactions of customers' balances, which explain every change of a balance.
//!
//! Invariant: a transaction's amount never changes; another change is another transaction.

use crate::answer::one;
use crate::billing::balance::{self, NewTransaction};
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;

const KIND: &str = "customer_balance_transaction";

/// A transaction of a customer.
fn find<'a>(state: &'a State, customer: &str, id: &str) -> Result<&'a Object, StripeError> {
    state.find("customer", customer, "customer")?;
    let found = state.find(KIND, id, "id")?;
    if found.text("customer") == customer { Ok(found) } else { Err(StripeError::no_such(KIND, id, "id")) }
}

/// `POST /v1/customers/{id}/balance_transactions`
///
/// # Errors
/// When there is no such customer, or a parameter cannot be used.
pub fn create(state: &mut State, customer: &str, params: &Params) -> Answer {
    let amount = params.int("amount")?.ok_or_else(|| StripeError::missing("amount"))?;
    let currency = params.require("currency")?.to_lowercase();
    let (description, metadata) = (params.optional("description"), params.metadata("metadata"));
    params.finish()?;
    let known = state.find("customer", customer, "id")?.maybe("currency").map(str::to_owned);
    if let Some(known) = known.filter(|known| *known != currency) {
        let message = format!("The customer's currency is {known}; its balance cannot be in {currency}.");
        return Err(StripeError::unusable("currency", message));
    }
    let new = NewTransaction {
        kind: "adjustment",
        amount,
        currency: &currency,
        description,
        metadata,
        ..NewTransaction::default()
    };
    let id = balance::change(state, customer, new).expect("a customer that was found is not deleted");
    one(state, &id)
}

/// `GET /v1/customers/{id}/balance_transactions/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, customer: &str, id: &str, params: &Params) -> Answer {
    params.finish()?;
    find(state, customer, id)?;
    one(state, id)
}

/// `POST /v1/customers/{id}/balance_transactions/{id}`
///
/// # Errors
/// When there is none.
pub fn update(state: &mut State, customer: &str, id: &str, params: &Params) -> Answer {
    let metadata = params.changed_metadata("metadata", find(state, customer, id)?.at("metadata"));
    let description = params.text("description");
    params.finish()?;
    state.edit(id, |transaction| {
        transaction.set("metadata", metadata);
        if let Some(description) = description {
            transaction.set("description", description);
        }
    });
    one(state, id)
}

/// `GET /v1/customers/{id}/balance_transactions`
///
/// # Errors
/// When there is no such customer, or a parameter cannot be used.
pub fn list(state: &State, customer: &str, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let invoice = params.optional("invoice");
    params.finish()?;
    state.find("customer", customer, "id")?;
    page.of(state, KIND, &format!("/v1/customers/{customer}/balance_transactions"), |transaction| {
        transaction.text("customer") == customer
            && invoice.as_ref().is_none_or(|invoice| transaction.text("invoice") == invoice)
    })
}
