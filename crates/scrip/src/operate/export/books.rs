//! Balances of workspaces and grants, folded from postings.
//!
//! Invariant: only postings change a balance here; a balance of a grant is never below zero, and each posting is about
//! exactly one grant.

use scrip_engine::{Account, Amount, DatedEvent, Entry, Event, Posting, Timestamp, Unit, WorkspaceId};
use std::collections::{BTreeMap, HashMap};

/// Balances of every workspace in the export.
#[derive(Default)]
pub(super) struct Books(HashMap<WorkspaceId, Book>);

/// Balances of one workspace and its grants.
#[derive(Default)]
struct Book {
    seq: u64,
    at: Timestamp,
    /// Grants with something left, by number. The amounts of an empty grant never change again.
    lots: BTreeMap<u32, (Unit, Pair)>,
    /// Sums over all grants, by unit.
    whole: BTreeMap<Unit, Pair>,
    /// Balances of the accounts that are not a grant's.
    outside: BTreeMap<(Account, Unit), i64>,
}

/// Available and held units of a grant or a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub available: i64,
    pub held: i64,
}

impl Pair {
    fn is_closed(self) -> bool {
        self == Pair::default()
    }
}

/// One event and the postings it made.
pub(super) struct Step<'e> {
    pub at: Timestamp,
    pub event: &'e Event,
    pub moves: Vec<Move>,
}

/// One posting and the balances after it.
pub(super) struct Move {
    pub unit: Unit,
    pub amount: Amount,
    pub grant: u32,
    pub from: Side,
    pub to: Side,
    /// Balances of the grant after the posting.
    pub lot: Pair,
    /// Balances of the workspace in the unit after the posting.
    pub whole: Pair,
    /// Accounts that are first used by this posting.
    pub opens: Vec<Account>,
}

/// One account of a posting.
pub(super) struct Side {
    pub account: Account,
    /// Balance of the account after the posting. Granted units come out of accounts that only go down.
    pub balance: i64,
}

impl Books {
    /// Posts an entry, and returns its steps.
    ///
    /// # Errors
    /// When the entry does not follow the workspace's entries so far, in words.
    pub fn post<'e>(&mut self, entry: &'e Entry) -> Result<Vec<Step<'e>>, String> {
        let book = self.0.entry(entry.workspace).or_default();
        if entry.seq != book.seq + 1 {
            return Err(format!("it follows entry {} of its workspace; every entry must be exported", book.seq));
        }
        book.seq = entry.seq;
        entry.events.iter().map(|DatedEvent(at, event)| book.event(*at, event)).collect()
    }
}

impl Book {
    fn event<'e>(&mut self, at: Timestamp, event: &'e Event) -> Result<Step<'e>, String> {
        if at < self.at {
            return Err(format!("{at} lies before {}, where the workspace was", self.at));
        }
        self.at = at;
        let postings = event.postings(|n| self.lots.get(&n).map_or(Unit::Credits, |(unit, _)| *unit));
        let moves = postings.iter().map(|posting| self.posting(posting)).collect::<Result<_, _>>()?;
        Ok(Step { at, event, moves })
    }

    fn posting(&mut self, posting: &Posting) -> Result<Move, String> {
        let Posting { unit, from, to, amount } = *posting;
        let grant = grant_of(from).or(grant_of(to)).ok_or("a posting without a grant")?;
        let mut opens = Vec::new();
        if let Account::Source(_) = from {
            if self.lots.insert(grant, (unit, Pair::default())).is_some() {
                return Err(format!("grant {grant} was made before"));
            }
            opens.extend([Account::Available(grant), Account::Held(grant)]);
        }
        let from = self.side(from, unit, -amount.get(), &mut opens)?;
        let to = self.side(to, unit, amount.get(), &mut opens)?;
        let lot = self.lots.get(&grant).map_or_else(Pair::default, |(_, lot)| *lot);
        if lot.is_closed() {
            self.lots.remove(&grant);
        }
        let whole = self.whole.get(&unit).copied().unwrap_or_default();
        Ok(Move { unit, amount, grant, from, to, lot, whole, opens })
    }

    fn side(&mut self, account: Account, unit: Unit, change: i64, opens: &mut Vec<Account>) -> Result<Side, String> {
        let Some(n) = grant_of(account) else {
            let any_unit = (account, Unit::Credits)..=(account, Unit::Runs);
            if self.outside.range(any_unit).next().is_none() {
                opens.push(account);
            }
            let balance = self.outside.entry((account, unit)).or_default();
            *balance += change;
            return Ok(Side { account, balance: *balance });
        };
        let (_, lot) = self.lots.get_mut(&n).ok_or_else(|| format!("grant {n} has nothing to move"))?;
        let whole = self.whole.entry(unit).or_default();
        let (balance, sum) = match account {
            Account::Held(_) => (&mut lot.held, &mut whole.held),
            Account::Available(_) => (&mut lot.available, &mut whole.available),
            // These are of no grant, and were booked above.
            Account::Source(_) | Account::Captured | Account::Expired | Account::Revoked => {
                return Err(format!("grant {n} has no such account"));
            }
        };
        if *balance + change < 0 {
            return Err(format!("grant {n} has {balance} where {} are taken", -change));
        }
        *balance += change;
        *sum += change;
        Ok(Side { account, balance: *balance })
    }
}

fn grant_of(account: Account) -> Option<u32> {
    match account {
        Account::Available(n) | Account::Held(n) => Some(n),
        Account::Source(_) | Account::Captured | Account::Expired | Account::Revoked => None,
    }
}
