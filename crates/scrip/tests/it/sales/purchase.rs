//! Buying: from an offer to the checkout session, from the session to the credits.

use scrip_testing::app::{App, each, number, text};
use scrip_testing::shop::{ADDRESS, Buyer, Shop, id_in};
use serde_json::{Value, json};

/// Returns the offer of a plan at an interval, or of a pack, as the buyer sees it.
fn offer<'a>(billing: &'a Value, plan: &str, interval: &str) -> &'a Value {
    let offers = billing["offers"].as_array().expect("a list");
    let is_it = |offer: &&Value| {
        if interval.is_empty() { offer["pack"] == plan } else { offer["plan"] == plan && offer["interval"] == interval }
    };
    offers.iter().find(is_it).unwrap_or_else(|| panic!("no offer of {plan} {interval}: {billing}"))
}

#[tokio::test]
async fn a_plan_is_paid_on_stripes_page_and_its_credits_are_there_once() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let page = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        assert_eq!((&page["offer"]["amount"], &page["offer"]["credits"]), (&json!(3900), &json!(5000)));
        assert!(text(&page["url"]).starts_with(shop.stripe.url()) && page["expires_at"].is_string(), "{page}");
        assert_eq!(desk.show().await["plan"], "free", "nothing is given for a page");
        shop.pay(&page).await;
        shop.settle(&desk).await;
        let shown = desk.show().await;
        assert_eq!(
            (&shown["plan"], &shown["interval"], &shown["billing"]),
            (&json!("pro"), &json!("month"), &json!("provider"))
        );
        assert_eq!(desk.credits().await, (5250, 0), "the period's, and what was free");
        let before = desk.entries().await.len();
        shop.app.post(&format!("/v1/workspaces/{}/customer/sync", desk.id), Value::Null).await.expect(200);
        assert_eq!(
            (desk.entries().await.len(), desk.credits().await.0),
            (before, 5250),
            "looking twice gives nothing twice"
        );
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// Document 000: a year has a bonus over twelve months, which is shown before it is bought; document 001: the lifetime
/// of a pack, and the time of the last allowance, are shown.
#[tokio::test]
async fn bonus_lasting_and_the_last_refresh_are_shown() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        let (year, pack) = (offer(&billing, "pro", "year"), offer(&billing, "credits-1000", ""));
        assert_eq!((number(&year["credits"]), number(&year["bonus"])), (12 * 5500, 12 * 500));
        assert_eq!(
            (number(&pack["credits"]), &pack["expires"], &pack["price"]),
            (1000, &json!("90 days"), &json!("12.00 USD"))
        );
        buyer.buy(json!({ "plan": "pro", "interval": "year" })).await;
        assert_eq!(buyer.desk.credits().await.0, 250 + 5500, "a month of the year at a time");
        buyer.buy(json!({ "pack": "credits-1000" })).await;
        let balance = buyer.desk.balance().await;
        let grants = balance["grants"].as_array().expect("a list");
        let pack = grants.iter().find(|grant| grant["kind"] == "pack").expect("it was bought");
        assert_eq!((&pack["granted"], &pack["expires_at"]), (&json!(1000), &json!("2026-04-10T00:00:00Z")));
        buyer.here("2026-02-11T00:00:00Z").await;
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        assert_eq!(
            (&billing["renewed_at"], &billing["renews_at"]),
            (&json!("2026-02-10T00:00:00Z"), &json!("2026-03-10T00:00:00Z"))
        );
        assert_eq!(buyer.desk.credits().await.0, 250 + 5500 + 1000);
    }
    shop.app.verify();
}

#[tokio::test]
async fn weeks_are_sold_as_well() {
    let mut shop = Shop::open("weekly-yearly");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "starter", "interval": "week" })).await;
        let shown = buyer.desk.show().await;
        assert_eq!((&shown["interval"], &shown["period"]["end"]), (&json!("week"), &json!("2026-01-17T00:00:00Z")));
        assert_eq!(buyer.desk.credits().await.0, 250);
        buyer.pass("2026-01-17T02:00:00Z").await;
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-01-24T00:00:00Z");
        assert_eq!(buyer.desk.credits().await.0, 250, "a week's do not roll over");
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// R7: a payment that is declined, abandoned or not confirmed gives nothing.
#[tokio::test]
async fn a_declined_card_gives_nothing_and_the_page_stays_open_for_another() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let wish = json!({ "plan": "creator" });
        let page = desk.post("/v1/checkout", wish.clone()).await.expect(201);
        let (status, _) = shop.pay_with(&page, "4000000000000002").await;
        assert_eq!(status, 402);
        let (status, asked) = shop.pay_with(&page, "4000002760003184").await;
        assert_eq!((status, &asked["status"]), (200, &json!("needs_action")));
        shop.settle(&desk).await;
        assert_eq!((&desk.show().await["plan"], desk.credits().await.0), (&json!("free"), 250));
        let again = desk.post("/v1/checkout", wish).await.expect(201);
        assert_eq!(again["url"], page["url"], "the same wish has the same page");
        let path = format!("/checkout/{}/confirm", id_in(&page));
        assert_eq!(shop.stripe.control(&path, json!({})).await.1["status"], "complete");
        shop.settle(&desk).await;
        assert_eq!((&desk.show().await["plan"], desk.credits().await.0), (&json!("creator"), 250 + 1700));
    }
    shop.app.verify();
}

/// Two clicks, in two tabs, on two plans: one subscription.
#[tokio::test]
async fn two_clicks_on_two_plans_end_in_one_subscription() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let first = desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
        let second = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        assert_ne!(first["url"], second["url"]);
        let (status, _) = shop.pay_with(&first, "pm_card_visa").await;
        assert_eq!(status, 400, "the first page is closed");
        shop.pay(&second).await;
        shop.settle(&desk).await;
        let customer = shop.app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
        let path = format!("/v1/subscriptions?status=all&customer={}", text(&customer["customer"]));
        assert_eq!(each(&shop.stripe.get(&path).await["data"], "status"), [&json!("active")]);
        assert_eq!((&desk.show().await["plan"], desk.credits().await.0), (&json!("pro"), 5250));
    }
    shop.app.verify();
}

/// Both clicks at one instant, several times: for either session that remains, paying everything makes one
/// subscription.
#[tokio::test]
async fn clicks_at_one_instant_leave_one_page_to_pay() {
    let mut shop = Shop::open("canvas-tiers");
    {
        for _ in 0..5 {
            let desk = shop.app.free().await;
            let wish = |plan: &str| desk.post("/v1/checkout", json!({ "plan": plan, "interval": "month" }));
            let (one, other, third) = tokio::join!(wish("creator"), wish("pro"), wish("creator"));
            for page in [&one, &other, &third].into_iter().filter(|page| page.status == 201) {
                shop.pay_with(&page.json(), "pm_card_visa").await;
            }
            shop.settle(&desk).await;
            let customer = shop.app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
            let path = format!("/v1/subscriptions?customer={}", text(&customer["customer"]));
            let count = shop.stripe.get(&path).await["data"].as_array().map(Vec::len);
            assert_eq!(count, Some(1), "one subscription");
        }
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

#[tokio::test]
async fn the_same_request_comes_to_the_same_page_and_its_key_buys_nothing_else() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let ask = |body: Value| desk.call(reqwest::Method::POST, "/v1/checkout").key("click-1").json(&body).send();
        let first = ask(json!({ "pack": "credits-1000" })).await.expect(201);
        let again = ask(json!({ "pack": "credits-1000" })).await.expect(201);
        assert_eq!(first["url"], again["url"]);
        ask(json!({ "plan": "creator" })).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
        shop.pay(&first).await;
        shop.settle(&desk).await;
        assert_eq!(desk.credits().await.0, 1250);
        let created = ("POST".to_owned(), "/v1/checkout/sessions".to_owned());
        assert_eq!(shop.stripe.calls().iter().filter(|call| **call == created).count(), 1);
    }
    shop.app.verify();
}

/// R4, R7: a workspace that is paid by hand cannot pay by card as well, and the other way round.
#[tokio::test]
async fn what_is_billed_by_hand_and_what_stripe_bills_refuse_each_other() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let by_hand = shop.app.workspace(json!({ "plan": "creator", "interval": "month" })).await;
        let refused = by_hand.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await;
        refused.problem(422, "INVALID_REQUEST");
        by_hand.post("/v1/billing_portal", json!({ "flow": "cancel" })).await.problem(422, "INVALID_REQUEST");
        let by_card = shop.app.free().await;
        shop.buy(&by_card, json!({ "plan": "creator" })).await;
        let path = format!("/v1/workspaces/{}/subscription", by_card.id);
        let changed = by_card.post(&path, json!({ "plan": "pro", "interval": "month" })).await;
        assert_eq!(changed.status, 422, "{}", changed.json());
        assert_eq!(by_card.show().await["plan"], "creator");
        let packs = shop.buy(&by_hand, json!({ "pack": "credits-1000" })).await;
        assert_eq!(packs["offer"]["pack"], "credits-1000");
        assert_eq!(by_hand.credits().await.0, 1700 + 1000, "a workspace that is billed by hand can buy packs");
    }
    shop.app.verify();
}

/// Customers who existed before are linked, and their payments from then on count.
#[tokio::test]
async fn a_customer_who_was_there_before_is_linked_and_what_they_have_paid_is_theirs() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let price = buyer.price("scrip:plan:creator:month").await;
        let form = [("customer", buyer.customer.as_str()), ("items[0][price]", &price)];
        shop.stripe.post("/v1/subscriptions", &form).await;
        buyer.settle().await;
        assert_eq!((&buyer.desk.show().await["plan"], buyer.desk.credits().await.0), (&json!("creator"), 1950));
        let other = shop.app.free().await;
        let link = |customer: &str| {
            let path = format!("/v1/workspaces/{}/customer", other.id);
            shop.app.call(reqwest::Method::PUT, &path).json(&json!({ "customer": customer })).send()
        };
        link(&buyer.customer).await.problem(422, "INVALID_REQUEST");
        link("cus_nobody").await.problem(422, "INVALID_REQUEST");
        let marked = shop.stripe.post("/v1/customers", &[("metadata[scrip_workspace]", &buyer.desk.id)]).await;
        link(&text(&marked["id"])).await.problem(422, "INVALID_REQUEST");
        assert_eq!(other.credits().await.0, 250);
    }
    shop.app.verify();
}

/// The server alone decides the address to which Stripe redirects customers, whatever link the catalog has.
#[tokio::test]
async fn pages_lead_back_to_the_shop_alone() {
    let shop = Shop::open("canvas-tiers");
    let desk = shop.app.free().await;
    let page = desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
    let session = shop.stripe.get(&format!("/v1/checkout/sessions/{}", id_in(&page))).await;
    let back = format!("{ADDRESS}/settings/billing");
    assert_eq!(session["cancel_url"], back);
    assert_eq!(session["success_url"], format!("{back}?checkout={{CHECKOUT_SESSION_ID}}"));
    let asked = desk.post("/v1/checkout", json!({ "pack": "credits-1000", "success_url": "//evil.example" })).await;
    asked.problem(422, "INVALID_REQUEST");
}

/// Without Stripe nothing is sold, and no address takes events.
#[tokio::test]
async fn whoever_sells_through_nobody_has_no_pages_and_no_address_to_be_told_at() {
    let app = App::serving("canvas-tiers");
    let desk = app.free().await;
    desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.problem(404, "NOT_FOUND");
    desk.post("/v1/billing_portal", json!({})).await.problem(404, "NOT_FOUND");
    app.bare(reqwest::Method::POST, "/hooks/stripe").send().await.problem(404, "NOT_FOUND");
}

/// A plan's checkout session cannot be closed for a moment: no second one is opened.
#[tokio::test]
async fn a_page_that_cannot_be_closed_lets_nobody_pay_for_two_plans() {
    for status in [403, 409, 429] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let desk = shop.app.free().await;
            let first = desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
            let path = format!("/v1/checkout/sessions/{}/expire", id_in(&first));
            let fault = json!({ "method": "POST", "path": path, "times": 3, "status": status });
            shop.stripe.control("/faults", fault).await;
            let second = desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await;
            shop.pay(&first).await;
            if second.status == 201 {
                shop.pay_with(&second.json(), "pm_card_visa").await;
            }
            shop.settle(&desk).await;
            let customer = shop.app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
            let path = format!("/v1/subscriptions?customer={}", text(&customer["customer"]));
            let count = shop.stripe.get(&path).await["data"].as_array().map(Vec::len);
            assert_eq!((count, desk.show().await["plan"].as_str()), (Some(1), Some("creator")), "after {status}");
        }
        shop.app.verify();
    }
}

/// A checkout session that does not exist any more, as when a sandbox is emptied, stops no other purchase.
#[tokio::test]
async fn a_page_that_is_gone_stands_in_nobodys_way() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let first = desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
        shop.settle(&desk).await;
        shop.account(|state| state.remove(&id_in(&first)));
        shop.buy(&desk, json!({ "plan": "pro", "interval": "month" })).await;
        assert_eq!(desk.show().await["plan"], "pro");
    }
    shop.app.verify();
}

/// Stripe opens no checkout session for less than half an hour.
#[tokio::test]
async fn a_page_that_could_not_be_opened_can_be_opened_later() {
    for wish in [json!({ "plan": "creator" }), json!({ "pack": "credits-1000" })] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let desk = shop.app.free().await;
            let fault = json!({ "method": "POST", "path": "/v1/checkout/sessions", "times": 3, "cut": "before" });
            shop.stripe.control("/faults", fault).await;
            assert_eq!(desk.post("/v1/checkout", wish.clone()).await.status, 503);
            // Forty minutes pass.
            shop.app.query("UPDATE purchases SET expires_at = expires_at - 2400000000");
            desk.post("/v1/checkout", wish).await.expect(201);
        }
        shop.app.verify();
    }
}

/// A price whose metadata does not say what it sells has no checkout session.
#[tokio::test]
async fn nobody_is_led_to_a_price_that_says_nothing() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        for (plan, interval) in [("creator", "month"), ("pro", "year")] {
            let path = format!("/v1/prices/{}", buyer.price(&format!("scrip:plan:{plan}:{interval}")).await);
            shop.stripe.post(&path, &[("metadata[scrip_plan]", "")]).await;
        }
        let wish = json!({ "plan": "creator" });
        assert_eq!(buyer.desk.post("/v1/checkout", wish).await.status, 503);
        assert_eq!(shop.alerts().await, ["not_synced"]);
        buyer.buy(json!({ "plan": "pro", "interval": "month" })).await;
        let session = buyer.portal(json!({})).await;
        let (price, subscription) = (buyer.price("scrip:plan:pro:year").await, buyer.subscription().await);
        let switched =
            shop.account(|state| stripe_simulator::resources::portal::switch(state, &session, &subscription, &price));
        assert!(switched.is_err(), "it is not on the list");
    }
    shop.app.verify();
}

/// R32: a paid period lasts to its end though the subscription is over, and something else can be bought meanwhile.
#[tokio::test]
async fn whoever_has_no_subscription_any_more_can_buy_again_before_the_period_ends() {
    for (plan, credits) in [("pro", 1700 + 5000), ("creator", 1700 + 1700)] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            buyer.buy(json!({ "plan": "creator" })).await;
            shop.stripe.delete(&format!("/v1/subscriptions/{}", buyer.subscription().await)).await;
            buyer.pass("2026-01-20T00:00:00Z").await;
            Buyer::is(&buyer.stands().await, "creator", "month", "canceling", 1950);
            buyer.buy(json!({ "plan": plan, "interval": "month" })).await;
            Buyer::is(&buyer.stands().await, plan, "month", "active", 250 + credits);
            assert_eq!(shop.alerts().await, Vec::<String>::new());
        }
        shop.app.verify();
    }
}
