//! A workspace: the small value that everything is decided on.
//!
//! Invariant: it only changes by folding events, and [`Workspace::check`] holds before and after each command, in
//! release builds too.

use crate::catalog::{Catalog, GrantKind, Name, Plan};
use crate::grants::{Grant, Sums, trial_source};
use crate::holds::{Hold, Purpose};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::id::WorkspaceId;
use crate::kernel::time::Timestamp;
use crate::payments::Billing;
use crate::plans::subscription::Subscription;
use crate::team::{Team, Tenancy};
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

impl Mode {
    /// The mode's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }
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
    /// Instants at which people were last mailed about what may be mailed again only after a pause, by subject.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mailed: BTreeMap<Name, Timestamp>,
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
            mailed: BTreeMap::new(),
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

    /// Whether a grant is frozen: its period and the bridge are over, and the next period is not paid yet (R4).
    pub fn is_frozen(&self, grant: &Grant) -> bool {
        self.subscription.is_frozen() && self.subscription.freezes(grant)
    }

    /// The plan whose rights bind now: the lower one while a change that was agreed waits for its payment (R4).
    pub fn plan_in_force<'c>(&self, catalog: &'c Catalog) -> Option<&'c Plan> {
        let current = catalog.plan(&self.subscription.plan)?;
        let waits = self.subscription.awaited_until.is_some();
        let next = self.subscription.pending.as_ref().filter(|_| waits).and_then(|(plan, _)| catalog.plan(plan));
        let lower = next.filter(|next| catalog.plan_rank(&next.id) < catalog.plan_rank(&current.id));
        Some(lower.unwrap_or(current))
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

    /// Returns how many free runs of a model are left of those that a plan's count trial allows. Uses count on, however
    /// many the terms allow by now (R33). A trial that is used up and forgotten is used up.
    pub fn trial_runs_left(&self, plan: &str, model: &str, allowed: Amount) -> Amount {
        let source = trial_source(plan, model);
        let is_known = self.sources.contains(&*source);
        if is_known && !self.trial_grants(&source).any(|_| true) {
            return Amount::ZERO;
        }
        let available: Amount = self.trial_grants(&source).map(|grant| grant.available).sum();
        (available + allowed).less(self.trial_runs_granted(&source))
    }

    /// Returns how many free runs of a plan's count trial are held or spent.
    pub fn trial_runs_used(&self, plan: &str, model: &str) -> Amount {
        self.trial_grants(&trial_source(plan, model)).map(|grant| grant.held + grant.captured).sum()
    }

    /// Returns how many free runs were granted from a source, less those that were given again.
    pub(crate) fn trial_runs_granted(&self, source: &str) -> Amount {
        let granted = self.trial_grants(source).filter(|grant| grant.kind == GrantKind::Trial);
        granted.map(|grant| grant.granted).sum()
    }

    pub(crate) fn trial_grants(&self, source: &str) -> impl Iterator<Item = &Arc<Grant>> {
        self.grants.iter().filter(move |grant| grant.unit == Unit::Runs && *grant.source == *source)
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

    /// Runs and holds of models that have not ended: what the plan's concurrency counts.
    pub fn open_work(&self) -> usize {
        let is_work = |hold: &&Arc<Hold>| hold.model.is_some() || matches!(hold.purpose, Purpose::Run { .. });
        self.holds.iter().filter(is_work).count()
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
