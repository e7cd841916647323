//! Time of the account: periods, and what falls due.

use super::{Account, Attempt, Card, DAY, HOUR, Presence};

/// Hours after which Stripe gives up a subscription or a change whose first payment did not come.
const PATIENCE: i64 = 23 * HOUR;

/// Reminder of something that falls due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Settle(String),
    ExpireSession(String),
    ExpireSubscription(String),
    ExpirePending(String),
    Renew(String),
    Finalize(String),
    Collect(String),
}

/// Returns the instant a number of intervals after another, by the calendar.
pub fn after(anchor: i64, interval: &str, times: u32) -> i64 {
    let interval: scrip_engine::Interval = interval.parse().expect("an interval");
    let anchor = scrip_engine::Timestamp::from_micros(anchor * 1_000_000);
    anchor.nth(interval, times).micros() / 1_000_000
}

impl Account {
    /// Returns the next instant at which something is due.
    pub fn next_due(&self) -> Option<i64> {
        self.due().map(|(at, _)| at.max(self.now))
    }

    fn due(&self) -> Option<(i64, Due)> {
        let settles = self.intents.iter().filter_map(|(id, one)| Some((one.settles_at?, Due::Settle(id.clone()))));
        let sessions = self.sessions.iter().filter(|(_, one)| one.status == "open");
        let sessions = sessions.map(|(id, one)| (one.expires_at, Due::ExpireSession(id.clone())));
        let incomplete = self.subscriptions.iter().filter(|(_, one)| one.status == "incomplete");
        let incomplete =
            incomplete.filter(|(id, _)| !self.unsettled_invoices(id).iter().any(|one| self.is_processing(one)));
        let incomplete = incomplete.map(|(id, one)| (one.created + PATIENCE, Due::ExpireSubscription(id.clone())));
        let pending = self.subscriptions.iter().filter_map(|(id, one)| {
            let (_, invoice) = one.pending.as_ref().filter(|(_, invoice)| !self.is_processing(invoice))?;
            Some((self.invoices[invoice].created + PATIENCE, Due::ExpirePending(id.clone())))
        });
        let renewals = self.subscriptions.iter().filter(|(_, one)| one.goes_on()).map(|(id, one)| {
            let ends = one.cancel_at_period_end || one.cancel_at.is_some_and(|at| at <= one.end);
            (one.end + if ends { 0 } else { self.draft_after }, Due::Renew(id.clone()))
        });
        let drafts = self.invoices.iter().filter(|(_, one)| one.status == "draft");
        let drafts = drafts.filter_map(|(id, one)| Some((one.finalizes_at?, Due::Finalize(id.clone()))));
        let retries = self.invoices.iter().filter(|(_, one)| one.status == "open");
        let retries = retries.filter_map(|(id, one)| Some((one.next_attempt?, Due::Collect(id.clone()))));
        settles.chain(sessions).chain(incomplete).chain(pending).chain(renewals).chain(drafts).chain(retries).min()
    }

    /// Lets time pass up to an instant.
    pub fn advance(&mut self, to: i64) {
        while let Some((at, due)) = self.due().filter(|(at, _)| *at <= to) {
            self.now = self.now.max(at);
            self.fall_due(due);
        }
        self.now = self.now.max(to);
        let oldest = self.now - DAY;
        self.kept.retain(|_, kept| kept.at > oldest);
    }

    fn fall_due(&mut self, due: Due) {
        match due {
            Due::Settle(intent) => self.settle_debit(&intent),
            Due::ExpireSession(id) => self.expire_session(&id),
            Due::ExpireSubscription(id) => self.end(&id),
            Due::ExpirePending(id) => {
                let (_, invoice) = self.subscription_mut(&id).pending.take().expect("it was pending");
                self.void(&invoice);
                self.tell_of_subscription("customer.subscription.updated", &id);
            }
            Due::Renew(id) => self.renew(&id),
            Due::Finalize(id) => {
                self.finalize(&id);
                if self.invoices[&id].status == "open" {
                    self.collect(&id, None, Presence::Away, true);
                }
            }
            Due::Collect(id) => {
                self.invoice_mut(&id).next_attempt = None;
                self.collect(&id, None, Presence::Away, true);
            }
        }
    }

    pub(super) fn expire_session(&mut self, id: &str) {
        let session = self.sessions.get_mut(id).expect("a session that was made");
        session.status = "expired";
        let customer = session.customer.clone();
        self.emit("checkout.session.expired", "checkout.session", id, &customer);
    }

    fn settle_debit(&mut self, id: &str) {
        let method = self.intents[id].method.clone().expect("a debit has an account");
        let settles = matches!(self.cards[&method], Card::Debit { settles: true, .. });
        if settles {
            self.succeed(id);
        } else {
            self.fail(id);
        }
        let invoice = self.intents[id].invoice.clone();
        let session = self
            .sessions
            .iter()
            .find(|(_, one)| one.intent.as_deref() == Some(id) || (one.invoice.is_some() && one.invoice == invoice));
        let Some((session, customer)) = session.map(|(session, one)| (session.clone(), one.customer.clone())) else {
            return;
        };
        let kind = if settles {
            self.sessions.get_mut(&session).expect("it was found").payment_status = "paid";
            "checkout.session.async_payment_succeeded"
        } else {
            "checkout.session.async_payment_failed"
        };
        self.emit(kind, "checkout.session", &session, &customer);
    }

    /// Ends a period of a subscription: the subscription ends with it, or the next period begins there.
    fn renew(&mut self, id: &str) {
        let before = self.subscriptions[id].clone();
        if before.cancel_at_period_end || before.cancel_at.is_some_and(|at| at <= before.end) {
            return self.end(id);
        }
        let phase = before.schedule.as_ref().and_then(|schedule| self.schedules[schedule].phases.last().cloned());
        match phase.filter(|phase| phase.start <= before.end) {
            Some(phase) => {
                let interval = |account: &Account, price: &str| account.prices[price].interval.clone();
                let same = interval(self, &phase.price) == interval(self, &before.price);
                self.close_schedule(id, "released", "subscription_schedule.released");
                if same {
                    let end = self.next_end(&before.price, before.anchor, before.end);
                    let subscription = self.subscription_mut(id);
                    subscription.price = phase.price;
                    (subscription.start, subscription.end) = (before.end, end);
                } else {
                    self.switch_price(id, &phase.price, before.end);
                }
            }
            None => {
                let end = self.next_end(&before.price, before.anchor, before.end);
                let subscription = self.subscription_mut(id);
                (subscription.start, subscription.end) = (before.end, end);
            }
        }
        let now = self.subscriptions[id].clone();
        let line = self.line_of(id, &now.price, (now.start, now.end));
        self.draft(&now.customer, id, "subscription_cycle", vec![line], now.status != "unpaid");
        self.tell_of_subscription("customer.subscription.updated", id);
    }

    fn next_end(&self, price: &str, anchor: i64, end: i64) -> i64 {
        let ends = (1..).map(|times| self.after(price, anchor, times));
        ends.into_iter().find(|next| *next > end).expect("periods never stop")
    }

    pub(super) fn close_schedule(&mut self, subscription: &str, status: &'static str, kind: &'static str) {
        let Some(schedule) = self.subscription_mut(subscription).schedule.take() else { return };
        self.schedules.get_mut(&schedule).expect("it was made").status = status;
        let customer = self.subscriptions[subscription].customer.clone();
        self.emit(kind, "subscription_schedule", &schedule, &customer);
    }

    /// Collects an invoice on its hosted page, with a card of the visitor.
    pub fn pay_on_page(&mut self, invoice: &str, card: Card) -> Option<Attempt> {
        let found = &self.invoices[invoice];
        if !matches!(found.status, "open" | "uncollectible") || self.is_processing(invoice) || found.remaining() == 0 {
            return None;
        }
        let method = self.method(card);
        self.collect(invoice, Some(method), Presence::Here, false)
    }
}
