//! A plan that needs a review (R25): documents 000 and 001 sell Business only once the company is verified.

use scrip_testing::app::{Desk, text};
use scrip_testing::shop::{Buyer, Shop};
use serde_json::{Value, json};

/// Returns the number of checkout sessions that were requested of the account.
fn pages(shop: &Shop) -> usize {
    shop.stripe.calls().iter().filter(|call| call.0 == "POST" && call.1 == "/v1/checkout/sessions").count()
}

async fn apply(desk: &Desk<'_>) -> String {
    let application = json!({ "review": "business_verification", "form": { "company": "Ada & Sons" } });
    text(&desk.post("/v1/reviews", application).await.expect(201)["id"])
}

pub async fn decide(desk: &Desk<'_>, id: &str, how: &str) {
    let reason = json!({ "reason": "papers seen" });
    desk.post(&format!("/v1/reviews/{id}/{how}"), reason).await.expect(200);
}

fn business() -> Value {
    json!({ "plan": "business", "interval": "month" })
}

/// No checkout session before the approval, after any earlier purchase and from any page.
#[tokio::test]
async fn nobody_is_led_to_a_page_for_business_before_the_approval_and_everybody_after_it() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let refused = buyer.desk.post("/v1/checkout", business()).await.problem(403, "REVIEW_REQUIRED");
        assert_eq!(
            (&refused["review"], &refused["apply_url"]),
            (&json!("business_verification"), &json!("/settings/business-apply"))
        );
        let id = apply(&buyer.desk).await;
        buyer.desk.post("/v1/checkout", business()).await.problem(403, "REVIEW_REQUIRED");
        decide(&buyer.desk, &id, "reject").await;
        buyer.desk.post("/v1/checkout", business()).await.problem(403, "REVIEW_REQUIRED");
        assert_eq!(pages(&shop), 0, "the account was never asked");
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        let not_offered = billing["not_offered"].as_array().expect("a list");
        assert!(
            not_offered.iter().any(|one| one["plan"] == "business" && one["code"] == "REVIEW_REQUIRED"),
            "{billing}"
        );
        let id = apply(&buyer.desk).await;
        decide(&buyer.desk, &id, "approve").await;
        buyer.buy(business()).await;
        assert_eq!(pages(&shop), 1);
        Buyer::is(&buyer.stands().await, "business", "month", "active", 250 + 11_329);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// The portal lists the plans that may be bought, and does not lead round a missing review.
#[tokio::test]
async fn the_portal_does_not_lead_round_the_review() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "pro", "interval": "month" })).await;
        buyer.desk.post("/v1/checkout", business()).await.problem(403, "REVIEW_REQUIRED");
        let session = buyer.portal(json!({})).await;
        let (price, subscription) = (buyer.price("scrip:plan:business:month").await, buyer.subscription().await);
        let done =
            shop.account(|state| stripe_simulator::resources::portal::switch(state, &session, &subscription, &price));
        assert!(done.is_err(), "it is not on the list");
        let id = apply(&buyer.desk).await;
        decide(&buyer.desk, &id, "approve").await;
        buyer.change("business", "month").await;
        Buyer::is(&buyer.stands().await, "business", "month", "active", 250 + 5000 + 11_329);
    }
    shop.app.verify();
}

/// A period that was paid without the approval, by any way round: money without credits, and an alert for the operator.
#[tokio::test]
async fn a_plan_that_was_paid_without_the_approval_gives_nothing_and_is_told_of() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let price = buyer.price("scrip:plan:business:month").await;
        let form = [("customer", buyer.customer.as_str()), ("items[0][price]", &price)];
        shop.stripe.post("/v1/subscriptions", &form).await;
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        assert_eq!(shop.alerts().await, ["review_required"]);
        // The operator may approve it after all, and the payment then gives its credits.
        let id = apply(&buyer.desk).await;
        decide(&buyer.desk, &id, "approve").await;
        shop.app.post(&format!("/v1/workspaces/{}/customer/sync", buyer.desk.id), Value::Null).await.expect(200);
        Buyer::is(&buyer.stands().await, "business", "month", "active", 250 + 11_329);
    }
    shop.app.verify();
}

/// An approval that is taken back: the paid period lasts to its end, and no further.
#[tokio::test]
async fn an_approval_that_is_taken_back_ends_the_plan_with_its_period() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let id = apply(&buyer.desk).await;
        decide(&buyer.desk, &id, "approve").await;
        buyer.buy(business()).await;
        decide(&buyer.desk, &id, "revoke").await;
        buyer.settle().await;
        assert_eq!(buyer.desk.show().await["status"], "canceling");
        assert_eq!(buyer.subscriptions().await[0]["cancel_at_period_end"], true);
        assert_eq!(buyer.desk.credits().await.0, 250 + 11_329, "they are paid for");
        let run = json!({ "model": "seedance-2.0-text-to-video", "params": { "duration": 5, "prompt": "a mill" } });
        buyer.desk.run(run).await.problem(403, "REVIEW_REQUIRED");
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// R25: an agreed change that lacks the approval raises an alert, for each workspace.
#[tokio::test]
async fn a_plan_that_was_agreed_without_the_approval_is_told_of_for_each_workspace() {
    let mut shop = Shop::open("canvas-tiers");
    {
        for told in 1..=2 {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            buyer.buy(json!({ "plan": "pro", "interval": "month" })).await;
            let price = buyer.price("scrip:plan:business:month").await;
            buyer.agree(&price).await;
            assert_eq!(shop.alerts().await, vec!["review_required"; told]);
        }
    }
    shop.app.verify();
}

/// R25: keeping a plan whose approval was taken back does not help: it is ended again.
#[tokio::test]
async fn a_plan_that_is_kept_without_the_approval_is_ended_again() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let id = apply(&buyer.desk).await;
        decide(&buyer.desk, &id, "approve").await;
        buyer.buy(business()).await;
        decide(&buyer.desk, &id, "revoke").await;
        buyer.settle().await;
        for _ in 0..2 {
            buyer.keep().await;
            assert_ne!(buyer.subscriptions().await[0]["cancel_at"], Value::Null, "it would be paid, and give nothing");
        }
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// R25: a change to follow that needs no approval follows where an approval is taken back.
#[tokio::test]
async fn an_approval_that_is_taken_back_lets_a_plan_follow_that_needs_none() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let application = json!({ "review": "business_verification", "form": { "company": "Ada & Sons" } });
        let review = text(&buyer.desk.post("/v1/reviews", application).await.expect(201)["id"]);
        let decide = async |how: &str| {
            let reason = json!({ "reason": "papers seen" });
            buyer.desk.post(&format!("/v1/reviews/{review}/{how}"), reason).await.expect(200);
        };
        decide("approve").await;
        buyer.buy(json!({ "plan": "business", "interval": "month" })).await;
        buyer.agree(&buyer.price("scrip:plan:creator:month").await).await;
        decide("revoke").await;
        buyer.settle().await;
        assert_eq!(buyer.desk.show().await["pending"]["plan"], "creator");
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 250 + 1700);
    }
    shop.app.verify();
}
