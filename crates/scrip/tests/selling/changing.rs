//! Changing what one subscribes to: more at once, less with the period's end, and ending it.

use crate::app::text;
use crate::shop::{Buyer, Shop};
use reqwest::Method;
use serde_json::{Value, json};
use stripe_simulator::resources::portal;

/// A buyer of a plan since the 10th of January 2026.
async fn subscriber<'a>(shop: &'a Shop, plan: &str, interval: &str) -> Buyer<'a> {
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    buyer.buy(json!({ "plan": plan, "interval": interval })).await;
    buyer
}

async fn spend(buyer: &Buyer<'_>, credits: i64) {
    let hold = buyer.desk.post("/v1/holds", json!({ "credits": credits, "reference": "r" })).await.expect(201);
    let path = format!("/v1/holds/{}/capture", text(&hold["id"]));
    buyer.desk.post(&path, json!({})).await.expect(200);
}

/// R31: more is paid first and begins at once, and what is left keeps its date.
#[tokio::test]
async fn an_upgrade_in_the_portal_begins_at_once_and_what_is_left_keeps_its_date() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        spend(&buyer, 700).await;
        buyer.pass("2026-01-20T00:00:00Z").await;
        let page = buyer.change("pro", "month").await;
        assert_eq!((&page["offer"]["takes_effect"], &page["offer"]["carries"]), (&json!("upgrade"), &json!(true)));
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 1000 + 5000);
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-02-20T00:00:00Z");
        let charge = buyer.charge().await;
        assert_eq!(charge["amount"], 3900, "in full, since the rest is carried");
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 5000);
        buyer.pass("2026-02-20T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 5000);
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-03-20T00:00:00Z");
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// A change that the card does not pay changes nothing, here as there.
#[tokio::test]
async fn an_upgrade_that_is_declined_changes_nothing() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        buyer.card(crate::shop::BAD).await;
        let wish = json!({ "plan": "pro", "interval": "month" });
        let page = buyer.desk.post("/v1/checkout", wish).await.expect(201);
        let (session, subscription) = (crate::shop::id_in(&page), buyer.subscription().await);
        let price = buyer.price("scrip:plan:pro:month").await;
        let done = shop.account(|state| portal::switch(state, &session, &subscription, &price));
        assert!(done.is_err(), "it is declined");
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
    }
    shop.app.verify();
}

/// R31: less, and a shorter interval, wait for the period's end.
#[tokio::test]
async fn a_downgrade_waits_for_the_periods_end_and_can_be_taken_back() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "pro", "month").await;
        let page = buyer.change("creator", "month").await;
        let takes = (&page["offer"]["takes_effect"], &page["offer"]["takes_effect_at"]);
        assert_eq!(takes, (&json!("at_period_end"), &json!("2026-02-10T00:00:00Z")));
        let shown = buyer.desk.show().await;
        assert_eq!((&shown["plan"], &shown["pending"]["plan"]), (&json!("pro"), &json!("creator")));
        buyer.release().await;
        assert_eq!(buyer.desk.show().await["pending"], Value::Null, "it was taken back");
        buyer.change("creator", "month").await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 5250);
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(buyer.charge().await["amount"], 1500);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_shorter_interval_waits_for_the_years_end() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "pro", "year").await;
        let page = buyer.change("pro", "month").await;
        assert_eq!(page["offer"]["takes_effect_at"], "2027-01-10T00:00:00Z");
        assert_eq!(buyer.desk.show().await["pending"]["interval"], "month");
        buyer.pass("2026-06-15T00:00:00Z").await;
        Buyer::is(&buyer.stands().await, "pro", "year", "active", 250 + 5500);
        buyer.pass("2027-01-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 5000);
        assert_eq!(buyer.desk.show().await["period"]["end"], "2027-02-10T00:00:00Z");
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_longer_interval_is_more_and_begins_at_once() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "pro", "month").await;
        buyer.pass("2026-01-20T00:00:00Z").await;
        buyer.change("pro", "year").await;
        Buyer::is(&buyer.stands().await, "pro", "year", "active", 250 + 5000 + 5500);
        assert_eq!(buyer.desk.show().await["period"]["end"], "2027-01-20T00:00:00Z");
    }
    shop.app.verify();
}

/// R32: what is canceled stays until the period's end, and an undo gives nothing.
#[tokio::test]
async fn a_plan_that_is_canceled_in_the_portal_stays_to_its_end_and_can_be_kept_until_then() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        buyer.buy(json!({ "pack": "credits-1000" })).await;
        buyer.cancel().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "canceling", 2950);
        buyer.keep().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 2950);
        buyer.cancel().await;
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 1250);
        buyer.buy(json!({ "plan": "pro", "interval": "month" })).await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 1000 + 5000);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// Asking for the plan that one has, and that only ends, leads to where it is kept: there is no change to confirm.
#[tokio::test]
async fn a_plan_that_is_canceled_is_asked_for_again_and_kept() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        buyer.cancel().await;
        let page = buyer.desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
        let (session, subscription) = (crate::shop::id_in(&page), buyer.subscription().await);
        shop.account(|state| portal::keep(state, &session, &subscription)).expect("the page keeps it");
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// The same by the operator, who is answered when both sides agree.
#[tokio::test]
async fn an_operator_cancels_and_undoes_what_stripe_bills() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        let path = format!("/v1/workspaces/{}/subscription", buyer.desk.id);
        let canceled = buyer.desk.call(Method::DELETE, &path).send().await.expect(200);
        assert_eq!(canceled["status"], "canceling");
        assert_eq!(buyer.subscriptions().await[0]["cancel_at_period_end"], true);
        let undone = buyer.desk.call(Method::DELETE, &format!("{path}?undo=true")).send().await.expect(200);
        assert_eq!(undone["status"], "active");
        assert_eq!(buyer.subscriptions().await[0]["cancel_at_period_end"], false);
        assert_eq!(buyer.desk.credits().await.0, 1950, "an undo gives nothing");
        buyer.desk.call(Method::DELETE, &path).send().await.expect(200);
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
    }
    shop.app.verify();
}

/// What was changed for later and then canceled ends; what is canceled and changed is the change alone.
#[tokio::test]
async fn an_operators_undo_takes_back_a_cancellation_from_the_portal() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "pro", "month").await;
        buyer.change("creator", "month").await;
        buyer.cancel().await;
        let shown = buyer.desk.show().await;
        assert_eq!((&shown["status"], &shown["pending"]), (&json!("canceling"), &Value::Null));
        let path = format!("/v1/workspaces/{}/subscription?undo=true", buyer.desk.id);
        let undone = buyer.desk.call(Method::DELETE, &path).send().await.expect(200);
        assert_eq!((&undone["status"], &undone["pending"]), (&json!("active"), &Value::Null));
        let asked = format!("/v1/subscriptions/{}", buyer.subscription().await);
        let form = shop.account(|state| {
            let asked = state.calls.list.iter().rfind(|call| call.method == "POST" && call.path == asked);
            asked.map(|call| call.form.clone())
        });
        let form = form.expect("it was taken back there");
        assert_eq!(form.get("cancel_at").map(String::as_str), Some(""), "the portal set a date: {form:?}");
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 5250);
    }
    shop.app.verify();
}

/// A plan that a lesser one is to follow can be cancelled.
#[tokio::test]
async fn what_is_to_become_less_can_be_cancelled() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "pro", "interval": "month" })).await;
        buyer.agree(&buyer.price("scrip:plan:creator:month").await).await;
        assert_eq!(buyer.desk.show().await["pending"]["plan"], "creator");
        let path = format!("/v1/workspaces/{}/subscription", buyer.desk.id);
        let ended = buyer.desk.call(Method::DELETE, &path).send().await.expect(200);
        assert_eq!((&ended["status"], &ended["pending"]), (&json!("canceling"), &Value::Null));
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
    }
    shop.app.verify();
}
