//! The engine against a naive model and against laws that always hold, over random sequences.
//!
//! A failure prints the seed of its case; `PROPERTY_SEED=<seed>` runs that case alone, `PROPERTY_TIMES=<n>` runs so
//! many times as many cases.

use scrip_engine::team::Tenancy;
use scrip_engine::{
    Adjust, Amount, Ask, By, CancelRule, Catalogs, Command, DatedEvent, Event, Failure, FailureCode, Give,
    GrantCommand, GrantEvent, GrantKind, HoldCommand, Interval, Model, Name, Outcome, Output, Param, Params,
    PaymentCommand, Per, PlanCommand, PlanEvent, Rate, RunCommand, Start, Timestamp, Unit, Value, Workspace,
    WorkspaceCommand, WorkspaceId, apply, fold, price,
};
use scrip_testing::dice::Dice;
use scrip_testing::model::agreement::same;
use scrip_testing::model::plans::find_plan;
use scrip_testing::model::quote;
use scrip_testing::walk::commands::Asker;
use scrip_testing::walk::{Pair, START, inside, replay, shrink, worlds};
use std::collections::BTreeMap;
use std::sync::Arc;

const SEQUENCES: u64 = 5_000;
const COMMANDS: usize = 100;
const DAY: i64 = 86_400_000_000;

/// Returns the seeds to run: all of them, more of them, or the one in `PROPERTY_SEED`.
fn seeds(count: u64) -> Vec<u64> {
    let told = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    match told("PROPERTY_SEED") {
        Some(seed) => vec![seed],
        None => (0..count * told("PROPERTY_TIMES").unwrap_or(1)).collect(),
    }
}

/// Runs every seed on two threads; a panic carries its seed.
fn on_every_seed<R: Send>(count: u64, case: impl Fn(u64) -> R + Sync) -> Vec<R> {
    let seeds = seeds(count);
    let half = seeds.len().div_ceil(2);
    std::thread::scope(|scope| {
        let run = |seeds: &[u64]| seeds.iter().map(|seed| case(*seed)).collect::<Vec<R>>();
        let threads: Vec<_> = seeds.chunks(half).map(|seeds| scope.spawn(move || run(seeds))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Runs one sequence, and checks every law on the way.
fn sequence(seed: u64, worlds: &[Arc<Catalogs>]) -> BTreeMap<&'static str, usize> {
    let catalogs = &worlds[usize::try_from(seed).expect("small") % worlds.len()];
    let mut pair = Pair::new(catalogs);
    let mut asker = Asker::new(seed);
    let mut script = Vec::new();
    for _ in 0..COMMANDS {
        let said = asker.next(&pair);
        script.push(said.clone());
        let before = pair.engine.clone();
        let stepped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pair.step(&said)));
        if !matches!(stepped, Ok(Ok(()))) {
            let (_, wrong) = replay(catalogs, &script).expect("what failed once fails again");
            let short = shrink(catalogs, &script);
            let (_, wrong_short) = replay(catalogs, &short).expect("what was shrunk still fails");
            let lines: Vec<String> =
                short.iter().map(|(at, command)| format!("  {} {command:?}", Timestamp::from_micros(*at))).collect();
            panic!(
                "PROPERTY_SEED={seed}, command {}: {wrong}\nin short: {wrong_short}\n{}",
                script.len(),
                lines.join("\n")
            );
        }
        if matches!(said.1, Command::Run(RunCommand::Create { .. })) && pair.engine.next_hold > before.next_hold {
            failing_is_neutral(&pair, &before, &mut asker.dice)
                .unwrap_or_else(|wrong| panic!("PROPERTY_SEED={seed}: {wrong}"));
        }
    }
    replaying_gives_the_state(&pair).unwrap_or_else(|wrong| panic!("PROPERTY_SEED={seed}: {wrong}"));
    one_jump_is_many(&pair, &mut asker.dice).unwrap_or_else(|wrong| panic!("PROPERTY_SEED={seed}: {wrong}"));
    pair.seen
}

/// (a) Checks that the fold of the journal is the state.
fn replaying_gives_the_state(pair: &Pair) -> Result<(), String> {
    let mut workspace = Workspace::new(WorkspaceId::new(7));
    for (at, events) in &pair.journal {
        fold(&mut workspace, *at, events);
    }
    same("the fold of the journal", &workspace, &pair.engine)
}

/// (b) Checks that time that passes at once does what it does in pieces.
fn one_jump_is_many(pair: &Pair, dice: &mut Dice) -> Result<(), String> {
    if !pair.engine.is_open() {
        return Ok(());
    }
    let from = pair.engine.at.micros();
    let to = from + dice.within(0, 500) * DAY + dice.within(0, DAY);
    let tick = |workspace: &Workspace, at: i64| {
        apply(workspace, &pair.catalogs, By::Operator, &Command::Tick, Timestamp::from_micros(inside(at)))
            .map_err(|refusal| format!("a tick was refused: {refusal:?}"))
    };
    // A top-up is asked for when time is settled, as notices are: a late one moves no balance (R3).
    let mut start = pair.engine.clone();
    Arc::make_mut(&mut start.billing).top_up = None;
    let jump = tick(&start, to)?;
    let (mut workspace, mut events, mut now) = (start, Vec::new(), from);
    while now < to {
        let due = workspace.next_due_at().map_or(to, Timestamp::micros);
        let step = dice.within(0, 60 * DAY);
        now = *dice.pick(&[due, due - 1, due + 1, now + step, now + step]);
        now = now.clamp(from, to);
        let applied = tick(&workspace, now)?;
        workspace = applied.workspace;
        events.extend(applied.events);
    }
    same("events of one jump and of many", &jump.events, &events)?;
    (workspace.seq, workspace.at) = (jump.workspace.seq, jump.workspace.at);
    same("state after one jump and many", &jump.workspace, &workspace)
}

/// (h) Checks that a run that fails leaves every available amount as it was, when nothing else happened or was due.
fn failing_is_neutral(pair: &Pair, before: &Workspace, dice: &mut Dice) -> Result<(), String> {
    let run = pair.engine.next_hold - 1;
    let now = pair.engine.at;
    let settled =
        apply(before, &pair.catalogs, By::Operator, &Command::Tick, now).expect("time may always pass").workspace;
    // No expiry between, not even of a grant that is wholly under holds.
    let ends = pair.engine.grants.iter().filter_map(|grant| grant.expires_at).filter(|end| *end > now);
    let due = ends.chain(pair.engine.next_due_at()).min().map_or(now.micros() + DAY, Timestamp::micros);
    let at = Timestamp::from_micros(now.micros() + dice.within(0, due - now.micros() - 1));
    let failure = Failure { code: FailureCode::ProviderError, detail: "no".to_owned() };
    let command = if dice.percent(50) {
        Command::Run(RunCommand::Settle { run, attempt: None, outcome: Outcome::Failed(failure) })
    } else {
        Command::Run(RunCommand::Cancel { run })
    };
    let after = apply(&pair.engine, &pair.catalogs, By::Operator, &command, at)
        .map_err(|refusal| format!("{refusal:?}"))?
        .workspace;
    let numbers = |workspace: &Workspace| -> Vec<(u32, Amount, Amount)> {
        workspace.grants.iter().map(|grant| (grant.n, grant.available, grant.held)).collect()
    };
    same("grants after a failed run", settled.grants.len(), after.grants.len())?;
    for (before, after) in numbers(&settled).into_iter().zip(numbers(&after)) {
        same("a grant's amounts after a failed run", after, before)?;
    }
    for (model, (day, runs)) in &after.limited {
        let known = settled.limited.get(model).filter(|(known, _)| known == day).map_or(0, |(_, runs)| *runs);
        same("runs of the day after a failed run", *runs, known)?;
    }
    Ok(())
}

#[test]
fn the_engine_does_what_the_naive_model_does() {
    let worlds = worlds();
    let seen = on_every_seed(SEQUENCES, |seed| sequence(seed, &worlds));
    if seen.len() < 1_000 {
        return;
    }
    let mut total: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, count) in seen.iter().flatten() {
        *total.entry(name).or_default() += count;
    }
    println!("{total:#?}");
    // The generator reaches every command's success and every refusal that a sequence can meet.
    for name in [
        "open_workspace",
        "rename",
        "subscribe",
        "cancel_subscription",
        "undo_cancel",
        "approve_review",
        "migrate_catalog",
        "grant",
        "void_grant",
        "reverse_payment",
        "freeze",
        "unfreeze",
        "create_run",
        "start_run",
        "settle_run",
        "cancel_run",
        "open_hold",
        "capture_hold",
        "release_hold",
        "extend_hold",
        "tick",
        "record_payment",
        "follow_subscription",
        "fail_payment",
        "set_top_up",
        "await_top_up",
        "end_top_up",
        "request_review",
        "reject_review",
        "revoke_review",
        "NOT_FOUND",
        "INVALID_REQUEST",
        "QUOTE_EXPIRED",
        "QUOTE_MISMATCH",
        "WORKSPACE_FROZEN",
        "MODEL_TIER_REQUIRED",
        "FEATURE_NOT_IN_PLAN",
        "REVIEW_REQUIRED",
        "BATCH_LIMIT_EXCEEDED",
        "TRIAL_EXHAUSTED",
        "CONCURRENCY_LIMITED",
        "STORAGE_FULL",
        "ALLOWANCE_EXHAUSTED",
        "INSUFFICIENT_CREDITS",
        "HOLD_ENDED",
        "SUPERSEDED",
    ] {
        assert!(total.get(name).copied().unwrap_or(0) >= 20, "{name} was met {:?} times", total.get(name));
    }
}

/// Returns a random model: rate, factors and additions, with parameters that they depend on.
fn random_model(dice: &mut Dice) -> Model {
    let mut rate = |most: i64| {
        let thousandths = match dice.within(0, 3) {
            0 => dice.within(1, 5_000),
            1 => dice.within(1, 100) * 1_000,
            _ => dice.within(1, most),
        };
        format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000).parse().expect("a rate")
    };
    let name = |text: &str| Name::from(text);
    let kinds = [name("a"), name("b"), name("c")];
    let (credits, times, adds) = (rate(200_000), [rate(4_000), rate(4_000), rate(4_000)], [rate(20_000), rate(20_000)]);
    let per = *dice.pick(&[Per::Image, Per::Second, Per::Second, Per::Call]);
    let mut adjusts = Vec::new();
    for times in times.into_iter().take(usize::try_from(dice.within(0, 3)).expect("small")) {
        let when = match dice.within(0, 2) {
            0 => BTreeMap::new(),
            1 => BTreeMap::from([(name("kind"), Value::Text(dice.pick(&kinds).to_string()))]),
            _ => BTreeMap::from([(name("audio"), Value::Boolean(dice.percent(50)))]),
        };
        adjusts.push(Adjust { when, times: Some(times), add: None, per: None });
    }
    for add in adds.into_iter().take(usize::try_from(dice.within(0, 2)).expect("small")) {
        let when =
            if dice.percent(50) { BTreeMap::new() } else { BTreeMap::from([(name("audio"), Value::Boolean(true))]) };
        let counted = dice.pick(&["image", "second", "call", "references"]);
        let per = Some(name(counted));
        adjusts.push(Adjust { when, times: None, add: Some(add), per });
    }
    let whole = |max| Param::Integer { min: 1, max, default: Some(1), level: None, levels: Vec::new() };
    Model {
        id: name("m"),
        name: "M".to_owned(),
        output: Output::Video,
        unit: Unit::Credits,
        plans: Vec::new(),
        rate: Rate { credits, per },
        adjusts,
        params: BTreeMap::from([
            (name("images"), whole(1_000_000)),
            (name("duration"), whole(1_000_000)),
            (name("audio"), Param::Boolean { default: false, level: None }),
            (name("references"), Param::List { max: 16, min: 0, level: None, levels: Vec::new() }),
            (
                name("kind"),
                Param::Choice { choices: kinds.to_vec(), default: None, level: None, levels: BTreeMap::new() },
            ),
        ]),
        timeout: scrip_engine::Span::Micros(1_000_000),
        cancel: CancelRule::Full,
    }
}

/// (f) 120,000 prices are what exact fractions make them, rise with images and duration, and share out over partial
/// deliveries.
#[test]
fn prices_are_exact_and_monotone() {
    const CASES: u64 = 12_000;
    let over = on_every_seed(CASES, |seed| {
        let mut dice = Dice::new(seed);
        let model = random_model(&mut dice);
        let mut over = 0;
        for _ in 0..10 {
            let most = *dice.pick(&[3, 60, 10_000, 1_000_000]);
            let mut params = Params::from([
                (Name::from("images"), Value::Integer(dice.within(1, most))),
                (Name::from("duration"), Value::Integer(dice.within(1, most))),
                (Name::from("audio"), Value::Boolean(dice.percent(50))),
                (
                    Name::from("references"),
                    Value::List(vec![String::new(); usize::try_from(dice.within(0, 16)).expect("small")]),
                ),
                (Name::from("kind"), Value::Text(dice.pick(&["a", "b", "c"]).to_string())),
            ]);
            let engine = price(&model, &params);
            let exact = quote::price(&model, &params);
            assert_eq!(
                engine.as_ref().map(|price| price.credits.get()),
                exact,
                "PROPERTY_SEED={seed} {model:?} {params:?}"
            );
            over += u64::from(exact.is_none());
            if let Some(engine) = &engine {
                assert_eq!(engine.asked, quote::asked_quantity(&model, &params), "PROPERTY_SEED={seed}");
                let lines: i64 = engine.lines.iter().map(|line| line.credits.get()).sum();
                assert_eq!(lines, engine.credits.get(), "PROPERTY_SEED={seed}: the lines are the price");
                assert!(lines > 0, "PROPERTY_SEED={seed}: nothing is free");
            }
            let more = *dice.pick(&["images", "duration"]);
            let Some(Value::Integer(n)) = params.get_mut(more) else { panic!("it was put in") };
            *n += dice.within(1, most);
            if let Some(dearer) = price(&model, &params) {
                let cheaper =
                    engine.unwrap_or_else(|| panic!("PROPERTY_SEED={seed}: more of it can be had, less cannot"));
                assert!(dearer.credits >= cheaper.credits, "PROPERTY_SEED={seed} {model:?} {params:?} is cheaper");
            }
        }
        over
    });
    let (cases, over): (usize, u64) = (over.len() * 10, over.iter().sum());
    assert!(
        cases < 1_000 || over < cases as u64 / 2,
        "{over} of {cases} prices were above the most: too few to compare"
    );
}

/// Amounts that the paid periods of a walk have given and may give.
#[derive(Default)]
struct Walk {
    paid: BTreeMap<Unit, i64>,
    issued: BTreeMap<Unit, i64>,
    once: BTreeMap<Unit, i64>,
    rolled: BTreeMap<Unit, i64>,
    lapsed: BTreeMap<Unit, i64>,
    units: BTreeMap<u32, Unit>,
    /// `true` while the period that was left last is carried; `carried_once` once any period was.
    carried: bool,
    carried_once: bool,
    forfeited: bool,
}

impl Walk {
    /// Reads the events of one command; `catalogs` say what a price gives.
    fn read(&mut self, catalogs: &Catalogs, events: &[DatedEvent], period_end: &mut Option<Timestamp>) {
        for DatedEvent(at, event) in events {
            match event {
                Event::Plan(PlanEvent::PeriodStarted { plan, catalog, why, period, allowance, .. }) => {
                    if matches!(why, Start::Renewal | Start::Change) {
                        assert_eq!(Some(*at), *period_end, "what was not bought starts where the last period ends");
                    }
                    *period_end = Some(period.end);
                    self.forfeited |= *why == Start::Upgrade && !std::mem::take(&mut self.carried);
                    if *why == Start::Resumed {
                        // It was paid for when it was started.
                        continue;
                    }
                    let catalog = &catalogs.get(*catalog).expect("published").catalog;
                    let plan = find_plan(catalog, plan).expect("it is sold");
                    let sold = plan.prices.iter().find(|price| price.interval == period.interval).expect("it is sold");
                    for template in &sold.grants {
                        let months = template.every == Some(Interval::Month) && period.interval == Interval::Year;
                        *self.paid.entry(template.unit).or_default() +=
                            template.amount.get() * if months { 12 } else { 1 };
                    }
                    *self.paid.entry(Unit::Credits).or_default() += allowance.map_or(0, Amount::get);
                }
                Event::Plan(PlanEvent::SubscriptionEnded { .. }) => *period_end = None,
                Event::Plan(PlanEvent::PeriodCarried { .. }) => (self.carried, self.carried_once) = (true, true),
                Event::Grant(GrantEvent::GrantIssued { grant, kind, unit, amount, .. }) => {
                    self.units.insert(*grant, *unit);
                    let sum = match kind {
                        GrantKind::Cycle | GrantKind::Bonus => &mut self.issued,
                        GrantKind::Lifetime | GrantKind::Trial => &mut self.once,
                        GrantKind::Rollover => &mut self.rolled,
                        other => panic!("a walk through plans makes no {}", other.name()),
                    };
                    *sum.entry(*unit).or_default() += amount.get();
                }
                Event::Grant(GrantEvent::GrantExpired { grant, amount }) => {
                    *self.lapsed.entry(self.units[grant]).or_default() += amount.get();
                }
                _ => {}
            }
        }
    }

    fn holds(&self, workspace: &Workspace) {
        let of = |sums: &BTreeMap<Unit, i64>, unit| sums.get(&unit).copied().unwrap_or(0);
        for unit in [Unit::Credits, Unit::Training, Unit::Runs] {
            assert!(of(&self.issued, unit) <= of(&self.paid, unit), "{unit:?}: more was given than was paid for");
            assert!(of(&self.rolled, unit) <= of(&self.lapsed, unit), "{unit:?}: more rolled over than was left");
            let available = workspace.available(unit, Some("photo"), workspace.at).get();
            assert!(available <= of(&self.paid, unit) + of(&self.once, unit), "{unit:?}: {available} is not paid for");
        }
        // Welcome, hello and team credits, and each count trial: once each, whatever the walk.
        assert!(of(&self.once, Unit::Credits) <= 60 + 30 + 77);
        assert!(of(&self.once, Unit::Runs) <= 2 + 3);
    }
}

/// (g) No walk through plans gains a credit that was not paid for, and none loses one that was: the rest of a period
/// that an upgrade leaves is granted to its last month, unless the catalog forfeits it (R31).
#[test]
fn no_walk_through_plans_gains_or_loses_a_credit_that_was_paid_for() {
    let worlds = worlds();
    let carried = on_every_seed(1_500, |seed| {
        let catalogs = &worlds[usize::try_from(seed).expect("small") % worlds.len()];
        let mut pair = Pair::new(catalogs);
        let mut asker = Asker::new(seed ^ 0x0077_a1f0_0000_0000);
        let (mut walk, mut end) = (Walk::default(), None);
        let profile = scrip_engine::Profile { name: "Ada".to_owned(), ..Default::default() };
        let open = Command::Workspace(WorkspaceCommand::Open {
            mode: scrip_engine::Mode::Test,
            test_clock: None,
            profile,
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        });
        pair.engine = apply(&pair.engine, catalogs, By::Operator, &open, Timestamp::from_micros(START))
            .expect("it opens")
            .workspace;
        // Grants of opening on the free plan.
        walk.once = BTreeMap::from([(Unit::Credits, 60), (Unit::Runs, 2)]);
        walk.units = pair.engine.grants.iter().map(|grant| (grant.n, grant.unit)).collect();
        for _ in 0..60 {
            let at = Timestamp::from_micros(asker.instant(&pair));
            let command = match asker.dice.within(0, 9) {
                0..6 => Command::Plan(PlanCommand::Subscribe(asker.choice())),
                6 => Command::Plan(PlanCommand::Cancel),
                7 => Command::Plan(PlanCommand::UndoCancel),
                _ => Command::Tick,
            };
            if let Ok(applied) = apply(&pair.engine, catalogs, By::Operator, &command, at) {
                walk.read(catalogs, &applied.events, &mut end);
                pair.engine = applied.workspace;
                let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk.holds(&pair.engine)));
                assert!(checked.is_ok(), "PROPERTY_SEED={seed}: {command:?} at {at}: {:?}", applied.events);
            }
        }
        let mut at = pair.engine.at;
        for command in [Command::Plan(PlanCommand::Cancel), Command::Tick, Command::Tick] {
            if let Ok(applied) = apply(&pair.engine, catalogs, By::Operator, &command, at) {
                walk.read(catalogs, &applied.events, &mut end);
                pair.engine = applied.workspace;
            }
            at = at.nth(Interval::Year, 2);
        }
        assert!(pair.engine.subscription.period.is_none(), "PROPERTY_SEED={seed}: what was cancelled is over");
        for (unit, paid) in walk.paid.iter().filter(|_| !walk.forfeited) {
            let issued = walk.issued.get(unit).copied().unwrap_or(0);
            assert_eq!(issued, *paid, "PROPERTY_SEED={seed}: all that was paid for was given in {unit:?}");
        }
        u32::from(walk.carried_once && !walk.forfeited)
    });
    let (walks, carried): (usize, u32) = (carried.len(), carried.iter().sum());
    assert!(
        walks < 1_000 || carried > 100,
        "only {carried} walks left a period behind and lost nothing: too few to tell"
    );
}

/// Returns an instant at which something could be kept alive: around the end of a grant, one grace later, or a while
/// on.
fn around_an_end(pair: &Pair, dice: &mut Dice, now: i64) -> i64 {
    let ends = pair.engine.grants.iter().filter(|grant| !grant.is_closed()).filter_map(|grant| grant.expires_at);
    let near = ends.flat_map(|end| [end.micros(), end.micros() + DAY]).filter(|end| *end >= now - DAY);
    let mut instants: Vec<i64> = near.flat_map(|end| [end - 1, end, end + DAY / 48]).filter(|at| *at >= now).collect();
    instants.push(now + dice.within(0, DAY));
    instants.sort_unstable();
    inside(if dice.percent(80) { instants[0] } else { *dice.pick(&instants) })
}

/// Returns a grant or payment whose units end soon.
fn short_lived(asker: &mut Asker, now: i64) -> Command {
    let give = match asker.dice.percent(50) {
        true => Give::Pack(Name::from("month")),
        false => Give::Goodwill {
            unit: Unit::Credits,
            amount: Amount::new(100).expect("in range"),
            expires_at: Some(Timestamp::from_micros(inside(now + asker.dice.within(1, 3 * DAY)))),
            models: Vec::new(),
        },
    };
    Command::Grant(GrantCommand::Give { give, source: Some(asker.source()), reason: "given".to_owned() })
}

/// (i) However often credits of any kind are held again, none is held later than one grace after the expiry of their
/// first grant (R17): the laws check each hold.
#[test]
fn nothing_is_kept_alive_by_being_held_again() {
    let worlds = worlds();
    let met = on_every_seed(SEQUENCES, |seed| {
        let catalogs = &worlds[usize::try_from(seed).expect("small") % worlds.len()];
        let mut pair = Pair::new(catalogs);
        let mut asker = Asker::new(seed ^ 0x0000_51de_0000_0000);
        let mut now = START;
        let step = |pair: &mut Pair, at: i64, command: Command| {
            pair.step(&(at, command.clone()))
                .unwrap_or_else(|wrong| panic!("PROPERTY_SEED={seed}: {command:?}: {wrong}"));
        };
        step(&mut pair, now, asker.open());
        for _ in 0..80 {
            now = around_an_end(&pair, &mut asker.dice, now);
            let open: Vec<u32> = pair.engine.holds.iter().map(|hold| hold.n).collect();
            let free = pair.engine.available(Unit::Credits, None, Timestamp::from_micros(now)).get();
            let disputed = pair.engine.disputes.first().cloned();
            let command = match asker.dice.within(0, 99) {
                0..40 if free > 0 => Command::Hold(HoldCommand::Open {
                    ask: Ask::Credits(Amount::new(asker.dice.within((free / 2).max(1), free)).expect("some of it")),
                    reference: "again".to_owned(),
                    seconds: Some(asker.dice.within(1, 30 * 86_400)),
                    off: None,
                    behalf: None,
                }),
                40..65 if !open.is_empty() => Command::Hold(HoldCommand::Release { hold: *asker.dice.pick(&open) }),
                65..67 if !open.is_empty() => {
                    Command::Hold(HoldCommand::Capture { hold: *asker.dice.pick(&open), amount: Amount::new(1) })
                }
                _ if disputed.is_some() && asker.dice.percent(60) => Command::Payment(PaymentCommand::Reverse {
                    source: disputed.expect("it was asked"),
                    paid: 500,
                    reversed: 0,
                    disputed: false,
                }),
                67..87 => short_lived(&mut asker, now),
                87..90 => Command::Plan(PlanCommand::Subscribe(asker.choice())),
                90..92 => Command::Plan(PlanCommand::Cancel),
                92..98 => asker.reverse(&pair),
                _ => Command::Tick,
            };
            step(&mut pair, now, command);
        }
        let kinds = pair.journal.iter().flat_map(|(_, events)| events).filter_map(|DatedEvent(_, event)| match event {
            Event::Grant(GrantEvent::GrantIssued { kind: GrantKind::Returned, from: Some(from), .. }) => {
                let events = pair.journal.iter().flat_map(|(_, events)| events);
                let first = events.into_iter().find_map(|DatedEvent(_, event)| match event {
                    Event::Grant(GrantEvent::GrantIssued { grant, kind, .. }) if grant == from => Some(kind.name()),
                    _ => None,
                });
                Some(first.expect("a grant that came back was issued before"))
            }
            _ => None,
        });
        kinds.collect::<Vec<_>>()
    });
    let mut total: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in met.iter().flatten() {
        *total.entry(kind).or_default() += 1;
    }
    println!("came back from {total:?}");
    if met.len() >= 1_000 {
        for kind in ["cycle", "rollover", "pack", "bonus", "goodwill", "reinstated"] {
            assert!(total.get(kind).copied().unwrap_or(0) >= 5, "{kind} came back {:?} times", total.get(kind));
        }
        assert!(!total.contains_key("returned"), "what came back comes back no more");
    }
}
