//! Renewals that are not paid: a grace, the free plan, and money that comes late (R4).

use scrip_testing::app::text;
use scrip_testing::shop::{BAD, Buyer, GOOD, Shop};
use serde_json::{Value, json};

async fn declined_buyer<'a>(shop: &'a Shop) -> Buyer<'a> {
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    buyer.buy(json!({ "plan": "creator" })).await;
    buyer.card(BAD).await;
    buyer
}

/// The grace, in which the remaining credits are frozen; then the free plan; then a late payment.
#[tokio::test]
async fn a_declined_renewal_freezes_then_falls_to_free_and_late_money_begins_a_period() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = declined_buyer(&shop).await;
        buyer.pass("2026-02-10T02:00:00Z").await;
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        assert_eq!((&billing["status"], &billing["declined"]["attempt"]), (&json!("past_due"), &json!(1)));
        assert_eq!(billing["awaited_until"], "2026-02-11T00:00:00Z");
        Buyer::is(&buyer.stands().await, "creator", "month", "past_due", 250);
        let balance = buyer.desk.balance().await;
        let frozen = balance["grants"].as_array().expect("a list").iter().any(|grant| grant["frozen"] == true);
        assert!(frozen, "what is left is there and cannot be used: {balance}");
        buyer.here("2026-02-11T00:00:01Z").await;
        let shown = buyer.desk.show().await;
        assert_eq!((&shown["plan"], buyer.desk.credits().await.0), (&json!("free"), 250));
        buyer.card(GOOD).await;
        buyer.pass("2026-02-13T12:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-03-10T00:00:00Z", "as it is billed");
        assert_eq!(buyer.desk.get("/v1/billing").await.expect(200)["declined"], Value::Null);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// Within the grace: nothing is lost and nothing is given twice.
#[tokio::test]
async fn a_renewal_that_is_paid_within_the_grace_goes_on_as_if_nothing_had_been() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = declined_buyer(&shop).await;
        buyer.pass("2026-02-10T02:00:00Z").await;
        buyer.card(GOOD).await;
        let path = format!("/v1/invoices?customer={}&status=open", buyer.customer);
        let invoice = shop.stripe.get(&path).await["data"][0]["id"].as_str().expect("a bill is open").to_owned();
        shop.stripe.post(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        buyer.pass("2026-03-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// All retries fail: the subscription ends at Stripe, and has ended in Scrip before.
#[tokio::test]
async fn a_subscription_that_ends_unpaid_leaves_the_free_plan_and_can_be_bought_again() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = declined_buyer(&shop).await;
        for day in ["2026-02-10T02:00:00Z", "2026-02-14T00:00:00Z", "2026-02-19T00:00:00Z", "2026-02-28T00:00:00Z"] {
            buyer.pass(day).await;
        }
        let path = format!("/v1/subscriptions?status=all&customer={}", buyer.customer);
        assert_eq!(shop.stripe.get(&path).await["data"][0]["status"], "canceled");
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        buyer.card(GOOD).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// Two invoices that were declined are notified once each.
#[tokio::test]
async fn two_bills_that_are_declined_are_not_told_of_again_and_again() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        buyer.card(BAD).await;
        buyer.pass("2026-02-10T02:00:00Z").await;
        let path = format!("/v1/invoices?customer={}&status=open", buyer.customer);
        let open = text(&shop.stripe.get(&path).await["data"][0]["id"]);
        shop.account(|state| {
            let mut second = state.must(&open).value().clone();
            second["id"] = json!("in_another");
            state.put(second)
        });
        let look = async || {
            let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
            shop.app.post(&path, Value::Null).await.expect(200);
        };
        look().await;
        let failed = async || {
            let entries = buyer.desk.entries().await;
            entries.iter().filter(|entry| entry["command"] == "fail_payment").count()
        };
        let before = failed().await;
        for _ in 0..3 {
            look().await;
        }
        assert_eq!(failed().await, before, "nothing is new");
    }
    shop.app.verify();
}

/// A customer on the free plan because a renewal was declined, who buys again while it is still collected, pays once.
#[tokio::test]
async fn nobody_subscribes_anew_while_the_last_bill_is_still_collected() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = declined_buyer(&shop).await;
        buyer.pass("2026-02-10T02:00:00Z").await;
        buyer.here("2026-02-11T00:00:01Z").await;
        let page = buyer.desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
        if page["expires_at"].is_string() {
            shop.pay(&page).await;
        }
        buyer.card(GOOD).await;
        buyer.pass("2026-02-13T12:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!((buyer.subscriptions().await.as_array().map(Vec::len), shop.alerts().await), (Some(1), Vec::new()));
    }
    shop.app.verify();
}
