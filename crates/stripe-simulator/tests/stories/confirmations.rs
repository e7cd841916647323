//! Waiting states: first payments, renewals that their owner must confirm, and phases of schedules.

use crate::world::{World, id, instant, text};
use serde_json::{Value, json};

async fn intent_of(world: &World, subscription: &Value) -> String {
    let path = format!("/v1/invoices/{}?expand[]=payments", text(subscription, "latest_invoice"));
    text(&world.get(&path).await["payments"]["data"][0]["payment"], "payment_intent")
}

#[tokio::test]
async fn a_card_that_always_asks_its_owner_holds_up_every_payment() {
    let world = World::new().await;
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_authenticationRequired", Some(&clock)).await;
    let price = world.price("Plus", "1000", "month").await;
    let subscription = world.subscribe(&customer, &price).await;
    assert_eq!(subscription["status"], "incomplete");
    let intent = intent_of(&world, &subscription).await;
    let (_, answer) = world.control(&format!("/payment_intents/{intent}/confirm"), json!({})).await;
    assert_eq!(answer["status"], "paid");
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    assert_eq!(world.get(&path).await["status"], "active");
    world.news().await;

    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let news = world.news().await;
    for kind in ["payment_intent.requires_action", "invoice.payment_action_required", "invoice.payment_failed"] {
        assert!(news.iter().any(|received| received == kind), "{kind} was not received: {news:?}");
    }
    let subscription = world.get(&path).await;
    assert_eq!(subscription["status"], "past_due");
    let intent = intent_of(&world, &subscription).await;
    world.control(&format!("/payment_intents/{intent}/confirm"), json!({})).await;
    assert_eq!(world.get(&path).await["status"], "active");
}

#[tokio::test]
async fn a_card_that_asks_once_pays_by_itself_afterwards() {
    let world = World::new().await;
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = id(&world.post("/v1/customers", &[("test_clock", &clock)]).await);
    let price = world.price("Plus", "1000", "month").await;
    let form = [
        ("mode", "subscription"),
        ("customer", customer.as_str()),
        ("line_items[0][price]", &price),
        ("success_url", "https://example.com/"),
    ];
    let session = id(&world.post("/v1/checkout/sessions", &form).await);
    assert_eq!(world.pay(&session, "4000002500003155").await.1["status"], "needs_action");
    assert_eq!(world.get("/v1/subscriptions?status=all").await["data"], json!([]), "nothing begins before");
    world.control(&format!("/checkout/{session}/confirm"), json!({})).await;
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let paid = world.get(&format!("/v1/invoices?customer={customer}&status=paid")).await;
    assert_eq!(paid["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_subscription_can_wait_for_a_page_of_the_caller() {
    let world = World::new().await;
    let customer = id(&world.post("/v1/customers", &[]).await);
    let price = world.price("Plus", "1000", "month").await;
    let base = [("customer", customer.as_str()), ("items[0][price]", price.as_str())];
    let (_, error) = world.expect_refusal("/v1/subscriptions", &base).await;
    assert_eq!(error["code"], "resource_missing", "there is nothing to pay with");
    let form =
        [&base[..], &[("payment_behavior", "default_incomplete"), ("expand[]", "latest_invoice.confirmation_secret")]]
            .concat();
    let seen = world.post("/v1/subscriptions", &form).await;
    assert_eq!((&seen["status"], &seen["latest_invoice"]["attempt_count"]), (&json!("incomplete"), &json!(0)));
    let secret = text(&seen["latest_invoice"]["confirmation_secret"], "client_secret");
    let intent = secret.split("_secret_").next().unwrap();
    let paid =
        world.post(&format!("/v1/payment_intents/{intent}/confirm"), &[("payment_method", "pm_card_visa")]).await;
    assert_eq!(paid["status"], "succeeded");
    assert_eq!(world.get(&format!("/v1/subscriptions/{}", id(&seen))).await["status"], "active");
}

#[tokio::test]
async fn a_subscription_that_must_be_paid_is_made_or_not() {
    let world = World::new().await;
    let customer = world.customer("pm_card_chargeCustomerFail", None).await;
    let price = world.price("Plus", "1000", "month").await;
    let form =
        [("customer", customer.as_str()), ("items[0][price]", &price), ("payment_behavior", "error_if_incomplete")];
    assert_eq!(world.expect_refusal("/v1/subscriptions", &form).await.0, 402);
    assert_eq!(world.get("/v1/subscriptions?status=all").await["data"], json!([]));
    assert_eq!(world.get("/v1/invoices").await["data"], json!([]));
}

#[tokio::test]
async fn a_schedule_leads_through_its_phases() {
    let world = World::new().await;
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let small = world.price("Plus", "1000", "month").await;
    let yearly = world.price("Plus for a year", "10000", "year").await;
    let subscription = id(&world.subscribe(&customer, &small).await);
    let schedule = id(&world.post("/v1/subscription_schedules", &[("from_subscription", &subscription)]).await);
    let path = format!("/v1/subscription_schedules/{schedule}");
    let (start, end) = (instant("2026-01-01T00:00:00Z").to_string(), instant("2026-02-01T00:00:00Z").to_string());
    let form = [
        ("end_behavior", "release"),
        ("phases[0][items][0][price]", small.as_str()),
        ("phases[0][start_date]", &start),
        ("phases[0][end_date]", &end),
        ("phases[1][items][0][price]", &yearly),
        ("phases[1][duration][interval]", "year"),
        ("phases[1][metadata][since]", "phase.2"),
    ];
    let seen = world.post(&path, &form).await;
    assert_eq!(seen["phases"][1]["end_date"], instant("2027-02-01T00:00:00Z"));
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let seen = world.get(&format!("/v1/subscriptions/{subscription}?expand[]=latest_invoice&expand[]=schedule")).await;
    let item = &seen["items"]["data"][0];
    assert_eq!(
        (&item["price"]["id"], &item["current_period_end"]),
        (&json!(yearly), &json!(instant("2027-02-01T00:00:00Z")))
    );
    assert_eq!(
        (&seen["latest_invoice"]["amount_paid"], &seen["metadata"]["since"]),
        (&json!(10000), &json!("phase.2"))
    );
    assert_eq!(seen["schedule"]["current_phase"]["start_date"], instant("2026-02-01T00:00:00Z"));

    let released = world.post(&format!("{path}/release"), &[]).await;
    assert_eq!((&released["status"], &released["released_subscription"]), (&json!("released"), &json!(subscription)));
    assert_eq!(world.get(&format!("/v1/subscriptions/{subscription}")).await["schedule"], Value::Null);
    assert_eq!(world.expect_refusal(&path, &[("end_behavior", "cancel")]).await.0, 400, "what is over stays as it is");
}

#[tokio::test]
async fn a_payment_can_have_an_invoice_and_keep_the_card() {
    let world = World::new().await;
    let form = [
        ("mode", "payment"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "1900"),
        ("line_items[0][price_data][product_data][name]", "Pack of 100"),
        ("invoice_creation[enabled]", "true"),
        ("payment_intent_data[setup_future_usage]", "off_session"),
        ("success_url", "https://example.com/"),
    ];
    let session = id(&world.post("/v1/checkout/sessions", &form).await);
    world.pay(&session, "4242424242424242").await;
    let session = world.get(&format!("/v1/checkout/sessions/{session}?expand[]=invoice.payments")).await;
    let invoice = &session["invoice"];
    assert_eq!((&invoice["billing_reason"], &invoice["status"]), (&json!("manual"), &json!("paid")));
    assert_eq!(invoice["payments"]["data"][0]["payment"]["payment_intent"], session["payment_intent"]);
    assert_eq!(invoice["parent"], Value::Null);
    let customer = text(&session, "customer");
    let kept = world.get(&format!("/v1/customers/{customer}/payment_methods?type=card")).await;
    let method = text(&kept["data"][0], "id");
    let again = [
        ("amount", "1900"),
        ("currency", "usd"),
        ("customer", customer.as_str()),
        ("payment_method", &method),
        ("off_session", "true"),
        ("confirm", "true"),
    ];
    assert_eq!(world.post("/v1/payment_intents", &again).await["status"], "succeeded");
    world.post(&format!("/v1/payment_methods/{method}/detach"), &[]).await;
    let attach = [("customer", customer.as_str())];
    assert_eq!(
        world.expect_refusal(&format!("/v1/payment_methods/{method}/attach"), &attach).await.0,
        400,
        "never again"
    );
}

#[tokio::test]
async fn deleting_a_customer_ends_what_they_had() {
    let world = World::new().await;
    let customer = world.customer("pm_card_visa", None).await;
    let price = world.price("Plus", "1000", "month").await;
    let subscription = id(&world.subscribe(&customer, &price).await);
    world.news().await;
    assert_eq!(world.delete(&format!("/v1/customers/{customer}")).await["deleted"], true);
    assert_eq!(world.get(&format!("/v1/subscriptions/{subscription}")).await["status"], "canceled");
    assert_eq!(
        world.news().await,
        ["customer.subscription.deleted", "customer.updated", "payment_method.detached", "customer.deleted"]
    );
    assert_eq!(world.expect_refusal(&format!("/v1/customers/{customer}"), &[("name", "x")]).await.0, 404);
}
