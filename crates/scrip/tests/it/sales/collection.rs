//! Collection: invoices that Stripe collects before, beside and after a plan are shown, not sold twice, cancelled,
//! voided (R38); and money from the customer's balance (R9).

use reqwest::Method;
use scrip_testing::app::text;
use scrip_testing::shop::{BAD, Buyer, GOOD, Shop};
use serde_json::{Value, json};

/// IBANs: debits of the first settle after five days, debits of the second are refused then.
const IBAN: &str = "DE89370400440532013000";
const REFUSED: &str = "DE62370400440532013001";

async fn invoices(buyer: &Buyer<'_>, status: &str) -> Vec<Value> {
    let path = format!("/v1/invoices?customer={}&status={status}", buyer.customer);
    buyer.shop.stripe.get(&path).await["data"].as_array().expect("a list").clone()
}

async fn cancel(buyer: &Buyer<'_>) -> (u16, Value) {
    let path = format!("/v1/workspaces/{}/subscription", buyer.desk.id);
    let answer = buyer.desk.app.call(Method::DELETE, &path).send().await;
    (answer.status, answer.json())
}

/// While the first debit is processing, a plan is not sold, packs are, and the status is shown; then the debit arrives
/// or fails.
#[tokio::test]
async fn a_first_debit_on_its_way_is_shown_and_nothing_is_sold_twice() {
    for (iban, plan) in [(IBAN, "creator"), (REFUSED, "free")] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            let page = buyer.desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
            let (status, answer) = shop.pay_with(&page, iban).await;
            assert_eq!((status, &answer["status"]), (200, &json!("complete")), "{answer}");
            buyer.settle().await;
            let billing = buyer.desk.get("/v1/billing").await.expect(200);
            assert_eq!(billing["collecting"]["status"], "on_its_way", "{billing}");
            assert_eq!((&billing["plan"], &billing["collecting"]["plan"]), (&json!("free"), &json!("creator")));
            for wish in [
                json!({ "plan": "creator" }),
                json!({ "plan": "pro", "interval": "month" }),
                json!({ "plan": "pro", "interval": "year" }),
            ] {
                let refused = buyer.desk.post("/v1/checkout", wish).await;
                assert_eq!(refused.status, 422, "{}", refused.json());
            }
            buyer.desk.post("/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
            buyer.pass("2026-01-16T00:00:00Z").await;
            assert_eq!(buyer.stands().await.0, plan);
            let billing = buyer.desk.get("/v1/billing").await.expect(200);
            let expected = if plan == "free" { json!("collecting") } else { Value::Null };
            assert_eq!(billing["collecting"]["status"], expected, "{billing}");
            assert_eq!(buyer.subscriptions().await.as_array().map(Vec::len), Some(1));
            let page = buyer.desk.post("/v1/checkout", json!({ "plan": "creator" })).await;
            assert!(page.json()["expires_at"].is_null(), "no second page: {}", page.json());
        }
        shop.app.verify();
    }
}

/// A renewal that the customer's balance pays, in whole or in part, is paid; credits cost no more than the money that
/// was paid in.
#[tokio::test]
async fn a_balance_pays_a_renewal_in_whole_or_in_part() {
    for (balance, card) in [("-1500", 0), ("-1499", 1), ("-4000", 0), ("-1", 1499)] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
            buyer.buy(json!({ "plan": "creator" })).await;
            let path = format!("/v1/customers/{}", buyer.customer);
            shop.stripe.post(&path, &[("balance", balance)]).await;
            buyer.pass("2026-02-10T02:00:00Z").await;
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
            let paid = invoices(&buyer, "paid").await;
            assert_eq!(paid[0]["amount_paid"], card, "{balance}");
            assert_eq!(shop.alerts().await, Vec::<String>::new(), "{balance}");
        }
        shop.app.verify();
    }
}

/// A credit note that goes into the balance is a refund of its invoice before it pays the next.
#[tokio::test]
async fn a_credit_note_takes_its_credits_before_its_money_buys_again() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        let invoice = text(&invoices(&buyer, "paid").await[0]["id"]);
        let form = [("invoice", invoice.as_str()), ("amount", "1500"), ("credit_amount", "1500")];
        shop.stripe.post("/v1/credit_notes", &form).await;
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 250);
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(invoices(&buyer, "paid").await[0]["amount_paid"], 0);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// The subscription ends unpaid: its invoice is voided. An invoice that is paid all the same gives a period from the
/// payment.
#[tokio::test]
async fn an_ended_subscription_leaves_no_open_invoice_and_late_money_buys_from_now() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        buyer.card(BAD).await;
        for day in ["2026-02-10T02:00:00Z", "2026-02-14T00:00:00Z", "2026-02-19T00:00:00Z", "2026-02-28T00:00:00Z"] {
            buyer.pass(day).await;
        }
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        let void = invoices(&buyer, "void").await;
        assert_eq!((void.len(), invoices(&buyer, "open").await.len()), (1, 0));
        // The invoice is paid outside Stripe: the account says that it was paid in April.
        buyer.pass("2026-04-20T00:00:00Z").await;
        let paid_at = scrip_testing::shop::instant("2026-04-20T00:00:00Z");
        let id = text(&void[0]["id"]);
        shop.account(|state| {
            let mut invoice = state.must(&id).value().clone();
            invoice["status"] = json!("paid");
            invoice["amount_paid"] = json!(1500);
            invoice["status_transitions"]["paid_at"] = json!(paid_at);
            state.put(invoice)
        });
        let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
        shop.app.post(&path, Value::Null).await.expect(200);
        Buyer::is(&buyer.stands().await, "creator", "month", "canceling", 1950);
        assert_eq!(buyer.desk.show().await["period"]["end"], "2026-05-20T00:00:00Z");
    }
    shop.app.verify();
}

/// After the grace the open invoice is shown and can be cancelled: no later charge follows.
#[tokio::test]
async fn what_is_collected_after_the_grace_is_shown_and_can_be_cancelled() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        buyer.card(BAD).await;
        buyer.pass("2026-02-10T02:00:00Z").await;
        buyer.pass("2026-02-12T00:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        let collecting = &billing["collecting"];
        assert_eq!((&collecting["status"], &collecting["amount"]), (&json!("collecting"), &json!(1500)), "{billing}");
        assert!(collecting["url"].is_string() && collecting["next_attempt"].is_string(), "{billing}");
        buyer.desk.post("/v1/billing_portal", json!({ "flow": "cancel" })).await.expect(201);
        let (status, answer) = cancel(&buyer).await;
        assert_eq!((status, &answer["plan"]), (200, &json!("free")), "{answer}");
        buyer.settle().await;
        assert_eq!(buyer.desk.get("/v1/billing").await.expect(200)["collecting"], Value::Null);
        assert_eq!((invoices(&buyer, "void").await.len(), invoices(&buyer, "open").await.len()), (1, 0));
        buyer.card(GOOD).await;
        buyer.pass("2026-03-15T00:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        assert_eq!(invoices(&buyer, "paid").await.len(), 1, "nothing was charged after the first month");
        assert_eq!(cancel(&buyer).await.0, 422, "there is nothing left to cancel");
    }
    shop.app.verify();
}

/// A cancellation while past due is shown as one and voids the invoice.
#[tokio::test]
async fn a_cancellation_while_past_due_shows_and_voids_the_invoice() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        buyer.card(BAD).await;
        buyer.pass("2026-02-10T03:00:00Z").await;
        Buyer::is(&buyer.stands().await, "creator", "month", "past_due", 250);
        let (status, answer) = cancel(&buyer).await;
        assert_eq!((status, &answer["status"]), (200, &json!("canceling")), "{answer}");
        buyer.settle().await;
        assert_eq!((invoices(&buyer, "void").await.len(), invoices(&buyer, "open").await.len()), (1, 0));
        buyer.card(GOOD).await;
        buyer.pass("2026-02-11T00:00:01Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        buyer.pass("2026-03-15T00:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
        assert_eq!(invoices(&buyer, "paid").await.len(), 1, "the customer was not charged later");
        buyer.buy(json!({ "plan": "creator" })).await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// A debit has arrived at Stripe and no webhook came: the plan is paid, so none is sold beside it. A request reconciles
/// it.
#[tokio::test]
async fn what_was_paid_and_is_not_counted_yet_is_not_sold_again() {
    let mut shop = Shop::silent("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        let page = buyer.desk.post("/v1/checkout", json!({ "plan": "creator" })).await.expect(201);
        assert_eq!(shop.pay_with(&page, IBAN).await.0, 200);
        let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
        shop.app.post(&path, Value::Null).await.expect(200);
        buyer.here("2026-01-16T00:00:00Z").await;
        buyer.there("2026-01-16T00:00:00Z").await;
        let refused = buyer.desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await;
        assert_eq!(refused.status, 422, "{}", refused.json());
        buyer.settle().await;
        Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
        let page = buyer.desk.post("/v1/checkout", json!({ "plan": "pro", "interval": "month" })).await.expect(201);
        assert!(page["expires_at"].is_null(), "it is changed in the portal: {page}");
        assert_eq!(buyer.subscriptions().await.as_array().map(Vec::len), Some(1));
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// A plan bought beside a year whose subscription was ended goes on: no third plan is sold beside both.
#[tokio::test]
async fn no_plan_is_sold_beside_one_that_goes_on_beside_the_current() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "pro", "interval": "year" })).await;
        shop.stripe.delete(&format!("/v1/subscriptions/{}", buyer.subscription().await)).await;
        buyer.settle().await;
        buyer.buy(json!({ "plan": "creator" })).await;
        let going =
            |all: &Value| all.as_array().expect("a list").iter().filter(|one| one["status"] == "active").count();
        assert_eq!(going(&buyer.subscriptions().await), 1);
        for wish in [json!({ "plan": "creator" }), json!({ "plan": "pro", "interval": "month" })] {
            let page = buyer.desk.post("/v1/checkout", wish.clone()).await;
            let leads_there = page.status == 201 && page.json()["expires_at"].is_null();
            assert!(page.status == 422 || leads_there, "{wish}: {}", page.json());
        }
        assert_eq!(going(&buyer.subscriptions().await), 1);
    }
    shop.app.verify();
}

/// The subscription ended unpaid, and its invoice has a line that is not Scrip's: an alert asks the operator to settle
/// it.
#[tokio::test]
async fn an_open_invoice_that_scrip_may_not_void_is_the_operators() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        let form = [("customer", &*buyer.customer), ("amount", "300"), ("currency", "usd")];
        shop.stripe.post("/v1/invoiceitems", &form).await;
        buyer.card(BAD).await;
        for day in ["2026-02-10T02:00:00Z", "2026-02-14T00:00:00Z", "2026-02-20T00:00:00Z", "2026-02-28T00:00:00Z"] {
            buyer.pass(day).await;
        }
        assert_eq!(buyer.subscriptions().await, json!([]), "it is over");
        assert_eq!((invoices(&buyer, "void").await.len(), invoices(&buyer, "open").await.len()), (0, 1));
        assert_eq!(shop.alerts().await, ["open_invoice"]);
    }
    shop.app.verify();
}
