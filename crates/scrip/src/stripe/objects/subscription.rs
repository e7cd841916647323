//! What is paid again and again.

use super::{Id, List, Metadata, Seconds, or_empty, price::Price};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// What is paid again and again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Subscription {
    /// `sub_…`
    pub id: String,
    /// Whether money moves.
    pub livemode: bool,
    /// How it stands.
    pub status: Status,
    /// Who pays.
    pub customer: Id,
    /// What is paid for; the period is theirs.
    pub items: List<Item>,
    /// Whether it ends with the period.
    pub cancel_at_period_end: bool,
    /// When it will end; it may be said here alone.
    pub cancel_at: Option<Seconds>,
    /// When it was cancelled.
    pub canceled_at: Option<Seconds>,
    /// When it ended.
    pub ended_at: Option<Seconds>,
    /// The last bill.
    pub latest_invoice: Option<Id>,
    /// What is to become of it.
    pub schedule: Option<Id>,
    /// Set while no bill is collected.
    pub pause_collection: Option<Pause>,
    /// When a trial of Stripe's ends.
    pub trial_end: Option<Seconds>,
    /// What it is paid with; absent is what the customer pays with.
    pub default_payment_method: Option<Id>,
    /// Where its periods are computed from.
    pub billing_cycle_anchor: Seconds,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// When it began.
    pub start_date: Seconds,
    /// When it was made.
    pub created: Seconds,
}

/// One thing that a subscription pays for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Item {
    /// `si_…`
    pub id: String,
    /// What it costs, and so what it is.
    pub price: Price,
    /// How many.
    pub quantity: Option<i64>,
    /// When the period began.
    pub current_period_start: Seconds,
    /// When it ends.
    pub current_period_end: Seconds,
}

/// How bills are not collected.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Pause {
    /// `void`, `keep_as_draft` or `mark_uncollectible`.
    pub behavior: String,
    /// Until when.
    pub resumes_at: Option<Seconds>,
}

/// How a subscription stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is paid.
    Active,
    /// The last bill is not paid, and is tried again.
    PastDue,
    /// The last bill was given up.
    Unpaid,
    /// It is over.
    Canceled,
    /// The first bill is not paid yet.
    Incomplete,
    /// The first bill was never paid.
    IncompleteExpired,
    /// A trial of Stripe's.
    Trialing,
    /// A trial of Stripe's ended with nothing to pay with.
    Paused,
    /// Something Stripe added.
    #[serde(untagged)]
    Other(String),
}

/// What is changed about a subscription's end; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Ending {
    /// Whether it ends with the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_at_period_end: Option<bool>,
    /// When it ends; `Some(None)` takes a date back that was set as a date. Not to be said beside the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_at: Option<Option<Seconds>>,
}

/// What a subscription is paid with from now on.
#[derive(Clone, Debug, Serialize)]
pub struct PaidWith {
    /// `pm_…`
    pub default_payment_method: String,
}

/// Another price for an item of a subscription, from the next period on: nothing is settled for the one that is paid.
#[derive(Clone, Debug, Serialize)]
pub struct Repricing {
    /// The item, with its price.
    pub items: Vec<ItemPrice>,
    /// `none`.
    pub proration_behavior: &'static str,
    /// Marks that are added.
    pub metadata: Metadata,
}

/// An item of a subscription and its price.
#[derive(Clone, Debug, Serialize)]
pub struct ItemPrice {
    /// `si_…`
    pub id: String,
    /// `price_…`, which is active.
    pub price: String,
}

impl Client {
    /// Has a subscription paid with another means of payment.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn pay_subscription_with(&self, id: &str, method: &str, key: &IdempotencyKey) -> Result<(), Error> {
        let with = PaidWith { default_payment_method: method.to_owned() };
        self.post(&["subscriptions", id], &with, key).await.map(|_: serde::de::IgnoredAny| ())
    }

    /// Changes the price of an item.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn reprice_subscription(
        &self,
        id: &str,
        change: &Repricing,
        key: &IdempotencyKey,
    ) -> Result<Subscription, Error> {
        self.post(&["subscriptions", id], change, key).await
    }

    /// A subscription.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn subscription(&self, id: &str) -> Result<Subscription, Error> {
        self.get(&["subscriptions", id], &()).await
    }

    /// Every subscription that a customer has or had, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn subscriptions_of(&self, customer: &str) -> Result<Vec<Subscription>, Error> {
        self.all(&["subscriptions"], &serde_json::json!({ "customer": customer, "status": "all" })).await
    }

    /// Ends a subscription at once; what is open of it is no longer collected by itself.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn cancel_subscription(&self, id: &str) -> Result<Subscription, Error> {
        self.delete(&["subscriptions", id]).await
    }

    /// Says when a subscription ends, or that it does not.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn end_subscription(
        &self,
        id: &str,
        ending: Ending,
        key: &IdempotencyKey,
    ) -> Result<Subscription, Error> {
        self.post(&["subscriptions", id], &ending, key).await
    }
}
