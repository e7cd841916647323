//! What a workspace is subscribed to, and the period that is paid for.
//!
//! Invariant: a period's boundaries are computed from its anchor, never from the boundary before (R2).

use crate::catalog::{Catalog, GrantKind, Name};
use crate::grants::Grant;
use crate::kernel::amount::Amount;
use crate::kernel::time::{Interval, Timestamp};
use crate::payments::Paid;
use serde::{Deserialize, Serialize};

/// What the workspace is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The plan.
    pub plan: Name,
    /// The paid period; `None` on a plan that is never paid for.
    pub period: Option<Period>,
    /// Ends with the period (R32).
    pub cancel: bool,
    /// Takes effect with the next period (R31).
    pub pending: Option<(Name, Interval)>,
    /// The allowance agreed by contract for what is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_allowance: Option<Amount>,
    /// The allowance agreed by contract, on a custom plan.
    pub allowance: Option<Amount>,
    /// What the period was paid with; `None` where the operator says what is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Paid>,
    /// The catalog version that the period was sold with, where a migration has moved its limits and gates on (R33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold: Option<u32>,
    /// The other price that a migration has given notice of (R33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repriced: Option<Repriced>,
    /// The period is over, and until when its renewal is waited for (R4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited_until: Option<Timestamp>,
    /// End of the bridge, in which the rest of the period that is over can still be spent; `None` once it is frozen
    /// (R4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge_until: Option<Timestamp>,
    /// The payment of the renewal is on its way: it has not failed, and the plan's rights stay meanwhile (R4).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub processing: bool,
    /// Periods that are paid for and are not the current one, in the order in which they came to be so (R31).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
}

/// A paid period beside the current one, which took its place before its end or is of a higher plan. It keeps its
/// dates: its months are granted as they come, and it becomes the current one when that ends first (R31).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The plan.
    pub plan: Name,
    /// Catalog version that it was sold with.
    pub catalog: u32,
    /// The period; its next month is the next one to be granted.
    pub period: Period,
    /// The allowance agreed by contract, on a custom plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Amount>,
    /// Payment of the period; `None` where the operator said that it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Paid>,
    /// Numbers of the grants that it had when another took its place; those of later months follow from their sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<u32>,
    /// Number of the next grant of the workspace when it came to be carried, which names the sources of its months.
    pub key: u32,
}

impl Carried {
    /// Returns true if a grant was made for the period.
    fn owns(&self, grant: &Grant) -> bool {
        let is_of_payment = match &self.payment {
            Some(payment) => grant.source == payment.source,
            None => grant.source.starts_with(&self.source_of_months()),
        };
        is_of_payment || self.grants.contains(&grant.n)
    }

    /// Returns the beginning of the sources of its months, where the operator said that it was paid.
    pub(crate) fn source_of_months(&self) -> String {
        format!("carried:{}:", self.key)
    }

    /// Returns true if all the money went back.
    fn is_reversed(&self) -> bool {
        let reversed = self.payment.as_ref().and_then(|payment| payment.reversed);
        reversed.is_some_and(|(paid, reversed)| reversed >= paid)
    }
}

/// The period that something is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The current one.
    Current,
    /// A carried one, by its place.
    Carried(usize),
}

impl Subscription {
    /// To be on a plan that is never paid for.
    pub(crate) fn unpaid(plan: Name) -> Subscription {
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

    /// Returns the period and what paid for it.
    pub(crate) fn paid_period(&self, which: Which) -> (Option<Period>, Option<&Paid>) {
        match which {
            Which::Current => (self.period, self.payment.as_ref()),
            Which::Carried(place) => (Some(self.carried[place].period), self.carried[place].payment.as_ref()),
        }
    }

    /// Returns the payment of the current or a carried period by what it is the source of.
    pub(crate) fn payment_mut(&mut self, source: &str) -> Option<&mut Paid> {
        let carried = self.carried.iter_mut().filter_map(|carried| carried.payment.as_mut());
        self.payment.iter_mut().chain(carried).find(|payment| *payment.source == *source)
    }

    /// Returns the period that a cycle grant was made for, as far as that is known: a carried one, or the current one.
    pub(crate) fn period_of(&self, grant: &Grant) -> Which {
        let carried = self.carried.iter().position(|carried| carried.owns(grant));
        carried.map_or(Which::Current, Which::Carried)
    }

    /// Returns true if a grant ends with an upgrade of the current period where the catalog forfeits (R31).
    pub(crate) fn is_forfeited(&self, grant: &Grant) -> bool {
        let is_cycle = matches!(grant.kind, GrantKind::Cycle | GrantKind::Rollover);
        self.period.is_some() && is_cycle && self.period_of(grant) == Which::Current
    }

    /// Returns the carried period that takes the current one's place at an instant: of those that are paid for still
    /// the highest plan, and of these the one that lasts longest.
    pub(crate) fn next_carried(&self, catalog: &Catalog, at: Timestamp) -> Option<&Carried> {
        let goes_on = |carried: &&Carried| carried.period.end > at && !carried.is_reversed();
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

    /// Returns whether a renewal is waited for and no bridge leads over to it: the rest of the period is frozen (R4).
    pub fn is_frozen(&self) -> bool {
        self.awaited_until.is_some() && self.bridge_until.is_none()
    }

    /// When the next allowance comes; `None` where none does, or nobody knows because its payment is waited for (R4).
    pub fn renews_at(&self) -> Option<Timestamp> {
        let period = self.period.filter(|_| !self.cancel && self.awaited_until.is_none())?;
        Some(period.next_month_at().unwrap_or(period.end))
    }

    /// Returns true if a grant ends with a period whose renewal is not paid yet: it outlives the period's end until the
    /// renewal is paid or given up, first to be spent and then frozen (R4).
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

/// A price that renewals change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repriced {
    /// The catalog version that has the price.
    pub catalog: u32,
    /// The first instant at which a renewal may cost it.
    pub from: Timestamp,
}

/// A paid period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// How often it is paid.
    pub interval: Interval,
    /// Every boundary is computed from here (R2).
    pub anchor: Timestamp,
    /// The period's number from the anchor, from 0.
    pub index: u32,
    /// Its start.
    pub start: Timestamp,
    /// Its end, which belongs to the next.
    pub end: Timestamp,
    /// The number from the anchor of the next monthly grant inside a paid year; `None` when there is none (R34).
    pub next_month: Option<u32>,
}

impl Period {
    /// Returns how many months of a paid year are not yet granted.
    pub fn months_to_come(&self) -> u32 {
        self.next_month.map_or(0, |next| ((self.index + 1) * 12).saturating_sub(next))
    }

    /// When the next monthly grant inside a paid year is due.
    pub fn next_month_at(&self) -> Option<Timestamp> {
        let at = self.anchor.nth(Interval::Month, self.next_month?);
        (at < self.end).then_some(at)
    }
}
