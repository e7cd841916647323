//! New subscriptions: their first period, and the first invoice, which decides whether they become active.
//!
//! Invariant: a subscription is active only after its first invoice is paid, or if nothing was due on it.

use super::invoice::{self, NewInvoice};
use super::payment::{self, Attempt, Presence};
use super::{lines, settlement, status, totals};
use crate::agenda::Due;
use crate::calendar::HOUR;
use crate::cards::Outcome;
use crate::error::StripeError;
use crate::object::{self, Object};
use crate::state::State;
use serde_json::{Value, json};

/// Seconds for which a first payment or a change may wait to be paid.
pub const PATIENCE: i64 = 23 * HOUR;

/// An item that a subscription is to have.
#[derive(Clone, Debug)]
pub struct PlannedItem {
    /// Identifier of the existing item that is continued, if there is one.
    pub id: Option<String>,
    /// Price of the item.
    pub price: Object,
    /// Quantity of the price.
    pub quantity: i64,
    /// Metadata of the caller.
    pub metadata: Value,
}

/// Consequence of a payment that does not succeed at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaymentBehavior {
    /// The subscription waits as incomplete, or becomes past due.
    #[default]
    AllowIncomplete,
    /// No payment is tried: the caller's own page collects it.
    DefaultIncomplete,
    /// The call fails, and nothing is changed.
    ErrorIfIncomplete,
    /// The change waits until it is paid.
    PendingIfIncomplete,
}

impl PaymentBehavior {
    /// Parses Stripe's word for a payment behavior.
    pub fn parse(text: &str) -> Option<PaymentBehavior> {
        match text {
            "allow_incomplete" => Some(PaymentBehavior::AllowIncomplete),
            "default_incomplete" => Some(PaymentBehavior::DefaultIncomplete),
            "error_if_incomplete" => Some(PaymentBehavior::ErrorIfIncomplete),
            "pending_if_incomplete" => Some(PaymentBehavior::PendingIfIncomplete),
            _ => None,
        }
    }
}

/// A subscription to create.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Customer of the subscription.
    pub customer: String,
    /// Items of the subscription.
    pub items: Vec<PlannedItem>,
    /// Metadata of the caller.
    pub metadata: Value,
    /// Description for the customer.
    pub description: Option<String>,
    /// Payment method of the subscription; without one, the customer's default pays.
    pub payment_method: Option<String>,
    /// Instant at which the trial ends, if there is one.
    pub trial_end: Option<i64>,
    /// Consequence of a first payment that does not succeed.
    pub behavior: PaymentBehavior,
    /// Presence of the card's owner.
    pub presence: Presence,
    /// `true` for Stripe's classic billing mode.
    pub classic: bool,
}

/// Makes a subscription and its first invoice, and tries to collect it.
///
/// # Errors
/// When the payment fails and the caller wanted that to fail the call; nothing is made then.
pub fn open(state: &mut State, new: NewSubscription) -> Result<String, StripeError> {
    let customer = state.must(&new.customer).clone();
    let own = customer.maybe("invoice_settings.default_payment_method").map(str::to_owned);
    let payment_method = new.payment_method.clone().or(own);
    let now = state.now_of(&new.customer);
    let due: i64 = new.items.iter().map(|item| item.price.int("unit_amount").saturating_mul(item.quantity)).sum();
    let collects = new.trial_end.is_none() && totals::due(due, customer.int("balance")) > 0;
    if collects && new.behavior != PaymentBehavior::DefaultIncomplete {
        let Some(payment_method) = &payment_method else {
            let message = "This customer has no attached payment source or default payment method. Please consider adding a default payment method.";
            return Err(StripeError::invalid(message).code("resource_missing"));
        };
        if new.behavior == PaymentBehavior::ErrorIfIncomplete {
            check_payment(state, payment_method, new.presence)?;
        }
    }
    let id = put_subscription(state, &new, &customer, now);
    let period_end = new.trial_end;
    let items = state.must(&id).each("items");
    let mut first = Vec::new();
    for item in &items {
        let price = Object::from(item.at("price").clone());
        let period = (now, item.int("current_period_end"));
        let mut line = lines::full_line(state, &price, item.int("quantity"), period, new.metadata.clone());
        line.subscription = Some((id.clone(), item.id().to_owned()));
        if period_end.is_some() {
            line.amount = 0;
            line.description = format!("Trial period for {}", line.description);
        }
        first.push(line);
    }
    let invoice = invoice::draft(
        state,
        NewInvoice {
            customer: new.customer.clone(),
            subscription: Some(id.clone()),
            reason: "subscription_create",
            lines: first,
            period: (now, now),
            metadata: json!({}),
            advances: false,
        },
    );
    state.emit("customer.subscription.created", &id);
    invoice::finalize(state, &invoice);
    if state.must(&invoice).text("status") == "open" {
        state.remind(&id, now + PATIENCE, Due::ExpireIncomplete(id.clone()));
        if new.behavior != PaymentBehavior::DefaultIncomplete {
            settlement::collect(state, &invoice, payment_method, new.presence)?;
        }
    }
    Ok(id)
}

/// Returns the error with which a payment would fail, before anything is written.
///
/// # Errors
/// When the payment would not succeed at once.
pub fn check_payment(state: &State, payment_method: &str, presence: Presence) -> Result<(), StripeError> {
    match payment::foretell(state, payment_method, presence) {
        Outcome::Paid | Outcome::PaidAndDisputed | Outcome::Processing => Ok(()),
        Outcome::Declined(decline) => Err(decline.error()),
        Outcome::NeedsAction => Err(StripeError::card(
            "subscription_payment_intent_requires_action",
            None,
            "Payment for this subscription requires additional user action before it can be completed successfully.",
        )),
    }
}

/// Turns a declined attempt into an error, for a caller that learns of failures that way.
///
/// # Errors
/// When it was declined.
pub fn refuse_decline(attempt: Attempt) -> Result<(), StripeError> {
    match attempt {
        Attempt::Declined(error) => Err(error),
        Attempt::Paid | Attempt::NeedsAction | Attempt::Processing => Ok(()),
    }
}

/// Returns an item as Stripe shows it.
pub fn item(state: &mut State, subscription: &str, planned: &PlannedItem, period: (i64, i64), created: i64) -> Value {
    let id = planned.id.clone().unwrap_or_else(|| state.id("si_"));
    json!({
        "id": id, "object": "subscription_item", "billing_thresholds": null, "created": created,
        "current_period_end": period.1, "current_period_start": period.0, "current_trial": null, "discounts": [],
        "metadata": planned.metadata, "plan": plan(&planned.price), "price": planned.price.value(),
        "quantity": planned.quantity, "subscription": subscription, "tax_rates": [],
    })
}

/// Returns a price in the older form, `plan`, which Stripe shows beside it.
pub fn plan(price: &Object) -> Value {
    json!({
        "id": price.id(), "object": "plan", "active": price.at("active"), "amount": price.at("unit_amount"),
        "amount_decimal": price.at("unit_amount_decimal"), "billing_scheme": "per_unit", "created": price.at("created"),
        "currency": price.at("currency"), "interval": price.at("recurring.interval"),
        "interval_count": price.at("recurring.interval_count"), "livemode": false, "metadata": price.at("metadata"),
        "meter": null, "nickname": price.at("nickname"), "product": price.at("product"), "tiers_mode": null,
        "transform_usage": null, "trial_period_days": null, "usage_type": "licensed",
    })
}

fn put_subscription(state: &mut State, new: &NewSubscription, customer: &Object, now: i64) -> String {
    let id = state.id("sub_");
    let anchor = new.trial_end.unwrap_or(now);
    let mut items = Vec::new();
    for planned in &new.items {
        let end = new.trial_end.or_else(|| lines::interval(&planned.price).map(|interval| interval.next(now, now)));
        items.push(item(state, &id, planned, (now, end.unwrap_or(i64::MAX)), now));
    }
    let currency = new.items.first().map(|item| item.price.text("currency").to_owned()).unwrap_or_default();
    let mode = if new.classic {
        json!({"flexible": null, "type": "classic"})
    } else {
        json!({"flexible": {"proration_discounts": "included"}, "type": "flexible"})
    };
    let settings = json!({
        "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null,
        "issuer": {"type": "self"},
    });
    let url = format!("/v1/subscription_items?subscription={id}");
    state.put(json!({
        "id": id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
        "billing_cycle_anchor": anchor, "billing_cycle_anchor_config": null, "billing_mode": mode,
        "billing_schedules": [], "billing_thresholds": null, "cancel_at": null, "cancel_at_period_end": false,
        "canceled_at": null,
        "cancellation_details": {"comment": null, "feedback": null, "feedback_option": null, "reason": null},
        "collection_method": "charge_automatically", "created": now, "currency": currency, "customer": new.customer,
        "customer_account": null, "days_until_due": null, "default_payment_method": new.payment_method,
        "default_source": null, "default_tax_rates": [], "description": new.description, "discounts": [],
        "ended_at": null, "invoice_settings": settings, "items": object::list(items, false, &url),
        "latest_invoice": null, "livemode": false, "managed_payments": {"enabled": false}, "metadata": new.metadata,
        "next_pending_invoice_item_invoice": null, "on_behalf_of": null, "pause_collection": null,
        "payment_settings": {
            "payment_method_options": null, "payment_method_types": null, "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": null, "pending_setup_intent": null, "pending_update": null,
        "schedule": null, "start_date": now, "status": "incomplete", "test_clock": customer.at("test_clock"),
        "transfer_data": null, "trial_end": new.trial_end,
        "trial_settings": {
            "end_behavior": {"billing_cycle_anchor": null, "missing_payment_method": "create_invoice"},
        },
        "trial_start": new.trial_end.map(|_| now),
    }))
}

/// Plans the renewal anew after a subscription's items changed outside a renewal.
pub fn replan(state: &mut State, id: &str) {
    let subscription = state.must(id);
    let end = status::period_end(subscription);
    // An end that was announced for the period's end moves with it.
    if subscription.flag("cancel_at_period_end") {
        state.edit(id, |subscription| subscription.set("cancel_at", end));
        state.remind(id, end, Due::Cancel(id.to_owned()));
    }
    status::plan_renewal(state, id);
}
