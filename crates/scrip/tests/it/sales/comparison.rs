//! Comparison of the account's prices with the catalog's: the server's log says where they differ, and no request waits
//! for it.

use scrip_testing::app::{root, temporary};
use scrip_testing::shop::Shop;
use serde_json::json;
use std::path::PathBuf;

/// Log line when there is no difference.
pub const SAME: &str = "Stripe's products and prices agree with the catalog";
/// Log line of each difference.
const OTHER: &str = "Stripe's products and prices differ from the catalog: run `scrip stripe sync`";
/// Log line when Stripe cannot be asked.
const UNASKED: &str = "Stripe's products and prices could not be read";

/// Returns a file of canvas tiers with another price of `pro`, and its text.
fn other() -> (PathBuf, String) {
    let text = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("it is shipped");
    let other = text.replace("amount = 3900\n", "amount = 4500\n");
    assert_ne!(other, text);
    let directory = temporary();
    std::fs::create_dir_all(&directory).expect("it can be made");
    let path = directory.join("catalog.toml");
    std::fs::write(&path, &other).expect("it can be written");
    (path, other)
}

#[tokio::test]
async fn a_server_tells_its_operator_where_the_account_does_not_sell_what_the_catalog_does() {
    let mut shop = Shop::silent("canvas-tiers");
    shop.wait_for_log(SAME, 1).await;
    let (file, text) = other();
    shop.stripe.sync(&file);
    shop.restart().await;
    let told = shop.wait_for_log(OTHER, 3).await;
    let differences = [
        "~ price plan pro, month: 45.00 usd → 39.00 usd; existing subscribers go on paying the old one",
        "~ product plan pro: month is the default",
        "- price plan pro, month: 45.00 usd (price_",
    ];
    for (line, difference) in told.iter().zip(differences) {
        assert!(line.contains("WARN") && line.contains(difference), "{told:?}");
    }
    // Without an answer from Stripe, one log line says so, and the server serves and starts all the same; it publishes
    // nothing.
    shop.stripe.control("/faults", json!({ "path": "/v1/products", "times": 1000, "cut": "before" })).await;
    assert_eq!(shop.app.post("/v1/catalogs", json!({ "toml": text })).await.status, 503);
    shop.restart().await;
    assert_eq!(shop.app.get("/v1/catalog").await.expect(200)["version"], 1);
    shop.wait_for_log(UNASKED, 1).await;
    shop.account(|state| state.calls.faults.clear());
    // A version that is published is sold.
    shop.app.post("/v1/catalogs", json!({ "toml": text })).await.expect(201);
    shop.wait_for_log(SAME, 2).await;
    let times = [(SAME, 2), (OTHER, 3), (UNASKED, 1)];
    for (words, times) in times {
        assert_eq!(shop.wait_for_log(words, times).await.len(), times, "{words}\n{}", shop.app.log());
    }
    shop.app.verify();
}
