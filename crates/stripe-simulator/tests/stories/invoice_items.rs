//! Invoices by hand: items that wait for the next invoice, items of a draft, and invoices that a caller writes.

use crate::world::{World, id, text};
use serde_json::{Value, json};

async fn open_subscription(world: &World) -> (String, String, String) {
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let price = world.price("Plus", "1000", "month").await;
    let subscription = id(&world.subscribe(&customer, &price).await);
    world.news().await;
    (clock, customer, subscription)
}

async fn newest_invoice(world: &World, subscription: &str) -> Value {
    world.get(&format!("/v1/invoices?subscription={subscription}")).await["data"][0].clone()
}

/// Creates an invoice item of an amount.
async fn item(world: &World, customer: &str, amount: &str, more: &[(&str, &str)]) -> Value {
    let form = [("customer", customer), ("amount", amount), ("currency", "usd"), ("description", "Setup")];
    let form: Vec<(&str, &str)> = form.into_iter().chain(more.iter().copied()).collect();
    world.post("/v1/invoiceitems", &form).await
}

fn amounts(invoice: &Value) -> Vec<i64> {
    let lines = invoice["lines"]["data"].as_array().expect("a list");
    lines.iter().map(|line| line["amount"].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn an_item_waits_for_the_next_renewal_and_is_paid_with_it() {
    for (amount, due) in [("500", 1500), ("-300", 700), ("-1400", 0)] {
        let world = World::new().await;
        let (clock, customer, subscription) = open_subscription(&world).await;
        let made = item(&world, &customer, amount, &[]).await;
        assert_eq!((&made["invoice"], &made["proration"]), (&Value::Null, &json!(false)));
        assert_eq!(world.news().await, ["invoiceitem.created"]);
        world.advance(&clock, "2026-02-01T01:00:00Z").await;
        let invoice = newest_invoice(&world, &subscription).await;
        assert_eq!(amounts(&invoice), [1000, amount.parse().unwrap()]);
        assert_eq!(
            (&invoice["status"], &invoice["amount_due"], &invoice["amount_paid"]),
            (&json!("paid"), &json!(due), &json!(due))
        );
        let parent = &invoice["lines"]["data"][1]["parent"];
        assert_eq!(
            (&parent["type"], &parent["subscription_item_details"]),
            (&json!("invoice_item_details"), &Value::Null)
        );
        assert_eq!(parent["invoice_item_details"]["invoice_item"], made["id"]);
        let seen = world.get(&format!("/v1/invoiceitems/{}", id(&made))).await;
        assert_eq!(seen["invoice"], invoice["id"]);
        assert_eq!(world.get("/v1/invoiceitems?pending=true").await["data"], json!([]));
        let balance = world.get(&format!("/v1/customers/{customer}")).await["balance"].clone();
        assert_eq!(balance, if due == 0 { -400 } else { 0 }, "what is left over is kept for the customer");
        let (status, error) =
            world.expect_refusal(&format!("/v1/invoiceitems/{}", id(&made)), &[("amount", "1")]).await;
        assert_eq!((status, &error["code"]), (400, &json!("invoice_not_editable")));
        world.advance(&clock, "2026-03-01T01:00:00Z").await;
        assert_eq!(amounts(&newest_invoice(&world, &subscription).await), [1000], "it is invoiced once");
    }
}

#[tokio::test]
async fn an_item_is_put_on_a_draft_changed_there_and_taken_off_again() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:00:00Z").await;
    let draft = id(&newest_invoice(&world, &subscription).await);
    world.news().await;
    let made = id(&item(&world, &customer, "500", &[("invoice", &draft)]).await);
    assert_eq!(world.news().await, ["invoiceitem.created", "invoice.updated"]);
    let path = format!("/v1/invoiceitems/{made}");
    assert_eq!(newest_invoice(&world, &subscription).await["amount_due"], 1500);
    world.post(&path, &[("amount", "700")]).await;
    assert_eq!(amounts(&newest_invoice(&world, &subscription).await), [1000, 700]);
    assert_eq!(world.delete(&path).await["deleted"], true);
    assert_eq!(amounts(&newest_invoice(&world, &subscription).await), [1000]);
    assert_eq!(world.try_get(&path).await.0, 404);
    item(&world, &customer, "200", &[("invoice", &draft)]).await;
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    assert_eq!(newest_invoice(&world, &subscription).await["amount_paid"], 1200);
    let form = [("customer", &*customer), ("amount", "1"), ("currency", "usd"), ("invoice", &draft)];
    let (status, error) = world.expect_refusal("/v1/invoiceitems", &form).await;
    assert_eq!((status, &error["code"]), (400, &json!("invoice_not_editable")));
}

#[tokio::test]
async fn an_item_of_a_subscription_joins_that_ones_invoice_alone() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world).await;
    let price = world.price("Other", "100", "month").await;
    let other = id(&world.subscribe(&customer, &price).await);
    item(&world, &customer, "500", &[("subscription", &subscription)]).await;
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    assert_eq!(amounts(&newest_invoice(&world, &subscription).await), [1000, 500]);
    assert_eq!(amounts(&newest_invoice(&world, &other).await), [100]);
}

#[tokio::test]
async fn an_invoice_is_written_by_hand_and_paid() {
    for include in [false, true] {
        let world = World::new().await;
        let customer = world.customer("pm_card_visa", None).await;
        let price = world.price("Setup", "800", "").await;
        item(&world, &customer, "50", &[]).await;
        let behavior = if include { "include" } else { "exclude" };
        let form =
            [("customer", &*customer), ("pending_invoice_items_behavior", behavior), ("metadata[why]", "by hand")];
        let draft = world.post("/v1/invoices", &form).await;
        assert_eq!(
            (&draft["status"], &draft["billing_reason"], &draft["parent"]),
            (&json!("draft"), &json!("manual"), &Value::Null)
        );
        assert_eq!(amounts(&draft), if include { vec![50] } else { vec![] });
        let invoice = id(&draft);
        let form = [("customer", &*customer), ("pricing[price]", &price), ("quantity", "2"), ("invoice", &invoice)];
        assert_eq!(world.post("/v1/invoiceitems", &form).await["amount"], 1600);
        let paid = world.post(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
        assert_eq!(
            (&paid["status"], &paid["amount_paid"]),
            (&json!("paid"), &json!(1600 + if include { 50 } else { 0 }))
        );
        let line = paid["lines"]["data"].as_array().expect("a list").last().unwrap().clone();
        assert_eq!(line["pricing"]["price_details"]["price"], json!(price));
    }
}

#[tokio::test]
async fn a_draft_is_stopped_and_let_go_on() {
    let world = World::new().await;
    let (clock, _, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:00:00Z").await;
    let draft = id(&newest_invoice(&world, &subscription).await);
    let path = format!("/v1/invoices/{draft}");
    let stopped = world.post(&path, &[("auto_advance", "false")]).await;
    assert_eq!((&stopped["auto_advance"], &stopped["automatically_finalizes_at"]), (&json!(false), &Value::Null));
    world.advance(&clock, "2026-02-01T02:00:00Z").await;
    assert_eq!(text(&world.get(&path).await, "status"), "draft");
    world.post(&path, &[("auto_advance", "true")]).await;
    world.advance(&clock, "2026-02-01T02:00:01Z").await;
    assert_eq!(text(&world.get(&path).await, "status"), "paid");
    assert_eq!(world.expect_refusal(&path, &[("auto_advance", "true")]).await.0, 400);
}
