//! Configurations of the portal, which say what customers may do there.
//!
//! Invariant: there is one for each set of abilities, and a session keeps the one it was made with.

use crate::answer::one;
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

/// Maximum number of products that a customer may be offered.
const PRODUCTS: usize = 10;

fn no_features() -> Value {
    json!({
        "customer_update": {"allowed_updates": [], "enabled": false},
        "invoice_history": {"enabled": false},
        "payment_method_update": {"enabled": false, "payment_method_configuration": null},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": false, "feedback_options": null, "options": []}, "enabled": false,
            "mode": "at_period_end", "proration_behavior": "none",
        },
        "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": false},
        "subscription_update": {
            "billing_cycle_anchor": "unchanged", "default_allowed_updates": [], "enabled": false,
            "proration_behavior": "none", "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    })
}

/// Returns the features of a configuration after the changes of a request.
fn features(state: &State, params: &Params, before: Value) -> Result<Value, StripeError> {
    let mut features = before;
    let name = |path: &str| format!("features{path}");
    for feature in [
        "customer_update",
        "invoice_history",
        "payment_method_update",
        "subscription_cancel",
        "subscription_pause",
        "subscription_update",
    ] {
        let given = name(&format!("[{feature}]"));
        if let Some(enabled) = params.flag(&format!("{given}[enabled]"))? {
            features[feature]["enabled"] = enabled.into();
        } else if params.has(&given) && features[feature]["enabled"] == false {
            return Err(StripeError::missing(&format!("{given}[enabled]")));
        }
    }
    if let Some(allowed) = params.texts(&name("[customer_update][allowed_updates]")) {
        features["customer_update"]["allowed_updates"] = allowed.into();
    }
    let cancel = name("[subscription_cancel]");
    if let Some(mode) = params.one_of(&format!("{cancel}[mode]"), &["at_period_end", "immediately"])? {
        features["subscription_cancel"]["mode"] = mode.into();
    }
    let prorations = ["none", "create_prorations", "always_invoice"];
    if let Some(proration) = params.one_of(&format!("{cancel}[proration_behavior]"), &prorations)? {
        features["subscription_cancel"]["proration_behavior"] = proration.into();
    }
    let reason = format!("{cancel}[cancellation_reason]");
    if let Some(enabled) = params.flag(&format!("{reason}[enabled]"))? {
        features["subscription_cancel"]["cancellation_reason"]["enabled"] = enabled.into();
    }
    if let Some(options) = params.texts(&format!("{reason}[options]")) {
        features["subscription_cancel"]["cancellation_reason"]["options"] = options.into();
    }
    update_feature(state, params, &mut features["subscription_update"])?;
    params.accept(&[&name("[subscription_pause][duration]")]);
    Ok(features)
}

fn update_feature(state: &State, params: &Params, feature: &mut Value) -> Result<(), StripeError> {
    let update = "features[subscription_update]";
    if let Some(allowed) = params.texts(&format!("{update}[default_allowed_updates]")) {
        feature["default_allowed_updates"] = allowed.into();
    }
    let prorations = ["none", "create_prorations", "always_invoice"];
    if let Some(proration) = params.one_of(&format!("{update}[proration_behavior]"), &prorations)? {
        feature["proration_behavior"] = proration.into();
    }
    if let Some(anchor) = params.one_of(&format!("{update}[billing_cycle_anchor]"), &["now", "unchanged"])? {
        feature["billing_cycle_anchor"] = anchor.into();
    }
    let trials = ["continue_trial", "end_trial"];
    if let Some(trial) = params.one_of(&format!("{update}[trial_update_behavior]"), &trials)? {
        feature["trial_update_behavior"] = trial.into();
    }
    let conditions = format!("{update}[schedule_at_period_end][conditions]");
    if params.has(&conditions) {
        let mut wanted = Vec::new();
        for member in params.members(&conditions) {
            let name = format!("{member}[type]");
            let kind = params.one_of(&name, &["decreasing_item_amount", "shortening_interval"])?;
            wanted.push(json!({"type": kind.ok_or_else(|| StripeError::missing(&name))?}));
        }
        feature["schedule_at_period_end"]["conditions"] = wanted.into();
    }
    let given = format!("{update}[products]");
    if params.has(&given) {
        let members = params.members(&given);
        if members.len() > PRODUCTS {
            return Err(StripeError::unusable(&given, format!("Array must have at most {PRODUCTS} elements.")));
        }
        let mut products = Vec::new();
        for member in members {
            let name = format!("{member}[product]");
            let product = params.require(&name)?;
            state.find("product", &product, &name)?;
            let name = format!("{member}[prices]");
            let prices = params.texts(&name).ok_or_else(|| StripeError::missing(&name))?;
            for price in &prices {
                if state.find("price", price, &name)?.text("product") != product {
                    let message = format!("The price {price} does not belong to the product {product}.");
                    return Err(StripeError::unusable(&name, message));
                }
            }
            params.accept(&[&format!("{member}[adjustable_quantity]")]);
            products.push(json!({
                "adjustable_quantity": {"enabled": false, "maximum": null, "minimum": 1}, "prices": prices,
                "product": product,
            }));
        }
        feature["products"] = products.into();
    }
    let offered = feature["products"].as_array().is_some_and(|products| !products.is_empty());
    if feature["enabled"] == true && !offered {
        return Err(StripeError::missing(&given));
    }
    Ok(())
}

fn texts(params: &Params, value: &mut Value) {
    for name in ["headline", "privacy_policy_url", "terms_of_service_url"] {
        if let Some(text) = params.text(&format!("business_profile[{name}]")) {
            value["business_profile"][name] = if text.is_empty() { Value::Null } else { text.into() };
        }
    }
    for name in ["default_return_url", "name"] {
        if let Some(text) = params.text(name) {
            value[name] = if text.is_empty() { Value::Null } else { text.into() };
        }
    }
}

/// `POST /v1/billing_portal/configurations`
///
/// # Errors
/// When a parameter cannot be used.
pub fn create(state: &mut State, params: &Params) -> Answer {
    if !params.has("features") {
        return Err(StripeError::missing("features"));
    }
    let features = features(state, params, no_features())?;
    let login = params.flag("login_page[enabled]")?.unwrap_or_default();
    let metadata = params.metadata("metadata");
    let mut fields = json!({
        "business_profile": {"headline": null, "privacy_policy_url": null, "terms_of_service_url": null},
        "default_return_url": null, "name": null,
    });
    texts(params, &mut fields);
    params.finish()?;
    let (id, now) = (state.id("bpc_"), state.now(None));
    state.put(json!({
        "id": id, "object": "billing_portal.configuration", "active": true, "application": null,
        "business_profile": fields["business_profile"], "created": now,
        "default_return_url": fields["default_return_url"], "features": features, "is_default": false,
        "livemode": false, "login_page": {"enabled": login, "url": null}, "metadata": metadata,
        "name": fields["name"], "updated": now,
    }));
    state.emit("billing_portal.configuration.created", &id);
    one(state, &id)
}

/// `GET /v1/billing_portal/configurations/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("billing_portal.configuration", id, "id")?;
    one(state, id)
}

/// `POST /v1/billing_portal/configurations/{id}`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let before = state.find("billing_portal.configuration", id, "id")?.clone();
    let features = features(state, params, before.at("features").clone())?;
    let (active, login) = (params.flag("active")?, params.flag("login_page[enabled]")?);
    let metadata = params.changed_metadata("metadata", before.at("metadata"));
    let mut fields = json!({
        "business_profile": before.at("business_profile"), "default_return_url": before.at("default_return_url"),
        "name": before.at("name"),
    });
    texts(params, &mut fields);
    params.finish()?;
    let now = state.now(None);
    state.update(id, "billing_portal.configuration.updated", |configuration| {
        configuration.set("features", features);
        configuration.set("metadata", metadata);
        configuration.set("updated", now);
        for name in ["business_profile", "default_return_url", "name"] {
            configuration.set(name, fields[name].clone());
        }
        if let Some(active) = active {
            configuration.set("active", active);
        }
        if let Some(login) = login {
            configuration.set("login_page.enabled", login);
        }
    });
    one(state, id)
}

/// `GET /v1/billing_portal/configurations`
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (active, default) = (params.flag("active")?, params.flag("is_default")?);
    params.finish()?;
    page.of(state, "billing_portal.configuration", "/v1/billing_portal/configurations", |configuration| {
        active.is_none_or(|active| configuration.flag("active") == active)
            && default.is_none_or(|default| configuration.flag("is_default") == default)
    })
}
