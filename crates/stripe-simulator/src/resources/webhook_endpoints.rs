//! Webhook endpoints: the addresses to which events are sent.
//!
//! Invariant: the secret is shown once, in the answer that made the endpoint.

use crate::answer::one;
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

/// Creates an endpoint with a secret.
pub fn open(state: &mut State, url: &str, events: &[String], version: Option<&str>, secret: &str) -> String {
    let (id, created) = (state.id("we_"), state.now(None));
    state.put(json!({
        "id": id, "object": "webhook_endpoint", "api_version": version, "application": null, "created": created,
        "description": null, "enabled_events": events, "livemode": false, "metadata": {}, "status": "enabled",
        "url": url, "_secrets": [{"secret": secret, "until": null}],
    }))
}

/// Gives an endpoint a new secret; the old one stays good for some seconds.
///
/// # Errors
/// When there is no such endpoint.
pub fn roll(state: &mut State, id: &str, seconds: i64) -> Result<String, StripeError> {
    let mut secrets = state.find("webhook_endpoint", id, "id")?.each("_secrets");
    let until = state.now(None) + seconds;
    secrets.iter_mut().filter(|old| old.is_null("until")).for_each(|old| old.set("until", until));
    let secret = state.id("whsec_");
    let mut all: Vec<Value> = vec![json!({"secret": secret, "until": null})];
    all.extend(secrets.into_iter().map(Value::from));
    state.edit(id, |endpoint| endpoint.set("_secrets", all));
    Ok(secret)
}

fn address(params: &Params, url: String) -> Result<String, StripeError> {
    if reqwest::Url::parse(&url).is_ok_and(|url| url.has_host()) {
        return Ok(url);
    }
    params.accept(&["url"]);
    Err(StripeError::unusable("url", "Invalid URL: An explicit scheme (such as https) must be provided.")
        .code("url_invalid"))
}

/// `POST /v1/webhook_endpoints`: creates an endpoint.
///
/// # Errors
/// When a parameter cannot be used.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let url = address(params, params.require("url")?)?;
    let events = params.texts("enabled_events").ok_or_else(|| StripeError::missing("enabled_events"))?;
    let version = params.optional("api_version");
    let description = params.optional("description");
    let metadata = params.metadata("metadata");
    params.accept(&["connect"]);
    params.finish()?;
    let secret = state.id("whsec_");
    let id = open(state, &url, &events, version.as_deref(), &secret);
    state.edit(&id, |endpoint| {
        endpoint.set("description", description);
        endpoint.set("metadata", metadata);
    });
    let mut answer = one(state, &id)?;
    answer["secret"] = secret.into();
    Ok(answer)
}

/// `GET /v1/webhook_endpoints/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("webhook_endpoint", id, "id")?;
    one(state, id)
}

/// `POST /v1/webhook_endpoints/{id}`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let metadata = params.changed_metadata("metadata", state.find("webhook_endpoint", id, "id")?.at("metadata"));
    let (url, events) = (params.optional("url"), params.texts("enabled_events"));
    let (disabled, description) = (params.flag("disabled")?, params.text("description"));
    params.finish()?;
    let url = url.map(|url| address(params, url)).transpose()?;
    state.edit(id, |endpoint| {
        endpoint.set("metadata", metadata);
        if let Some(url) = url {
            endpoint.set("url", url);
        }
        if let Some(events) = events {
            endpoint.set("enabled_events", events);
        }
        if let Some(disabled) = disabled {
            endpoint.set("status", if disabled { "disabled" } else { "enabled" });
        }
        if let Some(description) = description {
            endpoint.set("description", description);
        }
    });
    one(state, id)
}

/// `DELETE /v1/webhook_endpoints/{id}`
///
/// # Errors
/// When there is none.
pub fn delete(state: &mut State, id: &str, params: &Params) -> Answer {
    state.find("webhook_endpoint", id, "id")?;
    params.finish()?;
    state.edit(id, |endpoint| {
        *endpoint = json!({"id": id, "object": "webhook_endpoint", "deleted": true}).into();
    });
    one(state, id)
}

/// `GET /v1/webhook_endpoints`: lists all endpoints.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    params.finish()?;
    page.of(state, "webhook_endpoint", "/v1/webhook_endpoints", |_| true)
}
