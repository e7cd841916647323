//! Faults that the property tests once found, each as the few commands that showed it.

use scrip_engine::payments::{Goods, Payment, SubscriptionStatus};
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Catalogs, Choice, Command, DatedEvent, Event, Give, GrantCommand, GrantEvent, GrantKind,
    HoldCommand, Interval, Mode, Name, Notice, Params, PaymentCommand, PlanCommand, PlanEvent, Profile, Refusal,
    RunCommand, Timestamp, Unit, Workspace, WorkspaceCommand, WorkspaceId, apply, parse_catalog,
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
    /// Returns a desk on the free plan of a catalog whose second version comes into force after 100 days.
    fn open(first: &str, second: &str) -> Desk {
        let read = |text: &str| Arc::new(parse_catalog(text).expect("a test catalog is right"));
        let start: Timestamp = "2027-01-31T00:00:00Z".parse().expect("RFC 3339");
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::from_micros(0), read(first));
        catalogs.publish(start.after_micros(100 * DAY), read(second));
        let workspace = Workspace::new(WorkspaceId::new(1));
        let mut desk = Desk { catalogs, workspace, now: start.micros() };
        let profile = Profile { name: "Ada".to_owned(), ..Profile::default() };
        desk.run(Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: None,
            profile,
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        }));
        desk
    }

    fn rich() -> Desk {
        Desk::open(include_str!("../catalogs/rich.toml"), include_str!("../catalogs/rich-2.toml"))
    }

    fn forfeit() -> Desk {
        Desk::open(include_str!("../catalogs/forfeit.toml"), include_str!("../catalogs/forfeit-2.toml"))
    }

    fn run(&mut self, command: Command) -> Vec<DatedEvent> {
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
        self.run(Command::Plan(PlanCommand::Subscribe(Choice {
            plan: Name::from(plan),
            interval: Some(interval),
            allowance: None,
            approve: Vec::new(),
        })));
    }

    /// Opens a hold that lasts a day, and returns its number.
    fn hold(&mut self, ask: Ask) -> u32 {
        self.run(Command::Hold(HoldCommand::Open {
            ask,
            reference: "job".to_owned(),
            seconds: Some(86_400),
            off: None,
            behalf: None,
        }));
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
        self.run(Command::Grant(GrantCommand::Give {
            give,
            source: Some(Name::from(source)),
            reason: "sold".to_owned(),
        }));
    }

    fn reverse(&mut self, source: &str, percent: u64) -> Vec<DatedEvent> {
        let source = Name::from(source);
        self.run(Command::Payment(PaymentCommand::Reverse { source, paid: 100, reversed: percent, disputed: false }))
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
    for left in [2, 1, 0] {
        desk.try_out("clip");
        assert_eq!(desk.workspace.trial_runs_left("basic", "clip", Amount::new(3).expect("small")).get(), left);
    }
    assert_eq!(desk.workspace.trial_runs_left("free", "clip", Amount::new(2).expect("small")).get(), 2);
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

/// R23: a window is of a plan; the outcome of a run under one plan does not touch another plan's window.
#[test]
fn a_run_ends_in_the_window_of_the_plan_it_was_started_under() {
    let mut desk = Desk::rich();
    let on_free = desk.try_out("film");
    desk.subscribe("basic", Interval::Month);
    let on_basic = desk.try_out("film");
    desk.run(Command::Hold(HoldCommand::Capture { hold: on_basic, amount: None }));
    let window = |desk: &Desk, plan: &str| desk.workspace.window(plan, "film").expect("it was opened").clone();
    assert!(window(&desk, "basic").succeeded && !window(&desk, "free").succeeded);
    desk.run(Command::Hold(HoldCommand::Release { hold: on_free }));
    assert!(window(&desk, "basic").open.is_some() && window(&desk, "free").open.is_none());
}

/// R23: a hold that is released yielded nothing, whatever it cost.
#[test]
fn a_released_hold_of_nothing_withdraws_the_window_it_opened() {
    let mut desk = Desk::rich();
    let hold = desk.try_out("film");
    desk.run(Command::Hold(HoldCommand::Release { hold }));
    let window = desk.workspace.window("free", "film").expect("it was opened");
    assert!(window.open.is_none() && !window.succeeded && window.withdrawn == 1, "{window:?}");
}

/// R6, R17: units that a hold gives back at the very end of a period live on once, not also in the rollover.
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

/// R31: units that an upgrade forfeits do not come back as a rollover.
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
    desk.run(Command::Hold(HoldCommand::Release { hold }));
    assert_eq!(desk.available(Unit::Credits), 60 + 30 + 1_500);
}

/// R31: a shorter contract that starts with the next period starts with its own allowance.
#[test]
fn a_scheduled_contract_brings_the_allowance_that_was_agreed_for_it() {
    let mut desk = Desk::rich();
    for (interval, allowance) in [(Interval::Year, 40_000), (Interval::Month, 900)] {
        desk.run(Command::Plan(PlanCommand::Subscribe(Choice {
            plan: Name::from("contract"),
            interval: Some(interval),
            allowance: Amount::new(allowance),
            approve: ["identity", "terms"].map(|review| (Name::from(review), "seen".to_owned())).to_vec(),
        })));
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
    desk.pass(100 * DAY);
    desk.run(Command::Plan(PlanCommand::Migrate { version: 2 }));
    desk.pass(266 * DAY);
    assert_eq!((&*desk.workspace.subscription.plan, desk.workspace.catalog), ("basic", 1));
}

/// R1, R9: units that a won dispute gives back after their day expire at once, not at an instant before the entry.
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

/// A dispute that is won late, when the workspace is about to forget the grants of the payment, must not stop it.
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

/// R9: a debt outlives the memory of the grant that left it, and the next pack repays it.
#[test]
fn a_debt_that_nobody_remembers_the_grant_of_is_repaid() {
    let mut desk = Desk::rich();
    desk.buy("month", "pay_1");
    let hold = desk.hold(Ask::Credits(Amount::new(300).expect("it is in range")));
    desk.run(Command::Hold(HoldCommand::Capture { hold, amount: None }));
    desk.reverse("pay_1", 100);
    let debt = desk.workspace.debt().get();
    assert!(debt > 0, "it was spent");
    desk.subscribe("basic", Interval::Week);
    desk.pass(64 * 7 * DAY);
    assert!(desk.workspace.grants.iter().all(|grant| &*grant.source != "pay_1"), "it is forgotten");
    assert_eq!(desk.workspace.debt().get(), debt);
    let before = desk.available(Unit::Credits);
    desk.buy("month", "pay_2");
    assert_eq!(desk.workspace.debt(), Amount::ZERO);
    assert_eq!(desk.available(Unit::Credits), before + 301 + 30 - debt);
}

/// R10: a correction holds, whatever becomes of the payment later.
#[test]
fn a_refund_does_not_bring_back_what_was_voided() {
    let mut desk = Desk::rich();
    desk.buy("small", "pay_1");
    let grant = desk.workspace.next_grant - 1;
    desk.run(Command::Grant(GrantCommand::Void { grant, reason: "a mistake".to_owned() }));
    desk.reverse("pay_1", 50);
    desk.reverse("pay_1", 0);
    assert_eq!(desk.available(Unit::Credits), 60);
}

/// R10: a run under way that spends units of a voided grant makes no debt; only refunds and disputes do.
#[test]
fn a_correction_makes_no_debt() {
    let mut desk = Desk::rich();
    desk.buy("small", "pay_1");
    let grant = desk.workspace.next_grant - 1;
    let hold = desk.hold(Ask::Credits(Amount::new(130).expect("in range")));
    desk.run(Command::Grant(GrantCommand::Void { grant, reason: "a mistake".to_owned() }));
    desk.run(Command::Hold(HoldCommand::Capture { hold, amount: None }));
    assert_eq!((desk.workspace.debt().get(), desk.available(Unit::Credits)), (0, 30));
}

/// R9: a payment that goes back a second time takes the grant that its won dispute gave, and makes no debt beside it.
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
    desk.run(Command::Hold(HoldCommand::Release { hold }));
    assert_eq!((desk.workspace.debt().get(), desk.available(Unit::Credits)), (0, 60));
}

/// R22: trial runs that were revoked and reinstated are runs of that trial.
#[test]
fn a_trial_that_was_taken_back_and_given_again_can_be_used() {
    let mut desk = Desk::rich();
    desk.subscribe("basic", Interval::Month);
    desk.reverse("trial:basic:clip", 100);
    desk.reverse("trial:basic:clip", 40);
    desk.try_out("clip");
    assert_eq!(desk.workspace.trial_runs_left("basic", "clip", Amount::new(3).expect("small")).get(), 1);
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

fn reversal(source: &str, paid: u64, reversed: u64) -> Command {
    Command::Payment(PaymentCommand::Reverse { source: Name::from(source), paid, reversed, disputed: false })
}

/// Returns a payment for a period of a plan, from a day after the workspace was opened on.
fn payment(source: &str, of: &str, plan: (&str, Interval), price: i64, start: Timestamp) -> Command {
    let (plan, interval) = plan;
    let bought = Goods::Period {
        plan: Name::from(plan),
        interval,
        subscription: Name::from(of),
        anchor: start,
        start,
        end: start.nth(interval, 1),
    };
    let price = Amount::new(price).expect("a price is an amount");
    let (source, currency) = (Name::from(source), Name::from("usd"));
    Command::Payment(PaymentCommand::Record(Payment {
        source,
        price,
        paid: price,
        given: Amount::ZERO,
        currency,
        bought,
        offered: None,
        top_up: None,
    }))
}

#[test]
fn a_period_that_is_over_costs_what_was_paid_for_it() {
    let mut desk = Desk::rich();
    let opened = Timestamp::from_micros(desk.now);
    desk.pass(40 * DAY);
    desk.run(payment("in-2", "sub-2", ("pro", Interval::Month), 2_000, Timestamp::from_micros(desk.now)));
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Month), 900, opened));
    let late = desk.workspace.grants.iter().find(|grant| &*grant.source == "in-1" && grant.unit == Unit::Credits);
    let late = late.expect("what was paid for is given");
    assert_eq!(late.expired, late.granted, "its day has passed");
    let cost = late.cost_basis.as_ref().expect("it was paid for");
    assert_eq!((cost.amount.get(), cost.credits.get()), (900, 400));
    assert_eq!(&*desk.workspace.subscription.plan, "pro");
}

#[test]
fn a_year_paid_beside_a_better_contract_gives_its_months_as_they_come() {
    let mut desk = Desk::rich();
    let choice = Choice {
        plan: Name::from("contract"),
        interval: Some(Interval::Month),
        allowance: Amount::new(900),
        approve: ["identity", "terms"].into_iter().map(|review| (Name::from(review), "seen".to_owned())).collect(),
    };
    desk.run(Command::Plan(PlanCommand::Subscribe(choice)));
    let start = Timestamp::from_micros(desk.now);
    desk.pass(40 * DAY);
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Year), 9_000, start));
    assert_eq!(&*desk.workspace.subscription.plan, "contract", "the contract is worth more");
    let of_year = |unit| {
        let given = desk.workspace.grants.iter().filter(|grant| &*grant.source == "in-1" && grant.unit == unit);
        given.map(|grant| grant.available.get()).sum::<i64>()
    };
    assert_eq!(of_year(Unit::Credits), 450 + 100, "one month of it is over");
    assert_eq!(of_year(Unit::Training), 12);
    for months in 2..12 {
        desk.now = start.nth(Interval::Month, months).micros();
        let events = desk.run(Command::Tick);
        let given = |DatedEvent(at, event): &DatedEvent| {
            let is_its = |kind, source: &str| kind == GrantKind::Cycle && source == "in-1";
            matches!(event, Event::Grant(GrantEvent::GrantIssued { kind, source, .. }) if is_its(*kind, source))
                .then_some(at.micros())
        };
        assert_eq!(events.iter().filter_map(given).collect::<Vec<_>>(), [desk.now], "month {months}");
        assert_eq!(&*desk.workspace.subscription.plan, "contract");
    }
    let extra = desk.workspace.grants.iter().find(|grant| &*grant.code == "extra").expect("a year has a bonus");
    assert_eq!((extra.kind, &extra.cost_basis), (GrantKind::Bonus, &None), "and a bonus costs nothing");
}

#[test]
fn a_higher_plan_that_was_paid_for_before_is_had_to_its_end_and_then_the_lower_one_again() {
    let mut desk = Desk::rich();
    let opened = Timestamp::from_micros(desk.now);
    desk.pass(10 * DAY);
    desk.run(payment("in-2", "sub-2", ("basic", Interval::Month), 900, Timestamp::from_micros(desk.now)));
    desk.pass(2 * DAY);
    desk.run(payment("in-1", "sub-1", ("pro", Interval::Week), 700, opened.after_micros(8 * DAY)));
    assert_eq!(&*desk.workspace.subscription.plan, "pro");
    let given = desk.workspace.grants.iter().find(|grant| &*grant.source == "in-1").expect("it was paid for");
    assert_eq!(given.available.get(), 300, "it is had until its own end");
    assert_eq!(given.expires_at, Some(opened.after_micros(15 * DAY)));
    desk.run(Command::Payment(PaymentCommand::FollowSubscription {
        subscription: Name::from("sub-1"),
        status: SubscriptionStatus::Ended,
    }));
    desk.pass(4 * DAY);
    desk.run(Command::Tick);
    let subscription = &desk.workspace.subscription;
    assert_eq!(&*subscription.plan, "basic", "which is paid for still");
    assert_eq!(subscription.period.expect("it is paid for").end, opened.after_micros(10 * DAY).nth(Interval::Month, 1));
    assert_eq!(subscription.payment.as_ref().map(|paid| &*paid.source), Some("in-2"));
}

#[test]
fn a_year_that_is_paid_at_the_end_of_the_calendar_is_recorded() {
    let mut desk = Desk::rich();
    desk.now = Timestamp::MAX.micros();
    let start = Timestamp::MAX.after_micros(-40 * DAY);
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Year), 9_000, start));
    assert_eq!(&*desk.workspace.subscription.plan, "free", "it ends with the calendar, which is over");
}

#[test]
fn a_share_of_nothing_is_not_taken_back() {
    let mut desk = Desk::rich();
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Year), 9_000, Timestamp::from_micros(desk.now)));
    desk.run(reversal("in-1", 9_000, 1));
    desk.now += 30 * DAY;
    let events = desk.run(Command::Tick);
    assert!(events.iter().any(|DatedEvent(_, event)| matches!(event, Event::Plan(PlanEvent::MonthStarted { .. }))));
    assert!(
        !events.iter().any(|DatedEvent(_, event)| matches!(event, Event::Grant(GrantEvent::GrantRevoked { .. }))),
        "{events:?}"
    );
}

#[test]
fn the_bonus_of_a_pack_that_ends_with_the_period_is_not_frozen_with_it() {
    let mut desk = Desk::rich();
    desk.run(payment("in-1", "sub-1", ("pro", Interval::Month), 2_000, Timestamp::from_micros(desk.now)));
    let give = Give::Pack(Name::from("month"));
    desk.run(Command::Grant(GrantCommand::Give { give, source: Some(Name::from("pay_1")), reason: "sold".to_owned() }));
    desk.pass(28 * DAY);
    desk.run(Command::Tick);
    assert!(desk.workspace.subscription.awaited_until.is_some());
    for grant in desk.workspace.grants.iter().filter(|grant| &*grant.source == "pay_1") {
        assert!(!desk.workspace.is_frozen(grant), "{grant:?}");
        assert_eq!(grant.expired, grant.granted);
    }
}

/// A refund that was known when a period's rest rolled over takes nothing more when it is reported again.
#[test]
fn a_refund_that_is_told_again_does_not_take_from_what_rolled_over() {
    let mut desk = Desk::rich();
    let start = Timestamp::from_micros(desk.now);
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Month), 900, start));
    desk.run(reversal("in-1", 900, 450));
    desk.pass(28 * DAY);
    let Command::Payment(PaymentCommand::Record(mut next)) =
        payment("in-2", "sub-1", ("basic", Interval::Month), 900, start.nth(Interval::Month, 1))
    else {
        unreachable!("it is a payment")
    };
    let Goods::Period { anchor, end, .. } = &mut next.bought else { unreachable!("of a period") };
    (*anchor, *end) = (start, start.nth(Interval::Month, 2));
    desk.run(Command::Payment(PaymentCommand::Record(next)));
    let rolled = |desk: &Desk| {
        let grant = desk.workspace.grants.iter().find(|grant| grant.kind == GrantKind::Rollover);
        grant.expect("something rolled over").available.get()
    };
    assert_eq!(rolled(&desk), 150);
    assert_eq!(desk.run(reversal("in-1", 900, 450)).len(), 0);
    assert_eq!(rolled(&desk), 150);
    desk.run(reversal("in-1", 900, 900));
    assert_eq!(rolled(&desk), 0, "what is refunded later takes it");
}

#[test]
fn a_shorter_retention_of_the_same_plan_is_told() {
    let text = |days: u32| {
        format!(
            "name = \"x\"\nfree_plan = \"free\"\n[[plan]]\nid = \"free\"\nname = \"Free\"\n\
             [[plan]]\nid = \"pro\"\nname = \"Pro\"\nretention = \"{days} days\"\n\
             [[plan.price]]\ninterval = \"month\"\ncurrency = \"usd\"\namount = 100\ngrants = [{{ amount = 10 }}]\n\
             [[model]]\nid = \"m\"\nname = \"M\"\noutput = \"image\"\nrate = {{ credits = 1, per = \"call\" }}\n"
        )
    };
    for (before, after, told) in [(90, 30, true), (30, 90, false), (30, 30, false)] {
        let mut moved = Desk::open(&text(before), &text(after));
        moved.now += 100 * DAY - 1;
        moved.run(payment("in-1", "sub-1", ("pro", Interval::Month), 100, Timestamp::from_micros(moved.now)));
        let said = |events: Vec<DatedEvent>| {
            events.iter().any(|DatedEvent(_, event)| matches!(event, Event::Notice(Notice::RetentionShortened { .. })))
        };
        moved.now += 1;
        let events = moved.run(Command::Plan(PlanCommand::Migrate { version: 2 }));
        assert!(!said(events), "the paid period keeps what it was sold with");
        let end = moved.workspace.subscription.period.expect("it is paid").end;
        moved.now = end.micros();
        let events = moved.run(payment("in-2", "sub-1", ("pro", Interval::Month), 100, end));
        assert_eq!(said(events), told, "from {before} to {after} days");
    }
}

/// R29: outputs that exist are kept for thirty days at least, however short the new rule is.
#[test]
fn old_outputs_outlive_a_shorter_retention_by_thirty_days() {
    let text = "name = \"x\"\nfree_plan = \"free\"\n[[plan]]\nid = \"free\"\nname = \"Free\"\nretention = \"7 days\"\n\
                [[plan]]\nid = \"pro\"\nname = \"Pro\"\n[[plan.price]]\ninterval = \"month\"\ncurrency = \"usd\"\n\
                amount = 100\ngrants = [{ amount = 10 }]\n\
                [[model]]\nid = \"m\"\nname = \"M\"\noutput = \"image\"\nrate = { credits = 1, per = \"call\" }\n";
    let mut desk = Desk::open(text, text);
    desk.subscribe("pro", Interval::Month);
    desk.run(Command::Plan(PlanCommand::Cancel));
    desk.now += 28 * DAY;
    let events = desk.run(Command::Tick);
    let told = events.iter().find_map(|DatedEvent(_, event)| match event {
        Event::Notice(Notice::RetentionShortened { old_until, .. }) => Some(*old_until),
        _ => None,
    });
    assert_eq!(told, Some(Timestamp::from_micros(desk.now + 30 * DAY)), "{events:?}");
}

/// R1: at one instant grants expire before the plan ends, also where Stripe collects.
#[test]
fn what_a_cancelled_plan_leaves_expires_before_the_plan_ends() {
    let mut desk = Desk::rich();
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Week), 300, Timestamp::from_micros(desk.now)));
    let status = SubscriptionStatus::Continues { ending: true, change: None, processing: false };
    let follow = PaymentCommand::FollowSubscription { subscription: Name::from("sub-1"), status };
    desk.run(Command::Payment(follow));
    desk.now += 7 * DAY;
    let events = desk.run(Command::Tick);
    let place = |wanted: fn(&Event) -> bool| events.iter().position(|DatedEvent(_, event)| wanted(event));
    let expired =
        place(|event| matches!(event, Event::Grant(GrantEvent::GrantExpired { .. }))).expect("100 credits are left");
    let ended = place(|event| matches!(event, Event::Plan(PlanEvent::SubscriptionEnded { unpaid: false, .. })))
        .expect("it ends");
    assert!(expired < ended, "{events:?}");
}

/// R34: a month of a paid year cost a twelfth of what was paid for the year.
#[test]
fn a_month_of_a_year_costs_its_share_of_the_year() {
    let mut desk = Desk::rich();
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Year), 9_000, Timestamp::from_micros(desk.now)));
    desk.pass(28 * DAY);
    let months = desk.workspace.grants.iter().filter(|grant| grant.unit == Unit::Credits);
    let months = months.filter(|grant| &*grant.source == "in-1" && grant.kind == GrantKind::Cycle);
    let costs: Vec<(i64, i64)> = months
        .map(|grant| grant.cost_basis.as_ref().expect("it was paid for"))
        .map(|cost| (cost.amount.get(), cost.credits.get()))
        .collect();
    assert_eq!(costs, [(9_000, 12 * 450), (9_000, 12 * 450)]);
}

/// R33: a contract goes on when the catalog sells its plan to everybody; moved there, it renews with the catalog's
/// grants alone.
#[test]
fn an_agreed_allowance_ends_with_the_contract() {
    let text = |terms: &str, price: &str| {
        format!(
            "name = \"x\"\nfree_plan = \"free\"\n[[plan]]\nid = \"free\"\nname = \"Free\"\n\
             [[plan]]\nid = \"large\"\nname = \"Large\"\n{terms}\n\
             [[plan.price]]\ninterval = \"year\"\ncurrency = \"usd\"\n{price}\n\
             [[model]]\nid = \"m\"\nname = \"M\"\noutput = \"image\"\nrate = {{ credits = 1, per = \"call\" }}\n"
        )
    };
    for (migrates, renewed) in [(false, (1, 900)), (true, (2, 10))] {
        let mut desk = Desk::open(&text("custom = true", ""), &text("", "amount = 100\ngrants = [{ amount = 10 }]"));
        desk.run(Command::Plan(PlanCommand::Subscribe(Choice {
            plan: Name::from("large"),
            interval: Some(Interval::Year),
            allowance: Amount::new(900),
            approve: Vec::new(),
        })));
        desk.pass(100 * DAY);
        if migrates {
            desk.run(Command::Plan(PlanCommand::Migrate { version: 2 }));
        }
        assert_eq!(desk.available(Unit::Credits), 900);
        desk.pass(265 * DAY);
        assert_eq!((desk.workspace.catalog, desk.available(Unit::Credits)), renewed);
    }
}

/// Units that came back from a hold after their grant had expired were counted after the refund already.
#[test]
fn a_refund_that_is_told_again_does_not_take_from_what_came_back() {
    let mut desk = Desk::rich();
    let give = Give::Pack(Name::from("month"));
    desk.run(Command::Grant(GrantCommand::Give { give, source: Some(Name::from("pay_1")), reason: "sold".to_owned() }));
    let ask = Ask::Credits(Amount::new(360).expect("it is in range"));
    let hold = Command::Hold(HoldCommand::Open {
        ask,
        reference: "x".to_owned(),
        seconds: Some(2_592_000),
        off: None,
        behalf: None,
    });
    desk.run(hold);
    desk.run(reversal("pay_1", 1_000, 100));
    desk.now += 28 * DAY + DAY / 2;
    desk.run(Command::Hold(HoldCommand::Release { hold: 1 }));
    let back = |desk: &Desk| {
        let back = desk.workspace.grants.iter().filter(|grant| grant.kind == GrantKind::Returned);
        back.map(|grant| grant.available.get()).sum::<i64>()
    };
    let before = back(&desk);
    assert!(before > 200, "most of the pack came back");
    assert_eq!(desk.run(reversal("pay_1", 1_000, 100)).len(), 0);
    assert_eq!(back(&desk), before);
}

/// One payment gives credits and training: returned units of the one are not missing from the other's rollover.
#[test]
fn what_came_back_of_one_unit_is_not_taken_off_what_rolls_over_of_another() {
    let mut desk = Desk::rich();
    let start = Timestamp::from_micros(desk.now);
    desk.run(payment("in-1", "sub-1", ("basic", Interval::Month), 900, start));
    desk.run(Command::Hold(HoldCommand::Open {
        ask: Ask::Model(Name::from("train"), Params::from([(Name::from("pictures"), pictures())])),
        reference: "x".to_owned(),
        seconds: Some(2_592_000),
        off: None,
        behalf: None,
    }));
    desk.now += 28 * DAY + DAY / 2;
    desk.run(Command::Hold(HoldCommand::Release { hold: 1 }));
    desk.run(payment("in-2", "sub-1", ("basic", Interval::Month), 900, start.nth(Interval::Month, 1)));
    let rolled = desk.workspace.grants.iter().find(|grant| grant.kind == GrantKind::Rollover);
    assert_eq!(rolled.expect("credits roll over").granted.get(), 150);
    let mut whole = Desk::rich();
    whole.run(payment("in-1", "sub-1", ("pro", Interval::Month), 2_000, start));
    whole.run(Command::Hold(HoldCommand::Open {
        ask: Ask::Credits(Amount::new(1_500).expect("it is in range")),
        reference: "x".to_owned(),
        seconds: Some(2_592_000),
        off: None,
        behalf: None,
    }));
    whole.now += 28 * DAY + DAY / 2;
    whole.run(Command::Hold(HoldCommand::Release { hold: 1 }));
    whole.run(payment("in-2", "sub-1", ("pro", Interval::Month), 2_000, start.nth(Interval::Month, 1)));
    let rolled = whole.workspace.grants.iter().find(|grant| grant.kind == GrantKind::Rollover);
    assert_eq!(rolled.expect("training rolls over").granted.get(), 2);
}

fn pictures() -> scrip_engine::Value {
    scrip_engine::Value::List(vec!["https://example.com/1".to_owned()])
}

/// R36: a hold or run whose time was over before a command came ended then, and the refusal says how.
#[test]
fn what_the_passing_of_time_has_just_ended_is_said_with_its_end() {
    let mut desk = Desk::rich();
    let ask = Ask::Credits(Amount::new(10).expect("it is in range"));
    desk.run(Command::Hold(HoldCommand::Open {
        ask,
        reference: "x".to_owned(),
        seconds: Some(60),
        off: None,
        behalf: None,
    }));
    let (model, params) =
        (Name::from("photo"), Params::from([(Name::from("prompt"), scrip_engine::Value::Text("a boat".to_owned()))]));
    let metadata = std::collections::BTreeMap::new();
    desk.run(Command::Run(RunCommand::Create {
        model,
        params,
        quote: None,
        sandbox: None,
        metadata,
        off: None,
        served: true,
    }));
    let ends: Vec<Timestamp> = desk.workspace.holds.iter().map(|hold| hold.expires_at).collect();
    let later = Timestamp::from_micros(desk.now + DAY);
    for (command, what, ended_as, ended_at) in [
        (Command::Hold(HoldCommand::Capture { hold: 1, amount: None }), "hold", "expired", ends[0]),
        (Command::Hold(HoldCommand::Release { hold: 1 }), "hold", "expired", ends[0]),
        (Command::Hold(HoldCommand::Extend { hold: 1, seconds: 60 }), "hold", "expired", ends[0]),
        (Command::Run(RunCommand::Cancel { run: 2 }), "run", "failed", ends[1]),
    ] {
        let refusal = apply(&desk.workspace, &desk.catalogs, By::Operator, &command, later).expect_err("it has ended");
        let Refusal::HoldEnded { what: of, ending: Some(ending) } = refusal else { panic!("{command:?}: {refusal:?}") };
        assert_eq!((of, ending.ended_as, ending.ended_at, ending.captured.get()), (what, ended_as, ended_at, 0));
    }
}
