//! Grants, written down once more: lots in a list, what packs and goodwill bring, debts and corrections.

use super::{Answer, MOST, Model, good_name, later};
use scrip_engine::{Give, GrantCommand, GrantKind, Pack, Span, Unit};

/// A lot: a grant of one unit.
#[derive(Clone, Debug)]
pub struct Lot {
    pub n: u32,
    pub code: String,
    pub kind: GrantKind,
    pub unit: Unit,
    pub models: Vec<String>,
    pub rank: u8,
    pub source: String,
    pub granted: i64,
    pub available: i64,
    pub held: i64,
    pub captured: i64,
    pub expired: i64,
    pub revoked: i64,
    pub starts: i64,
    pub ends: Option<i64>,
    /// End that it had before a bridge moved it, if one did.
    pub bridged: Option<i64>,
    /// Instant of the notice of its end.
    pub tell: Option<i64>,
    /// Lot whose won dispute this one gives back.
    pub root: Option<u32>,
    /// Units that refunds and disputes take back of it and of the lots reinstated from it (R9).
    pub wanted: i64,
    /// Debt of it that packs have repaid.
    pub repaid: i64,
    /// `true` once a correction has voided it.
    pub voided: bool,
    /// Units that corrections took from it.
    pub taken_by_void: i64,
    /// Units that came back to it after its end and live on in another lot.
    pub passed_on: i64,
    pub touched: i64,
    /// `true` once it has been closed for so long that only its sums are known.
    pub forgotten: bool,
    /// Number of the paid period that it was made for; 0 is none.
    pub of: u32,
}

impl Lot {
    /// Returns the end it was made with.
    pub(super) fn own(&self) -> Option<i64> {
        self.bridged.or(self.ends)
    }

    pub(super) fn dead(&self, at: i64) -> bool {
        self.ends.is_some_and(|ends| ends <= at)
    }
}

/// Properties of a new lot.
pub struct Born {
    pub kind: GrantKind,
    pub code: String,
    pub unit: Unit,
    pub amount: i64,
    pub models: Vec<String>,
    pub source: String,
    pub ends: Option<i64>,
    pub at: i64,
    pub root: Option<u32>,
    pub rank: Option<u8>,
}

impl Model {
    pub(super) fn decide_grant(&mut self, command: &GrantCommand) -> Answer {
        match command {
            GrantCommand::Give { give, source, reason } => self.give(give, source.as_deref(), reason),
            GrantCommand::Void { grant, reason } => self.void(*grant, reason),
        }
    }

    /// Makes a lot with the next number.
    pub fn issue(&mut self, born: Born) -> u32 {
        let n = u32::try_from(self.lots.len()).expect("few lots") + 1;
        let rank = born.rank.unwrap_or_else(|| self.rank(born.kind));
        self.happened = true;
        if !matches!(born.kind, GrantKind::Cycle | GrantKind::Rollover | GrantKind::Returned | GrantKind::Reinstated) {
            self.sources.insert(born.source.clone());
        }
        self.lots.push(Lot {
            n,
            code: born.code,
            kind: born.kind,
            unit: born.unit,
            models: born.models,
            rank,
            source: born.source,
            granted: born.amount,
            available: born.amount,
            held: 0,
            captured: 0,
            expired: 0,
            revoked: 0,
            starts: born.at,
            ends: born.ends,
            bridged: None,
            tell: None,
            root: born.root,
            wanted: 0,
            repaid: 0,
            voided: false,
            taken_by_void: 0,
            passed_on: 0,
            touched: born.at,
            forgotten: false,
            of: 0,
        });
        self.forget(born.at);
        n
    }

    /// Sets the notice of a lot's end, some days before it, for a lot that was bought or given.
    fn tell_of_the_end(&mut self, n: u32) {
        let Span::Micros(before) = self.catalog().expiry_notice else { panic!("the worlds of these tests say days") };
        let now = self.now;
        let lot = self.lot_mut(n);
        lot.tell = lot.ends.map(|ends| ends - before).filter(|tell| *tell > now);
    }

    pub(super) fn rank(&self, kind: GrantKind) -> u8 {
        let catalog = self.catalog();
        catalog.ranks.get(&kind).copied().unwrap_or(if kind == GrantKind::Cycle { 0 } else { 1 })
    }

    /// Forgets the oldest of more than 64 lots that have been closed for 200 days.
    fn forget(&mut self, at: i64) {
        while self.lots.iter().filter(|lot| !lot.forgotten).count() > 64 {
            let old = |lot: &Lot| {
                !lot.forgotten && lot.available + lot.held == 0 && lot.touched + 200 * super::calendar::DAY <= at
            };
            let Some(n) = self.lots.iter().find(|lot| old(lot)).map(|lot| lot.n) else { return };
            self.forgotten_debt += self.debt_of(n);
            self.lot_mut(n).forgotten = true;
        }
    }

    pub fn lot(&self, n: u32) -> &Lot {
        &self.lots[n as usize - 1]
    }

    pub fn lot_mut(&mut self, n: u32) -> &mut Lot {
        &mut self.lots[n as usize - 1]
    }

    /// Returns a lot and the lots reinstated from it.
    pub(super) fn family(&self, n: u32) -> impl Iterator<Item = &Lot> {
        self.lots.iter().filter(move |lot| !lot.forgotten && (lot.n == n || lot.root == Some(n)))
    }

    /// Returns the units taken back of a lot and its reinstatements, less the units given again (R9).
    pub(super) fn recovered_units(&self, n: u32) -> i64 {
        let given_again: i64 = self.lots.iter().filter(|lot| lot.root == Some(n)).map(|lot| lot.granted).sum();
        let revoked: i64 =
            self.lots.iter().filter(|lot| lot.n == n || lot.root == Some(n)).map(|lot| lot.revoked).sum();
        revoked - given_again + self.lot(n).repaid
    }

    /// Returns the units that refunds and disputes still want of a lot's family.
    pub fn owed_units(&self, n: u32) -> i64 {
        if self.lot(n).forgotten { 0 } else { (self.lot(n).wanted - self.recovered_units(n)).max(0) }
    }

    /// Returns the part of that for which no units are left.
    fn debt_of(&self, n: u32) -> i64 {
        if self.lot(n).root.is_some() {
            return 0;
        }
        let left: i64 = self.family(n).map(|lot| lot.available + lot.held + lot.expired).sum();
        (self.owed_units(n) - left).max(0)
    }

    /// Returns all debt (R9).
    pub fn debt(&self) -> i64 {
        let known = self.lots.iter().filter(|lot| !lot.forgotten);
        known.map(|lot| self.debt_of(lot.n)).sum::<i64>() + self.forgotten_debt
    }

    pub fn give(&mut self, give: &Give, source: Option<&str>, reason: &str) -> Answer {
        good_name(reason)?;
        if let Some(source) = source {
            good_name(source)?;
            if self.sources.contains(source) {
                return Ok(());
            }
        }
        if self.lots.iter().filter(|lot| lot.available + lot.held > 0).count() >= 512 || self.sources.len() >= 20_000 {
            return Err("LIMIT_EXCEEDED");
        }
        let source = source.map_or_else(|| format!("operator:{}", self.lots.len() + 1), str::to_owned);
        let catalog = self.menu();
        let now = self.now;
        match give {
            Give::Pack(id) => {
                let pack = catalog.packs.iter().find(|pack| pack.id == *id).ok_or("INVALID_REQUEST")?;
                if !pack.plans.is_empty() && !pack.plans.iter().any(|plan| **plan == *self.plan) {
                    return Err("FEATURE_NOT_IN_PLAN");
                }
                self.sell(pack, &source);
                self.drop_for_pack();
                Ok(())
            }
            Give::Goodwill { unit, amount, expires_at, models } => {
                let known = |id: &str| catalog.models.iter().any(|model| *model.id == *id);
                if *unit == Unit::Runs
                    || !(1..=MOST).contains(&amount.get())
                    || expires_at.is_some_and(|ends| ends.micros() <= now)
                    || models.iter().any(|model| !known(model))
                {
                    return Err("INVALID_REQUEST");
                }
                let given = self.issue(Born {
                    kind: GrantKind::Goodwill,
                    code: "goodwill".to_owned(),
                    unit: *unit,
                    amount: amount.get(),
                    models: models.iter().map(ToString::to_string).collect(),
                    source,
                    ends: expires_at.map(scrip_engine::Timestamp::micros),
                    at: now,
                    root: None,
                    rank: None,
                });
                self.tell_of_the_end(given);
                Ok(())
            }
        }
    }

    /// Gives the grants of a pack, and repays debts from it.
    pub fn sell(&mut self, pack: &Pack, source: &str) {
        let now = self.now;
        let born = |kind, amount| Born {
            kind,
            code: pack.id.to_string(),
            unit: Unit::Credits,
            amount,
            models: Vec::new(),
            source: source.to_owned(),
            ends: pack.expires.map(|span| later(now, span)),
            at: now,
            root: None,
            rank: None,
        };
        let bought = self.issue(born(GrantKind::Pack, pack.credits.get()));
        self.tell_of_the_end(bought);
        if pack.bonus.get() > 0 {
            let bonus = self.issue(born(GrantKind::Bonus, pack.bonus.get()));
            self.tell_of_the_end(bonus);
        }
        self.repay(bought);
    }

    /// Repays debt from a pack (R9): first the debt of forgotten lots, then lot by lot.
    fn repay(&mut self, bought: u32) {
        let now = self.now;
        let pay = |model: &mut Model, debt: i64| {
            let lot = model.lot_mut(bought);
            let paid = debt.min(lot.available);
            lot.available -= paid;
            lot.captured += paid;
            lot.touched = now;
            paid
        };
        let paid = pay(self, self.forgotten_debt);
        self.forgotten_debt -= paid;
        for n in 1..=u32::try_from(self.lots.len()).expect("few lots") {
            if !self.lot(n).forgotten {
                let paid = pay(self, self.debt_of(n));
                self.lot_mut(n).repaid += paid;
            }
        }
    }

    /// Voids the rest of a lot by a correction: free units now, held units when their hold ends (R10).
    pub fn void(&mut self, n: u32, reason: &str) -> Answer {
        good_name(reason)?;
        if n == 0 || n as usize > self.lots.len() || self.lot(n).forgotten {
            return Err("NOT_FOUND");
        }
        let now = self.now;
        let lot = self.lot_mut(n);
        if lot.voided || lot.available + lot.held == 0 {
            return Ok(());
        }
        lot.voided = true;
        lot.touched = now;
        let amount = lot.available;
        self.take_back(n, amount, amount, now);
        self.happened = true;
        Ok(())
    }

    /// Moves free units of a lot to revoked.
    pub(super) fn take_back(&mut self, n: u32, amount: i64, by_void: i64, at: i64) {
        let lot = self.lot_mut(n);
        lot.available -= amount;
        lot.revoked += amount;
        lot.taken_by_void += by_void;
        lot.touched = at;
    }
}
