//! What is offered before a payment provider is asked: prices, credits, bonuses, and how it takes effect.
//!
//! **Invariant:** what a payment gives is what was offered.

#[allow(dead_code, reason = "only the catalogs are wanted here, not the language")]
mod language;

use scrip_engine::billing::command::{BillingCommand, Bought, Payment, Standing};
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, By, Catalogs, Command, How, Interval, Mode, Name, Offer, Profile, Timestamp, Wanted, Workspace,
    WorkspaceId, apply, offer, parse_catalog, yearly_bonus,
};
use std::sync::Arc;

fn start() -> Timestamp {
    "2026-01-10T00:00:00Z".parse().expect("RFC 3339")
}

fn catalogs(name: &str) -> Catalogs {
    Catalogs::single(language::catalog(name).expect("a shipped catalog is right"))
}

fn run(workspace: &mut Workspace, catalogs: &Catalogs, command: &Command, at: Timestamp) {
    let applied = apply(workspace, catalogs, By::Operator, command, at);
    *workspace = applied.unwrap_or_else(|refusal| panic!("{command:?} is refused: {refusal:?}")).workspace;
}

fn opened(catalogs: &Catalogs) -> Workspace {
    let mut workspace = Workspace::unopened(WorkspaceId::new(1));
    let profile = Profile { name: "Ada".to_owned(), ..Profile::default() };
    let open = Command::OpenWorkspace {
        mode: Mode::Test,
        test_clock: None,
        profile,
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    };
    run(&mut workspace, catalogs, &open, start());
    workspace
}

/// What is offered, paid for: what it brings is what was said.
fn pay(workspace: &mut Workspace, catalogs: &Catalogs, wanted: &Wanted, offered: &Offer, source: &str, at: Timestamp) {
    let bought = match wanted {
        Wanted::Pack(id) => Bought::Pack(id.clone()),
        Wanted::Plan(plan, _) => {
            let interval = offered.interval.expect("a plan is paid for by an interval");
            let (plan, subscription, end) = (plan.clone(), Name::from("sub-1"), at.nth(interval, 1));
            Bought::Period { plan, interval, subscription, anchor: at, start: at, end }
        }
    };
    let (price, currency) = (offered.amount, offered.currency.clone());
    let payment = Payment { source: Name::from(source), price, paid: price, currency, bought };
    run(workspace, catalogs, &Command::Billing(BillingCommand::RecordPayment(payment)), at);
}

fn plan(id: &str, interval: Interval) -> Wanted {
    Wanted::Plan(Name::from(id), Some(interval))
}

fn credits(offer: &Offer) -> (i64, i64) {
    (offer.credits.get(), offer.bonus.get())
}

#[test]
fn a_year_says_what_it_brings_beyond_twelve_months() {
    let shipped = catalogs("canvas-tiers");
    let workspace = opened(&shipped);
    let of = |id: &str, interval| offer(&workspace, &shipped, &plan(id, interval), start()).expect("it is sold");
    // A tenth more: 12 x 5,500 against 12 x 5,000.
    assert_eq!(credits(&of("pro", Interval::Year)), (66_000, 6_000));
    assert_eq!(credits(&of("pro", Interval::Month)), (5_000, 0));
    let bonus = |name: &str, id: &str, interval| {
        let catalog = language::catalog(name).expect("a shipped catalog is right");
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
    let mut workspace = opened(&shipped);
    let available = |workspace: &Workspace, at| workspace.available(scrip_engine::Unit::Credits, None, at).get();
    let wanted = plan("creator", Interval::Month);
    let offered = offer(&workspace, &shipped, &wanted, start()).expect("it is sold");
    assert_eq!((offered.how, offered.amount.get(), &*offered.currency), (How::AtOnce, 1_500, "usd"));
    pay(&mut workspace, &shipped, &wanted, &offered, "in-1", start());
    assert_eq!(available(&workspace, start()), 250 + offered.credits.get());

    let again = offer(&workspace, &shipped, &wanted, start()).expect_err("it is on that plan");
    assert_eq!(again.code(), "INVALID_REQUEST", "{again:?}");
    let upgrade = offer(&workspace, &shipped, &plan("pro", Interval::Month), start()).expect("it is sold");
    assert_eq!(upgrade.how, How::Upgrade { carries: true });
    pay(&mut workspace, &shipped, &plan("pro", Interval::Month), &upgrade, "in-2", start());
    let end = start().nth(Interval::Month, 1);
    let down = offer(&workspace, &shipped, &plan("creator", Interval::Month), start()).expect("it is sold");
    assert_eq!(down.how, How::AtPeriodEnd(end));
    let longer = offer(&workspace, &shipped, &plan("pro", Interval::Year), start()).expect("it is sold");
    assert_eq!(longer.how, How::Upgrade { carries: true });

    // What was cancelled can be had again, from the period's end on.
    let ending = Standing::Goes { ending: true, change: None };
    let follow = BillingCommand::FollowSubscription { subscription: Name::from("sub-1"), standing: ending };
    run(&mut workspace, &shipped, &Command::Billing(follow), start());
    let again = offer(&workspace, &shipped, &plan("pro", Interval::Month), start()).expect("it ends");
    assert_eq!(again.how, How::AtPeriodEnd(end));

    let pack = Wanted::Pack(Name::from("credits-1000"));
    let offered = offer(&workspace, &shipped, &pack, start()).expect("it is sold");
    assert_eq!((offered.amount.get(), credits(&offered), offered.interval), (1_200, (1_000, 0), None));
    let before = available(&workspace, start());
    pay(&mut workspace, &shipped, &pack, &offered, "ch-1", start());
    assert_eq!(available(&workspace, start()) - before, offered.credits.get());
}

#[test]
fn nothing_is_offered_that_a_payment_would_be_refused_for() {
    let shipped = catalogs("canvas-tiers");
    let mut workspace = opened(&shipped);
    let refused = |workspace: &Workspace, wanted: &Wanted| {
        offer(workspace, &shipped, wanted, start()).expect_err("it is not for sale").code()
    };
    assert_eq!(refused(&workspace, &plan("business", Interval::Month)), "REVIEW_REQUIRED");
    for wanted in [plan("free", Interval::Month), plan("nothing", Interval::Month), plan("creator", Interval::Year)] {
        assert_eq!(refused(&workspace, &wanted), "INVALID_REQUEST", "{wanted:?}");
    }
    assert_eq!(refused(&workspace, &Wanted::Plan(Name::from("pro"), None)), "INVALID_REQUEST");
    assert_eq!(refused(&workspace, &Wanted::Pack(Name::from("nothing"))), "INVALID_REQUEST");
    let approve = Command::ApproveReview { review: Name::from("business_verification"), reason: "seen".to_owned() };
    run(&mut workspace, &shipped, &approve, start());
    assert!(offer(&workspace, &shipped, &plan("business", Interval::Month), start()).is_ok());
    run(&mut workspace, &shipped, &Command::Freeze { reason: Name::from("fraud") }, start());
    assert_eq!(refused(&workspace, &plan("pro", Interval::Month)), "WORKSPACE_FROZEN");

    let by_hand = catalogs("two-buckets");
    let mut workspace = opened(&by_hand);
    let pack = Wanted::Pack(Name::from("credits-500"));
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
    run(&mut workspace, &by_hand, &Command::Subscribe(choice), start());
    assert!(offer(&workspace, &by_hand, &pack, start()).is_ok());
    let change = offer(&workspace, &by_hand, &plan("starter", Interval::Month), start());
    assert_eq!(change.expect_err("its operator bills it").code(), "INVALID_REQUEST");
}

/// A pack whose price stayed and whose credits did not: the newest version says what the payment gives.
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
    let mut workspace = opened(&versions);
    versions.publish(start(), read(80));
    let wanted = Wanted::Pack(Name::from("some"));
    let offered = offer(&workspace, &versions, &wanted, start()).expect("it is sold");
    pay(&mut workspace, &versions, &wanted, &offered, "ch-1", start());
    let given = workspace.available(scrip_engine::Unit::Credits, None, start());
    assert_eq!((given, offered.version), (offered.credits, 2));
}
