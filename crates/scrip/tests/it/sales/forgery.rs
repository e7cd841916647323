//! Forged deliveries: events that are not the account's, and events of the account that are wrong.

use reqwest::Method;
use scrip_testing::app::{Answer, App, Desk, root, temporary, text};
use scrip_testing::shop::{Buyer, Shop, id_in};
use scrip_testing::stripe::{SECRET, Stripe, event, sign, sign_aged};
use serde_json::{Value, json};

/// Sends a body with exactly these headers.
async fn send(app: &App, signatures: &[&str], body: &str) -> Answer {
    let mut call = app.bare(Method::POST, "/hooks/stripe");
    for signature in signatures {
        call = call.header("Stripe-Signature", signature);
    }
    call.bytes("application/json", body.as_bytes().to_vec()).send().await
}

/// Sends an event as the account would.
async fn tell(app: &App, event: &Value) -> Answer {
    let body = event.to_string();
    send(app, &[&sign(SECRET, &body)], &body).await
}

/// Returns a workspace that has paid for a pack, without a webhook; and the event of the payment.
async fn paid_pack<'a>(shop: &'a Shop) -> (Desk<'a>, Value) {
    let desk = shop.app.free().await;
    let page = desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
    // A customer is reconciled once after its creation.
    shop.settle(&desk).await;
    shop.pay(&page).await;
    let session = shop.stripe.get(&format!("/v1/checkout/sessions/{}", id_in(&page))).await;
    let id = format!("evt_of_{}", desk.id);
    (desk, event(&id, "checkout.session.completed", session))
}

/// R7: each event would have granted its payment's credits, if its signature had been believed; none is kept.
#[tokio::test]
async fn what_is_not_signed_as_it_must_be_is_refused_and_nothing_is_kept() {
    let mut shop = Shop::silent("canvas-tiers");
    {
        let (desk, event) = paid_pack(&shop).await;
        let body = event.to_string();
        let good = sign(SECRET, &body);
        let altered = body.replace("1200", "1201");
        assert_ne!(altered, body);
        let (time, hex) = good.split_once(",v1=").expect("a signature");
        let other = sign("whsec_of_somebody_else_0123456789ab", &body);
        // A minute more than is borne: while the others are tried, time goes on towards this one.
        let (early, late) = (sign_aged(SECRET, &body, -360), sign_aged(SECRET, &body, 301));
        let long_ago = sign_aged(SECRET, &body, 86_400 * 30);
        let only_v0 = format!("{time},v0={hex}");
        let no_time = format!("v1={hex}");
        let other_time = format!("t=1,v1={hex}");
        let short = format!("{time},v1={}", &hex[..62]);
        let long = format!("{time},v1={hex}00");
        let of_nothing = sign("", &body);
        let empty = sign(SECRET, "");
        // A body that is too long is not read, with any signature.
        let endless = " ".repeat((2 << 20) + 1);
        send(&shop.app, &[&sign(SECRET, &endless)], &endless).await.problem(413, "REQUEST_TOO_LARGE");
        let cases: [(&str, Vec<&str>, &str); 18] = [
            ("no header", vec![], &body),
            ("an empty header", vec![""], &body),
            ("an altered body", vec![&good], &altered),
            ("another secret", vec![&other], &body),
            ("301 seconds old", vec![&late], &body),
            ("a month old", vec![&long_ago], &body),
            ("six minutes early", vec![&early], &body),
            ("the old scheme alone", vec![&only_v0], &body),
            ("two headers", vec![&good, &good], &body),
            ("two headers, one of another secret", vec![&other, &good], &body),
            ("an empty body with the header of another", vec![&good], ""),
            ("an empty body that is signed", vec![&empty], ""),
            ("no time", vec![&no_time], &body),
            ("another time", vec![&other_time], &body),
            ("a signature cut short", vec![&short], &body),
            ("a signature with more behind it", vec![&long], &body),
            ("signed with an empty secret", vec![&of_nothing], &body),
            ("words", vec!["t=now,v1=yes"], &body),
        ];
        for (what, signatures, body) in cases {
            let answer = send(&shop.app, &signatures, body).await;
            assert_eq!(answer.status, 400, "{what}: {}", answer.json());
        }
        let signed_nonsense = "{\"id\": 7}";
        let answer = send(&shop.app, &[&sign(SECRET, signed_nonsense)], signed_nonsense).await;
        assert_eq!(answer.status, 400, "what is signed and no event");
        shop.settle(&desk).await;
        assert_eq!(desk.credits().await.0, 250);
        assert_eq!(shop.app.query("SELECT count(*) FROM stripe_events"), "0");
        assert_eq!(shop.alerts().await, Vec::<String>::new());
        assert_eq!(tell(&shop.app, &event).await.status, 200);
        shop.settle(&desk).await;
        assert_eq!(desk.credits().await.0, 1250, "the one that is good");
    }
    shop.app.verify();
}

/// A genuine signature of another mode or account. The answer is 200, since sending it again would change nothing.
#[tokio::test]
async fn what_is_of_another_mode_or_account_grants_nothing_and_is_told_of() {
    for (change, kind) in
        [(json!({ "livemode": true }), "wrong_mode"), (json!({ "account": "acct_2" }), "wrong_account")]
    {
        let mut shop = Shop::silent("canvas-tiers");
        {
            let (desk, mut event) = paid_pack(&shop).await;
            for (name, value) in change.as_object().expect("an object") {
                event[name] = value.clone();
            }
            assert_eq!(tell(&shop.app, &event).await.status, 200);
            assert_eq!(tell(&shop.app, &event).await.status, 200);
            shop.settle(&desk).await;
            assert_eq!(desk.credits().await.0, 250);
            assert_eq!(shop.alerts().await, [kind]);
        }
        shop.app.verify();
    }
}

/// An event is a hint, so its form does not matter; an endpoint of another version does, and raises an alert.
#[tokio::test]
async fn another_version_of_the_api_is_told_of_and_the_hint_is_taken() {
    let mut shop = Shop::silent("canvas-tiers");
    {
        let (desk, mut event) = paid_pack(&shop).await;
        event["api_version"] = json!("2020-08-27");
        assert_eq!(tell(&shop.app, &event).await.status, 200);
        shop.settle(&desk).await;
        assert_eq!(desk.credits().await.0, 1250);
        assert_eq!(shop.alerts().await, ["wrong_version"]);
    }
    shop.app.verify();
}

/// The content of an event is never believed: a copy that claims more, or claims something false, gives what Stripe
/// has.
#[tokio::test]
async fn what_a_genuine_event_claims_is_asked_for_again() {
    let mut shop = Shop::silent("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let page = desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
        shop.settle(&desk).await;
        let path = format!("/v1/checkout/sessions/{}", id_in(&page));
        let mut session = shop.stripe.get(&path).await;
        session["status"] = json!("complete");
        session["payment_status"] = json!("paid");
        assert_eq!(tell(&shop.app, &event("evt_1", "checkout.session.completed", session)).await.status, 200);
        shop.settle(&desk).await;
        assert_eq!(desk.credits().await.0, 250, "it is not paid");
    }
    shop.app.verify();
}

/// Money of a customer that belongs to no workspace raises an alert.
#[tokio::test]
async fn a_customer_with_our_mark_whom_nobody_knows_is_told_of() {
    let mut shop = Shop::silent("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let marked = shop.stripe.post("/v1/customers", &[("metadata[scrip_workspace]", &desk.id)]).await;
        let plain = shop.stripe.customer().await;
        let told = |n: u32, customer: &Value| {
            event(
                &format!("evt_{n}"),
                "customer.subscription.created",
                json!({ "object": "subscription", "id": "sub_1", "customer": customer }),
            )
        };
        for (n, customer) in [&marked["id"], &json!(plain), &json!("cus_nobody"), &marked["id"]].into_iter().enumerate()
        {
            assert_eq!(tell(&shop.app, &told(n as u32, customer)).await.status, 200);
        }
        let path = format!("/v1/workspaces/{}/customer", desk.id);
        shop.app.get(&path).await.problem(404, "NOT_FOUND");
        let told = async {
            while shop.app.query("SELECT count(*) FROM stripe_events WHERE handled_at IS NULL") != "0" {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(scrip_testing::app::PATIENCE, told).await.expect("they are passed on");
        assert_eq!(shop.alerts().await, ["unknown_customer"]);
        assert_eq!(desk.credits().await.0, 250);
    }
    shop.app.verify();
}

/// Creates a price by hand, which says that it sells something of the catalog's.
async fn price(stripe: &Stripe, mark: (&str, &str), amount: &str, currency: &str, interval: &str) -> String {
    let product = text(
        &stripe.post("/v1/products", &[("name", "By hand"), (&format!("metadata[{}]", mark.0), mark.1)]).await["id"],
    );
    let metadata = format!("metadata[{}]", mark.0);
    let mut form =
        vec![("product", product.as_str()), ("currency", currency), ("unit_amount", amount), (&metadata, mark.1)];
    if !interval.is_empty() {
        form.extend([("recurring[interval]", interval), ("metadata[scrip_interval]", interval)]);
    }
    text(&stripe.post("/v1/prices", &form).await["id"])
}

/// A paid period or pack at another price than the catalog's gives nothing, without a guess, and raises an alert.
#[tokio::test]
async fn another_amount_and_another_currency_give_nothing_and_are_told_of() {
    for (amount, currency) in [("100", "usd"), ("3900", "eur"), ("390000", "usd")] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            let price = price(&shop.stripe, ("scrip_plan", "pro"), amount, currency, "month").await;
            let form = [("customer", buyer.customer.as_str()), ("items[0][price]", &price)];
            shop.stripe.post("/v1/subscriptions", &form).await;
            buyer.settle().await;
            assert_eq!((&buyer.desk.show().await["plan"], buyer.desk.credits().await.0), (&json!("free"), 250));
            assert_eq!(shop.alerts().await, ["wrong_price"], "{amount} {currency}");
        }
        shop.app.verify();
    }
}

/// A checkout session made by hand for a pack, of another price or for another workspace, gives nothing.
#[tokio::test]
async fn a_page_of_another_price_or_for_another_workspace_gives_nothing_and_is_told_of() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let other = shop.app.free().await;
        for (amount, mine, kind) in [("100", true, "wrong_price"), ("1200", false, "wrong_workspace")] {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            let price = price(&shop.stripe, ("scrip_pack", "credits-1000"), amount, "usd", "").await;
            let workspace = if mine { &buyer.desk.id } else { &other.id };
            let form = [
                ("mode", "payment"),
                ("customer", buyer.customer.as_str()),
                ("line_items[0][price]", &price),
                ("line_items[0][quantity]", "1"),
                ("success_url", "https://shop.example/"),
                ("client_reference_id", workspace),
                ("metadata[scrip_workspace]", workspace),
                ("metadata[scrip_pack]", "credits-1000"),
            ];
            let page = shop.stripe.post("/v1/checkout/sessions", &form).await;
            shop.pay(&page).await;
            buyer.settle().await;
            assert_eq!((buyer.desk.credits().await.0, other.credits().await.0), (250, 250));
            assert_eq!(shop.alerts().await.last().map(String::as_str), Some(kind));
        }
        assert_eq!(shop.alerts().await.len(), 2);
    }
    shop.app.verify();
}

/// R7: a checkout session that is complete and not paid, as with debits that take days; the money comes later.
#[tokio::test]
async fn a_page_that_is_complete_and_not_paid_gives_nothing_until_it_is() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        let page = desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
        let session = id_in(&page);
        shop.stripe.control("/deliveries/hold", json!({ "hold": true })).await;
        shop.pay(&page).await;
        shop.account(|state| state.edit(&session, |session| session.set("payment_status", "unpaid")));
        shop.stripe.control("/deliveries/release", json!({})).await;
        shop.settle(&desk).await;
        assert_eq!(desk.credits().await.0, 250);
        shop.account(|state| state.edit(&session, |session| session.set("payment_status", "paid")));
        let shown = shop.stripe.get(&format!("/v1/checkout/sessions/{session}")).await;
        assert_eq!(
            tell(&shop.app, &event("evt_later", "checkout.session.async_payment_succeeded", shown)).await.status,
            200
        );
        shop.settle(&desk).await;
        assert_eq!(desk.credits().await.0, 1250);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// R7: an invoice of zero is settled without money.
#[tokio::test]
async fn a_bill_of_nothing_gives_nothing() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let price = buyer.price("scrip:plan:pro:month").await;
        let form = [("customer", buyer.customer.as_str()), ("items[0][price]", &price), ("trial_period_days", "7")];
        shop.stripe.post("/v1/subscriptions", &form).await;
        buyer.settle().await;
        assert_eq!((&buyer.desk.show().await["plan"], buyer.desk.credits().await.0), (&json!("free"), 250));
        assert_eq!(shop.alerts().await, ["nothing_paid"]);
        buyer.pass("2026-01-17T02:00:00Z").await;
        assert_eq!((&buyer.desk.show().await["plan"], buyer.desk.credits().await.0), (&json!("pro"), 5250));
    }
    shop.app.verify();
}

/// Without a webhook secret there is no address for events; an empty secret counts as none; while one secret replaces
/// another, both are good.
#[tokio::test]
async fn secrets_are_there_or_nothing_is_believed() {
    let catalog = root().join("catalogs/canvas-tiers.toml");
    let stripe = Stripe::selling(&catalog);
    let told = |secrets: Option<&str>| {
        let mut told = stripe.environment();
        told.retain(|(name, _)| name != "SCRIP_STRIPE_WEBHOOK_SECRETS");
        told.extend(secrets.map(|secrets| ("SCRIP_STRIPE_WEBHOOK_SECRETS".to_owned(), secrets.to_owned())));
        told
    };
    let mut app = App::with(&catalog, temporary(), told(None));
    let body = event("evt_1", "customer.created", json!({ "object": "customer", "id": "cus_1" })).to_string();
    send(&app, &[&sign("", &body)], &body).await.problem(404, "NOT_FOUND");
    app.kill();
    for wrong in ["", " ", "whsec_", &format!("{SECRET},"), &format!("{SECRET}, ")] {
        app.set_environment(told(Some(wrong)));
        let output = app.second();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("stripe_webhook_secrets"), "`{wrong}`: {said}");
    }
    let new = "whsec_the_new_one_0123456789abcdef";
    app.set_environment(told(Some(&format!("{SECRET},{new}"))));
    app.restart();
    for secret in [SECRET, new] {
        assert_eq!(send(&app, &[&sign(secret, &body)], &body).await.status, 200);
    }
    let both = format!(
        "{},{}",
        sign("whsec_of_somebody_else_0123456789ab", &body),
        sign(SECRET, &body).split_once(',').expect("it").1
    );
    assert_eq!(send(&app, &[&both], &body).await.status, 200, "one signature for each secret there");
    assert_eq!(send(&app, &[&sign("whsec_of_somebody_else_0123456789ab", &body)], &body).await.status, 400);
}

/// A price that lacks its mark is marked later, and its payments then give their credits.
#[tokio::test]
async fn a_price_that_is_marked_later_gives_what_was_paid_for_it() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let price = buyer.price("scrip:plan:creator:month").await;
        let path = format!("/v1/prices/{price}");
        shop.stripe.post(&path, &[("metadata[scrip_plan]", "")]).await;
        let form = [("customer", buyer.customer.as_str()), ("items[0][price]", &price)];
        shop.stripe.post("/v1/subscriptions", &form).await;
        buyer.settle().await;
        assert_eq!((shop.alerts().await, buyer.desk.credits().await.0), (vec!["not_sold".to_owned()], 250));
        shop.stripe.post(&path, &[("metadata[scrip_plan]", "creator")]).await;
        let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
        shop.app.post(&path, Value::Null).await.expect(200);
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
    }
    shop.app.verify();
}

/// An invoice of long ago, at a price that cannot be read any more, holds up no other.
#[tokio::test]
async fn a_price_that_cannot_be_read_holds_up_nothing_else() {
    for id in ["gold.monthly", "price_gone"] {
        let mut shop = Shop::silent("canvas-tiers");
        {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            let price = buyer.price("scrip:plan:creator:month").await;
            let form = [("customer", buyer.customer.as_str()), ("items[0][price]", &price)];
            let old = shop.stripe.post("/v1/subscriptions", &form).await;
            let invoice = text(&old["latest_invoice"]);
            shop.stripe.delete(&format!("/v1/subscriptions/{}", text(&old["id"]))).await;
            shop.account(|state| {
                let mut lines = state.must(&invoice).at("lines").clone();
                lines["data"][0]["pricing"]["price_details"]["price"] = json!(id);
                state.edit(&invoice, |invoice| invoice.set("lines", lines));
            });
            let seen = shop.stripe.get(&format!("/v1/invoices/{invoice}")).await;
            assert_eq!(seen["lines"]["data"][0]["pricing"]["price_details"]["price"], id, "{seen}");
            let page = buyer.desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
            shop.pay(&page).await;
            let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
            shop.app.post(&path, Value::Null).await;
            assert_eq!((buyer.desk.credits().await.0, shop.alerts().await), (1250, vec!["not_sold".to_owned()]));
        }
        shop.app.verify();
    }
}

/// Another line on a subscriber's invoice, added by hand: the period is paid all the same.
#[tokio::test]
async fn a_bill_with_something_else_on_it_gives_its_period() {
    let mut shop = Shop::silent("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let price = buyer.price("scrip:plan:creator:month").await;
        let form = [("customer", buyer.customer.as_str()), ("items[0][price]", &price)];
        let made = shop.stripe.post("/v1/subscriptions", &form).await;
        shop.account(|state| {
            let invoice = text(&made["latest_invoice"]);
            let mut lines = state.must(&invoice).at("lines").clone();
            let mut item = lines["data"][0].clone();
            item["id"] = json!("il_by_hand");
            item["amount"] = json!(500);
            item["pricing"] = json!({ "type": "price_details", "unit_amount_decimal": "500",
                "price_details": { "price": "price_by_hand", "product": "prod_by_hand" } });
            item["parent"] = json!({ "type": "invoice_item_details", "subscription_item_details": null,
                "invoice_item_details": { "invoice_item": "ii_1", "proration": false, "subscription": made["id"],
                    "proration_details": { "credited_items": null } } });
            lines["data"].as_array_mut().expect("a list").push(item);
            state.edit(&invoice, |invoice| {
                invoice.set("lines", lines);
                invoice.set("amount_paid", 2000);
            });
        });
        let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
        shop.app.post(&path, Value::Null).await.expect(200);
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}
