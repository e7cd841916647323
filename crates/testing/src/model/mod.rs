//! A naive workspace to judge the engine by: lists and loops, plain integers, every rule written down once more from
//! the design and the reliability rules, by subject as in the engine. It shares data types of requests and catalogs
//! with the engine, no decision.
//!
//! Invariant: slow and obvious. Nothing is cached, nothing is derived from an event.

pub mod agreement;
pub mod calendar;
pub mod grants;
pub mod holds;
pub mod keys;
pub mod payments;
pub mod plans;
pub mod quote;
pub mod reviews;
pub mod runs;
pub mod team;
pub mod top_ups;
pub mod workspace;

use grants::Lot;
use holds::{Open, Opening};
use plans::{Other, PaidPeriod, PeriodPayment};
use scrip_engine::payments::ReviewStatus;
use scrip_engine::{By, Catalogs, Command, Interval, Need, ReviewCommand, Span, TopUpCommand, WorkspaceCommand};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use team::Team;
use top_ups::TopUps;

/// Stable code of a refusal.
pub type No = &'static str;
/// A decision: accepted, or the code of the refusal.
pub type Answer = Result<(), No>;

/// End of the calendar, in microseconds.
pub const NEVER: i64 = 253_402_207_200 * 1_000_000;
/// Most units that one operation moves.
pub const MOST: i64 = 1_000_000_000;

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
    pub paid: Option<PaidPeriod>,
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
    pub bill: Option<PeriodPayment>,
    /// Instant until which a renewal is waited for.
    pub awaited: Option<i64>,
    /// Instant until which the rest of the period before can be spent meanwhile.
    pub bridge: Option<i64>,
    /// `true` while the renewal's payment is on its way.
    pub processing: bool,
    pub failed: Option<(String, u32)>,
    pub reviews: BTreeMap<String, (ReviewStatus, u32)>,
    pub top_up: Option<TopUps>,
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
    /// Members, invitations, keys, and the spending that their caps count.
    pub team: Team,
}

const SECOND: i64 = 1_000_000;

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
            team: Team::default(),
        }
    }

    /// Lets time pass and carries out a caller's command, or returns the refusal's code and changes nothing.
    pub fn apply(&mut self, by: By, at: i64, command: &Command) -> Answer {
        let mut next = self.clone();
        next.happened = false;
        next.now = at.max(self.last);
        if next.opened {
            next.pass_time();
            next.close_spending(0);
        }
        let answer = next.command(by, command);
        self.team.cap_hit = next.team.cap_hit.take();
        answer?;
        if next.happened || matches!(command, Command::Tick) {
            next.buy_pack();
        }
        if next.happened {
            next.last = next.now;
        }
        *self = next;
        Ok(())
    }

    fn command(&mut self, by: By, command: &Command) -> Answer {
        if !matches!(command, Command::Workspace(WorkspaceCommand::Open { .. })) && !self.opened {
            return Err("NOT_FOUND");
        }
        match command {
            Command::Workspace(command) => self.decide_workspace(by, command),
            Command::Run(command) => self.decide_run(by, command),
            Command::Team(command) => self.decide_team(by, command),
            Command::TopUp(command) => {
                let is_set = matches!(command, TopUpCommand::Set(_));
                self.may(by, if is_set { Need::Admin } else { Need::Operator })?;
                self.decide_top_up(command)
            }
            Command::Review(command) => {
                let is_request = matches!(command, ReviewCommand::Request { .. });
                self.may(by, if is_request { Need::Admin } else { Need::Operator })?;
                self.decide_review(command)
            }
            Command::Plan(command) => self.may(by, Need::Operator).and_then(|()| self.decide_plan(command)),
            Command::Grant(command) => self.may(by, Need::Operator).and_then(|()| self.decide_grant(command)),
            Command::Hold(command) => self.may(by, Need::Operator).and_then(|()| self.decide_hold(command)),
            Command::Payment(command) => self.may(by, Need::Operator).and_then(|()| self.decide_payment(command)),
            Command::Tick => self.may(by, Need::Operator),
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
}

/// Returns boundary `n` of an anchor.
fn nth(anchor: i64, every: Interval, n: u32) -> i64 {
    let n = i64::from(n);
    match every {
        Interval::Week => anchor + 7 * n * calendar::DAY,
        Interval::Month => calendar::months_later(anchor, n),
        Interval::Year => calendar::months_later(anchor, 12 * n),
    }
}

/// Returns an instant a span later.
fn later(at: i64, span: Span) -> i64 {
    match span {
        Span::Months(months) => calendar::months_later(at, i64::from(months)),
        Span::Micros(micros) => (at + micros).min(NEVER),
    }
}

fn earlier(at: i64, span: Span) -> i64 {
    match span {
        Span::Months(months) => calendar::months_later(at, -i64::from(months)),
        Span::Micros(micros) => (at - micros).max(0),
    }
}

fn good_name(name: &str) -> Answer {
    let good = !name.trim().is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    if good { Ok(()) } else { Err("INVALID_REQUEST") }
}
