//! Postings: the amounts that an event moved, from one account to another.
//!
//! Invariant: what leaves one account arrives in another, so the postings of a journal balance.

use crate::catalog::GrantKind;
use crate::event::Event;
use crate::grants::GrantEvent;
use crate::holds::{End, HoldEvent, Part};
use crate::kernel::amount::{Amount, Unit};
use crate::runs::RunEvent;

/// Where an amount moves from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Outside: what grants are made of.
    Source(GrantKind),
    /// Free to be held, of a grant.
    Available(u32),
    /// Under open holds, of a grant.
    Held(u32),
    /// Spent.
    Captured,
    /// Lost to the calendar.
    Expired,
    /// Taken back.
    Revoked,
}

/// An amount that moved. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// What is counted.
    pub unit: Unit,
    /// From where.
    pub from: Account,
    /// To where.
    pub to: Account,
    /// How much.
    pub amount: Amount,
}

/// The postings of an event on its way.
struct Postings<'a> {
    postings: Vec<Posting>,
    unit_of: &'a dyn Fn(u32) -> Unit,
}

impl Event {
    /// Returns the amounts this event moved. `unit_of` names the unit of a grant that an earlier event made.
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
