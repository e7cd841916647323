//! Top-ups: every status as docs/STRIPE.md has them in a table, with the ways into it and out of it, its mails and its
//! charges.

use reqwest::Method;
use scrip_testing::app::{Desk, PATIENCE, root, temporary, text};
use scrip_testing::shop::{BAD, Buyer, GOOD, Shop};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Card whose bank asks its owner for a confirmation of every charge.
const CONFIRMED: &str = "pm_card_authenticationRequired";
/// Bank accounts: debits of the first settle after days, debits of the second are refused then.
const DEBIT: &str = "pm_usBankAccount_success";
const REFUSED_DEBIT: &str = "pm_usBankAccount_insufficientFunds";

/// Returns the shipped catalog with another pack, or without it.
fn catalog(pack: Option<(u32, u32)>) -> String {
    let text = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("it is committed");
    let (start, rest) = text.split_once("[[pack]]").expect("it sells a pack");
    let (own, rest) = rest.split_once("\n\n").unwrap_or((rest, ""));
    assert!(own.contains("credits-1000") && own.contains("90 days"), "{own}");
    let own = pack.map_or_else(String::new, |(credits, amount)| {
        format!(
            "[[pack]]\nid = \"credits-1000\"\ncredits = {credits}\ncurrency = \"usd\"\namount = {amount}\n\
             expires = \"90 days\"\n"
        )
    });
    format!("{start}{own}\n{rest}")
}

/// Opens a shop whose catalog the story changes.
fn open() -> Shop {
    let directory = temporary();
    std::fs::create_dir_all(&directory).expect("it can be made");
    let file = directory.join("catalog.toml");
    std::fs::write(&file, catalog(Some((1000, 1200)))).expect("it can be written");
    let mut shop = Shop::of_file(&file);
    shop.tell();
    shop
}

/// Publishes the catalog with another pack, and waits until it is in force, and offered to a workspace.
async fn publish(shop: &Shop, pack: Option<(u32, u32)>, desk: Option<&Desk<'_>>) {
    shop.app.post("/v1/catalogs", json!({ "toml": catalog(pack) })).await.expect(201);
    let known;
    let desk = match desk {
        Some(desk) => desk,
        None => {
            known = shop.app.free().await;
            &known
        }
    };
    let offered = async {
        loop {
            let billing = desk.get("/v1/billing").await.expect(200);
            let packs: Vec<&Value> =
                billing["offers"].as_array().expect("a list").iter().filter(|offer| !offer["pack"].is_null()).collect();
            let shows = |offer: &Value, member: &str, number: u32| offer[member] == number;
            let is_it = |&(credits, amount): &(u32, u32)| {
                packs.len() == 1 && shows(packs[0], "credits", credits) && shows(packs[0], "amount", amount)
            };
            if pack.as_ref().map_or(packs.is_empty(), is_it) {
                break;
            }
        }
    };
    assert!(tokio::time::timeout(PATIENCE, offered).await.is_ok(), "{pack:?} is never offered");
}

/// Sets up a top-up below 100 credits, and returns the answer.
async fn ask(desk: &Desk<'_>, monthly_max: i64) -> Value {
    let terms = json!({ "pack": "credits-1000", "below": 100, "monthly_max": monthly_max });
    desk.call(Method::PUT, "/v1/billing/top_up").json(&terms).send().await.expect(200)
}

async fn end(desk: &Desk<'_>) {
    desk.call(Method::DELETE, "/v1/billing/top_up").send().await.expect(200);
}

/// Spends until 50 credits are left, without waiting for the top-up.
async fn cross(desk: &Desk<'_>) {
    let hold = json!({ "credits": desk.credits().await.0 - 50, "reference": "r" });
    let hold = desk.post("/v1/holds", hold).await.expect(201);
    desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
}

/// Returns status and reason, the cost of the month, and the credits.
async fn stands(desk: &Desk<'_>) -> (String, i64, i64) {
    let top_up = desk.get("/v1/billing").await.expect(200)["top_up"].clone();
    let reason = top_up["reason"].as_str().unwrap_or_default();
    let status = format!("{} {reason}", text(&top_up["status"])).trim().to_owned();
    (status, top_up["spent"].as_i64().expect("an amount"), desk.credits().await.0)
}

#[track_caller]
fn is(stands: &(String, i64, i64), status: &str, spent: i64, credits: i64) {
    assert_eq!((stands.0.as_str(), stands.1, stands.2), (status, spent, credits));
}

/// Returns the amounts of a customer's payments that are paid.
async fn charges(shop: &Shop, customer: &str) -> Vec<i64> {
    let all = shop.stripe.get(&format!("/v1/charges?customer={customer}&limit=100")).await;
    let paid = all["data"].as_array().expect("a list").iter().filter(|charge| charge["paid"] == true);
    paid.map(|charge| charge["amount"].as_i64().expect("an amount")).collect()
}

/// Returns the events about top-ups in a workspace's journal, oldest first.
async fn events(desk: &Desk<'_>) -> Vec<String> {
    let entries = desk.entries().await;
    let all = entries.iter().flat_map(|entry| entry["events"].as_array().expect("a list"));
    let named = all.filter_map(|event| match &event[1]["billing"] {
        Value::String(name) => Some(name.clone()),
        Value::Object(one) => one.keys().next().cloned(),
        _ => None,
    });
    named.filter(|name| name.starts_with("top_up")).collect()
}

/// Makes the server reconcile a customer now.
async fn sync(desk: &Desk<'_>) {
    let answer = desk.app.post(&format!("/v1/workspaces/{}/customer/sync", desk.id), Value::Null).await;
    assert_eq!(answer.status, 200, "{}\n{}", answer.json(), desk.app.log());
}

/// Makes every call of a kind fail until the faults are cleared.
async fn fail(shop: &Shop, method: &str, path: &str, how: Value) {
    let mut fault = json!({ "method": method, "path": path, "times": 1_000_000 });
    for (name, value) in how.as_object().expect("an object") {
        fault[name] = value.clone();
    }
    shop.stripe.control("/faults", fault).await;
}

/// Ends the faults, once a reconciliation that began before is over: it may yet charge what is not wanted now.
async fn mend(shop: &Shop, desk: &Desk<'_>) {
    shop.app.post(&format!("/v1/workspaces/{}/customer/sync", desk.id), Value::Null).await;
    shop.account(|state| state.calls.faults.clear());
}

/// Returns the kinds of the mails about top-ups to a workspace's people, of a server that is stopped.
fn mails(shop: &Shop, desk: &str) -> Vec<String> {
    let rows = shop.app.query("SELECT id, kind FROM mails WHERE kind LIKE 'top_up%' ORDER BY id");
    let of_desk = rows.lines().filter_map(|row| row.split_once('|')).filter(|(id, _)| id.starts_with(desk));
    of_desk.map(|(_, kind)| kind.to_owned()).collect()
}

/// Cuts every request for a payment, and spends until a top-up is due.
async fn wish_in_vain(buyer: &Buyer<'_>) {
    fail(buyer.shop, "POST", "/v1/payment_intents", json!({ "cut": "before" })).await;
    ask(&buyer.desk, 12_000).await;
    cross(&buyer.desk).await;
    is(&stands(&buyer.desk).await, "buying", 1200, 50);
}

/// A row of the table, with everything that a story about it has seen.
struct StoryRow {
    desk: String,
    statuses: Vec<String>,
    mails: Vec<&'static str>,
    charged: usize,
}

/// Failures: each stops the top-up at once, costs nothing, sends one mail, and can be set up again.
async fn failures(shop: &Shop, seen: &mut Vec<StoryRow>) {
    let card = |card: &'static str| (card, Value::Null);
    let refusal = json!({ "status": 400, "code": "amount_too_small" });
    for ((card, fault), status) in [
        (card(BAD), "stopped declined"),
        (card(CONFIRMED), "stopped authentication_required"),
        (card(REFUSED_DEBIT), "stopped declined"),
        ((GOOD, refusal), "stopped refused"),
    ] {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.card(card).await;
        if !fault.is_null() {
            fail(shop, "POST", "/v1/payment_intents", fault.clone()).await;
        }
        ask(&buyer.desk, 2400).await;
        cross(&buyer.desk).await;
        buyer.settle().await;
        if card == REFUSED_DEBIT {
            is(&stands(&buyer.desk).await, "buying", 1200, 50);
            buyer.pass("2026-01-20T00:00:00Z").await;
        }
        is(&stands(&buyer.desk).await, status, 0, 50);
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        let is_payment = billing["declined"]["invoice"].as_str().is_some_and(|id| id.starts_with("pi_"));
        assert_eq!(is_payment, fault.is_null(), "{billing}");
        let told: &[&str] = if fault.is_null() { &[] } else { &["top_up_refused"] };
        assert_eq!(shop.alerts().await, told, "{status}: the operator is told of what only they can mend");
        mend(shop, &buyer.desk).await;
        buyer.card(GOOD).await;
        cross_again(&buyer).await;
        is(&stands(&buyer.desk).await, status, 0, 50);
        assert_eq!(charges(shop, &buyer.customer).await, [0; 0], "{status}: the card is not charged again and again");
        ask(&buyer.desk, 2400).await;
        buyer.settle().await;
        is(&stands(&buyer.desk).await, "on", 1200, 1050);
        assert_eq!(buyer.desk.get("/v1/billing").await.expect(200)["declined"], Value::Null);
        assert_eq!(shop.alerts().await, Vec::<String>::new(), "{status}");
        let charged = charges(shop, &buyer.customer).await.len();
        let statuses = vec![status.to_owned(), "on".to_owned()];
        seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses, mails: vec!["top_up_stopped"], charged });
    }
}

async fn cross_again(buyer: &Buyer<'_>) {
    buyer.desk.give(500).await;
    cross(&buyer.desk).await;
    buyer.settle().await;
}

/// AU-96, AU-97: without a customer, without a payment method, and with a customer who was deleted.
async fn nothing_to_pay_with(shop: &Shop, seen: &mut Vec<StoryRow>) {
    let nobody = shop.app.free().await;
    let set = ask(&nobody, 2400).await;
    assert_eq!((&set["status"], &set["reason"]), (&json!("paused"), &json!("no_payment_method")));
    let paused = stands(&nobody).await.0;
    cross(&nobody).await;
    let ended = async { while stands(&nobody).await.0 == "buying" {} };
    assert!(tokio::time::timeout(PATIENCE, ended).await.is_ok(), "it ends, and at once");
    is(&stands(&nobody).await, "stopped no_payment_method", 0, 50);
    // The buyer buys the pack: one pack, one charge; and the top-up can be set up again.
    shop.buy(&nobody, json!({ "pack": "credits-1000" })).await;
    is(&stands(&nobody).await, "stopped no_payment_method", 0, 1050);
    let known = shop.app.get(&format!("/v1/workspaces/{}/customer", nobody.id)).await.expect(200);
    let customer = text(&known["customer"]);
    assert_eq!(charges(shop, &customer).await, [1200]);
    assert_eq!(ask(&nobody, 2400).await["status"], "on");
    cross(&nobody).await;
    shop.settle(&nobody).await;
    is(&stands(&nobody).await, "on", 1200, 1050);
    assert_eq!(
        events(&nobody).await,
        ["top_up_set", "top_up_requested", "top_up_ended", "top_up_set", "top_up_requested", "top_up_ended"]
    );
    let charged = charges(shop, &customer).await.len();
    let statuses = vec![paused, "stopped no_payment_method".to_owned()];
    seen.push(StoryRow { desk: nobody.id.clone(), statuses, mails: vec!["top_up_stopped"], charged });

    // A checkout session was opened and not paid.
    let looked = shop.app.free().await;
    looked.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
    assert_eq!(ask(&looked, 2400).await["status"], "on");
    cross(&looked).await;
    shop.settle(&looked).await;
    is(&stands(&looked).await, "stopped no_payment_method", 0, 50);
    seen.push(StoryRow { desk: looked.id.clone(), statuses: Vec::new(), mails: vec!["top_up_stopped"], charged: 0 });

    let deleted = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    ask(&deleted.desk, 2400).await;
    shop.stripe.delete(&format!("/v1/customers/{}", deleted.customer)).await;
    cross(&deleted.desk).await;
    deleted.settle().await;
    is(&stands(&deleted.desk).await, "stopped no_payment_method", 0, 50);
    seen.push(StoryRow {
        desk: deleted.desk.id.clone(),
        statuses: Vec::new(),
        mails: vec!["top_up_stopped"],
        charged: 0,
    });
}

/// The month's maximum, and the effects of a freeze and a dispute on a wish.
async fn pauses(shop: &Shop, seen: &mut Vec<StoryRow>) {
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    ask(&buyer.desk, 1200).await;
    cross(&buyer.desk).await;
    buyer.settle().await;
    is(&stands(&buyer.desk).await, "used_up", 1200, 1050);
    for _ in 0..2 {
        cross_again(&buyer).await;
    }
    is(&stands(&buyer.desk).await, "used_up", 1200, 50);
    // The top-up goes on in the next month without a request.
    buyer.pass("2026-02-01T00:00:01Z").await;
    is(&stands(&buyer.desk).await, "used_up", 1200, 1050);
    let charged = charges(shop, &buyer.customer).await.len();
    let statuses = vec!["used_up".to_owned()];
    seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses, mails: vec!["top_up_put_off"], charged });

    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    wish_in_vain(&buyer).await;
    let freeze = format!("/v1/workspaces/{}/freeze", buyer.desk.id);
    shop.app.post(&freeze, json!({ "frozen": true, "reason": "fraud" })).await.expect(200);
    is(&stands(&buyer.desk).await, "paused frozen", 0, 50);
    mend(shop, &buyer.desk).await;
    sync(&buyer.desk).await;
    assert_eq!(charges(shop, &buyer.customer).await, [0; 0]);
    shop.app.post(&freeze, json!({ "frozen": false })).await.expect(200);
    sync(&buyer.desk).await;
    is(&stands(&buyer.desk).await, "on", 1200, 1050);
    let charged = charges(shop, &buyer.customer).await.len();
    let statuses = vec!["buying".to_owned(), "paused frozen".to_owned()];
    seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses, mails: Vec::new(), charged });

    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    buyer.buy(json!({ "pack": "credits-1000" })).await;
    wish_in_vain(&buyer).await;
    let charge = text(&buyer.charge().await["id"]);
    let (status, dispute) = shop.stripe.control(&format!("/charges/{charge}/dispute"), json!({})).await;
    assert_eq!(status, 200, "{dispute}");
    sync(&buyer.desk).await;
    let disputed = stands(&buyer.desk).await;
    assert_eq!((disputed.0.as_str(), disputed.1), ("paused disputed", 0));
    mend(shop, &buyer.desk).await;
    sync(&buyer.desk).await;
    assert_eq!(charges(shop, &buyer.customer).await, [1200], "a pack by hand, and no other");
    let dispute = text(&dispute["id"]);
    shop.stripe.control(&format!("/disputes/{dispute}/decide"), json!({ "won": true })).await;
    buyer.settle().await;
    sync(&buyer.desk).await;
    is(&stands(&buyer.desk).await, "on", 1200, 1050);
    let charged = charges(shop, &buyer.customer).await.len();
    let statuses = vec![disputed.0];
    seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses, mails: Vec::new(), charged });
}

/// Changes that drop a wish while Stripe cannot be asked.
async fn drops(shop: &Shop, seen: &mut Vec<StoryRow>) {
    // An operator gives credits.
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    wish_in_vain(&buyer).await;
    buyer.desk.give(1000).await;
    is(&stands(&buyer.desk).await, "on", 0, 1050);
    mend(shop, &buyer.desk).await;
    sync(&buyer.desk).await;
    is(&stands(&buyer.desk).await, "on", 0, 1050);
    assert_eq!(charges(shop, &buyer.customer).await, [0; 0]);
    cross(&buyer.desk).await;
    buyer.settle().await;
    is(&stands(&buyer.desk).await, "on", 1200, 1050);
    let names = ["top_up_set", "top_up_requested", "top_up_dropped", "top_up_requested", "top_up_ended"];
    assert_eq!(events(&buyer.desk).await, names);
    let charged = charges(shop, &buyer.customer).await.len();
    seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses: Vec::new(), mails: Vec::new(), charged });

    // The buyer buys the pack; the operator gives one; the top-up is switched off.
    for how in ["bought", "given", "off"] {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        wish_in_vain(&buyer).await;
        match how {
            "bought" => {
                let page = buyer.desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
                shop.pay(&page).await;
                shop.stripe.quiet().await;
            }
            "given" => {
                let path = format!("/v1/workspaces/{}/grants", buyer.desk.id);
                let give = json!({ "pack": "credits-1000", "reason": "by hand" });
                shop.app.call(Method::POST, &path).once().json(&give).send().await.expect(201);
            }
            _ => end(&buyer.desk).await,
        }
        mend(shop, &buyer.desk).await;
        sync(&buyer.desk).await;
        buyer.settle().await;
        let (status, credits, by_hand) = match how {
            "bought" => ("on", 1050, 1),
            "given" => ("on", 1050, 0),
            _ => ("off", 50, 0),
        };
        is(&stands(&buyer.desk).await, status, 0, credits);
        assert_eq!(charges(shop, &buyer.customer).await.len(), by_hand, "{how}");
        let statuses = vec![status.to_owned()];
        seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses, mails: Vec::new(), charged: by_hand });
    }

    // Two months pass while Stripe cannot be asked: one charge, in the month of the charge.
    let buyer = shop.buyer("2026-01-15T00:00:00Z", json!({})).await;
    wish_in_vain(&buyer).await;
    buyer.here("2026-03-15T00:00:00Z").await;
    mend(shop, &buyer.desk).await;
    buyer.there("2026-03-15T00:00:00Z").await;
    sync(&buyer.desk).await;
    buyer.settle().await;
    is(&stands(&buyer.desk).await, "on", 1200, 1050);
    let charged = charges(shop, &buyer.customer).await.len();
    seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses: Vec::new(), mails: Vec::new(), charged });
}

/// A payment on its way, or without a webhook, is not lost, in any case.
async fn charges_on_their_way(shop: &Shop, seen: &mut Vec<StoryRow>) {
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    buyer.card(DEBIT).await;
    ask(&buyer.desk, 12_000).await;
    cross(&buyer.desk).await;
    buyer.settle().await;
    is(&stands(&buyer.desk).await, "buying", 1200, 50);
    buyer.desk.give(1000).await;
    buyer.buy(json!({ "pack": "credits-1000" })).await;
    is(&stands(&buyer.desk).await, "buying", 1200, 2050);
    end(&buyer.desk).await;
    is(&stands(&buyer.desk).await, "off", 1200, 2050);
    buyer.pass("2026-01-20T00:00:00Z").await;
    is(&stands(&buyer.desk).await, "off", 1200, 3050);
    let charged = charges(shop, &buyer.customer).await.len();
    assert_eq!(charged, 2);
    seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses: Vec::new(), mails: Vec::new(), charged });

    // The answer is lost, a gift drops the wish, and the pack is smaller by now: the payment gives the credits of its
    // time.
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    fail(shop, "GET", "/v1/payment_intents", json!({ "status": 503 })).await;
    ask(&buyer.desk, 12_000).await;
    let method = shop.stripe.get(&format!("/v1/customers/{}", buyer.customer)).await;
    let method = text(&method["invoice_settings"]["default_payment_method"]);
    cross(&buyer.desk).await;
    let version = shop.app.get("/v1/catalog").await.expect(200)["version"].to_string();
    let form = [
        ("amount", "1200"),
        ("currency", "usd"),
        ("customer", &*buyer.customer),
        ("payment_method", &*method),
        ("confirm", "true"),
        ("off_session", "true"),
        ("metadata[scrip_top_up]", "1"),
        ("metadata[scrip_pack]", "credits-1000"),
        ("metadata[scrip_catalog]", &*version),
        ("metadata[scrip_workspace]", &*buyer.desk.id),
    ];
    shop.stripe.post("/v1/payment_intents", &form).await;
    buyer.desk.give(1000).await;
    publish(shop, Some((900, 1200)), Some(&buyer.desk)).await;
    mend(shop, &buyer.desk).await;
    sync(&buyer.desk).await;
    let late = stands(&buyer.desk).await;
    assert_eq!((late.1, late.2), (1200, 2050), "it counts, and brings what was paid for: {late:?}");
    assert!(events(&buyer.desk).await.contains(&"top_up_paid".to_owned()));
    publish(shop, Some((1000, 1200)), None).await;
    seen.push(StoryRow {
        desk: buyer.desk.id.clone(),
        statuses: Vec::new(),
        mails: vec!["top_up_stopped"],
        charged: 1,
    });

    // A payment for a pack that was never sold cannot be given: the top-up stops, and an alert tells the operator.
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    buyer.card(DEBIT).await;
    ask(&buyer.desk, 12_000).await;
    cross(&buyer.desk).await;
    buyer.settle().await;
    let path = format!("/v1/payment_intents?customer={}", buyer.customer);
    let payment = text(&shop.stripe.get(&path).await["data"][0]["id"]);
    shop.account(|state| state.edit(&payment, |payment| payment.set("metadata.scrip_pack", "no-such-pack")));
    buyer.pass("2026-01-20T00:00:00Z").await;
    is(&stands(&buyer.desk).await, "stopped not_given", 1200, 50);
    let statuses = vec!["stopped not_given".to_owned()];
    seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses, mails: vec!["top_up_stopped"], charged: 1 });
}

/// R33: a pack whose price changed, before the crossing and between the wish and its charge.
async fn publishes(shop: &Shop, seen: &mut Vec<StoryRow>) {
    let agreed = Some((1000, 1200));
    for (now, status, price, credits) in [
        (Some((1000, 1500)), "stopped pack_changed", 1500, 1050),
        (Some((800, 1200)), "stopped pack_changed", 1200, 850),
        (None, "stopped pack_gone", 0, 50),
        (Some((1000, 900)), "on", 900, 1050),
        (Some((1500, 1200)), "on", 1200, 1550),
    ] {
        for wished in [false, true] {
            publish(shop, agreed, None).await;
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            if wished {
                wish_in_vain(&buyer).await;
                publish(shop, now, Some(&buyer.desk)).await;
                mend(shop, &buyer.desk).await;
                sync(&buyer.desk).await;
            } else {
                ask(&buyer.desk, 12_000).await;
                publish(shop, now, Some(&buyer.desk)).await;
                // The status holds before anything happened in the workspace.
                assert_eq!(stands(&buyer.desk).await.0, status, "{now:?}");
                cross(&buyer.desk).await;
            }
            buyer.settle().await;
            let stopped = status != "on";
            if stopped {
                is(&stands(&buyer.desk).await, status, 0, 50);
                assert_eq!(charges(shop, &buyer.customer).await, [0; 0]);
            }
            if stopped && now.is_some() {
                ask(&buyer.desk, 12_000).await;
                buyer.settle().await;
            }
            let mut charged = 0;
            if now.is_some() {
                is(&stands(&buyer.desk).await, "on", price, credits);
                assert_eq!(charges(shop, &buyer.customer).await, [price], "{now:?}");
                charged = 1;
            }
            let mails = if stopped { vec!["top_up_stopped"] } else { Vec::new() };
            let statuses = vec![status.to_owned()];
            seen.push(StoryRow { desk: buyer.desk.id.clone(), statuses, mails, charged });
        }
    }
    publish(shop, agreed, None).await;
}

/// Returns the statuses of the table in docs/STRIPE.md, with their reasons.
fn documented_statuses() -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs/STRIPE.md")).expect("it is committed");
    let (_, table) = page.split_once("| status | reason |").expect("the table is there");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cell = |row: &str, n: usize| row.split('|').nth(n).unwrap_or_default().trim().replace('`', "");
    rows.map(|row| format!("{} {}", cell(row, 1), cell(row, 2)).trim().to_owned()).collect()
}

#[tokio::test]
async fn every_status_of_the_table_is_reached_left_told_and_charged_as_it_says() {
    let mut shop = open();
    let mut seen = Vec::new();
    failures(&shop, &mut seen).await;
    nothing_to_pay_with(&shop, &mut seen).await;
    pauses(&shop, &mut seen).await;
    drops(&shop, &mut seen).await;
    charges_on_their_way(&shop, &mut seen).await;
    publishes(&shop, &mut seen).await;
    let reached: BTreeSet<String> = seen.iter().flat_map(|seen| seen.statuses.clone()).collect();
    assert_eq!(reached, documented_statuses());
    assert_eq!(shop.alerts().await, ["wrong_price"]);
    shop.app.kill();
    for StoryRow { desk, statuses, mails: expected, charged } in &seen {
        assert_eq!(mails(&shop, desk), *expected, "{desk}: {statuses:?}, {charged} charges");
    }
    shop.app.verify();
}
