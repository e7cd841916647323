//! Kills: a server is killed between any two steps of a purchase: credits are given once, none is lost, and there is
//! one customer and one checkout session for a purchase.

use super::comparison::SAME;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{Desk, each};
use scrip_testing::shop::Shop;
use scrip_testing::stripe::{SECRET, event, sign};
use serde_json::{Value, json};

/// Returns the number of calls of a kind so far.
fn count(shop: &Shop, method: &str, path: &str) -> usize {
    let fits = |call: &&(String, String)| match path.strip_suffix('*') {
        Some(start) => call.0 == method && call.1.starts_with(start),
        None => call.0 == method && call.1 == path,
    };
    shop.stripe.calls().iter().filter(fits).count()
}

/// Makes every call of a kind fail: its connection is cut `before` or `after` it is carried out.
async fn cut(shop: &Shop, method: &str, path: &str, when: &str) {
    let fault = json!({ "method": method, "path": path, "times": 1000, "cut": when });
    shop.stripe.control("/faults", fault).await;
}

/// Kills the server, clears the faults, and starts it again.
async fn kill(shop: &mut Shop) {
    shop.app.kill();
    shop.account(|state| state.calls.faults.clear());
    shop.restart().await;
}

async fn list(shop: &Shop, path: &str) -> usize {
    shop.stripe.get(path).await["data"].as_array().map_or(0, Vec::len)
}

/// Opens a checkout session, with a kill after a certain call; asks again; pays.
async fn while_opening(wish: Value, (method, path, when): (&str, &str, &str)) {
    let what = format!("{method} {path}, cut {when}");
    let mut shop = Shop::open("canvas-tiers");
    let id = shop.app.free().await.id;
    // The server reads the prices when it starts, too.
    shop.wait_for_log(SAME, 1).await;
    let before = count(&shop, method, path);
    cut(&shop, method, path, when).await;
    {
        let ask = shop.app.call(Method::POST, "/v1/checkout").workspace(&id).key("click").json(&wish).try_send();
        let called = async {
            while count(&shop, method, path) == before {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = ask => panic!("{what}: it was answered: {answer:?}"),
            () = called => {}
        }
    }
    kill(&mut shop).await;
    {
        let desk = Desk { app: &shop.app, id: id.clone() };
        let page = desk.call(Method::POST, "/v1/checkout").key("click").json(&wish).send().await.expect(201);
        shop.pay(&page).await;
        shop.settle(&desk).await;
        assert_eq!(list(&shop, "/v1/customers").await, 1, "{what}: one customer");
        assert_eq!(list(&shop, "/v1/checkout/sessions").await, 1, "{what}: one page");
        let expected = if wish["pack"].is_string() { 1250 } else { 5250 };
        assert_eq!(desk.credits().await.0, expected, "{what}");
        assert_eq!(shop.alerts().await, Vec::<String>::new(), "{what}");
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_opens_a_page_opens_one() {
    let points = [
        ("GET", "/v1/prices", "before"),
        ("POST", "/v1/customers", "before"),
        ("POST", "/v1/customers", "after"),
        ("POST", "/v1/checkout/sessions", "before"),
        ("POST", "/v1/checkout/sessions", "after"),
    ];
    join_all(points.map(|point| while_opening(json!({ "pack": "credits-1000" }), point))).await;
    join_all(points.map(|point| while_opening(json!({ "plan": "pro", "interval": "month" }), point))).await;
}

/// Checks everything that a reconciliation gives to a workspace that has paid for a plan.
async fn is_given_once(shop: &Shop, desk: &Desk<'_>, what: &str) {
    shop.settle(desk).await;
    assert_eq!((&desk.show().await["plan"], desk.credits().await.0), (&json!("pro"), 5250), "{what}");
    let entries = desk.entries().await;
    let paid = entries.iter().filter(|entry| entry["command"] == "record_payment").count();
    assert_eq!(paid, 1, "{what}: {:?}", each(&json!(entries), "command"));
    assert_eq!(shop.alerts().await, Vec::<String>::new(), "{what}");
}

/// Pays, with a kill when the reconciliation that follows has come to a certain call.
async fn while_looking((method, path): (&str, &str)) {
    let what = format!("{method} {path}");
    let mut shop = Shop::open("canvas-tiers");
    let id = {
        let desk = shop.app.free().await;
        let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        shop.settle(&desk).await;
        let before = count(&shop, method, path);
        cut(&shop, method, path, "before").await;
        shop.pay(&page).await;
        while count(&shop, method, path) == before {
            tokio::task::yield_now().await;
        }
        desk.id
    };
    kill(&mut shop).await;
    is_given_once(&shop, &Desk { app: &shop.app, id }, &what).await;
    shop.app.verify();
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_looks_gives_what_was_paid_once() {
    let points = [
        ("GET", "/v1/subscriptions"),
        ("GET", "/v1/invoices"),
        ("GET", "/v1/checkout/sessions"),
        ("GET", "/v1/payment_intents"),
        ("GET", "/v1/charges"),
        ("GET", "/v1/prices/*"),
    ];
    join_all(points.map(while_looking)).await;
}

/// Receives the event of a payment, with a kill at once, or when something of it can be seen.
async fn when(seen: &str) {
    let mut shop = Shop::silent("canvas-tiers");
    let id = {
        let desk = shop.app.free().await;
        let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        shop.settle(&desk).await;
        shop.pay(&page).await;
        let customer = shop.app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
        let object = json!({ "object": "invoice", "id": "in_1", "customer": customer["customer"] });
        let body = event("evt_1", "invoice.paid", object).to_string();
        let call = shop.app.bare(Method::POST, "/hooks/stripe").header("Stripe-Signature", &sign(SECRET, &body));
        let answer = call.bytes("application/json", body.into_bytes()).send().await;
        assert_eq!(answer.status, 200);
        match seen {
            "kept" => {}
            "passed on" => {
                while shop.app.query("SELECT count(*) FROM stripe_events WHERE handled_at IS NOT NULL") == "0" {
                    tokio::task::yield_now().await;
                }
            }
            _ => {
                while desk.show().await["plan"] != "pro" {
                    tokio::task::yield_now().await;
                }
            }
        }
        desk.id
    };
    kill(&mut shop).await;
    is_given_once(&shop, &Desk { app: &shop.app, id }, seen).await;
    shop.app.verify();
}

#[tokio::test]
async fn what_was_answered_is_not_lost_with_the_server_that_answered() {
    join_all(["kept", "passed on", "given"].map(when)).await;
}

/// Kills again and again, at any moment: every delivery is under way when the server goes.
#[tokio::test]
async fn whatever_the_moment_a_payment_is_given_once() {
    let mut shop = Shop::open("canvas-tiers");
    for round in 0..6_u32 {
        let id = {
            let desk = shop.app.free().await;
            let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
            shop.settle(&desk).await;
            let before = shop.stripe.calls().len();
            shop.pay(&page).await;
            while shop.stripe.calls().len() < before + 2 * round as usize {
                tokio::task::yield_now().await;
            }
            desk.id
        };
        kill(&mut shop).await;
        is_given_once(&shop, &Desk { app: &shop.app, id }, &format!("round {round}")).await;
    }
    shop.app.verify();
}
