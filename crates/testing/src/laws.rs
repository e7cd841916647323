//! Laws that are read off the events alone: conservation by postings, ends of holds, sources, dates.

use crate::model::agreement::same;
use scrip_engine::{
    Account, Amount, Catalog, Catalogs, DatedEvent, End, Event, GrantEvent, GrantKind, HoldEvent, Part, PaymentEvent,
    RunEvent, Timestamp, Unit, Workspace,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Five numbers of one lot, recomputed from postings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    granted: i64,
    available: i64,
    held: i64,
    captured: i64,
    expired: i64,
    revoked: i64,
}

/// Facts that the events of one workspace have shown so far.
#[derive(Default)]
pub struct Laws {
    units: BTreeMap<u32, Unit>,
    sums: BTreeMap<u32, Sum>,
    open: BTreeMap<u32, (i64, Vec<Part>)>,
    ended: BTreeSet<u32>,
    once: BTreeMap<(GrantKind, String, String), usize>,
    /// Payments for periods: one of a year may give a grant a month.
    periods: BTreeSet<String>,
    /// Own end of the first lot of its units, for each lot.
    own_ends: BTreeMap<u32, Option<Timestamp>>,
    /// Versions whose graces and bridges say how long credits may live on after their own end.
    versions: Vec<Arc<Catalog>>,
    last: Timestamp,
}

impl Laws {
    /// Returns the laws of a workspace whose catalog has these versions.
    pub fn under(catalogs: &Catalogs) -> Laws {
        let versions = catalogs.all().iter().map(|published| Arc::clone(&published.catalog)).collect();
        Laws { versions, ..Laws::default() }
    }

    /// Reads one entry, and checks its laws.
    pub fn read(&mut self, events: &[DatedEvent], entry_at: Timestamp) -> Result<(), String> {
        for DatedEvent(at, event) in events {
            if *at < self.last || *at > entry_at {
                return Err(format!("dates go from {} over {at} to {entry_at}: {event:?}", self.last));
            }
            self.last = *at;
            self.sources(event)?;
            self.lives(*at, event)?;
            self.holds(event)?;
            self.post(event)?;
        }
        self.last = entry_at;
        Ok(())
    }

    /// R7: one lot of a kind from one source; units that a plan or a pack gives beside it are of another kind.
    fn sources(&mut self, event: &Event) -> Result<(), String> {
        if let Event::Payment(PaymentEvent::PeriodPaid { source, .. }) = event
            && !self.periods.insert(source.to_string())
        {
            return Err(format!("{source} was paid for twice"));
        }
        let Event::Grant(GrantEvent::GrantIssued { grant, kind, unit, source, code, amount, .. }) = event else {
            return Ok(());
        };
        self.units.insert(*grant, *unit);
        if amount.is_zero() {
            return Err(format!("grant {grant} is of nothing"));
        }
        // The rollover into a paid period has the source of the payment, or the period, before it.
        let rolled = *kind == GrantKind::Rollover && !self.periods.is_empty();
        let again = rolled || matches!(kind, GrantKind::Returned | GrantKind::Reinstated);
        let from = self.once.entry((*kind, source.to_string(), code.to_string())).or_default();
        *from += 1;
        let most = if self.periods.contains(&**source) { 12 } else { 1 };
        if !again && *from > most {
            return Err(format!("{from} times {} from {source}", kind.name()));
        }
        same("grant numbers", *grant as usize, self.units.len())
    }

    /// R4, R17: nothing is held later than one grace, or the bridge, after the own end of its first lot.
    fn lives(&mut self, at: Timestamp, event: &Event) -> Result<(), String> {
        match event {
            Event::Grant(GrantEvent::GrantIssued { grant, kind, expires_at, from, .. }) => {
                let goes_on = matches!(kind, GrantKind::Returned | GrantKind::Reinstated);
                let own_end = match from.filter(|_| goes_on) {
                    Some(from) => self.own_ends[&from],
                    None => *expires_at,
                };
                self.own_ends.insert(*grant, own_end);
            }
            Event::Grant(GrantEvent::GrantExpired { grant, .. }) => {
                let own_end = self.own_ends.get_mut(grant).expect("what expires was issued");
                *own_end = own_end.map(|end| end.min(at));
            }
            Event::Run(RunEvent::RunQueued { parts, .. }) | Event::Hold(HoldEvent::HoldOpened { parts, .. }) => {
                for part in parts {
                    let Some(end) = self.own_ends[&part.grant] else { continue };
                    let lives = |version: &Arc<Catalog>| {
                        at < end.after(version.release_grace) || at < version.bridge_after(end)
                    };
                    if !self.versions.iter().any(lives) {
                        return Err(format!("grant {} is held at {at}; what it was given as ended {end}", part.grant));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// R12, R15: a hold ends once, the amounts of its end are those of its parts, and no more is captured than was
    /// held.
    fn holds(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Run(RunEvent::RunQueued { run: n, quoted: amount, parts, .. })
            | Event::Hold(HoldEvent::HoldOpened { hold: n, amount, parts, .. }) => {
                let sum: i64 = parts.iter().map(|part| part.amount.get()).sum();
                same("parts of a hold", sum, amount.get())?;
                if parts.iter().any(|part| part.amount.is_zero()) {
                    return Err(format!("hold {n} has a part of nothing"));
                }
                let fresh = self.open.insert(*n, (sum, parts.clone())).is_none() && !self.ended.contains(n);
                same("a hold's number is new", fresh, true)
            }
            Event::Run(RunEvent::RunSettled { run: n, captured, released, ends, .. })
            | Event::Hold(HoldEvent::HoldEnded { hold: n, captured, released, ends, .. }) => {
                self.end(*n, *captured, *released, ends)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, n: u32, captured: Amount, released: Amount, ends: &[End]) -> Result<(), String> {
        let (amount, parts) = self.open.remove(&n).ok_or_else(|| format!("hold {n} was not open"))?;
        same("a hold ends once", self.ended.insert(n), true)?;
        same("captured and released", captured.get() + released.get(), amount)?;
        same("one end a part", ends.len(), parts.len())?;
        let mut spent = 0;
        for (end, part) in ends.iter().zip(&parts) {
            let [c, l, x, r] = [end.captured, end.released, end.expired, end.revoked].map(Amount::get);
            same("an end and its part", (end.grant, c + l + x + r), (part.grant, part.amount.get()))?;
            spent += c;
        }
        same("captured parts", spent, captured.get())
    }

    fn post(&mut self, event: &Event) -> Result<(), String> {
        let units = &self.units;
        let postings = event.postings(|grant| units[&grant]);
        let made = match event {
            Event::Grant(GrantEvent::GrantIssued { grant, .. }) => *grant,
            _ => 0,
        };
        for posting in postings {
            let amount = posting.amount.get();
            let grant = match (posting.from, posting.to) {
                (Account::Source(_), Account::Available(grant)) => grant,
                (Account::Available(grant) | Account::Held(grant), _) => grant,
                odd => return Err(format!("an odd posting: {odd:?}")),
            };
            same("a posting's unit", posting.unit, units[&grant])?;
            let sum = self.sums.entry(grant).or_default();
            match posting.from {
                Account::Source(_) => {
                    same("only what is new is made of nothing", grant, made)?;
                    sum.granted += amount;
                }
                Account::Available(_) => sum.available -= amount,
                Account::Held(_) => sum.held -= amount,
                odd => return Err(format!("taken from {odd:?}")),
            }
            match posting.to {
                Account::Available(to) => {
                    same("back where it came from", to, grant)?;
                    sum.available += amount;
                }
                Account::Held(to) => {
                    same("held where it was taken", to, grant)?;
                    sum.held += amount;
                }
                Account::Captured => sum.captured += amount,
                Account::Expired => sum.expired += amount,
                Account::Revoked => sum.revoked += amount,
                Account::Source(_) => return Err("credits went out of the book".to_owned()),
            }
            let Sum { available, held, captured, expired, revoked, granted } = *sum;
            same("a lot adds up (I1)", available + held + captured + expired + revoked, granted)?;
            if available < 0 || held < 0 {
                return Err(format!("grant {grant} is below zero: {sum:?}"));
            }
        }
        Ok(())
    }

    /// I1, I2, I7: the engine's numbers are those of the postings.
    pub fn agree(&self, workspace: &Workspace) -> Result<(), String> {
        let mut by_unit: BTreeMap<Unit, [i64; 6]> = BTreeMap::new();
        for (n, s) in &self.sums {
            let numbers = [s.granted, s.available, s.held, s.captured, s.expired, s.revoked];
            let unit = by_unit.entry(self.units[n]).or_default();
            for (sum, number) in unit.iter_mut().zip(numbers) {
                *sum += number;
            }
            if let Some(g) = workspace.grant(*n) {
                let grant = [g.granted, g.available, g.held, g.captured, g.expired, g.revoked].map(Amount::get);
                same("a grant's numbers are its postings", (n, grant), (n, numbers))?;
            }
        }
        let sums: BTreeMap<Unit, [i64; 6]> = workspace
            .sums()
            .into_iter()
            .map(|(unit, s)| {
                (unit, [s.granted, s.available, s.held, s.captured, s.expired, s.revoked].map(Amount::get))
            })
            .collect();
        same("sums over all grants", &sums, &by_unit)?;
        same("open holds", workspace.holds.len(), self.open.len())
    }
}
