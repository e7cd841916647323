//! Products, the things that prices belong to.
//!
//! Invariant: a product is never deleted while it has prices; it is only switched off.

use crate::answer::one;
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

fn changes(params: &Params) -> Result<Vec<(&'static str, Value)>, StripeError> {
    let nullable = |text: String| if text.is_empty() { Value::Null } else { text.into() };
    let mut changes = Vec::new();
    if let Some(active) = params.flag("active")? {
        changes.push(("active", active.into()));
    }
    if let Some(name) = params.optional("name") {
        changes.push(("name", name.into()));
    }
    for name in ["description", "url", "statement_descriptor", "unit_label", "default_price"] {
        if let Some(text) = params.text(name) {
            changes.push((name, nullable(text)));
        }
    }
    if let Some(images) = params.texts("images") {
        changes.push(("images", images.into()));
    }
    let features = params.members("marketing_features");
    if params.has("marketing_features") {
        let named = features.iter().map(|member| json!({"name": params.text(&format!("{member}[name]"))}));
        changes.push(("marketing_features", named.collect::<Vec<Value>>().into()));
    }
    params.accept(&["tax_code", "shippable", "package_dimensions"]);
    Ok(changes)
}

/// `POST /v1/products`: creates a product.
///
/// # Errors
/// When a parameter cannot be used, or the identifier is taken.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let name = params.require("name")?;
    let id = params.optional("id");
    let changes = changes(params)?;
    let metadata = params.metadata("metadata");
    params.finish()?;
    if let Some(taken) = id.as_deref().filter(|id| state.get(id).is_some()) {
        return Err(
            StripeError::unusable("id", format!("Product already exists: {taken}")).code("resource_already_exists")
        );
    }
    let id = put_product(state, id, &name, metadata);
    state.edit(&id, |product| changes.into_iter().for_each(|(name, value)| product.set(name, value)));
    state.emit("product.created", &id);
    one(state, &id)
}

/// Creates a product with nothing but a name.
pub fn open(state: &mut State, name: &str, metadata: Value) -> String {
    let id = put_product(state, None, name, metadata);
    state.emit("product.created", &id);
    id
}

fn put_product(state: &mut State, id: Option<String>, name: &str, metadata: Value) -> String {
    let id = id.unwrap_or_else(|| state.id("prod_"));
    let now = state.now(None);
    state.put(json!({
        "id": id, "object": "product", "active": true, "created": now, "default_price": null, "description": null,
        "images": [], "livemode": false, "marketing_features": [], "metadata": metadata, "name": name,
        "package_dimensions": null, "shippable": null, "statement_descriptor": null, "tax_code": null,
        "tax_details": null, "type": "service", "unit_label": null, "updated": now, "url": null,
    }))
}

/// `GET /v1/products/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("product", id, "id")?;
    one(state, id)
}

/// `POST /v1/products/{id}`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let metadata = params.changed_metadata("metadata", state.find("product", id, "id")?.at("metadata"));
    let changes = changes(params)?;
    params.finish()?;
    let now = state.now(None);
    state.update(id, "product.updated", |product| {
        product.set("metadata", metadata);
        product.set("updated", now);
        changes.into_iter().for_each(|(name, value)| product.set(name, value));
    });
    one(state, id)
}

/// `GET /v1/products`: lists products, active ones or those with given identifiers.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (active, ids) = (params.flag("active")?, params.texts("ids"));
    params.finish()?;
    page.of(state, "product", "/v1/products", |product| {
        active.is_none_or(|active| product.flag("active") == active)
            && ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == product.id()))
    })
}
