//! Offers before Stripe is asked: prices, credits, bonuses, and their effect.
//!
//! **Invariant:** a payment gives what was offered.

use scrip_engine::payments::{Goods, Payment, SubscriptionStatus};
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, By, Catalogs, Choice, Command, Ends, GrantKind, How, Interval, Mode, Name, Offer, PaymentCommand,
    PlanCommand, Profile, PurchaseTarget, ReviewCommand, Timestamp, Workspace, WorkspaceCommand, WorkspaceId, apply,
    offer, parse_catalog, yearly_bonus,
};
use std::sync::Arc;

fn start() -> Timestamp {
    "2026-01-10T00:00:00Z".parse().expect("RFC 3339")
}

fn catalogs(name: &str) -> Catalogs {
    Catalogs::single(crate::language::catalog(name).expect("a shipped catalog is right"))
}

fn run(workspace: &mut Workspace, catalogs: &Catalogs, command: &Command, at: Timestamp) {
    let applied = apply(workspace, catalogs, By::Operator, command, at);
    *workspace = applied.unwrap_or_else(|refusal| panic!("{command:?} is refused: {refusal:?}")).workspace;
}

fn open_workspace(catalogs: &Catalogs) -> Workspace {
    let mut workspace = Workspace::new(WorkspaceId::new(1));
    let profile = Profile { name: "Ada".to_owned(), ..Profile::default() };
    let open = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile,
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    run(&mut workspace, catalogs, &open, start());
    workspace
}

/// Pays for an offer, and checks that it brings what was offered.
fn pay(
    workspace: &mut Workspace,
    catalogs: &Catalogs,
    wanted: &PurchaseTarget,
    offered: &Offer,
    source: &str,
    at: Timestamp,
) {
    let bought = match wanted {
        PurchaseTarget::Pack(id) => Goods::Pack(id.clone()),
        PurchaseTarget::Plan(plan, _) => {
            let interval = offered.interval.expect("a plan is paid for by an interval");
            let (plan, subscription, end) = (plan.clone(), Name::from("sub-1"), at.nth(interval, 1));
            Goods::Period { plan, interval, subscription, anchor: at, start: at, end }
        }
    };
    let (price, currency) = (offered.amount, offered.currency.clone());
    let payment = Payment {
        source: Name::from(source),
        price,
        paid: price,
        given: Amount::ZERO,
        currency,
        bought,
        offered: None,
        top_up: None,
    };
    run(workspace, catalogs, &Command::Payment(PaymentCommand::Record(payment)), at);
}

fn plan(id: &str, interval: Interval) -> PurchaseTarget {
    PurchaseTarget::Plan(Name::from(id), Some(interval))
}

fn credits(offer: &Offer) -> (i64, i64) {
    (offer.credits.get(), offer.bonus.get())
}

#[test]
fn a_year_says_what_it_brings_beyond_twelve_months() {
    let shipped = catalogs("canvas-tiers");
    let workspace = open_workspace(&shipped);
    let of = |id: &str, interval| offer(&workspace, &shipped, &plan(id, interval), start()).expect("it is sold");
    // A tenth more: 12 x 5,500 against 12 x 5,000.
    assert_eq!(credits(&of("pro", Interval::Year)), (66_000, 6_000));
    assert_eq!(credits(&of("pro", Interval::Month)), (5_000, 0));
    let bonus = |name: &str, id: &str, interval| {
        let catalog = crate::language::catalog(name).expect("a shipped catalog is right");
        let plan = catalog.plans.iter().find(|plan| *plan.id == *id).expect("it is sold").clone();
        let price = plan.prices.iter().find(|price| price.interval == interval).expect("it is sold so").clone();
        yearly_bonus(&plan, &price).map(Amount::get)
    };
    assert_eq!(bonus("canvas-tiers", "pro", Interval::Year), Some(6_000));
    assert_eq!(bonus("canvas-tiers", "business", Interval::Year), Some(12 * 12_462 - 12 * 11_329));
    assert_eq!(bonus("canvas-tiers", "pro", Interval::Month), None);
    for id in ["starter", "pro", "ultra", "max"] {
        assert_eq!(bonus("weekly-yearly", id, Interval::Year), None, "a year of {id} is 52 weeks");
    }
    for id in ["starter", "pro"] {
        assert_eq!(bonus("two-buckets", id, Interval::Year), None, "a year of {id} is twelve months");
    }
}

#[test]
fn an_offer_says_how_it_takes_effect_and_a_payment_gives_what_it_said() {
    let shipped = catalogs("canvas-tiers");
    let mut workspace = open_workspace(&shipped);
    let available = |workspace: &Workspace, at| workspace.available(scrip_engine::Unit::Credits, None, at).get();
    let wanted = plan("creator", Interval::Month);
    let offered = offer(&workspace, &shipped, &wanted, start()).expect("it is sold");
    assert_eq!((offered.how, offered.amount.get(), &*offered.currency), (How::AtOnce, 1_500, "usd"));
    pay(&mut workspace, &shipped, &wanted, &offered, "in-1", start());
    assert_eq!(available(&workspace, start()), 250 + offered.credits.get());

    let again = offer(&workspace, &shipped, &wanted, start()).expect_err("it is on that plan");
    assert_eq!(again.code(), "INVALID_REQUEST", "{again:?}");
    let upgrade = offer(&workspace, &shipped, &plan("pro", Interval::Month), start()).expect("it is sold");
    assert_eq!(upgrade.how, How::Upgrade { ends: None });
    pay(&mut workspace, &shipped, &plan("pro", Interval::Month), &upgrade, "in-2", start());
    let end = start().nth(Interval::Month, 1);
    let down = offer(&workspace, &shipped, &plan("creator", Interval::Month), start()).expect("it is sold");
    assert_eq!(down.how, How::AtPeriodEnd(end));
    let longer = offer(&workspace, &shipped, &plan("pro", Interval::Year), start()).expect("it is sold");
    assert_eq!(longer.how, How::Upgrade { ends: None });

    // A cancelled plan can be bought again, from the period's end on.
    let ending = SubscriptionStatus::Continues { ending: true, change: None, processing: false };
    let follow = PaymentCommand::FollowSubscription { subscription: Name::from("sub-1"), status: ending };
    run(&mut workspace, &shipped, &Command::Payment(follow), start());
    let again = offer(&workspace, &shipped, &plan("pro", Interval::Month), start()).expect("it ends");
    assert_eq!(again.how, How::AtPeriodEnd(end));

    let pack = PurchaseTarget::Pack(Name::from("credits-1000"));
    let offered = offer(&workspace, &shipped, &pack, start()).expect("it is sold");
    assert_eq!((offered.amount.get(), credits(&offered), offered.interval), (1_200, (1_000, 0), None));
    let before = available(&workspace, start());
    pay(&mut workspace, &shipped, &pack, &offered, "ch-1", start());
    assert_eq!(available(&workspace, start()) - before, offered.credits.get());
}

#[test]
fn nothing_is_offered_that_a_payment_would_be_refused_for() {
    let shipped = catalogs("canvas-tiers");
    let mut workspace = open_workspace(&shipped);
    let refused = |workspace: &Workspace, wanted: &PurchaseTarget| {
        offer(workspace, &shipped, wanted, start()).expect_err("it is not for sale").code()
    };
    assert_eq!(refused(&workspace, &plan("business", Interval::Month)), "REVIEW_REQUIRED");
    for wanted in [plan("free", Interval::Month), plan("nothing", Interval::Month), plan("creator", Interval::Year)] {
        assert_eq!(refused(&workspace, &wanted), "INVALID_REQUEST", "{wanted:?}");
    }
    assert_eq!(refused(&workspace, &PurchaseTarget::Plan(Name::from("pro"), None)), "INVALID_REQUEST");
    assert_eq!(refused(&workspace, &PurchaseTarget::Pack(Name::from("nothing"))), "INVALID_REQUEST");
    let approve = Command::Review(ReviewCommand::Approve {
        review: Name::from("business_verification"),
        reason: "seen".to_owned(),
    });
    run(&mut workspace, &shipped, &approve, start());
    assert!(offer(&workspace, &shipped, &plan("business", Interval::Month), start()).is_ok());
    run(
        &mut workspace,
        &shipped,
        &Command::Workspace(WorkspaceCommand::Freeze { reason: Name::from("fraud") }),
        start(),
    );
    assert_eq!(refused(&workspace, &plan("pro", Interval::Month)), "WORKSPACE_FROZEN");

    let by_hand = catalogs("two-buckets");
    let mut workspace = open_workspace(&by_hand);
    let pack = PurchaseTarget::Pack(Name::from("credits-500"));
    assert_eq!(
        offer(&workspace, &by_hand, &pack, start()).expect_err("not on this plan").code(),
        "FEATURE_NOT_IN_PLAN"
    );
    let choice = scrip_engine::Choice {
        plan: Name::from("pro"),
        interval: Some(Interval::Month),
        allowance: None,
        approve: Vec::new(),
    };
    run(&mut workspace, &by_hand, &Command::Plan(PlanCommand::Subscribe(choice)), start());
    assert!(offer(&workspace, &by_hand, &pack, start()).is_ok());
    let change = offer(&workspace, &by_hand, &plan("starter", Interval::Month), start());
    assert_eq!(change.expect_err("its operator bills it").code(), "INVALID_REQUEST");
}

/// A pack whose price stayed and whose credits changed: the newest version says what the payment gives.
#[test]
fn a_pack_is_offered_as_its_payment_will_give_it() {
    let text = |credits: u32| {
        format!(
            "name = \"x\"\nfree_plan = \"free\"\n[[plan]]\nid = \"free\"\nname = \"Free\"\n[[pack]]\n\
             id = \"some\"\ncredits = {credits}\nbonus = 5\ncurrency = \"usd\"\namount = 500\n\
             [[model]]\nid = \"m\"\nname = \"M\"\noutput = \"image\"\nrate = {{ credits = 1, per = \"call\" }}\n"
        )
    };
    let read = |credits| Arc::new(parse_catalog(&text(credits)).expect("a test catalog is right"));
    let mut versions = Catalogs::default();
    versions.publish(Timestamp::from_micros(0), read(100));
    let mut workspace = open_workspace(&versions);
    versions.publish(start(), read(80));
    let wanted = PurchaseTarget::Pack(Name::from("some"));
    let offered = offer(&workspace, &versions, &wanted, start()).expect("it is sold");
    pay(&mut workspace, &versions, &wanted, &offered, "ch-1", start());
    let given = workspace.available(scrip_engine::Unit::Credits, None, start());
    assert_eq!((given, offered.version), (offered.credits, 2));
}

/// Returns a catalog that sells one pack, and a plan by the month and by the year.
fn shop(pack: &str, month: u32, on_upgrade: &str) -> Arc<scrip_engine::Catalog> {
    let text = format!(
        "name = \"x\"\nfree_plan = \"free\"\non_upgrade = \"{on_upgrade}\"\n\
         [[plan]]\nid = \"free\"\nname = \"Free\"\nonce = [{{ code = \"welcome\", amount = 20 }}]\n\
         [[plan]]\nid = \"pro\"\nname = \"Pro\"\n\
         [[plan.price]]\ninterval = \"month\"\ncurrency = \"usd\"\namount = {month}\ngrants = [{{ amount = 100 }}]\n\
         [[plan.price]]\ninterval = \"year\"\ncurrency = \"usd\"\namount = 9000\ngrants = [{{ amount = 1300 }}]\n\
         [[plan]]\nid = \"large\"\nname = \"Large\"\ncustom = true\n\
         [[plan.price]]\ninterval = \"month\"\ncurrency = \"usd\"\namount = 90000\ngrants = [{{ amount = 9000 }}]\n\
         [[pack]]\nid = \"some\"\n{pack}\n\
         [[model]]\nid = \"m\"\nname = \"M\"\noutput = \"image\"\nrate = {{ credits = 1, per = \"call\" }}\n"
    );
    Arc::new(parse_catalog(&text).unwrap_or_else(|problems| panic!("{problems:?}")))
}

/// Returns a workspace that was opened on the first of these, with the second sold since then and the third a month
/// later.
fn sell_in_turn(first: &str, second: &str, third: &str) -> (Workspace, Catalogs) {
    let mut versions = Catalogs::default();
    versions.publish(Timestamp::from_micros(0), shop(first, 1_000, "carry"));
    let workspace = open_workspace(&versions);
    versions.publish(start(), shop(second, 1_100, "forfeit"));
    versions.publish(start().nth(Interval::Month, 1), shop(third, 1_200, "carry"));
    (workspace, versions)
}

/// Returns the offer of the pack `some`: the version, the credits, and the time for which they last.
fn some(workspace: &Workspace, versions: &Catalogs) -> (u32, i64, Option<String>) {
    let offered = offer(workspace, versions, &PurchaseTarget::Pack(Name::from("some")), start()).expect("it is sold");
    (offered.version, offered.credits.get(), offered.expires.map(|span| span.to_string()))
}

#[test]
fn a_pack_is_offered_as_it_is_sold_now_to_everybody() {
    let first = "credits = 100\ncurrency = \"usd\"\namount = 500\nexpires = \"90 days\"";
    let (same, later) = (first.replace("100", "80").replace("90", "30"), first.replace("100", "70"));
    let (workspace, versions) = sell_in_turn(first, &same, &later);
    assert_eq!(some(&workspace, &versions), (2, 80, Some("30 days".to_owned())), "what comes later is not sold yet");
    let (workspace, versions) = sell_in_turn(first, &same.replace("500", "400"), &later);
    assert_eq!(some(&workspace, &versions), (2, 80, Some("30 days".to_owned())), "at another price too");
    let (workspace, versions) = sell_in_turn(first, &same.replace("usd", "eur"), &later);
    assert_eq!(some(&workspace, &versions), (2, 80, Some("30 days".to_owned())), "and in another currency");
}

#[test]
fn a_plan_is_offered_as_it_is_sold_now() {
    let pack = "credits = 100\ncurrency = \"usd\"\namount = 500";
    let (mut workspace, versions) = sell_in_turn(pack, pack, pack);
    let month = plan("pro", Interval::Month);
    let offered = offer(&workspace, &versions, &month, start()).expect("it is sold");
    assert_eq!((offered.version, offered.amount.get()), (2, 1_100));
    let custom = offer(&workspace, &versions, &plan("large", Interval::Month), start());
    assert_eq!(custom.expect_err("a contract is agreed on, whatever it costs").code(), "INVALID_REQUEST");
    pay(&mut workspace, &versions, &month, &offered, "in-1", start());
    let year = plan("pro", Interval::Year);
    let longer = offer(&workspace, &versions, &year, start()).expect("it is sold");
    let ends = Ends { left: Amount::new(100).expect("small"), to_come: Amount::ZERO };
    assert_eq!(longer.how, How::Upgrade { ends: Some(ends) }, "this version forfeits");
    pay(&mut workspace, &versions, &year, &longer, "in-2", start());
    assert_eq!(workspace.available(scrip_engine::Unit::Credits, None, start()).get(), 20 + 1_300);

    // A shorter interval waits; until then the current plan can be continued instead.
    let end = How::AtPeriodEnd(start().nth(Interval::Year, 1));
    assert_eq!(offer(&workspace, &versions, &month, start()).expect("it is sold").how, end);
    assert_eq!(offer(&workspace, &versions, &year, start()).expect_err("it is on that").code(), "INVALID_REQUEST");
    let status = SubscriptionStatus::Continues {
        ending: false,
        change: Some((Name::from("pro"), Interval::Month)),
        processing: false,
    };
    let follow = PaymentCommand::FollowSubscription { subscription: Name::from("sub-1"), status };
    run(&mut workspace, &versions, &Command::Payment(follow), start());
    assert_eq!(offer(&workspace, &versions, &year, start()).expect("it would change").how, end);
}

#[test]
fn a_years_bonus_is_over_months_where_it_is_sold_by_the_week_as_well() {
    let rich = crate::language::catalog("rich").expect("a test catalog is right");
    let pro = rich.plans.iter().find(|plan| &*plan.id == "pro").expect("it is sold");
    let year = pro.prices.iter().find(|price| price.interval == Interval::Year).expect("it is sold so");
    // 20,000 and twelve times 40, against twelve times 1,500: by the week it would be 52 times 300.
    assert_eq!(yearly_bonus(pro, year).map(Amount::get), Some(20_480 - 18_000));
}

/// R25: the status of a review is that of the last decision, with its reason and instant.
#[test]
fn a_review_stands_as_it_was_decided_last() {
    let shipped = catalogs("canvas-tiers");
    let mut workspace = open_workspace(&shipped);
    let review = || Name::from("business_verification");
    let apply_for = |application| ReviewCommand::Request { review: review(), application };
    let reject = ReviewCommand::Reject { review: review(), reason: "no such company".to_owned() };
    let stands = |workspace: &Workspace| {
        let known = &workspace.billing.reviews[&review()];
        (known.status.name(), known.reason.clone(), known.at)
    };
    let day = |n: u32| start().after_seconds(i64::from(n) * 86_400);
    run(&mut workspace, &shipped, &Command::Review(apply_for(1)), day(0));
    assert_eq!(stands(&workspace), ("submitted", None, day(0)));
    run(&mut workspace, &shipped, &Command::Review(reject), day(1));
    assert_eq!(stands(&workspace), ("rejected", Some("no such company".to_owned()), day(1)));
    run(&mut workspace, &shipped, &Command::Review(apply_for(2)), day(2));
    assert_eq!(stands(&workspace), ("submitted", None, day(2)), "the new application is not rejected yet");
    let approve = Command::Review(ReviewCommand::Approve { review: review(), reason: "seen".to_owned() });
    run(&mut workspace, &shipped, &approve, day(3));
    assert_eq!(stands(&workspace), ("approved", Some("seen".to_owned()), day(3)));
}

/// Returns what the table in docs/CATALOGS.md says about a change of plan.
fn in_the_table(rank: std::cmp::Ordering, interval: std::cmp::Ordering) -> String {
    let handbook = include_str!("../../../../docs/CATALOGS.md");
    let row = match rank {
        std::cmp::Ordering::Greater => "| higher plan |",
        std::cmp::Ordering::Equal => "| same plan |",
        std::cmp::Ordering::Less => "| lower plan |",
    };
    let row = handbook.lines().find(|line| line.starts_with(row)).expect("the table has three rows");
    let column = match interval {
        std::cmp::Ordering::Equal => 2,
        std::cmp::Ordering::Greater => 3,
        std::cmp::Ordering::Less => 4,
    };
    row.split('|').nth(column).expect("the table has three columns").trim().to_owned()
}

/// Returns every plan and interval that customers can buy in a catalog, with its rank.
fn for_sale(catalogs: &Catalogs) -> Vec<(usize, Name, Interval)> {
    let newest = catalogs.newest().expect("there is one");
    let plans = newest.catalog.plans.iter().enumerate().filter(|(_, plan)| !plan.custom);
    plans
        .flat_map(|(rank, plan)| plan.prices.iter().map(move |price| (rank, plan.id.clone(), price.interval)))
        .collect()
}

/// Returns a workspace that may buy everything.
fn approved_workspace(catalogs: &Catalogs) -> Workspace {
    let mut workspace = open_workspace(catalogs);
    let newest = catalogs.newest().expect("there is one");
    let reviews: Vec<Name> = newest.catalog.plans.iter().flat_map(|plan| plan.requires.clone()).collect();
    for review in reviews {
        let approve = Command::Review(ReviewCommand::Approve { review, reason: "seen".to_owned() });
        run(&mut workspace, catalogs, &approve, start());
    }
    workspace
}

#[test]
fn each_change_of_plan_takes_effect_as_the_handbooks_table_says() {
    for name in ["canvas-tiers", "two-buckets", "weekly-yearly", "small", "rich"] {
        let catalogs = catalogs(name);
        let all = for_sale(&catalogs);
        for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
            let said = in_the_table(to.0.cmp(&from.0), to.2.cmp(&from.2));
            let story = format!("{name}: from {} by the {} to {} by the {}", from.1, from.2.name(), to.1, to.2.name());
            let mut paid = approved_workspace(&catalogs);
            let wanted = PurchaseTarget::Plan(from.1.clone(), Some(from.2));
            let first = offer(&paid, &catalogs, &wanted, start()).expect("it is sold");
            pay(&mut paid, &catalogs, &wanted, &first, "in-1", start());
            let end = paid.subscription.period.expect("it is paid for").end;
            let next = offer(&paid, &catalogs, &PurchaseTarget::Plan(to.1.clone(), Some(to.2)), start());
            let mut by_hand = approved_workspace(&catalogs);
            let subscribe = |(_, plan, interval): &(usize, Name, Interval)| {
                let (plan, interval) = (plan.clone(), Some(*interval));
                Command::Plan(PlanCommand::Subscribe(Choice { plan, interval, allowance: None, approve: Vec::new() }))
            };
            run(&mut by_hand, &catalogs, &subscribe(from), start());
            run(&mut by_hand, &catalogs, &subscribe(to), start());
            let current = |workspace: &Workspace| {
                let period = workspace.subscription.period.expect("it is paid for");
                (workspace.subscription.plan.clone(), period.interval)
            };
            let (old, new) = ((from.1.clone(), from.2), (to.1.clone(), to.2));
            match &*said {
                "at once" => {
                    assert!(matches!(next.expect(&story).how, How::Upgrade { .. }), "{story}");
                    assert_eq!(current(&by_hand), new, "{story}");
                }
                "at the period's end" => {
                    assert_eq!(next.expect(&story).how, How::AtPeriodEnd(end), "{story}");
                    assert_eq!(current(&by_hand), old, "{story}");
                    assert_eq!(by_hand.subscription.pending, Some(new), "{story}");
                }
                "no change" => {
                    assert_eq!(next.expect_err(&story).code(), "INVALID_REQUEST", "{story}");
                    assert_eq!((current(&by_hand), by_hand.subscription.pending), (old, None), "{story}");
                }
                other => panic!("the table says {other}"),
            }
        }
    }
}

/// Returns the credits that were ever granted from a payment.
fn granted_credits(workspace: &Workspace, source: &str) -> i64 {
    let kinds = |kind| matches!(kind, GrantKind::Cycle | GrantKind::Bonus);
    let of_it = workspace.grants.iter().filter(|grant| &*grant.source == source && kinds(grant.kind));
    of_it.map(|grant| grant.granted.get()).sum()
}

/// Outcome of a paid year in one of its months.
#[derive(Clone, Copy, Debug)]
enum Leaving {
    ToAHigherMonth,
    ToAHigherYear,
    ToALowerPlan,
    ToAShorterInterval,
    Cancelled,
    PaidBack,
}

#[test]
fn a_year_that_grants_by_the_month_loses_and_gains_nothing_whichever_month_it_is_left_in() {
    let shipped = catalogs("canvas-tiers");
    let all = [
        Leaving::ToAHigherMonth,
        Leaving::ToAHigherYear,
        Leaving::ToALowerPlan,
        Leaving::ToAShorterInterval,
        Leaving::Cancelled,
        Leaving::PaidBack,
    ];
    for (leaving, month) in all.into_iter().flat_map(|leaving| (0..12).map(move |month| (leaving, month))) {
        let mut workspace = approved_workspace(&shipped);
        let wanted = plan("pro", Interval::Year);
        let year = offer(&workspace, &shipped, &wanted, start()).expect("it is sold");
        pay(&mut workspace, &shipped, &wanted, &year, "in-1", start());
        let at = start().nth(Interval::Month, month).after_micros(3_600_000_000);
        run(&mut workspace, &shipped, &Command::Tick, at);
        let story = format!("{leaving:?} in month {month}");
        let follow = |ending, change: Option<(&str, Interval)>| {
            let change = change.map(|(plan, interval)| (Name::from(plan), interval));
            let status = SubscriptionStatus::Continues { ending, change, processing: false };
            Command::Payment(PaymentCommand::FollowSubscription { subscription: Name::from("sub-1"), status })
        };
        let mut upgrade = |interval: Interval| {
            let wanted = plan("business", interval);
            let offered = offer(&workspace, &shipped, &wanted, at).expect("it is sold");
            assert_eq!(offered.how, How::Upgrade { ends: None }, "{story}");
            pay(&mut workspace, &shipped, &wanted, &offered, "in-2", at);
            run(&mut workspace, &shipped, &follow(true, None), at);
            (offered.credits.get(), at.nth(interval, 1))
        };
        let (paid_again, then) = match leaving {
            Leaving::ToAHigherMonth => upgrade(Interval::Month),
            Leaving::ToAHigherYear => upgrade(Interval::Year),
            Leaving::ToALowerPlan | Leaving::ToAShorterInterval => {
                let lower = matches!(leaving, Leaving::ToALowerPlan);
                let next = if lower { "creator" } else { "pro" };
                run(&mut workspace, &shipped, &follow(false, Some((next, Interval::Month))), at);
                (0, at)
            }
            Leaving::Cancelled => {
                run(&mut workspace, &shipped, &follow(true, None), at);
                (0, at)
            }
            Leaving::PaidBack => {
                let (source, paid) = (Name::from("in-1"), year.amount.get().unsigned_abs());
                let back = Command::Payment(PaymentCommand::Reverse { source, paid, reversed: paid, disputed: false });
                run(&mut workspace, &shipped, &back, at);
                (0, at)
            }
        };
        let end = start().nth(Interval::Year, 1);
        if then > at && then < end {
            run(&mut workspace, &shipped, &Command::Tick, then);
            let current = &workspace.subscription;
            assert_eq!((&*current.plan, current.period.map(|period| period.end)), ("pro", Some(end)), "{story}");
        }
        run(&mut workspace, &shipped, &Command::Tick, end.max(then).nth(Interval::Month, 2));
        assert_eq!(
            granted_credits(&workspace, "in-1"),
            year.credits.get(),
            "{story}: no month is lost, and none gained"
        );
        assert_eq!(granted_credits(&workspace, "in-2"), paid_again, "{story}");
        assert_eq!(&*workspace.subscription.plan, "free", "{story}: what is paid for is over");
        let back: i64 = workspace.grants.iter().map(|grant| grant.revoked.get()).sum();
        let of_payment = workspace.grants.iter().filter(|grant| &*grant.source == "in-1");
        let lapsed: i64 = of_payment.map(|grant| grant.expired.get()).sum();
        assert_eq!(back + lapsed, year.credits.get(), "{story}: nothing was spent");
    }
}

#[test]
fn what_an_upgrade_forfeits_is_said_before_it_is_paid() {
    let pack = "credits = 100\ncurrency = \"usd\"\namount = 500";
    let (mut workspace, versions) = sell_in_turn(pack, pack, pack);
    let month = plan("pro", Interval::Month);
    let offered = offer(&workspace, &versions, &month, start()).expect("it is sold");
    pay(&mut workspace, &versions, &month, &offered, "in-1", start());
    let longer = offer(&workspace, &versions, &plan("pro", Interval::Year), start()).expect("it is sold");
    let How::Upgrade { ends: Some(ends) } = longer.how else { panic!("this version forfeits: {:?}", longer.how) };
    pay(&mut workspace, &versions, &plan("pro", Interval::Year), &longer, "in-2", start());
    let expired: i64 = workspace.grants.iter().map(|grant| grant.expired.get()).sum();
    assert_eq!((ends.left.get(), ends.to_come), (expired, Amount::ZERO));

    let text = include_str!("../../../../catalogs/canvas-tiers.toml").replace("\"carry\"", "\"forfeit\"");
    assert!(text.contains("forfeit"), "it says what it does");
    let forfeiting = parse_catalog(&text);
    let forfeiting = Catalogs::single(forfeiting.expect("it is right"));
    let mut workspace = approved_workspace(&forfeiting);
    let wanted = plan("pro", Interval::Year);
    let year = offer(&workspace, &forfeiting, &wanted, start()).expect("it is sold");
    pay(&mut workspace, &forfeiting, &wanted, &year, "in-1", start());
    for month in 0..12 {
        let at = start().nth(Interval::Month, month).after_micros(1);
        run(&mut workspace, &forfeiting, &Command::Tick, at);
        let upgrade = offer(&workspace, &forfeiting, &plan("business", Interval::Month), at).expect("it is sold");
        let How::Upgrade { ends: Some(ends) } = upgrade.how else { panic!("it forfeits: {:?}", upgrade.how) };
        let mut left = workspace.clone();
        pay(&mut left, &forfeiting, &plan("business", Interval::Month), &upgrade, "in-2", at);
        let of_year = |workspace: &Workspace| {
            let grants = workspace.grants.iter().filter(|grant| &*grant.source == "in-1");
            let cycle = grants.filter(|grant| grant.kind == GrantKind::Cycle);
            cycle.map(|grant| grant.available.get()).sum::<i64>()
        };
        assert_eq!(ends.left.get(), of_year(&workspace), "month {month}");
        assert_eq!(of_year(&left), 0, "month {month}");
        run(&mut left, &forfeiting, &Command::Tick, at.nth(Interval::Year, 2));
        let months = granted_credits(&left, "in-1") + ends.to_come.get();
        assert_eq!(months, year.credits.get(), "month {month}: what never comes was said");
    }
}
