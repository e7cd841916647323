//! Totals of invoices: the sum of the lines, and the part of it that the customer's balance covers.

use crate::state::State;

/// Returns the part of a total that is due after the customer's balance, which lowers or raises it.
pub fn due(total: i64, balance: i64) -> i64 {
    total.saturating_add(balance).max(0)
}

/// Computes a draft's totals: the sum of its lines, and the part that the customer's balance covers.
pub fn update_totals(state: &mut State, id: &str) {
    let invoice = state.must(id);
    let total: i64 = invoice.each("lines").iter().map(|line| line.int("amount")).sum();
    let balance = state.must(invoice.text("customer")).int("balance");
    let due = due(total, balance);
    state.edit(id, |invoice| {
        for field in ["subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"] {
            invoice.set(field, total);
        }
        invoice.set("starting_balance", balance);
        invoice.set("amount_due", due);
        invoice.set("amount_remaining", due);
        invoice.set("_ending_balance", balance.saturating_add(total).saturating_sub(due));
    });
}
