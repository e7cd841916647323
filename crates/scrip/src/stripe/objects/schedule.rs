//! What is to become of a subscription: where a downgrade waits for the period's end.

use super::{Expandable, Id, Seconds, or_empty, price::Price};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::Deserialize;

/// What is to become of a subscription.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Schedule {
    /// `sub_sched_…`
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// Of which subscription.
    pub subscription: Option<Id>,
    /// The phase it is in.
    pub current_phase: Option<CurrentPhase>,
    /// One after the other.
    pub phases: Vec<Phase>,
    /// What follows the last: `release`, `cancel`, …
    pub end_behavior: String,
}

/// The phase a schedule is in.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct CurrentPhase {
    /// When it began.
    pub start_date: Seconds,
    /// When it ends.
    pub end_date: Seconds,
}

/// A time with the same prices.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Phase {
    /// When it begins.
    pub start_date: Seconds,
    /// When it ends.
    pub end_date: Seconds,
    /// What is paid for.
    #[serde(default, deserialize_with = "or_empty")]
    pub items: Vec<PhaseItem>,
}

/// One thing that is paid for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PhaseItem {
    /// At which price; the answers here have it whole.
    pub price: Expandable<Price>,
    /// How many.
    pub quantity: Option<i64>,
}

/// How a schedule stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its first phase is to come.
    NotStarted,
    /// It is in a phase.
    Active,
    /// Its last phase is over.
    Completed,
    /// It lets go of its subscription, which goes on as it was.
    Released,
    /// It was cancelled with its subscription.
    Canceled,
    /// Something Stripe added.
    #[serde(untagged)]
    Other(String),
}

impl Schedule {
    /// The phase that follows the one it is in: its start, and its price if it has one alone.
    pub fn next(&self) -> Option<(Seconds, &Expandable<Price>)> {
        if !matches!(self.status, Status::Active | Status::NotStarted) {
            return None;
        }
        let is_later = |phase: &&Phase| self.current_phase.is_none_or(|now| phase.start_date >= now.end_date);
        let phase = self.phases.iter().filter(is_later).min_by_key(|phase| phase.start_date)?;
        let [PhaseItem { price, .. }] = phase.items.as_slice() else { return None };
        Some((phase.start_date, price))
    }
}

impl Client {
    /// Lets go of a schedule's subscription, which goes on as it is.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn release_schedule(&self, id: &str, key: &IdempotencyKey) -> Result<(), Error> {
        self.post(&["subscription_schedules", id, "release"], &(), key).await.map(|_: serde::de::IgnoredAny| ())
    }

    /// A schedule, with its prices whole.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn subscription_schedule(&self, id: &str) -> Result<Schedule, Error> {
        let expand = serde_json::json!({ "expand": ["phases.items.price"] });
        self.get(&["subscription_schedules", id], &expand).await
    }
}
