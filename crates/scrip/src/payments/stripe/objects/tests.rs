//! Objects as Stripe sends them: with unknown values, with absent fields, and expanded.

use super::schedule::Schedule;
use super::*;
use serde_json::json;

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("it can be read")
}

fn price(id: &str) -> Value {
    json!({ "id": id, "object": "price", "active": true, "livemode": false, "currency": "usd", "unit_amount": 1500,
        "billing_scheme": "per_unit", "recurring": { "interval": "month", "interval_count": 1 },
        "lookup_key": null, "metadata": {}, "product": "prod_1", "created": 1, "something_new": [1] })
}

#[test]
fn a_value_that_stripe_adds_keeps_its_text() {
    use super::subscription::Status;
    let statuses: Vec<Status> = read(json!(["active", "past_due", "incomplete_expired", "slumbering", ""]));
    let other = |text: &str| Status::Other(text.to_owned());
    assert_eq!(statuses, [Status::Active, Status::PastDue, Status::IncompleteExpired, other("slumbering"), other("")]);
    assert_eq!(read::<checkout::PaymentStatus>(json!("paid")), checkout::PaymentStatus::Paid);
    assert_eq!(read::<checkout::Status>(json!("x")), checkout::Status::Other("x".to_owned()));
    assert_eq!(read::<payment::Status>(json!("requires_action")), payment::Status::RequiresAction);
    assert_eq!(read::<charge::DisputeStatus>(json!("appeal_x")), charge::DisputeStatus::Other("appeal_x".to_owned()));
    assert_eq!(read::<invoice::Status>(json!("uncollectible")), invoice::Status::Uncollectible);
    assert_eq!(
        read::<invoice::BillingReason>(json!("quote_accept")),
        invoice::BillingReason::Other("quote_accept".to_owned())
    );
    assert!(serde_json::from_value::<Status>(json!(7)).is_err());
}

#[test]
fn an_object_is_named_or_there_whole_or_deleted() {
    let named: Expandable<price::Price> = read(json!("price_1"));
    assert_eq!((&*named.id, named.object.is_some()), ("price_1", false));
    let whole: Expandable<price::Price> = read(price("price_1"));
    assert_eq!((&*whole.id, whole.object.map(|price| price.unit_amount)), ("price_1", Some(Some(1500))));
    let gone: Expandable<price::Price> = read(json!({ "id": "price_1", "object": "price", "deleted": true }));
    assert_eq!((&*gone.id, gone.object), ("price_1", None));
    assert_eq!(read::<Id>(json!({ "id": "cus_1", "object": "customer" })).id, "cus_1");
    for wrong in [json!(7), json!({}), json!([]), json!(null)] {
        assert!(serde_json::from_value::<Id>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_deleted_customer_is_one() {
    let customer: customer::Customer = read(json!({ "id": "cus_1", "object": "customer", "deleted": true }));
    assert!(customer.deleted && customer.metadata.is_empty());
}

#[test]
fn the_period_of_a_subscription_is_its_items() {
    let subscription: subscription::Subscription = read(json!({
        "id": "sub_1", "object": "subscription", "livemode": false, "status": "active", "customer": "cus_1",
        "items": { "object": "list", "has_more": false, "data": [{ "id": "si_1", "object": "subscription_item",
            "price": price("price_1"), "quantity": 1, "current_period_start": 100, "current_period_end": 200 }] },
        "cancel_at_period_end": false, "cancel_at": 200, "canceled_at": 150, "ended_at": null,
        "latest_invoice": { "id": "in_1", "object": "invoice" }, "schedule": null, "pause_collection": null,
        "trial_end": null, "default_payment_method": null, "metadata": { "scrip_workspace": "ws_1" },
        "start_date": 100, "created": 100, "billing_cycle_anchor": 100,
    }));
    let item = &subscription.items.data[0];
    assert_eq!(item.current_period_end.timestamp().micros(), 200 * SECOND);
    assert_eq!(
        (subscription.cancel_at, subscription.latest_invoice.map(|bill| bill.id)),
        (Some(Seconds(200)), Some("in_1".to_owned()))
    );
}

#[test]
fn a_bill_says_what_it_is_of_and_what_paid_it() {
    let bill: invoice::Invoice = read(json!({
        "id": "in_1", "object": "invoice", "livemode": true, "status": "paid", "customer": "cus_1",
        "billing_reason": "subscription_cycle", "currency": "usd", "total": 1500, "amount_due": 1500,
        "amount_paid": 1500, "attempt_count": 1, "next_payment_attempt": null, "created": 5, "metadata": null,
        "hosted_invoice_url": null, "status_transitions": { "finalized_at": 6, "paid_at": 7, "voided_at": null },
        "parent": { "type": "subscription_details", "quote_details": null,
            "subscription_details": { "subscription": "sub_1", "metadata": { "scrip_workspace": "ws_1" } } },
        "lines": { "object": "list", "has_more": false, "data": [{ "id": "il_1", "object": "line_item",
            "amount": 1500, "currency": "usd", "quantity": 1, "period": { "start": 100, "end": 200 }, "metadata": {},
            "pricing": { "type": "price_details", "price_details": { "price": "price_1", "product": "prod_1" } },
            "parent": { "type": "subscription_item_details", "invoice_item_details": null,
                "subscription_item_details": { "subscription_item": "si_1", "subscription": "sub_1",
                    "proration": false } } }] },
        "payments": { "object": "list", "has_more": false, "data": [{ "id": "inpay_1", "object": "invoice_payment",
            "invoice": "in_1", "amount_paid": 1500, "currency": "usd", "status": "paid", "created": 7,
            "payment": { "type": "payment_intent", "payment_intent": "pi_1" } }] },
    }));
    assert_eq!(bill.subscription(), Some("sub_1"));
    let line = &bill.lines.data[0];
    assert_eq!(line.price().map(|price| &*price.id), Some("price_1"));
    assert!(!line.is_proration());
    assert_eq!(bill.payments.data[0].payment.payment_intent.as_ref().map(|payment| &*payment.id), Some("pi_1"));
    assert_eq!(bill.status_transitions.paid_at, Some(Seconds(7)));
}

#[test]
fn what_a_schedule_comes_to_next_is_the_phase_behind_this_one() {
    let phase = |start: i64, end: i64, prices: &[&str]| {
        let items: Vec<Value> = prices.iter().map(|id| json!({ "price": price(id), "quantity": 1 })).collect();
        json!({ "start_date": start, "end_date": end, "items": items })
    };
    let schedule = |status: &str, now: Value, phases: Vec<Value>| -> Schedule {
        read(json!({ "id": "sub_sched_1", "status": status, "subscription": "sub_1", "current_phase": now,
            "phases": phases, "end_behavior": "release" }))
    };
    let now = json!({ "start_date": 100, "end_date": 200 });
    let next = |schedule: &Schedule| schedule.next().map(|(start, price)| (start.0, price.id.clone()));
    let phases = vec![phase(100, 200, &["price_a"]), phase(200, 300, &["price_b"]), phase(300, 400, &["price_c"])];
    assert_eq!(next(&schedule("active", now.clone(), phases.clone())), Some((200, "price_b".to_owned())));
    assert_eq!(next(&schedule("not_started", Value::Null, phases.clone())), Some((100, "price_a".to_owned())));
    assert_eq!(next(&schedule("released", now.clone(), phases)), None);
    assert_eq!(next(&schedule("active", now.clone(), vec![phase(100, 200, &["price_a"])])), None);
    let two = vec![phase(100, 200, &["price_a"]), phase(200, 300, &["price_b", "price_c"])];
    assert_eq!(next(&schedule("active", now, two)), None);
}
