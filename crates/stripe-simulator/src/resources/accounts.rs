//! The account that all objects belong to.
//!
//! Invariant: there is exactly one account.

use crate::answer::one;
use crate::error::Answer;
use crate::params::Params;
use crate::state::State;
use serde_json::json;

/// Creates the account of the simulator.
pub fn open(state: &mut State) {
    let id = state.config.account.clone();
    let created = state.now(None);
    state.put(json!({
        "id": id, "object": "account", "business_profile": {
            "annual_revenue": null, "estimated_worker_count": null, "mcc": null, "minority_owned_business_designation": null,
            "name": "Simulated account", "product_description": null, "specified_commercial_transactions_act_url": null, "support_address": null, "support_email": null,
            "support_phone": null, "support_url": null, "url": null,
        },
        "business_type": "company", "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": true, "country": "US", "created": created, "default_currency": "usd",
        "details_submitted": true, "email": "owner@example.com", "metadata": {}, "payouts_enabled": true,
        "type": "standard",
    }));
}

/// `GET /v1/account`: returns the account of the simulator.
///
/// # Errors
/// When a parameter is unknown.
pub fn get(state: &State, params: &Params) -> Answer {
    params.finish()?;
    one(state, &state.config.account)
}
