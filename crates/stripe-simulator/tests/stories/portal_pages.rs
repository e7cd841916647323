//! Actions of customers in the portal, and the pages that they see there.

use crate::browser::{Page, card, open};
use crate::changes::{Plans, plans, portal};
use crate::world::{World, id, instant, text};
use serde_json::{Value, json};

const HISTORY: (&str, &str) = ("features[invoice_history][enabled]", "true");

/// Opens the portal for a customer who has the smaller of two plans.
async fn enter_portal(world: &World, rest: &[(&str, &str)]) -> (Plans, Page) {
    let plans = plans(world).await;
    let session = portal(world, &plans, rest).await;
    let page = open(&format!("{}/p/session/{session}", world.stripe.base_url())).await;
    (plans, page)
}

async fn price(world: &World, plans: &Plans) -> Value {
    world.get(&plans.path()).await["items"]["data"][0]["price"]["id"].clone()
}

#[tokio::test]
async fn the_portal_shows_the_plan_the_card_and_the_invoices() {
    let world = World::new().await;
    let (plans, page) = enter_portal(&world, &[HISTORY, ("business_profile[headline]", "Canvas & Co")]).await;
    for words in ["Canvas & Co", "$10.00 every month", "Renews on 1 February 2026.", "ending in 4242", "Paid $10.00"] {
        assert!(page.says(words), "{words}: {}", page.text());
    }
    assert!(page.html.contains("<a href=\"https://example.com/\">Back to the shop</a>"));
    assert!(!page.says("Plan and payments"), "that is where one is");
    assert!(page.click("Change plan").await.says("Plan and payments"));
    // A plan that was bought in a checkout session is paid by a card of its own.
    let method = world.card(&plans.customer, "pm_card_mastercard").await;
    world.post(&plans.path(), &[("default_payment_method", &method)]).await;
    world.post(&format!("/v1/customers/{}", plans.customer), &[("invoice_settings[default_payment_method]", "")]).await;
    let page = open(&page.url).await;
    assert!(page.says("ending in 4444"), "{}", page.text());
}

#[tokio::test]
async fn what_is_switched_off_is_neither_shown_nor_done() {
    let world = World::new().await;
    let off = [
        ("features[subscription_cancel][enabled]", "false"),
        ("features[subscription_update][enabled]", "false"),
        ("features[payment_method_update][enabled]", "false"),
    ];
    let (plans, page) = enter_portal(&world, &off).await;
    for words in ["Cancel plan", "Change plan", "Change card", "Invoices", "Your details"] {
        assert!(!page.says(words), "{words}: {}", page.text());
    }
    let steps = ["cancel", "change", "confirm"].map(|step| format!("{step}/{}", plans.subscription));
    for step in steps.iter().map(String::as_str).chain(["card"]) {
        let guessed = open(&format!("{}/{step}", page.url)).await;
        assert_eq!(guessed.status, 403, "{step}: {}", guessed.text());
    }
    let sent = world.http.post(format!("{}/cancel/{}", page.url, plans.subscription)).send().await.unwrap();
    assert_eq!(sent.status(), 403);
    assert_eq!(world.get(&plans.path()).await["cancel_at"], Value::Null);
}

#[tokio::test]
async fn another_customers_plan_is_out_of_reach() {
    let world = World::new().await;
    let (_, page) = enter_portal(&world, &[]).await;
    let price = world.price("Other", "500", "month").await;
    let stranger = world.customer("pm_card_visa", None).await;
    let other = id(&world.subscribe(&stranger, &price).await);
    assert_eq!(open(&format!("{}/cancel/{other}", page.url)).await.status, 403);
    let sent = world.http.post(format!("{}/cancel/{other}", page.url)).send().await.unwrap();
    assert_eq!(sent.status(), 403);
    assert_eq!(world.get(&format!("/v1/subscriptions/{other}")).await["cancel_at"], Value::Null);
}

#[tokio::test]
async fn more_is_paid_and_begins_at_once() {
    let world = World::new().await;
    let (plans, page) = enter_portal(&world, &[]).await;
    let choice = page.click("Change plan").await;
    assert!(!choice.html.contains(&plans.small), "the current price is no choice");
    let confirm = choice.press("Continue", &[("price", &plans.large)]).await.page();
    assert!(confirm.says("It begins at once. You pay $30.00 now."), "{}", confirm.text());
    assert_eq!(price(&world, &plans).await, json!(plans.small), "nothing happens before it is confirmed");
    let home = confirm.press("Confirm", &[]).await.page();
    assert!(home.says("$30.00 every month"), "{}", home.text());
    assert_eq!(price(&world, &plans).await, json!(plans.large));
}

#[tokio::test]
async fn less_begins_when_the_period_ends_and_can_be_taken_back() {
    let world = World::new().await;
    let (plans, page) = enter_portal(&world, &[]).await;
    let larger = page.click("Change plan").await.press("Continue", &[("price", &plans.large)]).await.page();
    let home = larger.press("Confirm", &[]).await.page();
    let confirm = home.click("Change plan").await.press("Continue", &[("price", &plans.small)]).await.page();
    assert!(confirm.says("It begins on 11 February 2026. Until then nothing changes."), "{}", confirm.text());
    let home = confirm.press("Confirm", &[]).await.page();
    assert!(home.says("on 11 February 2026.") && !home.says("Change plan"), "{}", home.text());
    assert_eq!(price(&world, &plans).await, json!(plans.large));
    let kept = home.press("Keep plan", &[]).await.page();
    assert!(kept.says("Renews on 11 February 2026."), "{}", kept.text());
    world.advance(&plans.clock, "2026-02-11T02:00:00Z").await;
    assert_eq!(price(&world, &plans).await, json!(plans.large));
}

#[tokio::test]
async fn a_price_that_is_not_offered_cannot_be_chosen_by_hand() {
    let world = World::new().await;
    let (plans, page) = enter_portal(&world, &[]).await;
    let hidden = world.price("Business", "9900", "month").await;
    let choice = page.click("Change plan").await;
    let forged = choice.press("Continue", &[("price", &hidden)]).await.page();
    assert_eq!((forged.status, forged.offers("Confirm")), (403, false));
    let confirm = choice.press("Continue", &[("price", &plans.large)]).await.page();
    assert_eq!(confirm.press("Confirm", &[("price", &hidden)]).await.page().status, 403);
    assert_eq!(price(&world, &plans).await, json!(plans.small));
}

#[tokio::test]
async fn a_change_that_the_card_does_not_pay_does_not_happen() {
    let world = World::new().await;
    let (plans, page) = enter_portal(&world, &[]).await;
    world.card(&plans.customer, "pm_card_chargeCustomerFail").await;
    let confirm = page.click("Change plan").await.press("Continue", &[("price", &plans.large)]).await.page();
    let declined = confirm.press("Confirm", &[]).await.page();
    assert!(declined.status == 402 && declined.says("Your card was declined."), "{}", declined.text());
    assert_eq!(price(&world, &plans).await, json!(plans.small));
    let saved = declined.click("Change card").await.press("Save card", &card("5555555555554444")).await.page();
    assert!(saved.says("mastercard ending in 4444, expires 12 / 2034"), "{}", saved.text());
    confirm.press("Confirm", &[]).await.page();
    assert_eq!(price(&world, &plans).await, json!(plans.large));
}

#[tokio::test]
async fn a_change_that_the_bank_asks_about_waits_for_the_answer() {
    let world = World::new().await;
    let (plans, page) = enter_portal(&world, &[]).await;
    page.click("Change card").await.press("Save card", &card("4000002760003184")).await.page();
    let confirm = page.click("Change plan").await.press("Continue", &[("price", &plans.large)]).await.page();
    let question = confirm.press("Confirm", &[]).await.page();
    assert!(question.says("whether you mean to pay $30.00"), "{}", question.text());
    assert_eq!(price(&world, &plans).await, json!(plans.small));
    let home = question.press("Complete", &[]).await.page();
    assert!(home.says("$30.00 every month"), "{}", home.text());
    assert_eq!(price(&world, &plans).await, json!(plans.large));
}

#[tokio::test]
async fn a_plan_is_canceled_with_a_reason_and_kept_after_all() {
    let world = World::new().await;
    let reasons = [
        ("features[subscription_cancel][cancellation_reason][enabled]", "true"),
        ("features[subscription_cancel][cancellation_reason][options][]", "unused"),
    ];
    let (plans, page) = enter_portal(&world, &reasons).await;
    let asked = page.click("Cancel plan").await;
    assert!(asked.says("It stays yours until 1 February 2026") && !asked.says("too expensive"), "{}", asked.text());
    let home = asked.press("Cancel plan", &[("feedback", "unused")]).await.page();
    assert!(home.says("Ends on 1 February 2026."), "{}", home.text());
    let seen = world.get(&plans.path()).await;
    assert_eq!(seen["cancel_at"], instant("2026-02-01T00:00:00Z"));
    assert_eq!(seen["cancellation_details"]["feedback"], "unused");
    let home = home.press("Keep plan", &[]).await.page();
    assert!(home.says("Renews on 1 February 2026."), "{}", home.text());
    assert_eq!(world.get(&plans.path()).await["cancel_at"], Value::Null);
}

#[tokio::test]
async fn a_plan_can_end_at_once_where_the_shop_says_so() {
    let world = World::new().await;
    let (plans, page) = enter_portal(&world, &[("features[subscription_cancel][mode]", "immediately")]).await;
    let asked = page.click("Cancel plan").await;
    assert!(asked.says("It ends at once."), "{}", asked.text());
    let home = asked.press("Cancel plan", &[]).await.page();
    assert!(home.says("You have no plan."), "{}", home.text());
    assert_eq!(world.get(&plans.path()).await["status"], "canceled");
}

#[tokio::test]
async fn a_customer_changes_the_details_that_they_may() {
    let world = World::new().await;
    let allowed =
        [("features[customer_update][enabled]", "true"), ("features[customer_update][allowed_updates][]", "email")];
    let (plans, page) = enter_portal(&world, &allowed).await;
    assert!(!page.html.contains("name=\"phone\""), "the telephone is not theirs to change");
    let home = page.press("Save details", &[("email", "grace@example.com")]).await.page();
    assert!(home.html.contains("grace@example.com"));
    assert_eq!(world.get(&format!("/v1/customers/{}", plans.customer)).await["email"], "grace@example.com");
}

#[tokio::test]
async fn a_link_to_one_step_shows_that_step_and_leads_back_to_the_shop() {
    let world = World::new().await;
    let plans = plans(&world).await;
    portal(&world, &plans, &[]).await;
    let configuration = text(&world.get("/v1/billing_portal/configurations").await["data"][0], "id");
    let mut form = vec![
        ("customer", plans.customer.as_str()),
        ("configuration", &configuration),
        ("flow_data[type]", "subscription_update_confirm"),
        ("flow_data[subscription_update_confirm][subscription]", &plans.subscription),
        ("flow_data[subscription_update_confirm][items][0][id]", &plans.item),
        ("flow_data[subscription_update_confirm][items][0][price]", &plans.large),
    ];
    form.extend([
        ("flow_data[after_completion][type]", "redirect"),
        ("flow_data[after_completion][redirect][return_url]", "https://shop.example/upgraded"),
    ]);
    let session = world.post("/v1/billing_portal/sessions", &form).await;
    let page = open(&text(&session, "url")).await;
    assert!(page.says("You pay $30.00 now.") && !page.says("Plan and payments"), "{}", page.text());
    assert_eq!(page.press("Confirm", &[]).await.address(), "https://shop.example/upgraded");
    assert_eq!(price(&world, &plans).await, json!(plans.large));

    let thanks = [
        ("customer", plans.customer.as_str()),
        ("configuration", &configuration),
        ("flow_data[type]", "subscription_cancel"),
        ("flow_data[subscription_cancel][subscription]", &plans.subscription),
        ("flow_data[after_completion][type]", "hosted_confirmation"),
        ("flow_data[after_completion][hosted_confirmation][custom_message]", "Come back soon"),
    ];
    let session = world.post("/v1/billing_portal/sessions", &thanks).await;
    let done = open(&text(&session, "url")).await.press("Cancel plan", &[]).await.page();
    assert!(done.says("Come back soon"), "{}", done.text());
}
