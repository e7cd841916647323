//! A naive workspace to judge the engine by: lists and loops, plain integers, every rule written down once more from
//! the design and the reliability rules. It shares data types of requests and catalogs with the engine, no decision.
//!
//! Invariant: slow and obvious. Nothing is cached, nothing is derived from an event.

pub mod agree;
pub mod billing;
pub mod civil;
mod money;
pub mod price;
mod work;

use scrip_engine::{
    Catalog, Catalogs, Choice, Command, GrantCommand, GrantKind, GrantTemplate, HoldCommand, Interval, OnUpgrade, Plan,
    PlanCommand, PlanPrice, RunCommand, Span, Unit, WorkspaceCommand,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Stable code of a refusal.
pub type No = &'static str;
/// A decision: accepted, or the code of the refusal.
pub type Answer = Result<(), No>;

/// End of the calendar, in microseconds.
pub const NEVER: i64 = 253_402_207_200 * 1_000_000;
/// Most units that one operation moves.
pub const MOST: i64 = 1_000_000_000;

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
    fn own(&self) -> Option<i64> {
        self.bridged.or(self.ends)
    }

    fn dead(&self, at: i64) -> bool {
        self.ends.is_some_and(|ends| ends <= at)
    }
}

/// An open run or hold.
#[derive(Clone, Debug)]
pub struct Open {
    pub n: u32,
    pub unit: Unit,
    pub amount: i64,
    pub parts: Vec<(u32, i64)>,
    pub opened: i64,
    pub expires: i64,
    pub asked: u64,
    /// Attempt and start of a run; `None` for a caller's hold.
    pub run: Option<(u32, Option<i64>)>,
    pub cancel: scrip_engine::CancelRule,
    pub trial: Option<Trial>,
    pub model: Option<String>,
    pub plan: String,
    pub day: Option<i64>,
    /// Free runs to be granted first: their source, and the number that the terms allow.
    pub tries: Option<(String, i64)>,
}

/// Trial that a run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    Count,
    Window,
}

/// An opened window of a time trial.
#[derive(Clone, Debug)]
pub struct Opening {
    pub plan: String,
    pub model: String,
    pub until: Option<i64>,
    pub succeeded: bool,
    pub withdrawn: u32,
}

/// A paid period of the workspace.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
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
    pub paid: Paid,
    pub allowance: Option<i64>,
    pub bill: Option<billing::Bill>,
    /// Number of the first lot after it was carried.
    pub until: usize,
}

/// The naive workspace, as lists and plain integers.
#[derive(Clone)]
pub struct Model {
    pub catalogs: Arc<Catalogs>,
    pub opened: bool,
    pub last: i64,
    pub now: i64,
    pub happened: bool,
    pub test_clock: bool,
    pub lifetime_allowed: bool,
    pub name: String,
    pub version: u32,
    pub plan: String,
    pub paid: Option<Paid>,
    pub cancel: bool,
    pub pending: Option<(String, Interval, Option<i64>)>,
    pub allowance: Option<i64>,
    pub approvals: BTreeSet<String>,
    pub frozen: Option<String>,
    pub disputes: BTreeSet<String>,
    pub lots: Vec<Lot>,
    pub open: Vec<Open>,
    pub openings: Vec<Opening>,
    pub limited: BTreeMap<String, (i64, u32)>,
    pub sources: BTreeSet<String>,
    pub stored: u64,
    pub next_hold: u32,
    pub forgotten_debt: i64,
    pub bill: Option<billing::Bill>,
    /// Instant until which a renewal is waited for.
    pub awaited: Option<i64>,
    /// Instant until which the rest of the period before can be spent meanwhile.
    pub bridge: Option<i64>,
    /// `true` while the renewal's payment is on its way.
    pub processing: bool,
    pub failed: Option<(String, u32)>,
    pub reviews: BTreeMap<String, (scrip_engine::payments::ReviewStatus, u32)>,
    pub top_up: Option<billing::TopUps>,
    pub bought: u32,
    /// Version the paid period was sold with, once a migration has moved the workspace on.
    pub sold: Option<u32>,
    /// Version whose price renewals cost from an instant on.
    pub repriced: Option<(u32, i64)>,
    /// Number of the current paid period, and of the newest.
    pub of: u32,
    pub newest_of: u32,
    /// Periods that are paid for and are not the current one.
    pub others: Vec<Other>,
}

impl Model {
    pub fn new(catalogs: Arc<Catalogs>) -> Model {
        Model {
            catalogs,
            opened: false,
            last: 0,
            now: 0,
            happened: false,
            test_clock: false,
            lifetime_allowed: false,
            name: String::new(),
            version: 0,
            plan: String::new(),
            paid: None,
            cancel: false,
            pending: None,
            allowance: None,
            approvals: BTreeSet::new(),
            frozen: None,
            disputes: BTreeSet::new(),
            lots: Vec::new(),
            open: Vec::new(),
            openings: Vec::new(),
            limited: BTreeMap::new(),
            sources: BTreeSet::new(),
            stored: 0,
            next_hold: 1,
            forgotten_debt: 0,
            bill: None,
            awaited: None,
            bridge: None,
            processing: false,
            failed: None,
            reviews: BTreeMap::new(),
            top_up: None,
            bought: 0,
            sold: None,
            repriced: None,
            of: 0,
            newest_of: 0,
            others: Vec::new(),
        }
    }

    /// Lets time pass and carries out a command, or returns the refusal's code and changes nothing.
    pub fn apply(&mut self, at: i64, command: &Command) -> Answer {
        let mut next = self.clone();
        next.happened = false;
        next.now = at.max(self.last);
        if next.opened {
            next.pass_time();
        }
        next.command(command)?;
        if next.happened || matches!(command, Command::Tick) {
            next.buy_pack();
        }
        if next.happened {
            next.last = next.now;
        }
        *self = next;
        Ok(())
    }

    fn command(&mut self, command: &Command) -> Answer {
        if !matches!(command, Command::Workspace(WorkspaceCommand::Open { .. })) && !self.opened {
            return Err("NOT_FOUND");
        }
        match command {
            Command::Workspace(WorkspaceCommand::Open { test_clock, profile, lifetime_allowed, choice, .. }) => {
                self.open_workspace(test_clock.is_some(), &profile.name, *lifetime_allowed, choice.as_ref())
            }
            Command::Workspace(WorkspaceCommand::Rename { name }) => {
                good_name(name)?;
                self.happened |= self.name != *name;
                self.name.clone_from(name);
                Ok(())
            }
            Command::Plan(PlanCommand::Subscribe(choice)) => self.subscribe(choice),
            Command::Plan(PlanCommand::Cancel) => self.cancel_plan(),
            Command::Plan(PlanCommand::UndoCancel) => self.undo(),
            Command::Plan(PlanCommand::Migrate { version }) => self.migrate(*version),
            Command::Grant(GrantCommand::Give { give, source, reason }) => self.give(give, source.as_deref(), reason),
            Command::Grant(GrantCommand::Void { grant, reason }) => self.void(*grant, reason),
            Command::Workspace(WorkspaceCommand::Freeze { reason }) => {
                good_name(reason)?;
                self.happened |= self.frozen.as_deref() != Some(&**reason);
                self.frozen = Some(reason.to_string());
                Ok(())
            }
            Command::Workspace(WorkspaceCommand::Unfreeze) => {
                self.happened |= self.frozen.take().is_some();
                Ok(())
            }
            Command::Run(RunCommand::Create { model, params, quote, metadata, .. }) => {
                if metadata.len() > 50 {
                    return Err("INVALID_REQUEST");
                }
                self.create_run(model, params, quote.as_ref())
            }
            Command::Run(RunCommand::Start { run, attempt }) => self.start_run(*run, *attempt),
            Command::Run(RunCommand::Settle { run, attempt, outcome }) => self.settle_run(*run, *attempt, outcome),
            Command::Run(RunCommand::Cancel { run }) => self.cancel_run(*run),
            Command::Hold(HoldCommand::Open { ask, reference, seconds, .. }) => {
                self.open_hold(ask, reference, *seconds)
            }
            Command::Hold(HoldCommand::Capture { hold, amount }) => {
                self.capture(*hold, amount.map(scrip_engine::Amount::get))
            }
            Command::Hold(HoldCommand::Release { hold }) => self.release(*hold),
            Command::Hold(HoldCommand::Extend { hold, seconds }) => self.extend(*hold, *seconds),
            Command::Team(_) => unreachable!("who belongs to a workspace is looked at in tests/rights.rs"),
            Command::Payment(command) => self.payment(command),
            Command::TopUp(command) => self.top_up(command),
            Command::Review(command) => self.review(command),
            Command::Tick => Ok(()),
        }
    }

    /// Steps through every due instant: release, then expire, then renew (R1).
    fn pass_time(&mut self) {
        while let Some(at) = self.falls_due().filter(|at| *at <= self.now) {
            self.follow_menu(at);
            while let Some(hold) = self.open.iter().find(|hold| hold.expires == at).cloned() {
                self.end(&hold, 0, false, at);
            }
            for lot in &mut self.lots {
                if lot.available > 0 && lot.tell.is_some_and(|tell| tell <= at) {
                    lot.tell = None;
                    self.happened = true;
                }
            }
            for index in 0..self.lots.len() {
                let ends = self.lots[index].ends == Some(at) && !self.waits(&self.lots[index]);
                if ends && self.lots[index].available > 0 {
                    let lot = &mut self.lots[index];
                    lot.expired += lot.available;
                    lot.available = 0;
                    lot.touched = at;
                    self.happened = true;
                }
            }
            for index in 0..self.others.len() {
                if self.next_month(&self.others[index].paid) == Some(at) {
                    self.other_month(index, at);
                }
            }
            match self.paid {
                Some(paid) if self.next_month(&paid) == Some(at) => self.month(&paid, at),
                Some(_) if self.bridge == Some(at) && self.awaited != Some(at) => {
                    self.bridge = None;
                    self.happened = true;
                }
                Some(paid) if self.next_month(&paid).is_none() && self.awaited.unwrap_or(paid.end) == at => {
                    self.end_period(&paid, at);
                }
                _ => {}
            }
        }
        self.follow_menu(self.now);
    }

    /// Moves a workspace that has paid for nothing to the newest terms (R33).
    fn follow_menu(&mut self, at: i64) {
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

    /// Returns the catalogs that judge a model: those of the workspace that know it, else the newest.
    pub fn judges(&self, id: &str) -> Vec<Arc<Catalog>> {
        let knows = |catalog: &Arc<Catalog>| catalog.models.iter().any(|model| *model.id == *id);
        let known: Vec<_> = self.editions().into_iter().filter(knows).collect();
        let newest =
            || [self.menu()].into_iter().filter(|menu| find_plan(menu, &self.rights_in(&self.catalog())).is_some());
        if known.is_empty() { newest().collect() } else { known }
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

    /// Returns the earliest instant at which something happens by itself.
    pub fn next_due(&self) -> Option<i64> {
        self.falls_due().into_iter().chain(self.pack_due()).min()
    }

    /// Returns the earliest instant at which a balance or a plan changes by itself.
    fn falls_due(&self) -> Option<i64> {
        let mut due: Vec<i64> = self.open.iter().map(|hold| hold.expires).collect();
        for lot in self.lots.iter().filter(|lot| lot.available > 0) {
            due.extend(lot.tell.or(lot.ends.filter(|_| !self.waits(lot))));
        }
        due.extend(self.others.iter().filter_map(|other| self.next_month(&other.paid)));
        due.extend(self.paid.map(|paid| self.bridge.or(self.awaited).or(self.next_month(&paid)).unwrap_or(paid.end)));
        due.into_iter().min()
    }

    fn next_month(&self, paid: &Paid) -> Option<i64> {
        let at = nth(paid.anchor, Interval::Month, paid.next_month?);
        (at < paid.end).then_some(at)
    }

    /// Returns the version in force at an instant: the last one published by then, the newest on a test clock.
    fn in_force(&self, at: i64) -> (u32, Arc<Catalog>) {
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

    fn open_workspace(&mut self, clock: bool, name: &str, lifetime: bool, choice: Option<&Choice>) -> Answer {
        if self.opened {
            return Err("INVALID_REQUEST");
        }
        good_name(name)?;
        self.opened = true;
        self.happened = true;
        self.name = name.to_owned();
        self.test_clock = clock;
        self.lifetime_allowed = lifetime;
        let (version, catalog) = self.in_force(self.now);
        self.version = version;
        self.plan = catalog.free_plan.to_string();
        match choice {
            Some(choice) if choice.plan != catalog.free_plan => self.subscribe(choice),
            _ => {
                self.come_to_plan(self.now);
                Ok(())
            }
        }
    }

    fn approve(&mut self, review: &str, reason: &str) -> Answer {
        good_name(reason)?;
        let (_, offer) = self.in_force(self.now);
        if !offer.plans.iter().any(|plan| plan.requires.iter().any(|required| **required == *review)) {
            return Err("INVALID_REQUEST");
        }
        if self.approvals.insert(review.to_owned()) {
            let known = self.reviews.get(review).map_or(0, |(_, application)| *application);
            self.reviews.insert(review.to_owned(), (scrip_engine::payments::ReviewStatus::Approved, known));
            self.happened = true;
        }
        Ok(())
    }

    fn subscribe(&mut self, choice: &Choice) -> Answer {
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
        let allowance = choice.allowance.map(scrip_engine::Amount::get);
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
    fn other_month(&mut self, index: usize, at: i64) {
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
    fn start_period(
        &mut self,
        version: u32,
        plan: &Plan,
        price: &PlanPrice,
        allowance: Option<i64>,
        rolls: Option<i64>,
        why_renewal: bool,
        paid: Paid,
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

    fn month(&mut self, paid: &Paid, at: i64) {
        let month = paid.next_month.expect("a month is due");
        self.happened = true;
        self.paid = Some(Paid { next_month: Some(month + 1), ..*paid });
        let catalog = self.sold_by();
        let plan = find_plan(&catalog, &self.plan).expect("the plan is in its catalog");
        let price = find_price(plan, paid.interval).expect("the price is in its catalog");
        for template in price.grants.iter().filter(|template| template.every == Some(Interval::Month)) {
            let ends = nth(paid.anchor, Interval::Month, month + 1).min(paid.end);
            self.cycle_grant(None, template, at, ends, Some(at));
        }
    }

    fn end_period(&mut self, paid: &Paid, at: i64) {
        if self.end_bill(at) {
            return;
        }
        let (newest, _) = self.in_force(at);
        if self.cancel || (self.pending.is_none() && !self.reviewed()) {
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
    fn end_plan(&mut self, at: i64) {
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
        let now = price_in(&self.sold_by()).expect("it was sold");
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
    fn sold_by(&self) -> Arc<Catalog> {
        let version = self.sold.unwrap_or(self.version);
        self.catalogs.get(version).expect("published").catalog.clone()
    }
}

impl Other {
    fn is_given_back(&self) -> bool {
        self.bill.as_ref().and_then(|bill| bill.gone).is_some_and(|(paid, gone)| gone >= paid)
    }
}

/// Finds a plan by its name.
pub fn find_plan<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c Plan> {
    catalog.plans.iter().find(|plan| *plan.id == *id)
}

fn find_price(plan: &Plan, interval: Interval) -> Option<&PlanPrice> {
    plan.prices.iter().find(|price| price.interval == interval)
}

/// Returns a period that the operator says is paid.
fn by_hand(price: &PlanPrice, anchor: i64, index: u32, start: i64) -> Paid {
    let in_year = |template: &GrantTemplate| template.every == Some(Interval::Month);
    let by_month = price.interval == Interval::Year && price.grants.iter().any(in_year);
    let end = nth(anchor, price.interval, index + 1);
    Paid { interval: price.interval, anchor, index, start, end, next_month: by_month.then_some(index * 12 + 1) }
}

/// Returns boundary `n` of an anchor.
fn nth(anchor: i64, every: Interval, n: u32) -> i64 {
    let n = i64::from(n);
    match every {
        Interval::Week => anchor + 7 * n * civil::DAY,
        Interval::Month => civil::months_later(anchor, n),
        Interval::Year => civil::months_later(anchor, 12 * n),
    }
}

/// Returns an instant a span later.
fn later(at: i64, span: Span) -> i64 {
    match span {
        Span::Months(months) => civil::months_later(at, i64::from(months)),
        Span::Micros(micros) => (at + micros).min(NEVER),
    }
}

fn earlier(at: i64, span: Span) -> i64 {
    match span {
        Span::Months(months) => civil::months_later(at, -i64::from(months)),
        Span::Micros(micros) => (at - micros).max(0),
    }
}

fn good_name(name: &str) -> Answer {
    let good = !name.trim().is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    if good { Ok(()) } else { Err("INVALID_REQUEST") }
}
