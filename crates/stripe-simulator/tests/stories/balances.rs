//! Balances of customers and credit notes: amounts that lower an invoice, and amounts that are taken back of one.

use crate::world::{World, id, instant, text};
use serde_json::{Value, json};

/// Subscribes for a month for 10.00 from the first of January 2026; returns the clock, the customer and the
/// subscription.
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

/// Gives a customer balance; below zero is a credit.
async fn adjust(world: &World, customer: &str, amount: &str) -> Value {
    let form = [("amount", amount), ("currency", "usd"), ("description", "by hand")];
    world.post(&format!("/v1/customers/{customer}/balance_transactions"), &form).await
}

/// Returns the changes of a customer's balance, oldest first: their reasons, amounts and the balances after them.
async fn history(world: &World, customer: &str) -> Vec<(String, i64, i64)> {
    let list = world.get(&format!("/v1/customers/{customer}/balance_transactions?limit=100")).await;
    let to_row = |one: &Value| {
        (
            text(one, "type"),
            one["amount"].as_i64().expect("a number"),
            one["ending_balance"].as_i64().expect("a number"),
        )
    };
    list["data"].as_array().expect("a list").iter().rev().map(to_row).collect()
}

async fn balance(world: &World, customer: &str) -> Value {
    world.get(&format!("/v1/customers/{customer}")).await["balance"].clone()
}

#[tokio::test]
async fn a_renewal_takes_from_the_balance_what_is_there() {
    // Balance before, and what is then due, paid by card, and left of the balance.
    for (before, due, left) in [(-300, 700, 0), (-1000, 0, 0), (-2500, 0, -1500), (400, 1400, 0)] {
        let world = World::new().await;
        let (clock, customer, subscription) = open_subscription(&world).await;
        adjust(&world, &customer, &before.to_string()).await;
        world.advance(&clock, "2026-02-01T00:00:00Z").await;
        let draft = newest_invoice(&world, &subscription).await;
        assert_eq!((&draft["starting_balance"], &draft["ending_balance"]), (&json!(before), &Value::Null));
        assert_eq!((&draft["amount_due"], &draft["total"]), (&json!(due), &json!(1000)));
        world.advance(&clock, "2026-02-01T01:00:00Z").await;
        let paid = newest_invoice(&world, &subscription).await;
        assert_eq!((&paid["status"], &paid["total"]), (&json!("paid"), &json!(1000)), "{before}");
        let amounts = ["starting_balance", "ending_balance", "amount_due", "amount_paid", "amount_remaining"];
        assert_eq!(amounts.map(|field| paid[field].as_i64().expect("a number")), [before, left, due, due, 0]);
        let payments = world.get(&format!("/v1/invoice_payments?invoice={}", id(&paid))).await;
        assert_eq!(payments["data"].as_array().expect("a list").len(), usize::from(due > 0), "{before}");
        let applied = ("applied_to_invoice".to_owned(), left - before, left);
        assert_eq!(history(&world, &customer).await, [("adjustment".to_owned(), before, before), applied]);
        assert_eq!(balance(&world, &customer).await, left);
        let path = format!("/v1/customers/{customer}/balance_transactions?invoice={}", id(&paid));
        let about = world.get(&path).await;
        assert_eq!((&about["data"][0]["type"], &about["data"][1]), (&json!("applied_to_invoice"), &Value::Null));
    }
}

#[tokio::test]
async fn a_draft_goes_by_the_balance_at_its_finalization() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:00:00Z").await;
    adjust(&world, &customer, "-250").await;
    let draft = newest_invoice(&world, &subscription).await;
    assert_eq!((&draft["starting_balance"], &draft["amount_due"]), (&json!(-250), &json!(750)));
    let open = world.post(&format!("/v1/invoices/{}/finalize", id(&draft)), &[]).await;
    assert_eq!((&open["amount_due"], &open["ending_balance"]), (&json!(750), &json!(0)));
}

#[tokio::test]
async fn a_first_invoice_that_the_balance_pays_needs_no_card() {
    let world = World::new().await;
    let customer = id(&world.post("/v1/customers", &[("email", "ada@example.com"), ("balance", "-5000")]).await);
    let price = world.price("Plus", "1000", "month").await;
    let subscription = world.subscribe(&customer, &price).await;
    assert_eq!(subscription["status"], "active");
    let invoice = world.get(&format!("/v1/invoices/{}", text(&subscription, "latest_invoice"))).await;
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&json!("paid"), &json!(0)));
    let to_row = history(&world, &customer).await;
    assert_eq!(to_row, [("initial".to_owned(), -5000, -5000), ("applied_to_invoice".to_owned(), 1000, -4000)]);
}

#[tokio::test]
async fn a_balance_that_is_set_is_noted_down_as_its_difference() {
    let world = World::new().await;
    let customer = world.customer("pm_card_visa", None).await;
    world.news().await;
    let path = format!("/v1/customers/{customer}");
    assert_eq!(world.post(&path, &[("balance", "-700")]).await["balance"], -700);
    assert_eq!(world.news().await, ["customer.updated"]);
    assert_eq!(world.post(&path, &[("balance", "-200")]).await["balance"], -200);
    world.post(&path, &[("balance", "-200")]).await;
    let one = |amount, left| ("adjustment".to_owned(), amount, left);
    assert_eq!(history(&world, &customer).await, [one(-700, -700), one(500, -200)]);
    let transaction = adjust(&world, &customer, "-10").await;
    let path = format!("/v1/customers/{customer}/balance_transactions/{}", id(&transaction));
    assert_eq!(world.get(&path).await, transaction);
    assert_eq!(world.post(&path, &[("metadata[why]", "kind")]).await["metadata"], json!({"why": "kind"}));
    let other = world.customer("pm_card_visa", None).await;
    let (status, _) = world.try_get(&path.replace(&customer, &other)).await;
    assert_eq!(status, 404, "it is another customer's");
    let form = [("amount", "-10"), ("currency", "eur")];
    let (status, error) = world.expect_refusal(&format!("/v1/customers/{customer}/balance_transactions"), &form).await;
    assert_eq!((status, &error["param"]), (400, &json!("currency")));
}

#[tokio::test]
async fn an_invoice_that_is_voided_gives_the_balance_back() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world).await;
    adjust(&world, &customer, "-300").await;
    world.card(&customer, "pm_card_chargeCustomerFail").await;
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let invoice = newest_invoice(&world, &subscription).await;
    assert_eq!((&invoice["status"], balance(&world, &customer).await), (&json!("open"), json!(0)));
    world.post(&format!("/v1/invoices/{}/void", id(&invoice)), &[]).await;
    assert_eq!(balance(&world, &customer).await, -300);
    let to_row = history(&world, &customer).await;
    assert_eq!(to_row.last(), Some(&("unapplied_from_invoice".to_owned(), -300, -300)));
}

#[tokio::test]
async fn what_a_change_leaves_over_becomes_balance_and_pays_what_comes_next() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world).await;
    let cheaper = world.price("Less", "400", "month").await;
    world.advance(&clock, "2026-01-16T12:00:00Z").await;
    let item = world.get(&format!("/v1/subscriptions/{subscription}")).await["items"]["data"][0]["id"].clone();
    let form = [
        ("items[0][id]", item.as_str().unwrap()),
        ("items[0][price]", &cheaper),
        ("proration_behavior", "always_invoice"),
    ];
    world.post(&format!("/v1/subscriptions/{subscription}"), &form).await;
    let invoice = newest_invoice(&world, &subscription).await;
    assert_eq!(
        (&invoice["total"], &invoice["amount_due"], &invoice["status"]),
        (&json!(-300), &json!(0), &json!("paid"))
    );
    let lines: Vec<i64> = invoice["lines"]["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| line["amount"].as_i64().expect("a number"))
        .collect();
    assert_eq!(lines, [-500, 200], "what was not used is below zero");
    assert_eq!(balance(&world, &customer).await, -300);
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let paid = newest_invoice(&world, &subscription).await;
    assert_eq!((&paid["total"], &paid["amount_paid"]), (&json!(400), &json!(100)));
}

/// Issues a credit note on an invoice.
async fn credit(world: &World, invoice: &str, form: &[(&str, &str)]) -> Value {
    let form: Vec<(&str, &str)> = [("invoice", invoice)].into_iter().chain(form.iter().copied()).collect();
    world.post("/v1/credit_notes", &form).await
}

#[tokio::test]
async fn what_was_paid_is_given_back_as_a_refund_as_balance_and_outside() {
    let world = World::new().await;
    let (_, customer, subscription) = open_subscription(&world).await;
    let invoice = id(&newest_invoice(&world, &subscription).await);
    let parts = [("amount", "600"), ("refund_amount", "300"), ("credit_amount", "200"), ("out_of_band_amount", "100")];
    let note = credit(&world, &invoice, &parts).await;
    assert_eq!((&note["status"], &note["type"]), (&json!("issued"), &json!("post_payment")));
    assert_eq!((&note["post_payment_amount"], &note["pre_payment_amount"]), (&json!(600), &json!(0)));
    assert_eq!(note["out_of_band_amount"], 100);
    let refund = world.get(&format!("/v1/refunds/{}", text(&note["refunds"][0], "refund"))).await;
    assert_eq!((&refund["amount"], &note["refunds"][0]["amount_refunded"]), (&json!(300), &json!(300)));
    let transaction = text(&note, "customer_balance_transaction");
    let transaction = world.get(&format!("/v1/customers/{customer}/balance_transactions/{transaction}")).await;
    assert_eq!((&transaction["type"], &transaction["amount"]), (&json!("credit_note"), &json!(-200)));
    assert_eq!((&transaction["credit_note"], &transaction["invoice"]), (&note["id"], &json!(invoice)));
    let seen = world.get(&format!("/v1/invoices/{invoice}")).await;
    assert_eq!((&seen["status"], &seen["amount_paid"]), (&json!("paid"), &json!(1000)), "it stays paid");
    assert_eq!(seen["post_payment_credit_notes_amount"], 600);
    let news = world.news().await;
    for kind in ["credit_note.created", "refund.created", "charge.refunded", "customer.updated", "invoice.updated"] {
        assert!(news.iter().any(|received| received == kind), "{kind} was not received: {news:?}");
    }
    let parts = [("invoice", &*invoice), ("amount", "500"), ("credit_amount", "500")];
    let (status, error) = world.expect_refusal("/v1/credit_notes", &parts).await;
    assert_eq!((status, &error["code"]), (400, &json!("amount_too_large")), "there are 400 left");
    let (status, error) = world.expect_refusal("/v1/credit_notes", &[("invoice", &invoice), ("amount", "400")]).await;
    assert_eq!((status, &error["param"]), (400, &json!("amount")), "the request does not say where the money goes");
    let rest = [("amount", "400"), ("refund_amount", "400")];
    assert_eq!(text(&credit(&world, &invoice, &rest).await, "number"), format!("{}-CN-02", text(&seen, "number")));
    let listed = world.get(&format!("/v1/credit_notes?invoice={invoice}")).await;
    assert_eq!(
        listed["data"].as_array().expect("a list").iter().map(|one| one["amount"].clone()).collect::<Vec<_>>(),
        [400, 600]
    );
    let listed = world.get("/v1/credit_notes?customer=cus_other").await;
    assert_eq!(listed["data"], json!([]));
    let (status, _) = world.expect_refusal(&format!("/v1/credit_notes/{}/void", id(&note)), &[]).await;
    assert_eq!(status, 400, "what was given back is not taken back");
}

#[tokio::test]
async fn a_refund_that_was_made_before_belongs_to_a_credit_note() {
    let world = World::new().await;
    let (_, customer, subscription) = open_subscription(&world).await;
    let invoice = newest_invoice(&world, &subscription).await;
    let charge = id(&world.get(&format!("/v1/charges?customer={customer}")).await["data"][0]);
    let refund = id(&world.post("/v1/refunds", &[("charge", &charge)]).await);
    let line = id(&invoice["lines"]["data"][0]);
    let form = [
        ("lines[0][type]", "invoice_line_item"),
        ("lines[0][invoice_line_item]", &line),
        ("lines[0][quantity]", "1"),
        ("refunds[0][refund]", &refund),
    ];
    let note = credit(&world, &id(&invoice), &form).await;
    assert_eq!((&note["amount"], &note["refunds"][0]["refund"]), (&json!(1000), &json!(refund)));
    let lines = world.get(&format!("/v1/credit_notes/{}/lines", id(&note))).await;
    assert_eq!((&lines["data"][0]["invoice_line_item"], &lines["data"][0]["amount"]), (&json!(line), &json!(1000)));
    let refunds = world.get(&format!("/v1/refunds?charge={charge}")).await;
    assert_eq!(refunds["data"].as_array().expect("a list").len(), 1, "nothing is refunded twice");
}

#[tokio::test]
async fn what_is_taken_off_an_open_invoice_is_not_due_any_more_until_the_note_is_voided() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world).await;
    world.card(&customer, "pm_card_chargeCustomerFail").await;
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let invoice = id(&newest_invoice(&world, &subscription).await);
    let (status, _) = world
        .expect_refusal("/v1/credit_notes", &[("invoice", &invoice), ("amount", "1"), ("refund_amount", "1")])
        .await;
    assert_eq!(status, 400, "nothing was paid that could go back");
    let due = || async {
        let seen = world.get(&format!("/v1/invoices/{invoice}?expand[]=payments.data.payment.payment_intent")).await;
        let asked = seen["payments"]["data"][0]["payment"]["payment_intent"]["amount"].as_i64().expect("a number");
        let fields = ["amount_due", "amount_remaining", "pre_payment_credit_notes_amount", "total"];
        (fields.map(|field| seen[field].as_i64().expect("a number")), asked)
    };
    let note = credit(&world, &invoice, &[("amount", "400"), ("reason", "order_change")]).await;
    assert_eq!((&note["type"], &note["pre_payment_amount"]), (&json!("pre_payment"), &json!(400)));
    assert_eq!(due().await, ([600, 600, 400, 1000], 600));
    world.news().await;
    let void = world.post(&format!("/v1/credit_notes/{}/void", id(&note)), &[]).await;
    assert_eq!((&void["status"], &void["voided_at"]), (&json!("void"), &json!(instant("2026-02-01T01:00:00Z"))));
    assert_eq!(world.news().await, ["credit_note.voided", "invoice.updated"]);
    assert_eq!(due().await, ([1000, 1000, 0, 1000], 1000));

    credit(&world, &invoice, &[("amount", "1000")]).await;
    let seen = world.get(&format!("/v1/invoices/{invoice}?expand[]=payments")).await;
    assert_eq!((&seen["status"], &seen["amount_paid"], &seen["amount_due"]), (&json!("paid"), &json!(0), &json!(0)));
    assert_eq!(seen["payments"]["data"][0]["status"], "canceled");
    assert_eq!(world.get(&format!("/v1/subscriptions/{subscription}")).await["status"], "active");
}

#[tokio::test]
async fn a_draft_and_a_void_invoice_have_no_credit_notes() {
    let world = World::new().await;
    let (clock, _, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:00:00Z").await;
    let invoice = id(&newest_invoice(&world, &subscription).await);
    let note = [("invoice", &*invoice), ("amount", "1")];
    let (status, error) = world.expect_refusal("/v1/credit_notes", &note).await;
    assert_eq!((status, &error["code"]), (400, &json!("invoice_not_editable")));
    world.post(&format!("/v1/invoices/{invoice}/finalize"), &[("auto_advance", "false")]).await;
    world.post(&format!("/v1/invoices/{invoice}/void"), &[]).await;
    assert_eq!(world.expect_refusal("/v1/credit_notes", &note).await.0, 400);
}
