//! Payments that several processes hear of: a delivery each, one grant; a process that dies while it reconciles is
//! followed by another.

use super::Peers;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{App, Desk, PATIENCE, root, text};
use scrip_testing::journal::Journal;
use scrip_testing::postgres::database;
use scrip_testing::stripe::{SECRET, Stripe, event, sign};
use serde_json::{Value, json};
use std::sync::Arc;

const KINDS: [&str; 4] =
    ["checkout.session.completed", "invoice.paid", "customer.subscription.created", "payment_intent.succeeded"];

fn start(count: usize) -> (Peers, Stripe) {
    let stripe = Stripe::selling(&root().join("catalogs/canvas-tiers.toml"));
    let first = App::on_journal(Journal::Postgres(Arc::new(database())), stripe.environment());
    let others: Vec<App> = (1..count).map(|_| first.beside(stripe.environment())).collect();
    (Peers([first].into_iter().chain(others).collect()), stripe)
}

async fn tell(app: &App, n: &str, kind: &str, customer: &Value) {
    let object = json!({ "object": "invoice", "id": "in_1", "customer": customer });
    let body = event(&format!("evt_{n}"), kind, object).to_string();
    let call = app.bare(Method::POST, "/hooks/stripe").header("Stripe-Signature", &sign(SECRET, &body));
    assert_eq!(call.bytes("application/json", body.into_bytes()).send().await.status, 200);
}

/// Returns a workspace with a checkout session that is paid without a webhook; and its customer.
async fn paid_session<'a>(app: &'a App, stripe: &Stripe) -> (Desk<'a>, Value) {
    let desk = app.free().await;
    let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
    wait_until_reconciled(&desk).await;
    let url = text(&page["url"]);
    let session = url.rsplit_once('/').expect("an id is at its end").1;
    assert_eq!(stripe.control(&format!("/checkout/{session}/pay"), json!({})).await.0, 200);
    let known = app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
    (desk, known["customer"].clone())
}

async fn wait_until_reconciled(desk: &Desk<'_>) {
    let path = format!("/v1/workspaces/{}/customer", desk.id);
    let waited = async {
        while desk.app.get(&path).await.expect(200)["waits"] == true {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("{}\n{}", desk.id, desk.app.log()));
}

async fn is_given_once(desk: &Desk<'_>) {
    assert_eq!((&desk.show().await["plan"], desk.credits().await.0), (&json!("pro"), 5250));
    let entries = desk.entries().await;
    assert_eq!(entries.iter().filter(|entry| entry["command"] == "record_payment").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_to_each_of_three_processes_is_one_grant() {
    let (peers, stripe) = start(3);
    for round in 0..30 {
        let (desk, customer) = paid_session(&peers.0[round % 3], &stripe).await;
        let told = KINDS.iter().enumerate().flat_map(|(n, kind)| {
            let (peers, customer) = (&peers, &customer);
            (0..3).map(move |peer| async move {
                tell(&peers.0[peer], &format!("{round}_{n}"), kind, customer).await;
            })
        });
        join_all(told).await;
        wait_until_reconciled(&desk).await;
        is_given_once(&desk).await;
    }
    assert_eq!(peers.0[0].get("/v1/alerts").await.expect(200)["data"], json!([]));
    peers.verify();
}

/// Clicks on several servers at one instant: one checkout session of a plan can be paid.
#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_three_processes_leave_one_page_of_a_plan() {
    let (peers, stripe) = start(3);
    for _ in 0..10 {
        let desk = peers.0[0].free().await;
        let clicks = ["creator", "pro", "creator"].into_iter().enumerate().map(|(peer, plan)| {
            let desk = Desk { app: &peers.0[peer], id: desk.id.clone() };
            async move { desk.post("/v1/checkout", json!({ "plan": plan, "interval": "month" })).await }
        });
        for page in join_all(clicks).await.iter().filter(|page| page.status == 201) {
            let url = text(&page.json()["url"]);
            let session = url.rsplit_once('/').expect("an id is at its end").1;
            stripe.control(&format!("/checkout/{session}/pay"), json!({})).await;
        }
        let known = peers.0[0].get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
        let path = format!("/v1/subscriptions?customer={}", text(&known["customer"]));
        assert_eq!(stripe.get(&path).await["data"].as_array().map(Vec::len), Some(1), "one subscription");
    }
    peers.verify();
}

/// The process that reconciles is killed while it waits for an answer; another one reconciles when the lease is over.
#[tokio::test(flavor = "multi_thread")]
async fn who_dies_while_looking_is_followed_by_another() {
    let (mut peers, stripe) = start(3);
    let (id, customer) = {
        let (desk, customer) = paid_session(&peers.0[2], &stripe).await;
        (desk.id, customer)
    };
    let reads = |stripe: &Stripe| stripe.calls().iter().filter(|call| call.1 == "/v1/invoices").count();
    let before = reads(&stripe);
    stripe.control("/faults", json!({ "path": "/v1/invoices", "times": 1000, "cut": "before" })).await;
    // Two servers are stopped, so that the test knows which one reconciles.
    peers.0[0].kill();
    peers.0[1].kill();
    tell(&peers.0[2], "1", "invoice.paid", &customer).await;
    while reads(&stripe) == before {
        tokio::task::yield_now().await;
    }
    peers.0[2].kill();
    stripe.simulator().app().lock().calls.faults.clear();
    peers.0[0].restart();
    let desk = Desk { app: &peers.0[0], id };
    wait_until_reconciled(&desk).await;
    is_given_once(&desk).await;
    peers.verify();
}

/// R30: processes that charge the same top-up at one instant, with answers that are lost, charge it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_that_three_processes_see_is_charged_once() {
    let (peers, stripe) = start(3);
    for round in 0..5 {
        let first = &peers.0[round % 3];
        let desk = first.free().await;
        let page = desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
        let url = text(&page["url"]);
        let session = url.rsplit_once('/').expect("an id is at its end").1;
        assert_eq!(stripe.control(&format!("/checkout/{session}/pay"), json!({})).await.0, 200);
        let known = first.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
        tell(first, &format!("pack_{round}"), KINDS[0], &known["customer"]).await;
        wait_until_reconciled(&desk).await;
        assert_eq!(desk.credits().await.0, 1250);
        let terms = json!({ "pack": "credits-1000", "below": 100, "monthly_max": 1200 });
        desk.call(Method::PUT, "/v1/billing/top_up").json(&terms).send().await.expect(200);
        let fault = json!({ "method": "POST", "path": "/v1/payment_intents", "times": 2, "cut": "after" });
        stripe.control("/faults", fault).await;
        let hold = desk.post("/v1/holds", json!({ "credits": 1200, "reference": "r" })).await.expect(201);
        desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
        let path = format!("/v1/workspaces/{}/customer/sync", desk.id);
        join_all(peers.0.iter().map(|peer| peer.post(&path, Value::Null))).await;
        wait_until_reconciled(&desk).await;
        assert_eq!(desk.credits().await.0, 1050);
        let customer = text(&known["customer"]);
        let all = stripe.get(&format!("/v1/payment_intents?customer={customer}")).await;
        assert_eq!(all["data"].as_array().map(Vec::len), Some(2), "the pack that was bought, and the top-up");
        let top_up = desk.get("/v1/billing").await.expect(200)["top_up"].clone();
        assert_eq!((&top_up["status"], &top_up["spent"]), (&json!("used_up"), &json!(1200)));
    }
    assert_eq!(peers.0[0].get("/v1/alerts").await.expect(200)["data"], json!([]));
    peers.verify();
}
