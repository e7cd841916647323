//! Subscription schedules, in which a downgrade waits for the end of the period.

use super::{Expandable, Id, Seconds, or_empty, price::Price};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A subscription schedule: the phases that a subscription goes through.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Schedule {
    /// Identifier of the schedule, `sub_sched_…`.
    pub id: String,
    /// Status of the schedule.
    pub status: Status,
    /// Subscription that the schedule governs, if any.
    pub subscription: Option<Id>,
    /// Phase that the schedule is in, if any.
    pub current_phase: Option<CurrentPhase>,
    /// Phases of the schedule, in order.
    pub phases: Vec<Phase>,
    /// Action after the last phase: `release`, `cancel`, …
    pub end_behavior: String,
}

/// Phase that a schedule is in.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct CurrentPhase {
    /// Start of the phase, in seconds since 1970.
    pub start_date: Seconds,
    /// End of the phase, in seconds since 1970.
    pub end_date: Seconds,
}

/// A time in which a subscription has the same prices.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Phase {
    /// Start of the phase, in seconds since 1970.
    pub start_date: Seconds,
    /// End of the phase, in seconds since 1970.
    pub end_date: Seconds,
    /// Items that the subscription has in the phase.
    #[serde(default, deserialize_with = "or_empty")]
    pub items: Vec<PhaseItem>,
}

/// One item of a phase.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PhaseItem {
    /// Price of the item; [`Client::subscription_schedule`] expands it.
    pub price: Expandable<Price>,
    /// Number of units of the item.
    pub quantity: Option<i64>,
}

/// Status of a subscription schedule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The first phase has not begun.
    NotStarted,
    /// The schedule is in one of its phases.
    Active,
    /// The last phase is over.
    Completed,
    /// The schedule was released; its subscription goes on unchanged.
    Released,
    /// The schedule was cancelled together with its subscription.
    Canceled,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

impl Schedule {
    /// Returns the start of the phase after the current one, and its price. `None` if no phase follows, it has more
    /// than one item, or the schedule is over.
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

/// Parameters of a new schedule for an existing subscription.
#[derive(Clone, Debug, Serialize)]
pub struct NewSchedule {
    /// Identifier of the subscription, `sub_…`.
    pub from_subscription: String,
}

/// A schedule that was just created.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CreatedSchedule {
    /// Identifier of the schedule, `sub_sched_…`.
    pub id: String,
    /// Phase that the schedule is in.
    pub current_phase: Option<CurrentPhase>,
}

/// Phases that replace those of a schedule.
#[derive(Clone, Debug, Serialize)]
pub struct NewPhases {
    /// Phases in order; the first is the current one.
    pub phases: Vec<NewPhase>,
    /// Action after the last phase: `release`.
    pub end_behavior: &'static str,
    /// Settlement of what was already paid when the phases are set: `none`.
    pub proration_behavior: &'static str,
}

/// A phase that a schedule is given.
#[derive(Clone, Debug, Serialize)]
pub struct NewPhase {
    /// Items that the subscription has in the phase.
    pub items: Vec<NewPhaseItem>,
    /// Start of the first phase, in seconds since 1970; absent for later phases, which follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Seconds>,
    /// End of the phase, in seconds since 1970; absent where `duration` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Seconds>,
    /// Length of the phase; absent where `end_date` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// Settlement of what was already paid when the phase begins: `none`.
    pub proration_behavior: &'static str,
}

/// One item of a phase that a schedule is given.
#[derive(Clone, Debug, Serialize)]
pub struct NewPhaseItem {
    /// Identifier of the price, `price_…`.
    pub price: String,
    /// Number of units of the item.
    pub quantity: i64,
}

/// Length of a phase.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Duration {
    /// Unit of the length: `week`, `month` or `year`.
    pub interval: &'static str,
    /// Number of such units.
    pub interval_count: u32,
}

impl Client {
    /// Creates a schedule for a subscription; the current period is its only phase.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn create_schedule(&self, subscription: &str, key: &IdempotencyKey) -> Result<CreatedSchedule, Error> {
        let new = NewSchedule { from_subscription: subscription.to_owned() };
        self.post(&["subscription_schedules"], &new, key).await
    }

    /// Replaces the phases of a schedule.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn set_phases(&self, id: &str, phases: &NewPhases, key: &IdempotencyKey) -> Result<(), Error> {
        self.post(&["subscription_schedules", id], phases, key).await.map(|_: serde::de::IgnoredAny| ())
    }

    /// Releases a schedule; its subscription goes on unchanged.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn release_schedule(&self, id: &str, key: &IdempotencyKey) -> Result<(), Error> {
        self.post(&["subscription_schedules", id, "release"], &(), key).await.map(|_: serde::de::IgnoredAny| ())
    }

    /// Reads a schedule, with its prices expanded.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn subscription_schedule(&self, id: &str) -> Result<Schedule, Error> {
        let expand = serde_json::json!({ "expand": ["phases.items.price"] });
        self.get(&["subscription_schedules", id], &expand).await
    }
}
