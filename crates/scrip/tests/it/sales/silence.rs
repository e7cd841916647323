//! Silence: a request to Stripe that is never answered delays the customer that it is about, and no other.

use scrip_testing::app::PATIENCE;
use scrip_testing::shop::Shop;
use serde_json::{Value, json};
use stripe_simulator::calls::Call;

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
    let fault =
        json!({ "path": "/v1/subscriptions", "params": { "customer": slow.customer }, "times": 1000, "cut": "never" });
    shop.stripe.control("/faults", fault).await;
    shop.app.post("/v1/billing/sweep", json!(null)).await.expect(200);
    let unanswered = || {
        shop.stripe.simulator().app().with(|state| {
            let is_open = |call: &&Call| call.status.is_none() && call.form.get("customer") == Some(&slow.customer);
            state.calls.list.iter().filter(is_open).count()
        })
    };
    let asked = async {
        while unanswered() == 0 {
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
    let others_ended = async {
        while task(&shop, "stripe_customers").await["busy"] != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, others_ended).await.expect("one customer is still waited for");
    assert_eq!(unanswered(), 1, "it is asked for once, and waited for");
    shop.stripe.simulator().app().with(|state| state.calls.faults.clear());
}
