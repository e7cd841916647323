//! Migrations of subscriptions that Stripe collects: the item has the new price from the first renewal that may cost
//! it, and not before (R33).

use scrip_testing::app::{PATIENCE, root, temporary, text};
use scrip_testing::shop::{Buyer, Shop};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Returns the text of the shipped catalog with other prices for the plan Pro, and with twenty credits more.
fn catalog(month: i64, year: i64) -> String {
    let text = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("it is committed");
    let grants = if (month, year) == (3900, 39000) { "5000" } else { "5020" };
    let changed = text
        .replace("amount = 3900\n", &format!("amount = {month}\n"))
        .replace("amount = 39000\n", &format!("amount = {year}\n"))
        .replace("{ amount = 5000 }", &format!("{{ amount = {grants} }}"));
    assert!(grants == "5000" || changed != text, "the catalog has these prices");
    changed
}

fn file(content: &str) -> PathBuf {
    let directory = temporary();
    std::fs::create_dir_all(&directory).expect("it can be made");
    let path = directory.join("catalog.toml");
    std::fs::write(&path, content).expect("it can be written");
    path
}

/// Returns a buyer of Pro since January 10, who lives by test clocks.
async fn subscriber<'a>(shop: &'a Shop, interval: &str) -> Buyer<'a> {
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    let page = buyer.desk.post("/v1/checkout", json!({ "plan": "pro", "interval": interval })).await.expect(201);
    shop.pay(&page).await;
    look(&buyer).await;
    assert_eq!(buyer.stands().await.0, "pro");
    buyer
}

/// Makes the server reconcile the customer now.
async fn look(buyer: &Buyer<'_>) {
    let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
    buyer.desk.app.post(&path, Value::Null).await.expect(200);
}

/// Publishes a version with these prices and migrates every workspace to it; returns the answer.
async fn migrate(shop: &Shop, version: u32, (month, year): (i64, i64)) -> Value {
    shop.app.post("/v1/catalogs", json!({ "toml": catalog(month, year) })).await.expect(201);
    let path = format!("/v1/catalogs/{version}/migrate");
    let told = shop.app.post(&path, json!({ "dry_run": true })).await.expect(200);
    let done = shop.app.post(&path, json!({})).await.expect(200);
    assert_eq!(told["data"], done["data"], "what is foretold is what happens");
    assert_eq!((&done["moved"], &done["refused"], &done["has_more"]), (&json!(1), &json!(0), &json!(false)));
    let again = shop.app.post(&path, json!({})).await.expect(200);
    assert_eq!((&again["moved"], &again["data"]), (&json!(0), &json!([])), "no workspace is moved twice");
    done
}

/// Waits until a condition holds, by any way in which the server learns of it.
async fn until(what: &str, buyer: &Buyer<'_>, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}; the server's log:\n{}", buyer.desk.app.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the unit amount of the subscription's item.
async fn item(buyer: &Buyer<'_>) -> i64 {
    let subscriptions = buyer.subscriptions().await;
    let items = &subscriptions[0]["items"]["data"];
    assert_eq!(items.as_array().expect("a list").len(), 1, "there is one item: {items}");
    items[0]["price"]["unit_amount"].as_i64().expect("an amount")
}

/// Waits until the item costs this amount.
async fn costs(buyer: &Buyer<'_>, amount: i64) {
    until(&format!("the item never costs {amount}"), buyer, async || item(buyer).await == amount).await;
}

/// Returns the amounts of the charges, oldest first.
async fn charged_amounts(buyer: &Buyer<'_>) -> Vec<i64> {
    let path = format!("/v1/charges?limit=100&customer={}", buyer.customer);
    let list = buyer.shop.stripe.get(&path).await;
    let amounts = list["data"].as_array().expect("a list").iter().rev();
    amounts.map(|charge| charge["amount"].as_i64().expect("an amount")).collect()
}

/// Lets time pass on both sides until a renewal is paid.
async fn renew(buyer: &Buyer<'_>, at: &str, charges: usize) {
    buyer.here(at).await;
    buyer.there(at).await;
    until("the renewal is never paid", buyer, async || charged_amounts(buyer).await.len() == charges).await;
    // On the bridge the plan is active before its renewal is recorded: the period says whether it is.
    let is_here = async || text(&buyer.desk.show().await["period"]["start"]).starts_with(&at[..10]);
    until("the renewal is never here", buyer, is_here).await;
}

/// Cheaper and dearer, by the month and by the year, with and without deliveries.
#[tokio::test]
async fn a_renewal_costs_the_new_price_from_the_first_that_may_and_not_before() {
    // The interval, the new prices, the item's amount after the migration, and for each renewal: the charge, the item's
    // amount then, and the version whose grants came.
    type Case = (&'static str, (i64, i64), i64, &'static [(&'static str, i64, i64, u32)]);
    let cases: [Case; 4] = [
        // The notice ends on February 19: one renewal more at the old price.
        ("month", (4900, 49000), 3900, &[("2026-02-10", 3900, 4900, 1), ("2026-03-10", 4900, 4900, 2)]),
        ("month", (2900, 29000), 2900, &[("2026-02-10", 2900, 2900, 2), ("2026-03-10", 2900, 2900, 2)]),
        ("year", (4900, 49000), 49000, &[("2027-01-10", 49000, 49000, 2)]),
        ("year", (2900, 29000), 29000, &[("2027-01-10", 29000, 29000, 2)]),
    ];
    for is_told in [true, false] {
        for (interval, prices, after, renewals) in cases {
            let context = format!("{interval} to {prices:?}, told {is_told}");
            let mut shop = if is_told { Shop::open("canvas-tiers") } else { Shop::silent("canvas-tiers") };
            {
                let buyer = subscriber(&shop, interval).await;
                let first = if interval == "month" { 3900 } else { 39000 };
                buyer.pass("2026-01-20T00:00:00Z").await;
                let before = buyer.desk.balance().await;
                let done = migrate(&shop, 2, prices).await;
                let first_renewal = renewals.iter().find(|renewal| renewal.3 == 2).expect("one is at the new price").0;
                assert_eq!(done["data"][0]["renews_at"], format!("{first_renewal}T00:00:00Z"), "{context}");
                costs(&buyer, after).await;
                buyer.settle().await;
                assert_eq!(item(&buyer).await, after, "{context}");
                assert_eq!(charged_amounts(&buyer).await, [first], "{context}: nothing is settled for the paid period");
                assert_eq!(buyer.desk.balance().await, before, "{context}: a move gives nothing and takes nothing");
                let mut charges = vec![first];
                for (day, amount, then, version) in renewals {
                    charges.push(*amount);
                    renew(&buyer, &format!("{day}T00:30:00Z"), charges.len()).await;
                    assert_eq!(charged_amounts(&buyer).await, charges, "{context}");
                    costs(&buyer, *then).await;
                    if interval == "month" {
                        let grants = buyer.desk.balance().await["grants"].clone();
                        let granted =
                            grants.as_array().expect("a list").iter().filter(|grant| grant["kind"] == "cycle");
                        let newest = granted.filter_map(|grant| grant["granted"].as_i64()).next_back();
                        assert_eq!(
                            newest,
                            Some(if *version == 1 { 5000 } else { 5020 }),
                            "{context} on {day}: {grants}"
                        );
                    }
                }
                assert_eq!(shop.alerts().await, Vec::<String>::new(), "{context}");
            }
            shop.app.verify();
        }
    }
}

/// A subscription that ends or changes with its period is not repriced, until that is taken back.
#[tokio::test]
async fn what_ends_or_changes_with_its_period_is_not_repriced_until_that_is_taken_back() {
    for changes in [false, true] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let buyer = subscriber(&shop, "month").await;
            if changes {
                let lower = buyer.price("scrip:plan:creator:month").await;
                buyer.agree(&lower).await;
            } else {
                buyer.cancel().await;
            }
            let done = migrate(&shop, 2, (2900, 29000)).await;
            assert_eq!(done["data"][0]["renews_at"], Value::Null);
            buyer.settle().await;
            assert_eq!(item(&buyer).await, 3900);
            if changes {
                buyer.release().await;
            } else {
                buyer.keep().await;
            }
            costs(&buyer, 2900).await;
            buyer.pass("2026-02-10T02:00:00Z").await;
            assert_eq!(charged_amounts(&buyer).await, [3900, 2900]);
            Buyer::is(&buyer.stands().await, "pro", "month", "active", 5270);
            assert_eq!(shop.alerts().await, Vec::<String>::new());
        }
        shop.app.verify();
    }
}

/// The customer is on another plan when the notice runs out, or has another price by hand: that stays.
#[tokio::test]
async fn what_was_changed_in_the_portal_or_by_hand_stays() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "month").await;
        migrate(&shop, 2, (4900, 49000)).await;
        costs(&buyer, 4900).await;
        buyer.change("pro", "year").await;
        buyer.settle().await;
        assert_eq!((buyer.stands().await.1.as_str(), item(&buyer).await), ("year", 49000));
        buyer.pass("2026-04-01T00:00:00Z").await;
        assert_eq!(item(&buyer).await, 49000);
        assert_eq!(charged_amounts(&buyer).await, [3900, 49000]);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "month").await;
        let subscription = buyer.subscriptions().await[0].clone();
        let (id, of) = (text(&subscription["id"]), text(&subscription["items"]["data"][0]["id"]));
        let product = text(&subscription["items"]["data"][0]["price"]["product"]);
        let form = [
            ("currency", "usd"),
            ("unit_amount", "3000"),
            ("product", product.as_str()),
            ("recurring[interval]", "month"),
            ("metadata[scrip_plan]", "pro"),
            ("metadata[scrip_interval]", "month"),
        ];
        let price = text(&shop.stripe.post("/v1/prices", &form).await["id"]);
        let change = [("items[0][id]", of.as_str()), ("items[0][price]", &price), ("proration_behavior", "none")];
        shop.stripe.post(&format!("/v1/subscriptions/{id}"), &change).await;
        migrate(&shop, 2, (2900, 29000)).await;
        buyer.settle().await;
        look(&buyer).await;
        assert_eq!(item(&buyer).await, 3000, "a price that the operator set by hand stays");
    }
    shop.app.verify();
}

/// A newer version was published since, so the price of the notice is archived: it is made active for the change alone.
#[tokio::test]
async fn a_price_that_was_archived_since_is_charged_all_the_same() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "month").await;
        buyer.pass("2026-01-20T00:00:00Z").await;
        migrate(&shop, 2, (4900, 49000)).await;
        let noticed = buyer.price("scrip:plan:pro:month").await;
        shop.app.post("/v1/catalogs", json!({ "toml": catalog(5900, 59000) })).await.expect(201);
        shop.stripe.sync(&file(&catalog(5900, 59000)));
        let path = format!("/v1/prices/{noticed}");
        assert_eq!(shop.stripe.get(&path).await["active"], false);
        buyer.pass("2026-02-10T02:00:00Z").await;
        costs(&buyer, 4900).await;
        buyer.settle().await;
        assert_eq!(shop.stripe.get(&path).await["active"], false, "no buyer can buy it");
        buyer.pass("2026-03-10T02:00:00Z").await;
        assert_eq!(charged_amounts(&buyer).await, [3900, 3900, 4900]);
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 5270);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// A price that a later version withdraws is withdrawn at Stripe as well.
#[tokio::test]
async fn a_price_that_was_withdrawn_is_withdrawn_there() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "year").await;
        migrate(&shop, 2, (4900, 49000)).await;
        costs(&buyer, 49000).await;
        migrate(&shop, 3, (3900, 39000)).await;
        costs(&buyer, 39000).await;
        buyer.pass("2027-01-10T02:00:00Z").await;
        assert_eq!(charged_amounts(&buyer).await, [39000, 39000]);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// Stripe refuses the change: the renewal costs the old price once more, an alert says so, and the next reconciliation
/// mends it.
#[tokio::test]
async fn what_stripe_refuses_is_an_alert_and_mended_later() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "month").await;
        let path = "/v1/subscriptions/*";
        let fault = json!({ "method": "POST", "path": path, "times": 1000, "status": 400 });
        shop.stripe.control("/faults", fault).await;
        migrate(&shop, 2, (2900, 29000)).await;
        until("nothing is said", &buyer, async || !shop.alerts().await.is_empty()).await;
        assert_eq!(shop.alerts().await, ["not_repriced"]);
        buyer.pass("2026-02-10T02:00:00Z").await;
        assert_eq!(charged_amounts(&buyer).await, [3900, 3900]);
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 5250);
        shop.account(|state| state.calls.faults.clear());
        look(&buyer).await;
        assert_eq!((item(&buyer).await, shop.alerts().await), (2900, Vec::new()));
        buyer.pass("2026-03-10T02:00:00Z").await;
        assert_eq!(charged_amounts(&buyer).await, [3900, 3900, 2900]);
    }
    shop.app.verify();
}
