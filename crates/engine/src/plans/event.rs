//! Events of the plan of a workspace, which are for ever.

use super::subscription::{Period, PriceChange};
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::Interval;
use crate::payments::PeriodPayment;
use serde::{Deserialize, Serialize};

/// Reason for which a period started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Purchase of a plan, without a paid period before it.
    New,
    /// Purchase of a higher plan, or of a longer interval of the same, at once (R31).
    Upgrade,
    /// Change to a lower plan, or to a shorter interval of the same, at the period's end (R31).
    Change,
    /// Renewal: the next period of the same plan and interval.
    Renewal,
    /// Return to the rest of a carried period, when the period in its place has ended (R31).
    Resumed,
}

/// An event of the plan of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanEvent {
    /// A paid period started.
    PeriodStarted {
        /// Id of the plan.
        plan: Name,
        /// Catalog version that the workspace is on from here (R33).
        catalog: u32,
        /// Reason for which it started.
        why: Start,
        /// Dates of the period.
        period: Period,
        /// Number of credits for each period, agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
        /// Payment of the period; `None` where the operator says that it is paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<PeriodPayment>,
    },
    /// A monthly grant inside a paid year fell due (R34).
    MonthStarted {
        /// Number of the next monthly grant, from the anchor.
        next_month: u32,
        /// Place of the carried period whose month it is; `None` for the current period's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carried: Option<u32>,
    },
    /// A paid period goes on beside the current one, with its dates: another takes its place before its end, or it is
    /// paid for while a higher plan is (R31).
    PeriodCarried {
        /// Id of the carried period's plan.
        plan: Name,
        /// Version of the catalog that it was sold with.
        catalog: u32,
        /// Dates of the period.
        period: Period,
        /// Number of credits for each period, agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
        /// Payment of the period; `None` where the operator said that it was paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<PeriodPayment>,
        /// `true` if it was the current period.
        replaced: bool,
        /// Numbers of the grants that the period had then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        grants: Vec<u32>,
    },
    /// The paid plan ended and the free plan took its place.
    SubscriptionEnded {
        /// Id of the free plan.
        plan: Name,
        /// Catalog version that the workspace is on from here.
        catalog: u32,
        /// `true` if it ended because its renewal was not paid (R4).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unpaid: bool,
    },
    /// Another plan or interval takes effect with the next period (R31).
    ChangeScheduled {
        /// Id of the plan that follows.
        plan: Name,
        /// Interval of the plan that follows.
        interval: Interval,
        /// Number of credits for each period, agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
    },
    /// The plan ends with its period (R32).
    CancelScheduled,
    /// A scheduled change or cancellation was withdrawn.
    ScheduleCleared,
    /// The workspace moved to the terms of another catalog version: without a paid period when the version came into
    /// force, with one by a migration (R33).
    CatalogMigrated {
        /// Catalog version whose limits and gates apply from here on.
        catalog: u32,
        /// Catalog version that the paid period was sold with, whose grants stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sold: Option<u32>,
        /// Id of that version's free plan, where the workspace's own plan is not in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Name>,
        /// Price that later renewals change to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repriced: Option<PriceChange>,
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
