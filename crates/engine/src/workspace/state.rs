//! State of a workspace: the small value that everything is decided on.
//!
//! Invariant: a workspace changes only by folding events, and [`Workspace::check`] holds before and after each command,
//! in release builds too.

use crate::catalog::{Catalog, GrantKind, Name, Plan};
use crate::grants::{Grant, Sums, trial_source};
use crate::holds::{Hold, Purpose};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::id::{UserId, WorkspaceId};
use crate::kernel::time::Timestamp;
use crate::payments::Billing;
use crate::plans::subscription::Subscription;
use crate::team::{Team, Tenancy};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Mode of a workspace: its models are served by the sandbox, or for real.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Test: the sandbox provider serves every model.
    #[default]
    Test,
    /// Live: the operator's providers serve the models.
    Live,
}

impl Mode {
    /// Returns the mode's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }
}

/// Name, owner and external id of a workspace, for people; no decision depends on them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Name of the workspace, for people.
    pub name: String,
    /// User who owns the workspace. Entries of earlier versions have an address here until they are brought over, which
    /// is read as no user.
    #[serde(default, deserialize_with = "read_owner", skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// Identifier of the workspace in the operator's own system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// Reads the owner of a workspace: an id, and nothing of an address.
fn read_owner<'de, D: Deserializer<'de>>(text: D) -> Result<Option<UserId>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Owner {
        Id(UserId),
        Text(String),
    }
    Ok(match Owner::deserialize(text)? {
        Owner::Id(user) => Some(user),
        Owner::Text(text) => text.parse().ok(),
    })
}

/// State of a time trial of one model under one plan (R23).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Plan that the trial belongs to.
    pub plan: Name,
    /// Id of the model on trial.
    pub model: Name,
    /// Instants of the first accepted run and of the end of the opening; `None` once the opening was withdrawn.
    pub open: Option<(Timestamp, Timestamp)>,
    /// `true` once a run of the trial has succeeded.
    pub succeeded: bool,
    /// Number of openings that were withdrawn.
    pub withdrawn: u8,
}

impl Window {
    /// Returns the instant at which the opening ends or ended; `None` without an opening.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open.map(|(_, ends_at)| ends_at)
    }
}

/// The customer of the product as Scrip bills it, as one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Identifier of the workspace.
    pub id: WorkspaceId,
    /// Number of entries that have been folded in; 0 before the workspace is opened.
    pub seq: u64,
    /// Instant of the last entry; time never goes back from here (R3).
    pub at: Timestamp,
    /// Instant at which the workspace was opened.
    pub opened_at: Timestamp,
    /// Mode of the workspace: live or test.
    pub mode: Mode,
    /// Test clock that the workspace follows; `None` is the wall clock.
    pub test_clock: Option<i64>,
    /// Name, owner and external id of the workspace, for people.
    pub profile: Arc<Profile>,
    /// Personal workspace, or one that may have other members.
    #[serde(default)]
    pub tenancy: Tenancy,
    /// Members, invitations and keys of the workspace.
    #[serde(default)]
    pub team: Arc<Team>,
    /// Reason for which the operator froze the workspace; `None` while it is not frozen.
    pub frozen: Option<Name>,
    /// Sources of the payments in dispute; any of them freezes new runs (R9).
    pub disputes: BTreeSet<Name>,
    /// Catalog version that the workspace is on (R33).
    pub catalog: u32,
    /// `true` while the owner may still be given what a person gets once (R8).
    pub lifetime_allowed: bool,
    /// Plan, period and scheduled changes of the workspace.
    pub subscription: Subscription,
    /// Names of the approved reviews (R25).
    pub approvals: BTreeSet<Name>,
    /// Failed payment, requested reviews and top-ups of the workspace.
    #[serde(default)]
    pub billing: Arc<Billing>,
    /// Grants by number; closed ones are forgotten after a while.
    pub grants: Vec<Arc<Grant>>,
    /// Open holds by number, those of runs included.
    pub holds: Vec<Arc<Hold>>,
    /// Time trials that were opened at least once.
    pub windows: Vec<Window>,
    /// Runs of limited models on the last day with any: model → (day, runs).
    pub limited: BTreeMap<Name, (i64, u32)>,
    /// Sources that were ever paid for or given once (R7).
    pub sources: Arc<BTreeSet<Name>>,
    /// Size of the stored outputs, in bytes.
    pub stored_bytes: u64,
    /// Number of the next grant.
    pub next_grant: u32,
    /// Number of the next hold or run.
    pub next_hold: u32,
    /// Instant at which the last period was renewed.
    pub renewed_at: Option<Timestamp>,
    /// Sums of forgotten grants, by unit.
    pub forgotten: BTreeMap<Unit, Sums>,
    /// Debt of forgotten grants, in credits.
    pub forgotten_debt: Amount,
    /// Instants of the last mails on subjects that may be mailed again only after a pause, by subject.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mailed: BTreeMap<Name, Timestamp>,
}

impl Workspace {
    /// Returns a workspace that has not been opened yet.
    pub fn new(id: WorkspaceId) -> Workspace {
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
            subscription: Subscription::without_payment(Name::from("")),
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

    /// Returns `true` once the workspace has been opened.
    pub fn is_open(&self) -> bool {
        self.catalog != 0
    }

    /// Returns a grant by its number; `None` for one that is forgotten or never was.
    pub fn grant(&self, n: u32) -> Option<&Grant> {
        self.grants.binary_search_by_key(&n, |grant| grant.n).ok().map(|index| &*self.grants[index])
    }

    pub(crate) fn grant_mut(&mut self, n: u32) -> &mut Grant {
        let index = self.grants.binary_search_by_key(&n, |grant| grant.n).expect("events name grants that exist");
        Arc::make_mut(&mut self.grants[index])
    }

    /// Returns an open hold by its number; `None` for one that has ended or never was.
    pub fn hold(&self, n: u32) -> Option<&Hold> {
        self.holds.binary_search_by_key(&n, |hold| hold.n).ok().map(|index| &*self.holds[index])
    }

    pub(crate) fn hold_mut(&mut self, n: u32) -> &mut Hold {
        let index = self.holds.binary_search_by_key(&n, |hold| hold.n).expect("events name holds that are open");
        Arc::make_mut(&mut self.holds[index])
    }

    /// Returns the number of units that can be spent at an instant: on a model, or for `None` on anything.
    pub fn available(&self, unit: Unit, model: Option<&str>, at: Timestamp) -> Amount {
        let live = self.grants.iter().filter(|grant| grant.unit == unit && grant.live(at) && grant.pays_for(model));
        live.map(|grant| grant.available).sum()
    }

    /// Returns `true` if a grant is frozen: its period and the bridge are over, and the next period is not paid yet
    /// (R4).
    pub fn is_frozen(&self, grant: &Grant) -> bool {
        self.subscription.is_frozen() && self.subscription.freezes(grant)
    }

    /// Returns the plan whose rights bind now: the lower one while a change that was agreed waits for its payment (R4).
    pub fn plan_in_force<'c>(&self, catalog: &'c Catalog) -> Option<&'c Plan> {
        let current = catalog.plan(&self.subscription.plan)?;
        let waits = self.subscription.awaited_until.is_some();
        let next = self.subscription.pending.as_ref().filter(|_| waits).and_then(|(plan, _)| catalog.plan(plan));
        let lower = next.filter(|next| catalog.plan_rank(&next.id) < catalog.plan_rank(&current.id));
        Some(lower.unwrap_or(current))
    }

    /// Returns the number of units under open holds.
    pub fn units_held(&self, unit: Unit) -> Amount {
        self.grants.iter().filter(|grant| grant.unit == unit).map(|grant| grant.held).sum()
    }

    /// Returns the debt: units that were to be taken back and are spent already; the next pack repays them (R9).
    pub fn debt(&self) -> Amount {
        self.grants.iter().map(|grant| self.debt_of(grant)).sum::<Amount>() + self.forgotten_debt
    }

    /// Returns the debt of one grant: units that refunds and disputes take back, and that neither the grant, nor what
    /// was reinstated from it, nor their holds can pay any more (R9).
    pub fn debt_of(&self, grant: &Grant) -> Amount {
        let owed = grant.units_owed();
        if owed.is_zero() {
            return owed;
        }
        let family = self.grants.iter().filter(|other| other.n == grant.n || other.root == Some(grant.n));
        owed.less(family.map(|lot| lot.available + lot.held + lot.expired).sum())
    }

    /// Returns the grant whose books say what a grant owes: its root, if it was reinstated from one that is remembered.
    pub(crate) fn root<'w>(&'w self, grant: &'w Grant) -> &'w Grant {
        grant.root.and_then(|root| self.grant(root)).unwrap_or(grant)
    }

    /// Returns the number of free runs of a model that are left of those that a plan's count trial allows. Used runs
    /// stay counted, however many the terms allow by now (R33). A trial that is used up and forgotten is used up.
    pub fn trial_runs_left(&self, plan: &str, model: &str, allowed: Amount) -> Amount {
        let source = trial_source(plan, model);
        let is_known = self.sources.contains(&*source);
        if is_known && !self.trial_grants(&source).any(|_| true) {
            return Amount::ZERO;
        }
        let available: Amount = self.trial_grants(&source).map(|grant| grant.available).sum();
        (available + allowed).less(self.trial_runs_granted(&source))
    }

    /// Returns the number of free runs of a plan's count trial that are held or spent.
    pub fn trial_runs_used(&self, plan: &str, model: &str) -> Amount {
        self.trial_grants(&trial_source(plan, model)).map(|grant| grant.held + grant.captured).sum()
    }

    /// Returns the number of free runs that were granted from a source, without those that were given again.
    pub(crate) fn trial_runs_granted(&self, source: &str) -> Amount {
        let granted = self.trial_grants(source).filter(|grant| grant.kind == GrantKind::Trial);
        granted.map(|grant| grant.granted).sum()
    }

    pub(crate) fn trial_grants(&self, source: &str) -> impl Iterator<Item = &Arc<Grant>> {
        self.grants.iter().filter(move |grant| grant.unit == Unit::Runs && *grant.source == *source)
    }

    /// Returns the time trial of a model under a plan, once it has been opened.
    pub fn window(&self, plan: &str, model: &str) -> Option<&Window> {
        self.windows.iter().find(|window| &*window.plan == plan && &*window.model == model)
    }

    /// Returns the number of runs of a limited model so far, on the day of an instant.
    pub fn runs_today(&self, model: &str, at: Timestamp) -> u32 {
        self.limited.get(model).filter(|(day, _)| *day == at.day()).map_or(0, |(_, runs)| *runs)
    }

    /// Returns the number of runs that have not ended.
    pub fn open_runs(&self) -> usize {
        self.holds.iter().filter(|hold| matches!(hold.purpose, Purpose::Run { .. })).count()
    }

    /// Returns the number of runs and holds of models that have not ended, which the plan's concurrency limits.
    pub fn open_work(&self) -> usize {
        let is_work = |hold: &&Arc<Hold>| hold.model.is_some() || matches!(hold.purpose, Purpose::Run { .. });
        self.holds.iter().filter(is_work).count()
    }

    /// Returns the sums over all grants that were ever issued, by unit.
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

    /// Asserts the invariants between commands: every grant adds up (I1), all of them do (I2), nothing is out of range
    /// (I3, by the type), held amounts are exactly those of the open holds (I6, I7).
    ///
    /// # Panics
    /// When an invariant is broken: the workspace must not be written.
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

    /// Asserts that each grant's held amount is the sum of the parts that open holds took from it (I7).
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
