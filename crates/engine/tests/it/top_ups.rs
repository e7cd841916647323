//! Every status of automatic top-ups, and every way out of it (R30, R33, R38).
//!
//! **Invariant:** the table in docs/STRIPE.md has the statuses that are walked here, and no others.

use scrip_engine::payments::{Goods, Payment, TopUpStatus, TopUpStop, TopUpTerms};
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Catalogs, Choice, Command, Event, Give, GrantCommand, HoldCommand, Interval, Mode, Name,
    PaymentCommand, PlanCommand, Profile, Timestamp, TopUpCommand, Unit, Workspace, WorkspaceCommand, WorkspaceId,
    apply, fold, parse_catalog,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The pack as it is sold at first.
const PACK: &str = "credits = 90\nbonus = 10\ncurrency = \"usd\"\namount = 500\nexpires = \"90 days\"";
/// The pack made dearer, smaller, shorter, of another currency, or not sold to the workspace's plan.
const WORSE: [(&str, &str); 6] = [
    ("dearer", "credits = 90\nbonus = 10\ncurrency = \"usd\"\namount = 501\nexpires = \"90 days\""),
    ("fewer credits", "credits = 89\nbonus = 10\ncurrency = \"usd\"\namount = 500\nexpires = \"90 days\""),
    ("less bonus, and cheaper", "credits = 90\nbonus = 9\ncurrency = \"usd\"\namount = 100\nexpires = \"90 days\""),
    ("shorter", "credits = 90\nbonus = 10\ncurrency = \"usd\"\namount = 500\nexpires = \"89 days\""),
    ("another currency", "credits = 90\nbonus = 10\ncurrency = \"eur\"\namount = 500\nexpires = \"90 days\""),
    ("more, and dearer", "credits = 990\nbonus = 10\ncurrency = \"usd\"\namount = 600\nexpires = \"90 days\""),
];
/// The pack made cheaper, larger or longer.
const BETTER: [(&str, &str, i64, i64); 4] = [
    ("cheaper", "credits = 90\nbonus = 10\ncurrency = \"usd\"\namount = 400\nexpires = \"90 days\"", 400, 100),
    ("more credits", "credits = 150\nbonus = 10\ncurrency = \"usd\"\namount = 500\nexpires = \"90 days\"", 500, 160),
    ("longer", "credits = 90\nbonus = 10\ncurrency = \"usd\"\namount = 500\nexpires = \"12 months\"", 500, 100),
    ("for ever", "credits = 100\ncurrency = \"usd\"\namount = 450", 450, 100),
];

fn instant(text: &str) -> Timestamp {
    text.parse().expect("RFC 3339")
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("it is in range")
}

fn catalog(pack: &str) -> Arc<scrip_engine::Catalog> {
    let pack = if pack.is_empty() { String::new() } else { format!("[[pack]]\nid = \"some\"\n{pack}\n") };
    let text = format!(
        "name = \"x\"\nfree_plan = \"free\"\n\
         [[plan]]\nid = \"free\"\nname = \"Free\"\nonce = [{{ code = \"welcome\", amount = 50 }}]\n\
         [[plan]]\nid = \"pro\"\nname = \"Pro\"\n\
         [[plan.price]]\ninterval = \"month\"\ncurrency = \"usd\"\namount = 1000\ngrants = [{{ amount = 60 }}]\n\
         {pack}[[pack]]\nid = \"other\"\ncredits = 30\ncurrency = \"usd\"\namount = 300\n\
         [[model]]\nid = \"m\"\nname = \"M\"\noutput = \"image\"\nrate = {{ credits = 1, per = \"call\" }}\n"
    );
    Arc::new(parse_catalog(&text).unwrap_or_else(|problems| panic!("{problems:?}")))
}

/// A workspace with 50 credits whose admin set top-ups of a pack below 20, for at most two packs a month.
struct Desk {
    catalogs: Catalogs,
    workspace: Workspace,
    now: Timestamp,
    /// Names of the events of the last command.
    did: Vec<&'static str>,
    sources: u32,
}

impl Desk {
    fn new() -> Desk {
        Desk::selling(PACK)
    }

    fn selling(pack: &str) -> Desk {
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::from_micros(0), catalog(pack));
        let now = instant("2026-01-10T00:00:00Z");
        let workspace = Workspace::new(WorkspaceId::new(1));
        let mut desk = Desk { catalogs, workspace, now, did: Vec::new(), sources: 0 };
        desk.run(&Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: None,
            profile: Profile { name: "Ada".to_owned(), ..Profile::default() },
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        }));
        desk.ask("some", 20, 1_000);
        assert_eq!(desk.did, ["top_up_set"]);
        desk
    }

    fn run(&mut self, command: &Command) {
        let applied = apply(&self.workspace, &self.catalogs, By::Operator, command, self.now);
        let applied = applied.unwrap_or_else(|refusal| panic!("{command:?} is refused: {refusal:?}"));
        let mut folded = self.workspace.clone();
        if !applied.events.is_empty() {
            fold(&mut folded, applied.workspace.at, &applied.events);
        }
        assert_eq!(folded, applied.workspace, "folding the events gives another workspace");
        let name = |event: &Event| match event {
            Event::Payment(_) | Event::TopUp(_) => Some(event.name()),
            _ => None,
        };
        self.did = applied.events.iter().filter_map(|dated| name(&dated.1)).collect();
        self.workspace = applied.workspace;
        let spent = self.workspace.billing.top_up.as_ref().map(|top_up| top_up.spending_in_month(self.now).get());
        assert!(spent.unwrap_or_default() >= 0);
    }

    fn bill(&mut self, command: impl Into<Command>) {
        self.run(&command.into());
    }

    fn ask(&mut self, pack: &str, below: i64, most: i64) {
        let (pack, below, monthly_max) = (Name::from(pack), amount(below), amount(most));
        self.bill(TopUpCommand::Set(Some(TopUpTerms { pack, below, monthly_max })));
    }

    fn spend(&mut self, credits: i64) {
        let ask = Ask::Credits(amount(credits));
        self.run(&Command::Hold(HoldCommand::Open {
            ask,
            reference: "job".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        }));
        let hold = self.workspace.next_hold - 1;
        self.run(&Command::Hold(HoldCommand::Capture { hold, amount: None }));
    }

    /// Spends until 10 credits are left, which is below the line.
    fn cross(&mut self) {
        let left = self.workspace.available(Unit::Credits, None, self.now).get();
        self.spend(left - 10);
    }

    fn gift(&mut self, credits: i64) {
        let give =
            Give::Goodwill { unit: Unit::Credits, amount: amount(credits), expires_at: None, models: Vec::new() };
        self.run(&Command::Grant(GrantCommand::Give { give, source: None, reason: "sorry".to_owned() }));
    }

    fn publish(&mut self, pack: &str) {
        self.catalogs.publish(self.now, catalog(pack));
    }

    fn tick(&mut self) {
        self.run(&Command::Tick);
    }

    /// Records the payment of a pack: of the wish `n`, or of a purchase by hand.
    fn pay(&mut self, pack: &str, price: i64, offered: Option<u32>, top_up: Option<u32>) {
        self.sources += 1;
        self.bill(PaymentCommand::Record(Payment {
            source: Name::from(format!("pi_{}", self.sources)),
            price: amount(price),
            paid: amount(price),
            given: Amount::ZERO,
            currency: Name::from("usd"),
            bought: Goods::Pack(Name::from(pack)),
            offered,
            top_up,
        }));
    }

    /// Records the payment of the pending wish.
    fn pay_wish(&mut self) {
        let wish = self.wish().expect("there is a wish");
        self.pay(&wish.pack, wish.amount.get(), wish.catalog, Some(wish.n));
    }

    fn fail(&mut self, stop: TopUpStop) {
        let n = self.wish().expect("there is a wish").n;
        self.bill(TopUpCommand::End { n, stop, payment: Some(Name::from("pi_x")) });
    }

    fn wish(&self) -> Option<scrip_engine::payments::TopUpPurchase> {
        self.workspace.billing.top_up.as_ref()?.pending.clone()
    }

    fn freeze(&mut self) {
        self.run(&Command::Workspace(WorkspaceCommand::Freeze { reason: Name::from("fraud") }));
    }

    /// Opens a dispute of the newest payment, or closes it.
    fn dispute(&mut self, disputed: bool) {
        let source = Name::from(format!("pi_{}", self.sources));
        let reversed = if disputed { 300 } else { 0 };
        self.run(&Command::Payment(PaymentCommand::Reverse { source, paid: 300, reversed, disputed }));
    }

    /// Returns status and reason as the API has them, the month's cost, and the number of credits.
    fn stands(&self) -> (String, i64, i64) {
        let top_up = self.workspace.billing.top_up.as_ref().expect("it was asked for");
        let status = match top_up.status(&self.workspace, &self.catalogs, self.now) {
            TopUpStatus::On => "on".to_owned(),
            TopUpStatus::Buying => "buying".to_owned(),
            TopUpStatus::UsedUp => "used_up".to_owned(),
            TopUpStatus::Frozen => "paused frozen".to_owned(),
            TopUpStatus::Disputed => "paused disputed".to_owned(),
            TopUpStatus::Stopped(why) => format!("stopped {}", why.name()),
            TopUpStatus::Off => "off".to_owned(),
        };
        let available = self.workspace.available(Unit::Credits, None, self.now).get();
        (status, top_up.spending_in_month(self.now).get(), available)
    }
}

/// A way out of a status: the status, the name of the way, the steps, the top-up events of the last step, and the
/// status, the month's cost and the credits afterwards.
struct Way {
    from: &'static str,
    out: &'static str,
    before: fn(&mut Desk),
    step: fn(&mut Desk),
    did: &'static [&'static str],
    then: (&'static str, i64, i64),
}

fn way(
    from: &'static str,
    out: &'static str,
    before: fn(&mut Desk),
    step: fn(&mut Desk),
    did: &'static [&'static str],
    then: (&'static str, i64, i64),
) -> Way {
    Way { from, out, before, step, did, then }
}

fn cross(desk: &mut Desk) {
    desk.cross();
}

fn processing(desk: &mut Desk) {
    desk.cross();
    desk.bill(TopUpCommand::Await { n: 1 });
    assert_eq!(desk.did, ["top_up_processing"]);
}

fn use_up(desk: &mut Desk) {
    for _ in 0..2 {
        desk.cross();
        desk.pay_wish();
    }
    desk.cross();
}

fn freeze(desk: &mut Desk) {
    desk.freeze();
}

fn dispute(desk: &mut Desk) {
    desk.pay("other", 300, None, None);
    desk.dispute(true);
}

fn stop(desk: &mut Desk, stop: TopUpStop) {
    desk.cross();
    desk.fail(stop);
}

fn off(desk: &mut Desk) {
    desk.bill(TopUpCommand::Set(None));
}

fn subscribe(desk: &mut Desk) {
    let (plan, interval) = (Name::from("pro"), Some(Interval::Month));
    desk.run(&Command::Plan(PlanCommand::Subscribe(Choice { plan, interval, allowance: None, approve: Vec::new() })));
}

fn next_month(desk: &mut Desk) {
    desk.now = instant("2026-02-01T00:00:00Z");
    desk.tick();
}

fn again(desk: &mut Desk) {
    desk.ask("some", 20, 1_000);
}

#[rustfmt::skip]
fn ways() -> Vec<Way> {
    vec![
        way("on", "the balance falls below the line", |_| (), cross, &["top_up_requested"], ("buying", 500, 10)),
        way("on", "the line is not crossed", |_| (), |desk| desk.spend(30), &[], ("on", 0, 20)),
        way("on", "it falls, and the month has cost enough", |desk| { desk.cross(); desk.pay_wish(); desk.cross(); desk.pay_wish(); },
            cross, &["top_up_put_off"], ("used_up", 1_000, 10)),
        way("on", "the workspace is frozen", |_| (), freeze, &[], ("paused frozen", 0, 50)),
        way("on", "a payment is disputed", |desk| desk.pay("other", 300, None, None), |desk| desk.dispute(true), &[],
            ("paused disputed", 0, 50)),
        way("on", "the pack is dearer", |_| (), |desk| { desk.publish(WORSE[0].1); desk.tick(); }, &["top_up_stopped"],
            ("stopped pack_changed", 0, 50)),
        way("on", "the pack is gone", |_| (), |desk| { desk.publish(""); desk.tick(); }, &["top_up_stopped"],
            ("stopped pack_gone", 0, 50)),
        way("on", "DELETE", |_| (), off, &["top_up_unset"], ("off", 0, 50)),

        way("buying", "it is paid", cross, Desk::pay_wish, &["top_up_ended"], ("on", 500, 110)),
        way("buying", "it is paid, told a second time", |desk| { desk.cross(); desk.pay_wish(); },
            |desk| { desk.sources -= 1; desk.pay("some", 500, Some(1), Some(1)); }, &[], ("on", 500, 110)),
        way("buying", "it is declined", cross, |desk| desk.fail(TopUpStop::Declined), &["top_up_ended"],
            ("stopped declined", 0, 10)),
        way("buying", "the bank wants the customer", cross, |desk| desk.fail(TopUpStop::AuthenticationRequired),
            &["top_up_ended"], ("stopped authentication_required", 0, 10)),
        way("buying", "there is no card", cross, |desk| desk.fail(TopUpStop::NoPaymentMethod), &["top_up_ended"],
            ("stopped no_payment_method", 0, 10)),
        way("buying", "Stripe refuses it", cross, |desk| desk.fail(TopUpStop::Refused), &["top_up_ended"],
            ("stopped refused", 0, 10)),
        way("buying", "it is paid and cannot be given", cross, |desk| desk.fail(TopUpStop::NotGiven), &["top_up_ended"],
            ("stopped not_given", 500, 10)),
        way("buying", "another number ends", cross,
            |desk| desk.bill(TopUpCommand::End { n: 2, stop: TopUpStop::Declined, payment: None }), &[],
            ("buying", 500, 10)),
        way("buying", "a gift", cross, |desk| desk.gift(10), &["top_up_dropped"], ("on", 0, 20)),
        way("buying", "a gift that is too small", cross, |desk| desk.gift(9), &[], ("buying", 500, 19)),
        way("buying", "a pack bought by hand", cross, |desk| desk.pay("some", 500, None, None), &["top_up_dropped"],
            ("on", 0, 110)),
        way("buying", "a small pack bought by hand", |desk| { desk.ask("some", 90, 1_000); },
            |desk| desk.pay("other", 300, None, None), &["top_up_dropped", "top_up_requested"], ("buying", 500, 80)),
        way("buying", "a pack by the operator", cross,
            |desk| {
                let (give, reason) = (Give::Pack(Name::from("some")), "x".to_owned());
                desk.run(&Command::Grant(GrantCommand::Give { give, source: None, reason }));
            },
            &["top_up_dropped"], ("on", 0, 110)),
        way("buying", "a plan", cross,
            subscribe, &["top_up_dropped"], ("on", 0, 70)),
        way("buying", "a freeze", cross, freeze, &["top_up_dropped"], ("paused frozen", 0, 10)),
        way("buying", "a dispute", |desk| { desk.pay("other", 300, None, None); desk.cross(); }, |desk| desk.dispute(true),
            &["top_up_dropped"], ("paused disputed", 0, 0)),
        way("buying", "DELETE", cross, off, &["top_up_unset", "top_up_dropped"], ("off", 0, 10)),
        way("buying", "PUT of another pack", cross, |desk| desk.ask("other", 20, 1_000),
            &["top_up_set", "top_up_dropped", "top_up_requested"], ("buying", 300, 10)),
        way("buying", "PUT of a lower line", cross, |desk| desk.ask("some", 10, 1_000), &["top_up_set", "top_up_dropped"],
            ("on", 0, 10)),
        way("buying", "the pack is dearer", cross, |desk| { desk.publish(WORSE[0].1); desk.tick(); },
            &["top_up_dropped", "top_up_stopped"], ("stopped pack_changed", 0, 10)),
        way("buying", "the pack is gone", cross, |desk| { desk.publish(""); desk.tick(); },
            &["top_up_dropped", "top_up_stopped"], ("stopped pack_gone", 0, 10)),
        way("buying", "the pack is cheaper", cross, |desk| { desk.publish(BETTER[0].1); desk.tick(); },
            &["top_up_dropped", "top_up_requested"], ("buying", 400, 10)),
        way("buying", "another publish", cross, |desk| { desk.publish(PACK); desk.tick(); }, &[], ("buying", 500, 10)),
        way("buying", "the month ends", cross, next_month, &["top_up_dropped", "top_up_requested"], ("buying", 500, 10)),
        way("buying", "two months pass", cross, |desk| { desk.now = instant("2026-03-15T00:00:00Z"); desk.tick(); },
            &["top_up_dropped", "top_up_requested"], ("buying", 500, 10)),

        way("buying", "processing: a gift", processing, |desk| desk.gift(1_000), &[], ("buying", 500, 1_010)),
        way("buying", "processing: a pack bought by hand", processing, |desk| desk.pay("some", 500, None, None), &[],
            ("buying", 500, 110)),
        way("buying", "processing: a freeze", processing, freeze, &[], ("buying", 500, 10)),
        way("buying", "processing: a dearer pack", processing, |desk| { desk.publish(WORSE[0].1); desk.tick(); }, &[],
            ("buying", 500, 10)),
        way("buying", "processing: the month ends", processing, next_month, &[], ("buying", 0, 10)),
        way("buying", "processing: DELETE", processing, off, &["top_up_unset"], ("off", 500, 10)),
        way("buying", "processing: it is paid", processing, Desk::pay_wish, &["top_up_ended"], ("on", 500, 110)),
        way("buying", "processing: it is paid after DELETE", |desk| { processing(desk); off(desk); }, Desk::pay_wish,
            &["top_up_ended"], ("off", 500, 110)),
        way("buying", "processing: it is declined", processing, |desk| desk.fail(TopUpStop::Declined), &["top_up_ended"],
            ("stopped declined", 0, 10)),

        way("used_up", "the next month", use_up, next_month, &["top_up_requested"], ("buying", 500, 10)),
        way("used_up", "PUT of a higher maximum", use_up, |desk| desk.ask("some", 20, 1_500), &["top_up_set", "top_up_requested"],
            ("buying", 1_500, 10)),
        way("used_up", "another crossing in the month", |desk| { use_up(desk); desk.gift(100); }, cross, &[],
            ("used_up", 1_000, 10)),
        way("used_up", "DELETE", use_up, off, &["top_up_unset"], ("off", 1_000, 10)),
        way("used_up", "the pack is dearer", use_up, |desk| { desk.publish(WORSE[0].1); desk.tick(); }, &["top_up_stopped"],
            ("stopped pack_changed", 1_000, 10)),

        way("paused frozen", "unfrozen", freeze, |desk| desk.run(&Command::Workspace(WorkspaceCommand::Unfreeze)), &[], ("on", 0, 50)),
        way("paused frozen", "unfrozen while low", |desk| { desk.cross(); desk.freeze(); },
            |desk| desk.run(&Command::Workspace(WorkspaceCommand::Unfreeze)),
            &["top_up_requested"], ("buying", 500, 10)),
        way("paused frozen", "DELETE", freeze, off, &["top_up_unset"], ("off", 0, 50)),
        way("paused disputed", "the dispute is won", dispute, |desk| desk.dispute(false), &[], ("on", 0, 80)),
        way("paused disputed", "DELETE", dispute, off, &["top_up_unset"], ("off", 0, 50)),

        way("stopped declined", "PUT", |desk| stop(desk, TopUpStop::Declined), again, &["top_up_set", "top_up_requested"],
            ("buying", 500, 10)),
        way("stopped declined", "another crossing", |desk| { stop(desk, TopUpStop::Declined); desk.gift(100); }, cross,
            &[], ("stopped declined", 0, 10)),
        way("stopped declined", "DELETE", |desk| stop(desk, TopUpStop::Declined), off, &["top_up_unset"], ("off", 0, 10)),
        way("stopped authentication_required", "PUT", |desk| stop(desk, TopUpStop::AuthenticationRequired), again,
            &["top_up_set", "top_up_requested"], ("buying", 500, 10)),
        way("stopped no_payment_method", "PUT", |desk| stop(desk, TopUpStop::NoPaymentMethod), again,
            &["top_up_set", "top_up_requested"], ("buying", 500, 10)),
        way("stopped refused", "PUT", |desk| stop(desk, TopUpStop::Refused), again, &["top_up_set", "top_up_requested"],
            ("buying", 500, 10)),
        way("stopped not_given", "PUT", |desk| stop(desk, TopUpStop::NotGiven), again, &["top_up_set", "top_up_requested"],
            ("buying", 1_000, 10)),
        way("stopped pack_changed", "PUT", |desk| { desk.publish(WORSE[0].1); desk.cross(); }, |desk| desk.ask("some", 20, 1_002),
            &["top_up_set", "top_up_requested"], ("buying", 501, 10)),
        way("stopped pack_changed", "the old price comes back", |desk| { desk.publish(WORSE[0].1); desk.tick(); },
            |desk| { desk.publish(PACK); desk.cross(); }, &[], ("stopped pack_changed", 0, 10)),
        way("stopped pack_gone", "PUT of another pack", |desk| { desk.publish(""); desk.cross(); }, |desk| desk.ask("other", 20, 1_000),
            &["top_up_set", "top_up_requested"], ("buying", 300, 10)),

        way("off", "PUT", off, again, &["top_up_set"], ("on", 0, 50)),
        way("off", "PUT while low", |desk| { off(desk); desk.cross(); }, again, &["top_up_set", "top_up_requested"],
            ("buying", 500, 10)),
        way("off", "a crossing", off, cross, &[], ("off", 0, 10)),
        way("off", "a dropped purchase is paid", |desk| { desk.cross(); off(desk); },
            |desk| desk.pay("some", 500, Some(1), Some(1)), &["top_up_paid"], ("off", 500, 110)),
    ]
}

#[test]
fn every_status_is_left_as_its_table_says() {
    for Way { from, out, before, step, did, then: (status, spent, available) } in ways() {
        let mut desk = Desk::new();
        before(&mut desk);
        step(&mut desk);
        let about: Vec<_> = desk.did.iter().filter(|name| name.starts_with("top_up")).copied().collect();
        assert_eq!(about, did, "{from}: {out}");
        assert_eq!(desk.stands(), (status.to_owned(), spent, available), "{from}: {out}");
        desk.tick();
        assert_eq!(desk.did, Vec::<&str>::new(), "{from}: {out}: a second look changes nothing");
    }
}

/// The table in docs/STRIPE.md has the statuses that a way leads out of here.
#[test]
fn the_table_of_the_documents_has_every_status() {
    let page = include_str!("../../../../docs/STRIPE.md");
    let (_, table) = page.split_once("| status | reason |").expect("the table is there");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cell = |row: &str, n: usize| row.split('|').nth(n).unwrap_or_default().trim().replace('`', "");
    let documented: BTreeSet<String> =
        rows.map(|row| format!("{} {}", cell(row, 1), cell(row, 2)).trim().to_owned()).collect();
    let mut walked: BTreeSet<String> = ways().iter().map(|way| way.from.to_owned()).collect();
    // Only the server knows if there is a customer.
    walked.insert("paused no_payment_method".to_owned());
    assert_eq!(documented, walked);
    let reached: BTreeSet<&str> = ways().iter().map(|way| way.then.0).collect();
    for status in ways().iter().map(|way| way.from) {
        assert!(reached.contains(status), "nothing leads to {status}");
    }
}

/// R33: a change that makes a pack worse than agreed stops it: before the low balance, between wish and charge, and
/// while the month has cost enough; setting top-ups again agrees to it.
#[test]
fn a_pack_that_became_worse_is_not_bought_before_it_is_agreed_again() {
    for (what, pack) in WORSE {
        for wished in [false, true] {
            let mut desk = Desk::new();
            if wished {
                desk.cross();
            }
            desk.publish(pack);
            // The status is true before anything has happened in the workspace.
            assert_eq!(desk.stands().0, if wished { "buying" } else { "stopped pack_changed" }, "{what}");
            if wished {
                desk.tick()
            } else {
                desk.cross()
            }
            assert_eq!((&*desk.stands().0, desk.wish()), ("stopped pack_changed", None), "{what}");
            if wished {
                assert_eq!(desk.did, ["top_up_dropped", "top_up_stopped"], "{what}");
            }
            desk.ask("some", 20, 2_000);
            let wish = desk.wish().unwrap_or_else(|| panic!("{what}: it is agreed now"));
            assert_eq!((wish.n, wish.catalog), (if wished { 2 } else { 1 }, Some(2)), "{what}");
        }
    }
}

/// R33: a pack that became better is bought as it is now, and the agreement stays.
#[test]
fn a_pack_that_became_better_is_bought_as_it_is_now() {
    for (what, pack, price, credits) in BETTER {
        for wished in [false, true] {
            let mut desk = Desk::new();
            if wished {
                desk.cross();
                desk.publish(pack);
                desk.tick();
            } else {
                desk.publish(pack);
                desk.cross();
            }
            let wish = desk.wish().expect("it is wanted");
            assert_eq!((wish.amount.get(), wish.catalog), (price, Some(2)), "{what}");
            desk.pay_wish();
            assert_eq!(desk.stands(), ("on".to_owned(), price, 10 + credits), "{what}");
            // A pack that is back at the agreed terms is bought on them.
            desk.publish(PACK);
            desk.cross();
            assert_eq!(desk.wish().map(|wish| wish.amount.get()), Some(500), "{what}");
        }
    }
}

/// A charge buys the pack as the wish's version sells it, whatever was published since.
#[test]
fn a_payment_buys_what_its_wish_asked_for() {
    for pack in WORSE.iter().map(|(_, pack)| *pack).chain(BETTER.iter().map(|(_, pack, ..)| *pack)).chain([""]) {
        let mut desk = Desk::new();
        desk.cross();
        let wish = desk.wish().expect("it is wanted");
        desk.publish(pack);
        desk.pay(&wish.pack, wish.amount.get(), wish.catalog, Some(wish.n));
        assert_eq!((desk.stands().1, desk.stands().2), (500, 110), "{pack}");
        assert_eq!(desk.wish(), None, "{pack}");
    }
}

/// A purchase that was dropped and paid all the same counts in the month of its payment, so that the maximum holds.
#[test]
fn what_was_paid_counts_whatever_became_of_the_wish() {
    let mut desk = Desk::new();
    desk.cross();
    desk.gift(100);
    assert_eq!(desk.stands(), ("on".to_owned(), 0, 110));
    desk.pay("some", 500, Some(1), Some(1));
    assert_eq!(desk.stands(), ("on".to_owned(), 500, 210));
    desk.cross();
    desk.pay_wish();
    desk.cross();
    assert_eq!(desk.stands(), ("used_up".to_owned(), 1_000, 10));
    // The late payment of an older wish drops the one that is pending.
    next_month(&mut desk);
    desk.pay("some", 500, Some(1), Some(1));
    assert_eq!((desk.did.clone(), desk.stands()), (vec!["top_up_dropped", "top_up_paid"], ("on".to_owned(), 500, 110)));
}

/// The agreement of an old journal has no price: the pack counts as agreed as it is when top-ups are next followed.
#[test]
fn an_old_agreement_takes_the_pack_as_it_is_on_first_use() {
    let mut desk = Desk::new();
    let set =
        r#"[1767225600000000,{"billing":{"top_up_set":{"terms":{"pack":"some","below":20,"monthly_max":1000}}}}]"#;
    let set: scrip_engine::DatedEvent = serde_json::from_str(set).expect("an old event is read");
    let mut workspace = desk.workspace.clone();
    fold(&mut workspace, desk.now, &[set]);
    desk.workspace = workspace;
    desk.tick();
    assert_eq!(desk.did, ["top_up_set"]);
    desk.publish(WORSE[0].1);
    desk.cross();
    assert_eq!(desk.stands().0, "stopped pack_changed");
}

/// A pack that the workspace's plan may not buy is refused, or stopped when the plan ends.
#[test]
fn packs_of_other_plans_are_not_bought() {
    let plans = |plan: &str| format!("{PACK}\nplans = [\"{plan}\"]");
    let mut desk = Desk::new();
    desk.publish(&plans("pro"));
    desk.cross();
    assert_eq!(desk.stands().0, "stopped pack_gone");
    let terms = TopUpTerms { pack: Name::from("some"), below: amount(20), monthly_max: amount(1_000) };
    let command = Command::TopUp(TopUpCommand::Set(Some(terms)));
    let refused = apply(&desk.workspace, &desk.catalogs, By::Operator, &command, desk.now);
    assert_eq!(refused.expect_err("it is not for this plan").code(), "FEATURE_NOT_IN_PLAN");
}
