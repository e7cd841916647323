//! Exact explanations of payments, reviews, top-ups and notices.

use super::*;
use crate::payments::{Goods, Payment, SubscriptionStatus, TopUpStop, TopUpTerms};
use crate::{GrantCommand, HoldCommand, PaymentCommand, ReviewCommand, TopUpCommand};

const JAN: &str = "2026-01-31T10:00:00Z";
const FEB: &str = "2026-02-28T10:00:00Z";

fn pays(source: &str, plan: (&str, Interval), cents: i64, start: &str) -> Command {
    let (plan, interval) = plan;
    let start: Timestamp = start.parse().expect("RFC 3339");
    let anchor: Timestamp = JAN.parse().expect("RFC 3339");
    let end = (0..20).map(|n| anchor.nth(interval, n)).find(|end| *end > start).expect("it ends");
    let subscription = Name::from("sub_1");
    let bought = Goods::Period { plan: Name::from(plan), interval, subscription, anchor, start, end };
    record_payment(source, cents, bought)
}

fn record_payment(source: &str, cents: i64, bought: Goods) -> Command {
    let (price, currency) = (amount(cents), Name::from("usd"));
    bill(PaymentCommand::Record(Payment {
        source: Name::from(source),
        price,
        paid: price,
        given: Amount::ZERO,
        currency,
        bought,
        offered: None,
        top_up: None,
    }))
}

fn bill(command: impl Into<Command>) -> Command {
    command.into()
}

fn review(n: u32) -> Command {
    bill(ReviewCommand::Request { review: Name::from("business"), application: n })
}

#[test]
fn a_period_that_is_paid_is_told() {
    let mut story = Story::open(None);
    let (_, lines) = story.then(JAN, pays("in_1", ("starter", Interval::Month), 1_000, JAN)).explanation();
    assert_eq!(
        lines[0],
        "10.00 USD was paid for the starter plan, monthly, from 2026-01-31T10:00:00Z to 2026-02-28T10:00:00Z; the \
         payment is in_1."
    );
    let (_, lines) = story.then(FEB, Command::Tick).explanation();
    assert_eq!(
        lines,
        ["The period is over and its renewal is not paid yet: its remaining credits can be spent until \
             2026-02-28T12:00:00Z and are frozen then. Without a payment by 2026-03-01T10:00:00Z the plan ends."]
    );
    assert_eq!(
        story.then("2026-02-28T12:00:00Z", Command::Tick).last(),
        "The renewal is still not paid: the remaining credits of the last period are frozen."
    );
    let processing = SubscriptionStatus::Continues { ending: false, change: None, processing: true };
    let processing = PaymentCommand::FollowSubscription { subscription: Name::from("sub_1"), status: processing };
    assert_eq!(
        story.then("2026-02-28T12:00:00Z", bill(processing)).last(),
        "The payment of the renewal is on its way: the plan stays, without new credits, until it arrives, at most until \
         2026-03-14T10:00:00Z."
    );
    let failed = SubscriptionStatus::Continues { ending: false, change: None, processing: false };
    let failed = PaymentCommand::FollowSubscription { subscription: Name::from("sub_1"), status: failed };
    assert_eq!(
        story.then("2026-02-28T12:00:00Z", bill(failed)).last(),
        "The period is over and its renewal is not paid yet: its remaining credits are frozen. Without a payment by \
         2026-03-01T10:00:00Z the plan ends."
    );
    let declined = PaymentCommand::Fail { subscription: Name::from("sub_1"), invoice: Name::from("in_2"), attempt: 2 };
    assert_eq!(
        story.then("2026-02-28T12:00:00Z", bill(declined)).last(),
        "The payment of in_2 was declined, attempt 2."
    );
    story.then("2026-03-01T10:00:00Z", Command::Tick);
    let (summary, lines) = story.explanation();
    assert!(summary.contains("free"), "{summary}");
    assert!(lines.iter().any(|line| line.contains("500 credits") && line.contains("expired")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("paid")), "{lines:?}");
}

#[test]
fn what_goes_back_of_a_payment_is_told() {
    let mut story = Story::open(None);
    story.then(JAN, pays("in_1", ("pro", Interval::Year), 30_000, JAN));
    let reverse = |reversed, disputed| {
        Command::Payment(PaymentCommand::Reverse { source: Name::from("in_1"), paid: 30_000, reversed, disputed })
    };
    let (_, lines) = story.then(JAN, reverse(15_000, false)).explanation();
    assert_eq!(lines[0], "Of the payment in_1, 15000 of 30000 went back to the customer.");
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (_, lines) = story.then(FEB, Command::Tick).explanation();
    assert!(lines.iter().any(|line| line.contains("payment refunded")), "{lines:?}");
}

#[test]
fn reviews_are_told() {
    let mut story = Story::open(None);
    assert_eq!(story.then(JAN, review(1)).last(), "Applied for the review business, application 1.");
    let reason = || "no such company".to_owned();
    let reject = ReviewCommand::Reject { review: Name::from("business"), reason: reason() };
    assert_eq!(story.then(JAN, bill(reject)).last(), "Rejected the review business. Reason: no such company.");
    assert_eq!(story.then(JAN, review(2)).last(), "Applied for the review business, application 2.");
    let approve = Command::Review(ReviewCommand::Approve { review: Name::from("business"), reason: "seen".to_owned() });
    story.then(JAN, approve);
    let revoke = ReviewCommand::Revoke { review: Name::from("business"), reason: reason() };
    assert_eq!(
        story.then(JAN, bill(revoke)).last(),
        "Took back the approval of the review business: what requires it does not renew and starts no new runs. Reason: \
         no such company."
    );
}

#[test]
fn packs_that_are_bought_by_themselves_are_told() {
    let mut story = Story::open(None);
    let pack = || Name::from("pack-100");
    let terms = || TopUpTerms { pack: pack(), below: amount(10), monthly_max: amount(500) };
    assert_eq!(
        story.then(JAN, bill(TopUpCommand::Set(Some(terms())))).last(),
        "The pack pack-100 will be bought automatically when fewer than 10 credits are left, for at most 5.00 USD a \
         calendar month, as long as it brings 110 credits for 5.00 USD."
    );
    let hold = Command::Hold(HoldCommand::Open {
        ask: Ask::Credits(amount(15)),
        reference: "order".to_owned(),
        seconds: None,
        off: None,
        behalf: None,
    });
    story.then(JAN, hold);
    assert_eq!(
        story.then(JAN, Command::Hold(HoldCommand::Capture { hold: 1, amount: None })).last(),
        "The balance is low: the pack pack-100 will be bought for 5.00 USD, as top-up 1."
    );
    let processing = story.then(JAN, bill(TopUpCommand::Await { n: 1 })).last();
    assert_eq!(processing, "The payment of top-up 1 is on its way.");
    let by_wish = |source: &str| {
        let Command::Payment(PaymentCommand::Record(payment)) = record_payment(source, 500, Goods::Pack(pack())) else {
            panic!("it is a payment")
        };
        bill(PaymentCommand::Record(Payment { top_up: Some(1), ..payment }))
    };
    assert_eq!(story.then(JAN, by_wish("ch_1")).last(), "Top-up 1 was paid.");
    assert_eq!(
        story.then(JAN, by_wish("ch_2")).last(),
        "Top-up 1 was paid after it had been dropped, and counts as spent."
    );
    assert_eq!(story.then(JAN, bill(TopUpCommand::Set(None))).last(), "Automatic top-ups ended.");

    let mut story = Story::open(None);
    story.then(
        JAN,
        Command::Hold(HoldCommand::Open {
            ask: Ask::Credits(amount(15)),
            reference: "x".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        }),
    );
    story.then(JAN, Command::Hold(HoldCommand::Capture { hold: 1, amount: None }));
    let until = ": no pack is bought automatically until top-ups are set again.";
    let ways = [
        (TopUpStop::Declined, "The payment of top-up N was declined"),
        (
            TopUpStop::AuthenticationRequired,
            "Top-up N was not paid, because the bank wants the customer to confirm the payment",
        ),
        (TopUpStop::NoPaymentMethod, "Top-up N was not paid, because no payment method is saved"),
        (TopUpStop::Refused, "Top-up N was not paid, because Stripe refused the payment"),
        (TopUpStop::NotGiven, "Top-up N was paid, and its credits could not be given"),
    ];
    for ((stop, words), n) in ways.into_iter().zip(1..) {
        story.then(JAN, bill(TopUpCommand::Set(Some(terms()))));
        let ended = bill(TopUpCommand::End { n, stop, payment: None });
        assert_eq!(story.then(JAN, ended).last(), words.replace('N', &n.to_string()) + until);
    }
    let put_off = story.then(JAN, bill(TopUpCommand::Set(Some(terms())))).last();
    let words = "The balance is low, and automatic top-ups have cost as much as they may this month: the next pack is \
                 bought on 2026-02-01T00:00:00Z at the earliest.";
    assert_eq!(put_off, words);
    // The new month asks again; a balance that recovers by a gift needs no pack.
    let feb = "2026-02-01T10:00:00Z";
    story.then(feb, Command::Tick);
    let gift = Command::Grant(GrantCommand::Give {
        give: crate::Give::Pack(pack()),
        source: None,
        reason: "sorry".to_owned(),
    });
    assert_eq!(
        story.then(feb, gift).last(),
        "Top-up 6 was dropped, and nothing is charged for it: a pack was bought meanwhile."
    );
}

#[test]
fn notices_are_told() {
    let catalog = CATALOG.replace("free_plan", "low_balance = 40\nfree_plan");
    let catalog = catalog.replace("name = \"Free\"", "name = \"Free\"\nretention = \"30 days\"");
    let mut story = Story::open_in(&catalog, None);
    story.then(JAN, record_payment("ch_1", 500, Goods::Pack(Name::from("pack-100"))));
    let hold = |credits| {
        Command::Hold(HoldCommand::Open {
            ask: Ask::Credits(amount(credits)),
            reference: "order".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        })
    };
    story.then(JAN, hold(100));
    assert_eq!(
        story
            .then(JAN, Command::Hold(HoldCommand::Capture { hold: 1, amount: Some(amount(90)) }))
            .explanation()
            .1
            .len(),
        1,
        "40 are left, which is not below 40"
    );
    story.then(JAN, hold(1));
    assert_eq!(
        story.then(JAN, Command::Hold(HoldCommand::Capture { hold: 2, amount: None })).last(),
        "The balance is low: 39 credits left, below 40."
    );
    let again = story.then(JAN, record_payment("ch_2", 500, Goods::Pack(Name::from("pack-100")))).last();
    assert_eq!(again, "The balance is no longer low: 149 credits.");
    let (_, lines) = story.then("2026-04-24T10:00:00Z", Command::Tick).explanation();
    assert!(lines.iter().any(|line| line.starts_with("9 credits will expire, left in ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("100 credits will expire, left in ")), "{lines:?}");
    story.then("2026-05-01T10:00:00Z", Command::Tick);

    story.then("2026-05-01T10:00:00Z", pays("in_1", ("pro", Interval::Month), 3_000, "2026-05-01T10:00:00Z"));
    let follow = |status| bill(PaymentCommand::FollowSubscription { subscription: Name::from("sub_1"), status });
    let ending = SubscriptionStatus::Continues { ending: true, change: None, processing: false };
    let said = story.then("2026-05-01T10:00:00Z", follow(ending)).last();
    assert!(said.contains("canceled"), "{said}");
    let (_, lines) = story.then("2026-05-31T10:00:00Z", Command::Tick).explanation();
    assert!(
        lines.contains(
            &"The free plan keeps outputs for 30 days, which is shorter than before; existing outputs are kept until \
              2026-06-30T10:00:00Z at least."
                .to_owned()
        ),
        "{lines:?}"
    );
}

/// The reason for which a plan ended is the first question of its members: only a renewal that was waited for in vain
/// was not paid.
#[test]
fn a_plan_that_ended_says_whether_its_renewal_was_not_paid() {
    let unpaid = "The starter plan ended and the workspace went to the free plan, because its renewal was not paid.";
    let follow = |status| bill(PaymentCommand::FollowSubscription { subscription: Name::from("sub_1"), status });
    let paid_for = || {
        let mut story = Story::open(None);
        story.then(JAN, pays("in_1", ("starter", Interval::Month), 1_000, JAN));
        story
    };
    let mut waited = paid_for();
    waited.then(FEB, Command::Tick);
    assert!(waited.then("2026-03-01T10:00:00Z", Command::Tick).explanation().1.contains(&unpaid.to_owned()));

    let mut given_up = paid_for();
    given_up.then(FEB, Command::Tick);
    assert!(
        given_up
            .then("2026-02-28T12:00:00Z", follow(SubscriptionStatus::Ended))
            .explanation()
            .1
            .contains(&unpaid.to_owned())
    );

    let mut canceled = paid_for();
    canceled.then(JAN, follow(SubscriptionStatus::Ended));
    let (_, lines) = canceled.then(FEB, Command::Tick).explanation();
    assert!(lines.contains(&"The starter plan ended and the workspace went to the free plan.".to_owned()), "{lines:?}");

    let mut renewed = paid_for();
    let (_, lines) = renewed.then(FEB, pays("in_2", ("starter", Interval::Month), 1_000, FEB)).explanation();
    assert!(lines.iter().any(|line| line.starts_with("Renewed the starter plan, paid monthly")), "{lines:?}");
}

#[test]
fn what_will_expire_is_told_in_its_own_unit() {
    let mut story = Story::open(None);
    let expires_at = Some("2026-03-31T10:00:00Z".parse().expect("RFC 3339"));
    let give = Give::Goodwill { unit: Unit::Training, amount: amount(2), expires_at, models: Vec::new() };
    story.then(JAN, Command::Grant(GrantCommand::Give { give, source: None, reason: "a present".to_owned() }));
    let (_, lines) = story.then("2026-03-24T10:00:00Z", Command::Tick).explanation();
    assert!(lines.iter().any(|line| line.starts_with("2 training units will expire, left in ")), "{lines:?}");
}
