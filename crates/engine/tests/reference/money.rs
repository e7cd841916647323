//! Lots: granted, forgotten, revoked.

use super::{Answer, Lot, MOST, Model, Other, find_plan, good_name, later};
use scrip_engine::{Give, GrantKind, GrantTemplate, Pack, Span, Unit};

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

    fn rank(&self, kind: GrantKind) -> u8 {
        let catalog = self.catalog();
        catalog.ranks.get(&kind).copied().unwrap_or(if kind == GrantKind::Cycle { 0 } else { 1 })
    }

    /// Forgets the oldest of more than 64 lots that have been closed for 200 days.
    fn forget(&mut self, at: i64) {
        while self.lots.iter().filter(|lot| !lot.forgotten).count() > 64 {
            let old = |lot: &Lot| {
                !lot.forgotten && lot.available + lot.held == 0 && lot.touched + 200 * super::civil::DAY <= at
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
    fn family(&self, n: u32) -> impl Iterator<Item = &Lot> {
        self.lots.iter().filter(move |lot| !lot.forgotten && (lot.n == n || lot.root == Some(n)))
    }

    /// Returns the units taken back of a lot and its reinstatements, less the units given again (R9).
    fn recovered(&self, n: u32) -> i64 {
        let given_again: i64 = self.lots.iter().filter(|lot| lot.root == Some(n)).map(|lot| lot.granted).sum();
        let revoked: i64 =
            self.lots.iter().filter(|lot| lot.n == n || lot.root == Some(n)).map(|lot| lot.revoked).sum();
        revoked - given_again + self.lot(n).repaid
    }

    /// Returns the units that refunds and disputes still want of a lot's family.
    pub fn owed(&self, n: u32) -> i64 {
        if self.lot(n).forgotten { 0 } else { (self.lot(n).wanted - self.recovered(n)).max(0) }
    }

    /// Returns the part of that for which no units are left.
    fn debt_of(&self, n: u32) -> i64 {
        if self.lot(n).root.is_some() {
            return 0;
        }
        let left: i64 = self.family(n).map(|lot| lot.available + lot.held + lot.expired).sum();
        (self.owed(n) - left).max(0)
    }

    /// Returns all debt (R9).
    pub fn debt(&self) -> i64 {
        let known = self.lots.iter().filter(|lot| !lot.forgotten);
        known.map(|lot| self.debt_of(lot.n)).sum::<i64>() + self.forgotten_debt
    }

    /// Gives the grants of coming to a plan, once each: lifetime grants by code, count trials by plan and model.
    pub fn come_to_plan(&mut self, at: i64) {
        if !self.lifetime_allowed {
            return;
        }
        let catalog = self.catalog();
        let plan = find_plan(&catalog, &self.plan).expect("the plan is in its catalog");
        for template in &plan.once {
            let source = format!("once:{}", template.code);
            if !self.sources.contains(&source) {
                self.issue(from_template(GrantKind::Lifetime, template, template.amount.get(), source, at, None));
            }
        }
        for trial in &plan.trials {
            let source = format!("trial:{}:{}", plan.id, trial.model);
            if let (Some(runs), false) = (trial.runs, self.sources.contains(&source)) {
                self.issue(Born {
                    kind: GrantKind::Trial,
                    code: "trial".to_owned(),
                    unit: Unit::Runs,
                    amount: runs.get(),
                    models: vec![trial.model.to_string()],
                    source,
                    ends: None,
                    at,
                    root: None,
                    rank: None,
                });
            }
        }
    }

    /// Makes a period's grant and, when a period followed another by itself, the rollover of the one before up to the
    /// cap.
    pub(super) fn cycle_grant(
        &mut self,
        other: Option<&Other>,
        template: &GrantTemplate,
        at: i64,
        ends: i64,
        rolls: Option<i64>,
    ) {
        // Two purchases at one instant are two sources (R7); a payment that Stripe collected is a source of its own.
        let mut source = match other {
            None => format!("period:{at}:{}", template.code),
            Some(other) => format!("carried:{}:{at}:{}", other.until, template.code),
        };
        let of = other.map_or(self.of, |other| other.of);
        let bill = other.map_or(self.bill.clone(), |other| other.bill.clone());
        if let Some(bill) = &bill {
            source.clone_from(&bill.source);
        } else if self.lots.iter().any(|lot| !lot.forgotten && lot.source == source) {
            source = format!("{source}:{}", self.lots.len() + 1);
        }
        if let (Some(most), Some(ended)) = (template.rollover_max, rolls) {
            let beside: Vec<u32> = self.others.iter().map(|other| other.of).collect();
            let last = |lot: &&Lot| {
                matches!(lot.kind, GrantKind::Cycle | GrantKind::Rollover)
                    && lot.code == *template.code
                    && lot.own() == Some(ended)
                    && !lot.forgotten
                    && match other {
                        Some(other) => lot.of == other.of,
                        None => !beside.contains(&lot.of),
                    }
            };
            let left: i64 = self.lots.iter().filter(last).map(|lot| lot.expired - lot.passed_on).sum();
            if left.min(most.get()) > 0 {
                let amount = left.min(most.get());
                let paid_by = self.lots.iter().rfind(last).map(|lot| lot.source.clone());
                let paid_by = paid_by.filter(|_| bill.is_some()).unwrap_or_else(|| source.clone());
                let n = self.issue(from_template(GrantKind::Rollover, template, amount, paid_by, at, Some(ends)));
                self.lot_mut(n).of = of;
            }
        }
        let kind = if template.bonus { GrantKind::Bonus } else { GrantKind::Cycle };
        let n = self.issue(from_template(kind, template, template.amount.get(), source, at, Some(ends)));
        self.lot_mut(n).of = of;
        if let Some((paid, gone)) = bill.and_then(|bill| bill.gone) {
            let share = share_of(template.amount.get(), gone, paid);
            if share > 0 {
                self.lot_mut(n).wanted = share;
                self.take_back(n, share, 0, at);
            }
        }
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
    fn take_back(&mut self, n: u32, amount: i64, by_void: i64, at: i64) {
        let lot = self.lot_mut(n);
        lot.available -= amount;
        lot.revoked += amount;
        lot.taken_by_void += by_void;
        lot.touched = at;
    }

    /// Reverses a payment in part or in whole, or takes the reversal back (R9).
    pub fn reverse(&mut self, source: &str, paid: u64, reversed: u64, disputed: bool) -> Answer {
        if paid == 0 || reversed > paid {
            return Err("INVALID_REQUEST");
        }
        if !self.sources.contains(source) {
            return Err("NOT_FOUND");
        }
        let now = self.now;
        let others = self.others.iter_mut().filter(|other| other.paid.end > now);
        let others = others.filter_map(|other| other.bill.as_mut());
        if let Some(bill) = self.bill.iter_mut().chain(others).find(|bill| bill.source == source) {
            let known = bill.gone.unwrap_or((paid, 0));
            if known != (paid, reversed) {
                bill.gone = Some((paid, reversed));
                self.happened = true;
            }
        }
        let funded: Vec<u32> = self
            .lots
            .iter()
            .filter(|lot| lot.source == source && lot.kind != GrantKind::Reinstated && !lot.forgotten)
            .map(|lot| lot.n)
            .collect();
        // Units that live on in another lot were counted after every refund that was known then.
        let goes_on = [GrantKind::Rollover, GrantKind::Returned];
        let mut is_new = false;
        for n in &funded {
            let lot = self.lot(*n);
            is_new |= !goes_on.contains(&lot.kind) && share_of(lot.granted, reversed, paid) != lot.wanted;
        }
        for n in funded {
            if self.lot(n).forgotten || (goes_on.contains(&self.lot(n).kind) && !is_new) {
                continue;
            }
            let wanted = share_of(self.lot(n).granted, reversed, paid);
            let before = self.lot(n).wanted;
            if wanted == before {
                continue;
            }
            self.happened = true;
            self.lot_mut(n).wanted = wanted;
            self.lot_mut(n).touched = now;
            if wanted > before {
                let family: Vec<u32> = self.family(n).map(|lot| lot.n).collect();
                for lot in family {
                    let amount = self.owed(n).min(self.lot(lot).available);
                    if amount > 0 {
                        self.take_back(lot, amount, 0, now);
                    }
                }
            } else {
                self.give_again(n);
            }
        }
        if disputed {
            self.happened |= self.disputes.insert(source.to_owned());
        } else {
            self.happened |= self.disputes.remove(source);
        }
        Ok(())
    }

    /// Gives back, with the old expiry, units taken beyond what is wanted now; units that corrections took stay
    /// taken.
    fn give_again(&mut self, n: u32) {
        let now = self.now;
        let by_void: i64 =
            self.lots.iter().filter(|lot| lot.n == n || lot.root == Some(n)).map(|lot| lot.taken_by_void).sum();
        let amount = self.recovered(n) - self.lot(n).wanted.max(by_void);
        if amount <= 0 {
            return;
        }
        let lot = self.lot(n).clone();
        let born = Born {
            kind: GrantKind::Reinstated,
            code: lot.code,
            unit: lot.unit,
            amount,
            models: lot.models,
            source: lot.source,
            ends: lot.ends,
            at: now,
            root: Some(n),
            rank: Some(lot.rank),
        };
        let again = self.issue(born);
        if self.lot(again).dead(now) {
            // Its day has passed: it expires at once.
            let lot = self.lot_mut(again);
            lot.expired = lot.available;
            lot.available = 0;
        }
    }
}

/// Returns the share of an amount, rounded down.
fn share_of(amount: i64, part: u64, whole: u64) -> i64 {
    let share = i128::from(amount) * i128::from(part) / i128::from(whole);
    i64::try_from(share).expect("at most the amount")
}

fn from_template(
    kind: GrantKind,
    template: &GrantTemplate,
    amount: i64,
    source: String,
    at: i64,
    ends: Option<i64>,
) -> Born {
    Born {
        kind,
        code: template.code.to_string(),
        unit: template.unit,
        amount,
        models: template.models.iter().map(ToString::to_string).collect(),
        source,
        ends,
        at,
        root: None,
        rank: None,
    }
}
