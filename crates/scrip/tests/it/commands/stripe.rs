//! Tests of `scrip stripe` against the simulator.

use scrip_testing::program::{Dir, failure, output, scrip};
use serde_json::Value;
use std::process::Command;
use stripe_simulator::{Config, Simulator};

/// A simulator that accepts one key.
struct Account {
    simulator: Simulator,
    _runtime: tokio::runtime::Runtime,
}

impl Account {
    fn open() -> Account {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let config = Config { key: Some("sk_test_account".to_owned()), ..Config::default() };
        let simulator = runtime.block_on(Simulator::start(config)).expect("a free port");
        Account { simulator, _runtime: runtime }
    }

    fn scrip(&self, arguments: &[&str], key: &str) -> Command {
        let mut command = scrip(&[&["stripe", "sync"], arguments].concat());
        command.env("SCRIP_STRIPE_API_URL", self.simulator.base_url()).env("SCRIP_STRIPE_SECRET_KEY", key);
        command
    }

    fn sync(&self, arguments: &[&str]) -> String {
        output(self.scrip(arguments, "sk_test_account"))
    }

    fn writes(&self) -> usize {
        self.simulator.app().lock().calls.list.iter().filter(|call| call.method == "POST").count()
    }
}

#[test]
fn a_dry_run_writes_nothing_and_a_second_run_has_nothing_to_do() {
    let account = Account::open();
    let told = account.sync(&["--catalog", "canvas-tiers"]);
    assert!(told.starts_with("account acct_"), "{told}");
    assert!(
        told.contains("test mode\n+ product plan creator: Creator\n+ price plan creator, month: 15.00 usd"),
        "{told}"
    );
    assert!(told.ends_with("14 changes to make; --apply makes them\n"), "{told}");
    assert_eq!(account.writes(), 0);
    let told = account.sync(&["--catalog", "canvas-tiers", "--apply"]);
    assert!(told.ends_with("14 changes made\n"), "{told}");
    assert_eq!(account.writes(), 14);
    let told = account.sync(&["--catalog", "canvas-tiers", "--apply"]);
    assert!(told.ends_with("test mode\nnothing to do\n"), "{told}");
    assert_eq!(account.writes(), 14);
}

#[test]
fn a_catalog_that_changed_is_told_to_programs() {
    let account = Account::open();
    account.sync(&["--catalog", "canvas-tiers", "--apply"]);
    let dir = Dir::new();
    let path = dir.path().join("new.toml");
    let text = include_str!("../../../../../catalogs/canvas-tiers.toml");
    std::fs::write(&path, text.replace("amount = 1200\n", "amount = 1500\n")).expect("it can be written");
    let told: Value = serde_json::from_str(&account.sync(&["--catalog", path.to_str().expect("UTF-8"), "--json"]))
        .expect("it is JSON");
    assert_eq!((&told["mode"], &told["applied"]), (&Value::from("test"), &Value::from(false)));
    let kinds: Vec<&str> =
        told["changes"].as_array().expect("a list").iter().filter_map(|change| change["kind"].as_str()).collect();
    assert_eq!(kinds, ["create_price", "set_default", "archive_price"]);
    assert_eq!(told["changes"][0]["at"], "pack credits-1000");
    let old = told["changes"][2]["id"].as_str().expect("an id");
    assert!(old.starts_with("price_"), "{told}");
    // The settings may come from a file.
    let config = dir.path().join("scrip.toml");
    std::fs::write(&config, format!("catalog = {path:?}\n")).expect("it can be written");
    let told = account.sync(&["--config", config.to_str().expect("UTF-8"), "--apply"]);
    assert!(told.contains("~ price pack credits-1000: 12.00 usd → 15.00 usd"), "{told}");
    assert!(told.contains(&format!("- price pack credits-1000: 12.00 usd ({old})")), "{told}");
}

#[test]
fn what_is_wrong_is_said_with_what_to_do_about_it_and_never_with_the_key() {
    let account = Account::open();
    let canvas = ["--catalog", "canvas-tiers"];
    let said = |mut command: Command, code: i32, words: &str| {
        command.env("SCRIP_LOG", "trace");
        let (exit, said) = failure(command);
        assert_eq!(exit, code, "{said}");
        assert!(said.contains(words) && !said.contains("hush"), "{said}");
    };
    said(account.scrip(&canvas, "sk_test_hush"), 1, "the key is not good, or no longer");
    said(account.scrip(&canvas, "pk_test_hush"), 2, "publishable");
    said(account.scrip(&canvas, "hush"), 2, "not a key of Stripe's");
    said(account.scrip(&[], "sk_test_hush"), 2, "name the catalog");
    said(account.scrip(&["--catalog", "nonesuch"], "sk_test_hush"), 1, "nonesuch");
    said(scrip(&["stripe", "sync", "--catalog", "canvas-tiers"]), 2, "name a key of the Stripe account");
    let mut elsewhere = account.scrip(&canvas, "sk_test_hush");
    elsewhere.env("SCRIP_STRIPE_API_URL", "http://example.com");
    said(elsewhere, 2, "must be an https address");
    let mut nowhere = account.scrip(&canvas, "sk_test_hush");
    nowhere.env("SCRIP_STRIPE_API_URL", "http://127.0.0.1:1");
    said(nowhere, 3, "can this machine reach it?");
    assert_eq!(account.writes(), 0);
}

#[test]
fn a_run_that_stopped_goes_on() {
    let account = Account::open();
    let fault = stripe_simulator::calls::Fault {
        params: Default::default(),
        method: Some("POST".to_owned()),
        path: "/v1/prices".to_owned(),
        times: 3,
        status: None,
        code: None,
        execute: false,
        cut: Some(stripe_simulator::calls::Cut::After),
    };
    account.simulator.app().with(|state| state.calls.faults.push(fault));
    let apply = ["--catalog", "canvas-tiers", "--apply"];
    let (exit, said) = failure(account.scrip(&apply, "sk_test_account"));
    assert!(exit == 3 && said.contains("stopped after 1 of 14 changes"), "{exit}: {said}");
    assert!(said.contains("run it again: nothing is made twice"), "{said}");
    let told = account.sync(&apply);
    // The price was made although its answer was lost.
    assert!(told.ends_with("12 changes made\n") && !told.contains("+ price plan creator"), "{told}");
    assert!(account.sync(&apply).ends_with("nothing to do\n"));
}
