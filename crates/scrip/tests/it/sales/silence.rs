//! Silence: a request to Stripe that is never answered delays the customer that it is about, and no other.

use scrip_testing::app::PATIENCE;
use scrip_testing::shop::Shop;
use serde_json::{Value, json};

/// Returns a background task of the shop's server by its name.
async fn task(shop: &Shop, name: &str) -> Value {
    let tasks = shop.app.get("/v1/tasks").await.expect(200);
    let found = tasks["data"].as_array().expect("a list").iter().find(|task| task["name"] == name);
    found.unwrap_or_else(|| panic!("no task {name}: {tasks}")).clone()
}

/// Goal: a customer whose request is never answered delays no other customer. Method: the simulator is silent about one
/// customer, and another one buys meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_whose_request_is_never_answered_delays_no_other() {
    let shop = Shop::open("canvas-tiers");
    let slow = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    let path = format!("/v1/customers/{}", slow.customer);
    shop.stripe.control("/faults", json!({ "path": path, "times": 1000, "cut": "never" })).await;
    shop.app.post("/v1/billing/sweep", json!(null)).await.expect(200);
    let asked = async {
        while task(&shop, "stripe_customers").await["busy"] == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the customer is asked for");
    let desk = shop.app.free().await;
    let before = desk.credits().await.0;
    for n in 0..2 {
        shop.buy(&desk, json!({ "pack": "credits-1000" })).await;
        assert_eq!(desk.credits().await.0, before + 1_000 * (n + 1));
    }
    let customers = task(&shop, "stripe_customers").await;
    assert_eq!((&customers["busy"], &customers["last_error"]), (&json!(1), &json!(null)), "{customers}");
    shop.stripe.simulator().app().with(|state| state.calls.faults.clear());
}
