//! Events of the plan of a workspace, which are for ever.

use super::subscription::{Period, Repriced};
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::Interval;
use crate::payments::Paid;
use serde::{Deserialize, Serialize};

/// Why a period started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// A first subscription.
    New,
    /// A higher plan, or a longer interval of the same, at once (R31).
    Upgrade,
    /// A lower plan, or a shorter interval of the same, at the period's end (R31).
    Change,
    /// The next period of the same.
    Renewal,
    /// The rest of a carried period, when what took its place has ended (R31).
    Resumed,
}

/// An event of the plan of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanEvent {
    /// A paid period started.
    PeriodStarted {
        /// The plan.
        plan: Name,
        /// The catalog version it is on from here (R33).
        catalog: u32,
        /// Why.
        why: Start,
        /// The period.
        period: Period,
        /// The allowance agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
        /// What it was paid with; nothing where the operator says what is paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<Paid>,
    },
    /// A monthly grant inside a paid year fell due (R34).
    MonthStarted {
        /// The number of the next one, from the anchor.
        next_month: u32,
        /// Place of the carried period whose month it is; `None` for the current period's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carried: Option<u32>,
    },
    /// A paid period goes on beside the current one, with its dates: another takes its place before its end, or it is
    /// paid for while a higher plan is (R31).
    PeriodCarried {
        /// The plan.
        plan: Name,
        /// Catalog version that it was sold with.
        catalog: u32,
        /// The period.
        period: Period,
        /// The allowance agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
        /// Payment of it; `None` where the operator said that it was paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<Paid>,
        /// True if it was the current one.
        replaced: bool,
        /// Numbers of the grants that it had then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        grants: Vec<u32>,
    },
    /// The paid plan ended and the free plan took its place.
    SubscriptionEnded {
        /// The free plan.
        plan: Name,
        /// The catalog version it is on from here.
        catalog: u32,
        /// Because its renewal was not paid (R4).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unpaid: bool,
    },
    /// Another plan or interval takes effect with the next period (R31).
    ChangeScheduled {
        /// The plan.
        plan: Name,
        /// The interval.
        interval: Interval,
        /// The allowance agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
    },
    /// The plan ends with its period (R32).
    CancelScheduled,
    /// The scheduled change or cancellation was taken back.
    ScheduleCleared,
    /// The workspace moved to the terms of another catalog version: without a paid period when the version came into
    /// force, with one by a migration (R33).
    CatalogMigrated {
        /// The version whose limits and gates apply from here on.
        catalog: u32,
        /// The version that the paid period was sold with, whose grants stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sold: Option<u32>,
        /// The free plan of that version, where the workspace's own is not in it any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Name>,
        /// The price that later renewals change to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repriced: Option<Repriced>,
    },
}

impl PlanEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            PlanEvent::PeriodStarted { .. } => "period_started",
            PlanEvent::MonthStarted { .. } => "month_started",
            PlanEvent::PeriodCarried { .. } => "period_carried",
            PlanEvent::SubscriptionEnded { .. } => "subscription_ended",
            PlanEvent::ChangeScheduled { .. } => "change_scheduled",
            PlanEvent::CancelScheduled => "cancel_scheduled",
            PlanEvent::ScheduleCleared => "schedule_cleared",
            PlanEvent::CatalogMigrated { .. } => "catalog_migrated",
        }
    }
}
