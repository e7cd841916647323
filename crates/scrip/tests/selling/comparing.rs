//! What the account sells and what the catalog does: the server's log says where they differ, and nothing waits for it.

use crate::app::root;
use crate::shop::Shop;
use serde_json::json;

/// What is logged when there is no difference.
pub const SAME: &str = "the payment provider sells what the catalog does";
/// What is logged of each difference.
const OTHER: &str = "the payment provider does not sell what the catalog does: run `scrip stripe sync`";
/// What is logged when nobody can say.
const UNASKED: &str = "the payment provider could not be asked what it sells";

/// Publishes canvas tiers with another price of `pro`.
async fn publish(shop: &Shop, amount: &str) {
    let text = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("it is shipped");
    let other = text.replace("amount = 3900 ", &format!("amount = {amount} "));
    assert_ne!(other, text);
    shop.app.post("/v1/catalogs", json!({ "toml": other })).await.expect(201);
}

#[tokio::test]
async fn a_server_tells_its_operator_where_the_account_does_not_sell_what_the_catalog_does() {
    let mut shop = Shop::silent("canvas-tiers");
    shop.logged(SAME, 1).await;
    publish(&shop, "4500").await;
    let told = shop.logged(OTHER, 3).await;
    let differences = [
        "~ price plan pro, month: 39.00 usd → 45.00 usd; whoever pays the old one goes on paying it",
        "~ product plan pro: month is the default",
        "- price plan pro, month: 39.00 usd (price_",
    ];
    for (line, difference) in told.iter().zip(differences) {
        assert!(line.contains("WARN") && line.contains(difference), "{told:?}");
    }
    // Where nobody answers, that is told once, and the server serves and starts all the same.
    shop.stripe.control("/faults", json!({ "path": "/v1/products", "times": 1000, "cut": "before" })).await;
    publish(&shop, "5000").await;
    shop.logged(UNASKED, 1).await;
    shop.restart().await;
    assert_eq!(shop.app.get("/v1/catalog").await.expect(200)["name"], "canvas-tiers");
    shop.logged(UNASKED, 2).await;
    shop.account(|state| state.calls.faults.clear());
    // It was started with the catalog of the file again, which is what the account sells.
    shop.restart().await;
    shop.logged(SAME, 2).await;
    let times = [(SAME, 2), (OTHER, 3), (UNASKED, 2)];
    for (words, times) in times {
        assert_eq!(shop.logged(words, times).await.len(), times, "{words}\n{}", shop.app.log());
    }
    shop.app.verify();
}
