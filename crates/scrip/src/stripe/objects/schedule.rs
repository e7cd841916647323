//! What is to become of a subscription: where a downgrade waits for the period's end.

use super::{Expandable, Id, Seconds, or_empty, price::Price};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

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

/// A schedule to be made of a subscription.
#[derive(Clone, Debug, Serialize)]
pub struct NewSchedule {
    /// `sub_…`
    pub from_subscription: String,
}

/// A schedule that was just made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewlyMade {
    /// `sub_sched_…`
    pub id: String,
    /// The phase it is in.
    pub current_phase: Option<CurrentPhase>,
}

/// Phases that a schedule is given.
#[derive(Clone, Debug, Serialize)]
pub struct NewPhases {
    /// One after the other; the first is the one it is in.
    pub phases: Vec<NewPhase>,
    /// What follows the last: `release`.
    pub end_behavior: &'static str,
    /// What becomes of what was paid when the phases are set: `none`.
    pub proration_behavior: &'static str,
}

/// A phase to be.
#[derive(Clone, Debug, Serialize)]
pub struct NewPhase {
    /// What is paid for.
    pub items: Vec<NewPhaseItem>,
    /// When the first begins; the others follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Seconds>,
    /// When it ends; absent where it says how long it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Seconds>,
    /// How long it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// What becomes of what was paid at its beginning: `none`.
    pub proration_behavior: &'static str,
}

/// One thing that is to be paid for.
#[derive(Clone, Debug, Serialize)]
pub struct NewPhaseItem {
    /// At which price.
    pub price: String,
    /// How many.
    pub quantity: i64,
}

/// How long a phase lasts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Duration {
    /// `week`, `month` or `year`.
    pub interval: &'static str,
    /// How many of them.
    pub interval_count: u32,
}

impl Client {
    /// Makes a schedule of a subscription, with the period it is in as its one phase.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn create_schedule(&self, subscription: &str, key: &IdempotencyKey) -> Result<NewlyMade, Error> {
        let new = NewSchedule { from_subscription: subscription.to_owned() };
        self.post(&["subscription_schedules"], &new, key).await
    }

    /// Gives a schedule its phases.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn set_phases(&self, id: &str, phases: &NewPhases, key: &IdempotencyKey) -> Result<(), Error> {
        self.post(&["subscription_schedules", id], phases, key).await.map(|_: serde::de::IgnoredAny| ())
    }

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
