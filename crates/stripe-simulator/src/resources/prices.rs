//! Prices of products: made, listed and archived.
//!
//! Invariant: the amount and the interval of a price never change; another amount is another price.

use crate::answer::one;
use crate::calendar::Interval;
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

/// A price to create.
#[derive(Clone, Debug)]
pub struct NewPrice {
    /// Identifier of the product; empty if the request names none.
    pub product: String,
    currency: String,
    amount: i64,
    recurring: Option<(String, i64)>,
    tax_behavior: Option<String>,
}

/// Reads the cost of a price, alone or inside another request.
///
/// # Errors
/// When something is missing or cannot be used.
pub fn read(params: &Params, prefix: &str) -> Result<NewPrice, StripeError> {
    let name = |field: &str| match (prefix, field.split_once('[')) {
        ("", _) => field.to_owned(),
        (prefix, Some((outer, inner))) => format!("{prefix}[{outer}][{inner}"),
        (prefix, None) => format!("{prefix}[{field}]"),
    };
    let currency = params.require(&name("currency"))?.to_lowercase();
    let decimal = params.optional(&name("unit_amount_decimal"));
    let amount = match (params.int(&name("unit_amount"))?, decimal) {
        (Some(amount), _) => amount,
        (None, Some(decimal)) => decimal
            .parse()
            .map_err(|_| StripeError::unusable(&name("unit_amount_decimal"), "Only whole amounts are simulated."))?,
        (None, None) => return Err(StripeError::missing(&name("unit_amount"))),
    };
    if amount < 0 {
        return Err(StripeError::unusable(&name("unit_amount"), "This value must be greater than or equal to 0."));
    }
    let recurring = if params.has(&name("recurring")) {
        let unit = params.require(&name("recurring[interval]"))?;
        let count = params.int(&name("recurring[interval_count]"))?.unwrap_or(1);
        if Interval::parse(&unit, count).is_none() {
            let message = format!("Invalid recurring[interval]: must be one of day, week, month, or year, not {unit}");
            return Err(StripeError::unusable(&name("recurring[interval]"), message));
        }
        params.one_of(&name("recurring[usage_type]"), &["licensed"])?;
        Some((unit, count))
    } else {
        None
    };
    let tax_behavior = params.optional(&name("tax_behavior"));
    let product = params.optional(&name("product")).unwrap_or_default();
    params.accept(&[&name("billing_scheme")]);
    Ok(NewPrice { product, currency, amount, recurring, tax_behavior })
}

/// Makes a price; its product must exist.
///
/// # Errors
/// When it does not.
pub fn open(state: &mut State, new: NewPrice, metadata: Value, active: bool) -> Result<String, StripeError> {
    state.find("product", &new.product, "product")?;
    let (id, created) = (state.id("price_"), state.now(None));
    let kind = if new.recurring.is_some() { "recurring" } else { "one_time" };
    let recurring = new.recurring.map(|(interval, count)| {
        json!({
            "interval": interval, "interval_count": count, "meter": null, "trial_period_days": null,
            "usage_type": "licensed",
        })
    });
    state.put(json!({
        "id": id, "object": "price", "active": active, "billing_scheme": "per_unit", "created": created,
        "currency": new.currency, "custom_unit_amount": null, "livemode": false, "lookup_key": null,
        "metadata": metadata, "nickname": null, "product": new.product, "recurring": recurring,
        "tax_behavior": new.tax_behavior.unwrap_or_else(|| "unspecified".to_owned()), "tiers_mode": null,
        "transform_quantity": null, "type": kind, "unit_amount": new.amount,
        "unit_amount_decimal": new.amount.to_string(),
    }));
    Ok(id)
}

/// `POST /v1/prices`: creates a price.
///
/// # Errors
/// When a parameter cannot be used, or the lookup key is taken.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let mut new = read(params, "")?;
    let product_name = params.optional("product_data[name]");
    let product_metadata = params.metadata("product_data[metadata]");
    let nickname = params.optional("nickname");
    let (key, transfer) = (params.optional("lookup_key"), params.flag("transfer_lookup_key")?.unwrap_or_default());
    let active = params.flag("active")?.unwrap_or(true);
    let metadata = params.metadata("metadata");
    params.finish()?;
    key_is_free(state, key.as_deref(), transfer, None)?;
    if let Some(name) = product_name.filter(|_| new.product.is_empty()) {
        new.product = super::products::open(state, &name, product_metadata);
    }
    if new.product.is_empty() {
        return Err(StripeError::missing("product"));
    }
    let id = open(state, new, metadata, active)?;
    give_key(state, &id, key);
    if let Some(nickname) = nickname {
        state.edit(&id, |price| price.set("nickname", nickname));
    }
    state.emit("price.created", &id);
    one(state, &id)
}

fn key_is_free(state: &State, key: Option<&str>, transfer: bool, own: Option<&str>) -> Result<(), StripeError> {
    let Some(key) = key.filter(|key| !key.is_empty() && !transfer) else { return Ok(()) };
    match state.with("price", "lookup_key", key).find(|price| Some(price.id()) != own) {
        Some(taken) => {
            let message = format!("A price (`{}`) already uses that lookup key.", taken.id());
            Err(StripeError::unusable("lookup_key", message))
        }
        None => Ok(()),
    }
}

/// Gives a price a lookup key, and takes it from the price that had it.
fn give_key(state: &mut State, id: &str, key: Option<String>) {
    let Some(key) = key else { return };
    let others: Vec<String> = state.with("price", "lookup_key", &key).map(|price| price.id().to_owned()).collect();
    for other in others.iter().filter(|other| *other != id && !key.is_empty()) {
        state.update(other, "price.updated", |price| price.set("lookup_key", Value::Null));
    }
    let key = if key.is_empty() { Value::Null } else { key.into() };
    state.edit(id, |price| price.set("lookup_key", key));
}

/// `GET /v1/prices/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("price", id, "id")?;
    one(state, id)
}

/// `POST /v1/prices/{id}`: changes a price, except for its cost.
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let metadata = params.changed_metadata("metadata", state.find("price", id, "id")?.at("metadata"));
    let (active, nickname) = (params.flag("active")?, params.text("nickname"));
    let (key, transfer) = (params.text("lookup_key"), params.flag("transfer_lookup_key")?.unwrap_or_default());
    params.accept(&["tax_behavior"]);
    params.finish()?;
    key_is_free(state, key.as_deref(), transfer, Some(id))?;
    let before = state.must(id).clone();
    give_key(state, id, key);
    state.edit(id, |price| {
        price.set("metadata", metadata);
        if let Some(active) = active {
            price.set("active", active);
        }
        if let Some(nickname) = nickname {
            price.set("nickname", if nickname.is_empty() { Value::Null } else { nickname.into() });
        }
    });
    state.emit_changes(&before, "price.updated");
    one(state, id)
}

/// `GET /v1/prices`: lists prices, by product, lookup key, currency, type or interval.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (active, product) = (params.flag("active")?, params.optional("product"));
    let (kind, keys) = (params.optional("type"), params.texts("lookup_keys"));
    let (currency, interval) = (params.optional("currency"), params.optional("recurring[interval]"));
    params.finish()?;
    page.of(state, "price", "/v1/prices", |price| {
        let is = |field: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|text| price.text(field) == text);
        active.is_none_or(|active| price.flag("active") == active)
            && is("product", &product)
            && is("type", &kind)
            && is("currency", &currency)
            && is("recurring.interval", &interval)
            && keys.as_ref().is_none_or(|keys| keys.iter().any(|key| price.text("lookup_key") == key))
    })
}
