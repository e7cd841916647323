//! Balances of customers: a credit below zero, which lowers the next invoice, or a debt above zero, which raises it.
//!
//! Invariant: the balance of a customer is the ending balance of the newest of its transactions, and zero without one.

use super::totals::update_totals;
use crate::state::State;
use serde_json::{Value, json};

/// A change of a customer's balance.
#[derive(Clone, Debug, Default)]
pub struct NewTransaction<'a> {
    /// Reason of the change, as Stripe writes it.
    pub kind: &'a str,
    /// Amount that is added to the balance.
    pub amount: i64,
    /// Currency code in lower case.
    pub currency: &'a str,
    /// Invoice that the change is about.
    pub invoice: Option<&'a str>,
    /// Credit note that the change comes from.
    pub credit_note: Option<&'a str>,
    /// Text of the caller.
    pub description: Option<String>,
    /// Metadata of the caller.
    pub metadata: Value,
}

/// Changes a customer's balance, and returns the transaction; a deleted customer has none.
pub fn change(state: &mut State, customer: &str, new: NewTransaction) -> Option<String> {
    let before = state.get(customer).filter(|found| !found.flag("deleted"))?.clone();
    let ending = before.int("balance").saturating_add(new.amount);
    let metadata = if new.metadata.is_object() { new.metadata } else { json!({}) };
    let id = state.id("cbtxn_");
    state.put(json!({
        "id": id, "object": "customer_balance_transaction", "amount": new.amount, "checkout_session": null,
        "created": state.now_of(customer), "credit_note": new.credit_note, "currency": new.currency,
        "customer": customer, "customer_account": null, "description": new.description, "ending_balance": ending,
        "invoice": new.invoice, "livemode": false, "metadata": metadata, "type": new.kind,
    }));
    state.edit(customer, |customer| {
        customer.set("balance", ending);
        if customer.is_null("currency") {
            customer.set("currency", new.currency);
        }
    });
    state.emit_changes(&before, "customer.updated");
    // A draft shows the balance as it is until it is finalized.
    let drafts = state.with("invoice", "customer", customer).filter(|invoice| invoice.text("status") == "draft");
    let drafts: Vec<String> = drafts.map(|invoice| invoice.id().to_owned()).collect();
    for draft in drafts {
        update_totals(state, &draft);
    }
    Some(id)
}

/// Sets a customer's balance, and records the difference as a transaction of a kind.
pub fn set(state: &mut State, customer: &str, balance: i64, kind: &str) {
    let found = state.must(customer);
    let amount = balance.saturating_sub(found.int("balance"));
    let currency = found.maybe("currency").unwrap_or("usd").to_owned();
    if amount != 0 {
        change(state, customer, NewTransaction { kind, amount, currency: &currency, ..NewTransaction::default() });
    }
}

/// Applies a customer's balance to an invoice that is being finalized.
pub fn apply(state: &mut State, invoice: &str) {
    let (customer, currency, amount) = share(state, invoice);
    let kind = "applied_to_invoice";
    move_share(state, invoice, &customer, &currency, amount, kind);
}

/// Gives the balance that was applied to an invoice back: the invoice is voided.
pub fn unapply(state: &mut State, invoice: &str) {
    let (customer, currency, amount) = share(state, invoice);
    move_share(state, invoice, &customer, &currency, -amount, "unapplied_from_invoice");
}

/// Returns the customer and the currency of an invoice, and the amount by which it changes the balance.
fn share(state: &State, invoice: &str) -> (String, String, i64) {
    let found = state.must(invoice);
    let amount = found.int("_ending_balance").saturating_sub(found.int("starting_balance"));
    (found.text("customer").to_owned(), found.text("currency").to_owned(), amount)
}

fn move_share(state: &mut State, invoice: &str, customer: &str, currency: &str, amount: i64, kind: &str) {
    if amount != 0 {
        let new = NewTransaction { kind, amount, currency, invoice: Some(invoice), ..NewTransaction::default() };
        change(state, customer, new);
    }
}
