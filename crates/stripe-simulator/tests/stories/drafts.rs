//! Drafts of renewals: made late, kept as drafts, and finalized, paid, voided or given up by the seller.

use crate::world::{World, id, instant, text};
use serde_json::{Value, json};

/// Subscribes for a month from the first of January 2026; returns the clock, the customer and the subscription.
async fn open_subscription(world: &World) -> (String, String, String) {
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let price = world.price("Plus", "1000", "month").await;
    let subscription = id(&world.subscribe(&customer, &price).await);
    world.news().await;
    (clock, customer, subscription)
}

/// Returns the newest invoice of a subscription.
async fn newest_invoice(world: &World, subscription: &str) -> Value {
    world.get(&format!("/v1/invoices?subscription={subscription}")).await["data"][0].clone()
}

async fn status(world: &World, subscription: &str) -> String {
    text(&world.get(&format!("/v1/subscriptions/{subscription}")).await, "status")
}

#[tokio::test]
async fn a_draft_is_made_as_late_and_stays_one_as_long_as_is_said() {
    for (late, long) in [(0, 3600), (300, 3600), (3600, 60), (0, 0)] {
        let world = World::new().await;
        let (clock, _, subscription) = open_subscription(&world).await;
        world.control("/drafts", json!({"created_after": late, "last_for": long})).await;
        let (end, second) = (instant("2026-02-01T00:00:00Z"), |at: i64| jiff::Timestamp::from_second(at).unwrap());
        if late > 0 {
            world.advance(&clock, &second(end + late - 1).to_string()).await;
            assert_eq!(newest_invoice(&world, &subscription).await["billing_reason"], "subscription_create", "{late}");
            let seen = world.get(&format!("/v1/subscriptions/{subscription}")).await;
            assert_eq!(seen["items"]["data"][0]["current_period_end"], end, "its period is over, and it says so");
        }
        world.advance(&clock, &second(end + late).to_string()).await;
        let draft = newest_invoice(&world, &subscription).await;
        assert_eq!((&draft["created"], &draft["billing_reason"]), (&json!(end + late), &json!("subscription_cycle")));
        assert_eq!(draft["period_end"], end, "what is late is the draft, not the period");
        assert_eq!(draft["lines"]["data"][0]["period"]["start"], end);
        if long > 0 {
            assert_eq!(
                (&draft["status"], &draft["automatically_finalizes_at"]),
                (&json!("draft"), &json!(end + late + long))
            );
            world.advance(&clock, &second(end + late + long - 1).to_string()).await;
            assert_eq!(newest_invoice(&world, &subscription).await["status"], "draft");
            world.advance(&clock, &second(end + late + long).to_string()).await;
        }
        let paid = newest_invoice(&world, &subscription).await;
        assert_eq!(paid["status"], "paid");
        assert_eq!(paid["status_transitions"]["finalized_at"], end + late + long);
    }
}

#[tokio::test]
async fn a_trial_that_is_renewed_late_goes_on_from_its_end() {
    let world = World::new().await;
    world.control("/drafts", json!({"created_after": 300})).await;
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let price = world.price("Plus", "1000", "month").await;
    let form = [("customer", customer.as_str()), ("items[0][price]", &price), ("trial_period_days", "7")];
    let subscription = id(&world.post("/v1/subscriptions", &form).await);
    world.advance(&clock, "2026-01-08T00:05:00Z").await;
    let seen = world.get(&format!("/v1/subscriptions/{subscription}")).await;
    let item = &seen["items"]["data"][0];
    assert_eq!(item["current_period_start"], instant("2026-01-08T00:00:00Z"));
    assert_eq!(item["current_period_end"], instant("2026-02-08T00:00:00Z"));
}

#[tokio::test]
async fn times_before_their_own_are_refused() {
    let world = World::new().await;
    for said in [json!({"created_after": -1}), json!({"last_for": -1})] {
        assert_eq!(world.control("/drafts", said).await.0, 400);
    }
}

#[tokio::test]
async fn a_draft_is_finalized_early_and_paid_at_once() {
    let world = World::new().await;
    let (clock, _, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:00:10Z").await;
    let draft = id(&newest_invoice(&world, &subscription).await);
    world.news().await;
    let open = world.post(&format!("/v1/invoices/{draft}/finalize"), &[("auto_advance", "false")]).await;
    assert_eq!((&open["status"], &open["auto_advance"]), (&json!("open"), &json!(false)));
    assert_eq!((&open["attempted"], &open["next_payment_attempt"]), (&json!(false), &Value::Null));
    assert_eq!(world.news().await, ["payment_intent.created", "invoice.finalized"]);
    let (code, error) = world.expect_refusal(&format!("/v1/invoices/{draft}/finalize"), &[]).await;
    assert_eq!((code, &error["code"]), (400, &json!("invoice_not_editable")));

    let paid = world.post(&format!("/v1/invoices/{draft}/pay"), &[]).await;
    assert_eq!(
        (&paid["status"], &paid["amount_paid"], &paid["attempt_count"]),
        (&json!("paid"), &json!(1000), &json!(1))
    );
    let news = world.news().await;
    for kind in ["charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice_payment.paid"] {
        assert!(news.iter().any(|received| received == kind), "{kind} was not received: {news:?}");
    }
    assert_eq!(world.expect_refusal(&format!("/v1/invoices/{draft}/pay"), &[]).await.0, 400);
    world.advance(&clock, "2026-02-02T00:00:00Z").await;
    let news = world.news().await;
    assert!(!news.iter().any(|received| received.starts_with("invoice.")), "nothing is done twice: {news:?}");
}

#[tokio::test]
async fn a_draft_is_paid_without_being_finalized_first() {
    let world = World::new().await;
    let (clock, _, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:00:10Z").await;
    let draft = id(&newest_invoice(&world, &subscription).await);
    assert_eq!(world.post(&format!("/v1/invoices/{draft}/pay"), &[]).await["status"], "paid");
}

#[tokio::test]
async fn an_invoice_that_advances_is_collected_an_hour_after_it_was_finalized_by_hand() {
    let world = World::new().await;
    let (clock, _, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:10:00Z").await;
    let draft = id(&newest_invoice(&world, &subscription).await);
    let open = world.post(&format!("/v1/invoices/{draft}/finalize"), &[]).await;
    assert_eq!((&open["auto_advance"], &open["status"]), (&json!(true), &json!("open")));
    assert_eq!(open["next_payment_attempt"], instant("2026-02-01T01:10:00Z"));
    world.advance(&clock, "2026-02-01T01:09:59Z").await;
    assert_eq!(newest_invoice(&world, &subscription).await["status"], "open");
    world.advance(&clock, "2026-02-01T01:10:00Z").await;
    assert_eq!(newest_invoice(&world, &subscription).await["status"], "paid");
}

#[tokio::test]
async fn an_invoice_that_does_not_advance_waits_for_whoever_finalized_it() {
    let world = World::new().await;
    let (clock, customer, subscription) = open_subscription(&world).await;
    world.advance(&clock, "2026-02-01T00:10:00Z").await;
    let draft = id(&newest_invoice(&world, &subscription).await);
    world.post(&format!("/v1/invoices/{draft}/finalize"), &[("auto_advance", "false")]).await;
    world.advance(&clock, "2026-02-03T00:00:00Z").await;
    let open = newest_invoice(&world, &subscription).await;
    assert_eq!((&open["status"], &open["attempted"]), (&json!("open"), &json!(false)));

    world.card(&customer, "pm_card_chargeCustomerFail").await;
    let (code, error) = world.expect_refusal(&format!("/v1/invoices/{draft}/pay"), &[]).await;
    assert_eq!((code, &error["code"]), (402, &json!("card_declined")));
    assert_eq!(status(&world, &subscription).await, "past_due", "it is not given up for a payment that failed once");
    assert_eq!(
        newest_invoice(&world, &subscription).await["next_payment_attempt"],
        Value::Null,
        "Stripe does not try again"
    );
    world.card(&customer, "pm_card_visa").await;
    world.post(&format!("/v1/invoices/{draft}/pay"), &[]).await;
    assert_eq!(status(&world, &subscription).await, "active");
}

#[tokio::test]
async fn a_renewals_invoice_that_is_voided_or_given_up_leaves_the_subscription_active() {
    for act in ["void", "mark_uncollectible"] {
        let world = World::new().await;
        let (clock, customer, subscription) = open_subscription(&world).await;
        world.card(&customer, "pm_card_chargeCustomerFail").await;
        world.advance(&clock, "2026-02-01T01:00:00Z").await;
        assert_eq!(status(&world, &subscription).await, "past_due");
        let invoice = id(&newest_invoice(&world, &subscription).await);
        world.news().await;
        let seen = world.post(&format!("/v1/invoices/{invoice}/{act}"), &[]).await;
        let (wanted, event) =
            if act == "void" { ("void", "invoice.voided") } else { ("uncollectible", "invoice.marked_uncollectible") };
        assert_eq!((&seen["status"], &seen["auto_advance"]), (&json!(wanted), &json!(false)));
        let news = world.news().await;
        assert!(
            news.contains(&event.to_owned()) && news.contains(&"customer.subscription.updated".to_owned()),
            "{news:?}"
        );
        assert_eq!(status(&world, &subscription).await, "active");
        assert_eq!(world.expect_refusal(&format!("/v1/invoices/{invoice}/mark_uncollectible"), &[]).await.0, 400);
        world.advance(&clock, "2026-02-20T00:00:00Z").await;
        assert_eq!(newest_invoice(&world, &subscription).await["attempt_count"], 1, "it is not tried again");
        world.card(&customer, "pm_card_visa").await;
        if act == "void" {
            let (code, error) = world.expect_refusal(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
            assert_eq!((code, &error["code"]), (400, &json!("invoice_not_editable")));
        } else {
            assert_eq!(world.post(&format!("/v1/invoices/{invoice}/pay"), &[]).await["status"], "paid");
        }
    }
}

#[tokio::test]
async fn a_first_invoice_that_is_voided_ends_what_never_began() {
    let world = World::new().await;
    let customer = world.customer("pm_card_chargeCustomerFail", None).await;
    let price = world.price("Plus", "1000", "month").await;
    let subscription = world.subscribe(&customer, &price).await;
    world.post(&format!("/v1/invoices/{}/void", text(&subscription, "latest_invoice")), &[]).await;
    assert_eq!(status(&world, &id(&subscription)).await, "incomplete_expired");
}

#[tokio::test]
async fn a_renewal_that_its_owner_must_confirm_waits_on_the_hosted_page() {
    for by_hand in [false, true] {
        let world = World::new().await;
        let (clock, customer, subscription) = open_subscription(&world).await;
        world.card(&customer, "pm_card_authenticationRequired").await;
        world.advance(&clock, "2026-02-01T00:00:10Z").await;
        let invoice = id(&newest_invoice(&world, &subscription).await);
        if by_hand {
            let (code, error) = world.expect_refusal(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
            assert_eq!((code, &error["code"]), (402, &json!("invoice_payment_intent_requires_action")));
        }
        world.advance(&clock, "2026-02-01T01:00:00Z").await;
        let path = format!(
            "/v1/invoices/{invoice}?expand[]=confirmation_secret&expand[]=payments.data.payment.payment_intent"
        );
        let seen = world.get(&path).await;
        let intent = &seen["payments"]["data"][0]["payment"]["payment_intent"];
        assert_eq!((&seen["status"], &intent["status"]), (&json!("open"), &json!("requires_action")), "{by_hand}");
        assert_eq!(seen["confirmation_secret"]["client_secret"], intent["client_secret"]);
        assert_eq!(status(&world, &subscription).await, "past_due");
        assert!(world.news().await.contains(&"invoice.payment_action_required".to_owned()));

        let page = seen["hosted_invoice_url"].as_str().unwrap();
        let shown = world.http.get(page).send().await.unwrap().text().await.unwrap();
        assert!(shown.contains("Complete authentication"), "{shown}");
        let form = [("confirm", "yes")].map(|(name, value)| format!("{name}={value}")).join("&");
        let request = world.http.post(page).header("content-type", "application/x-www-form-urlencoded").body(form);
        let shown = request.send().await.unwrap().text().await.unwrap();
        assert!(shown.contains("Paid on"), "{shown}");
        assert_eq!(status(&world, &subscription).await, "active");
    }
}

#[tokio::test]
async fn what_an_ended_subscription_owes_can_be_paid_or_voided() {
    for void in [false, true] {
        let world = World::new().await;
        let (clock, customer, subscription) = open_subscription(&world).await;
        world.card(&customer, "pm_card_chargeCustomerFail").await;
        world.advance(&clock, "2026-02-01T01:00:00Z").await;
        world.delete(&format!("/v1/subscriptions/{subscription}")).await;
        world.advance(&clock, "2026-02-20T00:00:00Z").await;
        let open = newest_invoice(&world, &subscription).await;
        assert_eq!(
            (&open["status"], &open["auto_advance"], &open["attempt_count"]),
            (&json!("open"), &json!(false), &json!(1))
        );
        let invoice = id(&open);
        if void {
            assert_eq!(world.post(&format!("/v1/invoices/{invoice}/void"), &[]).await["status"], "void");
        } else {
            let page = open["hosted_invoice_url"].as_str().unwrap();
            let form = "card_number=4242424242424242&card_expiry=12/34&card_cvc=123";
            let request = world.http.post(page).header("content-type", "application/x-www-form-urlencoded").body(form);
            let shown = request.send().await.unwrap().text().await.unwrap();
            assert!(shown.contains("Paid on"), "{shown}");
        }
        assert_eq!(status(&world, &subscription).await, "canceled", "what ended stays ended");
    }
}
