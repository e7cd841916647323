//! Changes of a subscription: a higher plan at once, a lower one with the period's end, and its cancellation.

use reqwest::Method;
use scrip_testing::app::text;
use scrip_testing::shop::{Buyer, Shop};
use serde_json::{Value, json};
use stripe_simulator::resources::portal;

/// Returns a buyer of a plan since the 10th of January 2026.
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

/// R31: a higher plan is paid first and begins at once, and the remaining credits keep their date.
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

/// A change that the card does not pay changes nothing, in Scrip and at Stripe.
#[tokio::test]
async fn an_upgrade_that_is_declined_changes_nothing() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        buyer.card(scrip_testing::shop::BAD).await;
        let wish = json!({ "plan": "pro", "interval": "month" });
        let page = buyer.desk.post("/v1/checkout", wish).await.expect(201);
        let (session, subscription) = (scrip_testing::shop::id_in(&page), buyer.subscription().await);
        let price = buyer.price("scrip:plan:pro:month").await;
        let done = shop.account(|state| portal::switch(state, &session, &subscription, &price));
        assert!(done.is_err(), "it is declined");
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
    }
    shop.app.verify();
}

/// R31: a lower plan, and a shorter interval, wait for the period's end.
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

/// R32: a canceled plan stays until the period's end, and an undo gives nothing.
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

/// A request for the present plan, which is canceled, leads to the page where it is kept: there is no change to
/// confirm.
#[tokio::test]
async fn a_plan_that_is_canceled_is_asked_for_again_and_kept() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        buyer.cancel().await;
        let page = buyer.desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
        let (session, subscription) = (scrip_testing::shop::id_in(&page), buyer.subscription().await);
        shop.account(|state| portal::keep(state, &session, &subscription)).expect("the page keeps it");
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// An operator cancels and undoes, and is answered when both sides agree.
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

/// A plan that was changed for later and then canceled ends; one that is canceled and then changed only changes.
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

/// A plan that a lower one is to follow can be cancelled.
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

/// Returns the cell of the handbook's table for a change.
fn handbook_cell(rank: std::cmp::Ordering, interval: std::cmp::Ordering) -> &'static str {
    let handbook = include_str!("../../../../../docs/CATALOGS.md");
    let row = ["| lower plan |", "| same plan |", "| higher plan |"][(rank as i8 + 1).unsigned_abs() as usize];
    let column = [4, 2, 3][(interval as i8 + 1).unsigned_abs() as usize];
    let row = handbook.lines().find(|line| line.starts_with(row)).expect("the table has three rows");
    row.split('|').nth(column).expect("the table has three columns").trim()
}

/// R31: each pair of plans and intervals, at Stripe, as the handbook's table says, as far as the portal can express it.
#[tokio::test]
async fn each_change_of_plan_is_made_at_stripe_as_the_handbooks_table_says() {
    let mut shop = Shop::open("weekly-yearly");
    let plans = ["starter", "pro", "ultra", "max"];
    let intervals = ["week", "year"];
    let all: Vec<(usize, usize)> = (0..plans.len()).flat_map(|plan| [(plan, 0), (plan, 1)]).collect();
    for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (*from, *to))) {
        let story = format!("{} {} to {} {}", plans[from.0], intervals[from.1], plans[to.0], intervals[to.1]);
        let buyer = subscriber(&shop, plans[from.0], intervals[from.1]).await;
        buyer.pass("2026-01-12T00:00:00Z").await;
        let before = buyer.desk.show().await;
        let is = |shown: &Value| (text(&shown["plan"]), text(&shown["interval"]));
        let (old, new) = (is(&before), (plans[to.0].to_owned(), intervals[to.1].to_owned()));
        match handbook_cell(to.0.cmp(&from.0), to.1.cmp(&from.1)) {
            "no change" => {
                let wish = json!({ "plan": new.0, "interval": new.1 });
                buyer.desk.post("/v1/checkout", wish).await.problem(422, "INVALID_REQUEST");
            }
            "at once" => {
                let page = buyer.change(&new.0, &new.1).await;
                assert_eq!(page["offer"]["takes_effect"], "upgrade", "{story}");
                let after = buyer.desk.show().await;
                assert_eq!((is(&after), &after["pending"]), (new, &Value::Null), "{story}");
                let billing = buyer.desk.get("/v1/billing").await.expect(200);
                let carried = &billing["carried"][0];
                assert_eq!((text(&carried["plan"]), text(&carried["interval"])), old, "{story}: it keeps its dates");
                assert_eq!(carried["ends_at"], before["period"]["end"], "{story}");
            }
            "at the period's end" => {
                let page = buyer.change(&new.0, &new.1).await;
                assert_eq!(page["offer"]["takes_effect_at"], before["period"]["end"], "{story}");
                let after = buyer.desk.show().await;
                assert_eq!(is(&after), old, "{story}");
                let pending = (text(&after["pending"]["plan"]), text(&after["pending"]["interval"]));
                assert_eq!(pending, new, "{story}");
                let charges = format!("/v1/charges?customer={}", buyer.customer);
                let charges = shop.stripe.get(&charges).await["data"].as_array().map(Vec::len);
                assert_eq!(charges, Some(1), "{story}: nothing is paid before");
            }
            other => panic!("the table says {other}"),
        }
        assert_eq!(
            buyer.subscriptions().await.as_array().map(Vec::len),
            Some(1),
            "{story}: the buyer does not pay twice"
        );
    }
    assert_eq!(shop.alerts().await, Vec::<String>::new());
    shop.app.verify();
}

/// A lower plan by the year, which no portal puts off: confirmed in a checkout session without money, paid with the
/// payment method from there when the period ends, and not made again when it was taken back.
#[tokio::test]
async fn a_lower_plan_by_the_year_is_confirmed_and_begins_with_the_periods_end() {
    let mut shop = Shop::open("weekly-yearly");
    {
        let buyer = subscriber(&shop, "pro", "week").await;
        let page = buyer.desk.post("/v1/checkout", json!({ "plan": "starter", "interval": "year" })).await.expect(201);
        let again = buyer.desk.post("/v1/checkout", json!({ "plan": "starter", "interval": "year" })).await.expect(201);
        assert_eq!(page["url"], again["url"], "the same wish has the same page");
        let session = shop.stripe.get(&format!("/v1/checkout/sessions/{}", scrip_testing::shop::id_in(&page))).await;
        assert_eq!((&session["mode"], &session["amount_total"]), (&json!("setup"), &Value::Null));
        let words = text(&session["custom_text"]["submit"]["message"]);
        for word in ["2026-01-17", "200.00 USD", "10400 credits", "Nothing is paid before"] {
            assert!(words.contains(word), "{word}: {words}");
        }
        assert_eq!(buyer.desk.show().await["pending"], Value::Null, "the buyer has not confirmed it");
        shop.pay(&page).await;
        buyer.settle().await;
        assert_eq!(buyer.desk.show().await["pending"]["plan"], "starter");

        // A change that was taken back stays so, over any number of reconciliations.
        buyer.release().await;
        shop.app.call(Method::POST, "/v1/billing/sweep").send().await.expect(200);
        buyer.settle().await;
        assert_eq!(buyer.desk.show().await["pending"], Value::Null, "it was taken back");
        // And the same where the plan was to end before.
        buyer.cancel().await;
        buyer.change("starter", "year").await;
        let shown = buyer.desk.show().await;
        assert_eq!((&shown["status"], &shown["pending"]["interval"]), (&json!("active"), &json!("year")));
        buyer.pass("2026-01-17T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "starter", "year", "active", 50 + 10_400);
        assert_eq!(buyer.charge().await["amount"], 20_000);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// A year of months gives way to a month of a higher plan, and continues when that is cancelled: every month comes.
#[tokio::test]
async fn no_month_of_a_paid_year_is_lost_with_an_upgrade() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = subscriber(&shop, "pro", "year").await;
        let form = json!({ "review": "business_verification", "form": { "company": "Ada & Sons" } });
        let review = buyer.desk.post("/v1/reviews", form).await.expect(201);
        super::review::decide(&buyer.desk, &text(&review["id"]), "approve").await;
        buyer.pass("2026-03-01T00:00:00Z").await;
        buyer.change("business", "month").await;
        Buyer::is(&buyer.stands().await, "business", "month", "active", 250 + 5500 + 11_329);
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        assert_eq!(billing["carried"][0]["next_grant_at"], "2026-03-10T00:00:00Z");
        buyer.pass("2026-03-10T00:00:00Z").await;
        Buyer::is(&buyer.stands().await, "business", "month", "active", 250 + 5500 + 11_329);
        buyer.cancel().await;
        buyer.pass("2026-04-01T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "pro", "year", "canceling", 250 + 5500);
        buyer.pass("2026-12-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "pro", "year", "canceling", 250 + 5500);
        buyer.pass("2027-01-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// R31: the credits that an upgrade forfeits are shown before it is paid: in the offer, and on Stripe's page.
#[tokio::test]
async fn an_upgrade_that_forfeits_says_how_many_credits_end() {
    let text_of = include_str!("../../../../../catalogs/canvas-tiers.toml").replace("\"carry\"", "\"forfeit\"");
    let file = super::publication::file(&text_of);
    let mut shop = Shop::of_file(&file);
    shop.tell();
    {
        let buyer = subscriber(&shop, "creator", "month").await;
        spend(&buyer, 700).await;
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        let offers = billing["offers"].as_array().expect("a list");
        let pro =
            offers.iter().find(|offer| offer["plan"] == "pro" && offer["interval"] == "month").expect("it is sold");
        assert_eq!((&pro["carries"], &pro["ends"]), (&json!(false), &json!({ "left": 1000, "to_come": 0 })));
        assert!(text(&pro["warning"]).contains("1000 credits"), "{pro}");
        let page = buyer.change("pro", "month").await;
        assert_eq!(page["offer"]["warning"], pro["warning"]);
        let pages = shop.stripe.get("/v1/billing_portal/configurations?limit=100").await;
        let headline = |page: &Value| text(&page["business_profile"]["headline"]).contains("ends the rest");
        assert!(pages["data"].as_array().expect("a list").iter().all(headline), "{pages}");
        Buyer::is(&buyer.stands().await, "pro", "month", "active", 250 + 5000);

        buyer.change("pro", "year").await;
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        assert_eq!(billing["carried"], json!([]));
    }
    shop.app.verify();
}
