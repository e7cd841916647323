//! Postings: the amounts that an event moves from one account to another.
//!
//! Invariant: an amount that leaves one account arrives in another, so that the postings of a journal balance.

use crate::catalog::GrantKind;
use crate::event::Event;
use crate::grants::GrantEvent;
use crate::holds::{End, HoldEvent, Part};
use crate::kernel::amount::{Amount, Unit};
use crate::runs::RunEvent;

/// Account that an amount moves from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Outside of the workspace: the source that grants of a kind are made of.
    Source(GrantKind),
    /// Available units of a grant, by its number.
    Available(u32),
    /// Units of a grant under open holds, by its number.
    Held(u32),
    /// Units that were spent, of all grants.
    Captured,
    /// Units that were lost to an expiry.
    Expired,
    /// Units that were taken back by a refund, a dispute or a correction.
    Revoked,
}

/// An amount that moved from one account to another; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Unit that the amount counts.
    pub unit: Unit,
    /// Account that the amount leaves.
    pub from: Account,
    /// Account that the amount arrives in.
    pub to: Account,
    /// Number of units that moved.
    pub amount: Amount,
}

/// Postings of one event, as they are collected.
struct Postings<'a> {
    postings: Vec<Posting>,
    unit_of: &'a dyn Fn(u32) -> Unit,
}

impl Event {
    /// Returns the amounts that this event moved. `unit_of` returns the unit of a grant that an earlier event made.
    pub fn postings(&self, unit_of: impl Fn(u32) -> Unit) -> Vec<Posting> {
        let mut made = Postings { postings: Vec::new(), unit_of: &unit_of };
        match self {
            Event::Grant(event) => made.post_grant(event),
            Event::Hold(event) => made.post_hold(event),
            Event::Run(event) => made.post_run(event),
            Event::Workspace(_)
            | Event::Plan(_)
            | Event::Payment(_)
            | Event::TopUp(_)
            | Event::Review(_)
            | Event::Team(_)
            | Event::Notice(_) => {}
        }
        made.postings
    }
}

impl Postings<'_> {
    fn post(&mut self, unit: Unit, from: Account, to: Account, amount: Amount) {
        if !amount.is_zero() {
            self.postings.push(Posting { unit, from, to, amount });
        }
    }

    fn post_grant(&mut self, event: &GrantEvent) {
        match event {
            GrantEvent::GrantIssued { grant, kind, unit, amount, .. } => {
                self.post(*unit, Account::Source(*kind), Account::Available(*grant), *amount);
            }
            GrantEvent::GrantExpired { grant, amount } => {
                self.post((self.unit_of)(*grant), Account::Available(*grant), Account::Expired, *amount);
            }
            GrantEvent::GrantRevoked { grant, amount, .. } => {
                self.post((self.unit_of)(*grant), Account::Available(*grant), Account::Revoked, *amount);
            }
            GrantEvent::DebtRepaid { grant, amount, .. } => {
                self.post((self.unit_of)(*grant), Account::Available(*grant), Account::Captured, *amount);
            }
        }
    }

    fn post_hold(&mut self, event: &HoldEvent) {
        match event {
            HoldEvent::HoldOpened { parts, unit, .. } => self.post_parts(*unit, parts),
            HoldEvent::HoldEnded { ends, .. } => self.post_ends(ends),
            HoldEvent::HoldExtended { .. } => {}
        }
    }

    fn post_run(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunQueued { parts, unit, .. } => self.post_parts(*unit, parts),
            RunEvent::RunSettled { ends, .. } => self.post_ends(ends),
            RunEvent::RunStarted { .. } | RunEvent::OutcomeIgnored { .. } | RunEvent::WindowWithdrawn { .. } => {}
        }
    }

    fn post_parts(&mut self, unit: Unit, parts: &[Part]) {
        for part in parts {
            self.post(unit, Account::Available(part.grant), Account::Held(part.grant), part.amount);
        }
    }

    fn post_ends(&mut self, ends: &[End]) {
        for end in ends {
            let (unit, held) = ((self.unit_of)(end.grant), Account::Held(end.grant));
            self.post(unit, held, Account::Captured, end.captured);
            self.post(unit, held, Account::Available(end.grant), end.released);
            self.post(unit, held, Account::Expired, end.expired);
            self.post(unit, held, Account::Revoked, end.revoked);
        }
    }
}
