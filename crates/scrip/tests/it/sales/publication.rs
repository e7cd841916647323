//! Publishing with a Stripe key: everything that a version sells can be bought from its first instant on, or it is not
//! published.

use reqwest::Method;
use scrip_testing::app::{Desk, PATIENCE, root, temporary, text};
use scrip_testing::shop::Shop;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Returns the text of the shipped catalog, with other prices for the plan Pro by the month and for the pack.
fn catalog(plan: u32, pack: u32) -> String {
    let text = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("it is committed");
    let changed = text
        .replace("amount = 3900\n", &format!("amount = {plan}\n"))
        .replace("amount = 1200", &format!("amount = {pack}"));
    assert!(plan == 3900 || changed != text, "the catalog has these prices");
    changed
}

/// Writes a catalog file in a directory of its own.
pub fn file(content: &str) -> PathBuf {
    let directory = temporary();
    std::fs::create_dir_all(&directory).expect("it can be made");
    let path = directory.join("catalog.toml");
    std::fs::write(&path, content).expect("it can be written");
    path
}

/// Waits until the plan Pro is offered at a price by the month: a version comes into force a moment ahead.
async fn is_offered(desk: &Desk<'_>, amount: u32) {
    let is_it = |offer: &Value| offer["plan"] == "pro" && offer["interval"] == "month" && offer["amount"] == amount;
    let offered = async {
        while !desk.get("/v1/billing").await.expect(200)["offers"].as_array().expect("a list").iter().any(is_it) {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, offered).await.is_ok(), "never offered at {amount}");
}

async fn versions(shop: &Shop) -> usize {
    shop.app.get("/v1/catalogs").await.expect(200)["data"].as_array().expect("a list").len()
}

#[tokio::test]
async fn what_is_published_can_be_bought_at_once() {
    // The start makes the prices of the first version.
    let mut shop = Shop::of_file(&file(&catalog(3900, 1200)));
    {
        let desk = shop.app.free().await;
        let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        assert_eq!(page["offer"]["amount"], 3900);
        for (plan, pack) in [(4900, 1500), (2900, 900), (3900, 1200)] {
            shop.app.post("/v1/catalogs", json!({ "toml": catalog(plan, pack) })).await.expect(201);
            let desk = shop.app.free().await;
            // Before the new version is in force the one before is sold, at its own price.
            desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
            is_offered(&desk, plan).await;
            let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
            assert_eq!(page["offer"]["amount"], plan);
            shop.pay(&page).await;
            shop.settle(&desk).await;
            assert_eq!(desk.show().await["plan"], "pro");
        }
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

#[tokio::test]
async fn while_two_versions_are_sold_each_sells_at_its_own_price() {
    let mut shop = Shop::open("canvas-tiers");
    {
        // The prices of the next version were made by hand, and their lookup keys moved; this one is still in force.
        let next = file(&catalog(4900, 1500));
        let listed = shop.stripe.get("/v1/prices?limit=100").await;
        let old: Vec<String> =
            listed["data"].as_array().expect("a list").iter().map(|price| text(&price["id"])).collect();
        shop.stripe.sync(&next);
        for price in old {
            shop.stripe.post(&format!("/v1/prices/{price}"), &[("active", "true")]).await;
        }
        let desk = shop.app.free().await;
        for (wish, amount) in
            [(json!({ "plan": "pro", "interval": "month" }), 3900), (json!({ "pack": "credits-1000" }), 1200)]
        {
            let page = desk.post("/v1/checkout", wish).await.expect(201);
            assert_eq!(page["offer"]["amount"], amount);
        }
    }
    shop.app.verify();
}

#[tokio::test]
async fn nothing_is_published_that_stripe_does_not_let_be_sold() {
    for fault in [
        json!({ "method": "POST", "path": "/v1/prices", "times": 20, "status": 400 }),
        json!({ "method": "POST", "path": "/v1/prices", "times": 20, "status": 403 }),
        json!({ "method": "GET", "path": "/v1/products*", "times": 20, "status": 401 }),
        json!({ "method": "GET", "path": "/v1/prices*", "times": 20, "cut": "before" }),
    ] {
        let mut shop = Shop::open("canvas-tiers");
        {
            shop.stripe.control("/faults", fault.clone()).await;
            let refused = shop.app.post("/v1/catalogs", json!({ "toml": catalog(4900, 1500) })).await;
            assert_eq!(refused.status, 503, "{fault}");
            let problem = refused.json();
            assert!(text(&problem["detail"]).starts_with("nothing is published, because Stripe"), "{problem}");
            assert_eq!((&problem["code"], &problem["retry_after"]), (&json!("UNAVAILABLE"), &Value::Null));
            assert_eq!(versions(&shop).await, 1, "{fault}");
            assert_eq!(shop.app.get("/v1/catalog").await.expect(200)["version"], 1);
        }
        shop.app.verify();
    }
}

#[tokio::test]
async fn what_stripe_does_not_sell_is_said_as_it_is_and_the_alert_ends_with_a_sync() {
    let catalog_file = file(&catalog(3900, 1200));
    let mut shop = Shop::of_file(&catalog_file);
    {
        let desk = shop.app.free().await;
        // Another catalog is synced to the account.
        shop.stripe.sync(&file(&catalog(4900, 1500)));
        for wish in [json!({ "plan": "pro", "interval": "month" }), json!({ "pack": "credits-1000" })] {
            let refused = desk.post("/v1/checkout", wish).await;
            assert_eq!(refused.status, 503);
            let problem = refused.json();
            let detail = text(&problem["detail"]);
            assert!(detail.starts_with("Stripe does not sell ") && detail.contains("scrip stripe sync"), "{detail}");
            assert!(!detail.contains("may be sent again"), "{detail}");
            assert_eq!((&problem["retryable"], &problem["retry_after"]), (&json!(false), &Value::Null));
        }
        assert_eq!(shop.alerts().await, ["not_synced", "not_synced"]);
        shop.stripe.sync(&catalog_file);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
        desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_restart_with_the_same_file_does_not_put_it_back() {
    let catalog_file = file(&catalog(1900, 1200));
    let mut shop = Shop::of_file(&catalog_file);
    shop.app.post("/v1/catalogs", json!({ "toml": catalog(2900, 1200) })).await.expect(201);
    let sells = async |shop: &Shop, amount: u32| {
        let desk = shop.app.free().await;
        is_offered(&desk, amount).await;
        let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        assert_eq!(page["offer"]["amount"], amount);
    };
    for _ in 0..2 {
        shop.restart().await;
        sells(&shop, 2900).await;
        assert_eq!(versions(&shop).await, 2);
    }
    shop.wait_for_log("a newer version was published since", 2).await;
    // Another file is published at the next start, and not before.
    std::fs::write(&catalog_file, catalog(3300, 1200)).expect("it can be written");
    for _ in 0..2 {
        shop.restart().await;
        sells(&shop, 3300).await;
        assert_eq!(versions(&shop).await, 3);
    }
    // The file of the first start is another one than that of the last start.
    std::fs::write(&catalog_file, catalog(1900, 1200)).expect("it can be written");
    shop.restart().await;
    sells(&shop, 1900).await;
    assert_eq!(versions(&shop).await, 4);
    // Stripe refuses the next prices: the version before stays, and the next start tries again.
    std::fs::write(&catalog_file, catalog(4400, 1200)).expect("it can be written");
    let fault = json!({ "method": "POST", "path": "/v1/prices", "times": 1, "status": 400 });
    shop.stripe.control("/faults", fault).await;
    shop.restart().await;
    sells(&shop, 1900).await;
    assert_eq!(versions(&shop).await, 4);
    shop.restart().await;
    sells(&shop, 4400).await;
    assert_eq!(versions(&shop).await, 5);
    shop.app.verify();
}

/// The answer to a checkout is lost, and a version is published before the request is repeated: the session shows the
/// new version, which is another decision.
#[tokio::test]
async fn a_checkout_whose_answer_was_lost_can_be_asked_for_after_a_publish() {
    let mut shop = Shop::of_file(&file(&catalog(3900, 1200)));
    {
        let desk = shop.app.free().await;
        let wish =
            || desk.call(Method::POST, "/v1/checkout").key("once").json(&json!({ "pack": "credits-1000" })).send();
        let fault = json!({ "method": "POST", "path": "/v1/checkout/sessions", "times": 3, "cut": "after" });
        shop.stripe.control("/faults", fault).await;
        assert_eq!(wish().await.status, 503);
        shop.app.post("/v1/catalogs", json!({ "toml": catalog(4900, 1200) })).await.expect(201);
        is_offered(&desk, 4900).await;
        let page = wish().await.expect(201);
        assert_eq!(page["offer"]["catalog_version"], 2);
        shop.pay(&page).await;
        shop.app.post(&format!("/v1/workspaces/{}/customer/sync", desk.id), Value::Null).await.expect(200);
        assert_eq!(desk.credits().await.0, 1250);
        assert_eq!(wish().await.status, 201, "the key comes to the same page");
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}
