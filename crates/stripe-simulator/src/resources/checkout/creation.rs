//! Creation of checkout sessions.
//!
//! Invariant: the cost of a session is fixed when it is created.

use crate::agenda::Due;
use crate::answer::one;
use crate::calendar::{DAY, HOUR};
use crate::error::{Answer, StripeError};
use crate::object::Object;
use crate::params::Params;
use crate::resources::{prices, products};
use crate::state::State;
use serde_json::{Value, json};

/// Parameters that are accepted without effect.
const WITHOUT_EFFECT: [&str; 11] = [
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "branding_settings",
    "consent_collection",
    "customer_update",
    "phone_number_collection",
    "saved_payment_method_options",
    "tax_id_collection",
    "allowed_payment_method_types",
    "payment_method_options",
];

/// A line item as it was requested.
struct LineItem {
    price: Result<String, (prices::NewPrice, Option<String>)>,
    quantity: i64,
}

/// Effects that the payment of a session has.
struct Effects {
    subscription: Value,
    payment: Value,
    invoice: bool,
    invoice_metadata: Value,
}

/// `POST /v1/checkout/sessions`: creates a session.
///
/// # Errors
/// When a parameter cannot be used.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let mode = params.one_of("mode", &["payment", "subscription", "setup"])?;
    let mode = mode.ok_or_else(|| StripeError::missing("mode"))?;
    let items = if mode == "setup" { check_setup(params)? } else { read_line_items(params)? };
    let success_url = params.optional("success_url");
    let cancel_url = params.optional("cancel_url");
    let (customer, email) = (params.optional("customer"), params.optional("customer_email"));
    let creation = params.one_of("customer_creation", &["always", "if_required"])?;
    let reference = params.optional("client_reference_id");
    let (locale, submit_type) = (params.optional("locale"), params.optional("submit_type"));
    let expires_at = params.int("expires_at")?;
    let collection = params.one_of("payment_method_collection", &["always", "if_required"])?;
    params.one_of("ui_mode", &["hosted_page"])?;
    let metadata = params.metadata("metadata");
    let submit = params.optional("custom_text[submit][message]").map(|message| json!({ "message": message }));
    let effects = effects(params, &mode)?;
    let asked_currency = params.optional("currency");
    params.accept(&WITHOUT_EFFECT);
    params.finish()?;
    let success_url = success_url.ok_or_else(|| StripeError::missing("success_url"))?;
    if let Some(customer) = &customer {
        state.find("customer", customer, "customer")?;
        if email.is_some() {
            let message = "You may only specify one of these parameters: customer, customer_email.";
            return Err(StripeError::unusable("customer", message));
        }
    }
    let clock = customer.as_deref().and_then(|customer| state.clock_of(state.must(customer)));
    let now = state.now(clock.as_deref());
    let until = expires_at.unwrap_or(now + DAY);
    if !(now + HOUR / 2..=now + DAY).contains(&until) {
        let message =
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
        return Err(StripeError::unusable("expires_at", message));
    }
    let lines = lines(state, items, &mode)?;
    let total: i64 = lines.iter().map(|line| line["amount_total"].as_i64().unwrap_or_default()).sum();
    let due = if effects.subscription["trial"].as_bool().unwrap_or_default() { 0 } else { total };
    let currency = lines.first().map_or(Value::Null, |line| line["currency"].clone());
    let currency = if mode == "setup" { asked_currency.into() } else { currency };
    let (subtotal, due) = if mode == "setup" { (None, None) } else { (Some(due), Some(due)) };
    let id = state.id("cs_test_");
    let needs_customer = mode == "subscription" || creation.as_deref() == Some("always");
    let creation = creation.or_else(|| (mode == "payment").then(|| "if_required".to_owned()));
    let details = email.as_ref().map(|email| {
        json!({
            "address": null, "business_name": null, "email": email, "individual_name": null, "name": null,
            "phone": null, "tax_exempt": "none", "tax_ids": null,
        })
    });
    let invoice_creation = (mode == "payment").then(|| {
        json!({"enabled": effects.invoice, "invoice_data": {
            "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": null,
            "metadata": effects.invoice_metadata, "rendering_options": null,
        }})
    });
    let url = format!("{}/c/pay/{id}", state.base);
    state.put(json!({
        "id": id, "object": "checkout.session", "adaptive_pricing": {"enabled": false}, "after_expiration": null,
        "allow_promotion_codes": null, "allowed_payment_method_types": null, "amount_subtotal": subtotal,
        "amount_total": due,
        "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
        "billing_address_collection": null, "cancel_url": cancel_url, "client_reference_id": reference,
        "client_secret": null, "collected_information": null, "consent": null, "consent_collection": null,
        "created": now, "currency": currency, "currency_conversion": null, "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": submit, "terms_of_service_acceptance": null,
        },
        "customer": customer, "customer_account": null,
        "customer_creation": if customer.is_some() { None } else { creation },
        "customer_details": details, "customer_email": email, "discounts": [], "expires_at": until,
        "integration_identifier": null, "invoice": null, "invoice_creation": invoice_creation, "livemode": false,
        "locale": locale, "managed_payments": {"enabled": false}, "metadata": metadata, "mode": mode,
        "origin_context": null, "payment_intent": null, "payment_link": null,
        "payment_method_collection": collection.unwrap_or_else(|| if mode == "payment" { "if_required" } else { "always" }.to_owned()),
        "payment_method_configuration_details": null,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"], "payment_status": "unpaid", "permissions": null, "recovered_from": null,
        "saved_payment_method_options": null, "setup_intent": null, "shipping_address_collection": null,
        "shipping_cost": null, "shipping_options": [], "status": "open", "submit_type": submit_type,
        "subscription": null, "success_url": success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, "ui_mode": "hosted_page",
        "url": url, "wallet_options": null, "_lines": lines, "_subscription": effects.subscription,
        "_payment": effects.payment, "_invoice": effects.invoice,
        "_needs_customer": needs_customer || effects.invoice || !effects.payment["setup_future_usage"].is_null(),
    }));
    state.remind(&id, until, Due::ExpireCheckout(id.clone()));
    one(state, &id)
}

/// Returns the lines of a session in setup mode: none.
fn check_setup(params: &Params) -> Result<Vec<LineItem>, StripeError> {
    if params.has("line_items") {
        return Err(StripeError::unusable("line_items", "You can not pass `line_items` in `setup` mode."));
    }
    if params.optional("currency").is_none() {
        let message = "`currency` is required in `setup` mode where `payment_method_types` is not given.";
        return Err(StripeError::unusable("currency", message));
    }
    Ok(Vec::new())
}

fn effects(params: &Params, mode: &str) -> Result<Effects, StripeError> {
    for (block, own) in [("subscription_data", "subscription"), ("payment_intent_data", "payment")] {
        if mode != own && params.has(block) {
            let message = format!("You can not pass `{block}` in `{mode}` mode.");
            return Err(StripeError::unusable(block, message));
        }
    }
    let days = params.int("subscription_data[trial_period_days]")?;
    let until = params.int("subscription_data[trial_end]")?;
    let invoice = params.flag("invoice_creation[enabled]")?.unwrap_or_default();
    let usages = ["on_session", "off_session"];
    params.one_of("subscription_data[billing_mode][type]", &["classic", "flexible"])?;
    Ok(Effects {
        subscription: json!({
            "metadata": params.metadata("subscription_data[metadata]"),
            "description": params.optional("subscription_data[description]"),
            "trial": days.is_some() || until.is_some(), "trial_days": days, "trial_end": until,
            "classic": params.optional("subscription_data[billing_mode][type]").as_deref() == Some("classic"),
        }),
        payment: json!({
            "metadata": params.metadata("payment_intent_data[metadata]"),
            "description": params.optional("payment_intent_data[description]"),
            "receipt_email": params.optional("payment_intent_data[receipt_email]"),
            "setup_future_usage": params.one_of("payment_intent_data[setup_future_usage]", &usages)?,
        }),
        invoice,
        invoice_metadata: params.metadata("invoice_creation[invoice_data][metadata]"),
    })
}

fn read_line_items(params: &Params) -> Result<Vec<LineItem>, StripeError> {
    let mut items = Vec::new();
    for member in params.members("line_items") {
        let data = format!("{member}[price_data]");
        let price = match params.optional(&format!("{member}[price]")) {
            Some(price) => Ok(price),
            None if params.has(&data) => {
                let name = params.optional(&format!("{data}[product_data][name]"));
                params.accept(&[&format!("{data}[product_data]")]);
                Err((prices::read(params, &data)?, name))
            }
            None => return Err(StripeError::missing(&format!("{member}[price]"))),
        };
        params.accept(&[&format!("{member}[adjustable_quantity]")]);
        items.push(LineItem { price, quantity: params.int(&format!("{member}[quantity]"))?.unwrap_or(1).max(1) });
    }
    if items.is_empty() {
        return Err(StripeError::missing("line_items"));
    }
    Ok(items)
}

/// Returns the lines of a session, and creates the prices that were described in place.
fn lines(state: &mut State, items: Vec<LineItem>, mode: &str) -> Result<Vec<Value>, StripeError> {
    for line in &items {
        let Ok(id) = &line.price else { continue };
        let price = state.find("price", id, "line_items[0][price]")?;
        if !price.flag("active") {
            let message = format!("The price specified is inactive. This field only accepts active prices: {id}");
            return Err(StripeError::unusable("line_items[0][price]", message));
        }
    }
    let mut lines: Vec<Value> = Vec::new();
    for line in items {
        let price = match line.price {
            Ok(id) => id,
            Err((mut new, name)) => {
                if let Some(name) = name.filter(|_| new.product.is_empty()) {
                    new.product = products::open(state, &name, json!({}));
                }
                prices::open(state, new, json!({}), false)?
            }
        };
        let price = state.must(&price).clone();
        let product = state.get(price.text("product")).map(|product| product.text("name").to_owned());
        lines.push(line_to_json(state.id("li_"), &price, line.quantity, product));
    }
    let recurring = lines.iter().any(|line| line["price"]["type"] == "recurring");
    if recurring != (mode == "subscription") {
        let message = if recurring {
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices."
        } else {
            "You must provide at least one recurring price in `subscription` mode when using prices."
        };
        return Err(StripeError::unusable("mode", message));
    }
    if lines.iter().any(|line| line["currency"] != lines[0]["currency"]) {
        return Err(StripeError::unusable(
            "line_items",
            "All prices on a Checkout Session must have the same currency.",
        ));
    }
    Ok(lines)
}

fn line_to_json(id: String, price: &Object, quantity: i64, product: Option<String>) -> Value {
    let amount = price.int("unit_amount").saturating_mul(quantity);
    json!({
        "id": id, "object": "item", "adjustable_quantity": null, "amount_discount": 0, "amount_subtotal": amount,
        "amount_tax": 0, "amount_total": amount, "currency": price.text("currency"), "description": product,
        "metadata": {}, "price": price.value(), "quantity": quantity,
    })
}
