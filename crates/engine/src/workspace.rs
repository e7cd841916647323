//! A workspace: the small value that everything is decided on.
//!
//! Invariant: it only changes by folding events, and [`Workspace::check`] holds before and after each command, in
//! release builds too.

use crate::amount::{Amount, Unit};
use crate::billing::Billing;
use crate::catalog::{CancelRule, GrantKind, Name, Output};
use crate::id::WorkspaceId;
use crate::subscription::Subscription;
use crate::team::{Spender, Team, Tenancy};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether real credits or play credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// For trying things: the sandbox provider serves every model.
    #[default]
    Test,
    /// For real.
    Live,
}

/// What people know the workspace by; nothing is decided on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Shown on pages.
    pub name: String,
    /// The owner's e-mail.
    pub owner: String,
    /// The operator's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// What a grant cost in money: so much for so many credits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostBasis {
    /// ISO 4217, lower case.
    pub currency: Name,
    /// In the currency's smallest unit.
    pub amount: Amount,
    /// The credits it was paid for.
    pub credits: Amount,
}

/// A lot of one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its number in the workspace, from 1.
    pub n: u32,
    /// Its name in the catalog, or the operator's.
    pub code: Name,
    /// Why it exists.
    pub kind: GrantKind,
    /// What it counts.
    pub unit: Unit,
    /// The only models it pays for; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Name>,
    /// Its place in the draw order, lowest first (R5).
    pub rank: u8,
    /// What it was made from (R7).
    pub source: Name,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_basis: Option<CostBasis>,
    /// Size, for ever.
    pub granted: Amount,
    /// Free to be held.
    pub available: Amount,
    /// Under open holds.
    pub held: Amount,
    /// Spent.
    pub captured: Amount,
    /// Lost to the calendar.
    pub expired: Amount,
    /// Taken back.
    pub revoked: Amount,
    /// How much refunds and disputes take back in all, of it and of what was reinstated from it (R9).
    #[serde(default)]
    pub reclaim: Amount,
    /// Whether a correction takes back whatever is left (R10).
    #[serde(default)]
    pub voided: bool,
    /// The grant whose taken amounts this one gives back, for a reinstated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<u32>,
    /// How much of what was taken back has been given again or repaid by packs.
    #[serde(default)]
    pub settled: Settled,
    /// When it was made.
    pub starts_at: Timestamp,
    /// From when on it is dead; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When its owner is to be told that it will expire; `None` once they are, or when there is no need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_at: Option<Timestamp>,
    /// The last time it changed.
    pub touched_at: Timestamp,
}

/// What happened to a reclaimed amount besides revoking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Shortfall that later packs paid (R9).
    pub repaid: Amount,
    /// Given again after a won dispute (R9), and not taken back since.
    pub reinstated: Amount,
    /// Taken by corrections, which no won dispute gives again (R10).
    #[serde(default)]
    pub voided: Amount,
    /// Came back from holds when the grant was dead, and lives on in another (R17).
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub returned: Amount,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_nothing(amount: &Amount) -> bool {
    amount.is_zero()
}

impl Grant {
    /// Whether it can be drawn from at an instant.
    pub fn live(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.expires_at.is_none_or(|end| at < end)
    }

    /// Whether it has died.
    pub fn dead(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= at)
    }

    /// Whether it pays for a model; `None` asks for any use.
    pub fn pays_for(&self, model: Option<&str>) -> bool {
        self.models.is_empty() || model.is_some_and(|model| self.models.iter().any(|known| &**known == model))
    }

    /// Whether nothing can happen to its amounts any more.
    pub fn closed(&self) -> bool {
        self.available.is_zero() && self.held.is_zero()
    }

    /// What has been taken back and not given again, of it and of what was reinstated from it.
    pub fn recovered(&self) -> Amount {
        (self.revoked + self.settled.repaid).less(self.settled.reinstated)
    }

    /// What is still to be taken back, whether or not there is anything to take it from.
    pub fn owed(&self) -> Amount {
        self.reclaim.less(self.recovered())
    }
}

/// What a hold took from one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The grant's number.
    pub grant: u32,
    /// How much.
    pub amount: Amount,
}

/// An open hold, in the order its parts were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its number in the workspace, from 1; its run has the same.
    pub n: u32,
    /// What it counts.
    pub unit: Unit,
    /// The sum of the parts.
    pub amount: Amount,
    /// Where it was taken from.
    pub parts: Vec<Part>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// How much was asked for, in what the rate counts; 1 for a plain amount.
    pub asked: u64,
    /// What it waits for.
    pub purpose: Purpose,
    /// The trial it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialUse>,
    /// The model, when it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// Whether it counts against a daily limit, and of which day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_day: Option<i64>,
    /// The plan it was opened under: a trial is of a plan.
    pub plan: Name,
    /// Whose caps it counts against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Spender>,
}

/// What a hold waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A run that we dispatch.
    Run {
        /// What it makes.
        output: Output,
        /// How often it was handed to a worker.
        attempt: u32,
        /// When it was first handed to a worker.
        started_at: Option<Timestamp>,
        /// What cancelling it costs.
        cancel: CancelRule,
    },
    /// A product that dispatches itself.
    Caller {
        /// The caller's name for it.
        reference: Name,
    },
}

/// Which kind of trial a run used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialUse {
    /// One of a count.
    Runs,
    /// A run inside a window.
    Window,
}

/// A time trial of one model under one plan (R23).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The plan.
    pub plan: Name,
    /// The model.
    pub model: Name,
    /// From the first accepted run on, and until when.
    pub open: Option<(Timestamp, Timestamp)>,
    /// Whether a run of this opening has succeeded.
    pub succeeded: bool,
    /// How often an opening was withdrawn.
    pub withdrawn: u8,
}

impl Window {
    /// When the opening ends or ended.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open.map(|(_, ends_at)| ends_at)
    }
}

/// Sums over grants, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Granted.
    pub granted: Amount,
    /// Available.
    pub available: Amount,
    /// Held.
    pub held: Amount,
    /// Captured.
    pub captured: Amount,
    /// Expired.
    pub expired: Amount,
    /// Revoked.
    pub revoked: Amount,
}

impl Sums {
    fn add(&mut self, grant: &Grant) {
        self.granted += grant.granted;
        self.available += grant.available;
        self.held += grant.held;
        self.captured += grant.captured;
        self.expired += grant.expired;
        self.revoked += grant.revoked;
    }
}

/// The billed tenant, as one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// How many entries have been folded in; 0 before it is opened.
    pub seq: u64,
    /// The instant of the last entry; time never goes back from here (R3).
    pub at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Real or play credits.
    pub mode: Mode,
    /// The test clock it stands on.
    pub test_clock: Option<i64>,
    /// What people know it by.
    pub profile: Arc<Profile>,
    /// Whether it is one person's or may have others.
    #[serde(default)]
    pub tenancy: Tenancy,
    /// Who belongs to it.
    #[serde(default)]
    pub team: Arc<Team>,
    /// Frozen by the operator, and why.
    pub frozen: Option<Name>,
    /// Payments in dispute; any freezes new runs (R9).
    pub disputes: BTreeSet<Name>,
    /// The catalog version it is on (R33).
    pub catalog: u32,
    /// Whether its owner may still have what is given once per person (R8).
    pub lifetime_allowed: bool,
    /// Its plan.
    pub subscription: Subscription,
    /// Approved reviews (R25).
    pub approvals: BTreeSet<Name>,
    /// What it has to do with a payment provider.
    #[serde(default)]
    pub billing: Arc<Billing>,
    /// Grants by number; closed ones are forgotten after a while.
    pub grants: Vec<Arc<Grant>>,
    /// Open holds by number.
    pub holds: Vec<Arc<Hold>>,
    /// Time trials.
    pub windows: Vec<Window>,
    /// Runs of limited models on the last day there were any: model → (day, runs).
    pub limited: BTreeMap<Name, (i64, u32)>,
    /// Everything that was ever paid for or given once (R7).
    pub sources: Arc<BTreeSet<Name>>,
    /// Bytes of stored outputs.
    pub stored_bytes: u64,
    /// The number of the next grant.
    pub next_grant: u32,
    /// The number of the next hold or run.
    pub next_hold: u32,
    /// When the last period was renewed.
    pub renewed_at: Option<Timestamp>,
    /// Sums of forgotten grants, by unit.
    pub forgotten: BTreeMap<Unit, Sums>,
    /// Debt of forgotten grants.
    pub forgotten_debt: Amount,
}

impl Workspace {
    /// A workspace that nobody has opened yet.
    pub fn unopened(id: WorkspaceId) -> Workspace {
        Workspace {
            id,
            seq: 0,
            at: Timestamp::default(),
            opened_at: Timestamp::default(),
            mode: Mode::Test,
            test_clock: None,
            profile: Arc::default(),
            tenancy: Tenancy::default(),
            team: Arc::default(),
            frozen: None,
            disputes: BTreeSet::new(),
            catalog: 0,
            lifetime_allowed: false,
            subscription: Subscription::unpaid(Name::from("")),
            approvals: BTreeSet::new(),
            billing: Arc::default(),
            grants: Vec::new(),
            holds: Vec::new(),
            windows: Vec::new(),
            limited: BTreeMap::new(),
            sources: Arc::default(),
            stored_bytes: 0,
            next_grant: 1,
            next_hold: 1,
            renewed_at: None,
            forgotten: BTreeMap::new(),
            forgotten_debt: Amount::ZERO,
        }
    }

    /// Whether it has been opened.
    pub fn is_open(&self) -> bool {
        self.catalog != 0
    }

    /// A grant that is remembered.
    pub fn grant(&self, n: u32) -> Option<&Grant> {
        self.grants.binary_search_by_key(&n, |grant| grant.n).ok().map(|index| &*self.grants[index])
    }

    pub(crate) fn grant_mut(&mut self, n: u32) -> &mut Grant {
        let index = self.grants.binary_search_by_key(&n, |grant| grant.n).expect("events name grants that exist");
        Arc::make_mut(&mut self.grants[index])
    }

    /// An open hold.
    pub fn hold(&self, n: u32) -> Option<&Hold> {
        self.holds.binary_search_by_key(&n, |hold| hold.n).ok().map(|index| &*self.holds[index])
    }

    pub(crate) fn hold_mut(&mut self, n: u32) -> &mut Hold {
        let index = self.holds.binary_search_by_key(&n, |hold| hold.n).expect("events name holds that are open");
        Arc::make_mut(&mut self.holds[index])
    }

    /// What can be spent at an instant: of a unit, on a model or on anything.
    pub fn available(&self, unit: Unit, model: Option<&str>, at: Timestamp) -> Amount {
        let live = self.grants.iter().filter(|grant| grant.unit == unit && grant.live(at) && grant.pays_for(model));
        live.map(|grant| grant.available).sum()
    }

    /// Whether a grant is frozen: its period is over, and the next one is not paid yet (R4).
    pub fn is_frozen(&self, grant: &Grant) -> bool {
        self.subscription.awaited_until.is_some() && self.subscription.freezes(grant)
    }

    /// What open holds hold of a unit.
    pub fn held(&self, unit: Unit) -> Amount {
        self.grants.iter().filter(|grant| grant.unit == unit).map(|grant| grant.held).sum()
    }

    /// What was taken back and is still missing; the next pack repays it (R9).
    pub fn debt(&self) -> Amount {
        self.grants.iter().map(|grant| self.debt_of(grant)).sum::<Amount>() + self.forgotten_debt
    }

    /// What refunds and disputes took of a grant that neither it, nor what was reinstated from it, nor their holds can
    /// pay any more (R9).
    pub fn debt_of(&self, grant: &Grant) -> Amount {
        let owed = grant.owed();
        if owed.is_zero() {
            return owed;
        }
        let family = self.grants.iter().filter(|other| other.n == grant.n || other.root == Some(grant.n));
        owed.less(family.map(|lot| lot.available + lot.held + lot.expired).sum())
    }

    /// The grant that says what is owed of one: its root, if it was reinstated from one that is remembered.
    pub(crate) fn root<'w>(&'w self, grant: &'w Grant) -> &'w Grant {
        grant.root.and_then(|root| self.grant(root)).unwrap_or(grant)
    }

    /// Free runs of a model left under a plan's count trial.
    pub fn trial_runs_left(&self, plan: &str, model: &str, at: Timestamp) -> Amount {
        let source = trial_source(plan, model);
        let trial = |grant: &&Arc<Grant>| grant.unit == Unit::Runs && *grant.source == *source && grant.live(at);
        self.grants.iter().filter(trial).map(|grant| grant.available).sum()
    }

    /// The time trial of a model under a plan, once it has been opened.
    pub fn window(&self, plan: &str, model: &str) -> Option<&Window> {
        self.windows.iter().find(|window| &*window.plan == plan && &*window.model == model)
    }

    /// Runs of a limited model so far on the day of an instant.
    pub fn runs_today(&self, model: &str, at: Timestamp) -> u32 {
        self.limited.get(model).filter(|(day, _)| *day == at.day()).map_or(0, |(_, runs)| *runs)
    }

    /// Runs that have not ended.
    pub fn open_runs(&self) -> usize {
        self.holds.iter().filter(|hold| matches!(hold.purpose, Purpose::Run { .. })).count()
    }

    /// When the next thing happens by itself; `None` when nothing will.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        let holds = self.holds.iter().map(|hold| hold.expires_at).min();
        let grants = self.grants.iter().filter(|grant| !grant.available.is_zero());
        let grants = grants.filter_map(|grant| self.grant_due(grant)).min();
        [holds, grants, self.subscription.due_at(), crate::apply::top_up_due(self)].into_iter().flatten().min()
    }

    /// When a grant with something left is next looked at by itself: to tell of its end, or for its end.
    pub(crate) fn grant_due(&self, grant: &Grant) -> Option<Timestamp> {
        grant.notice_at.or(grant.expires_at.filter(|_| !self.subscription.freezes(grant)))
    }

    /// Sums over all grants there ever were, by unit.
    pub fn sums(&self) -> BTreeMap<Unit, Sums> {
        let mut sums = self.forgotten.clone();
        for grant in &self.grants {
            sums.entry(grant.unit).or_default().add(grant);
        }
        sums
    }

    pub(crate) fn forget(&mut self, index: usize) {
        self.forgotten_debt += self.debt_of(&self.grants[index]);
        let grant = self.grants.remove(index);
        self.forgotten.entry(grant.unit).or_default().add(&grant);
    }

    /// Asserts what must hold between commands: every grant adds up (I1), all of them do (I2), nothing is out of range
    /// (I3, by the type), held amounts are exactly those of the open holds (I6, I7).
    ///
    /// # Panics
    /// When it does not: the workspace must not be written.
    pub fn check(&self) {
        let mut open: Amount = Amount::ZERO;
        for hold in &self.holds {
            let parts: Amount = hold.parts.iter().map(|part| part.amount).sum();
            assert!(parts == hold.amount, "{} hold {}: its parts are not its amount", self.id, hold.n);
            open += parts;
        }
        let mut held = Amount::ZERO;
        for grant in &self.grants {
            let sum = grant.available + grant.held + grant.captured + grant.expired + grant.revoked;
            assert!(sum == grant.granted, "{} grant {}: {grant:?} does not add up", self.id, grant.n);
            assert!(grant.n < self.next_grant, "{} grant {} has no number yet", self.id, grant.n);
            held += grant.held;
        }
        assert!(held == open, "{}: {held} is held but open holds hold {open}", self.id);
        if !held.is_zero() {
            self.check_parts();
        }
        for (unit, sums) in &self.forgotten {
            let sum = sums.captured + sums.expired + sums.revoked;
            assert!(sum == sums.granted, "{}: forgotten {} do not add up", self.id, unit.name());
        }
    }

    /// That each grant's held amount is what the parts of open holds took from it (I7).
    fn check_parts(&self) {
        let mut held: Vec<Amount> = vec![Amount::ZERO; self.grants.len()];
        for part in self.holds.iter().flat_map(|hold| &hold.parts) {
            let index = self.grants.binary_search_by_key(&part.grant, |grant| grant.n);
            held[index.expect("a part names a grant that is remembered")] += part.amount;
        }
        for (grant, held) in self.grants.iter().zip(held) {
            assert!(grant.held == held, "{} grant {}: {} held, {held} in holds", self.id, grant.n, grant.held);
        }
    }
}

/// The source of a count trial's grant.
pub(crate) fn trial_source(plan: &str, model: &str) -> String {
    format!("trial:{plan}:{model}")
}
