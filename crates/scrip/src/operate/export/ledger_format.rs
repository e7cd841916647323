//! Double-entry accounts in plain text, in the dialects of Beancount and hledger.
//!
//! Each grant has two asset accounts, available and held. Granted units come out of equity; units that are spent,
//! expire or are revoked go to expenses. Names put the kind of account first and the workspace after it, so that both
//! tools sum over all workspaces at any depth. An entry is one transaction for each instant at which it moved units: an
//! expiry belongs to the day it fell on, not to the day on which the workspace was settled (R3).
//!
//! Invariant: every account that is posted to is asserted afterwards, so that either tool finds a changed amount, even
//! where both sides were changed.

use super::books::{Move, Side, Step};
use super::names;
use scrip_engine::{Account, Entry, Event, GrantEvent, GrantKind, Timestamp, Unit, WorkspaceId};
use std::collections::BTreeMap;

/// Plain-text language of an accounting tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Beancount,
    Hledger,
}

/// Transactions and the assertions that are not written yet.
pub(super) struct Accounting {
    dialect: Dialect,
    /// Balances of accounts that were posted to on a workspace's latest day. Beancount asserts the start of a day, so
    /// the assertions are written for the next day, once no more entries of this day can come.
    days: BTreeMap<WorkspaceId, Day>,
}

#[derive(Default)]
struct Day {
    day: i64,
    balances: BTreeMap<(Account, Unit), i64>,
}

impl Dialect {
    /// Returns the head of the file, above the first entry.
    pub fn head(self) -> String {
        let mut text = match self {
            Dialect::Beancount => "option \"title\" \"Scrip\"\n".to_owned(),
            Dialect::Hledger => "; Scrip\n".to_owned(),
        };
        for unit in [Unit::Credits, Unit::Training, Unit::Runs] {
            text.push_str(&match self {
                Dialect::Beancount => format!("1970-01-01 commodity {}\n", commodity(unit)),
                Dialect::Hledger => format!("commodity 1000. {}\n", commodity(unit)),
            });
        }
        text.push('\n');
        text
    }
}

impl Accounting {
    pub fn new(dialect: Dialect) -> Accounting {
        Accounting { dialect, days: BTreeMap::new() }
    }

    /// Returns an entry's transactions, with the declarations that must precede each.
    pub fn transactions(&mut self, entry: &Entry, hash: Option<&str>, steps: &[Step<'_>]) -> String {
        let mut text = String::new();
        for at_once in steps.chunk_by(|one, next| one.at == next.at) {
            if at_once.iter().all(|step| step.moves.is_empty()) {
                continue;
            }
            let at = at_once[0].at;
            if self.dialect == Dialect::Beancount {
                text.push_str(&self.assertions_before(entry.workspace, at.day()));
            }
            let opens: String = at_once.iter().map(|step| self.opens(entry.workspace, step)).collect();
            if !opens.is_empty() {
                text.push_str(&opens);
                text.push('\n');
            }
            text.push_str(&self.transaction(entry, hash, at, at_once));
        }
        text
    }

    /// Returns the assertions of every workspace's latest day.
    pub fn rest(&mut self) -> String {
        let days = std::mem::take(&mut self.days);
        days.iter().map(|(workspace, day)| assertions(*workspace, day)).collect()
    }

    fn assertions_before(&mut self, workspace: WorkspaceId, day: i64) -> String {
        let last = self.days.entry(workspace).or_default();
        if last.day == day {
            return String::new();
        }
        let done = std::mem::replace(last, Day { day, balances: BTreeMap::new() });
        assertions(workspace, &done)
    }

    fn opens(&self, workspace: WorkspaceId, step: &Step<'_>) -> String {
        let opens = step.moves.iter().flat_map(|posted| posted.opens.iter().map(move |account| (posted, *account)));
        opens.map(|(posted, account)| self.open(workspace, step, posted, account)).collect()
    }

    /// Declares an account before its first posting; the available side of a grant also describes the grant.
    fn open(&self, workspace: WorkspaceId, step: &Step<'_>, posted: &Move, account: Account) -> String {
        let name = account_name(workspace, account);
        let mut facts = Vec::new();
        let of_grant = matches!(account, Account::Available(_) | Account::Held(_));
        let says = matches!(account, Account::Available(_));
        if let (true, Event::Grant(GrantEvent::GrantIssued { grant, code, kind, source, expires_at, .. })) =
            (says, step.event)
        {
            facts.push(("grant", names::grant_id(workspace, *grant)));
            facts.push(("kind", kind.name().to_owned()));
            facts.push(("code", code.to_string()));
            facts.push(("source", source.to_string()));
            facts.extend(expires_at.map(|end| ("expires", end.to_string())));
        }
        let line = match self.dialect {
            Dialect::Beancount if of_grant => {
                format!("{} open {name} {}\n", names::date(step.at.day()), commodity(posted.unit))
            }
            Dialect::Beancount => format!("{} open {name}\n", names::date(step.at.day())),
            Dialect::Hledger => format!("account {name}\n"),
        };
        format!("{line}{}", self.facts(&facts))
    }

    fn transaction(&mut self, entry: &Entry, hash: Option<&str>, at: Timestamp, steps: &[Step<'_>]) -> String {
        let id = names::entry_id(entry);
        let moving = steps.iter().filter(|step| !step.moves.is_empty());
        let mut events: Vec<&str> = moving.map(|step| step.event.name()).collect();
        events.dedup();
        let what = format!("{}: {}", entry.command, events.join(", "));
        let date = names::date(at.day());
        let mut text = match self.dialect {
            Dialect::Beancount => {
                format!("{date} * {} {}\n", quote(&entry.workspace.to_string()), quote(&what))
            }
            Dialect::Hledger => format!("{date} * ({id}) {}\n", plain(&what)),
        };
        let mut facts = vec![("entry", id), ("workspace", entry.workspace.to_string())];
        facts.extend(hash.map(|hash| ("hash", hash.to_owned())));
        facts.push(("at", at.to_string()));
        facts.push(("recorded", entry.at.to_string()));
        facts.push(("actor", entry.actor.clone()));
        text.push_str(&self.facts(&facts));
        for posted in steps.iter().flat_map(|step| &step.moves) {
            for (side, sign) in [(&posted.from, "-"), (&posted.to, "")] {
                text.push_str(&self.leg(entry.workspace, posted, side, sign));
            }
        }
        text.push('\n');
        text
    }

    fn leg(&mut self, workspace: WorkspaceId, posted: &Move, side: &Side, sign: &str) -> String {
        let name = account_name(workspace, side.account);
        let commodity = commodity(posted.unit);
        match self.dialect {
            Dialect::Beancount => {
                let day = self.days.entry(workspace).or_default();
                day.balances.insert((side.account, posted.unit), side.balance);
                format!("  {name}  {sign}{} {commodity}\n", posted.amount)
            }
            Dialect::Hledger => {
                format!("    {name}  {sign}{} {commodity} = {} {commodity}\n", posted.amount, side.balance)
            }
        }
    }

    fn facts(&self, facts: &[(&str, String)]) -> String {
        let line = |(name, value): &(&str, String)| match self.dialect {
            Dialect::Beancount => format!("  {name}: {}\n", quote(value)),
            Dialect::Hledger => format!("    ; {name}:{}\n", plain(value)),
        };
        facts.iter().map(line).collect()
    }
}

/// Returns assertions of the balances of a workspace's accounts, at the start of the next day.
fn assertions(workspace: WorkspaceId, day: &Day) -> String {
    let date = names::date(day.day + 1);
    let line = |((account, unit), balance): (&(Account, Unit), &i64)| {
        format!("{date} balance {}  {balance} {}\n", account_name(workspace, *account), commodity(*unit))
    };
    let mut text: String = day.balances.iter().map(line).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Returns the name of an account. Both dialects require parts that begin with a capital or a digit.
pub(super) fn account_name(workspace: WorkspaceId, account: Account) -> String {
    let id = workspace.to_string();
    let workspace = format!("WS{}", id.strip_prefix("ws_").unwrap_or(&id));
    match account {
        Account::Available(n) => format!("Assets:{workspace}:G{n}:Available"),
        Account::Held(n) => format!("Assets:{workspace}:G{n}:Held"),
        Account::Source(kind) => format!("Equity:Granted:{}:{workspace}", capital(kind)),
        Account::Captured => format!("Expenses:Captured:{workspace}"),
        Account::Expired => format!("Expenses:Expired:{workspace}"),
        Account::Revoked => format!("Expenses:Revoked:{workspace}"),
    }
}

const fn capital(kind: GrantKind) -> &'static str {
    match kind {
        GrantKind::Cycle => "Cycle",
        GrantKind::Rollover => "Rollover",
        GrantKind::Lifetime => "Lifetime",
        GrantKind::Trial => "Trial",
        GrantKind::Pack => "Pack",
        GrantKind::Bonus => "Bonus",
        GrantKind::Goodwill => "Goodwill",
        GrantKind::Returned => "Returned",
        GrantKind::Reinstated => "Reinstated",
    }
}

/// Returns the commodity that stands for a unit.
pub(super) const fn commodity(unit: Unit) -> &'static str {
    match unit {
        Unit::Credits => "CREDITS",
        Unit::Training => "TRAINING",
        Unit::Runs => "RUNS",
    }
}

/// Returns a text as a string of Beancount. No text from outside can end it or start a line.
fn quote(text: &str) -> String {
    let text: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns a text without meaning to hledger: no end of line, no comment, no end of a tag, no date in brackets.
fn plain(text: &str) -> String {
    let strange = |one: char| one.is_control() || matches!(one, ',' | ';' | '|' | '[' | ']');
    text.chars().map(|one| if strange(one) { ' ' } else { one }).collect()
}
