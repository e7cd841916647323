//! Statements about Stripe's reports, an admin's purchases, and notices.
//!
//! **Invariant:** a story names the purchase and its start; the engine alone says what that gives.

use super::words::{Words, amount, read};
use super::{Scenario, same};
use scrip_engine::payments::{Goods, Payment, SubscriptionStatus, TopUpStatus, TopUpStop, TopUpTerms};
use scrip_engine::{
    Amount, Command, DatedEvent, Event, Interval, Name, PaymentCommand, ReviewCommand, Timestamp, TopUpCommand, Unit,
};

impl Scenario {
    /// Reads a command about money, if the verb is one.
    pub(super) fn money_command(&self, verb: &str, words: &mut Words) -> Result<Option<Command>, String> {
        if let Some(reversal) = reversal(verb, words)? {
            return Ok(Some(reversal));
        }
        Ok(Some(match verb {
            "pay" => PaymentCommand::Record(self.payment(words)?).into(),
            "follow" => {
                let subscription = subscription(words);
                PaymentCommand::FollowSubscription { subscription, status: status(words)? }.into()
            }
            "decline" => PaymentCommand::Fail {
                subscription: subscription(words),
                invoice: words.word("an invoice")?.as_str().into(),
                attempt: words.option("attempt").map_or(Ok(1), |attempt| read(&attempt, "an attempt"))?,
            }
            .into(),
            "top-up" => TopUpCommand::Set(top_up(words)?).into(),
            "awaited-top-up" => TopUpCommand::Await { n: words.parse("a purchase's number")? }.into(),
            "not-bought" => {
                let n = words.parse("a purchase's number")?;
                let stop = words.maybe().map_or(Ok(TopUpStop::Declined), |why| stop(&why))?;
                TopUpCommand::End { n, stop, payment: None }.into()
            }
            "apply-for" => {
                let review = review(words)?;
                let known = self.workspace.billing.reviews.get(&review);
                let next = known.map_or(0, |known| known.application) + 1;
                let application = words.option("application").map_or(Ok(next), |n| read(&n, "a number"))?;
                ReviewCommand::Request { review, application }.into()
            }
            "reject" => ReviewCommand::Reject { review: review(words)?, reason: reason(words) }.into(),
            "disapprove" => ReviewCommand::Revoke { review: review(words)?, reason: reason(words) }.into(),
            _ => return Ok(None),
        }))
    }

    /// `pay PACK source=S` or `pay PLAN INTERVAL source=S [from=…] [to=…] [anchor=…] [subscription=S]`, both with
    /// `[price=N] [paid=N] [currency=C]`. Options that are left out are as the newest catalog has them, from now on.
    fn payment(&self, words: &mut Words) -> Result<Payment, String> {
        let id: Name = words.word("a pack or a plan")?.as_str().into();
        let interval: Option<Interval> = words.maybe().map(|interval| read(&interval, "an interval")).transpose()?;
        let newest = &self.catalogs.newest().ok_or("`catalog` must come first")?.catalog;
        let (bought, listed) = match interval {
            None => {
                let pack = newest.packs.iter().find(|pack| pack.id == id);
                (Goods::Pack(id), pack.map(|pack| (Some(pack.amount), pack.currency.to_string())))
            }
            Some(interval) => {
                let plan = newest.plans.iter().find(|plan| plan.id == id);
                let price = plan.and_then(|plan| plan.prices.iter().find(|price| price.interval == interval));
                let listed = price.map(|price| (price.amount, price.currency.to_string()));
                (self.bought_period(id, interval, words)?, listed)
            }
        };
        let number = |name: &str, words: &mut Words| words.option(name).map(|text| amount(&text)).transpose();
        let (list_price, list_currency) = listed.unwrap_or((None, "usd".to_owned()));
        let price = number("price", words)?.or(list_price).ok_or("expected price=…: the catalog names none")?;
        let paid = number("paid", words)?.unwrap_or(price);
        let given = number("given", words)?.unwrap_or(Amount::ZERO);
        let currency = words.option("currency").unwrap_or(list_currency).as_str().into();
        let source = words.option("source").ok_or("expected source=…: what was paid")?.as_str().into();
        let offered = words.option("offered").map(|version| read(&version, "a version")).transpose()?;
        let top_up = words.option("top-up").map(|n| read(&n, "a purchase's number")).transpose()?;
        Ok(Payment { source, price, paid, given, currency, bought, offered, top_up })
    }

    fn bought_period(&self, plan: Name, interval: Interval, words: &mut Words) -> Result<Goods, String> {
        let mut instant = |name: &str| words.option(name).map(|at| read::<Timestamp>(&at, "an instant")).transpose();
        let (from, to, anchor) = (instant("from")?, instant("to")?, instant("anchor")?);
        let start = from.map_or_else(|| self.now(), Ok)?;
        let anchor = anchor.unwrap_or(start);
        let after = |n: &u32| anchor.nth(interval, *n) > start;
        let boundary = || (0..10_000).find(after).map(|n| anchor.nth(interval, n));
        let end = to.or_else(boundary).ok_or("expected to=…: the period has no end")?;
        Ok(Goods::Period { plan, interval, subscription: subscription(words), anchor, start, end })
    }

    /// Checks an expectation about money. `false` when the verb is not one.
    pub(super) fn expects_of_money(&self, verb: &str, words: &mut Words) -> Result<bool, String> {
        match verb {
            "frozen" => self.check_frozen(words),
            "awaited" => {
                let until = self.workspace.subscription.awaited_until;
                same("awaited", &words.word("an instant, or never")?, &or(until.map(|at| at.to_string()), "never"))
            }
            "carried" => {
                let said = |carried: &scrip_engine::CarriedPeriod| {
                    format!("{} {} {}", carried.plan, carried.period.interval.name(), carried.period.end)
                };
                let all: Vec<String> = self.workspace.subscription.carried.iter().map(said).collect();
                let expected = words.rest();
                same("carried", &expected, &or(Some(all.join(", ")).filter(|all| !all.is_empty()), "none"))
            }
            "bridged" => {
                let until = self.workspace.subscription.bridge_until;
                same("bridged", &words.word("an instant, or never")?, &or(until.map(|at| at.to_string()), "never"))
            }
            "failed" => {
                let failed = self.workspace.billing.failed.as_ref();
                let failed = failed.map(|(invoice, attempt)| format!("{invoice} {attempt}"));
                same("failed", &words.rest(), &or(failed, "none"))
            }
            "paid" => self.check_payment(words),
            "review" => {
                let review = review(words)?;
                let known = self.workspace.billing.reviews.get(&review);
                let known = known.map(|known| format!("{} {}", known.status.name(), known.application));
                same("review", &words.rest(), &or(known, "none"))
            }
            "told" => self.check_notices("told", words, |_| true),
            "mailed" => self.check_notices("mailed", words, scrip_engine::Notice::is_mailed),
            "top-ups" => self.top_ups(words),
            _ => return Ok(false),
        }
        .map(|()| true)
    }

    /// `frozen N`: the rest of a period that is over and whose renewal is not paid.
    fn check_frozen(&self, words: &mut Words) -> Result<(), String> {
        let frozen = self.workspace.grants.iter();
        let frozen = frozen.filter(|grant| grant.unit == Unit::Credits && self.workspace.is_frozen(grant));
        let got: Amount = frozen.map(|grant| grant.available).sum();
        same("frozen", &words.amount("an amount")?, &got)
    }

    /// `paid SOURCE [of SUBSCRIPTION] [less N of PAID]`, or `paid by-hand`: the payment of the current period.
    fn check_payment(&self, words: &mut Words) -> Result<(), String> {
        let got = self.workspace.subscription.payment.as_ref().map(|paid| {
            let less = paid.reversed.map(|(paid, reversed)| format!(" less {reversed} of {paid}"));
            format!("{} of {}{}", paid.source, paid.subscription, less.unwrap_or_default())
        });
        same("paid", &words.rest(), &or(got, "by-hand"))
    }

    /// `told NOTICE …` or `told nothing`: every notice of the last action or passing of time, in order; `mailed`
    /// lists those that are mailed.
    fn check_notices(
        &self,
        word: &str,
        words: &mut Words,
        counts: impl Fn(&scrip_engine::Notice) -> bool,
    ) -> Result<(), String> {
        let told = self.events.iter().filter_map(|DatedEvent(_, event)| match event {
            Event::Notice(notice) if counts(notice) => Some(notice.name()),
            _ => None,
        });
        let told: Vec<&str> = told.collect();
        same(word, &words.rest(), &if told.is_empty() { "nothing".to_owned() } else { told.join(" ") })
    }

    /// `top-ups N [pending N] spent N [STATUS]`: the number of wishes that ever were, the one that has not ended,
    /// this month's cost, and the status where it is not `on` or `buying`; or `top-ups off`.
    fn top_ups(&self, words: &mut Words) -> Result<(), String> {
        let Some(top_up) = &self.workspace.billing.top_up else {
            return same("top-ups", &words.rest(), &"off".to_owned());
        };
        let now = self.now()?;
        let status = match top_up.status(&self.workspace, &self.catalogs, now) {
            TopUpStatus::Off => return same("top-ups", &words.rest(), &"off".to_owned()),
            TopUpStatus::On | TopUpStatus::Buying => String::new(),
            TopUpStatus::UsedUp => " used_up".to_owned(),
            TopUpStatus::Frozen => " paused frozen".to_owned(),
            TopUpStatus::Disputed => " paused disputed".to_owned(),
            TopUpStatus::Stopped(why) => format!(" stopped {}", why.name()),
        };
        let pending = top_up.pending.as_ref().map(|purchase| format!(" pending {}", purchase.n)).unwrap_or_default();
        let (n, spent) = (self.workspace.billing.top_ups, top_up.spending_in_month(now));
        same("top-ups", &words.rest(), &format!("{n}{pending} spent {spent}{status}"))
    }
}

/// `refund`, `dispute`, `lose` and `win`: Stripe's report of what became of a payment.
fn reversal(verb: &str, words: &mut Words) -> Result<Option<Command>, String> {
    if !["refund", "dispute", "lose", "win"].contains(&verb) {
        return Ok(None);
    }
    let source = words.word("a payment")?.as_str().into();
    let gone = words.maybe().map(|gone| read::<u64>(&gone, "what has gone back")).transpose()?;
    let paid: u64 = read(&words.option("of").ok_or("expected of=…: what was paid")?, "what was paid")?;
    let (reversed, disputed) = match verb {
        "win" => (gone.unwrap_or(0), false),
        "dispute" => (gone.unwrap_or(paid), true),
        _ => (gone.unwrap_or(paid), false),
    };
    Ok(Some(Command::Payment(PaymentCommand::Reverse { source, paid, reversed, disputed })))
}

fn status(words: &mut Words) -> Result<SubscriptionStatus, String> {
    let goes = |ending, change| SubscriptionStatus::Continues { ending, change, processing: false };
    Ok(match words.word("goes-on, ending, processing, ended or then")?.as_str() {
        "goes-on" => goes(false, None),
        "ending" => goes(true, None),
        "processing" => SubscriptionStatus::Continues { ending: false, change: None, processing: true },
        "ended" => SubscriptionStatus::Ended,
        "then" => {
            let plan = words.word("a plan")?.as_str().into();
            goes(false, Some((plan, words.parse("an interval")?)))
        }
        other => return Err(format!("expected goes-on, ending, processing, ended or then, got `{other}`")),
    })
}

fn top_up(words: &mut Words) -> Result<Option<TopUpTerms>, String> {
    let pack = words.word("a pack, or off")?;
    if pack == "off" {
        return Ok(None);
    }
    let mut number = |name: &str| {
        let text = words.option(name).ok_or_else(|| format!("expected {name}=…"))?;
        amount(&text)
    };
    let (below, monthly_max) = (number("below")?, number("max")?);
    Ok(Some(TopUpTerms { pack: pack.as_str().into(), below, monthly_max }))
}

fn stop(name: &str) -> Result<TopUpStop, String> {
    let all = [
        TopUpStop::Declined,
        TopUpStop::AuthenticationRequired,
        TopUpStop::NoPaymentMethod,
        TopUpStop::PackChanged,
        TopUpStop::PackGone,
        TopUpStop::Refused,
        TopUpStop::NotGiven,
    ];
    all.into_iter().find(|one| one.name() == name).ok_or_else(|| format!("top-ups do not stop by `{name}`"))
}

/// Reads the name of a Stripe subscription; a story that has one need not name it.
fn subscription(words: &mut Words) -> Name {
    words.option("subscription").unwrap_or_else(|| "sub-1".to_owned()).as_str().into()
}

fn review(words: &mut Words) -> Result<Name, String> {
    Ok(words.word("a review")?.as_str().into())
}

fn reason(words: &mut Words) -> String {
    let said = words.rest();
    if said.is_empty() { "a test".to_owned() } else { said }
}

fn or(value: Option<String>, absent: &str) -> String {
    value.unwrap_or_else(|| absent.to_owned())
}
