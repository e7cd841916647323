//! Changing a subscription: upgrades that are paid at once, changes that wait for money, and the portal.

use crate::world::{World, id, instant, text};
use serde_json::{Value, json};

pub struct Plans {
    pub clock: String,
    pub customer: String,
    pub subscription: String,
    pub item: String,
    pub small: String,
    pub large: String,
}

pub async fn plans(world: &World) -> Plans {
    let clock = world.clock("2026-01-01T00:00:00Z").await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let small = world.price("Plus", "1000", "month").await;
    let large = world.price("Pro", "3000", "month").await;
    let subscription = world.subscribe(&customer, &small).await;
    let item = text(&subscription["items"]["data"][0], "id");
    world.advance(&clock, "2026-01-11T00:00:00Z").await;
    world.news().await;
    Plans { clock, customer, subscription: id(&subscription), item, small, large }
}

impl Plans {
    pub fn path(&self) -> String {
        format!("/v1/subscriptions/{}", self.subscription)
    }

    fn upgrade<'a>(&'a self, rest: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut form = vec![("items[0][id]", self.item.as_str()), ("items[0][price]", self.large.as_str())];
        form.extend(rest);
        form
    }
}

#[tokio::test]
async fn an_upgrade_from_now_is_invoiced_in_full_at_once() {
    let world = World::new().await;
    let plans = plans(&world).await;
    let form = plans.upgrade(&[
        ("billing_cycle_anchor[type]", "now"),
        ("proration_behavior", "none"),
        ("expand[]", "latest_invoice"),
    ]);
    let seen = world.post(&plans.path(), &form).await;
    assert_eq!(seen["billing_cycle_anchor"], instant("2026-01-11T00:00:00Z"));
    let item = &seen["items"]["data"][0];
    assert_eq!((&item["id"], &item["price"]["id"]), (&json!(plans.item), &json!(plans.large)), "the item is kept");
    assert_eq!(item["current_period_end"], instant("2026-02-11T00:00:00Z"));
    let invoice = &seen["latest_invoice"];
    assert_eq!((&invoice["billing_reason"], &invoice["status"]), (&json!("subscription_update"), &json!("paid")));
    assert_eq!((&invoice["amount_paid"], invoice["lines"]["data"].as_array().unwrap().len()), (&json!(3000), 1));
    world.news().await;
    world.advance(&plans.clock, "2026-02-01T02:00:00Z").await;
    assert!(!world.news().await.contains(&"invoice.created".to_owned()), "the old period's end means nothing now");
}

#[tokio::test]
async fn the_old_form_of_the_anchor_is_refused_by_this_version() {
    let world = World::new().await;
    let plans = plans(&world).await;
    let (status, error) = world.expect_refusal(&plans.path(), &plans.upgrade(&[("billing_cycle_anchor", "now")])).await;
    assert_eq!((status, &error["param"]), (400, &json!("billing_cycle_anchor")));
}

#[tokio::test]
async fn a_change_that_is_not_paid_waits_and_keeps_the_old_items() {
    let world = World::new().await;
    let plans = plans(&world).await;
    world.card(&plans.customer, "pm_card_chargeCustomerFail").await;
    let now = [
        ("billing_cycle_anchor[type]", "now"),
        ("proration_behavior", "none"),
        ("payment_behavior", "pending_if_incomplete"),
    ];
    let seen = world.post(&plans.path(), &plans.upgrade(&now)).await;
    assert_eq!((&seen["status"], &seen["items"]["data"][0]["price"]["id"]), (&json!("active"), &json!(plans.small)));
    let update = &seen["pending_update"];
    assert_eq!(update["expires_at"], instant("2026-01-11T23:00:00Z"));
    assert_eq!(update["subscription_items"][0]["price"]["id"], json!(plans.large));
    let invoice = text(&seen, "latest_invoice");
    world.news().await;

    world.control(&format!("/invoices/{invoice}/pay"), json!({"card": "4242424242424242"})).await;
    let seen = world.get(&plans.path()).await;
    assert_eq!(
        (&seen["pending_update"], &seen["items"]["data"][0]["price"]["id"]),
        (&Value::Null, &json!(plans.large))
    );
    assert_eq!(seen["billing_cycle_anchor"], instant("2026-01-11T00:00:00Z"));
    assert!(world.news().await.contains(&"customer.subscription.pending_update_applied".to_owned()));
}

#[tokio::test]
async fn a_change_that_is_never_paid_is_given_up() {
    let world = World::new().await;
    let plans = plans(&world).await;
    world.card(&plans.customer, "pm_card_chargeCustomerFail").await;
    let now = [
        ("billing_cycle_anchor[type]", "now"),
        ("proration_behavior", "none"),
        ("payment_behavior", "pending_if_incomplete"),
    ];
    let seen = world.post(&plans.path(), &plans.upgrade(&now)).await;
    let invoice = text(&seen, "latest_invoice");
    world.advance(&plans.clock, "2026-01-11T23:00:00Z").await;
    let seen = world.get(&plans.path()).await;
    assert_eq!((&seen["status"], &seen["pending_update"]), (&json!("active"), &Value::Null));
    assert_eq!(world.get(&format!("/v1/invoices/{invoice}")).await["status"], "void");
    assert!(world.types().await.contains(&"customer.subscription.pending_update_expired".to_owned()));
    let wrong = plans.upgrade(&[("payment_behavior", "pending_if_incomplete"), ("metadata[a]", "1")]);
    assert_eq!(world.expect_refusal(&plans.path(), &wrong).await.1["param"], "metadata");
}

#[tokio::test]
async fn a_change_that_must_be_paid_fails_and_changes_nothing() {
    let world = World::new().await;
    let plans = plans(&world).await;
    world.card(&plans.customer, "pm_card_chargeCustomerFail").await;
    let before = world.get(&plans.path()).await;
    let now = [
        ("billing_cycle_anchor[type]", "now"),
        ("proration_behavior", "none"),
        ("payment_behavior", "error_if_incomplete"),
    ];
    let (status, error) = world.expect_refusal(&plans.path(), &plans.upgrade(&now)).await;
    assert_eq!((status, &error["code"]), (402, &json!("card_declined")));
    assert_eq!(world.get(&plans.path()).await, before);
}

#[tokio::test]
async fn the_difference_can_be_settled_by_parts_of_the_period() {
    let world = World::new().await;
    let plans = plans(&world).await;
    let form = plans.upgrade(&[("proration_behavior", "always_invoice"), ("expand[]", "latest_invoice")]);
    let seen = world.post(&plans.path(), &form).await;
    // 21 of the 31 days of January are left: 2/3 of a period, less a little.
    let lines = seen["latest_invoice"]["lines"]["data"].as_array().unwrap();
    let amounts: Vec<i64> = lines.iter().map(|line| line["amount"].as_i64().unwrap()).collect();
    assert_eq!(amounts, [-677, 2032]);
    assert_eq!(
        (&seen["latest_invoice"]["total"], &seen["latest_invoice"]["amount_paid"]),
        (&json!(1355), &json!(1355))
    );
    assert!(lines.iter().all(|line| line["parent"]["subscription_item_details"]["proration"] == true));
    assert_eq!(seen["items"]["data"][0]["current_period_end"], instant("2026-02-01T00:00:00Z"), "the period is kept");

    let back = [
        ("items[0][id]", plans.item.as_str()),
        ("items[0][price]", plans.small.as_str()),
        ("proration_behavior", "create_prorations"),
    ];
    let seen = world.post(&plans.path(), &back).await;
    assert_eq!(
        world.get(&format!("/v1/invoices?subscription={}", id(&seen))).await["data"].as_array().unwrap().len(),
        2
    );
    world.advance(&plans.clock, "2026-02-01T01:00:00Z").await;
    let renewed = world.get(&format!("{}?expand[]=latest_invoice", plans.path())).await;
    assert_eq!(
        renewed["latest_invoice"]["amount_paid"],
        1000 - 2032 + 677 + 355,
        "the credit comes with the next invoice"
    );
}

pub async fn portal(world: &World, plans: &Plans, rest: &[(&str, &str)]) -> String {
    let products: Vec<String> = {
        let mut products = Vec::new();
        for price in [&plans.small, &plans.large] {
            products.push(text(&world.get(&format!("/v1/prices/{price}")).await, "product"));
        }
        products
    };
    let mut form = vec![
        ("features[payment_method_update][enabled]", "true"),
        ("features[subscription_cancel][enabled]", "true"),
        ("features[subscription_update][enabled]", "true"),
        ("features[subscription_update][default_allowed_updates][]", "price"),
        ("features[subscription_update][products][0][product]", products[0].as_str()),
        ("features[subscription_update][products][0][prices][]", plans.small.as_str()),
        ("features[subscription_update][products][1][product]", products[1].as_str()),
        ("features[subscription_update][products][1][prices][]", plans.large.as_str()),
        ("features[subscription_update][schedule_at_period_end][conditions][0][type]", "decreasing_item_amount"),
        ("features[subscription_update][billing_cycle_anchor]", "now"),
    ];
    form.extend(rest);
    let configuration = id(&world.post("/v1/billing_portal/configurations", &form).await);
    let form = [
        ("customer", plans.customer.as_str()),
        ("configuration", &configuration),
        ("return_url", "https://example.com/"),
    ];
    let session = world.post("/v1/billing_portal/sessions", &form).await;
    assert_eq!(text(&session, "url"), format!("{}/p/session/{}", world.stripe.base_url(), id(&session)));
    id(&session)
}

#[tokio::test]
async fn in_the_portal_more_begins_now_and_less_begins_with_the_next_period() {
    let world = World::new().await;
    let plans = plans(&world).await;
    let session = portal(&world, &plans, &[]).await;
    let switch = format!("/portal/{session}/switch");
    let to = |price: &str| json!({"subscription": plans.subscription, "price": price});
    assert_eq!(world.control(&switch, to(&plans.large)).await.0, 200);
    let seen = world.get(&format!("{}?expand[]=latest_invoice", plans.path())).await;
    assert_eq!(seen["latest_invoice"]["amount_paid"], 3000);

    assert_eq!(world.control(&switch, to(&plans.small)).await.0, 200);
    let seen = world.get(&format!("{}?expand[]=schedule", plans.path())).await;
    assert_eq!(seen["items"]["data"][0]["price"]["id"], json!(plans.large), "it is kept until the period ends");
    assert_eq!(seen["schedule"]["phases"][1]["items"][0]["price"], json!(plans.small));
    assert_eq!(seen["schedule"]["phases"][1]["start_date"], instant("2026-02-11T00:00:00Z"));
    world.advance(&plans.clock, "2026-02-11T01:00:00Z").await;
    let seen = world.get(&format!("{}?expand[]=latest_invoice", plans.path())).await;
    assert_eq!(seen["items"]["data"][0]["price"]["id"], json!(plans.small));
    assert_eq!(
        (&seen["latest_invoice"]["amount_paid"], &seen["items"]["data"][0]["id"]),
        (&json!(1000), &json!(plans.item))
    );
    world.advance(&plans.clock, "2026-03-11T01:00:00Z").await;
    let seen = world.get(&plans.path()).await;
    assert_eq!((&seen["schedule"], &seen["status"]), (&Value::Null, &json!("active")), "the schedule lets go of it");

    let other = world.price("Hidden", "1", "month").await;
    assert_eq!(world.control(&switch, to(&other)).await.0, 400, "what is not offered cannot be chosen");
}

#[tokio::test]
async fn in_the_portal_an_end_is_announced_by_its_instant_and_taken_back() {
    let world = World::new().await;
    let plans = plans(&world).await;
    let session = portal(&world, &plans, &[]).await;
    let said = json!({"subscription": plans.subscription, "reason": "too_expensive"});
    world.control(&format!("/portal/{session}/cancel"), said.clone()).await;
    let seen = world.get(&plans.path()).await;
    assert_eq!(
        (&seen["cancel_at"], &seen["cancel_at_period_end"]),
        (&json!(instant("2026-02-01T00:00:00Z")), &json!(false))
    );
    assert_eq!(seen["cancellation_details"]["feedback"], "too_expensive");
    world.control(&format!("/portal/{session}/keep"), json!({"subscription": plans.subscription})).await;
    assert_eq!(world.get(&plans.path()).await["cancel_at"], Value::Null);
    world.control(&format!("/portal/{session}/cancel"), said).await;
    world.advance(&plans.clock, "2026-02-01T00:00:00Z").await;
    assert_eq!(world.get(&plans.path()).await["status"], "canceled");
}

#[tokio::test]
async fn a_card_from_the_portal_pays_from_then_on() {
    let world = World::new().await;
    let plans = plans(&world).await;
    let session = portal(&world, &plans, &[]).await;
    let path = format!("/portal/{session}/card");
    assert_eq!(world.control(&path, json!({"card": "4000000000000002"})).await.0, 402, "a bank may refuse at once");
    assert_eq!(world.control(&path, json!({"card": "4000000000000341"})).await.0, 200);
    world.advance(&plans.clock, "2026-02-01T01:00:00Z").await;
    assert_eq!(world.get(&plans.path()).await["status"], "past_due");
}

#[tokio::test]
async fn a_link_into_the_portal_leads_only_where_it_may() {
    let world = World::new().await;
    let plans = plans(&world).await;
    let form = [("features[invoice_history][enabled]", "true")];
    let configuration = id(&world.post("/v1/billing_portal/configurations", &form).await);
    let base = [("customer", plans.customer.as_str()), ("configuration", configuration.as_str())];
    let flow = [
        ("flow_data[type]", "subscription_cancel"),
        ("flow_data[subscription_cancel][subscription]", &plans.subscription),
    ];
    let refused = world.expect_refusal("/v1/billing_portal/sessions", &[base, flow].concat()).await;
    assert_eq!(refused.1["param"], "flow_data[type]");
    let path = format!("/v1/billing_portal/configurations/{configuration}");
    world.post(&path, &[("features[subscription_cancel][enabled]", "true")]).await;
    let session = world.post("/v1/billing_portal/sessions", &[base, flow].concat()).await;
    assert_eq!(session["flow"]["subscription_cancel"]["subscription"], json!(plans.subscription));
    let (status, _) = world.expect_refusal("/v1/billing_portal/sessions", &[("customer", &plans.customer)]).await;
    assert_eq!(status, 400, "there is no configuration by default");
}
