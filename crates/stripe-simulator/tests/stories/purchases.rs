//! Buying through Checkout, once and every month.

use crate::world::{SECRET, World, id, text};
use serde_json::json;

#[tokio::test]
async fn a_customer_buys_a_pack_and_is_sent_back() {
    let world = World::new().await;
    let price = world.price("Pack of 100", "1900", "").await;
    let session = world
        .post(
            "/v1/checkout/sessions",
            &[
                ("mode", "payment"),
                ("line_items[0][price]", &price),
                ("line_items[0][quantity]", "2"),
                ("client_reference_id", "ws_1"),
                ("metadata[purchase]", "p_1"),
                ("payment_intent_data[metadata][purchase]", "p_1"),
                ("success_url", "https://example.com/done?session={CHECKOUT_SESSION_ID}"),
                ("cancel_url", "https://example.com/"),
            ],
        )
        .await;
    let session_id = id(&session);
    assert_eq!((session["status"].clone(), session["amount_total"].clone()), (json!("open"), json!(3800)));
    assert_eq!(text(&session, "url"), format!("{}/c/pay/{session_id}", world.stripe.base_url()));

    let (status, answer) = world.pay(&session_id, "4242 4242 4242 4242").await;
    assert_eq!((status, text(&answer, "url")), (200, format!("https://example.com/done?session={session_id}")));

    let path = format!("/v1/checkout/sessions/{session_id}?expand[]=payment_intent.latest_charge&expand[]=line_items");
    let session = world.get(&path).await;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!(session["client_reference_id"], "ws_1");
    assert_eq!(session["line_items"]["data"][0]["amount_total"], 3800);
    let intent = &session["payment_intent"];
    assert_eq!((&intent["status"], &intent["metadata"]["purchase"]), (&json!("succeeded"), &json!("p_1")));
    assert_eq!(intent["latest_charge"]["amount"], 3800);
    assert!(session["customer"].is_null(), "a payment alone needs no customer");

    let received = world.deliveries().await;
    assert!(received.iter().all(|one| one.is_signed_with(SECRET)), "every delivery is signed");
    let completed = received.iter().find(|one| one.event["type"] == "checkout.session.completed").unwrap();
    assert_eq!(completed.event["data"]["object"]["metadata"]["purchase"], "p_1");
    assert_eq!(completed.event["api_version"], "2026-10-28.endive");
    let types = world.types().await;
    for kind in ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"] {
        assert!(types.iter().any(|received| received == kind), "{kind} was not received: {types:?}");
    }
    assert_eq!(world.pay(&session_id, "4242424242424242").await.0, 400, "a session is paid once");
}

#[tokio::test]
async fn a_customer_subscribes_and_everything_points_to_everything() {
    let world = World::new().await;
    let price = world.price("Plus", "1000", "month").await;
    let session = world
        .post(
            "/v1/checkout/sessions",
            &[
                ("mode", "subscription"),
                ("line_items[0][price]", &price),
                ("subscription_data[metadata][workspace]", "ws_1"),
                ("success_url", "https://example.com/"),
            ],
        )
        .await;
    assert_eq!(world.pay(&id(&session), "pm_card_visa").await.0, 200);

    let path = format!("/v1/checkout/sessions/{}?expand[]=subscription.latest_invoice.payments", id(&session));
    let session = world.get(&path).await;
    let subscription = &session["subscription"];
    assert_eq!(subscription["status"], "active");
    assert_eq!(subscription["metadata"]["workspace"], "ws_1");
    assert!(subscription["default_payment_method"].is_string(), "renewals are paid with the same card");
    assert!(subscription.get("current_period_end").is_none(), "periods are on items");
    let item = &subscription["items"]["data"][0];
    assert_eq!(item["current_period_start"], subscription["billing_cycle_anchor"]);

    let invoice = &subscription["latest_invoice"];
    assert_eq!(invoice["id"], session["invoice"]);
    assert_eq!((&invoice["status"], &invoice["billing_reason"]), (&json!("paid"), &json!("subscription_create")));
    assert_eq!(
        (&invoice["amount_due"], &invoice["amount_paid"], &invoice["amount_remaining"]),
        (&json!(1000), &json!(1000), &json!(0))
    );
    let parent = &invoice["parent"]["subscription_details"];
    assert_eq!((&parent["subscription"], &parent["metadata"]["workspace"]), (&subscription["id"], &json!("ws_1")));
    let line = &invoice["lines"]["data"][0];
    assert_eq!(line["pricing"]["price_details"]["price"], json!(price));
    assert_eq!(line["parent"]["subscription_item_details"]["subscription_item"], item["id"]);
    assert_eq!(line["period"]["end"], item["current_period_end"]);

    let intent = text(&invoice["payments"]["data"][0]["payment"], "payment_intent");
    let path = format!("/v1/invoice_payments?payment[type]=payment_intent&payment[payment_intent]={intent}");
    assert_eq!(world.get(&path).await["data"][0]["invoice"], invoice["id"], "a payment leads to its invoice");

    let types = world.types().await;
    for kind in ["customer.created", "customer.subscription.created", "invoice.finalized", "invoice.paid"] {
        assert!(types.iter().any(|received| received == kind), "{kind} was not received: {types:?}");
    }
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open_and_nothing_behind() {
    let world = World::new().await;
    let price = world.price("Plus", "1000", "month").await;
    let form = [("mode", "subscription"), ("line_items[0][price]", &price), ("success_url", "https://example.com/")];
    let session = id(&world.post("/v1/checkout/sessions", &form).await);
    for card in ["4000000000000002", "4000000000000341"] {
        let (status, answer) = world.pay(&session, card).await;
        assert_eq!((status, &answer["error"]["decline_code"]), (402, &json!("generic_decline")), "{card}");
    }
    assert_eq!(world.get(&format!("/v1/checkout/sessions/{session}")).await["status"], "open");
    assert_eq!(world.get("/v1/subscriptions?status=all").await["data"], json!([]));
    assert_eq!(world.get("/v1/customers").await["data"], json!([]));
    assert_eq!(world.pay(&session, "4242424242424242").await.0, 200, "another card does it");
}

#[tokio::test]
async fn a_card_that_asks_its_owner_waits_for_the_answer() {
    let world = World::new().await;
    let price = world.price("Pack", "1900", "").await;
    let form = [("mode", "payment"), ("line_items[0][price]", &price), ("success_url", "https://example.com/")];
    let session = id(&world.post("/v1/checkout/sessions", &form).await);
    assert_eq!(world.pay(&session, "4000002760003184").await.1["status"], "needs_action");
    let confirm = format!("/checkout/{session}/confirm");
    let (status, answer) = world.control(&confirm, json!({"confirms": false})).await;
    assert_eq!((status, &answer["error"]["code"]), (402, &json!("payment_intent_authentication_failure")));
    assert_eq!(world.pay(&session, "4000002760003184").await.1["status"], "needs_action");
    assert_eq!(world.control(&confirm, json!({})).await.1["status"], "complete");
    assert_eq!(world.get(&format!("/v1/checkout/sessions/{session}")).await["payment_status"], "paid");
    assert_eq!(world.get("/v1/payment_intents").await["data"].as_array().unwrap().len(), 1, "one intent, tried again");
}

#[tokio::test]
async fn a_session_that_nobody_pays_expires_after_a_day() {
    let world = World::new().await;
    let price = world.price("Pack", "1900", "").await;
    let form = [("mode", "payment"), ("line_items[0][price]", &price), ("success_url", "https://example.com/")];
    let session = id(&world.post("/v1/checkout/sessions", &form).await);
    world.control("/clock/move", json!({"seconds": 24 * 3600})).await;
    assert_eq!(world.get(&format!("/v1/checkout/sessions/{session}")).await["status"], "expired");
    assert_eq!(world.types().await.last().map(String::as_str), Some("checkout.session.expired"));
    assert_eq!(world.pay(&session, "4242424242424242").await.0, 400);
}
