//! Time on test clocks: renewals, failed payments, retries and endings.

use crate::world::{World, id, instant, text};
use serde_json::{Value, json};
use stripe_simulator::{AfterRetries, Config};

async fn open_subscription(world: &World, at: &str, interval: &str) -> (String, String, String) {
    let clock = world.clock(at).await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let price = world.price("Plus", "1000", interval).await;
    let subscription = id(&world.subscribe(&customer, &price).await);
    world.news().await;
    (clock, customer, subscription)
}

async fn period_end(world: &World, subscription: &str) -> Value {
    world.get(&format!("/v1/subscriptions/{subscription}")).await["items"]["data"][0]["current_period_end"].clone()
}

#[tokio::test]
async fn a_month_renews_at_its_end_and_is_paid_an_hour_later() {
    let world = World::new().await;
    let (clock, _, subscription) = open_subscription(&world, "2026-01-31T12:00:00Z", "month").await;
    assert_eq!(period_end(&world, &subscription).await, instant("2026-02-28T12:00:00Z"));

    world.advance(&clock, "2026-02-28T12:30:00Z").await;
    let news = world.news().await;
    assert_eq!(
        news,
        [
            "test_helpers.test_clock.advancing",
            "invoice.created",
            "customer.subscription.updated",
            "test_helpers.test_clock.ready"
        ],
        "the subscription moves on an hour before it is paid"
    );
    let drafts = world.get(&format!("/v1/invoices?subscription={subscription}&status=draft")).await;
    let draft = &drafts["data"][0];
    assert_eq!(draft["billing_reason"], "subscription_cycle");
    assert_eq!(draft["period_end"], instant("2026-02-28T12:00:00Z"), "an invoice looks back on its period");
    assert_eq!(draft["lines"]["data"][0]["period"]["end"], instant("2026-03-31T12:00:00Z"), "its lines look ahead");

    world.advance(&clock, "2026-02-28T13:00:00Z").await;
    let news = world.news().await;
    for kind in ["invoice.finalized", "payment_intent.succeeded", "charge.succeeded", "invoice.paid"] {
        assert!(news.iter().any(|received| received == kind), "{kind} was not received: {news:?}");
    }
    let received = world.get("/v1/events?type=invoice.paid").await;
    assert_eq!(received["data"][0]["created"], instant("2026-02-28T13:00:00Z"));
    assert_eq!(received["data"][0]["request"]["id"], Value::Null, "no request caused it");
    assert_eq!(period_end(&world, &subscription).await, instant("2026-03-31T12:00:00Z"), "the anchor is kept");
}

#[tokio::test]
async fn weeks_and_years_renew_too() {
    let world = World::new().await;
    let (_, _, weekly) = open_subscription(&world, "2026-03-28T00:00:00Z", "week").await;
    assert_eq!(period_end(&world, &weekly).await, instant("2026-04-04T00:00:00Z"));
    let (_, _, yearly) = open_subscription(&world, "2024-02-29T00:00:00Z", "year").await;
    assert_eq!(period_end(&world, &yearly).await, instant("2025-02-28T00:00:00Z"));
}

#[tokio::test]
async fn a_payment_that_fails_is_tried_after_three_five_and_seven_days_and_then_given_up() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world, "2026-01-01T00:00:00Z", "month").await;
    world.card(&customer, "pm_card_chargeCustomerFail").await;
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let news = world.news().await;
    for kind in ["charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"] {
        assert!(news.iter().any(|received| received == kind), "{kind} was not received: {news:?}");
    }
    let path = format!("/v1/subscriptions/{subscription}?expand[]=latest_invoice");
    let seen = world.get(&path).await;
    assert_eq!(seen["status"], "past_due");
    assert_eq!(seen["latest_invoice"]["next_payment_attempt"], instant("2026-02-04T01:00:00Z"));

    world.advance(&clock, "2026-02-04T01:00:00Z").await;
    let seen = world.get(&path).await;
    assert_eq!(seen["latest_invoice"]["attempt_count"], 2);
    assert_eq!(seen["latest_invoice"]["next_payment_attempt"], instant("2026-02-09T01:00:00Z"));
    world.advance(&clock, "2026-02-16T00:59:59Z").await;
    let seen = world.get(&path).await;
    assert_eq!((&seen["status"], &seen["latest_invoice"]["attempt_count"]), (&json!("past_due"), &json!(3)));
    world.news().await;
    world.advance(&clock, "2026-02-16T01:00:00Z").await;
    assert!(world.news().await.contains(&"customer.subscription.deleted".to_owned()));
    let seen = world.get(&path).await;
    assert_eq!(seen["status"], "canceled");
    assert_eq!(seen["cancellation_details"]["reason"], "payment_failed");
    assert_eq!(
        (&seen["latest_invoice"]["status"], &seen["latest_invoice"]["auto_advance"]),
        (&json!("open"), &json!(false))
    );
    world.advance(&clock, "2026-04-01T00:00:00Z").await;
    let invoices = world.get(&format!("/v1/invoices?subscription={subscription}")).await;
    assert_eq!(invoices["data"].as_array().unwrap().len(), 2, "what ended is not invoiced any more");
}

#[tokio::test]
async fn a_better_card_pays_what_is_past_due() {
    let config = Config { after_retries: AfterRetries::LeavePastDue, ..Config::default() };
    let world = World::with(config).await;
    let (clock, customer, subscription) = open_subscription(&world, "2026-01-01T00:00:00Z", "month").await;
    world.card(&customer, "pm_card_chargeCustomerFail").await;
    world.advance(&clock, "2026-02-01T01:00:00Z").await;
    let invoice = text(&world.get(&format!("/v1/subscriptions/{subscription}")).await, "latest_invoice");
    let (status, error) = world.expect_refusal(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
    assert_eq!(
        (status, &error["type"], &error["decline_code"]),
        (402, &json!("card_error"), &json!("generic_decline"))
    );
    let seen = world.get(&format!("/v1/invoices/{invoice}")).await;
    assert_eq!(
        (&seen["attempt_count"], &seen["next_payment_attempt"]),
        (&json!(1), &json!(instant("2026-02-04T01:00:00Z")))
    );

    let (status, answer) =
        world.control(&format!("/invoices/{invoice}/pay"), json!({"card": "4242424242424242"})).await;
    assert_eq!((status, &answer["status"]), (200, &json!("paid")));
    assert_eq!(world.get(&format!("/v1/subscriptions/{subscription}")).await["status"], "active");
    world.advance(&clock, "2026-02-20T00:00:00Z").await;
    let charges = world.get(&format!("/v1/charges?customer={customer}")).await;
    let paid = charges["data"].as_array().unwrap().iter().filter(|charge| charge["paid"] == true).count();
    assert_eq!(paid, 2, "nothing is collected twice");
}

#[tokio::test]
async fn an_end_at_the_periods_end_can_be_taken_back() {
    let world = World::new().await;
    let (clock, _, subscription) = open_subscription(&world, "2026-01-01T00:00:00Z", "month").await;
    let path = format!("/v1/subscriptions/{subscription}");
    let seen = world.post(&path, &[("cancel_at_period_end", "true")]).await;
    assert_eq!((&seen["cancel_at"], &seen["status"]), (&json!(instant("2026-02-01T00:00:00Z")), &json!("active")));
    let seen = world.post(&path, &[("cancel_at_period_end", "false")]).await;
    assert_eq!((&seen["cancel_at"], &seen["canceled_at"]), (&Value::Null, &Value::Null));
    world.advance(&clock, "2026-02-01T02:00:00Z").await;
    world.post(&path, &[("cancel_at_period_end", "true")]).await;
    let received = world.deliveries().await;
    let update = received.iter().rfind(|one| one.event["type"] == "customer.subscription.updated").unwrap();
    assert_eq!(update.event["data"]["previous_attributes"]["cancel_at_period_end"], false);
    world.advance(&clock, "2026-03-01T00:00:00Z").await;
    let seen = world.get(&path).await;
    assert_eq!((&seen["status"], &seen["ended_at"]), (&json!("canceled"), &json!(instant("2026-03-01T00:00:00Z"))));
    assert_eq!(seen["cancellation_details"]["reason"], "cancellation_requested");
    let invoices = world.get(&format!("/v1/invoices?subscription={subscription}")).await;
    assert_eq!(invoices["data"].as_array().unwrap().len(), 2, "the end has no invoice");
}

#[tokio::test]
async fn a_first_payment_that_never_comes_expires_after_twenty_three_hours() {
    let world = World::new().await;
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_chargeCustomerFail", Some(&clock)).await;
    let price = world.price("Plus", "1000", "month").await;
    let subscription = world.subscribe(&customer, &price).await;
    assert_eq!(subscription["status"], "incomplete");
    world.advance(&clock, "2026-01-01T22:59:59Z").await;
    let path = format!("/v1/subscriptions/{}?expand[]=latest_invoice", id(&subscription));
    assert_eq!(world.get(&path).await["status"], "incomplete");
    world.advance(&clock, "2026-01-01T23:00:00Z").await;
    let seen = world.get(&path).await;
    assert_eq!((&seen["status"], &seen["latest_invoice"]["status"]), (&json!("incomplete_expired"), &json!("void")));
}

#[tokio::test]
async fn a_trial_is_invoiced_with_nothing_and_then_in_full() {
    let world = World::new().await;
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let price = world.price("Plus", "1000", "month").await;
    let form = [("customer", customer.as_str()), ("items[0][price]", &price), ("trial_period_days", "7")];
    let subscription = id(&world.post("/v1/subscriptions", &form).await);
    let path = format!("/v1/subscriptions/{subscription}?expand[]=latest_invoice");
    let seen = world.get(&path).await;
    assert_eq!((&seen["status"], &seen["latest_invoice"]["amount_paid"]), (&json!("trialing"), &json!(0)));
    assert_eq!(seen["latest_invoice"]["status"], "paid", "nothing due is paid at once");
    world.advance(&clock, "2026-01-08T01:00:00Z").await;
    assert!(world.types().await.contains(&"customer.subscription.trial_will_end".to_owned()));
    let seen = world.get(&path).await;
    assert_eq!((&seen["status"], &seen["latest_invoice"]["amount_paid"]), (&json!("active"), &json!(1000)));
    assert_eq!(
        period_end(&world, &subscription).await,
        instant("2026-02-08T00:00:00Z"),
        "the trial's end is the anchor"
    );
}

#[tokio::test]
async fn a_clock_takes_no_more_than_two_intervals_a_step_and_never_goes_back() {
    let world = World::new().await;
    let (clock, _, _) = open_subscription(&world, "2026-01-31T00:00:00Z", "month").await;
    let path = format!("/v1/test_helpers/test_clocks/{clock}/advance");
    for at in ["2026-04-01T00:00:00Z", "2026-01-31T00:00:00Z", "2025-12-01T00:00:00Z"] {
        let (status, error) = world.expect_refusal(&path, &[("frozen_time", &instant(at).to_string())]).await;
        assert_eq!((status, &error["param"]), (400, &json!("frozen_time")), "{at}");
    }
    world.advance(&clock, "2026-03-31T00:00:00Z").await;
}

#[tokio::test]
async fn whoever_is_on_no_clock_lives_on_the_wall() {
    let world = World::new().await;
    let customer = world.customer("pm_card_visa", None).await;
    let price = world.price("Weekly", "500", "week").await;
    let subscription = id(&world.subscribe(&customer, &price).await);
    world.control("/clock/move", json!({"seconds": 7 * 24 * 3600 + 3601})).await;
    let invoices = world.get(&format!("/v1/invoices?subscription={subscription}&status=paid")).await;
    assert_eq!(invoices["data"].as_array().unwrap().len(), 2);
    assert_eq!(invoices["data"][0]["billing_reason"], "subscription_cycle", "the newest comes first");
}

#[tokio::test]
async fn deleting_a_clock_takes_its_customers_along() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world, "2026-01-31T00:00:00Z", "month").await;
    assert_eq!(world.get("/v1/customers").await["data"], json!([]), "lists leave out what lives on clocks");
    assert_eq!(world.get(&format!("/v1/customers?test_clock={clock}")).await["data"][0]["id"], json!(customer));
    world.delete(&format!("/v1/test_helpers/test_clocks/{clock}")).await;
    assert_eq!(world.try_get(&format!("/v1/subscriptions/{subscription}")).await.0, 404);
    assert_eq!(world.get(&format!("/v1/customers/{customer}")).await["deleted"], true);
}
