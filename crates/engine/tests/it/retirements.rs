//! Credits, trials and keys that a retired model leaves behind: those that still reach a model, and those that are
//! over, are not counted.

use scrip_engine::team::{Key, KeyHash, KeyTerms, Tenancy};
use scrip_engine::{
    Amount, By, Capability, Catalog, Catalogs, Command, Give, GrantCommand, Mode, Name, Profile, StrandedUnits,
    Timestamp, Unit, Window, Workspace, WorkspaceCommand, WorkspaceId, apply, find_stranded, parse_catalog,
    retired_models,
};
use std::sync::Arc;

const CATALOG: &str = r#"
name = "retired"
free_plan = "free"

[[plan]]
id = "free"
name = "Free"
once = [{ code = "lora", amount = 2, unit = "training" }]

[[plan.trial]]
model = "film"
runs = 3

[[model]]
id = "photo"
name = "Photo"
output = "image"
rate = { credits = 10, per = "call" }

[[model]]
id = "film"
name = "Film"
output = "video"
plans = []
rate = { credits = 100, per = "call" }

[[model]]
id = "lora"
name = "Lora"
output = "weights"
unit = "training"
rate = { credits = 1, per = "call" }

[[model]]
id = "style"
name = "Style"
output = "weights"
unit = "training"
rate = { credits = 1, per = "call" }
"#;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Returns the catalog without some of its models, and with the film for a plan that no workspace is on.
fn without(models: &[&str]) -> Catalog {
    let mut text = CATALOG.replace("plans = []", "plans = [\"paid\"]");
    text += "\n[[plan]]\nid = \"paid\"\nname = \"Paid\"\n";
    text += "\n[[plan.price]]\ninterval = \"month\"\ncurrency = \"usd\"\namount = 900\n";
    let mut catalog = parse_catalog(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
    catalog.models.retain(|model| !models.contains(&&*model.id));
    catalog
}

fn workspace(catalogs: &Catalogs) -> Workspace {
    let now = at("2026-01-10T00:00:00Z");
    let open = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile: Profile { name: "w".to_owned(), owner: None, external_id: None },
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    let mut workspace = Workspace::new(WorkspaceId::new(1));
    let gift = |amount: i64, models: &[&str], ends: Option<&str>| {
        Command::Grant(GrantCommand::Give {
            give: Give::Goodwill {
                unit: Unit::Credits,
                amount: Amount::new(amount).expect("it is in range"),
                expires_at: ends.map(at),
                models: models.iter().map(|model| Name::from(*model)).collect(),
            },
            source: None,
            reason: "r".to_owned(),
        })
    };
    let gifts = [
        gift(7, &["photo"], None),
        gift(20, &["photo", "film"], None),
        gift(300, &["photo"], Some("2026-01-20T00:00:00Z")),
        gift(1000, &[], None),
    ];
    for command in [open].iter().chain(&gifts) {
        workspace = apply(&workspace, catalogs, By::Operator, command, now).expect("it is accepted").workspace;
    }
    let key = |n: u32, capabilities: Vec<Capability>, models: &[&str], ends: Option<&str>| Key {
        n,
        hash: KeyHash([n as u8; 32]),
        last4: "0000".to_owned(),
        retired: None,
        terms: KeyTerms {
            name: "k".to_owned(),
            capabilities,
            models: models.iter().map(|model| Name::from(*model)).collect(),
            workflows: Vec::new(),
            cap: None,
            expires_at: ends.map(at),
        },
        cap: None,
        owner: None,
        made_by: None,
        reviewed: false,
        made_at: now,
        frozen: None,
    };
    let of_one = |model: &str| vec![Capability::ModelRunOne(Some(model.to_owned()))];
    Arc::make_mut(&mut workspace.team).keys = vec![
        key(1, vec![Capability::ModelRun], &["film", "photo"], None),
        key(2, of_one("film"), &[], None),
        key(3, vec![Capability::ModelRun], &[], None),
        key(4, of_one("film"), &[], Some("2026-01-15T00:00:00Z")),
    ];
    let window = |model: &str, ends: &str| Window {
        plan: Name::from("free"),
        model: Name::from(model),
        open: Some((now, at(ends))),
        succeeded: true,
        withdrawn: 0,
    };
    workspace.windows = vec![window("photo", "2026-02-01T00:00:00Z"), window("photo", "2026-01-12T00:00:00Z")];
    workspace
}

/// Models that a publish retires, and the things that each leaves behind.
type Row<'t> = (&'t [&'t str], &'t [(&'t str, StrandedUnits)]);

#[test]
fn what_reaches_nothing_any_more_is_counted_and_nothing_else() {
    let now = without(&[]);
    let catalogs = Catalogs::single(now.clone());
    let workspace = workspace(&catalogs);
    let day = at("2026-01-25T00:00:00Z");
    let amount = |units: i64| Amount::new(units).expect("it is in range");
    let photo = StrandedUnits { credits: amount(7), trials: 1, keys: vec![1], ..StrandedUnits::default() };
    let film = StrandedUnits { trial_runs: amount(3), trials: 1, keys: vec![1, 2], ..StrandedUnits::default() };
    let training = StrandedUnits { training: amount(2), ..StrandedUnits::default() };
    // Models that go, and the things that each leaves behind.
    let table: [Row<'_>; 6] = [
        (&[], &[]),
        (&["photo"], &[("photo", photo.clone())]),
        (&["film"], &[("film", film.clone())]),
        (
            &["photo", "film"],
            &[
                // With both of its models gone the gift for two, and with all models of credits gone every credit.
                ("photo", StrandedUnits { credits: amount(1027), ..photo }),
                ("film", StrandedUnits { credits: amount(1020), ..film }),
            ],
        ),
        (&["lora"], &[]),
        (&["lora", "style"], &[("lora", training.clone()), ("style", training)]),
    ];
    for (gone, expected) in table {
        let next = without(gone);
        let names: Vec<Name> = retired_models(&now, &next);
        assert_eq!(names.len(), gone.len(), "{gone:?}");
        let found = find_stranded(&workspace, &now, &next, day);
        let expected = expected.iter().map(|(model, left)| (Name::from(*model), left.clone())).collect();
        assert_eq!(found, expected, "without {gone:?}");
    }
}
