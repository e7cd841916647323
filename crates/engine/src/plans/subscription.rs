//! The subscription of a workspace: its plan, and the period that is paid for.
//!
//! Invariant: a period's boundaries are computed from its anchor, never from the boundary before (R2).

use crate::catalog::{Catalog, GrantKind, Name};
use crate::grants::Grant;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};
use crate::payments::PeriodPayment;
use serde::{Deserialize, Serialize};

/// Subscription of a workspace: its plan, its paid periods and what follows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Id of the plan.
    pub plan: Name,
    /// The paid period; `None` on a plan that is never paid for.
    pub period: Option<Period>,
    /// `true` if the plan ends with its period (R32).
    pub cancel: bool,
    /// Plan and interval that take effect with the next period (R31).
    pub pending: Option<(Name, Interval)>,
    /// Number of credits for each period of the pending plan, agreed by contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_allowance: Option<Amount>,
    /// Number of credits for each period, agreed by contract; only on a custom plan.
    pub allowance: Option<Amount>,
    /// Payment of the period; `None` where the operator says that it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PeriodPayment>,
    /// Catalog version that the period was sold with, where a migration has moved its limits and gates on (R33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold: Option<u32>,
    /// Price of which a migration has given notice (R33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repriced: Option<PriceChange>,
    /// Instant until which the renewal is waited for, once the period is over (R4); `None` before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited_until: Option<Timestamp>,
    /// End of the bridge, in which the rest of the ended period can still be spent; `None` once the rest is frozen
    /// (R4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge_until: Option<Timestamp>,
    /// `true` while the payment of the renewal is on its way: it has not failed, and the plan's rights stay (R4).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub processing: bool,
    /// Paid periods beside the current one, in the order in which they were carried (R31).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<CarriedPeriod>,
}

/// A paid period beside the current one, which took its place before its end or is of a higher plan. It keeps its
/// dates: its months are granted as they come, and it becomes the current one when that ends first (R31).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedPeriod {
    /// Id of the plan.
    pub plan: Name,
    /// Version of the catalog that it was sold with.
    pub catalog: u32,
    /// Dates of the period; its next month is the next one to be granted.
    pub period: Period,
    /// Number of credits for each period, agreed by contract; only on a custom plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Amount>,
    /// Payment of the period; `None` where the operator said that it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PeriodPayment>,
    /// Numbers of the grants that it had when another took its place; those of later months follow from their
    /// sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<u32>,
    /// Number of the workspace's next grant at the instant it was carried, which names the sources of its months.
    pub key: u32,
}

impl CarriedPeriod {
    /// Returns true if a grant was made for the period.
    fn owns(&self, grant: &Grant) -> bool {
        let is_of_payment = match &self.payment {
            Some(payment) => grant.source == payment.source,
            None => grant.source.starts_with(&self.source_of_months()),
        };
        is_of_payment || self.grants.contains(&grant.n)
    }

    /// Returns the first part of the sources of its months, for a period that the operator said was paid.
    pub(crate) fn source_of_months(&self) -> String {
        format!("carried:{}:", self.key)
    }

    /// Returns true if the whole payment went back.
    fn is_reversed(&self) -> bool {
        let reversed = self.payment.as_ref().and_then(|payment| payment.reversed);
        reversed.is_some_and(|(paid, reversed)| reversed >= paid)
    }
}

/// The current period, or one of the carried ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The workspace's current period.
    Current,
    /// A carried period, by its place in the list.
    Carried(usize),
}

impl Subscription {
    /// Returns a subscription to a plan that is never paid for.
    pub(crate) fn without_payment(plan: Name) -> Subscription {
        Subscription {
            plan,
            period: None,
            cancel: false,
            pending: None,
            pending_allowance: None,
            allowance: None,
            payment: None,
            sold: None,
            repriced: None,
            awaited_until: None,
            bridge_until: None,
            processing: false,
            carried: Vec::new(),
        }
    }

    /// Returns the dates and the payment of a period.
    pub(crate) fn paid_period(&self, which: Which) -> (Option<Period>, Option<&PeriodPayment>) {
        match which {
            Which::Current => (self.period, self.payment.as_ref()),
            Which::Carried(place) => (Some(self.carried[place].period), self.carried[place].payment.as_ref()),
        }
    }

    /// Returns the payment of the current or a carried period by its source.
    pub(crate) fn payment_mut(&mut self, source: &str) -> Option<&mut PeriodPayment> {
        let carried = self.carried.iter_mut().filter_map(|carried| carried.payment.as_mut());
        self.payment.iter_mut().chain(carried).find(|payment| *payment.source == *source)
    }

    /// Returns the period that a cycle grant was made for, as far as that is known: a carried one, or the current
    /// one.
    pub(crate) fn period_of(&self, grant: &Grant) -> Which {
        let carried = self.carried.iter().position(|carried| carried.owns(grant));
        carried.map_or(Which::Current, Which::Carried)
    }

    /// Returns true if a grant ends with an upgrade of the current period where the catalog forfeits (R31).
    pub(crate) fn is_forfeited(&self, grant: &Grant) -> bool {
        let is_cycle = matches!(grant.kind, GrantKind::Cycle | GrantKind::Rollover);
        self.period.is_some() && is_cycle && self.period_of(grant) == Which::Current
    }

    /// Returns the carried period that takes the current one's place at an instant: the highest plan of those that
    /// are still paid for, and of these the one that lasts longest.
    pub(crate) fn next_carried(&self, catalog: &Catalog, at: Timestamp) -> Option<&CarriedPeriod> {
        let goes_on = |carried: &&CarriedPeriod| carried.period.end > at && !carried.is_reversed();
        let going = self.carried.iter().filter(goes_on);
        going.max_by_key(|carried| (catalog.plan_rank(&carried.plan), carried.period.end))
    }

    /// Forgets the carried periods that were over before an instant.
    pub(crate) fn forget_carried(&mut self, at: Timestamp) {
        self.carried.retain(|carried| carried.period.end >= at);
    }

    /// Returns the instant at which the period's end, a month inside it, or the end of the bridge falls due.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        let period = self.period?;
        Some(self.bridge_until.or(self.awaited_until).or(period.next_month_at()).unwrap_or(period.end))
    }

    /// Returns `true` while a renewal is waited for without a bridge: the rest of the period is frozen (R4).
    pub fn is_frozen(&self) -> bool {
        self.awaited_until.is_some() && self.bridge_until.is_none()
    }

    /// Returns the instant of the next allowance; `None` where none comes, or where it depends on a payment that is
    /// waited for (R4).
    pub fn renews_at(&self) -> Option<Timestamp> {
        let period = self.period.filter(|_| !self.cancel && self.awaited_until.is_none())?;
        Some(period.next_month_at().unwrap_or(period.end))
    }

    /// Returns true if a grant ends with a period whose renewal is not paid yet. It outlives the period's end until
    /// the renewal is paid or given up: first it can be spent, then it is frozen (R4).
    pub fn freezes(&self, grant: &Grant) -> bool {
        let Some(payment) = &self.payment else { return false };
        let waits = self.awaited_until.is_some() || !self.cancel;
        let of_period = match grant.kind {
            GrantKind::Cycle | GrantKind::Rollover => true,
            GrantKind::Bonus => grant.source == payment.source,
            _ => false,
        };
        let ends = self.period.map(|period| period.end);
        let own_end = grant.own_end();
        waits && of_period && own_end.is_some() && own_end == ends && self.period_of(grant) == Which::Current
    }
}

/// Price that later renewals change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceChange {
    /// Version of the catalog that has the price.
    pub catalog: u32,
    /// First instant at which a renewal may cost the price.
    pub from: Timestamp,
}

/// A paid period, with its dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Interval at which it is paid.
    pub interval: Interval,
    /// Instant that every boundary is computed from (R2).
    pub anchor: Timestamp,
    /// Number of the period from the anchor, starting at 0.
    pub index: u32,
    /// First instant of the period.
    pub start: Timestamp,
    /// End of the period and start of the next.
    pub end: Timestamp,
    /// Number of the next monthly grant inside a paid year, from the anchor; `None` when there is none (R34).
    pub next_month: Option<u32>,
}

impl Period {
    /// Returns the number of months of a paid year that are not yet granted.
    pub fn months_to_come(&self) -> u32 {
        self.next_month.map_or(0, |next| ((self.index + 1) * 12).saturating_sub(next))
    }

    /// Returns the instant at which the next monthly grant inside a paid year is due.
    pub fn next_month_at(&self) -> Option<Timestamp> {
        let at = self.anchor.nth(Interval::Month, self.next_month?);
        (at < self.end).then_some(at)
    }
}
