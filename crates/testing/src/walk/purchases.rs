//! Random reports of Stripe's, and commands of an admin who buys, chosen so that most of them mean something.

use super::commands::{Asker, amount, name};
use super::{Pair, inside};
use scrip_engine::payments::{Goods, Payment, SubscriptionStatus, TopUpStop, TopUpTerms};
use scrip_engine::{Command, Interval, Name, PaymentCommand, ReviewCommand, Timestamp, TopUpCommand};

const DAY: i64 = 86_400_000_000;

/// Prices of plans and intervals, in both versions of the worlds that sell them at all.
const SOLD: [(&str, Interval, i64); 9] = [
    ("basic", Interval::Week, 300),
    ("basic", Interval::Month, 900),
    ("basic", Interval::Year, 9_000),
    ("pro", Interval::Week, 700),
    ("pro", Interval::Month, 2_000),
    ("pro", Interval::Year, 20_000),
    ("team", Interval::Month, 3_000),
    ("max", Interval::Month, 6_000),
    ("max", Interval::Year, 60_000),
];

impl Asker {
    /// Returns a command about money.
    pub fn buy(&mut self, pair: &Pair) -> Command {
        match self.dice.within(0, 99) {
            0..48 => PaymentCommand::Record(self.payment(pair)).into(),
            48..66 => {
                let processing = self.dice.percent(40);
                let status = match self.dice.within(0, 9) {
                    0..3 => SubscriptionStatus::Continues { ending: true, change: None, processing },
                    3..6 => {
                        let (plan, interval, _) = *self.dice.pick(&SOLD);
                        let plan = if self.dice.percent(95) { plan } else { "gold" };
                        SubscriptionStatus::Continues {
                            ending: false,
                            change: Some((name(plan), interval)),
                            processing,
                        }
                    }
                    6..9 => SubscriptionStatus::Continues { ending: false, change: None, processing },
                    _ => SubscriptionStatus::Ended,
                };
                PaymentCommand::FollowSubscription { subscription: self.subscription(pair), status }.into()
            }
            66..74 => PaymentCommand::Fail {
                subscription: self.subscription(pair),
                invoice: name(self.dice.pick(&["in_1", "in_2"])),
                attempt: u32::try_from(self.dice.within(1, 3)).expect("few"),
            }
            .into(),
            74..82 => TopUpCommand::Set(self.dice.percent(85).then(|| TopUpTerms {
                pack: name(self.dice.pick(&["small", "month", "month", "big", "huge"])),
                below: amount(*self.dice.pick(&[1, 50, 100, 100, 301, 1_000, 1_001, 0])),
                monthly_max: amount(*self.dice.pick(&[499, 500, 1_500, 4_000, 100_000])),
            }))
            .into(),
            82..90 => self.end_of_top_up(pair).into(),
            _ => self.review(pair).into(),
        }
    }

    /// Returns Stripe's outcome of a top-up's purchase, mostly the last one.
    fn end_of_top_up(&mut self, pair: &Pair) -> TopUpCommand {
        let last = i64::from(pair.engine.billing.top_ups);
        let n = if self.dice.percent(85) { last } else { self.dice.within(0, last + 1) };
        let n = u32::try_from(n).expect("few");
        let stop = *self.dice.pick(&[
            TopUpStop::Declined,
            TopUpStop::AuthenticationRequired,
            TopUpStop::NoPaymentMethod,
            TopUpStop::Refused,
            TopUpStop::NotGiven,
        ]);
        match self.dice.percent(40) {
            true => TopUpCommand::Await { n },
            false => TopUpCommand::End { n, stop, payment: self.dice.percent(50).then(|| name("pi_1")) },
        }
    }

    fn review(&mut self, pair: &Pair) -> ReviewCommand {
        let review = name(self.dice.pick(&["identity", "identity", "terms", "horoscope"]));
        let reason = if self.dice.percent(95) { "seen" } else { "" }.to_owned();
        match self.dice.within(0, 9) {
            0..6 => {
                let known = pair.engine.billing.reviews.get(&review).map_or(0, |review| review.application);
                let application = known + u32::from(self.dice.percent(90));
                ReviewCommand::Request { review, application }
            }
            6..8 => ReviewCommand::Reject { review, reason },
            _ => ReviewCommand::Revoke { review, reason },
        }
    }

    fn subscription(&mut self, pair: &Pair) -> Name {
        match &pair.engine.subscription.payment {
            Some(paid) if self.dice.percent(85) => paid.subscription.clone(),
            _ => name(self.dice.pick(&["sub_1", "sub_2", "sub_3"])),
        }
    }

    fn payment(&mut self, pair: &Pair) -> Payment {
        let source = self.source();
        let wish = pair.engine.billing.top_up.as_ref().and_then(|top_up| top_up.pending.as_ref());
        if let Some(wish) = wish.filter(|_| self.dice.percent(50)) {
            let n = if self.dice.percent(70) { wish.n } else { wish.n.saturating_sub(1) };
            return Payment {
                source,
                price: wish.amount,
                paid: wish.amount,
                given: amount(0),
                currency: wish.currency.clone(),
                bought: Goods::Pack(wish.pack.clone()),
                offered: wish.catalog.filter(|_| self.dice.percent(80)),
                top_up: Some(n),
            };
        }
        let currency = name(if self.dice.percent(98) { "usd" } else { "eur" });
        let (bought, price) = if self.dice.percent(25) {
            let (pack, price) = *self.dice.pick(&[("small", 500), ("big", 4_000), ("month", 1_000), ("huge", 1)]);
            (Goods::Pack(name(pack)), price)
        } else {
            self.period(pair)
        };
        let price = if self.dice.percent(97) { price } else { price + 1 };
        let paid = if self.dice.percent(97) { price } else { *self.dice.pick(&[0, 1]) };
        let given = amount(if self.dice.percent(10) { 100 } else { 0 });
        let last = pair.engine.billing.top_ups;
        let top_up = (matches!(bought, Goods::Pack(_)) && last > 0 && self.dice.percent(30)).then_some(last);
        Payment { source, price: amount(price), paid: amount(paid), given, currency, bought, offered: None, top_up }
    }

    /// Returns the next period of the current subscription, mostly; or one that begins now, or an unexpected one.
    fn period(&mut self, pair: &Pair) -> (Goods, i64) {
        let current = &pair.engine.subscription;
        let renewal = current.period.filter(|_| current.payment.is_some() && self.dice.percent(65));
        let (mut plan, mut interval, mut price) = *self.dice.pick(&SOLD);
        let kept = SOLD
            .iter()
            .find(|(id, every, _)| **id == *current.plan && renewal.is_some_and(|period| period.interval == *every));
        if let Some(sold) = kept.filter(|_| self.dice.percent(80)) {
            (plan, interval, price) = *sold;
        }
        let (anchor, start) = match renewal {
            Some(period) if interval == period.interval => (period.anchor, period.end),
            Some(period) => (period.end, period.end),
            None => {
                let late = *self.dice.pick(&[0, 0, 0, 1, 10, 40]) * DAY + self.dice.within(0, 1);
                let start = Timestamp::from_micros(inside(self.now - late));
                let anchor = start.after_micros(-*self.dice.pick(&[0, 0, 0, 1, 400]) * DAY);
                (if self.dice.percent(50) { start } else { anchor }, start)
            }
        };
        let boundary = (0..1_000).map(|n| anchor.nth(interval, n)).find(|end| *end > start);
        let end = if self.dice.percent(1) { start } else { boundary.unwrap_or(Timestamp::MAX) };
        let subscription = self.subscription(pair);
        (Goods::Period { plan: name(plan), interval, subscription, anchor, start, end }, price)
    }
}
