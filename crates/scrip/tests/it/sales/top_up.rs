//! Top-ups: automatic purchases of a pack when the balance is low.

use reqwest::Method;
use scrip_testing::app::{PATIENCE, text};
use scrip_testing::shop::{BAD, Buyer, GOOD, Shop};
use serde_json::{Value, json};

async fn spend(buyer: &Buyer<'_>, credits: i64) {
    let hold = buyer.desk.post("/v1/holds", json!({ "credits": credits, "reference": "r" })).await.expect(201);
    buyer.desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
    buyer.settle().await;
}

async fn ask(buyer: &Buyer<'_>, monthly_max: i64) -> Value {
    let terms = json!({ "pack": "credits-1000", "below": 100, "monthly_max": monthly_max });
    let set = buyer.desk.call(Method::PUT, "/v1/billing/top_up").json(&terms).send().await.expect(200);
    buyer.settle().await;
    set
}

async fn top_up(buyer: &Buyer<'_>) -> Value {
    buyer.desk.get("/v1/billing").await.expect(200)["top_up"].clone()
}

async fn charges(buyer: &Buyer<'_>) -> usize {
    let path = format!("/v1/charges?customer={}", buyer.customer);
    let all = buyer.shop.stripe.get(&path).await;
    all["data"].as_array().expect("a list").iter().filter(|charge| charge["paid"] == true).count()
}

/// A low balance buys one pack; then the month's maximum; then the next month.
#[tokio::test]
async fn a_pack_is_bought_once_when_the_balance_is_low_and_no_more_than_the_month_may_cost() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        assert_eq!(ask(&buyer, 2400).await["status"], "on");
        assert_eq!((buyer.desk.credits().await.0, charges(&buyer).await), (250, 0), "it is not low");
        spend(&buyer, 200).await;
        assert_eq!((buyer.desk.credits().await.0, charges(&buyer).await), (1050, 1));
        let stands = top_up(&buyer).await;
        assert_eq!((&stands["status"], &stands["spent"]), (&json!("on"), &json!(1200)));
        spend(&buyer, 1000).await;
        assert_eq!((buyer.desk.credits().await.0, charges(&buyer).await), (1050, 2));
        spend(&buyer, 1000).await;
        assert_eq!((buyer.desk.credits().await.0, charges(&buyer).await), (50, 2), "the month may cost no more");
        buyer.pass("2026-02-01T00:00:01Z").await;
        spend(&buyer, 1).await;
        assert_eq!((buyer.desk.credits().await.0, charges(&buyer).await), (1049, 3), "the next month may");
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_decline_stops_it_until_somebody_asks_again() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.card(BAD).await;
        ask(&buyer, 2400).await;
        spend(&buyer, 200).await;
        assert_eq!((top_up(&buyer).await["status"].clone(), buyer.desk.credits().await.0), (json!("stopped"), 50));
        let asked = |call: &&(String, String)| call.1 == "/v1/payment_intents" && call.0 == "POST";
        let before = shop.stripe.calls().iter().filter(asked).count();
        spend(&buyer, 10).await;
        assert_eq!(
            shop.stripe.calls().iter().filter(asked).count(),
            before,
            "Stripe is not asked for a payment again and again"
        );
        buyer.card(GOOD).await;
        assert_eq!(ask(&buyer, 2400).await["status"].as_str().map(|status| status != "stopped"), Some(true));
        assert_eq!((top_up(&buyer).await["status"].clone(), buyer.desk.credits().await.0), (json!("on"), 1040));
        buyer.desk.call(Method::DELETE, "/v1/billing/top_up").send().await.expect(200);
        spend(&buyer, 1000).await;
        assert_eq!((top_up(&buyer).await["status"].clone(), buyer.desk.credits().await.0), (json!("off"), 40));
    }
    shop.app.verify();
}

/// The answer to the payment is lost: the request is repeated under its key, and there is one payment.
#[tokio::test]
async fn an_answer_that_is_lost_buys_no_second_pack() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        ask(&buyer, 5000).await;
        let fault = json!({ "method": "POST", "path": "/v1/payment_intents", "times": 3, "cut": "after" });
        shop.stripe.control("/faults", fault).await;
        spend(&buyer, 200).await;
        assert_eq!((buyer.desk.credits().await.0, charges(&buyer).await), (1050, 1));
    }
    shop.app.verify();
}

/// A server that is killed after the payment was made, and one that could not reach Stripe at all: one charge.
#[tokio::test]
async fn a_server_that_is_killed_while_it_charges_charges_once() {
    for cut in ["before", "after"] {
        let mut shop = Shop::open("canvas-tiers");
        let customer;
        let id;
        {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            ask(&buyer, 5000).await;
            let fault = json!({ "method": "POST", "path": "/v1/payment_intents", "times": 1_000_000, "cut": cut });
            shop.stripe.control("/faults", fault).await;
            let hold = buyer.desk.post("/v1/holds", json!({ "credits": 200, "reference": "r" })).await.expect(201);
            buyer.desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
            let called = |call: &(String, String)| call.1 == "/v1/payment_intents" && call.0 == "POST";
            while !shop.stripe.calls().iter().any(called) {
                tokio::task::yield_now().await;
            }
            (customer, id) = (buyer.customer.clone(), buyer.desk.id.clone());
        }
        shop.app.kill();
        shop.account(|state| state.calls.faults.clear());
        shop.restart().await;
        let credits = async {
            loop {
                let path = "/v1/balance";
                let balance = shop.app.call(Method::GET, path).workspace(&id).send().await.expect(200);
                if balance["available"] == 1050 {
                    break;
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, credits).await.is_ok(), "cut {cut}: its credits never come");
        let all = shop.stripe.get(&format!("/v1/payment_intents?customer={customer}")).await;
        assert_eq!(all["data"].as_array().map(Vec::len), Some(1), "cut {cut}");
        shop.app.verify();
    }
}

/// The end of the payment comes without a webhook: a sweep finds it.
#[tokio::test]
async fn a_debit_that_nobody_told_of_is_found_by_a_sweep() {
    for (account, status, credits) in
        [("pm_usBankAccount_success", "on", 1050), ("pm_usBankAccount_insufficientFunds", "stopped", 50)]
    {
        let mut shop = Shop::silent("canvas-tiers");
        {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            buyer.card(account).await;
            ask(&buyer, 5000).await;
            spend(&buyer, 200).await;
            assert_eq!(top_up(&buyer).await["status"], "buying");
            buyer.pass("2026-01-20T00:00:00Z").await;
            assert_eq!((top_up(&buyer).await["status"].clone(), buyer.desk.credits().await.0), (json!("buying"), 50));
            shop.app.post("/v1/billing/sweep", Value::Null).await.expect(200);
            buyer.settle().await;
            assert_eq!(
                (top_up(&buyer).await["status"].clone(), buyer.desk.credits().await.0),
                (json!(status), credits)
            );
        }
        shop.app.verify();
    }
}

/// The payment cannot be requested at all: the card that was kept is gone. That counts as a decline, and a refund of
/// another payment is recorded all the same.
#[tokio::test]
async fn a_pack_that_cannot_be_asked_for_stops_and_holds_up_nothing() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "pack": "credits-1000" })).await;
        let gone = |customer: &mut stripe_simulator::object::Object| {
            customer.set("invoice_settings.default_payment_method", "pm_gone");
        };
        shop.account(|state| state.edit(&buyer.customer, gone));
        ask(&buyer, 6000).await;
        spend(&buyer, 1200).await;
        assert_eq!(
            (top_up(&buyer).await["status"].as_str().expect("a text"), buyer.desk.credits().await.0),
            ("stopped", 50)
        );
        let charge = text(&buyer.charge().await["id"]);
        shop.stripe.post("/v1/refunds", &[("charge", &charge)]).await;
        buyer.settle().await;
        assert_ne!(buyer.desk.balance().await["debt"], 0);
    }
    shop.app.verify();
}

/// While the key may request no payments, other news of the customer is recorded.
#[tokio::test]
async fn a_key_that_may_ask_for_no_money_holds_up_nothing_else() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        let fault = json!({ "method": "POST", "path": "/v1/payment_intents", "times": 1_000_000, "status": 403 });
        shop.stripe.control("/faults", fault).await;
        ask(&buyer, 6000).await;
        let hold = buyer.desk.post("/v1/holds", json!({ "credits": 1900, "reference": "r" })).await.expect(201);
        buyer.desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
        let charge = text(&buyer.charge().await["id"]);
        shop.stripe.post("/v1/refunds", &[("charge", &charge)]).await;
        let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
        shop.app.post(&path, Value::Null).await;
        assert_ne!(buyer.desk.balance().await["debt"], 0, "it was given back");
        assert_eq!(top_up(&buyer).await["status"], "buying");
        assert_eq!(shop.alerts().await, ["top_up_refused"], "the operator is told, once");
        shop.account(|state| state.calls.faults.clear());
        shop.app.post(&path, Value::Null).await.expect(200);
        buyer.settle().await;
        assert_eq!(top_up(&buyer).await["status"], "on");
        assert_eq!(shop.alerts().await, Vec::<String>::new(), "it was mended");
    }
    shop.app.verify();
}

/// A payment of another workspace with the same number is not this one's.
#[tokio::test]
async fn a_number_of_another_workspaces_purchase_is_not_taken_for_ours() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let (buyer, other) = (shop.buyer("2026-01-10T00:00:00Z", json!({})).await, shop.app.free().await);
        let method = shop.stripe.get(&format!("/v1/customers/{}", buyer.customer)).await;
        let method = text(&method["invoice_settings"]["default_payment_method"]);
        let form = [
            ("amount", "1200"),
            ("currency", "usd"),
            ("customer", &*buyer.customer),
            ("payment_method", &*method),
            ("confirm", "true"),
            ("off_session", "true"),
            ("metadata[scrip_top_up]", "1"),
            ("metadata[scrip_pack]", "credits-1000"),
            ("metadata[scrip_workspace]", &*other.id),
        ];
        shop.stripe.post("/v1/payment_intents", &form).await;
        ask(&buyer, 6000).await;
        spend(&buyer, 200).await;
        assert_eq!((top_up(&buyer).await["status"].clone(), buyer.desk.credits().await.0), (json!("on"), 1050));
        assert_eq!(shop.alerts().await, ["wrong_workspace"]);
    }
    shop.app.verify();
}

/// A top-up that ends while a wish waits for the account is not charged.
#[tokio::test]
async fn a_pack_that_is_not_wanted_any_more_is_not_paid() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let fault = json!({ "method": "GET", "path": "/v1/subscriptions", "times": 1_000_000, "status": 503 });
        shop.stripe.control("/faults", fault).await;
        let terms = json!({ "pack": "credits-1000", "below": 100, "monthly_max": 6000 });
        buyer.desk.call(Method::PUT, "/v1/billing/top_up").json(&terms).send().await.expect(200);
        let hold = buyer.desk.post("/v1/holds", json!({ "credits": 200, "reference": "r" })).await.expect(201);
        buyer.desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
        assert_eq!(top_up(&buyer).await["status"], "buying");
        buyer.desk.call(Method::DELETE, "/v1/billing/top_up").send().await.expect(200);
        shop.account(|state| state.calls.faults.clear());
        buyer.settle().await;
        assert_eq!((charges(&buyer).await, buyer.desk.credits().await.0), (0, 50));
        assert_eq!(top_up(&buyer).await["status"], "off");
    }
    shop.app.verify();
}

/// A customer who has bought a pack and left a card for later, without a subscription.
#[tokio::test]
async fn the_card_that_was_left_with_a_pack_pays_the_next() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        shop.buy(&desk, json!({ "pack": "credits-1000" })).await;
        let terms = json!({ "pack": "credits-1000", "below": 100, "monthly_max": 6000 });
        desk.call(Method::PUT, "/v1/billing/top_up").json(&terms).send().await.expect(200);
        let hold = desk.post("/v1/holds", json!({ "credits": 1200, "reference": "r" })).await.expect(201);
        desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
        shop.settle(&desk).await;
        let status = desk.get("/v1/billing").await.expect(200)["top_up"]["status"].clone();
        assert_eq!((status, desk.credits().await.0), (json!("on"), 1050));
    }
    shop.app.verify();
}
