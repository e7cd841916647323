//! The shipped catalogs, number by number: the files have the numbers of the design's tables.

use crate::language::{catalog, repository};
use scrip_engine::{
    Amount, Catalog, Interval, Model, Param, Params, PlanPrice, Unit, Value, includes, parse_catalog, parse_published,
    price, resolve_params,
};
use std::collections::BTreeSet;

const SHIPPED: [&str; 4] = ["canvas-tiers", "shared-balance", "two-buckets", "weekly-yearly"];

fn shipped_catalog(name: &str) -> Catalog {
    catalog(name).unwrap_or_else(|error| panic!("{error}"))
}

/// Number of units that a price grants at one time.
fn granted_units(price: &PlanPrice, unit: Unit) -> i64 {
    price.grants.iter().filter(|grant| grant.unit == unit).map(|grant| grant.amount.get()).sum()
}

fn cost(model: &Model, asked: &[(&str, Value)]) -> i64 {
    let asked: Params = asked.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    let resolved = resolve_params(model, &asked).expect("the parameters are the model's");
    price(model, &resolved).expect("the price is in range").credits.get()
}

#[test]
fn every_shipped_catalog_is_read_and_has_the_name_of_its_file() {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(repository().join("catalogs")).expect("the folder is committed") {
        let name = entry.expect("an entry of a folder can be read").file_name().into_string().expect("UTF-8");
        if let Some(name) = name.strip_suffix(".toml").filter(|name| *name != "sentences") {
            assert_eq!(*shipped_catalog(name).name, *name);
            found.insert(name.to_owned());
        }
    }
    assert_eq!(found, SHIPPED.into_iter().map(str::to_owned).collect(), "the catalogs that are shipped");
}

/// Row of a table: plan, interval, credits, training.
type Row = (&'static str, Interval, i64, i64);

#[test]
fn plans_give_what_the_tables_say() {
    use Interval::{Month, Week, Year};
    let tables: [(&str, &[Row]); 4] = [
        (
            "canvas-tiers",
            &[
                ("creator", Month, 1_700, 0),
                ("pro", Month, 5_000, 0),
                ("pro", Year, 5_500, 0),
                ("business", Month, 11_329, 0),
                ("business", Year, 12_462, 0),
                ("enterprise", Month, 0, 0),
                ("enterprise", Year, 0, 0),
            ],
        ),
        ("shared-balance", &[("basic", Month, 500, 0), ("plus", Month, 1_320, 0), ("max", Month, 3_600, 0)]),
        (
            "two-buckets",
            &[
                ("starter", Month, 600, 0),
                ("starter", Year, 7_200, 0),
                ("pro", Month, 2_000, 0),
                ("pro", Year, 24_000, 0),
            ],
        ),
        (
            "weekly-yearly",
            &[
                ("starter", Week, 200, 0),
                ("starter", Year, 10_400, 2),
                ("pro", Week, 450, 1),
                ("pro", Year, 23_400, 12),
                ("ultra", Week, 1_000, 5),
                ("ultra", Year, 52_000, 50),
                ("max", Week, 2_000, 10),
                ("max", Year, 104_000, 100),
            ],
        ),
    ];
    for (name, expected) in tables {
        let catalog = shipped_catalog(name);
        let prices = catalog.plans.iter().flat_map(|plan| plan.prices.iter().map(move |price| (plan, price)));
        let got: Vec<(String, Interval, i64, i64)> = prices
            .map(|(plan, price)| {
                let training = granted_units(price, Unit::Training);
                (plan.id.to_string(), price.interval, granted_units(price, Unit::Credits), training)
            })
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(plan, interval, c, t)| ((*plan).to_owned(), *interval, *c, *t)).collect();
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn free_plans_give_once_what_the_tables_say() {
    for (name, expected) in [("canvas-tiers", 250), ("shared-balance", 0), ("two-buckets", 20), ("weekly-yearly", 50)] {
        let catalog = shipped_catalog(name);
        let once: Amount = catalog.free().once.iter().map(|grant| grant.amount).sum();
        assert_eq!(once.get(), expected, "{name}");
        assert_eq!(&*catalog.free().id, "free", "{name}");
    }
}

#[test]
fn free_plans_have_no_price() {
    for name in SHIPPED {
        assert!(shipped_catalog(name).free().prices.is_empty(), "{name}");
    }
}

/// Row of the rate table: model, parameter, its value, credits; also where a range ends.
type RateRow = (&'static str, &'static str, i64, i64);

#[test]
fn models_cost_what_the_table_says() {
    let tables: [(&str, &[RateRow]); 4] = [
        (
            "canvas-tiers",
            &[
                ("image-standard", "images", 1, 10),
                ("video-standard", "duration", 1, 20),
                ("upscale", "", 0, 35),
                ("image-pro", "images", 1, 25),
                ("video-pro", "duration", 1, 30),
                ("seedance-2.0-text-to-video", "duration", 1, 40),
                ("seedance-2.0-image-to-video", "duration", 1, 40),
            ],
        ),
        (
            "shared-balance",
            &[
                ("seedance", "duration", 1, 20),
                ("seedance-draft", "duration", 1, 10),
                ("kling", "duration", 1, 20),
                ("image", "images", 1, 40),
                ("upscale", "", 0, 60),
            ],
        ),
        ("two-buckets", &[("sketch", "images", 1, 1), ("image", "images", 1, 10), ("video", "duration", 1, 20)]),
        (
            "weekly-yearly",
            &[
                ("flux-schnell", "images", 1, 10),
                ("flux-dev", "images", 1, 20),
                ("uncensored", "images", 1, 30),
                ("video", "duration", 1, 20),
                ("beta", "images", 1, 50),
                ("lora-training", "", 0, 1),
            ],
        ),
    ];
    for (name, expected) in tables {
        let catalog = shipped_catalog(name);
        let models: Vec<&str> = catalog.models.iter().map(|model| &*model.id).collect();
        assert_eq!(models, expected.iter().map(|(model, ..)| *model).collect::<Vec<_>>(), "{name}");
        for (id, param, many, credits) in expected {
            let model = catalog.model(id).expect("it was just listed");
            if *id == "lora-training" {
                let pictures = Value::List(vec!["a".to_owned()]);
                assert_eq!(cost(model, &[("references", pictures)]), *credits, "{name} {id}");
            } else if param.is_empty() {
                assert_eq!(cost(model, &[]), *credits, "{name} {id}");
            } else {
                assert_eq!(cost(model, &[(param, Value::Integer(*many))]), *credits, "{name} {id}");
                assert_eq!(cost(model, &[(param, Value::Integer(7))]), credits * 7, "{name} {id}");
            }
        }
    }
}

#[test]
fn every_model_that_renders_takes_a_prompt_and_a_seed() {
    for name in SHIPPED {
        for model in &shipped_catalog(name).models {
            assert!(matches!(model.params.get("prompt"), Some(Param::Text { .. })), "{name} {}: prompt", model.id);
            let seed = model.params.get("seed");
            assert!(matches!(seed, Some(Param::Integer { default: Some(0), .. })), "{name} {}: seed", model.id);
        }
    }
}

#[test]
fn gates_are_those_of_the_tables() {
    for (name, model, plans) in [
        ("canvas-tiers", "image-standard", "free creator pro business enterprise"),
        ("canvas-tiers", "image-pro", "pro business enterprise"),
        ("canvas-tiers", "video-pro", "pro business enterprise"),
        ("canvas-tiers", "seedance-2.0-text-to-video", "business enterprise"),
        ("canvas-tiers", "seedance-2.0-image-to-video", "business enterprise"),
        ("shared-balance", "seedance", "free basic plus max"),
        ("two-buckets", "sketch", "free starter pro"),
        ("two-buckets", "image", "free starter pro"),
        ("two-buckets", "video", "starter pro"),
        ("weekly-yearly", "flux-schnell", "free starter pro ultra max"),
        ("weekly-yearly", "uncensored", "pro ultra max"),
        ("weekly-yearly", "beta", "ultra max"),
        ("weekly-yearly", "lora-training", "starter pro ultra max"),
    ] {
        let catalog = shipped_catalog(name);
        let model = catalog.model(model).expect("the table names models");
        let included: Vec<&str> =
            catalog.plans.iter().map(|plan| &*plan.id).filter(|plan| includes(model, plan)).collect();
        assert_eq!(included.join(" "), plans, "{name} {}", model.id);
    }
}

#[test]
fn packs_are_those_of_the_table() {
    let rows = SHIPPED.iter().flat_map(|name| {
        let packs = shipped_catalog(name).packs.into_iter();
        packs.map(move |pack| {
            let expires = pack.expires.map_or("never".to_owned(), |span| span.to_string());
            format!(
                "{name} {} +{} {} {} {expires} [{}]",
                pack.credits,
                pack.bonus,
                pack.amount,
                pack.currency,
                pack.plans.join(",")
            )
        })
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            "canvas-tiers 1000 +0 1200 usd 90 days []",
            "shared-balance 300 +0 500 usd never []",
            "shared-balance 1000 +0 1500 usd never []",
            "shared-balance 5000 +500 7000 usd never []",
            "two-buckets 500 +0 1000 usd 12 months [pro]",
            "two-buckets 1000 +0 2000 usd 12 months [pro]",
        ]
    );
}

#[test]
fn limits_are_those_of_the_tables() {
    let shown = |value: Option<u32>| value.map_or("-".to_owned(), |value| value.to_string());
    let rows = SHIPPED.iter().flat_map(|name| {
        let plans = shipped_catalog(name).plans.into_iter();
        plans.map(move |plan| {
            let (lane, level) = (plan.lane.as_deref().unwrap_or("-"), plan.level.as_deref().unwrap_or("-"));
            let numbers = [plan.requests_per_minute, plan.batch, plan.storage_gb, plan.members].map(shown);
            format!("{name} {}: {} {lane} {level}", plan.id, numbers.join(" "))
        })
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            "canvas-tiers free: - - - - - -",
            "canvas-tiers creator: - - - - - -",
            "canvas-tiers pro: 100 - - - - -",
            "canvas-tiers business: 1000 - - - - -",
            "canvas-tiers enterprise: - - - - - -",
            "shared-balance free: - - - - - -",
            "shared-balance basic: - - - - - -",
            "shared-balance plus: - - - - - -",
            "shared-balance max: - - - - - -",
            "two-buckets free: - - 1 1 - -",
            "two-buckets starter: - - 10 1 - -",
            "two-buckets pro: - - 50 - - -",
            "weekly-yearly free: - 1 - - standard basic",
            "weekly-yearly starter: - 4 - - priority standard",
            "weekly-yearly pro: - 8 - - priority advanced",
            "weekly-yearly ultra: - 16 - - fastest full",
            "weekly-yearly max: - - - - instant full",
        ]
    );
}

#[test]
fn a_release_has_a_grace_of_a_day_and_none_in_two_buckets() {
    let grace = SHIPPED.map(|name| shipped_catalog(name).release_grace.to_string());
    assert_eq!(grace, ["1 day", "1 day", "0 seconds", "1 day"]);
}

#[test]
fn enterprise_has_no_price_of_its_own() {
    let catalog = shipped_catalog("canvas-tiers");
    for plan in &catalog.plans {
        assert_eq!(plan.custom, &*plan.id == "enterprise", "{}", plan.id);
    }
    let enterprise = catalog.plan("enterprise").expect("the catalog has it");
    assert!(enterprise.prices.iter().all(|price| price.amount.is_none() && price.grants.is_empty()));
}

#[test]
fn a_year_of_canvas_tiers_gives_a_bonus() {
    let catalog = shipped_catalog("canvas-tiers");
    for plan in ["pro", "business"] {
        let plan = catalog.plan(plan).expect("the catalog has it");
        let month = granted_units(plan.price(Interval::Month).expect("it is sold by the month"), Unit::Credits);
        let year = plan.price(Interval::Year).expect("it is sold by the year");
        assert_eq!(
            granted_units(year, Unit::Credits),
            (month * 110 + 99) / 100,
            "{}: 110 %, in whole credits",
            plan.id
        );
        assert!(year.grants.iter().all(|grant| grant.every == Some(Interval::Month)), "{}: monthly", plan.id);
    }
}

#[test]
fn higher_plans_and_packs_make_a_credit_cheaper() {
    let catalog = shipped_catalog("shared-balance");
    let of = |price: &PlanPrice| (price.amount.expect("it is sold").get(), granted_units(price, Unit::Credits));
    let plans: Vec<(i64, i64)> = catalog.plans.iter().flat_map(|plan| plan.prices.iter().map(of)).collect();
    let packs = catalog.packs.iter().map(|pack| (pack.amount.get(), (pack.credits + pack.bonus).get()));
    let packs: Vec<(i64, i64)> = packs.collect();
    let cheaper = |a: (i64, i64), b: (i64, i64)| a.0 * b.1 < b.0 * a.1;
    for steps in [&plans, &packs] {
        assert!(steps.len() > 1 && steps.windows(2).all(|pair| cheaper(pair[1], pair[0])), "{steps:?}");
    }
    let bonus = |price: &PlanPrice| price.grants.iter().any(|grant| grant.bonus);
    for (plan, has) in [("basic", false), ("plus", true), ("max", true)] {
        assert_eq!(catalog.plan(plan).expect("the catalog has it").prices.iter().all(bonus), has, "{plan}");
    }
    assert!(packs.iter().all(|pack| cheaper(*pack, plans[0])), "every pack against the entry plan: {packs:?}");
}

#[test]
fn two_buckets_plans_only_add() {
    let catalog = shipped_catalog("two-buckets");
    for pair in catalog.plans.windows(2) {
        let (lower, higher) = (&pair[0], &pair[1]);
        for model in &catalog.models {
            assert!(!includes(model, &lower.id) || includes(model, &higher.id), "{} on {}", model.id, higher.id);
        }
        let all = |of: &[String], by: &[String]| of.iter().all(|one| by.contains(one));
        assert!(all(&lower.ceiling, &higher.ceiling), "the ceiling of {}", higher.id);
        assert!(lower.features.iter().all(|feature| higher.features.contains(feature)), "features of {}", higher.id);
        assert!(lower.storage_gb < higher.storage_gb, "the storage of {}", higher.id);
        assert!(higher.retention.is_none(), "{} keeps what it has", higher.id);
    }
}

#[test]
fn a_year_saves_more_than_two_months() {
    let catalog = shipped_catalog("weekly-yearly");
    for plan in catalog.plans.iter().filter(|plan| !plan.prices.is_empty()) {
        let amount = |interval| plan.price(interval).and_then(|price| price.amount).expect("it is sold").get();
        let (week, year) = (amount(Interval::Week), amount(Interval::Year));
        assert!(week < year, "{}: a week is the smaller commitment", plan.id);
        // Two months of a year are 52 × 2 / 12 weeks.
        assert!((52 * week - year) * 12 > 52 * 2 * week, "{}: {week} a week, {year} a year", plan.id);
    }
}

#[test]
fn weekly_yearly_prices_stay_inside_their_ranges() {
    let catalog = shipped_catalog("weekly-yearly");
    for model in ["flux-schnell", "flux-dev", "uncensored", "beta"] {
        let one = cost(catalog.model(model).expect("the catalog has it"), &[("images", Value::Integer(1))]);
        assert!((10..=200).contains(&one), "{model}: {one} a picture");
    }
    let video = catalog.model("video").expect("the catalog has it");
    let Some(Param::Integer { min, max, .. }) = video.params.get("duration") else { panic!("a film has a duration") };
    assert_eq!(cost(video, &[("duration", Value::Integer(*min))]), 20);
    assert_eq!(cost(video, &[("duration", Value::Integer(*max))]), 800);
}

fn reference() -> String {
    std::fs::read_to_string(repository().join("docs/CATALOGS.md")).expect("the reference is committed")
}

#[test]
fn the_examples_of_the_reference_are_one_catalog() {
    let text = reference();
    let examples = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().expect("a fence is closed"));
    let examples: String = examples.collect();
    let catalog = scrip_engine::parse_catalog(&examples).unwrap_or_else(|problems| panic!("{problems:?}\n{examples}"));
    let video = catalog.model("video").expect("the reference has it");
    let references = Value::List(vec!["a".to_owned(), "b".to_owned()]);
    let asked =
        [("resolution", Value::Text("1080p".to_owned())), ("audio", Value::Boolean(true)), ("references", references)];
    assert_eq!(cost(video, &asked), 255, "the price that the reference computes");
}

#[test]
fn the_reference_names_every_key() {
    let text = reference();
    let mut keys = BTreeSet::new();
    for name in SHIPPED {
        collect_keys(&serde_json::to_value(shipped_catalog(name)).expect("a catalog is data"), &mut keys);
    }
    assert!(keys.len() > 50 && keys.contains("runs_per_day"), "{keys:?}");
    let named = |key: &str| ["`KEY`", "KEY = ", ".KEY]]"].iter().any(|form| text.contains(&form.replace("KEY", key)));
    let missing: Vec<&String> = keys.iter().filter(|key| !named(key)).collect();
    assert!(missing.is_empty(), "docs/CATALOGS.md does not name {missing:?}");
}

/// Collects the keys of the format, without those of tables whose keys the catalog chooses.
fn collect_keys(value: &serde_json::Value, keys: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                keys.insert(key.clone());
                match (key.as_str(), value) {
                    ("params", serde_json::Value::Object(chosen)) => {
                        chosen.values().for_each(|value| collect_keys(value, keys));
                    }
                    ("ranks" | "when", _) => {}
                    _ => collect_keys(value, keys),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

#[test]
fn a_link_is_an_https_address_or_a_path_and_an_older_one_leads_nowhere() {
    let file = |link: &str| {
        let link = link.replace('\\', "\\\\").replace('"', "\\\"");
        let broken = repository().join("crates/engine/tests/broken/links-elsewhere.toml");
        let text = std::fs::read_to_string(broken).expect("it is committed");
        text.replace("javascript:alert(1)", &link).replace("//evil.example/apply", "/apply")
    };
    for good in [
        "/settings/billing",
        "/",
        "/a?b=c:d#e",
        "billing",
        "./billing?x=1",
        "#plans",
        "https://example.com",
        "https://example.com:8443/billing?plan=pro#top",
        "https://bücher.example/preise",
    ] {
        let catalog = parse_catalog(&file(good)).unwrap_or_else(|problems| panic!("{good}: {problems:?}"));
        assert_eq!(catalog.links.upgrade.as_deref(), Some(good));
        assert_eq!(parse_published(&file(good)).expect("it is good").links.upgrade.as_deref(), Some(good));
    }
    for bad in [
        "",
        " ",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\\tscript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "http://example.com",
        "//evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "https://",
        "https:///x",
        "https://:443/",
        "https://user@example.com",
        "https:/example.com",
        "HTTPS://example.com",
        "mailto:a@example.com",
        "tel:1",
        "/a b",
        "/a\"b",
        "/<x>",
        &format!("/{}", "a".repeat(2_000)),
    ] {
        let problems = parse_catalog(&file(bad)).expect_err(bad);
        let told = problems.iter().find(|problem| problem.path == "links.upgrade");
        assert!(told.is_some_and(|told| told.line == 5), "{bad}: {problems:?}");
        // A published catalog with a bad link can still be served, without the link.
        let kept = parse_published(&file(bad)).unwrap_or_else(|problems| panic!("{bad}: {problems:?}"));
        assert_eq!(kept.links.upgrade, None, "{bad}");
    }
}
