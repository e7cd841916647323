//! Subscription schedules: the phases of a subscription, one after the other.
//!
//! Invariant: a schedule that is active has its subscription in the phase that `current_phase` names.

use crate::agenda::Due;
use crate::answer::one;
use crate::billing::lines;
use crate::billing::status::{self, UPDATED};
use crate::billing::subscription::{self, PlannedItem};
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

/// A phase to add to a schedule.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Prices and quantities of the phase.
    pub items: Vec<(Object, i64)>,
    /// Instant at which the phase begins, in seconds.
    pub start: i64,
    /// Instant at which the phase ends, in seconds.
    pub end: i64,
    /// Metadata of the caller.
    pub metadata: Value,
    /// Proration behavior of the change at its beginning, as Stripe writes it.
    pub proration: String,
}

fn to_json(phase: &Phase) -> Value {
    let items = phase.items.iter().map(|(price, quantity)| {
        json!({
            "billing_thresholds": null, "discounts": [], "metadata": {}, "plan": price.id(), "price": price.id(),
            "quantity": quantity, "tax_rates": [],
        })
    });
    let currency = phase.items.first().map(|(price, _)| price.text("currency").to_owned()).unwrap_or_default();
    json!({
        "add_invoice_items": [], "application_fee_percent": null, "billing_cycle_anchor": null,
        "billing_thresholds": null, "collection_method": null, "currency": currency, "default_payment_method": null,
        "default_tax_rates": [], "description": null, "discounts": [], "end_date": phase.end,
        "invoice_settings": null, "items": items.collect::<Vec<Value>>(), "metadata": phase.metadata,
        "on_behalf_of": null, "proration_behavior": phase.proration, "start_date": phase.start,
        "transfer_data": null, "trial_end": null,
    })
}

/// Returns the phase that a subscription is in.
fn current_phase(subscription: &Object) -> Phase {
    let items = subscription.each("items");
    let start = items.iter().map(|item| item.int("current_period_start")).min().unwrap_or_default();
    Phase {
        items: items.iter().map(|item| (Object::from(item.at("price").clone()), item.int("quantity"))).collect(),
        start,
        end: status::period_end(subscription),
        metadata: json!({}),
        proration: "create_prorations".to_owned(),
    }
}

/// Makes a schedule of a subscription, whose only phase is the current period.
///
/// # Errors
/// When the subscription has one, or has ended.
pub fn from_subscription(state: &mut State, subscription: &str) -> Result<String, StripeError> {
    let found = state.find("subscription", subscription, "from_subscription")?.clone();
    if !found.is_null("schedule") {
        let message =
            format!("The subscription `{subscription}` is already attached to a schedule: {}.", found.text("schedule"));
        return Err(StripeError::unusable("from_subscription", message));
    }
    if matches!(found.text("status"), "canceled" | "incomplete" | "incomplete_expired") {
        let message = "You cannot create a schedule from a subscription that is not active.";
        return Err(StripeError::unusable("from_subscription", message));
    }
    let id = state.id("sub_sched_");
    let phase = current_phase(&found);
    let now = state.now_of(subscription);
    state.put(json!({
        "id": id, "object": "subscription_schedule", "application": null, "billing_mode": found.at("billing_mode"),
        "canceled_at": null, "completed_at": null, "created": now,
        "current_phase": {"end_date": phase.end, "start_date": phase.start}, "customer": found.text("customer"),
        "customer_account": null,
        "default_settings": {
            "application_fee_percent": null,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
            "billing_cycle_anchor": "automatic", "billing_thresholds": null,
            "collection_method": "charge_automatically", "default_payment_method": null, "description": null,
            "invoice_settings": {
                "account_tax_ids": null, "custom_fields": null, "days_until_due": null, "description": null,
                "footer": null, "issuer": {"type": "self"},
            },
            "on_behalf_of": null, "transfer_data": null,
        },
        "end_behavior": "release", "livemode": false, "metadata": {}, "pause_schedules": [],
        "phases": [to_json(&phase)], "released_at": null, "released_subscription": null, "status": "active",
        "subscription": subscription, "test_clock": found.at("test_clock"),
    }));
    state.update(subscription, UPDATED, |subscription| subscription.set("schedule", id.as_str()));
    state.remind(&id, phase.end, Due::EndPhase(id.clone()));
    state.emit("subscription_schedule.created", &id);
    Ok(id)
}

/// `POST /v1/subscription_schedules`: creates a schedule from a subscription.
///
/// # Errors
/// When a parameter cannot be used; schedules are made of subscriptions that exist.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let subscription = params.require("from_subscription")?;
    params.finish()?;
    let id = from_subscription(state, &subscription)?;
    one(state, &id)
}

/// `GET /v1/subscription_schedules/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("subscription_schedule", id, "id")?;
    one(state, id)
}

fn active(state: &State, id: &str) -> Result<Object, StripeError> {
    let schedule = state.find("subscription_schedule", id, "id")?;
    match schedule.text("status") {
        "active" | "not_started" => Ok(schedule.clone()),
        status => {
            let message =
                format!("You cannot change a subscription schedule that is currently in the `{status}` status.");
            Err(not_now(message, "resource_missing"))
        }
    }
}

/// Reads the phases that were asked for.
fn phases(state: &State, schedule: &Object, params: &Params) -> Result<Option<Vec<Phase>>, StripeError> {
    let now = state.now_of(schedule.id());
    let mut phases: Vec<Phase> = Vec::new();
    for member in params.members("phases") {
        let mut items = Vec::new();
        for item in params.members(&format!("{member}[items]")) {
            let name = format!("{item}[price]");
            let price = state.find("price", &params.require(&name)?, &name)?.clone();
            items.push((price, params.int(&format!("{item}[quantity]"))?.unwrap_or(1)));
        }
        let Some((price, _)) = items.first() else { return Err(StripeError::missing(&format!("{member}[items]"))) };
        let first = if phases.is_empty() { schedule.int("phases.0.start_date") } else { phases[phases.len() - 1].end };
        let start = match params.optional(&format!("{member}[start_date]")).as_deref() {
            None => first,
            Some("now") => now,
            Some(text) => text
                .parse()
                .map_err(|_| StripeError::unusable(&format!("{member}[start_date]"), "Invalid timestamp"))?,
        };
        if start != first {
            let message = "Each phase must start when the one before it ends, and the first must not be moved.";
            return Err(StripeError::unusable(&format!("{member}[start_date]"), message));
        }
        let count = params.int(&format!("{member}[duration][interval_count]"))?.unwrap_or(1);
        let duration = params.optional(&format!("{member}[duration][interval]"));
        let duration = duration.and_then(|unit| crate::calendar::Interval::parse(&unit, count));
        let end = match params.int(&format!("{member}[end_date]"))? {
            Some(end) => Some(end),
            None => duration.or_else(|| lines::interval(price)).map(|interval| interval.after(start, 1)),
        };
        let end = end.filter(|end| *end > start).ok_or_else(|| {
            StripeError::unusable(&format!("{member}[end_date]"), "A phase must end after it starts.")
        })?;
        let words = ["none", "create_prorations", "always_invoice"];
        let proration = params.one_of(&format!("{member}[proration_behavior]"), &words)?;
        phases.push(Phase {
            items,
            start,
            end,
            metadata: params.metadata(&format!("{member}[metadata]")),
            proration: proration.unwrap_or_else(|| "create_prorations".to_owned()),
        });
    }
    Ok((!phases.is_empty()).then_some(phases))
}

/// Gives a schedule its phases.
pub fn set_phases(state: &mut State, id: &str, phases: &[Phase]) {
    let now = state.now_of(id);
    let shown: Vec<Value> = phases.iter().map(to_json).collect();
    let current = phases.iter().find(|phase| phase.start <= now && now < phase.end);
    let current = current.map(|phase| json!({"end_date": phase.end, "start_date": phase.start}));
    state.update(id, "subscription_schedule.updated", |schedule| {
        schedule.set("phases", shown);
        schedule.set("current_phase", current);
    });
    if let Some(end) = state.must(id).at("current_phase.end_date").as_i64() {
        state.remind(id, end, Due::EndPhase(id.to_owned()));
    }
}

/// `POST /v1/subscription_schedules/{id}`
///
/// # Errors
/// When there is none, it is over, or a parameter cannot be used.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let schedule = active(state, id)?;
    let phases = phases(state, &schedule, params)?;
    let behavior = params.one_of("end_behavior", &["release", "cancel"])?;
    let metadata = params.changed_metadata("metadata", schedule.at("metadata"));
    params.one_of("proration_behavior", &["none", "create_prorations", "always_invoice"])?;
    params.finish()?;
    state.edit(id, |schedule| {
        schedule.set("metadata", metadata);
        if let Some(behavior) = behavior {
            schedule.set("end_behavior", behavior);
        }
    });
    if let Some(phases) = phases {
        set_phases(state, id, &phases);
    }
    one(state, id)
}

/// `POST /v1/subscription_schedules/{id}/release`
///
/// # Errors
/// When there is none, or it is over.
pub fn release(state: &mut State, id: &str, params: &Params) -> Answer {
    params.accept(&["preserve_cancel_date"]);
    params.finish()?;
    active(state, id)?;
    release_subscription(state, id);
    one(state, id)
}

/// Releases a subscription from its schedule, unchanged.
pub fn release_subscription(state: &mut State, id: &str) {
    let subscription = state.must(id).text("subscription").to_owned();
    let now = state.now_of(id);
    state.edit(id, |schedule| {
        schedule.set("released_at", now);
        schedule.set("released_subscription", subscription.as_str());
        schedule.set("subscription", Value::Null);
    });
    state.update(&subscription, UPDATED, |subscription| subscription.set("schedule", Value::Null));
    status::close_schedule(state, id, "released");
}

/// `POST /v1/subscription_schedules/{id}/cancel`
///
/// # Errors
/// When there is none, or it is over.
pub fn cancel(state: &mut State, id: &str, params: &Params) -> Answer {
    params.accept(&["invoice_now", "prorate"]);
    params.finish()?;
    let subscription = active(state, id)?.text("subscription").to_owned();
    status::end(state, &subscription, None);
    one(state, id)
}

/// Ends a phase: the next begins, or the schedule is over.
pub fn end_phase(state: &mut State, id: &str) {
    let Some(schedule) = state.get(id).cloned() else { return };
    let now = state.now_of(id);
    if schedule.text("status") != "active" || schedule.int("current_phase.end_date") != now {
        return;
    }
    let phases = schedule.each("phases");
    let subscription = schedule.text("subscription").to_owned();
    let Some(next) = phases.iter().find(|phase| phase.int("start_date") == now) else {
        match schedule.text("end_behavior") {
            "cancel" => status::end(state, &subscription, None),
            _ => release_subscription(state, id),
        }
        return;
    };
    enter(state, &subscription, next, now);
    let end = next.int("end_date");
    let current = json!({"end_date": end, "start_date": now});
    state.update(id, "subscription_schedule.updated", |schedule| schedule.set("current_phase", current));
    state.remind(id, end, Due::EndPhase(id.to_owned()));
}

/// Brings a subscription into a phase. Its period ends at this instant too, so that the renewal that follows invoices
/// the phase from its beginning.
fn enter(state: &mut State, subscription: &str, phase: &Object, now: i64) {
    let before = state.must(subscription).clone();
    let old = before.each("items");
    let pace = |price: &Object| lines::interval(price);
    let mut items = Vec::new();
    for (place, item) in phase.each("items").iter().enumerate() {
        let price = state.must(item.text("price")).clone();
        let kept = old.get(place);
        let planned = PlannedItem {
            id: kept.map(|kept| kept.id().to_owned()),
            price,
            quantity: item.int("quantity"),
            metadata: json!({}),
        };
        let period = kept.map_or((now, now), |kept| (kept.int("current_period_start"), kept.int("current_period_end")));
        items.push(subscription::item(
            state,
            subscription,
            &planned,
            period,
            kept.map_or(now, |kept| kept.int("created")),
        ));
    }
    let was = old.first().map(|item| Object::from(item.at("price").clone())).as_ref().and_then(pace);
    let is = items.first().map(|item| Object::from(item["price"].clone())).as_ref().and_then(pace);
    state.edit(subscription, |subscription| {
        subscription.set("items.data", items);
        if was != is {
            subscription.set("billing_cycle_anchor", now);
        }
        if let (Some(own), Some(added)) = (subscription.at("metadata").as_object(), phase.at("metadata").as_object()) {
            let merged: serde_json::Map<String, Value> = own.clone().into_iter().chain(added.clone()).collect();
            subscription.set("metadata", merged);
        }
    });
    state.emit_changes(&before, UPDATED);
}

/// `GET /v1/subscription_schedules`: lists schedules, by customer.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let customer = params.optional("customer");
    params.finish()?;
    page.of(state, "subscription_schedule", "/v1/subscription_schedules", |schedule| {
        customer.as_ref().is_none_or(|customer| schedule.text("customer") == customer)
    })
}
