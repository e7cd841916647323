//! Debits of bank accounts, which are processing for days: first payments, renewals and packs.

use crate::world::{World, id, instant, text};
use serde_json::{Value, json};
use stripe_simulator::{AfterRetries, Config};

const GOOD: &str = "DE89370400440532013000";
const BAD: &str = "DE62370400440532013001";

/// Opens a session for a customer on a clock.
async fn session(world: &World, mode: &str) -> (String, String, String) {
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let form = [("email", "ada@example.com"), ("test_clock", &*clock)];
    let customer = id(&world.post("/v1/customers", &form).await);
    let price = world.price("Plus", "1000", if mode == "payment" { "" } else { "month" }).await;
    let form = [
        ("mode", mode),
        ("customer", &customer),
        ("line_items[0][price]", &price),
        ("success_url", "https://shop.example/done"),
    ];
    let session = id(&world.post("/v1/checkout/sessions", &form).await);
    world.news().await;
    (clock, customer, session)
}

async fn read_session(world: &World, session: &str) -> Value {
    world
        .get(&format!("/v1/checkout/sessions/{session}?expand[]=subscription.latest_invoice&expand[]=payment_intent"))
        .await
}

/// Returns the statuses of a session, its payment, its subscription and the first invoice.
fn statuses(session: &Value) -> [&str; 4] {
    let subscription = &session["subscription"];
    let parts = [
        &session["status"],
        &session["payment_status"],
        &subscription["status"],
        &subscription["latest_invoice"]["status"],
    ];
    parts.map(|part| part.as_str().expect("a text"))
}

fn assert_news(news: &[String], kinds: &[&str]) {
    for kind in kinds {
        assert!(news.iter().any(|received| received == kind), "{kind} was not received: {news:?}");
    }
}

#[tokio::test]
async fn a_subscription_is_active_while_its_first_payment_is_processing() {
    for number in [GOOD, "000123456789"] {
        let world = World::new().await;
        let (clock, _, session) = session(&world, "subscription").await;
        assert_eq!(world.pay(&session, number).await.1["status"], "complete");
        let complete = read_session(&world, &session).await;
        assert_eq!(statuses(&complete), ["complete", "unpaid", "active", "open"]);
        let invoice = text(&complete["subscription"]["latest_invoice"], "id");
        let payments = world.get(&format!("/v1/invoice_payments?invoice={invoice}")).await;
        let intent = text(&payments["data"][0]["payment"], "payment_intent");
        let path = format!("/v1/payment_intents/{intent}?expand[]=latest_charge");
        let waiting = world.get(&path).await;
        assert_eq!((&waiting["status"], &waiting["amount_received"]), (&json!("processing"), &json!(0)));
        assert_eq!(
            (&waiting["latest_charge"]["status"], &waiting["latest_charge"]["paid"]),
            (&json!("pending"), &json!(false))
        );
        let news = world.news().await;
        assert_news(
            &news,
            &[
                "checkout.session.completed",
                "payment_intent.processing",
                "charge.pending",
                "customer.subscription.created",
            ],
        );
        assert!(!news.contains(&"invoice.paid".to_owned()));
        for act in ["pay", "void"] {
            let (status, error) = world.expect_refusal(&format!("/v1/invoices/{invoice}/{act}"), &[]).await;
            assert_eq!((status, &error["code"]), (400, &json!("payment_intent_unexpected_state")), "{act}");
        }
        assert_eq!(world.expect_refusal(&format!("/v1/payment_intents/{intent}/cancel"), &[]).await.0, 400);

        world.advance(&clock, "2026-01-05T23:59:59Z").await;
        assert_eq!(read_session(&world, &session).await["payment_status"], "unpaid");
        world.advance(&clock, "2026-01-06T00:00:00Z").await;
        assert_eq!(statuses(&read_session(&world, &session).await), ["complete", "paid", "active", "paid"]);
        assert_news(
            &world.news().await,
            &[
                "charge.succeeded",
                "payment_intent.succeeded",
                "invoice.paid",
                "checkout.session.async_payment_succeeded",
            ],
        );
        let paid = world.get(&path).await;
        assert_eq!(
            (&paid["latest_charge"]["id"], &paid["latest_charge"]["status"]),
            (&waiting["latest_charge"]["id"], &json!("succeeded"))
        );
        let refund = world.post("/v1/refunds", &[("payment_intent", &intent)]).await;
        assert_eq!(refund["destination_details"]["type"], paid["payment_method_types"][1]);
    }
}

#[tokio::test]
async fn a_first_payment_that_the_bank_refuses_leaves_the_invoice_open() {
    let world = World::new().await;
    let (clock, _, session) = session(&world, "subscription").await;
    world.pay(&session, BAD).await;
    world.news().await;
    world.advance(&clock, "2026-01-06T00:00:00Z").await;
    let failed = read_session(&world, &session).await;
    assert_eq!(statuses(&failed), ["complete", "unpaid", "past_due", "open"]);
    let news = world.news().await;
    assert_news(
        &news,
        &[
            "charge.failed",
            "payment_intent.payment_failed",
            "invoice.payment_failed",
            "checkout.session.async_payment_failed",
        ],
    );
    world.advance(&clock, "2026-01-30T00:00:00Z").await;
    assert_eq!(read_session(&world, &session).await["subscription"]["status"], "past_due");
    let invoice = text(&failed["subscription"]["latest_invoice"], "id");
    world.control(&format!("/invoices/{invoice}/pay"), json!({"card": "4242424242424242"})).await;
    assert_eq!(statuses(&read_session(&world, &session).await), ["complete", "unpaid", "active", "paid"]);
}

#[tokio::test]
async fn a_subscription_waits_as_incomplete_where_that_is_said() {
    for (number, wanted) in
        [(GOOD, ["complete", "paid", "active", "paid"]), (BAD, ["complete", "unpaid", "incomplete_expired", "void"])]
    {
        let world = World::new().await;
        world.control("/debits", json!({"settle_after": 14 * 86400, "incomplete": true})).await;
        let (clock, _, session) = session(&world, "subscription").await;
        world.pay(&session, number).await;
        assert_eq!(statuses(&read_session(&world, &session).await), ["complete", "unpaid", "incomplete", "open"]);
        world.advance(&clock, "2026-01-14T00:00:00Z").await;
        assert_eq!(
            statuses(&read_session(&world, &session).await),
            ["complete", "unpaid", "incomplete", "open"],
            "the subscription waits for the debit"
        );
        world.advance(&clock, "2026-01-15T02:00:00Z").await;
        assert_eq!(statuses(&read_session(&world, &session).await), wanted);
    }
}

#[tokio::test]
async fn a_pack_is_paid_days_after_it_was_bought() {
    for (number, paid) in [(GOOD, true), (BAD, false)] {
        let world = World::new().await;
        let (clock, customer, session) = session(&world, "payment").await;
        world.pay(&session, number).await;
        let bought = read_session(&world, &session).await;
        assert_eq!((&bought["status"], &bought["payment_status"]), (&json!("complete"), &json!("unpaid")));
        assert_eq!(bought["payment_intent"]["status"], "processing");
        let charges = world.get(&format!("/v1/charges?customer={customer}")).await;
        let (status, _) =
            world.expect_refusal("/v1/refunds", &[("charge", charges["data"][0]["id"].as_str().unwrap())]).await;
        assert_eq!(status, 400, "what did not come cannot go back");
        world.news().await;
        world.advance(&clock, "2026-01-06T00:00:00Z").await;
        let settled = read_session(&world, &session).await;
        let (status, payment, event) = if paid {
            ("paid", "succeeded", "checkout.session.async_payment_succeeded")
        } else {
            ("unpaid", "requires_payment_method", "checkout.session.async_payment_failed")
        };
        assert_eq!(
            (&settled["payment_status"], &settled["payment_intent"]["status"]),
            (&json!(status), &json!(payment))
        );
        assert_news(&world.news().await, &[event]);
    }
}

#[tokio::test]
async fn a_renewal_that_is_debited_leaves_the_subscription_active_until_the_bank_refuses() {
    for (number, invoice, subscribed) in [(GOOD, "paid", "active"), (BAD, "open", "past_due")] {
        let world = World::with(Config { after_retries: AfterRetries::LeavePastDue, ..Config::default() }).await;
        let clock = world.clock("2026-01-01T00:00:00Z").await;
        let customer = world.customer("pm_card_visa", Some(&clock)).await;
        let price = world.price("Plus", "1000", "month").await;
        let subscription = id(&world.subscribe(&customer, &price).await);
        let form = [("type", "sepa_debit"), ("sepa_debit[iban]", number), ("billing_details[name]", "Ada")];
        let method = id(&world.post("/v1/payment_methods", &form).await);
        world.card(&customer, &method).await;
        world.advance(&clock, "2026-02-01T01:00:00Z").await;
        let path = format!("/v1/subscriptions/{subscription}?expand[]=latest_invoice");
        let waiting = world.get(&path).await;
        assert_eq!((&waiting["status"], &waiting["latest_invoice"]["status"]), (&json!("active"), &json!("open")));
        assert_eq!(
            (&waiting["latest_invoice"]["attempt_count"], &waiting["latest_invoice"]["next_payment_attempt"]),
            (&json!(1), &Value::Null)
        );
        world.advance(&clock, "2026-02-06T01:00:00Z").await;
        let settled = world.get(&path).await;
        assert_eq!(
            (&settled["status"], &settled["latest_invoice"]["status"]),
            (&json!(subscribed), &json!(invoice)),
            "{number}"
        );
        if invoice == "open" {
            assert_eq!(settled["latest_invoice"]["next_payment_attempt"], instant("2026-02-09T01:00:00Z"));
        }
    }
}

#[tokio::test]
async fn a_debit_settles_when_and_as_is_said() {
    for (number, succeeds, wanted) in [
        ("pm_usBankAccount_processing", Some(true), "succeeded"),
        ("pm_usBankAccount_success", Some(false), "requires_payment_method"),
        ("pm_usBankAccount_insufficientFunds", None, "requires_payment_method"),
        ("pm_usBankAccount_success", None, "succeeded"),
    ] {
        let world = World::new().await;
        world.control("/debits", json!({"settle_after": 60})).await;
        let form = [("amount", "500"), ("currency", "usd"), ("payment_method", number), ("confirm", "true")];
        let intent = world.post("/v1/payment_intents", &form).await;
        assert_eq!(intent["status"], "processing");
        let path = format!("/payment_intents/{}/settle", id(&intent));
        if let Some(succeeds) = succeeds {
            world.control(&path, json!({"succeeds": succeeds})).await;
        } else {
            world.control("/clock/move", json!({"seconds": 61})).await;
        }
        let settled = world.get(&format!("/v1/payment_intents/{}", id(&intent))).await;
        assert_eq!(settled["status"], wanted, "{number}");
        if number.ends_with("insufficientFunds") {
            assert_eq!(settled["last_payment_error"]["code"], "insufficient_funds");
        }
        assert_eq!(world.control(&path, json!({})).await.0, 400, "it is settled");
    }
    let world = World::new().await;
    let form = [
        ("amount", "500"),
        ("currency", "usd"),
        ("payment_method", "pm_usBankAccount_processing"),
        ("confirm", "true"),
    ];
    let intent = id(&world.post("/v1/payment_intents", &form).await);
    world.control("/clock/move", json!({"seconds": 60 * 86400})).await;
    assert_eq!(world.get(&format!("/v1/payment_intents/{intent}")).await["status"], "processing");
    assert_eq!(world.control("/debits", json!({"settle_after": -1})).await.0, 400);
}

#[tokio::test]
async fn a_hosted_invoice_takes_a_bank_account_and_says_that_its_payment_is_on_its_way() {
    let world = World::new().await;
    let customer = world.customer("pm_card_chargeCustomerFail", None).await;
    let price = world.price("Plus", "1000", "month").await;
    let subscription = world.subscribe(&customer, &price).await;
    let invoice = world.get(&format!("/v1/invoices/{}", text(&subscription, "latest_invoice"))).await;
    let form = format!("card_number={GOOD}&card_expiry=&card_cvc=");
    let page = invoice["hosted_invoice_url"].as_str().unwrap();
    let request = world.http.post(page).header("content-type", "application/x-www-form-urlencoded").body(form);
    let shown = request.send().await.unwrap().text().await.unwrap();
    assert!(shown.contains("on its way") && !shown.contains("<form"), "{shown}");
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    assert_eq!(world.get(&path).await["status"], "active");
}
