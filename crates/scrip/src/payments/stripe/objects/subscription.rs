//! Subscriptions: plans that Stripe charges at each interval.

use super::{Id, List, Metadata, Seconds, or_empty, price::Price};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A subscription, as Stripe answers it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Subscription {
    /// Identifier of the subscription, `sub_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Status of the subscription.
    pub status: Status,
    /// Customer who pays for the subscription.
    pub customer: Id,
    /// Items of the subscription; each has the current period.
    pub items: List<Item>,
    /// `true` if the subscription ends with the current period.
    pub cancel_at_period_end: bool,
    /// Instant at which the subscription is set to end, in seconds since 1970; it can be set while
    /// `cancel_at_period_end` is `false`.
    pub cancel_at: Option<Seconds>,
    /// Instant at which the subscription was cancelled, in seconds since 1970.
    pub canceled_at: Option<Seconds>,
    /// Instant at which the subscription ended, in seconds since 1970.
    pub ended_at: Option<Seconds>,
    /// Newest invoice of the subscription, if any.
    pub latest_invoice: Option<Id>,
    /// Schedule that governs the subscription, if any.
    pub schedule: Option<Id>,
    /// Pause of collection; present while invoices are not collected.
    pub pause_collection: Option<Pause>,
    /// End of Stripe's own trial, in seconds since 1970, if there is one.
    pub trial_end: Option<Seconds>,
    /// Payment method of the subscription; absent means the customer's default.
    pub default_payment_method: Option<Id>,
    /// Anchor from which the periods are computed, in seconds since 1970.
    pub billing_cycle_anchor: Seconds,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Start of the subscription, in seconds since 1970.
    pub start_date: Seconds,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// One item of a subscription.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Item {
    /// Identifier of the item, `si_…`.
    pub id: String,
    /// Price of the item, which also says what is sold.
    pub price: Price,
    /// Number of units of the item.
    pub quantity: Option<i64>,
    /// Start of the current period, in seconds since 1970.
    pub current_period_start: Seconds,
    /// End of the current period, in seconds since 1970.
    pub current_period_end: Seconds,
}

/// Pause of a subscription's collection.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Pause {
    /// Treatment of invoices meanwhile: `void`, `keep_as_draft` or `mark_uncollectible`.
    pub behavior: String,
    /// Instant at which collection resumes, in seconds since 1970; absent if none is set.
    pub resumes_at: Option<Seconds>,
}

/// Status of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Paid for the current period.
    Active,
    /// The newest invoice is unpaid, and Stripe tries again to collect it.
    PastDue,
    /// The newest invoice is unpaid, and Stripe has given up collecting it.
    Unpaid,
    /// The subscription has ended.
    Canceled,
    /// The first invoice is not paid yet.
    Incomplete,
    /// The first invoice was not paid in time.
    IncompleteExpired,
    /// The subscription is in Stripe's own trial.
    Trialing,
    /// Stripe's own trial ended without a payment method.
    Paused,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

/// Change of a subscription's end; a field that is `None` stays unchanged.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct EndChange {
    /// `true` to end the subscription with the current period, `false` to let it go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_at_period_end: Option<bool>,
    /// Instant of the end, in seconds since 1970; `Some(None)` removes a date that was set. Stripe refuses both fields
    /// in one request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_at: Option<Option<Seconds>>,
}

/// Payment method that a subscription is charged to from now on.
#[derive(Clone, Debug, Serialize)]
pub struct ChargedMethod {
    /// Identifier of the payment method, `pm_…`.
    pub default_payment_method: String,
}

/// New price for an item of a subscription from the next period on; the current period, which is paid, stays unchanged.
#[derive(Clone, Debug, Serialize)]
pub struct ItemPriceChange {
    /// Item with its new price.
    pub items: Vec<ItemPrice>,
    /// Settlement of the current period: `none`.
    pub proration_behavior: &'static str,
    /// Key-value pairs that are added to the subscription's.
    pub metadata: Metadata,
}

/// An item of a subscription and its new price.
#[derive(Clone, Debug, Serialize)]
pub struct ItemPrice {
    /// Identifier of the item, `si_…`.
    pub id: String,
    /// Identifier of an active price, `price_…`.
    pub price: String,
}

impl Client {
    /// Charges a subscription to another payment method from now on.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn pay_subscription_with(&self, id: &str, method: &str, key: &IdempotencyKey) -> Result<(), Error> {
        let with = ChargedMethod { default_payment_method: method.to_owned() };
        self.post(&["subscriptions", id], &with, key).await.map(|_: serde::de::IgnoredAny| ())
    }

    /// Changes the price of a subscription's item.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn reprice_subscription(
        &self,
        id: &str,
        change: &ItemPriceChange,
        key: &IdempotencyKey,
    ) -> Result<Subscription, Error> {
        self.post(&["subscriptions", id], change, key).await
    }

    /// Reads the subscription with identifier `id`.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn subscription(&self, id: &str) -> Result<Subscription, Error> {
        self.get(&["subscriptions", id], &()).await
    }

    /// Reads every subscription that a customer has or had, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn subscriptions_of(&self, customer: &str) -> Result<Vec<Subscription>, Error> {
        self.all(&["subscriptions"], &serde_json::json!({ "customer": customer, "status": "all" })).await
    }

    /// Cancels a subscription at once; Stripe no longer collects its open invoices by itself.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn cancel_subscription(&self, id: &str) -> Result<Subscription, Error> {
        self.delete(&["subscriptions", id]).await
    }

    /// Sets the end of a subscription, or removes it.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn end_subscription(
        &self,
        id: &str,
        ending: EndChange,
        key: &IdempotencyKey,
    ) -> Result<Subscription, Error> {
        self.post(&["subscriptions", id], &ending, key).await
    }
}
