//! The bridge from a period's end to the payment of its renewal (R4): drafts that come late, debits that take days,
//! cards that ask their owner, lines that are not Scrip's.

use scrip_testing::app::{PATIENCE, text};
use scrip_testing::shop::{Buyer, Shop};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Maximum time between a draft and its new credits.
const SOON: Duration = Duration::from_secs(5);
/// American bank account whose debits settle after five days.
const ACCOUNT: &str = "pm_usBankAccount_success";
/// Card whose owner must confirm every payment.
const ASKING: &str = "pm_card_authenticationRequired";

/// Returns a buyer of the creator plan, which renews on February 10, 250 of whose credits are the free plan's.
async fn subscriber<'a>(shop: &'a Shop) -> Buyer<'a> {
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    let page = buyer.desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
    shop.pay(&page).await;
    look(&buyer).await;
    Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
    buyer
}

/// Makes the server reconcile the customer now.
async fn look(buyer: &Buyer<'_>) {
    let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
    buyer.desk.app.post(&path, Value::Null).await.expect(200);
}

/// Waits until the plan, interval, status and credits of the workspace suit; returns the time that took.
async fn until(buyer: &Buyer<'_>, suits: impl Fn(&(String, String, String, i64)) -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        let stands = buyer.stands().await;
        if suits(&stands) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < PATIENCE, "{stands:?}; the server's log:\n{}", buyer.desk.app.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Makes the account's drafts late, and keeps them drafts for a day.
async fn drafts(shop: &Shop, late: i64) {
    let (status, _) = shop.stripe.control("/drafts", json!({ "created_after": late, "last_for": 86_400 })).await;
    assert_eq!(status, 200);
}

/// Returns the customer's invoices of a status.
async fn invoices(buyer: &Buyer<'_>, status: &str) -> Vec<Value> {
    let path = format!("/v1/invoices?customer={}&status={status}", buyer.customer);
    buyer.shop.stripe.get(&path).await["data"].as_array().expect("a list").clone()
}

/// The draft is made late and without a webhook: there is no gap, and new credits come soon after the draft.
#[tokio::test]
async fn a_draft_that_comes_late_and_is_told_of_to_nobody_renews_soon() {
    for (late, at) in [(0, "2026-02-10T00:00:00Z"), (300, "2026-02-10T00:05:00Z"), (3_600, "2026-02-10T01:00:00Z")] {
        let mut shop = Shop::silent("canvas-tiers");
        {
            drafts(&shop, late).await;
            let buyer = subscriber(&shop).await;
            let hold = json!({ "credits": 450, "reference": "r", "seconds": 2_592_000 });
            let hold = text(&buyer.desk.post("/v1/holds", hold).await.expect(201)["id"]);
            buyer.desk.post(&format!("/v1/holds/{hold}/capture"), json!({})).await.expect(200);
            buyer.here("2026-02-10T00:00:00Z").await;
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 1500);
            buyer.here(at).await;
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 1500);
            buyer.there(at).await;
            let took = until(&buyer, |stands| stands.3 == 1950).await;
            assert!(took <= SOON, "{late} seconds late: new credits took {took:?}");
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
            assert_eq!(buyer.desk.show().await["period"]["end"], "2026-03-10T00:00:00Z");
            assert_eq!(buyer.charge().await["amount"], 1500);
            assert_eq!(shop.alerts().await, Vec::<String>::new());
        }
        shop.app.verify();
    }
}

/// A debit takes five days: the plan stays, without new credits; one that is refused in the end leaves the free plan.
#[tokio::test]
async fn a_debit_of_days_keeps_the_plan_until_it_settles_or_fails() {
    for (settles, plan, credits) in [(true, "creator", 1950), (false, "free", 250)] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let buyer = subscriber(&shop).await;
            buyer.card(if settles { ACCOUNT } else { "pm_usBankAccount_insufficientFunds" }).await;
            buyer.pass("2026-02-10T00:00:10Z").await;
            until(&buyer, |stands| stands.2 == "active").await;
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
            let billing = buyer.desk.get("/v1/billing").await.expect(200);
            assert_eq!(billing["collecting"]["status"], "on_its_way", "{billing}");
            buyer.pass("2026-02-12T00:00:00Z").await;
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 250);
            buyer.pass("2026-02-16T12:00:00Z").await;
            let stands = buyer.stands().await;
            assert_eq!((stands.0.as_str(), stands.3), (plan, credits), "{stands:?}");
        }
        shop.app.verify();
    }
}

/// A card whose owner must confirm: the rest can be spent while the bridge lasts, and the invoice is shown.
#[tokio::test]
async fn a_card_that_asks_its_owner_leaves_the_rest_on_the_bridge() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop).await;
        buyer.card(ASKING).await;
        buyer.pass("2026-02-10T00:00:10Z").await;
        let stands = buyer.stands().await;
        assert_eq!((stands.0.as_str(), stands.3), ("creator", 1950), "{stands:?}");
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        assert!(billing["collecting"]["url"].is_string(), "{billing}");
        assert_eq!(
            (&billing["collecting"]["amount"], billing["collecting"]["plan"].as_str()),
            (&json!(1500), Some("creator"))
        );
        let invoice = text(&billing["collecting"]["invoice"]);
        let card = json!({ "card": "4242424242424242" });
        shop.stripe.control(&format!("/invoices/{invoice}/pay"), card).await;
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(buyer.desk.get("/v1/billing").await.expect(200)["collecting"], Value::Null);
    }
    shop.app.verify();
}

/// An invoice with a line that is not Scrip's is left to Stripe, and renews when Stripe has collected it.
#[tokio::test]
async fn an_invoice_with_a_foreign_line_is_left_to_stripe() {
    let mut shop = Shop::silent("canvas-tiers");
    {
        let buyer = subscriber(&shop).await;
        let (status, _) = shop.stripe.control("/drafts", json!({ "created_after": 0, "last_for": 3_600 })).await;
        assert_eq!(status, 200);
        buyer.there("2026-02-10T00:00:00Z").await;
        let draft = text(&invoices(&buyer, "draft").await[0]["id"]);
        shop.account(|state| {
            let mut invoice = state.must(&draft).value().clone();
            let mut line = invoice["lines"]["data"][0].clone();
            line["id"] = json!("il_foreign");
            line["amount"] = json!(0);
            line["pricing"] = Value::Null;
            line["parent"] = json!({ "type": "invoice_item_details", "subscription_item_details": null,
                "invoice_item_details": { "invoice_item": "ii_1", "proration": false, "subscription": null } });
            invoice["lines"]["data"].as_array_mut().expect("a list").push(line);
            state.put(invoice)
        });
        buyer.here("2026-02-10T00:00:10Z").await;
        look(&buyer).await;
        let path = format!("/v1/invoices/{draft}");
        assert_eq!(shop.stripe.get(&path).await["status"], "draft", "it is still Stripe's to finalize");
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        buyer.here("2026-02-10T01:00:10Z").await;
        buyer.there("2026-02-10T01:00:10Z").await;
        look(&buyer).await;
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-03-10T00:00:00Z");
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
    }
    shop.app.verify();
}

/// A period that is to end has no bridge; one that is to change is paid with the change, at its price.
#[tokio::test]
async fn a_period_that_ends_or_changes_is_bridged_to_nothing_more() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let ending = subscriber(&shop).await;
        ending.cancel().await;
        ending.here("2026-02-10T00:00:00Z").await;
        Buyer::is(&ending.stands().await, "free", "none", "active", 250);
        let changing = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        changing.buy(json!({ "plan": "pro", "interval": "month" })).await;
        let price = changing.price("scrip:plan:creator:month").await;
        changing.agree(&price).await;
        changing.here("2026-02-10T00:00:00Z").await;
        let stands = changing.stands().await;
        assert_eq!((stands.0.as_str(), stands.2.as_str(), stands.3), ("pro", "active", 5250), "{stands:?}");
        changing.there("2026-02-10T00:00:10Z").await;
        changing.settle().await;
        until(&changing, |stands| stands.0 == "creator").await;
        Buyer::is(&changing.stands().await, "creator", "month", "active", 1950);
        assert_eq!(changing.charge().await["amount"], 1500);
    }
    shop.app.verify();
}

/// `finalize = "stripe"`: Scrip leaves the draft alone, the bridge and then the grace last meanwhile, and Stripe's own
/// collection renews.
#[tokio::test]
async fn where_the_catalog_leaves_the_draft_to_stripe_its_own_collection_renews() {
    let shipped = include_str!("../../../../../catalogs/canvas-tiers.toml");
    let text_of = shipped.replacen("on_upgrade =", "finalize = \"stripe\"\non_upgrade =", 1);
    let mut shop = Shop::of_file(&super::publication::file(&text_of));
    {
        let (status, _) = shop.stripe.control("/drafts", json!({ "created_after": 0, "last_for": 10_800 })).await;
        assert_eq!(status, 200);
        let buyer = subscriber(&shop).await;
        buyer.here("2026-02-10T00:00:00Z").await;
        buyer.there("2026-02-10T00:00:00Z").await;
        for _ in 0..3 {
            look(&buyer).await;
            assert_eq!(invoices(&buyer, "draft").await.len(), 1, "it is Stripe's to finalize");
        }
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        buyer.here("2026-02-10T02:30:00Z").await;
        buyer.there("2026-02-10T02:30:00Z").await;
        look(&buyer).await;
        assert_eq!(invoices(&buyer, "draft").await.len(), 1);
        Buyer::is(&buyer.stands().await, "creator", "month", "past_due", 250);
        buyer.here("2026-02-10T03:30:00Z").await;
        buyer.there("2026-02-10T03:30:00Z").await;
        look(&buyer).await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-03-10T00:00:00Z");
    }
    shop.app.verify();
}
