//! Selling by the account's API alone: against the simulator, or against Stripe's own test mode where a key for that is
//! given. No events are delivered to these servers; they ask.

use reqwest::Method;
use scrip_testing::app::{root, temporary, text};
use scrip_testing::shop::{BAD, Buyer, GOOD, Shop, id_in};
use serde_json::{Value, json};

/// Card whose first payment is disputed.
const DISPUTED: &str = "pm_card_createDispute";

/// Returns a buyer of a month of a plan since an instant.
async fn subscriber<'a>(shop: &'a Shop, now: &str, plan: &str) -> Buyer<'a> {
    let buyer = shop.buyer(now, json!({})).await;
    buyer.subscribe(plan).await;
    buyer.reconcile().await;
    buyer
}

/// Refunds a part of the newest payment, or all of it.
async fn refund(buyer: &Buyer<'_>, amount: Option<&str>) {
    let charge = text(&buyer.charge().await["id"]);
    let form = [Some(("charge", charge.as_str())), amount.map(|amount| ("amount", amount))];
    let form: Vec<(&str, &str)> = form.into_iter().flatten().collect();
    buyer.shop.stripe.post("/v1/refunds", &form).await;
    buyer.reconcile().await;
}

#[tokio::test]
async fn a_catalog_is_brought_to_the_account_and_a_new_amount_is_a_new_price() {
    let shop = Shop::of_choice("canvas-tiers");
    let catalog = root().join("catalogs/canvas-tiers.toml");
    assert!(shop.stripe.sync(&catalog).ends_with("nothing to do\n"), "it was done when the shop opened");
    let dearer = temporary().join("dearer.toml");
    let sold = std::fs::read_to_string(&catalog).expect("the catalog is there");
    std::fs::write(&dearer, sold.replace("amount = 1200\n", "amount = 1500\n")).expect("it can be written");
    let told = shop.stripe.sync(&dearer);
    assert!(told.contains("~ price pack credits-1000: 12.00 usd → 15.00 usd"), "{told}");
    let told = shop.stripe.sync(&catalog);
    assert!(told.contains("~ price pack credits-1000: 15.00 usd → 12.00 usd"), "{told}");
    assert!(shop.stripe.sync(&catalog).ends_with("nothing to do\n"));
    let price = shop.stripe.get("/v1/prices?lookup_keys[]=scrip:pack:credits-1000").await["data"][0].clone();
    assert_eq!((&price["unit_amount"], &price["active"]), (&json!(1200), &json!(true)));
}

#[tokio::test]
async fn the_account_has_the_page_that_a_buyer_is_sent_to() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let open = async |wish: Value| desk.post("/v1/checkout", wish).await.expect(201);
        let page = open(json!({ "plan": "pro", "interval": "month" })).await;
        assert_eq!(open(json!({ "plan": "pro", "interval": "month" })).await["url"], page["url"]);
        let customer = shop.app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200);
        let path = format!("/v1/checkout/sessions?customer={}", text(&customer["customer"]));
        let there = shop.stripe.get(&path).await["data"][0].clone();
        assert_eq!((&there["url"], &there["mode"]), (&page["url"], &json!("subscription")));
        assert_eq!((&there["amount_total"], &there["currency"]), (&json!(3900), &json!("usd")));
        open(json!({ "plan": "creator" })).await;
        let first = shop.stripe.get(&format!("/v1/checkout/sessions/{}", text(&there["id"]))).await;
        assert_eq!(first["status"], "expired", "there is one plan to pay at a time");
        open(json!({ "pack": "credits-1000" })).await;
        let there = shop.stripe.get(&path).await["data"][0].clone();
        assert_eq!((&there["mode"], &there["amount_total"]), (&json!("payment"), &json!(1200)));
        let portal = desk.post("/v1/billing_portal", json!({})).await.expect(201);
        assert!(!id_in(&portal).is_empty());
        assert_eq!((&desk.show().await["plan"], desk.credits().await.0), (&json!("free"), 250), "nothing was paid");
        shop.stripe.delete(&format!("/v1/customers/{}", text(&customer["customer"]))).await;
    }
    shop.app.verify();
}

#[tokio::test]
async fn months_from_the_last_of_january_end_when_the_account_says() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = subscriber(&shop, "2026-01-31T00:00:00Z", "creator").await;
        for end in ["2026-02-28", "2026-03-31", "2026-04-30"] {
            let ends = format!("{end}T00:00:00Z");
            assert_eq!((&buyer.desk.show().await["period"]["end"], buyer.billed_until().await), (&json!(ends), ends));
            buyer.live(&format!("{end}T02:00:00Z")).await;
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 250 + 1700);
        }
        buyer.leave().await;
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_declined_renewal_waits_for_its_money() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = subscriber(&shop, "2026-01-10T00:00:00Z", "creator").await;
        buyer.card(BAD).await;
        buyer.live("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "past_due", 250);
        buyer.card(GOOD).await;
        let path = format!("/v1/invoices?customer={}&status=open", buyer.customer);
        let invoice = text(&shop.stripe.get(&path).await["data"][0]["id"]);
        shop.stripe.post(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
        buyer.reconcile().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 250 + 1700);
        buyer.leave().await;
    }
    shop.app.verify();
}

#[tokio::test]
async fn what_is_canceled_stays_to_its_end_and_can_be_kept_until_then() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = subscriber(&shop, "2026-01-10T00:00:00Z", "creator").await;
        let path = format!("/v1/workspaces/{}/subscription", buyer.desk.id);
        let end = async |path: &str| buyer.desk.call(Method::DELETE, path).send().await.expect(200);
        assert_eq!(end(&path).await["status"], "canceling");
        assert_eq!(end(&format!("{path}?undo=true")).await["status"], "active");
        assert_eq!(buyer.subscriptions().await[0]["cancel_at_period_end"], false);
        end(&path).await;
        buyer.live("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        buyer.leave().await;
    }
    shop.app.verify();
}

/// R31: a higher plan is paid in full and begins at once.
#[tokio::test]
async fn more_is_paid_first_and_what_is_left_keeps_its_date() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = subscriber(&shop, "2026-01-10T00:00:00Z", "creator").await;
        buyer.live("2026-01-20T00:00:00Z").await;
        buyer.upgrade("pro").await;
        buyer.reconcile().await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 1700 + 5000);
        assert_eq!(buyer.charge().await["amount"], 3900);
        assert_eq!(buyer.billed_until().await, "2026-02-20T00:00:00Z");
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-02-20T00:00:00Z");
        buyer.leave().await;
    }
    shop.app.verify();
}

/// A customer who subscribes and changes to another plan in one second has two invoices of that second, and the last
/// plan.
#[tokio::test]
async fn what_is_bought_and_changed_in_one_second_is_what_it_was_changed_to() {
    let mut shop = Shop::of_choice("canvas-tiers");
    for _ in 0..6 {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.subscribe("creator").await;
        buyer.upgrade("pro").await;
        buyer.reconcile().await;
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 1700 + 5000);
        buyer.leave().await;
    }
    shop.app.verify();
}

/// R31: a lower plan waits for the period's end, in a schedule of two phases.
#[tokio::test]
async fn less_waits_for_the_periods_end() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = subscriber(&shop, "2026-01-10T00:00:00Z", "pro").await;
        let subscription = buyer.subscription().await;
        let schedule = [("from_subscription", subscription.as_str())];
        let schedule = shop.stripe.post("/v1/subscription_schedules", &schedule).await;
        let phase = &schedule["phases"][0];
        let (from, until) = (phase["start_date"].to_string(), phase["end_date"].to_string());
        let (more, less) = (buyer.price("scrip:plan:pro:month").await, buyer.price("scrip:plan:creator:month").await);
        let form = [
            ("phases[0][items][0][price]", more.as_str()),
            ("phases[0][items][0][quantity]", "1"),
            ("phases[0][start_date]", &from),
            ("phases[0][end_date]", &until),
            ("phases[1][items][0][price]", &less),
            ("phases[1][items][0][quantity]", "1"),
            ("proration_behavior", "none"),
            ("end_behavior", "release"),
        ];
        shop.stripe.post(&format!("/v1/subscription_schedules/{}", text(&schedule["id"])), &form).await;
        buyer.reconcile().await;
        let shown = buyer.desk.show().await;
        assert_eq!((&shown["plan"], &shown["pending"]["plan"]), (&json!("pro"), &json!("creator")));
        buyer.live("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 250 + 1700);
        buyer.leave().await;
    }
    shop.app.verify();
}

/// R9: a refund takes its share of the credits.
#[tokio::test]
async fn refunds_take_back_their_share() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = subscriber(&shop, "2026-01-10T00:00:00Z", "creator").await;
        refund(&buyer, Some("300")).await;
        assert_eq!(buyer.desk.credits().await.0, 250 + 1700 - 340, "a fifth of the price takes a fifth");
        refund(&buyer, None).await;
        assert_eq!((buyer.desk.credits().await.0, &buyer.desk.balance().await["debt"]), (250, &json!(0)));
        buyer.leave().await;
    }
    shop.app.verify();
}

/// R9: a dispute takes its credits and freezes; when the bank decides for the shop, they are there again.
#[tokio::test]
async fn a_dispute_freezes_until_it_is_won() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.card(DISPUTED).await;
        buyer.subscribe("creator").await;
        let path = format!("/v1/disputes?charge={}", text(&buyer.charge().await["id"]));
        let disputes = shop.stripe.until(&path, |disputes| disputes["data"][0]["id"].is_string()).await;
        let dispute = text(&disputes["data"][0]["id"]);
        buyer.reconcile().await;
        assert_eq!((&buyer.desk.show().await["status"], buyer.desk.credits().await.0), (&json!("frozen"), 250));
        let evidence = [("evidence[uncategorized_text]", "winning_evidence"), ("submit", "true")];
        shop.stripe.post(&format!("/v1/disputes/{dispute}"), &evidence).await;
        shop.stripe.until(&format!("/v1/disputes/{dispute}"), |dispute| dispute["status"] == "won").await;
        buyer.reconcile().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 250 + 1700);
        buyer.leave().await;
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_pack_is_bought_with_the_card_that_is_kept_until_that_is_declined() {
    let mut shop = Shop::of_choice("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let terms = json!({ "pack": "credits-1000", "below": 300, "monthly_max": 6000 });
        buyer.desk.call(Method::PUT, "/v1/billing/top_up").json(&terms).send().await.expect(200);
        buyer.reconcile().await;
        assert_eq!((buyer.desk.credits().await.0, &buyer.charge().await["amount"]), (1250, &json!(1200)));
        buyer.card(BAD).await;
        let hold = buyer.desk.post("/v1/holds", json!({ "credits": 1000, "reference": "r" })).await.expect(201);
        buyer.desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
        buyer.reconcile().await;
        assert_eq!(buyer.desk.get("/v1/billing").await.expect(200)["top_up"]["status"], "stopped");
        assert_eq!(buyer.desk.credits().await.0, 250);
        buyer.leave().await;
    }
    shop.app.verify();
}
