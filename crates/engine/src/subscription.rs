//! What a workspace is subscribed to, and the period that is paid for.
//!
//! Invariant: a period's boundaries are computed from its anchor, never from the boundary before (R2).

use crate::amount::Amount;
use crate::billing::Paid;
use crate::catalog::{GrantKind, Name};
use crate::grant::Grant;
use crate::time::{Interval, Timestamp};
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
        }
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
        waits && of_period && own_end.is_some() && own_end == ends
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
    /// When the next monthly grant inside a paid year is due.
    pub fn next_month_at(&self) -> Option<Timestamp> {
        let at = self.anchor.nth(Interval::Month, self.next_month?);
        (at < self.end).then_some(at)
    }
}
