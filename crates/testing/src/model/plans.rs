//! Plans, written down once more: periods that the operator says are paid, months of a year, changes, and terms.

use super::grants::{Born, Lot};
use super::{Answer, MOST, Model, later, nth};
use scrip_engine::{
    Amount, Catalog, Choice, GrantKind, GrantTemplate, Interval, OnUpgrade, Plan, PlanCommand, PlanPrice, Span, Unit,
};
use std::sync::Arc;

/// Payment of the current period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodPayment {
    pub subscription: String,
    pub source: String,
    /// Amount that has gone back, of the amount that was paid.
    pub gone: Option<(u64, u64)>,
}

/// A paid period of the workspace.
#[derive(Clone, Copy, Debug)]
pub struct PaidPeriod {
    pub interval: Interval,
    pub anchor: i64,
    pub index: u32,
    pub start: i64,
    pub end: i64,
    pub next_month: Option<u32>,
}

/// A period that is paid for beside the current one.
#[derive(Clone, Debug)]
pub struct Other {
    /// Number of the period among all that ever were.
    pub of: u32,
    pub version: u32,
    pub plan: String,
    pub paid: PaidPeriod,
    pub allowance: Option<i64>,
    pub bill: Option<PeriodPayment>,
    /// Number of the first lot after it was carried.
    pub until: usize,
}

impl Other {
    fn is_given_back(&self) -> bool {
        self.bill.as_ref().and_then(|bill| bill.gone).is_some_and(|(paid, gone)| gone >= paid)
    }
}

impl Model {
    pub(super) fn decide_plan(&mut self, command: &PlanCommand) -> Answer {
        match command {
            PlanCommand::Subscribe(choice) => self.subscribe(choice),
            PlanCommand::Cancel => self.cancel_plan(),
            PlanCommand::UndoCancel => self.undo(),
            PlanCommand::Migrate { version } => self.migrate(*version),
        }
    }

    /// Moves a workspace that has paid for nothing to the newest terms (R33).
    pub(super) fn follow_menu(&mut self, at: i64) {
        let (newest, catalog) = self.in_force(at);
        if self.paid.is_some() || newest <= self.version {
            return;
        }
        self.version = newest;
        if find_plan(&catalog, &self.plan).is_none_or(|plan| !plan.prices.is_empty()) {
            self.plan = catalog.free_plan.to_string();
        }
        self.happened = true;
    }

    /// Returns the catalogs whose limits and gates the workspace has: its own, and the one its period was sold with.
    pub fn editions(&self) -> Vec<Arc<Catalog>> {
        let versions = [Some(self.version), self.sold];
        let found = versions.into_iter().flatten().map(|version| self.catalogs.get(version).expect("published"));
        found.map(|published| published.catalog.clone()).collect()
    }

    /// Returns the widest of a limit in the editions of the plan.
    pub fn widest(&self, limit: impl Fn(&Plan) -> Option<u32>) -> Option<u32> {
        let editions = self.editions();
        let plans = editions
            .iter()
            .map(|catalog| find_plan(catalog, &self.rights_in(catalog)).expect("the plan is in its catalog"));
        plans.map(limit).collect::<Option<Vec<u32>>>()?.into_iter().max()
    }

    /// Returns the catalog whose models can be run and whose plans can be bought now.
    pub fn menu(&self) -> Arc<Catalog> {
        self.in_force(self.now).1
    }

    pub(super) fn next_month(&self, paid: &PaidPeriod) -> Option<i64> {
        let at = nth(paid.anchor, Interval::Month, paid.next_month?);
        (at < paid.end).then_some(at)
    }

    /// Returns the version in force at an instant: the last one published by then, the newest on a test clock.
    pub(super) fn in_force(&self, at: i64) -> (u32, Arc<Catalog>) {
        let all = self.catalogs.all();
        let mut found = &all[0];
        for version in all {
            if self.test_clock || version.at.micros() <= at {
                found = version;
            }
        }
        (found.version, found.catalog.clone())
    }

    /// Returns the catalog the workspace is on.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalogs.get(self.version).expect("a version that was published").catalog.clone()
    }

    pub(super) fn subscribe(&mut self, choice: &Choice) -> Answer {
        let (version, offer) = self.in_force(self.now);
        let plan = find_plan(&offer, &choice.plan).ok_or("INVALID_REQUEST")?;
        if self.bill.is_some() {
            return Err("INVALID_REQUEST");
        }
        if plan.prices.is_empty() {
            return if self.paid.is_some() { self.cancel_plan() } else { Ok(()) };
        }
        let price = match choice.interval {
            Some(interval) => find_price(plan, interval),
            None if plan.prices.len() == 1 => plan.prices.first(),
            None => None,
        };
        let price = price.ok_or("INVALID_REQUEST")?;
        let allowance = choice.allowance.map(Amount::get);
        if plan.custom != allowance.is_some() || allowance.is_some_and(|amount| !(1..=MOST).contains(&amount)) {
            return Err("INVALID_REQUEST");
        }
        for (review, reason) in &choice.approve {
            self.approve(review, reason)?;
        }
        if plan.requires.iter().any(|review| !self.approvals.contains(&**review)) {
            return Err("REVIEW_REQUIRED");
        }
        if let Some(paid) = self.paid {
            if self.plan == *plan.id && self.allowance == allowance && paid.interval == price.interval {
                return self.undo();
            }
            let rank = |id: &str| offer.plans.iter().position(|plan| *plan.id == *id);
            let lower = rank(&self.plan).is_some_and(|current| rank(&plan.id) < Some(current));
            if lower || (self.plan == *plan.id && price.interval < paid.interval) {
                self.pending = Some((plan.id.to_string(), price.interval, allowance));
                self.cancel = false;
                self.happened = true;
                return Ok(());
            }
            self.leave();
        }
        let paid = by_hand(price, self.now, 0, self.now);
        self.start_period(version, plan, price, allowance, None, false, paid, self.now);
        Ok(())
    }

    /// Forfeits the rest of the current period at an upgrade, or carries it.
    pub fn leave(&mut self) {
        if self.forfeits() { self.forfeit() } else { self.set_aside() }
    }

    /// Carries the current period beside the one that takes its place, unless it is over.
    pub fn set_aside(&mut self) {
        if let Some(paid) = self.paid.filter(|paid| paid.end > self.now) {
            let (plan, bill) = (self.plan.clone(), self.bill.clone());
            let version = self.sold.unwrap_or(self.version);
            // The rest of an early renewal is carried with it.
            let beside: Vec<u32> = self.others.iter().map(|other| other.of).collect();
            for lot in self.lots.iter_mut().filter(|lot| !beside.contains(&lot.of)) {
                let cycle = matches!(lot.kind, GrantKind::Cycle | GrantKind::Rollover);
                lot.of = if cycle && lot.available + lot.held > 0 { self.of } else { lot.of };
            }
            let until = self.lots.len() + 1;
            self.others.push(Other { of: self.of, version, plan, paid, allowance: self.allowance, bill, until });
            self.happened = true;
        }
    }

    /// Makes the monthly grants of a carried period.
    pub(super) fn other_month(&mut self, index: usize, at: i64) {
        let month = self.others[index].paid.next_month.expect("a month is due");
        self.happened = true;
        self.others[index].paid.next_month = Some(month + 1);
        let other = self.others[index].clone();
        let catalog = self.catalogs.get(other.version).expect("published").catalog.clone();
        let plan = find_plan(&catalog, &other.plan).expect("it was sold");
        let price = find_price(plan, other.paid.interval).expect("it was sold");
        for template in price.grants.iter().filter(|template| template.every == Some(Interval::Month)) {
            let ends = nth(other.paid.anchor, Interval::Month, month + 1).min(other.paid.end);
            self.cycle_grant(Some(&other), template, at, ends, Some(at));
        }
    }

    /// Ends the old cycle at an upgrade: the rest expires, and units that come back later find it expired.
    fn forfeit(&mut self) {
        let now = self.now;
        let others: Vec<u32> = self.others.iter().map(|other| other.of).collect();
        for lot in self.lots.iter_mut().filter(|lot| !others.contains(&lot.of)) {
            let cycle = matches!(lot.kind, GrantKind::Cycle | GrantKind::Rollover);
            if cycle && !lot.dead(now) && lot.available + lot.held > 0 {
                lot.expired += lot.available;
                lot.available = 0;
                lot.ends = Some(now);
                lot.touched = now;
                self.happened = true;
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a period is what these say")]
    pub(super) fn start_period(
        &mut self,
        version: u32,
        plan: &Plan,
        price: &PlanPrice,
        allowance: Option<i64>,
        rolls: Option<i64>,
        why_renewal: bool,
        paid: PaidPeriod,
        at: i64,
    ) {
        let in_year =
            |template: &GrantTemplate| paid.interval == Interval::Year && template.every == Some(Interval::Month);
        self.happened = true;
        self.repriced = self.repriced.filter(|(next, _)| why_renewal && *next != version);
        self.sold = None;
        self.version = version;
        self.plan = plan.id.to_string();
        self.allowance = allowance;
        self.cancel = false;
        self.pending = None;
        self.paid = Some(paid);
        self.newest_of += 1;
        self.of = self.newest_of;
        self.come_to_plan(at);
        for template in &price.grants {
            let month = self.next_month(&paid).filter(|_| in_year(template));
            self.cycle_grant(None, template, at, month.unwrap_or(paid.end), rolls);
        }
        if let Some(amount) = allowance {
            let contract = GrantTemplate {
                code: "contract".into(),
                unit: Unit::Credits,
                amount: scrip_engine::Amount::new(amount).expect("it was checked"),
                every: None,
                rollover_max: None,
                models: Vec::new(),
                bonus: false,
            };
            self.cycle_grant(None, &contract, at, paid.end, rolls);
        }
        match self.repriced {
            Some((next, _)) if next > self.version => {
                self.sold = Some(self.version);
                self.version = next;
            }
            // A later version sold it: no price is waited for.
            _ => self.repriced = None,
        }
    }

    pub(super) fn month(&mut self, paid: &PaidPeriod, at: i64) {
        let month = paid.next_month.expect("a month is due");
        self.happened = true;
        self.paid = Some(PaidPeriod { next_month: Some(month + 1), ..*paid });
        let catalog = self.period_catalog();
        let plan = find_plan(&catalog, &self.plan).expect("the plan is in its catalog");
        let price = find_price(plan, paid.interval).expect("the price is in its catalog");
        for template in price.grants.iter().filter(|template| template.every == Some(Interval::Month)) {
            let ends = nth(paid.anchor, Interval::Month, month + 1).min(paid.end);
            self.cycle_grant(None, template, at, ends, Some(at));
        }
    }

    pub(super) fn end_period(&mut self, paid: &PaidPeriod, at: i64) {
        if self.end_bill(at) {
            return;
        }
        let (newest, _) = self.in_force(at);
        if self.cancel || (self.pending.is_none() && !self.is_reviewed()) {
            self.end_plan(at);
            return;
        }
        let changes = self.pending.is_some();
        let (plan, interval, allowance) =
            self.pending.clone().unwrap_or((self.plan.clone(), paid.interval, self.allowance));
        // The price that was given notice of; else, from the newest version in force downward, one that costs the
        // same (a change of plan may cost another price); else the latest version that still had it.
        let price_in = |version: u32| {
            let catalog = &self.catalogs.get(version).expect("published").catalog;
            let price = find_plan(catalog, &plan).and_then(|plan| find_price(plan, interval));
            price.map(|price| (price.amount, price.currency.clone()))
        };
        let cost = price_in(self.sold.unwrap_or(self.version));
        let due = self.repriced.filter(|(_, from)| !changes && *from <= at).map(|(version, _)| version);
        let noticed = due.and_then(price_in);
        let dearer = |(amount, currency): &(_, String)| {
            cost.as_ref().is_some_and(|(paid, known)| currency != known || amount >= paid)
        };
        let withdrawn = due.filter(|_| noticed.as_ref().is_some_and(dearer));
        let withdrawn = withdrawn.is_some_and(|due| (due + 1..=newest).any(|version| price_in(version) == cost));
        let cost = noticed.filter(|_| !withdrawn).or(cost);
        let same = |version: &u32| price_in(*version).is_some() && (changes || price_in(*version) == cost);
        let any = |version: &u32| price_in(*version).is_some();
        let all = u32::try_from(self.catalogs.all().len()).expect("few");
        let version = (1..=newest).rev().find(same).or_else(|| (1..=all).rev().find(any));
        let version = version.expect("what was sold once is in some version");
        let catalog = self.catalogs.get(version).expect("published").catalog.clone();
        let plan = find_plan(&catalog, &plan).expect("it sells it");
        let price = find_price(plan, interval).expect("it sells it");
        if plan.requires.iter().any(|review| !self.approvals.contains(&**review)) {
            self.end_plan(at);
            return;
        }
        let (anchor, index) =
            if changes && interval != paid.interval { (at, 0) } else { (paid.anchor, paid.index + 1) };
        let next = by_hand(price, anchor, index, at);
        self.start_period(version, plan, price, allowance.filter(|_| plan.custom), Some(at), !changes, next, at);
    }

    /// Ends a paid plan; the free plan takes its place.
    pub(super) fn end_plan(&mut self, at: i64) {
        self.end_frozen(at);
        let (newest, offer) = self.in_force(at);
        self.happened = true;
        self.version = newest;
        (self.sold, self.repriced) = (None, None);
        self.plan = offer.free_plan.to_string();
        (self.paid, self.cancel, self.pending, self.allowance) = (None, false, None, None);
        (self.bill, self.awaited, self.bridge, self.processing) = (None, None, None, false);
        // A carried period comes before the free plan: of the highest plan, and of these the longest.
        let rank = |id: &str| offer.plans.iter().position(|plan| *plan.id == *id);
        let going = self.others.iter().filter(|other| other.paid.end > at && !other.is_given_back());
        if let Some(next) = going.max_by_key(|other| (rank(&other.plan), other.paid.end)).cloned() {
            self.others.retain(|other| other.of != next.of);
            (self.version, self.plan, self.allowance) = (next.version, next.plan, next.allowance);
            (self.paid, self.bill, self.of, self.cancel) = (Some(next.paid), next.bill, next.of, true);
        }
        self.come_to_plan(at);
    }

    fn cancel_plan(&mut self) -> Answer {
        if self.paid.is_none() || self.bill.is_some() {
            return Err("INVALID_REQUEST");
        }
        self.happened |= !self.cancel;
        self.cancel = true;
        self.pending = None;
        Ok(())
    }

    fn undo(&mut self) -> Answer {
        if self.bill.is_some() {
            return Err("INVALID_REQUEST");
        }
        self.happened |= self.cancel || self.pending.is_some();
        self.cancel = false;
        self.pending = None;
        Ok(())
    }

    fn migrate(&mut self, version: u32) -> Answer {
        let target = self.catalogs.get(version).ok_or("NOT_FOUND")?.catalog.clone();
        if version > self.in_force(self.now).0 {
            return Err("NOT_FOUND");
        }
        let Some(paid) = self.paid.filter(|_| self.version < version) else { return Ok(()) };
        let price_in = |catalog: &Catalog| {
            let price = find_plan(catalog, &self.plan).and_then(|plan| find_price(plan, paid.interval));
            price.map(|price| (price.currency.clone(), price.amount))
        };
        let next = price_in(&target).ok_or("INVALID_REQUEST")?;
        let now = price_in(&self.period_catalog()).expect("it was sold");
        // A notice of the same or a higher price serves for this one, too.
        let served = self.repriced.filter(|(known, _)| {
            let told = price_in(&self.catalogs.get(*known).expect("published").catalog);
            told.is_some_and(|told| told.0 == next.0 && told.1 >= next.1)
        });
        let repriced = match () {
            () if now == next => None,
            () if now.0 == next.0 && next.1 < now.1 => Some((version, self.now)),
            () => Some((version, served.map_or_else(|| later(self.now, target.price_notice), |(_, from)| from))),
        };
        self.happened = true;
        (self.sold, self.version, self.repriced) = (Some(self.sold.unwrap_or(self.version)), version, repriced);
        Ok(())
    }

    /// Returns the longest of a span in the catalogs whose terms the workspace has, counted from an instant.
    pub fn longest(&self, from: i64, span: impl Fn(&Catalog) -> Span) -> i64 {
        self.editions().iter().map(|catalog| later(from, span(catalog))).max().expect("it has terms")
    }

    /// Returns true if an upgrade ends the rest of the old cycle: all its terms have to say so.
    pub fn forfeits(&self) -> bool {
        self.editions().iter().all(|catalog| catalog.on_upgrade == OnUpgrade::Forfeit)
    }

    /// Returns the catalog that says what the paid period gives.
    fn period_catalog(&self) -> Arc<Catalog> {
        let version = self.sold.unwrap_or(self.version);
        self.catalogs.get(version).expect("published").catalog.clone()
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

    /// Returns the plan whose rights hold: the lower of two while a change waits to be paid.
    pub fn rights_in(&self, catalog: &Catalog) -> String {
        let place = |id: &str| catalog.plans.iter().position(|plan| *plan.id == *id);
        match &self.pending {
            Some((next, _, _)) if self.awaited.is_some() && place(next).is_some() => {
                if place(next) < place(&self.plan) { next.clone() } else { self.plan.clone() }
            }
            _ => self.plan.clone(),
        }
    }
}

/// Finds a plan by its name.
pub fn find_plan<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c Plan> {
    catalog.plans.iter().find(|plan| *plan.id == *id)
}

pub(super) fn find_price(plan: &Plan, interval: Interval) -> Option<&PlanPrice> {
    plan.prices.iter().find(|price| price.interval == interval)
}

/// Returns a period that the operator says is paid.
pub(super) fn by_hand(price: &PlanPrice, anchor: i64, index: u32, start: i64) -> PaidPeriod {
    let in_year = |template: &GrantTemplate| template.every == Some(Interval::Month);
    let by_month = price.interval == Interval::Year && price.grants.iter().any(in_year);
    let end = nth(anchor, price.interval, index + 1);
    PaidPeriod { interval: price.interval, anchor, index, start, end, next_month: by_month.then_some(index * 12 + 1) }
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

/// Returns the share of an amount, rounded down.
pub(super) fn share_of(amount: i64, part: u64, whole: u64) -> i64 {
    let share = i128::from(amount) * i128::from(part) / i128::from(whole);
    i64::try_from(share).expect("at most the amount")
}
