//! Refunds and disputes: money that goes back, or is claimed back (R9).

use scrip_testing::app::{PATIENCE, text};
use scrip_testing::shop::{Buyer, Shop};
use serde_json::{Value, json};

async fn buyer_of_a_pack<'a>(shop: &'a Shop) -> Buyer<'a> {
    let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
    buyer.buy(json!({ "pack": "credits-1000" })).await;
    assert_eq!(buyer.desk.credits().await.0, 1250);
    buyer
}

async fn refund(buyer: &Buyer<'_>, amount: &str) -> String {
    let charge = text(&buyer.charge().await["id"]);
    let mut form = vec![("charge", charge.as_str())];
    if !amount.is_empty() {
        form.push(("amount", amount));
    }
    let refund = buyer.shop.stripe.post("/v1/refunds", &form).await;
    buyer.settle().await;
    text(&refund["id"])
}

async fn spend(buyer: &Buyer<'_>, credits: i64) {
    let hold = buyer.desk.post("/v1/holds", json!({ "credits": credits, "reference": "r" })).await.expect(201);
    buyer.desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
}

/// Refunds in parts, and one that fails and comes back.
#[tokio::test]
async fn refunds_in_parts_take_back_their_share_and_no_more() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = buyer_of_a_pack(&shop).await;
        refund(&buyer, "300").await;
        assert_eq!(buyer.desk.credits().await.0, 1000, "a quarter of the price takes a quarter");
        let second = refund(&buyer, "300").await;
        assert_eq!(buyer.desk.credits().await.0, 750);
        shop.stripe.control(&format!("/refunds/{second}/fail"), json!({})).await;
        buyer.settle().await;
        assert_eq!(buyer.desk.credits().await.0, 1000, "what did not go back is theirs again");
        refund(&buyer, "900").await;
        assert_eq!((buyer.desk.credits().await.0, buyer.desk.balance().await["debt"].clone()), (250, json!(0)));
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}

/// Credits that were spent cannot be taken: they are owed, and the next pack repays them.
#[tokio::test]
async fn a_refund_of_what_was_spent_is_owed_and_the_next_pack_repays_it() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = buyer_of_a_pack(&shop).await;
        spend(&buyer, 900).await;
        refund(&buyer, "").await;
        let balance = buyer.desk.balance().await;
        let (available, debt) = (balance["available"].as_i64().expect("it"), balance["debt"].as_i64().expect("it"));
        assert!(available - debt == 1250 - 900 - 1000, "what was spent beyond the rest is owed: {balance}");
        buyer.buy(json!({ "pack": "credits-1000" })).await;
        let after = buyer.desk.balance().await;
        assert_eq!((&after["debt"], &after["available"]), (&json!(0), &json!(available + 1000 - debt)));
    }
    shop.app.verify();
}

#[tokio::test]
async fn a_refunded_period_takes_its_credits_back() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        refund(&buyer, "").await;
        assert_eq!(buyer.desk.credits().await.0, 250);
        let subscription = buyer.subscription().await;
        shop.stripe.delete(&format!("/v1/subscriptions/{subscription}")).await;
        buyer.settle().await;
        buyer.pass("2026-02-10T02:00:00Z").await;
        Buyer::is(&buyer.stands().await, "free", "none", "active", 250);
    }
    shop.app.verify();
}

async fn dispute(buyer: &Buyer<'_>) -> String {
    let charge = text(&buyer.charge().await["id"]);
    let (status, dispute) = buyer.shop.stripe.control(&format!("/charges/{charge}/dispute"), json!({})).await;
    assert_eq!(status, 200, "{dispute}");
    buyer.settle().await;
    text(&dispute["id"])
}

async fn decide(buyer: &Buyer<'_>, dispute: &str, won: bool) {
    let (status, answer) =
        buyer.shop.stripe.control(&format!("/disputes/{dispute}/decide"), json!({ "won": won })).await;
    assert_eq!(status, 200, "{answer}");
    buyer.settle().await;
}

/// A dispute freezes new runs and takes the credits of its payment; winning it gives them again, once.
#[tokio::test]
async fn a_dispute_freezes_and_winning_it_restores_once() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = buyer_of_a_pack(&shop).await;
        let dispute = dispute(&buyer).await;
        assert_eq!(buyer.desk.show().await["status"], "frozen");
        assert_eq!(buyer.desk.credits().await.0, 250);
        let run = buyer.desk.run(json!({ "model": "image-standard" })).await;
        run.problem(403, "WORKSPACE_FROZEN");
        decide(&buyer, &dispute, true).await;
        assert_eq!((buyer.desk.show().await["status"].clone(), buyer.desk.credits().await.0), (json!("active"), 1250));
        for _ in 0..2 {
            let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
            shop.app.post(&path, Value::Null).await.expect(200);
        }
        assert_eq!(buyer.desk.credits().await.0, 1250, "once");
    }
    shop.app.verify();
}

/// A dispute names its charge, and not the customer: while Stripe cannot be asked for that, because the key is not good
/// or was used too often, it waits and is not taken for another customer's.
#[tokio::test]
async fn a_dispute_waits_until_it_can_be_asked_whose_it_is() {
    for status in [401, 403, 429] {
        let mut shop = Shop::open("canvas-tiers");
        {
            let buyer = buyer_of_a_pack(&shop).await;
            let fault = json!({ "method": "GET", "path": "/v1/charges/*", "times": 3, "status": status });
            shop.stripe.control("/faults", fault).await;
            dispute(&buyer).await;
            assert_eq!(buyer.desk.show().await["status"], "frozen", "after {status}");
        }
        shop.app.verify();
    }
}

#[tokio::test]
async fn a_dispute_that_is_lost_takes_for_good_and_thaws() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = buyer_of_a_pack(&shop).await;
        let dispute = dispute(&buyer).await;
        decide(&buyer, &dispute, false).await;
        assert_eq!((buyer.desk.show().await["status"].clone(), buyer.desk.credits().await.0), (json!("active"), 250));
    }
    shop.app.verify();
}

/// R9: an invoice that two payments paid, of which one is refunded.
#[tokio::test]
async fn a_refund_of_one_of_two_payments_takes_its_share_of_both() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-10T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        let first = buyer.charge().await;
        let (charge, intent) = (text(&first["id"]), text(&first["payment_intent"]));
        shop.account(|state| {
            let paid = state.all("invoice_payment").find(|paid| paid.text("payment.payment_intent") == intent);
            let paid = paid.expect("it paid the bill").clone();
            let mut copies = Vec::new();
            for (id, second) in [(intent.as_str(), "pi_second"), (&charge, "ch_second"), (paid.id(), "inpay_second")] {
                let mut copy = state.must(id).value().clone();
                copy["id"] = json!(second);
                copies.push(copy);
            }
            copies[1]["payment_intent"] = json!("pi_second");
            copies[2]["payment"]["payment_intent"] = json!("pi_second");
            for copy in &mut copies {
                for amount in ["amount", "amount_received", "amount_captured", "amount_paid", "amount_requested"] {
                    if copy[amount].is_number() {
                        copy[amount] = json!(900);
                    }
                }
            }
            for copy in copies {
                state.put(copy);
            }
            state.edit(&charge, |charge| {
                charge.set("amount", 600);
                charge.set("amount_captured", 600);
            });
            state.edit(&intent, |intent| {
                intent.set("amount", 600);
                intent.set("amount_received", 600);
            });
            state.edit(paid.id(), |paid| paid.set("amount_paid", 600));
        });
        shop.stripe.post("/v1/refunds", &[("charge", &charge)]).await;
        buyer.settle().await;
        for _ in 0..3 {
            assert_eq!(buyer.desk.credits().await.0, 250 + 1700 - 1700 * 600 / 1500);
            let path = format!("/v1/workspaces/{}/customer/sync", buyer.desk.id);
            shop.app.post(&path, Value::Null).await.expect(200);
        }
    }
    shop.app.verify();
}

/// R9: a payment of a customer who was deleted, and has another identifier since, is refunded.
#[tokio::test]
async fn money_that_goes_back_to_a_customer_who_is_gone_is_told_of() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let desk = shop.app.free().await;
        shop.buy(&desk, json!({ "pack": "credits-1000" })).await;
        let customer =
            async || text(&shop.app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.expect(200)["customer"]);
        let gone = customer().await;
        let charges = shop.stripe.get(&format!("/v1/charges?customer={gone}")).await;
        shop.stripe.delete(&format!("/v1/customers/{gone}")).await;
        shop.buy(&desk, json!({ "pack": "credits-1000" })).await;
        assert_ne!(customer().await, gone);
        assert_eq!((desk.credits().await.0, shop.alerts().await), (2250, Vec::new()));
        shop.stripe.post("/v1/refunds", &[("charge", &text(&charges["data"][0]["id"]))]).await;
        shop.settle(&desk).await;
        // The workspace does not wait for events about a customer that it no longer has.
        let passed_on = async {
            while shop.app.query("SELECT count(*) FROM stripe_events WHERE handled_at IS NULL") != "0" {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, passed_on).await.expect("every event is passed on");
        assert_eq!((desk.credits().await.0, shop.alerts().await), (2250, vec!["deleted_customer".to_owned()]));
    }
    shop.app.verify();
}
