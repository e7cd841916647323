//! Sessions of the portal: links for one customer, perhaps straight to one act.
//!
//! Invariant: a flow leads only to a subscription of the session's customer, and only to a feature that is switched on.

use super::acts::may_switch_to;
use crate::answer::one;
use crate::error::{Answer, StripeError};
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

const FLOWS: [&str; 4] =
    ["payment_method_update", "subscription_cancel", "subscription_update", "subscription_update_confirm"];

/// `POST /v1/billing_portal/sessions`
///
/// # Errors
/// When a parameter cannot be used, or the flow leads to something that is switched off.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let customer = params.require("customer")?;
    let configuration = params.optional("configuration");
    let return_url = params.optional("return_url");
    let locale = params.optional("locale");
    let kind = params.one_of("flow_data[type]", &FLOWS)?;
    if kind.is_none() && params.has("flow_data") {
        return Err(StripeError::missing("flow_data[type]"));
    }
    state.find("customer", &customer, "customer")?;
    let configuration = match configuration {
        Some(configuration) => {
            let found = state.find("billing_portal.configuration", &configuration, "configuration")?;
            if !found.flag("active") {
                let message = "The provided portal configuration is inactive.";
                return Err(StripeError::unusable("configuration", message));
            }
            configuration
        }
        None => default(state)?,
    };
    let allowed = state.must(&configuration).clone();
    let flow = kind.map(|kind| flow(state, params, &kind, &customer, &allowed)).transpose()?;
    params.finish()?;
    let (id, now) = (state.id("bps_"), state.now_of(&customer));
    let return_url = return_url.map_or_else(|| allowed.at("default_return_url").clone(), Value::from);
    let url = format!("{}/p/session/{id}", state.base);
    state.put(json!({
        "id": id, "object": "billing_portal.session", "configuration": configuration, "created": now,
        "customer": customer, "customer_account": null, "flow": flow, "livemode": false, "locale": locale,
        "on_behalf_of": null, "return_url": return_url, "url": url,
    }));
    state.emit("billing_portal.session.created", &id);
    one(state, &id)
}

fn default(state: &State) -> Result<String, StripeError> {
    let found = state.all("billing_portal.configuration").find(|one| one.flag("is_default") && one.flag("active"));
    found.map(|found| found.id().to_owned()).ok_or_else(|| {
        StripeError::invalid("No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default.")
    })
}

fn flow(
    state: &State,
    params: &Params,
    kind: &str,
    customer: &str,
    configuration: &Object,
) -> Result<Value, StripeError> {
    let feature = if kind == "subscription_update_confirm" { "subscription_update" } else { kind };
    if !configuration.flag(&format!("features.{feature}.enabled")) {
        let message =
            format!("This flow cannot be used because the portal configuration disables the `{feature}` feature.");
        return Err(StripeError::unusable("flow_data[type]", message));
    }
    let after = "flow_data[after_completion]";
    let ends = ["hosted_confirmation", "portal_homepage", "redirect"];
    let ending = params.one_of(&format!("{after}[type]"), &ends)?;
    let redirect = params.optional(&format!("{after}[redirect][return_url]"));
    let message = params.optional(&format!("{after}[hosted_confirmation][custom_message]"));
    let ending = ending.unwrap_or_else(|| "portal_homepage".to_owned());
    if ending == "redirect" && redirect.is_none() {
        return Err(StripeError::missing(&format!("{after}[redirect][return_url]")));
    }
    let confirmation = (ending == "hosted_confirmation").then(|| json!({"custom_message": message}));
    let mut flow = json!({
        "after_completion": {
            "hosted_confirmation": confirmation, "redirect": redirect.map(|url| json!({"return_url": url})),
            "type": ending,
        },
        "customer_update": null, "subscription_cancel": null, "subscription_pause": null,
        "subscription_update": null, "subscription_update_confirm": null, "type": kind,
    });
    if kind == "payment_method_update" {
        return Ok(flow);
    }
    let name = format!("flow_data[{kind}][subscription]");
    let subscription = params.require(&name)?;
    let found = state.find("subscription", &subscription, &name)?;
    if found.text("customer") != customer {
        return Err(StripeError::no_such("subscription", &subscription, &name));
    }
    flow[kind] = match kind {
        "subscription_cancel" => {
            if !found.is_null("cancel_at") || found.text("status") == "canceled" {
                let message = "This subscription cannot be canceled, because it is canceled already or is set to be.";
                return Err(StripeError::unusable(&name, message));
            }
            json!({"retention": null, "subscription": subscription})
        }
        "subscription_update_confirm" => {
            json!({"discounts": [], "items": items(state, params, found, configuration)?, "subscription": subscription})
        }
        _ => json!({"subscription": subscription}),
    };
    Ok(flow)
}

fn items(
    state: &State,
    params: &Params,
    subscription: &Object,
    configuration: &Object,
) -> Result<Vec<Value>, StripeError> {
    let all = "flow_data[subscription_update_confirm][items]";
    let mut items = Vec::new();
    for member in params.members(all) {
        let id = params.require(&format!("{member}[id]"))?;
        let name = format!("{member}[price]");
        let price = params.optional(&name);
        let quantity = params.int(&format!("{member}[quantity]"))?;
        let there = subscription.each("items").into_iter().find(|item| item.id() == id);
        let there = there.ok_or_else(|| StripeError::no_such("subscription_item", &id, &format!("{member}[id]")))?;
        if let Some(price) = &price {
            state.find("price", price, &name)?;
            if !may_switch_to(configuration, price) {
                let message = format!("The price {price} is not among the products of the portal configuration.");
                return Err(StripeError::unusable(&name, message));
            }
        }
        let quantity = quantity.unwrap_or(1);
        let is_there = price.as_deref().is_none_or(|price| price == there.text("price.id"));
        if is_there && quantity == there.int("quantity") {
            // # assumed: that it is refused is known, and not in which words
            let message = "The subscription update cannot be confirmed, because there are no changes to confirm.";
            return Err(StripeError::unusable(all, message));
        }
        items.push(json!({"id": id, "price": price, "quantity": quantity}));
    }
    if items.len() != 1 {
        return Err(StripeError::unusable(all, "Exactly one item must be given."));
    }
    Ok(items)
}
