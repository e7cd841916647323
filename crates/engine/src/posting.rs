//! Postings: the amounts that an event moved, from one account to another.
//!
//! Invariant: what leaves one account arrives in another, so the postings of a journal balance.

use crate::catalog::GrantKind;
use crate::event::Event;
use crate::kernel::amount::{Amount, Unit};

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

impl Event {
    /// The amounts this event moved. `unit_of` names the unit of a grant that an earlier event made.
    pub fn postings(&self, unit_of: impl Fn(u32) -> Unit) -> Vec<Posting> {
        let mut postings = Vec::new();
        let mut post = |unit: Unit, from: Account, to: Account, amount: Amount| {
            if !amount.is_zero() {
                postings.push(Posting { unit, from, to, amount });
            }
        };
        match self {
            Event::GrantIssued { grant, kind, unit, amount, .. } => {
                post(*unit, Account::Source(*kind), Account::Available(*grant), *amount);
            }
            Event::GrantExpired { grant, amount } => {
                post(unit_of(*grant), Account::Available(*grant), Account::Expired, *amount);
            }
            Event::GrantRevoked { grant, amount, .. } => {
                post(unit_of(*grant), Account::Available(*grant), Account::Revoked, *amount);
            }
            Event::DebtRepaid { grant, amount, .. } => {
                post(unit_of(*grant), Account::Available(*grant), Account::Captured, *amount);
            }
            Event::RunQueued { parts, unit, .. } | Event::HoldOpened { parts, unit, .. } => {
                for part in parts {
                    post(*unit, Account::Available(part.grant), Account::Held(part.grant), part.amount);
                }
            }
            Event::RunSettled { ends, .. } | Event::HoldEnded { ends, .. } => {
                for end in ends {
                    let (unit, held) = (unit_of(end.grant), Account::Held(end.grant));
                    post(unit, held, Account::Captured, end.captured);
                    post(unit, held, Account::Available(end.grant), end.released);
                    post(unit, held, Account::Expired, end.expired);
                    post(unit, held, Account::Revoked, end.revoked);
                }
            }
            _ => {}
        }
        postings
    }
}
