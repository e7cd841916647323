//! Explanations: journal entries in sentences that can be sent to people who ask why a balance changed.
//!
//! An entry alone says which grant lost how much; the workspace before it says what that grant was and what the hold
//! was for. So an explanation folds the entry again, one event at a time, and compares both sides of each event.
//!
//! Invariant: pure, and reads no catalog: an explanation says what happened, whatever the catalog sells by now.

pub(crate) mod scene;
pub(crate) mod words;

use crate::apply::fold;
use crate::entry::Entry;
use crate::event::{DatedEvent, Event};
use crate::grants::GrantEvent;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::id::{Kind, UserId};
use crate::kernel::time::Timestamp;
use crate::posting::{Account, Posting};
use crate::workspace::Workspace;
use scene::Scene;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
pub use words::quantity;

/// Number of sentences in a summary; further ones are only counted.
const SUMMARY_SENTENCES: usize = 3;

/// Addresses of people, which no entry holds, by their ids.
pub type Addresses = BTreeMap<UserId, String>;

/// A journal entry in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The events and their effect on the balance, in a few sentences.
    pub summary: String,
    /// Explanations of the events, in their order.
    pub lines: Vec<ExplainedEvent>,
    /// Grants whose amounts moved, by number.
    pub balances: Vec<BalanceChange>,
}

/// One event in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedEvent {
    /// Instant at which the event took effect; RFC 3339 when serialized.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// The event in full sentences.
    pub text: String,
    /// Amounts that the event moved.
    pub postings: Vec<ExplainedPosting>,
}

/// An amount that moved, between accounts with readable names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedPosting {
    /// Unit that the amount counts.
    pub unit: Unit,
    /// Account that the amount leaves, in words.
    pub from: String,
    /// Account that the amount goes to, in words.
    pub to: String,
    /// Number of units moved.
    pub amount: Amount,
}

/// Change of one grant by an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceChange {
    /// Id of the grant, `gr_…`.
    pub grant: String,
    /// Description of the grant in words.
    pub name: String,
    /// Unit that the grant counts.
    pub unit: Unit,
    /// Number of units that can be held.
    pub available: Change,
    /// Number of units under open holds.
    pub held: Change,
}

/// An amount before and after an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Amount before the entry.
    pub before: Amount,
    /// Amount after the entry.
    pub after: Amount,
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Explains an entry in words. `before` is the workspace with every earlier entry folded in. A person without an
/// address is named by id.
///
/// # Panics
/// Panics when the entry does not follow `before`, for instance because it spends from a grant that does not exist.
pub fn explain(before: &Workspace, entry: &Entry, addresses: &Addresses) -> Explanation {
    let mut now = before.clone();
    let mut short = Vec::new();
    let mut lines = Vec::new();
    let mut balances = BTreeMap::new();
    let mut units = BTreeSet::new();
    for dated in &entry.events {
        let DatedEvent(at, event) = dated;
        let mut after = now.clone();
        fold(&mut after, entry.at, std::slice::from_ref(dated));
        let scene = Scene { before: &now, after: &after, at: *at, addresses };
        let postings = event.postings(|n| unit_of(&now, n));
        note(&mut balances, before, &scene, event, &postings);
        units.extend(postings.iter().map(|posting| posting.unit));
        let sentence = scene.describe(event);
        let postings = postings.iter().map(|posting| readable(&scene, posting)).collect();
        lines.push(ExplainedEvent { at: *at, text: format!("{}{}", sentence.short, sentence.detail), postings });
        short.push(sentence.short);
        now = after;
    }
    let summary = summary(&short, &units, before, &now);
    Explanation { summary, lines, balances: balances.into_values().collect() }
}

fn unit_of(workspace: &Workspace, grant: u32) -> Unit {
    workspace.grant(grant).map_or(Unit::Credits, |grant| grant.unit)
}

/// Keeps the latest amounts of each grant that an event touched. A grant that is forgotten inside the entry was
/// closed: its remaining amounts are zero from then on, and that is kept.
fn note(
    balances: &mut BTreeMap<u32, BalanceChange>,
    first: &Workspace,
    scene: &Scene<'_>,
    event: &Event,
    postings: &[Posting],
) {
    let accounts = postings.iter().flat_map(|posting| [posting.from, posting.to]);
    let touched: BTreeSet<u32> = accounts.filter_map(grant_of).collect();
    for n in touched {
        let amounts = |workspace: &Workspace| {
            workspace.grant(n).map_or((Amount::ZERO, Amount::ZERO), |grant| (grant.available, grant.held))
        };
        let (available, held) = amounts(scene.after);
        let change = balances.entry(n).or_insert_with(|| {
            let (available, held) = amounts(first);
            BalanceChange {
                grant: first.id.id_of(Kind::Grant, n),
                name: scene.grant_name(n, true),
                unit: unit_after(scene, event, n),
                available: Change { before: available, after: available },
                held: Change { before: held, after: held },
            }
        });
        change.available.after = available;
        change.held.after = held;
    }
}

/// Returns the unit of a grant, which the event may have made.
fn unit_after(scene: &Scene<'_>, event: &Event, grant: u32) -> Unit {
    if let Event::Grant(GrantEvent::GrantIssued { unit, .. }) = event {
        return *unit;
    }
    unit_of(scene.before, grant)
}

fn grant_of(account: Account) -> Option<u32> {
    match account {
        Account::Available(n) | Account::Held(n) => Some(n),
        Account::Source(_) | Account::Captured | Account::Expired | Account::Revoked => None,
    }
}

fn readable(scene: &Scene<'_>, posting: &Posting) -> ExplainedPosting {
    let name = |account| match account {
        Account::Source(kind) => format!("granted ({})", kind.name()),
        Account::Available(n) => format!("available in {}", scene.after.id.id_of(Kind::Grant, n)),
        Account::Held(n) => format!("held from {}", scene.after.id.id_of(Kind::Grant, n)),
        Account::Captured => "spent".to_owned(),
        Account::Expired => "expired".to_owned(),
        Account::Revoked => "taken back".to_owned(),
    };
    ExplainedPosting { unit: posting.unit, from: name(posting.from), to: name(posting.to), amount: posting.amount }
}

/// Joins the last sentences, since the command's own events come after those that fell due before it, and the
/// balance.
fn summary(short: &[String], units: &BTreeSet<Unit>, before: &Workspace, after: &Workspace) -> String {
    let skipped = short.len().saturating_sub(SUMMARY_SENTENCES);
    let mut sentences: Vec<String> = Vec::new();
    match skipped {
        0 => {}
        1 => sentences.push("After 1 other change:".to_owned()),
        _ => sentences.push(format!("After {skipped} other changes:")),
    }
    sentences.extend(short[skipped..].iter().map(|text| format!("{text}.")));
    let (before, after) = (before.sums(), after.sums());
    for unit in units {
        let of = |sums: &BTreeMap<Unit, crate::grants::Sums>| sums.get(unit).copied().unwrap_or_default();
        let (before, after) = (of(&before), of(&after));
        sentences.push(format!(
            "Available: {} before, {} after; held: {} before, {} after.",
            before.available,
            quantity(*unit, after.available),
            before.held,
            after.held
        ));
    }
    if units.is_empty() {
        sentences.push("No balance changed.".to_owned());
    }
    sentences.join(" ")
}

#[cfg(test)]
mod tests;
