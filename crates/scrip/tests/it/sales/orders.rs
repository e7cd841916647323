//! T06: every order of the deliveries of one history, with any repetitions, ends in one state.

use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::Method;
use scrip_testing::app::{Desk, PATIENCE, number, text};
use scrip_testing::shop::Shop;
use scrip_testing::stripe::{SECRET, event, sign};
use serde_json::{Value, json};

/// Number of workspaces that are walked at once.
const AT_ONCE: usize = 24;
/// Number of workspaces of one shop: its account searches everything it has for each answer.
const SHARE: usize = 120;

/// Adds every order of things, of which each comes a number of times.
fn orders(left: &mut [usize], so_far: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
    if left.iter().all(|count| *count == 0) {
        all.push(so_far.clone());
        return;
    }
    for thing in 0..left.len() {
        if left[thing] > 0 {
            left[thing] -= 1;
            so_far.push(thing);
            orders(left, so_far, all);
            so_far.pop();
            left[thing] += 1;
        }
    }
}

fn orders_of(counts: &[usize]) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    orders(&mut counts.to_vec(), &mut Vec::new(), &mut all);
    all
}

#[test]
fn the_orders_are_all_there() {
    assert_eq!((orders_of(&[2, 2, 2, 2]).len(), orders_of(&[1; 7]).len()), (2520, 5040));
}

/// Returns the events that the account would send about a customer, of some kinds, oldest first.
fn account_events(shop: &Shop, customer: &str, kinds: &[&str]) -> Vec<String> {
    shop.account(|state| {
        let about = |event: &&stripe_simulator::object::Object| event.text("data.object.customer") == customer;
        let events = state.all("event").filter(about);
        let events = events.filter(|event| kinds.contains(&event.text("type")));
        events.map(|found| event(found.id(), found.text("type"), found.at("data.object").clone()).to_string()).collect()
    })
}

async fn deliver(desk: &Desk<'_>, body: &str) {
    let call = desk.app.bare(Method::POST, "/hooks/stripe").header("Stripe-Signature", &sign(SECRET, body));
    let answer = call.bytes("application/json", body.as_bytes().to_vec()).send().await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
}

/// Returns everything that must be the same in the end, without the identifiers of a workspace.
async fn digest(desk: &Desk<'_>) -> Value {
    let (shown, balance) = (desk.show().await, desk.balance().await);
    let grants = balance["grants"].as_array().expect("a list").iter();
    let grants: Vec<Value> = grants
        .map(|grant| json!([grant["kind"], grant["code"], grant["granted"], grant["available"], grant["revoked"]]))
        .collect();
    let issued = desk
        .entries()
        .await
        .iter()
        .map(|entry| entry["events"].to_string().matches("\"grant_issued\"").count())
        .sum::<usize>();
    json!({
        "plan": shown["plan"], "interval": shown["interval"], "status": shown["status"], "billing": shown["billing"],
        "available": balance["available"], "debt": balance["debt"], "grants": grants, "issued": issued,
    })
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

/// Waits until the customer was reconciled once after its creation; nothing is paid before.
async fn reconcile(desk: &Desk<'_>) {
    desk.app.post(&format!("/v1/workspaces/{}/customer/sync", desk.id), Value::Null).await.expect(200);
}

/// Returns the customer of a workspace.
async fn customer(desk: &Desk<'_>) -> String {
    text(&desk.app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200)["customer"])
}

/// Returns all orders on the files; a part of them where the stories run again on another store.
fn told_here(orders: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let step = if std::env::var_os("SCRIP_TEST_STORE").is_some() { 40 } else { 1 };
    orders.into_iter().step_by(step).collect()
}

/// A history that is over before any of its events is delivered.
trait History {
    const KINDS: &'static [&'static str];
    async fn happen(shop: &Shop, desk: &Desk<'_>);
}

/// Lets a history happen to a workspace for each order, and delivers its events so. Returns the final states.
async fn walk<H: History>(orders: &[Vec<usize>]) -> Vec<Value> {
    let mut ends: Vec<Value> = Vec::new();
    for share in orders.chunks(SHARE) {
        let mut shop = Shop::silent("canvas-tiers");
        {
            let shop = &shop;
            let walks = iter(share).map(async |order| {
                let desk = shop.app.free().await;
                H::happen(shop, &desk).await;
                let events = account_events(shop, &customer(&desk).await, H::KINDS);
                assert_eq!(order.iter().max(), Some(&(events.len() - 1)), "as many events as there are orders of");
                for nth in order {
                    deliver(&desk, &events[*nth]).await;
                }
                desk
            });
            let told: Vec<Desk<'_>> = walks.buffer_unordered(AT_ONCE).collect().await;
            let looks = iter(&told).map(async |desk| {
                wait_until_reconciled(desk).await;
                digest(desk).await
            });
            let found: Vec<Value> = looks.buffer_unordered(2).collect().await;
            assert_eq!(found.len(), share.len());
            for end in found {
                if !ends.contains(&end) {
                    ends.push(end);
                }
            }
            assert_eq!(shop.alerts().await, Vec::<String>::new());
        }
        shop.app.verify();
    }
    ends
}

struct Checkout;

impl History for Checkout {
    const KINDS: &'static [&'static str] =
        &["checkout.session.completed", "invoice.paid", "customer.subscription.created", "payment_intent.succeeded"];

    async fn happen(shop: &Shop, desk: &Desk<'_>) {
        let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        reconcile(desk).await;
        shop.pay(&page).await;
    }
}

/// The four events of one paid checkout session, each delivered twice: 2,520 orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_of_a_checkouts_events_each_delivered_twice_ends_in_one_grant() {
    let ends = walk::<Checkout>(&told_here(orders_of(&[2, 2, 2, 2]))).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    let end = &ends[0];
    assert_eq!((&end["plan"], number(&end["available"]), number(&end["issued"])), (&json!("pro"), 5250, 3), "{end}");
}

/// History of a subscription that is upgraded a moment later, a third of that refunded, and canceled.
struct Change;

impl History for Change {
    const KINDS: &'static [&'static str] =
        &["customer.subscription.created", "customer.subscription.updated", "invoice.paid", "charge.refunded"];

    async fn happen(shop: &Shop, desk: &Desk<'_>) {
        let stripe = &shop.stripe;
        let page = desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
        reconcile(desk).await;
        shop.pay(&page).await;
        let customer = customer(desk).await;
        let found = stripe.get(&format!("/v1/subscriptions?customer={customer}")).await["data"][0].clone();
        let path = format!("/v1/subscriptions/{}", text(&found["id"]));
        let item = text(&found["items"]["data"][0]["id"]);
        let price = stripe.get("/v1/prices?lookup_keys[]=scrip:plan:pro:month").await;
        let price = text(&price["data"][0]["id"]);
        stripe.control("/clock/move", json!({ "seconds": 2 })).await;
        let form = [
            ("items[0][id]", item.as_str()),
            ("items[0][price]", &price),
            ("billing_cycle_anchor[type]", "now"),
            ("proration_behavior", "none"),
        ];
        stripe.post(&path, &form).await;
        let charges = stripe.get(&format!("/v1/charges?customer={customer}")).await;
        let charge = text(&charges["data"][0]["id"]);
        stripe.post("/v1/refunds", &[("charge", &charge), ("amount", "1300")]).await;
        stripe.post(&path, &[("cancel_at_period_end", "true")]).await;
    }
}

/// The 5,040 orders of seven events: every eighth, and all of them with `SCRIP_ORDERS=all`, which takes minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_seven_events_of_a_history_end_alike() {
    let step = if std::env::var_os("SCRIP_ORDERS").is_some() { 1 } else { 8 };
    let orders: Vec<Vec<usize>> = told_here(orders_of(&[1; 7])).into_iter().step_by(step).collect();
    let ends = walk::<Change>(&orders).await;
    assert_eq!(ends.len(), 1, "{ends:#?}");
    let end = &ends[0];
    assert_eq!(
        (&end["plan"], &end["status"], number(&end["issued"])),
        (&json!("pro"), &json!("canceling"), 4),
        "{end}"
    );
    // The rest of the first plan, two thirds of the second, and the free credits.
    assert_eq!(number(&end["available"]), 250 + 1700 + 5000 - 1666, "{end}");
}

/// Every webhook is lost, and a sweep ends in the same state as the deliveries.
#[tokio::test]
async fn a_sweep_ends_where_deliveries_would_have() {
    let delivered = walk::<Change>(&orders_of(&[1; 7])[..1]).await;
    let mut shop = Shop::silent("canvas-tiers");
    {
        let mut desks = Vec::new();
        for _ in 0..10 {
            let desk = shop.app.free().await;
            Change::happen(&shop, &desk).await;
            assert_eq!(desk.show().await["plan"], "free", "the server has had no delivery");
            desks.push(desk);
        }
        let swept = shop.app.post("/v1/billing/sweep", Value::Null).await.expect(200);
        assert_eq!(swept["customers"], 10);
        for desk in &desks {
            wait_until_reconciled(desk).await;
            assert_eq!(digest(desk).await, delivered[0]);
        }
    }
    shop.app.verify();
}
