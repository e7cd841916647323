//! Setup intents: payment methods that a customer entered without paying.
//!
//! Invariant: there is one for each checkout session in `setup` mode that was completed, and it has succeeded.

use crate::answer::one;
use crate::error::Answer;
use crate::params::Params;
use crate::state::State;
use serde_json::json;

/// Makes the setup intent of a payment method that was just entered.
pub fn create_succeeded(state: &mut State, customer: Option<&str>, payment_method: &str) -> String {
    let (id, secret) = (state.id("seti_"), state.id("secret_"));
    let now = state.now_of(payment_method);
    state.put(json!({
        "id": id, "object": "setup_intent", "allowed_payment_method_types": null, "application": null,
        "automatic_payment_methods": null, "cancellation_reason": null, "client_secret": format!("{id}_{secret}"),
        "created": now, "customer": customer, "customer_account": null, "description": null,
        "excluded_payment_method_types": null, "flow_directions": null, "last_setup_error": null,
        "latest_attempt": null, "livemode": false, "managed_payments": null, "mandate": null, "metadata": {},
        "next_action": null, "on_behalf_of": null, "payment_method": payment_method,
        "payment_method_configuration_details": null,
        "payment_method_options": {"card": {
            "mandate_options": null, "network": null, "request_three_d_secure": "automatic",
        }},
        "payment_method_types": ["card"], "single_use_mandate": null, "status": "succeeded", "usage": "off_session",
    }));
    state.emit("setup_intent.succeeded", &id);
    id
}

/// `GET /v1/setup_intents/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("setup_intent", id, "id")?;
    one(state, id)
}
