//! Uncollectible invoices: those whose payment is not expected.

use crate::error::{StripeError, not_now};
use crate::state::State;
use serde_json::Value;

/// Marks an open invoice uncollectible: payment is not expected, but it can still be paid or voided.
///
/// # Errors
/// When it is not open.
pub fn mark(state: &mut State, id: &str) -> Result<(), StripeError> {
    let status = state.must(id).text("status").to_owned();
    if status != "open" {
        let message = format!("You can only mark open invoices as uncollectible; this one is {status}.");
        return Err(not_now(message, "invoice_not_editable"));
    }
    let now = state.now_of(id);
    state.edit(id, |invoice| {
        invoice.set("status", "uncollectible");
        invoice.set("auto_advance", false);
        invoice.set("next_payment_attempt", Value::Null);
        invoice.set("status_transitions.marked_uncollectible_at", now);
    });
    state.emit("invoice.marked_uncollectible", id);
    Ok(())
}
