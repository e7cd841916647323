//! Payments of customers on the pages of Checkout and of invoices.

use crate::browser::{card, open};
use crate::world::{World, id, text};
use serde_json::{Value, json};

/// Opens a session for one unit of a price.
async fn checkout(world: &World, price: &str, mode: &str, more: &[(&str, &str)]) -> Value {
    let mut form = vec![
        ("mode", mode),
        ("line_items[0][price]", price),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://shop.example/plans"),
    ];
    form.extend_from_slice(more);
    world.post("/v1/checkout/sessions", &form).await
}

#[tokio::test]
async fn a_page_says_what_is_bought_and_what_it_costs_now_and_later() {
    let world = World::new().await;
    let price = world.price("Creator", "1200", "month").await;
    let session = checkout(&world, &price, "subscription", &[]).await;
    let page = open(&text(&session, "url")).await;
    for words in ["Subscribe", "Creator", "Due today $12.00", "Then $12.00 every month, until you cancel."] {
        assert!(page.says(words), "{words}: {}", page.text());
    }
    assert!(page.html.contains("<a href=\"https://shop.example/plans\">"), "there is a way back");
    let trial = checkout(&world, &price, "subscription", &[("subscription_data[trial_period_days]", "7")]).await;
    let page = open(&text(&trial, "url")).await;
    assert!(page.says("Due today $0.00") && page.says("Then $12.00 every month"), "{}", page.text());
}

#[tokio::test]
async fn a_customer_who_pays_is_led_back_to_the_shop() {
    let world = World::new().await;
    let price = world.price("Creator", "1200", "month").await;
    let session = checkout(&world, &price, "subscription", &[]).await;
    let page = open(&text(&session, "url")).await;
    let mut form = card("4242 4242 4242 4242").to_vec();
    form.push(("email", "ada@example.com"));
    let address = page.press("Subscribe", &form).await.address();
    assert_eq!(address, format!("https://shop.example/thanks?session={}", id(&session)));
    let path = format!("/v1/checkout/sessions/{}?expand[]=subscription&expand[]=customer", id(&session));
    let session = world.get(&path).await;
    assert_eq!((&session["status"], &session["subscription"]["status"]), (&json!("complete"), &json!("active")));
    assert_eq!(session["customer"]["email"], "ada@example.com");
    let again = open(&page.url).await;
    assert!(again.says("This is paid") && !again.offers("Subscribe"), "{}", again.text());
    let twice = page.press("Subscribe", &form).await.page();
    assert!(twice.says("This is paid"), "an old page pays nothing: {}", twice.text());
    assert_eq!(world.get("/v1/subscriptions").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_declined_card_is_told_and_another_one_pays() {
    let world = World::new().await;
    let price = world.price("1,000 credits", "1500", "").await;
    let session = checkout(&world, &price, "payment", &[("customer_email", "ada@example.com")]).await;
    let page = open(&text(&session, "url")).await;
    assert!(page.says("For ada@example.com"), "{}", page.text());
    let declined = page.press("Pay $15.00", &card("4000000000000002")).await.page();
    assert_eq!(declined.status, 402);
    assert!(declined.says("Your card was declined.") && declined.html.contains("role=\"alert\""));
    assert!(!declined.html.contains("4000000000000002"), "a card's number is not shown again");
    let unfunded = declined.press("Pay", &card("4000000000009995")).await.page();
    assert!(unfunded.says("insufficient funds"), "{}", unfunded.text());
    let old =
        unfunded.press("Pay", &[("card_number", "4242424242424242"), ("card_expiry", "1/20"), ("card_cvc", "123")]);
    let old = old.await.page();
    assert!(old.says("in the past"), "{}", old.text());
    let address = old.press("Pay", &card("4242424242424242")).await.address();
    assert!(address.ends_with(&id(&session)), "{address}");
}

#[tokio::test]
async fn a_bank_asks_and_is_answered() {
    let world = World::new().await;
    let price = world.price("Creator", "1200", "month").await;
    let session = checkout(&world, &price, "subscription", &[("customer_email", "ada@example.com")]).await;
    let page = open(&text(&session, "url")).await;
    let question = page.press("Subscribe", &card("4000002500003155")).await.page();
    assert!(question.says("whether you mean to pay $12.00"), "{}", question.text());
    assert!(open(&page.url).await.offers("Complete"), "the question waits");
    let failed = question.press("Fail", &[]).await.page();
    assert!(failed.status == 402 && failed.offers("Subscribe"), "{}", failed.text());
    let question = failed.press("Subscribe", &card("4000002500003155")).await.page();
    question.press("Complete", &[]).await.address();
    assert_eq!(world.get(&format!("/v1/checkout/sessions/{}", id(&session))).await["payment_status"], "paid");
}

#[tokio::test]
async fn what_a_shop_or_a_customer_writes_is_text_and_never_markup() {
    let world = World::new().await;
    let price = world.price("<b>Pro</b> & \"more\"", "1200", "month").await;
    let session = checkout(&world, &price, "subscription", &[("cancel_url", "https://shop.example/\"><script>")]).await;
    let page = open(&text(&session, "url")).await;
    assert!(page.says("<b>Pro</b> & \"more\""), "{}", page.text());
    let form = [("email", "\"><script>alert(1)</script>"), ("card_number", "1"), ("card_expiry", ""), ("card_cvc", "")];
    let again = page.press("Subscribe", &form).await.page();
    for page in [page, again] {
        assert!(!page.html.contains("<script") && !page.html.contains("<b>"), "{}", page.html);
    }
}

#[tokio::test]
async fn an_invoice_is_paid_on_its_page() {
    let world = World::new().await;
    let clock = world.clock("2026-03-01T00:00:00Z").await;
    let customer = world.customer("pm_card_visa", Some(&clock)).await;
    let price = world.price("Creator", "1200", "month").await;
    let subscription = id(&world.subscribe(&customer, &price).await);
    world.card(&customer, "pm_card_chargeCustomerFail").await;
    world.advance(&clock, "2026-04-01T02:00:00Z").await;
    let late = world.get(&format!("/v1/subscriptions/{subscription}?expand[]=latest_invoice")).await;
    assert_eq!(late["status"], "past_due");
    let invoice = &late["latest_invoice"];
    let page = open(&text(invoice, "hosted_invoice_url")).await;
    for words in [&text(invoice, "number"), "1 April 2026 to 1 May 2026", "Total $12.00", "Pay $12.00"] {
        assert!(page.says(words), "{words}: {}", page.text());
    }
    let question = page.press("Pay", &card("4000002760003184")).await.page();
    assert!(question.says("Your bank asks"), "{}", question.text());
    let failed = question.press("Fail", &[]).await.page();
    let paid = failed.press("Pay", &card("4242424242424242")).await.page();
    assert!(paid.says("Paid on 1 April 2026.") && !paid.offers("Pay"), "{}", paid.text());
    assert_eq!(world.get(&format!("/v1/subscriptions/{subscription}")).await["status"], "active");
    let after = world.get(&format!("/v1/invoices/{}", id(invoice))).await;
    assert_eq!(after["attempt_count"], 1, "what is tried by hand does not use up the schedule's attempts");
    let printed = world.http.get(text(invoice, "invoice_pdf")).send().await.unwrap();
    assert_eq!(printed.headers()["content-type"], "application/pdf");
    assert!(printed.bytes().await.unwrap().starts_with(b"%PDF-1.4"));
    let charges = world.get(&format!("/v1/charges?customer={customer}")).await;
    let receipt = open(&text(&charges["data"][0], "receipt_url")).await;
    assert!(receipt.says("$12.00 paid on 1 April 2026."), "{}", receipt.text());
}

#[tokio::test]
async fn an_address_that_leads_nowhere_says_so() {
    let world = World::new().await;
    for path in
        ["/c/pay/cs_test_none", "/i/in_none", "/p/session/bps_none", "/c/authenticate/pi_none", "/", "/receipts/x"]
    {
        let page = open(&format!("{}{path}", world.stripe.base_url())).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.says("There is nothing here"), "{path}");
    }
}
