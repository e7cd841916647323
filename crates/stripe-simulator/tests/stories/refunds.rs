//! Refunds and disputes: money that goes back.

use crate::world::{World, id, text};
use serde_json::json;

/// Charges a customer 19 dollars, and returns the charge.
async fn charge(world: &World, card: &str) -> String {
    let form = [("amount", "1900"), ("currency", "usd"), ("payment_method", card), ("confirm", "true")];
    text(&world.post("/v1/payment_intents", &form).await, "latest_charge")
}

#[tokio::test]
async fn a_charge_is_refunded_in_parts_and_never_more_than_it_was() {
    let world = World::new().await;
    let charge = charge(&world, "pm_card_visa").await;
    world.news().await;
    let first = world.post("/v1/refunds", &[("charge", &charge), ("amount", "500")]).await;
    assert_eq!(first["status"], "succeeded");
    let seen = world.get(&format!("/v1/charges/{charge}?expand[]=refunds")).await;
    assert_eq!((&seen["amount_refunded"], &seen["refunded"]), (&json!(500), &json!(false)));
    assert_eq!(seen["refunds"]["data"][0]["id"], first["id"]);
    let news = world.news().await;
    for kind in ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"] {
        assert!(news.iter().any(|received| received == kind), "{kind} was not received: {news:?}");
    }
    let (status, error) = world.expect_refusal("/v1/refunds", &[("charge", &charge), ("amount", "1401")]).await;
    assert_eq!((status, &error["param"]), (400, &json!("amount")));
    let intent = text(&seen, "payment_intent");
    assert_eq!(world.post("/v1/refunds", &[("payment_intent", &intent)]).await["amount"], 1400, "the rest");
    let (_, error) = world.expect_refusal("/v1/refunds", &[("charge", &charge)]).await;
    assert_eq!(error["code"], "charge_already_refunded");
    let listed = world.get(&format!("/v1/refunds?payment_intent={intent}")).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refund_can_come_back_later() {
    let world = World::new().await;
    let charge = charge(&world, "pm_card_visa").await;
    let refund = id(&world.post("/v1/refunds", &[("charge", &charge)]).await);
    world.news().await;
    let path = format!("/refunds/{refund}/fail");
    assert_eq!(world.control(&path, json!({"reason": "lost_or_stolen_card"})).await.1["status"], "failed");
    let seen = world.get(&format!("/v1/charges/{charge}")).await;
    assert_eq!((&seen["amount_refunded"], &seen["refunded"]), (&json!(0), &json!(false)));
    assert!(world.news().await.contains(&"refund.failed".to_owned()));
    assert_eq!(world.control(&path, json!({})).await.0, 400, "it comes back once");
    assert_eq!(world.post("/v1/refunds", &[("charge", &charge)]).await["status"], "succeeded");
}

#[tokio::test]
async fn a_disputed_payment_is_withdrawn_and_comes_back_when_the_dispute_is_won() {
    let world = World::new().await;
    let charge = charge(&world, "pm_card_createDispute").await;
    let news = world.news().await;
    let place =
        |kind: &str| news.iter().position(|received| received == kind).unwrap_or_else(|| panic!("no {kind}: {news:?}"));
    assert!(place("charge.succeeded") < place("charge.dispute.created"));
    assert!(place("charge.dispute.created") < place("charge.dispute.funds_withdrawn"));
    let disputes = world.get(&format!("/v1/disputes?charge={charge}")).await;
    let dispute = id(&disputes["data"][0]);
    assert_eq!(disputes["data"][0]["status"], "needs_response");
    assert_eq!(world.get(&format!("/v1/charges/{charge}")).await["disputed"], true);
    let (_, error) = world.expect_refusal("/v1/refunds", &[("charge", &charge)]).await;
    assert_eq!(error["code"], "charge_disputed");

    let path = format!("/v1/disputes/{dispute}");
    let seen = world.post(&path, &[("evidence[uncategorized_text]", "winning_evidence")]).await;
    assert_eq!((&seen["status"], seen["balance_transactions"].as_array().unwrap().len()), (&json!("won"), 2));
    assert_eq!(
        world.news().await,
        ["charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_reinstated"]
    );
    assert_eq!(world.expect_refusal(&format!("{path}/close"), &[]).await.0, 400, "it is decided once");
}

#[tokio::test]
async fn a_dispute_is_lost_by_the_evidence_or_by_giving_up() {
    let world = World::new().await;
    for form in [&[("evidence[uncategorized_text]", "losing_evidence")][..], &[]] {
        let charge = charge(&world, "pm_card_visa").await;
        let dispute =
            world.control(&format!("/charges/{charge}/dispute"), json!({"reason": "product_not_received"})).await.1;
        assert_eq!(dispute["reason"], "product_not_received");
        world.news().await;
        let path = format!("/v1/disputes/{}{}", id(&dispute), if form.is_empty() { "/close" } else { "" });
        assert_eq!(world.post(&path, form).await["status"], "lost");
        assert!(world.news().await.contains(&"charge.dispute.closed".to_owned()));
    }
}

#[tokio::test]
async fn a_payment_without_its_owner_is_declined_if_it_must_be_confirmed() {
    let world = World::new().await;
    let customer = id(&world.post("/v1/customers", &[]).await);
    let method = world.card(&customer, "pm_card_authenticationRequired").await;
    let form = [
        ("amount", "500"),
        ("currency", "usd"),
        ("customer", customer.as_str()),
        ("payment_method", &method),
        ("off_session", "true"),
        ("confirm", "true"),
    ];
    let (status, error) = world.expect_refusal("/v1/payment_intents", &form).await;
    assert_eq!((status, &error["code"]), (402, &json!("authentication_required")));
    let intent = &error["payment_intent"];
    assert_eq!(intent["status"], "requires_payment_method");
    assert_eq!(intent["last_payment_error"]["code"], "authentication_required");

    let path = format!("/v1/payment_intents/{}/confirm", id(intent));
    let seen = world.post(&path, &[("payment_method", &method)]).await;
    assert_eq!((&seen["status"], &seen["next_action"]["type"]), (&json!("requires_action"), &json!("redirect_to_url")));
    let (_, answer) = world.control(&format!("/payment_intents/{}/confirm", id(intent)), json!({})).await;
    assert_eq!(answer["status"], "paid");
    assert_eq!(world.expect_refusal(&path, &[]).await.1["code"], "payment_intent_unexpected_state");
}
