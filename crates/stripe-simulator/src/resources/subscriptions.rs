//! Subscriptions, as the API creates, changes and cancels them.
//!
//! Invariant: an ending that was announced can be taken back until it takes place.

use super::payment_methods;
use crate::agenda::Due;
use crate::answer::one;
use crate::billing::change::{self, Change, Proration};
use crate::billing::payment::Presence;
use crate::billing::status::{self, UPDATED};
use crate::billing::subscription::{self, NewSubscription, PaymentBehavior, PlannedItem};
use crate::calendar::DAY;
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

const BEHAVIORS: [&str; 4] = ["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"];
const PRORATIONS: [&str; 3] = ["none", "create_prorations", "always_invoice"];
/// Parameters that may be changed together with `pending_if_incomplete`.
const PENDING: [&str; 8] = [
    "billing_cycle_anchor",
    "cancel_at_period_end",
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
];

/// Returns a recurring price that is active.
fn find_recurring_price<'a>(state: &'a State, id: &str, param: &str) -> Result<&'a Object, StripeError> {
    let price = state.find("price", id, param)?;
    if price.is_null("recurring") {
        let message = format!(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: {id}"
        );
        return Err(StripeError::unusable(param, message));
    }
    if !price.flag("active") {
        let message = format!("The price specified is inactive. This field only accepts active prices: {id}");
        return Err(StripeError::unusable(param, message));
    }
    Ok(price)
}

/// `POST /v1/subscriptions`: creates a subscription and collects its first invoice.
///
/// # Errors
/// When a parameter cannot be used, or the payment fails and that is to fail the call.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let customer = params.require("customer")?;
    let mut items = Vec::new();
    for member in params.members("items") {
        let name = format!("{member}[price]");
        let price = find_recurring_price(state, &params.require(&name)?, &name)?.clone();
        let quantity = params.int(&format!("{member}[quantity]"))?.unwrap_or(1);
        items.push(PlannedItem {
            id: None,
            price,
            quantity,
            metadata: params.metadata(&format!("{member}[metadata]")),
        });
    }
    if items.is_empty() {
        return Err(StripeError::missing("items"));
    }
    let named = params.optional("default_payment_method");
    let behavior = params.one_of("payment_behavior", &BEHAVIORS)?;
    let days = params.int("trial_period_days")?;
    let trial_end = params.int("trial_end")?;
    let away = params.flag("off_session")?.unwrap_or_default();
    let (at_end, cancel_at) = (params.flag("cancel_at_period_end")?, params.int("cancel_at")?);
    let mode = params.one_of("billing_mode[type]", &["classic", "flexible"])?;
    let (metadata, description) = (params.metadata("metadata"), params.optional("description"));
    params.one_of("proration_behavior", &PRORATIONS)?;
    params.one_of("collection_method", &["charge_automatically"])?;
    params.accept(&["payment_settings", "automatic_tax", "currency", "billing_mode", "trial_settings"]);
    params.finish()?;
    state.find("customer", &customer, "customer")?;
    let payment_method =
        named.map(|named| payment_methods::resolve(state, &named, "default_payment_method")).transpose()?;
    let now = state.now_of(&customer);
    let id = subscription::open(
        state,
        NewSubscription {
            customer,
            items,
            metadata,
            description,
            payment_method,
            trial_end: trial_end.or(days.map(|days| now + days * DAY)),
            behavior: behavior.as_deref().and_then(PaymentBehavior::parse).unwrap_or_default(),
            presence: if away { Presence::Billing } else { Presence::Here },
            classic: mode.as_deref() == Some("classic"),
        },
    )?;
    announce_end(state, &id, at_end, cancel_at.map(Some));
    one(state, &id)
}

/// `GET /v1/subscriptions/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("subscription", id, "id")?;
    one(state, id)
}

/// Announces the end of a subscription, or takes that back. A parameter of `None` changes nothing.
pub fn announce_end(state: &mut State, id: &str, at_period_end: Option<bool>, cancel_at: Option<Option<i64>>) {
    let now = state.now_of(id);
    let end = status::period_end(state.must(id));
    let was = state.must(id).clone();
    state.edit(id, |subscription| {
        if let Some(at_period_end) = at_period_end {
            subscription.set("cancel_at_period_end", at_period_end);
            subscription.set("cancel_at", at_period_end.then_some(end));
        }
        if let Some(cancel_at) = cancel_at {
            subscription.set("cancel_at", cancel_at);
            subscription.set("cancel_at_period_end", false);
        }
        let ends = !subscription.is_null("cancel_at");
        if ends == was.is_null("cancel_at") {
            subscription.set("canceled_at", ends.then_some(now));
            subscription.set("cancellation_details.reason", ends.then_some("cancellation_requested"));
        }
    });
    if let Some(at) = state.must(id).at("cancel_at").as_i64() {
        state.remind(id, at, Due::Cancel(id.to_owned()));
    }
}

/// Reads `cancel_at`: the instant at which a subscription ends, or an empty text to take that back.
fn cancel_at(state: &State, id: &str, params: &Params) -> Result<Option<Option<i64>>, StripeError> {
    let Some(text) = params.text("cancel_at") else { return Ok(None) };
    let at = match text.as_str() {
        "" => return Ok(Some(None)),
        "min_period_end" | "max_period_end" => status::period_end(state.must(id)),
        text => text.parse().map_err(|_| StripeError::unusable("cancel_at", format!("Invalid timestamp: {text}")))?,
    };
    if at <= state.now_of(id) {
        return Err(StripeError::unusable("cancel_at", "`cancel_at` must be in the future."));
    }
    Ok(Some(Some(at)))
}

/// Reads the items that a subscription is to have.
fn items(state: &State, before: &Object, params: &Params) -> Result<Option<Vec<PlannedItem>>, StripeError> {
    let members = params.members("items");
    if members.is_empty() {
        return Ok(None);
    }
    let planned = |item: &Object| PlannedItem {
        id: Some(item.id().to_owned()),
        price: Object::from(item.at("price").clone()),
        quantity: item.int("quantity"),
        metadata: item.at("metadata").clone(),
    };
    let mut items: Vec<PlannedItem> = before.each("items").iter().map(planned).collect();
    for member in members {
        let named = params.optional(&format!("{member}[id]"));
        let name = format!("{member}[price]");
        let price = params.optional(&name).map(|id| find_recurring_price(state, &id, &name).cloned()).transpose()?;
        let quantity = params.int(&format!("{member}[quantity]"))?;
        let deleted = params.flag(&format!("{member}[deleted]"))?.unwrap_or_default();
        let metadata = params.map(&format!("{member}[metadata]")).map(Value::Object);
        let Some(named) = named else {
            let price = price.ok_or_else(|| StripeError::missing(&name))?;
            if items.iter().any(|item| item.price.id() == price.id()) {
                let message = format!("Cannot add multiple subscription items with the same plan: {}", price.id());
                return Err(StripeError::unusable(&name, message));
            }
            let metadata = metadata.unwrap_or_else(|| json!({}));
            items.push(PlannedItem { id: None, price, quantity: quantity.unwrap_or(1), metadata });
            continue;
        };
        let place = items.iter().position(|item| item.id.as_deref() == Some(named.as_str()));
        let place = place.ok_or_else(|| StripeError::no_such("subscription_item", &named, &format!("{member}[id]")))?;
        if deleted {
            items.remove(place);
            continue;
        }
        let item = &mut items[place];
        item.price = price.unwrap_or_else(|| item.price.clone());
        item.quantity = quantity.unwrap_or(item.quantity);
        item.metadata = metadata.unwrap_or_else(|| item.metadata.clone());
    }
    if items.is_empty() {
        return Err(StripeError::unusable("items", "A subscription must have at least one active plan."));
    }
    Ok(Some(items))
}

/// Reads whether a new period begins. This version of the API takes an object here, and no longer a word.
fn begins_new_period(params: &Params) -> Result<bool, StripeError> {
    if params.optional("billing_cycle_anchor").is_some() {
        return Err(StripeError::unusable("billing_cycle_anchor", "Invalid object"));
    }
    let kind = params.one_of("billing_cycle_anchor[type]", &["now", "unchanged"])?;
    Ok(kind.as_deref() == Some("now"))
}

/// `POST /v1/subscriptions/{id}`
///
/// # Errors
/// When there is none, it ended, a parameter cannot be used, or a payment fails and that is to fail the call.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let before = state.find("subscription", id, "id")?.clone();
    if matches!(before.text("status"), "canceled" | "incomplete_expired") {
        let message = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(not_now(message, "resource_missing"));
    }
    let items = items(state, &before, params)?;
    let restart = begins_new_period(params)?;
    let behavior = params.one_of("payment_behavior", &BEHAVIORS)?;
    let behavior = behavior.as_deref().and_then(PaymentBehavior::parse).unwrap_or_default();
    let proration = params.one_of("proration_behavior", &PRORATIONS)?;
    let (at_end, cancel_at) = (params.flag("cancel_at_period_end")?, cancel_at(state, id, params)?);
    let named = params.text("default_payment_method");
    let (metadata, description) =
        (params.changed_metadata("metadata", before.at("metadata")), params.text("description"));
    let comment = params.text("cancellation_details[comment]");
    let feedback = params.text("cancellation_details[feedback]");
    params.accept(&["off_session", "proration_date", "payment_settings", "automatic_tax", "trial_settings"]);
    params.finish()?;
    if (at_end.is_some() || cancel_at.is_some()) && !before.is_null("schedule") {
        let message = format!(
            "The subscription is managed by the subscription schedule `{}`, and updating any cancelation behavior \
             directly is not allowed. Please update the schedule instead.",
            before.text("schedule")
        );
        return Err(StripeError::invalid(message));
    }
    if behavior == PaymentBehavior::PendingIfIncomplete {
        let outer = |name: &String| name.split('[').next().unwrap_or_default().to_owned();
        if let Some(other) = params.all().keys().map(outer).find(|name| !PENDING.contains(&name.as_str())) {
            let message = format!("`{other}` cannot be passed with `payment_behavior` set to `pending_if_incomplete`.");
            return Err(StripeError::unusable(&other, message));
        }
    }
    if before.text("status") == "incomplete" && (items.is_some() || restart) {
        let message = "This subscription cannot be changed while its first payment is open.";
        return Err(not_now(message, "subscription_payment_intent_requires_action"));
    }
    let method = named.map(|named| match named.as_str() {
        "" => Ok(named),
        named => payment_methods::resolve(state, named, "default_payment_method"),
    });
    let method = method.transpose()?;
    if items.is_some() || restart {
        let same = || {
            let all = before.each("items").into_iter().map(|item| PlannedItem {
                id: Some(item.id().to_owned()),
                price: Object::from(item.at("price").clone()),
                quantity: item.int("quantity"),
                metadata: item.at("metadata").clone(),
            });
            all.collect()
        };
        let proration = proration.as_deref().and_then(Proration::parse).unwrap_or_default();
        change::apply(state, id, Change { items: items.unwrap_or_else(same), proration, restart, behavior })?;
    }
    let before = state.must(id).clone();
    announce_end(state, id, at_end, cancel_at);
    let nullable = |text: String| if text.is_empty() { Value::Null } else { text.into() };
    state.edit(id, |subscription| {
        subscription.set("metadata", metadata);
        for (name, text) in [
            ("default_payment_method", method),
            ("description", description),
            ("cancellation_details.comment", comment),
            ("cancellation_details.feedback", feedback),
        ] {
            if let Some(text) = text {
                subscription.set(name, nullable(text));
            }
        }
    });
    state.emit_changes(&before, UPDATED);
    one(state, id)
}

/// `DELETE /v1/subscriptions/{id}`
///
/// # Errors
/// When there is none, or it ended before.
pub fn cancel(state: &mut State, id: &str, params: &Params) -> Answer {
    let comment = params.text("cancellation_details[comment]");
    let feedback = params.text("cancellation_details[feedback]");
    params.accept(&["invoice_now", "prorate"]);
    params.finish()?;
    let found = state.find("subscription", id, "id")?;
    if matches!(found.text("status"), "canceled" | "incomplete_expired") {
        return Err(StripeError::no_such("subscription", id, "id"));
    }
    state.edit(id, |subscription| {
        if let Some(comment) = comment {
            subscription.set("cancellation_details.comment", comment);
        }
        if let Some(feedback) = feedback {
            subscription.set("cancellation_details.feedback", feedback);
        }
    });
    status::end(state, id, None);
    one(state, id)
}

/// `GET /v1/subscriptions`: lists subscriptions, by customer, status, price or test clock.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (customer, status) = (params.optional("customer"), params.optional("status"));
    let (price, clock) = (params.optional("price"), params.optional("test_clock"));
    params.one_of("collection_method", &["charge_automatically", "send_invoice"])?;
    params.finish()?;
    page.of(state, "subscription", "/v1/subscriptions", |subscription| {
        let is = subscription.text("status");
        let wanted = match status.as_deref() {
            None => is != "canceled",
            Some("all") => true,
            Some("ended") => matches!(is, "canceled" | "incomplete_expired"),
            Some(status) => is == status,
        };
        let here = match (&clock, &customer) {
            (Some(clock), _) => subscription.text("test_clock") == clock,
            (None, Some(_)) => true,
            (None, None) => subscription.is_null("test_clock"),
        };
        wanted
            && here
            && customer.as_ref().is_none_or(|customer| subscription.text("customer") == customer)
            && price
                .as_ref()
                .is_none_or(|price| subscription.each("items").iter().any(|item| item.text("price.id") == price))
    })
}
