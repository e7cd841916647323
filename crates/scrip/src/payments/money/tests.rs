//! Money of invoices against a small model of Stripe's balance.

use super::*;
use scrip_testing::dice::Dice;
use serde_json::{Value, json};

/// Builds an invoice of one line, its part from the balance and its part by card.
fn invoice(id: &str, created: i64, total: i64, balance: (i64, i64), card: i64, noted: i64) -> Value {
    let payments: Vec<Value> = (card > 0)
        .then(|| {
            json!({ "id": format!("inpay_{id}"), "invoice": id, "amount_paid": card, "currency": "usd", "status": "paid",
                "payment": { "type": "payment_intent", "payment_intent": format!("pi_{id}"), "charge": null },
                "created": created })
        })
        .into_iter()
        .collect();
    json!({
        "id": id, "livemode": false, "status": "paid", "customer": "cus_1", "billing_reason": "subscription_cycle",
        "currency": "usd", "total": total, "amount_due": card, "amount_paid": card, "attempt_count": 1,
        "starting_balance": balance.0, "ending_balance": balance.1, "post_payment_credit_notes_amount": noted,
        "created": created, "next_payment_attempt": null, "metadata": {}, "hosted_invoice_url": null,
        "status_transitions": { "finalized_at": created, "paid_at": created, "voided_at": null },
        "parent": { "subscription_details": { "subscription": "sub_1", "metadata": {} } },
        "lines": { "has_more": false, "data": [{ "id": format!("il_{id}"), "amount": total, "currency": "usd",
            "quantity": 1, "period": { "start": created, "end": created + 100 }, "metadata": {}, "parent": null,
            "pricing": { "price_details": { "price": "price_1", "product": "prod_1" } } }] },
        "payments": { "has_more": false, "data": payments },
    })
}

fn charge(id: &str, amount: i64, refunded: i64) -> Value {
    json!({ "id": format!("ch_{id}"), "livemode": false, "status": "succeeded", "paid": true, "amount": amount,
        "amount_refunded": refunded, "currency": "usd", "customer": "cus_1", "payment_intent": format!("pi_{id}"),
        "refunded": refunded == amount, "disputed": false, "metadata": {}, "created": 1 })
}

fn change(kind: &str, amount: i64, invoice: Option<&str>) -> Value {
    json!({ "id": "cbtxn_1", "livemode": false, "type": kind, "amount": amount, "ending_balance": 0,
        "currency": "usd", "customer": "cus_1", "invoice": invoice, "credit_note": null, "metadata": {}, "created": 1 })
}

fn note(invoice: &str, amount: i64, refunded: i64) -> Value {
    json!({ "id": format!("cn_{invoice}"), "livemode": false, "status": "issued", "amount": amount, "currency": "usd",
        "customer": "cus_1", "invoice": invoice, "pre_payment_amount": 0, "post_payment_amount": amount,
        "out_of_band_amount": null, "customer_balance_transaction": null,
        "refunds": [{ "refund": "re_1", "amount_refunded": refunded }], "metadata": {}, "created": 1, "voided_at": null })
}

/// Collects everything newest first, as Stripe lists it.
fn customer_state(invoices: Vec<Value>, charges: Vec<Value>, balance: Vec<Value>, notes: Vec<Value>) -> CustomerState {
    fn read<T: serde::de::DeserializeOwned>(values: Vec<Value>) -> Vec<T> {
        values.into_iter().rev().map(|value| serde_json::from_value(value).expect("an object of Stripe's")).collect()
    }
    CustomerState {
        invoices: read(invoices),
        charges: read(charges),
        balance: read(balance),
        credit_notes: read(notes),
        ..CustomerState::default()
    }
}

fn money(card: u64, funded: u64, given: u64, gone: u64) -> Money {
    Money { card, funded, given, gone, disputed: false }
}

#[test]
fn a_balance_that_nobody_paid_into_settles_and_costs_nothing() {
    let state = customer_state(
        vec![invoice("a", 1, 3900, (-5000, -1100), 0, 0)],
        vec![],
        vec![change("adjustment", -5000, None), change("applied_to_invoice", 3900, Some("a"))],
        vec![],
    );
    assert_eq!(by_invoice(&state)["a"], money(0, 0, 3900, 0));
}

#[test]
fn a_credit_note_is_a_refund_of_its_invoice_and_pays_the_next() {
    let state = customer_state(
        vec![invoice("a", 1, 3900, (0, 0), 3900, 3900), invoice("b", 2, 3900, (-3900, 0), 0, 0)],
        vec![charge("a", 3900, 0)],
        vec![change("credit_note", -3900, Some("a")), change("applied_to_invoice", 3900, Some("b"))],
        vec![note("a", 3900, 0)],
    );
    let found = by_invoice(&state);
    assert_eq!((found["a"], found["b"]), (money(3900, 0, 0, 3900), money(0, 3900, 0, 0)));
}

#[test]
fn a_refund_takes_its_share_of_the_whole() {
    let state = customer_state(
        vec![invoice("a", 1, 3900, (-2900, 0), 1000, 0)],
        vec![charge("a", 1000, 1000)],
        vec![change("adjustment", -2900, None), change("applied_to_invoice", 2900, Some("a"))],
        vec![],
    );
    let found = by_invoice(&state)["a"];
    assert_eq!((found, found.whole()), (money(1000, 0, 2900, 1000), 3900));
}

#[test]
fn what_a_voided_invoice_gives_back_is_what_it_took() {
    let changes = vec![
        change("adjustment", -1000, None),
        change("applied_to_invoice", 1000, Some("v")),
        change("unapplied_from_invoice", -1000, Some("v")),
        change("applied_to_invoice", 1000, Some("a")),
    ];
    let state = customer_state(vec![invoice("a", 2, 1000, (-1000, 0), 0, 0)], vec![], changes, vec![]);
    assert_eq!(by_invoice(&state)["a"], money(0, 0, 1000, 0));
}

#[test]
fn a_proration_moves_money_of_the_invoice_before() {
    let mut second = invoice("b", 50, 2400, (0, 0), 2400, 0);
    let rest = json!({ "id": "il_r", "amount": -1500, "currency": "usd", "quantity": 1, "metadata": {},
        "period": { "start": 50, "end": 101 }, "pricing": null,
        "parent": { "subscription_item_details": { "subscription": "sub_1", "proration": true },
            "invoice_item_details": null } });
    second["lines"]["data"][0]["amount"] = json!(3900);
    second["lines"]["data"].as_array_mut().expect("a list").push(rest);
    let state = customer_state(
        vec![invoice("a", 1, 3000, (0, 0), 3000, 0), second],
        vec![charge("a", 3000, 0), charge("b", 2400, 0)],
        vec![],
        vec![],
    );
    let found = by_invoice(&state);
    assert_eq!((found["a"], found["b"]), (money(3000, 0, 0, 1500), money(3900, 0, 0, 0)));
}

/// Random customers: gifts and credit notes fill the balance, invoices empty it, refunds go back to the card.
/// Invariant: no invoice gives back more than was paid, and no money buys twice: all invoices together keep at most
/// what the cards and the operator paid in.
#[test]
fn no_money_buys_twice_and_none_goes_back_twice() {
    for seed in 0..3_000 {
        let mut dice = Dice::new(seed);
        let (mut invoices, mut charges, mut changes, mut notes) = (vec![], vec![], vec![], vec![]);
        // Balance as a credit, and each invoice: id, total, card, refunded, credited.
        let (mut balance, mut known) = (0_i64, Vec::<(String, i64, i64, i64, i64)>::new());
        for step in 0..12 {
            match dice.within(0, 3) {
                0 => {
                    let gift = 1 + dice.within(0, 2_999);
                    balance += gift;
                    changes.push(change("adjustment", -gift, None));
                }
                1 if !known.is_empty() => {
                    let at = dice.below(known.len());
                    let (id, total, card, refunded, credited) = known[at].clone();
                    let (to_card, left) = (dice.within(0, (card - refunded).max(0)), total - refunded - credited);
                    let to_balance = dice.within(0, (left - to_card).max(0));
                    if credited == 0 && to_card + to_balance > 0 && to_card + to_balance <= left {
                        known[at].3 += to_card;
                        known[at].4 += to_balance;
                        balance += to_balance;
                        if to_balance > 0 {
                            changes.push(change("credit_note", -to_balance, Some(&id)));
                        }
                        notes.push(note(&id, to_card + to_balance, to_card));
                    }
                }
                _ => {
                    let (id, total) = (format!("in_{step}"), 1 + dice.within(0, 3_999));
                    let used = balance.min(total);
                    if used > 0 {
                        changes.push(change("applied_to_invoice", used, Some(&id)));
                    }
                    invoices.push(invoice(&id, step, total, (-balance, used - balance), total - used, 0));
                    balance -= used;
                    known.push((id, total, total - used, 0, 0));
                }
            }
        }
        for (id, _, card, refunded, _) in known.iter().filter(|(_, _, card, _, _)| *card > 0) {
            charges.push(charge(id, *card, *refunded));
        }
        let state = customer_state(invoices, charges, changes, notes);
        let found = by_invoice(&state);
        let (mut kept, mut paid_in) = (0, 0);
        for (id, total, card, refunded, credited) in &known {
            let money = found[id.as_str()];
            assert_eq!(money.whole(), total.unsigned_abs(), "seed {seed}, {id}: it is settled in whole");
            assert_eq!(money.gone, (refunded + credited).unsigned_abs(), "seed {seed}, {id}: what went back");
            assert!(money.gone <= money.whole(), "seed {seed}, {id}: {money:?}");
            kept += i64::try_from(money.own_money()).expect("small")
                - i64::try_from(money.gone.min(money.own_money())).expect("small");
            paid_in += card - refunded;
        }
        let given: i64 = known.iter().map(|(id, ..)| i64::try_from(found[id.as_str()].given).expect("small")).sum();
        assert!(kept <= paid_in + given, "seed {seed}: {kept} is kept of {paid_in}");
    }
}

#[test]
fn a_gift_that_goes_through_an_invoice_stays_a_gift() {
    // A gift of 2000 settles `a`; half of it is credited and settles a part of `b`.
    let gift = || vec![change("adjustment", -2000, None), change("applied_to_invoice", 2000, Some("a"))];
    let through = |credited: i64| {
        let mut balance = gift();
        balance
            .extend([change("credit_note", -credited, Some("a")), change("applied_to_invoice", credited, Some("b"))]);
        balance
    };
    let state = customer_state(
        vec![invoice("a", 1, 2000, (-2000, 0), 0, 1000), invoice("b", 2, 2000, (-1000, 0), 1000, 0)],
        vec![charge("b", 1000, 0)],
        through(1000),
        vec![note("a", 1000, 0)],
    );
    let found = by_invoice(&state);
    assert_eq!((found["a"], found["b"]), (money(0, 0, 2000, 1000), money(1000, 0, 1000, 0)));
}

#[test]
fn a_credit_note_of_a_mixed_invoice_is_mixed() {
    let state = customer_state(
        vec![invoice("a", 1, 2000, (-500, 0), 1500, 1000), invoice("b", 2, 1000, (-1000, 0), 0, 0)],
        vec![charge("a", 1500, 0)],
        vec![
            change("adjustment", -500, None),
            change("applied_to_invoice", 500, Some("a")),
            change("credit_note", -1000, Some("a")),
            change("applied_to_invoice", 1000, Some("b")),
        ],
        vec![note("a", 1000, 0)],
    );
    let found = by_invoice(&state);
    assert_eq!((found["a"], found["b"]), (money(1500, 0, 500, 1000), money(0, 750, 250, 0)));
}

#[test]
fn what_went_back_by_card_is_not_money_a_second_time_as_balance() {
    for (refunded, funded) in [(0, 3900), (1000, 2900), (3900, 0)] {
        let state = customer_state(
            vec![invoice("a", 1, 3900, (0, 0), 3900, 3900), invoice("b", 2, 3900, (-3900, 0), 0, 0)],
            vec![charge("a", 3900, refunded)],
            vec![change("credit_note", -3900, Some("a")), change("applied_to_invoice", 3900, Some("b"))],
            vec![note("a", 3900, 0)],
        );
        assert_eq!(by_invoice(&state)["b"], money(0, funded, 3900 - funded, 0), "{refunded} went back by card");
    }
}
