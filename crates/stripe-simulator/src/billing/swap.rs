//! Swaps: items of a subscription that replace others, at once or once they are paid for.
//!
//! Invariant: what is set aside is what takes place when it is paid for.

use super::status::{UPDATED, plan_renewal};
use crate::object::Object;
use crate::state::State;
use serde_json::{Value, json};

/// Items that replace the present ones.
#[derive(Clone, Debug)]
pub struct Swap {
    /// Items of the subscription afterwards.
    pub items: Vec<Object>,
    /// Start of a new period, if one begins.
    pub anchor: Option<i64>,
}

impl Swap {
    fn values(&self) -> Vec<Value> {
        self.items.iter().cloned().map(Value::from).collect()
    }

    /// Replaces the subscription's items.
    pub fn apply(&self, state: &mut State, id: &str) {
        state.edit(id, |subscription| {
            subscription.set("items.data", self.values());
            if let Some(anchor) = self.anchor {
                subscription.set("billing_cycle_anchor", anchor);
                if subscription.text("status") == "trialing" {
                    subscription.set("status", "active");
                    subscription.set("trial_end", anchor);
                }
            }
        });
    }

    /// Sets the items aside until they are paid for, or until an instant.
    pub fn set_aside(&self, state: &mut State, id: &str, until: i64) {
        let update = json!({
            "billing_cycle_anchor": self.anchor, "cancel_at_period_end": null, "discount": null, "discounts": null,
            "expires_at": until, "metadata": null, "subscription_items": self.values(), "trial_end": null,
            "trial_from_plan": null,
        });
        state.edit(id, |subscription| subscription.set("pending_update", update));
    }
}

/// Applies the change that waited for an invoice, which is now paid.
pub fn apply_pending(state: &mut State, id: &str, invoice: &str) {
    let before = state.must(id).clone();
    if before.text("_pending_invoice") != invoice {
        return;
    }
    let items = before.each("pending_update.subscription_items");
    let anchor = before.at("pending_update.billing_cycle_anchor").as_i64();
    Swap { items, anchor }.apply(state, id);
    state.edit(id, |subscription| {
        subscription.set("pending_update", Value::Null);
        subscription.remove("_pending_invoice");
    });
    state.emit("customer.subscription.pending_update_applied", id);
    state.emit_changes(&before, UPDATED);
    plan_renewal(state, id);
}
