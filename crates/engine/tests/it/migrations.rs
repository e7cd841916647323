//! A migration to another catalog version, one field of a plan at a time: the preview, the terms that hold at once,
//! and those that hold from the renewal on (R33). Each row is played in both directions.

use scrip_engine::{
    Access, By, Catalogs, Choice, Command, Effect, GrantKind, Interval, Migration, Mode, Name, OnUpgrade, Params,
    PlanCommand, Profile, Refusal, Terms, Timestamp, Unit, Value, Workspace, WorkspaceCommand, WorkspaceId, access,
    apply, parse_catalog, preview_migration, team::Tenancy,
};
use std::sync::Arc;

const CATALOG: &str = r#"
name = "table"
free_plan = "free"
levels = ["basic", "hd", "top"]
lanes = [{ id = "slow", weight = 1 }, { id = "quick", weight = 5 }]
release_grace = "48 hours"
payment_grace = "48 hours"
processing_grace = "20 days"
renewal_bridge = "2 hours"
rate_notice = "10 days"
on_upgrade = "carry"
low_balance = 50

[[plan]]
id = "free"
name = "Free"
level = "basic"

[[plan]]
id = "pro"
name = "Pro"
ceiling = ["model:run", "workflow:read"]
requires = []
requests_per_minute = 60
concurrency = 2
batch = 4
storage_gb = 10
retention = "90 days"
members = 3
lane = "quick"
level = "hd"
features = ["api", "commercial"]
once = []
trial = [{ model = "film", runs = 3 }]
limited = [{ model = "photo", runs_per_day = 5 }]

[[plan.price]]
interval = "month"
currency = "usd"
amount = 2000
grants = [{ amount = 1000, rollover_max = 100 }]

[[plan.price]]
interval = "year"
currency = "usd"
amount = 20000
grants = [{ amount = 1000, every = "month" }]

[[plan]]
id = "max"
name = "Max"

[[plan.price]]
interval = "month"
currency = "usd"
amount = 9000
grants = [{ amount = 9000 }]

[[model]]
id = "photo"
name = "Photo"
output = "image"
rate = { credits = 10, per = "image" }

[model.params]
images = { type = "integer", min = 1, max = 16, default = 1 }
size = { type = "choice", choices = ["small", "large"], default = "small", levels = { large = "hd" } }
steps = { type = "integer", min = 1, max = 50, default = 20, levels = [{ above = 30, level = "top" }] }

[[model]]
id = "film"
name = "Film"
output = "video"
plans = ["max"]
rate = { credits = 100, per = "call" }

[[model]]
id = "elite"
name = "Elite"
output = "image"
plans = ["pro", "max"]
rate = { credits = 30, per = "call" }
"#;

/// Instant from which a change of a row holds, seen from its first text to its second.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// The first is wider: it holds for the period that was sold with it, and the second from the renewal on.
    Wider,
    /// The first is narrower: the second holds at once.
    Narrower,
    /// Either way from the renewal on.
    Renewal,
}

struct Row {
    /// Part that the preview names.
    what: &'static str,
    /// Interval of the plan's price in this row.
    interval: Interval,
    /// Text of the catalog, and the text that takes its place.
    edit: [&'static str; 2],
    /// Values before and after, as the preview has them.
    told: [Option<&'static str>; 2],
    effect: Effect,
    holds: Holds,
    /// Reads the terms that hold at an instant.
    look: fn(&Workspace, &Catalogs, Timestamp) -> String,
    /// Readings before and after the change.
    seen: [&'static str; 2],
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn terms<'c>(workspace: &Workspace, catalogs: &'c Catalogs, at: Timestamp) -> Terms<'c> {
    Terms::of(workspace, catalogs, at).expect("it is on a version that is published")
}

fn limit(value: Option<u32>) -> String {
    value.map_or_else(|| "unlimited".to_owned(), |value| value.to_string())
}

fn is(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

macro_rules! plan {
    ($field:ident) => {
        |w, c, t| limit(terms(w, c, t).plan().$field)
    };
}

fn model(w: &Workspace, c: &Catalogs, t: Timestamp, id: &str) -> String {
    let terms = terms(w, c, t);
    let model = terms.menu.catalog.model(id).expect("it is on the menu");
    match access(w, &terms, model, t) {
        Access::Open => "open".to_owned(),
        Access::TrialRuns { left } => format!("trial {left}"),
        Access::Locked => "locked".to_owned(),
        other => format!("{other:?}"),
    }
}

fn value(w: &Workspace, c: &Catalogs, t: Timestamp, name: &str, value: Value) -> String {
    let terms = terms(w, c, t);
    let photo = terms.menu.catalog.model("photo").expect("it is on the menu");
    is(terms.missing_level(photo, &Params::from([(Name::from(name), value)])).is_none())
}

fn retention(w: &Workspace, c: &Catalogs, t: Timestamp) -> String {
    let keeps = terms(w, c, t).plan().retention;
    keeps.map_or_else(|| "for ever".to_owned(), |span| span.to_string())
}

fn film_trial(w: &Workspace, c: &Catalogs, t: Timestamp) -> String {
    let terms = terms(w, c, t);
    let runs = terms.trials("film").iter().filter_map(|trial| trial.runs).max();
    runs.map_or_else(|| "none".to_owned(), |runs| runs.to_string())
}

/// Returns the grants of the newest period, each with the models that it pays for.
fn newest_grants(w: &Workspace, _: &Catalogs, _: Timestamp) -> String {
    let of_period = |kind| matches!(kind, GrantKind::Cycle | GrantKind::Bonus);
    let newest = w.grants.iter().filter(|grant| of_period(grant.kind)).map(|grant| grant.starts_at).max();
    let newest = w.grants.iter().filter(|grant| of_period(grant.kind) && Some(grant.starts_at) == newest);
    let shown = newest.map(|grant| {
        let models = if grant.models.is_empty() { String::new() } else { format!(" for {}", grant.models.join(",")) };
        let unit = if grant.unit == Unit::Training { " training" } else { "" };
        let bonus = if grant.kind == GrantKind::Bonus { " bonus" } else { "" };
        format!("{}{unit}{bonus}{models}", grant.granted)
    });
    shown.collect::<Vec<_>>().join(" + ")
}

fn price(w: &Workspace, c: &Catalogs, t: Timestamp) -> String {
    let interval = w.subscription.period.expect("a period is paid for").interval;
    let terms = terms(w, c, t);
    let price = terms.granting().plan.price(interval).expect("it is sold");
    let shown = terms.plan();
    assert_eq!(shown.price(interval), Some(price), "the plan is shown at the price that is paid");
    format!("{} {}", price.amount.map_or(0, |amount| amount.get()), price.currency)
}

fn rows() -> Vec<Row> {
    use Effect::{Better, Other, Worse};
    use Holds::{Narrower, Renewal, Wider};
    use Interval::{Month, Year};
    vec![
        Row {
            what: "name",
            interval: Month,
            edit: ["name = \"Pro\"", "name = \"Professional\""],
            told: [Some("Pro"), Some("Professional")],
            effect: Other,
            holds: Narrower,
            look: |w, c, t| terms(w, c, t).plan().name.clone(),
            seen: ["Pro", "Professional"],
        },
        Row {
            what: "requests_per_minute",
            interval: Month,
            edit: ["requests_per_minute = 60", "requests_per_minute = 10"],
            told: [Some("60"), Some("10")],
            effect: Worse,
            holds: Wider,
            look: plan!(requests_per_minute),
            seen: ["60", "10"],
        },
        Row {
            what: "requests_per_minute",
            interval: Month,
            edit: ["requests_per_minute = 60\n", ""],
            told: [Some("60"), Some("unlimited")],
            effect: Better,
            holds: Narrower,
            look: plan!(requests_per_minute),
            seen: ["60", "unlimited"],
        },
        Row {
            what: "concurrency",
            interval: Month,
            edit: ["concurrency = 2", "concurrency = 1"],
            told: [Some("2"), Some("1")],
            effect: Worse,
            holds: Wider,
            look: plan!(concurrency),
            seen: ["2", "1"],
        },
        Row {
            what: "concurrency",
            interval: Month,
            edit: ["concurrency = 2\n", ""],
            told: [Some("2"), Some("unlimited")],
            effect: Better,
            holds: Narrower,
            look: plan!(concurrency),
            seen: ["2", "unlimited"],
        },
        Row {
            what: "batch",
            interval: Month,
            edit: ["batch = 4", "batch = 2"],
            told: [Some("4"), Some("2")],
            effect: Worse,
            holds: Wider,
            look: plan!(batch),
            seen: ["4", "2"],
        },
        Row {
            what: "storage_gb",
            interval: Month,
            edit: ["storage_gb = 10", "storage_gb = 5"],
            told: [Some("10"), Some("5")],
            effect: Worse,
            holds: Wider,
            look: plan!(storage_gb),
            seen: ["10", "5"],
        },
        Row {
            what: "members",
            interval: Month,
            edit: ["members = 3", "members = 1"],
            told: [Some("3"), Some("1")],
            effect: Worse,
            holds: Wider,
            look: plan!(members),
            seen: ["3", "1"],
        },
        Row {
            what: "retention",
            interval: Month,
            edit: ["retention = \"90 days\"", "retention = \"30 days\""],
            told: [Some("90 days"), Some("30 days")],
            effect: Worse,
            holds: Wider,
            look: retention,
            seen: ["90 days", "30 days"],
        },
        Row {
            what: "retention",
            interval: Month,
            edit: ["retention = \"90 days\"\n", ""],
            told: [Some("90 days"), Some("for ever")],
            effect: Better,
            holds: Narrower,
            look: retention,
            seen: ["90 days", "for ever"],
        },
        Row {
            what: "lane",
            interval: Month,
            edit: ["lane = \"quick\"", "lane = \"slow\""],
            told: [Some("quick, weight 5"), Some("slow, weight 1")],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| terms(w, c, t).plan().lane.clone().expect("a lane").to_string(),
            seen: ["quick", "slow"],
        },
        Row {
            what: "level",
            interval: Month,
            edit: ["level = \"hd\"\nfeatures", "level = \"basic\"\nfeatures"],
            told: [Some("hd"), Some("basic")],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| value(w, c, t, "size", Value::Text("large".to_owned())),
            seen: ["yes", "no"],
        },
        Row {
            what: "level",
            interval: Month,
            edit: ["level = \"hd\"\nfeatures", "level = \"top\"\nfeatures"],
            told: [Some("hd"), Some("top")],
            effect: Better,
            holds: Narrower,
            look: |w, c, t| value(w, c, t, "steps", Value::Integer(40)),
            seen: ["no", "yes"],
        },
        Row {
            what: "level",
            interval: Month,
            edit: ["level = \"hd\"\nfeatures", "features"],
            told: [Some("hd"), Some("all")],
            effect: Better,
            holds: Narrower,
            look: |w, c, t| value(w, c, t, "steps", Value::Integer(40)),
            seen: ["no", "yes"],
        },
        Row {
            what: "model photo, steps 31",
            interval: Month,
            edit: ["above = 30, level = \"top\"", "above = 30, level = \"hd\""],
            told: [Some("needs a higher level"), Some("allowed")],
            effect: Better,
            holds: Narrower,
            look: |w, c, t| value(w, c, t, "steps", Value::Integer(31)),
            seen: ["no", "yes"],
        },
        Row {
            what: "model photo, size large",
            interval: Month,
            edit: ["levels = { large = \"hd\" }", "levels = { large = \"top\" }"],
            told: [Some("allowed"), Some("needs a higher level")],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| value(w, c, t, "size", Value::Text("large".to_owned())),
            seen: ["yes", "no"],
        },
        Row {
            what: "capability workflow:read",
            interval: Month,
            edit: [", \"workflow:read\"]", "]"],
            told: [Some("included"), None],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| terms(w, c, t).plan().ceiling.join(" "),
            seen: ["model:run workflow:read", "model:run"],
        },
        Row {
            what: "feature commercial",
            interval: Month,
            edit: [", \"commercial\"]", "]"],
            told: [Some("included"), None],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| terms(w, c, t).plan().features.join(" "),
            seen: ["api commercial", "api"],
        },
        Row {
            what: "model elite",
            interval: Month,
            edit: ["plans = [\"pro\", \"max\"]", "plans = [\"max\"]"],
            told: [Some("included"), Some("not included")],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| model(w, c, t, "elite"),
            seen: ["open", "locked"],
        },
        Row {
            what: "model photo, runs a day",
            interval: Month,
            edit: ["runs_per_day = 5", "runs_per_day = 2"],
            told: [Some("5"), Some("2")],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| limit(terms(w, c, t).runs_per_day("photo")),
            seen: ["5", "2"],
        },
        Row {
            what: "model photo, runs a day",
            interval: Month,
            edit: ["limited = [{ model = \"photo\", runs_per_day = 5 }]\n", ""],
            told: [Some("5"), Some("unlimited")],
            effect: Better,
            holds: Narrower,
            look: |w, c, t| limit(terms(w, c, t).runs_per_day("photo")),
            seen: ["5", "unlimited"],
        },
        Row {
            what: "model film, trial",
            interval: Month,
            edit: ["runs = 3", "runs = 1"],
            told: [Some("3 runs"), Some("1 runs")],
            effect: Worse,
            holds: Wider,
            look: film_trial,
            seen: ["3", "1"],
        },
        Row {
            what: "model film, trial",
            interval: Month,
            edit: ["trial = [{ model = \"film\", runs = 3 }]\n", ""],
            told: [Some("3 runs"), None],
            effect: Worse,
            holds: Wider,
            look: film_trial,
            seen: ["3", "none"],
        },
        Row {
            what: "release_grace",
            interval: Month,
            edit: ["release_grace = \"48 hours\"", "release_grace = \"0 hours\""],
            told: [Some("2 days"), Some("0 seconds")],
            effect: Worse,
            holds: Wider,
            look: |_, _, _| String::new(),
            seen: ["", ""],
        },
        Row {
            what: "payment_grace",
            interval: Month,
            edit: ["payment_grace = \"48 hours\"", "payment_grace = \"24 hours\""],
            told: [Some("2 days"), Some("1 day")],
            effect: Worse,
            holds: Wider,
            look: |_, _, _| String::new(),
            seen: ["", ""],
        },
        Row {
            what: "processing_grace",
            interval: Month,
            edit: ["processing_grace = \"20 days\"", "processing_grace = \"5 days\""],
            told: [Some("20 days"), Some("5 days")],
            effect: Worse,
            holds: Wider,
            look: |_, _, _| String::new(),
            seen: ["", ""],
        },
        Row {
            what: "renewal_bridge",
            interval: Month,
            edit: ["renewal_bridge = \"2 hours\"", "renewal_bridge = \"0 hours\""],
            told: [Some("2 hours"), Some("0 seconds")],
            effect: Worse,
            holds: Wider,
            look: |_, _, _| String::new(),
            seen: ["", ""],
        },
        Row {
            what: "on_upgrade",
            interval: Month,
            edit: ["on_upgrade = \"carry\"", "on_upgrade = \"forfeit\""],
            told: [Some("carry"), Some("forfeit")],
            effect: Worse,
            holds: Wider,
            look: |w, c, t| is(terms(w, c, t).on_upgrade() == OnUpgrade::Carry),
            seen: ["yes", "no"],
        },
        Row {
            what: "price",
            interval: Month,
            edit: ["amount = 2000\n", "amount = 2500\n"],
            told: [Some("20.00 USD a month"), Some("25.00 USD a month")],
            effect: Worse,
            holds: Renewal,
            look: price,
            seen: ["2000 usd", "2500 usd"],
        },
        Row {
            what: "price",
            interval: Year,
            edit: ["amount = 20000\n", "amount = 25000\n"],
            told: [Some("200.00 USD a year"), Some("250.00 USD a year")],
            effect: Worse,
            holds: Renewal,
            look: price,
            seen: ["20000 usd", "25000 usd"],
        },
        Row {
            what: "price",
            interval: Month,
            edit: ["currency = \"usd\"\namount = 2000\n", "currency = \"eur\"\namount = 1900\n"],
            told: [Some("20.00 USD a month"), Some("19.00 EUR a month")],
            effect: Other,
            holds: Renewal,
            look: price,
            seen: ["2000 usd", "1900 eur"],
        },
        Row {
            what: "grant allowance",
            interval: Month,
            edit: ["{ amount = 1000, rollover_max = 100 }", "{ amount = 900, rollover_max = 100 }"],
            told: [
                Some("1000 credits every month, of which 100 roll over"),
                Some("900 credits every month, of which 100 roll over"),
            ],
            effect: Worse,
            holds: Renewal,
            look: newest_grants,
            seen: ["1000", "900"],
        },
        Row {
            what: "grant allowance",
            interval: Year,
            edit: ["{ amount = 1000, every = \"month\" }", "{ amount = 900, every = \"month\" }"],
            told: [Some("1000 credits every month"), Some("900 credits every month")],
            effect: Worse,
            holds: Renewal,
            look: newest_grants,
            seen: ["1000", "900"],
        },
        Row {
            what: "grant allowance",
            interval: Year,
            edit: ["{ amount = 1000, every = \"month\" }", "{ amount = 9000 }"],
            told: [Some("1000 credits every month"), Some("9000 credits every year")],
            effect: Worse,
            holds: Renewal,
            look: newest_grants,
            seen: ["1000", "9000"],
        },
        Row {
            what: "grant allowance",
            interval: Month,
            edit: ["1000, rollover_max = 100 }", "1000 }"],
            told: [Some("1000 credits every month, of which 100 roll over"), Some("1000 credits every month")],
            effect: Worse,
            holds: Renewal,
            look: newest_grants,
            seen: ["1000", "1000"],
        },
        Row {
            what: "grant allowance",
            interval: Month,
            edit: ["1000, rollover_max = 100 }", "1000, rollover_max = 100, models = [\"photo\"] }"],
            told: [
                Some("1000 credits every month, of which 100 roll over"),
                Some("1000 credits every month, for photo, of which 100 roll over"),
            ],
            effect: Worse,
            holds: Renewal,
            look: newest_grants,
            seen: ["1000", "1000 for photo"],
        },
        Row {
            what: "grant extra",
            interval: Month,
            edit: ["rollover_max = 100 }]", "rollover_max = 100 }, { code = \"extra\", amount = 50, bonus = true }]"],
            told: [None, Some("50 credits every month, as a bonus")],
            effect: Better,
            holds: Renewal,
            look: newest_grants,
            seen: ["1000", "1000 + 50 bonus"],
        },
        Row {
            what: "grant lora",
            interval: Month,
            edit: [
                "rollover_max = 100 }]",
                "rollover_max = 100 }, { code = \"lora\", amount = 2, unit = \"training\" }]",
            ],
            told: [None, Some("2 training units every month")],
            effect: Better,
            holds: Renewal,
            look: newest_grants,
            seen: ["1000", "1000 + 2 training"],
        },
    ]
}

/// Returns two versions, the second published on January 15th, and a workspace that pays for Pro since the 10th.
fn pro_workspace(first: &str, second: &str, interval: Interval) -> (Workspace, Catalogs) {
    let parsed = |text: &str| Arc::new(parse_catalog(text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}")));
    let mut catalogs = Catalogs::default();
    catalogs.publish(Timestamp::default(), parsed(first));
    catalogs.publish(at("2026-01-15T00:00:00Z"), parsed(second));
    let choice = Choice { plan: Name::from("pro"), interval: Some(interval), allowance: None, approve: Vec::new() };
    let command = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile: Profile { name: "w".to_owned(), owner: None, external_id: None },
        lifetime_allowed: true,
        choice: Some(choice),
        tenancy: Tenancy::Team,
        owner: None,
    });
    let unopened = Workspace::new(WorkspaceId::new(1));
    let opened = apply(&unopened, &catalogs, By::Operator, &command, at("2026-01-10T00:00:00Z"));
    (opened.unwrap_or_else(|refusal| panic!("{refusal:?}")).workspace, catalogs)
}

fn migrate(workspace: &Workspace, catalogs: &Catalogs, now: Timestamp) -> Workspace {
    let moved = apply(workspace, catalogs, By::Operator, &Command::Plan(PlanCommand::Migrate { version: 2 }), now);
    moved.unwrap_or_else(|refusal| panic!("{refusal:?}")).workspace
}

fn tick(workspace: &Workspace, catalogs: &Catalogs, now: Timestamp) -> Workspace {
    apply(workspace, catalogs, By::Operator, &Command::Tick, now).expect("time passes").workspace
}

fn foretold(workspace: &Workspace, catalogs: &Catalogs, now: Timestamp) -> Migration {
    preview_migration(workspace, catalogs, 2, now).expect("it is not refused").expect("there is something to move")
}

#[test]
fn what_is_foretold_of_each_field_is_what_happens() {
    let now = at("2026-01-20T00:00:00Z");
    for row in rows() {
        assert!(CATALOG.contains(row.edit[0]), "{}: {}", row.what, row.edit[0]);
        let texts = [CATALOG.to_owned(), CATALOG.replacen(row.edit[0], row.edit[1], 1)];
        for direction in [0, 1] {
            let (old, new) = (direction, 1 - direction);
            let context = format!("{} from {:?} to {:?}", row.what, row.told[old], row.told[new]);
            let (workspace, catalogs) = pro_workspace(&texts[old], &texts[new], row.interval);
            let forward = direction == 0;
            let effect = match row.effect {
                Effect::Better if !forward => Effect::Worse,
                Effect::Worse if !forward => Effect::Better,
                effect => effect,
            };
            // A name is neither wide nor narrow: the newer one always holds.
            let at_once =
                row.what == "name" || (row.holds == Holds::Narrower) == forward && row.holds != Holds::Renewal;

            let told = foretold(&workspace, &catalogs, now);
            let change = told.changes.iter().find(|change| change.what == row.what);
            let change = change.unwrap_or_else(|| panic!("{context}: not told of, but {:?}", told.changes));
            assert_eq!(
                [change.before.as_deref(), change.after.as_deref()],
                [row.told[old], row.told[new]],
                "{context}"
            );
            assert_eq!((change.effect, change.at_renewal), (effect, !at_once), "{context}");
            assert_eq!(
                told.is_worse(),
                effect == Effect::Worse || told.changes.len() > 1 && told.is_worse(),
                "{context}"
            );

            assert_eq!((row.look)(&workspace, &catalogs, now), row.seen[old], "{context}");
            let moved = migrate(&workspace, &catalogs, now);
            let holds = if at_once { row.seen[new] } else { row.seen[old] };
            assert_eq!((row.look)(&moved, &catalogs, now), holds, "{context}, right after the move");
            assert_eq!(moved.available(Unit::Credits, None, now), workspace.available(Unit::Credits, None, now));
            assert_eq!(moved.grants, workspace.grants, "{context}: a move grants nothing and takes nothing");
            assert_eq!(preview_migration(&moved, &catalogs, 2, now), Ok(None), "{context}: once is enough");
            assert_eq!(migrate(&moved, &catalogs, now), moved, "{context}: once more changes nothing");

            let renews = told.renews_at.expect("nothing ends it");
            if !at_once {
                assert_eq!(change.from, renews, "{context}");
            }
            let just_before = tick(&moved, &catalogs, renews.after_seconds(-1));
            assert_eq!((row.look)(&just_before, &catalogs, renews.after_seconds(-1)), holds, "{context}, before");
            let renewed = tick(&moved, &catalogs, renews);
            assert_eq!((row.look)(&renewed, &catalogs, renews), row.seen[new], "{context}, renewed");
            assert_eq!((renewed.catalog, renewed.subscription.sold, renewed.subscription.repriced), (2, None, None));
        }
    }
}

#[test]
fn a_dearer_price_waits_for_its_notice_and_a_cheaper_one_for_the_next_renewal() {
    let dearer = CATALOG.replace("amount = 2000\n", "amount = 2500\n").replace("amount = 20000\n", "amount = 25000\n");
    let now = at("2026-01-20T00:00:00Z");
    for (interval, from, renews) in [
        (Interval::Month, "2026-02-19T00:00:00Z", "2026-03-10T00:00:00Z"),
        (Interval::Year, "", "2027-01-10T00:00:00Z"),
    ] {
        let (workspace, catalogs) = pro_workspace(CATALOG, &dearer, interval);
        assert_eq!(foretold(&workspace, &catalogs, now).renews_at, Some(at(renews)), "{interval:?}");
        let moved = migrate(&workspace, &catalogs, now);
        if interval == Interval::Month {
            assert_eq!(moved.subscription.repriced.map(|repriced| repriced.from), Some(at(from)));
        }
        let (workspace, catalogs) = pro_workspace(&dearer, CATALOG, interval);
        let next = workspace.subscription.period.expect("it is paid for").end;
        assert_eq!(foretold(&workspace, &catalogs, now).renews_at, Some(next), "{interval:?}");
    }
}

#[test]
fn what_cannot_be_moved_is_refused_and_what_needs_no_move_is_none() {
    let now = at("2026-01-20T00:00:00Z");
    // The version no longer sells the plan by the year.
    let start = CATALOG.find("[[plan.price]]\ninterval = \"year\"").expect("it is sold by the year");
    let end = start + CATALOG[start..].find("[[plan]]").expect("a plan follows");
    let without = format!("{}{}", &CATALOG[..start], &CATALOG[end..]);
    let (workspace, catalogs) = pro_workspace(CATALOG, &without, Interval::Year);
    let refused = preview_migration(&workspace, &catalogs, 2, now);
    assert!(matches!(refused, Err(Refusal::InvalidRequest { .. })), "{refused:?}");
    // A version that does not exist, or is not in force yet.
    for (version, now) in [(3, now), (2, at("2026-01-14T00:00:00Z"))] {
        let refused = preview_migration(&workspace, &catalogs, version, now);
        assert_eq!(refused, Err(Refusal::NotFound { what: "catalog version" }));
    }
    // The older version: nothing would change.
    assert_eq!(preview_migration(&workspace, &catalogs, 1, now), Ok(None));
    // A workspace that pays for nothing.
    let (workspace, catalogs) =
        pro_workspace(CATALOG, &CATALOG.replace("concurrency = 2", "concurrency = 3"), Interval::Month);
    let cancelled =
        apply(&workspace, &catalogs, By::Operator, &Command::Plan(PlanCommand::Cancel), now).expect("it ends");
    let told = foretold(&cancelled.workspace, &catalogs, now);
    assert_eq!((told.renews_at, told.changes.len()), (None, 1), "it ends with its period: {told:?}");
    let ended = tick(&cancelled.workspace, &catalogs, at("2026-02-10T00:00:00Z"));
    assert_eq!(preview_migration(&ended, &catalogs, 2, at("2026-02-10T00:00:00Z")), Ok(None));
}

/// Returns three versions that sell Pro at these prices by the month, published on the 15th and the 25th of January.
fn three(prices: [i64; 3]) -> (Workspace, Catalogs) {
    let text = |price: i64| CATALOG.replace("amount = 2000\n", &format!("amount = {price}\n"));
    let (workspace, mut catalogs) = pro_workspace(&text(prices[0]), &text(prices[1]), Interval::Month);
    let third = parse_catalog(&text(prices[2])).expect("it is good");
    catalogs.publish(at("2026-01-25T00:00:00Z"), Arc::new(third));
    (workspace, catalogs)
}

#[test]
fn a_version_that_is_published_after_a_migration_takes_its_place_or_withdraws_it() {
    // Prices of the three versions; price and version that each renewal is sold at, and the limits' version then.
    let table = [
        ([2000, 2500, 2500], [(2000, 1, 2), (2500, 3, 3), (2500, 3, 3)]),
        ([2000, 2500, 3000], [(2000, 1, 2), (2500, 2, 2), (2500, 2, 2)]),
        ([2000, 2500, 2000], [(2000, 3, 3), (2000, 3, 3), (2000, 3, 3)]),
        ([2000, 1500, 2000], [(1500, 2, 2), (1500, 2, 2), (1500, 2, 2)]),
        ([2000, 1500, 1500], [(1500, 3, 3), (1500, 3, 3), (1500, 3, 3)]),
        ([2000, 2000, 2500], [(2000, 2, 2), (2000, 2, 2), (2000, 2, 2)]),
    ];
    for (prices, renewals) in table {
        let (workspace, catalogs) = three(prices);
        let mut workspace = migrate(&workspace, &catalogs, at("2026-01-20T00:00:00Z"));
        for (month, (amount, sold, limits)) in renewals.into_iter().enumerate() {
            let now = at(&format!("2026-{:02}-10T00:00:00Z", month + 2));
            let sale = scrip_engine::renewal_sale(&workspace, &catalogs, now).expect("it goes on");
            assert_eq!(sale.price.amount.map(|amount| amount.get()), Some(amount), "{prices:?}, renewal {month}");
            assert_eq!(sale.published.version, sold, "{prices:?}, renewal {month}");
            workspace = tick(&workspace, &catalogs, now);
            let terms = terms(&workspace, &catalogs, now);
            assert_eq!((terms.granting().published.version, workspace.catalog), (sold, limits), "{prices:?}, {month}");
        }
        assert_eq!(workspace.subscription.repriced, None, "{prices:?}");
    }
}

#[test]
fn a_second_migration_keeps_a_notice_that_was_given_of_as_much() {
    let (first, second) = (at("2026-01-20T00:00:00Z"), at("2026-01-26T00:00:00Z"));
    let (early, late) = (first.after_seconds(30 * 86_400), second.after_seconds(30 * 86_400));
    // The third price; the instant from which a renewal costs another one; `true` if members get another notice.
    for (third, from, told) in [
        (2500, Some(early), false),
        (2400, Some(early), true),
        (3000, Some(late), true),
        (2000, None, false),
        (1500, Some(second), false),
    ] {
        let (workspace, catalogs) = three([2000, 2500, third]);
        let moved = migrate(&workspace, &catalogs, first);
        assert_eq!(moved.subscription.repriced.map(|repriced| repriced.from), Some(early));
        let applied =
            apply(&moved, &catalogs, By::Operator, &Command::Plan(PlanCommand::Migrate { version: 3 }), second);
        let applied = applied.expect("it is moved");
        let repriced = applied.workspace.subscription.repriced;
        assert_eq!(repriced.map(|repriced| repriced.from), from, "to {third}");
        let notices = applied.events.iter().filter(|event| matches!(event.1, scrip_engine::Event::Notice(_)));
        assert_eq!(notices.count(), usize::from(told), "to {third}");
        assert_eq!((applied.workspace.catalog, applied.workspace.subscription.sold), (3, Some(1)));
    }
}
