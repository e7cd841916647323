//! What the property tests once found wrong, each as the few commands that showed it.

use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Catalogs, Choice, Command, Dated, Give, GrantKind, Interval, Mode, Name, Params, Profile,
    Timestamp, Unit, Workspace, WorkspaceId, apply, parse_catalog,
};
use std::sync::Arc;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A workspace, its catalogs, and days since it was opened.
struct Desk {
    catalogs: Catalogs,
    workspace: Workspace,
    now: i64,
}

impl Desk {
    /// Opened on the free plan of a catalog whose second version comes into force after 100 days.
    fn open(first: &str, second: &str) -> Desk {
        let read = |text: &str| Arc::new(parse_catalog(text).expect("a test catalog is right"));
        let start: Timestamp = "2027-01-31T00:00:00Z".parse().expect("RFC 3339");
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::from_micros(0), read(first));
        catalogs.publish(start.after_micros(100 * DAY), read(second));
        let workspace = Workspace::unopened(WorkspaceId::new(1));
        let mut desk = Desk { catalogs, workspace, now: start.micros() };
        let profile = Profile { name: "Ada".to_owned(), ..Profile::default() };
        desk.run(Command::OpenWorkspace {
            mode: Mode::Test,
            test_clock: None,
            profile,
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        });
        desk
    }

    fn rich() -> Desk {
        Desk::open(include_str!("catalogs/rich.toml"), include_str!("catalogs/rich-2.toml"))
    }

    fn forfeit() -> Desk {
        Desk::open(include_str!("catalogs/forfeit.toml"), include_str!("catalogs/forfeit-2.toml"))
    }

    fn run(&mut self, command: Command) -> Vec<Dated> {
        let at = Timestamp::from_micros(self.now);
        let applied = apply(&self.workspace, &self.catalogs, By::Operator, &command, at);
        let applied = applied.unwrap_or_else(|refusal| panic!("{command:?} at {at} is refused: {refusal:?}"));
        self.workspace = applied.workspace;
        applied.events
    }

    fn pass(&mut self, micros: i64) {
        self.now += micros;
        self.run(Command::Tick);
    }

    fn subscribe(&mut self, plan: &str, interval: Interval) {
        self.run(Command::Subscribe(Choice {
            plan: Name::from(plan),
            interval: Some(interval),
            allowance: None,
            approve: Vec::new(),
        }));
    }

    /// Opens a hold that lasts a day and gives its number.
    fn hold(&mut self, ask: Ask) -> u32 {
        self.run(Command::OpenHold { ask, reference: "job".to_owned(), seconds: Some(86_400), off: None });
        self.workspace.next_hold - 1
    }

    fn try_out(&mut self, model: &str) -> u32 {
        let params = if model == "film" {
            Params::from([(Name::from("duration"), scrip_engine::Value::Integer(5))])
        } else {
            Params::new()
        };
        self.hold(Ask::Model(Name::from(model), params))
    }

    fn buy(&mut self, pack: &str, source: &str) {
        let give = Give::Pack(Name::from(pack));
        self.run(Command::Grant { give, source: Some(Name::from(source)), reason: "sold".to_owned() });
    }

    fn reverse(&mut self, source: &str, percent: u64) -> Vec<Dated> {
        let source = Name::from(source);
        self.run(Command::ReversePayment { source, paid: 100, reversed: percent, disputed: false })
    }

    fn available(&self, unit: Unit) -> i64 {
        self.workspace.available(unit, None, Timestamp::from_micros(self.now)).get()
    }
}

/// R22: a count trial is of a plan; the runs that another plan gave are not used first.
#[test]
fn a_trial_run_is_taken_from_the_trial_of_the_plan_the_workspace_is_on() {
    let mut desk = Desk::rich();
    desk.subscribe("basic", Interval::Month);
    let at = Timestamp::from_micros(desk.now);
    for left in [2, 1, 0] {
        desk.try_out("clip");
        assert_eq!(desk.workspace.trial_runs_left("basic", "clip", at).get(), left);
    }
    assert_eq!(desk.workspace.trial_runs_left("free", "clip", at).get(), 2);
}

/// R7: two purchases at one instant are two sources.
#[test]
fn grants_of_two_periods_that_start_at_one_instant_have_two_sources() {
    let mut desk = Desk::rich();
    desk.subscribe("basic", Interval::Month);
    desk.subscribe("pro", Interval::Month);
    let mut sources: Vec<&str> = desk.workspace.grants.iter().map(|grant| &*grant.source).collect();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), desk.workspace.grants.len(), "{sources:?}");
}

/// R23: a window is of a plan; what becomes of a run under one plan says nothing about another plan's window.
#[test]
fn a_run_ends_in_the_window_of_the_plan_it_was_started_under() {
    let mut desk = Desk::rich();
    let on_free = desk.try_out("film");
    desk.subscribe("basic", Interval::Month);
    let on_basic = desk.try_out("film");
    desk.run(Command::CaptureHold { hold: on_basic, amount: None });
    let window = |desk: &Desk, plan: &str| desk.workspace.window(plan, "film").expect("it was opened").clone();
    assert!(window(&desk, "basic").succeeded && !window(&desk, "free").succeeded);
    desk.run(Command::ReleaseHold { hold: on_free });
    assert!(window(&desk, "basic").open.is_some() && window(&desk, "free").open.is_none());
}

/// R23: a hold that is released yielded nothing, whatever it cost.
#[test]
fn a_released_hold_of_nothing_withdraws_the_window_it_opened() {
    let mut desk = Desk::rich();
    let hold = desk.try_out("film");
    desk.run(Command::ReleaseHold { hold });
    let window = desk.workspace.window("free", "film").expect("it was opened");
    assert!(window.open.is_none() && !window.succeeded && window.withdrawn == 1, "{window:?}");
}

/// R6, R17: what a hold gives back at the very end of a period lives on once, not also in the rollover.
#[test]
fn what_comes_back_at_the_end_of_a_period_is_not_rolled_over_as_well() {
    let mut desk = Desk::rich();
    desk.subscribe("basic", Interval::Month);
    let end = desk.workspace.subscription.period.expect("it is paid").end.micros();
    desk.now = end - DAY;
    desk.hold(Ask::Credits(Amount::new(380).expect("in range")));
    desk.now = end;
    desk.run(Command::Tick);
    let of = |kind: GrantKind| -> i64 {
        desk.workspace.grants.iter().filter(|grant| grant.kind == kind).map(|grant| grant.granted.get()).sum()
    };
    assert_eq!((of(GrantKind::Returned), of(GrantKind::Rollover)), (380, 20));
}

/// R31: what an upgrade forfeits does not come back as a rollover.
#[test]
fn what_is_forfeited_is_not_rolled_over() {
    let mut desk = Desk::forfeit();
    desk.subscribe("basic", Interval::Month);
    desk.pass(DAY);
    desk.subscribe("pro", Interval::Month);
    assert_eq!(desk.available(Unit::Credits), 60 + 30 + 1_500);
}

/// R31, R17: a cycle that is wholly under holds is forfeited like one that is not.
#[test]
fn what_is_held_of_a_forfeited_cycle_does_not_come_back() {
    let mut desk = Desk::forfeit();
    desk.subscribe("basic", Interval::Month);
    let hold = desk.hold(Ask::Credits(Amount::new(400).expect("in range")));
    desk.subscribe("pro", Interval::Month);
    desk.run(Command::ReleaseHold { hold });
    assert_eq!(desk.available(Unit::Credits), 60 + 30 + 1_500);
}

/// R31: a shorter contract that starts with the next period starts with its own allowance.
#[test]
fn a_scheduled_contract_brings_the_allowance_that_was_agreed_for_it() {
    let mut desk = Desk::rich();
    for (interval, allowance) in [(Interval::Year, 40_000), (Interval::Month, 900)] {
        desk.run(Command::Subscribe(Choice {
            plan: Name::from("contract"),
            interval: Some(interval),
            allowance: Amount::new(allowance),
            approve: ["identity", "terms"].map(|review| (Name::from(review), "seen".to_owned())).to_vec(),
        }));
    }
    desk.pass(366 * DAY);
    assert_eq!(desk.workspace.subscription.allowance, Amount::new(900));
    assert_eq!(desk.available(Unit::Credits), 60 + 900);
}

/// R33: a change that was scheduled before a migration takes place although the new version no longer sells it.
#[test]
fn a_scheduled_change_survives_a_migration_to_a_version_without_it() {
    let mut desk = Desk::rich();
    desk.subscribe("pro", Interval::Year);
    desk.subscribe("basic", Interval::Week);
    desk.run(Command::MigrateCatalog { version: 2 });
    desk.pass(366 * DAY);
    assert_eq!((&*desk.workspace.subscription.plan, desk.workspace.catalog), ("basic", 1));
}

/// R1, R9: what a won dispute gives back after its day expires at once, not at an instant before the entry.
#[test]
fn credits_reinstated_after_their_day_are_dead_at_once() {
    let mut desk = Desk::rich();
    desk.buy("small", "pay_1");
    desk.reverse("pay_1", 100);
    desk.now += 100 * DAY;
    desk.reverse("pay_1", 0);
    assert_eq!(desk.workspace.next_due_at(), None);
    assert_eq!(desk.available(Unit::Credits), 60);
    assert_eq!(desk.workspace.sums()[&Unit::Credits].expired.get(), 100);
}

/// A dispute that is won late, when the workspace is about to forget what the payment bought, must not stop it.
#[test]
fn a_dispute_won_after_hundreds_of_days_finds_what_is_still_remembered() {
    let mut desk = Desk::rich();
    desk.buy("month", "pay_1");
    desk.reverse("pay_1", 100);
    desk.subscribe("basic", Interval::Week);
    desk.pass(57 * 7 * DAY);
    assert_eq!(desk.workspace.grants.len(), 64, "one more and the oldest closed grant is forgotten");
    desk.reverse("pay_1", 0);
    let bought = |grant: &&Arc<scrip_engine::Grant>| *grant.source == *"pay_1";
    let kinds: Vec<GrantKind> = desk.workspace.grants.iter().filter(bought).map(|grant| grant.kind).collect();
    assert_eq!(kinds, [GrantKind::Pack, GrantKind::Reinstated]);
}

/// R10: a correction stands, whatever becomes of the payment later.
#[test]
fn a_refund_does_not_bring_back_what_was_voided() {
    let mut desk = Desk::rich();
    desk.buy("small", "pay_1");
    let grant = desk.workspace.next_grant - 1;
    desk.run(Command::VoidGrant { grant, reason: "a mistake".to_owned() });
    desk.reverse("pay_1", 50);
    desk.reverse("pay_1", 0);
    assert_eq!(desk.available(Unit::Credits), 60);
}

/// R10: what a run under way spends of a voided grant is spent; only refunds and disputes make debts.
#[test]
fn a_correction_makes_no_debt() {
    let mut desk = Desk::rich();
    desk.buy("small", "pay_1");
    let grant = desk.workspace.next_grant - 1;
    let hold = desk.hold(Ask::Credits(Amount::new(130).expect("in range")));
    desk.run(Command::VoidGrant { grant, reason: "a mistake".to_owned() });
    desk.run(Command::CaptureHold { hold, amount: None });
    assert_eq!((desk.workspace.debt().get(), desk.available(Unit::Credits)), (0, 30));
}

/// R9: a payment that goes back a second time takes what its won dispute gave again, and no debt arises beside it.
#[test]
fn a_refund_after_a_won_dispute_takes_what_was_reinstated() {
    let mut desk = Desk::rich();
    desk.buy("small", "pay_1");
    for percent in [100, 0, 70] {
        desk.reverse("pay_1", percent);
    }
    assert_eq!((desk.workspace.debt().get(), desk.available(Unit::Credits)), (0, 60 + 30));
    let hold = desk.hold(Ask::Credits(Amount::new(90).expect("in range")));
    desk.reverse("pay_1", 100);
    assert_eq!(desk.workspace.debt().get(), 0, "the hold can still pay");
    desk.run(Command::ReleaseHold { hold });
    assert_eq!((desk.workspace.debt().get(), desk.available(Unit::Credits)), (0, 60));
}

/// R22: trial runs that were taken back and given again are runs of that trial.
#[test]
fn a_trial_that_was_taken_back_and_given_again_can_be_used() {
    let mut desk = Desk::rich();
    desk.subscribe("basic", Interval::Month);
    desk.reverse("trial:basic:clip", 100);
    desk.reverse("trial:basic:clip", 40);
    desk.try_out("clip");
    let at = Timestamp::from_micros(desk.now);
    assert_eq!(desk.workspace.trial_runs_left("basic", "clip", at).get(), 1);
}

/// R1: the calendar has an end; a period that would go on beyond it is not renewed there for ever.
#[test]
fn settling_to_the_end_of_the_calendar_comes_to_an_end() {
    let mut desk = Desk::rich();
    desk.now = Timestamp::MAX.micros() - 800 * DAY;
    desk.subscribe("pro", Interval::Year);
    desk.now = Timestamp::MAX.micros();
    let renewals = desk.run(Command::Tick);
    assert!(renewals.len() < 100, "{} events", renewals.len());
}
