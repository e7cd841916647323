//! What a payment provider's truth does to a workspace: payments, renewals, endings; and automatic top-ups.

use super::Step;
use super::bounds::limit;
use super::reviews::required;
use super::subscriptions::{Cycle, grants_by_month};
use crate::amount::{Amount, Unit};
use crate::billing::command::{BillingCommand, Bought, Payment, Standing};
use crate::billing::event::BillingEvent;
use crate::billing::{Paid, TopUpTerms};
use crate::catalog::{Catalog, GrantKind, Name, Plan, Price, Published};
use crate::event::{Event, Start};
use crate::grant::CostBasis;
use crate::limits::{GRANTS_MAX, SOURCES_MAX};
use crate::refusal::Refusal;
use crate::subscription::Period;
use crate::time::{Interval, Timestamp};

/// A period as the provider bills it.
#[derive(Clone, Copy)]
struct Billed {
    interval: Interval,
    anchor: Timestamp,
    start: Timestamp,
    end: Timestamp,
}

impl<'a> Step<'a> {
    pub(super) fn billing(&mut self, command: &BillingCommand) -> Result<(), Refusal> {
        match command {
            BillingCommand::RecordPayment(payment) => self.record_payment(payment),
            BillingCommand::FollowSubscription { subscription, standing } => {
                self.follow_subscription(subscription, standing)
            }
            BillingCommand::FailPayment { subscription, invoice, attempt } => {
                self.fail_payment(subscription, invoice, *attempt)
            }
            BillingCommand::SetTopUp(terms) => self.set_top_up(terms.as_ref()),
            BillingCommand::EndTopUp { n, declined } => self.end_top_up(*n, *declined),
            BillingCommand::RequestReview { review, application } => self.request_review(review, *application),
            BillingCommand::RejectReview { review, reason } => self.reject_review(review, reason),
            BillingCommand::RevokeReview { review, reason } => self.revoke_review(review, reason),
        }
    }

    /// Gives what a payment bought, once (R7).
    fn record_payment(&mut self, payment: &Payment) -> Result<(), Refusal> {
        if self.workspace.sources.contains(&payment.source) {
            return Ok(());
        }
        if payment.paid.is_zero() && payment.given.is_zero() {
            return Err(Refusal::invalid("/paid", "nothing was paid, so nothing is given"));
        }
        let open = self.workspace.grants.iter().filter(|grant| !grant.closed()).count();
        limit("grants", GRANTS_MAX, open)?;
        limit("sources", SOURCES_MAX, self.workspace.sources.len())?;
        match &payment.bought {
            Bought::Pack(id) => {
                let is_it = |catalog: &'a Catalog| {
                    catalog.pack(id).filter(|pack| costs(payment, Some(pack.amount), &pack.currency))
                };
                let (_, pack) = self.sold_as(payment, self.at, is_it)?;
                self.sell_pack(pack, payment.paid, &payment.source, "paid through the provider");
                Ok(())
            }
            Bought::Period { plan, interval, subscription, anchor, start, end } => {
                let billed = Billed { interval: *interval, anchor: *anchor, start: *start, end: *end };
                self.record_period(payment, plan, subscription, billed)
            }
        }
    }

    fn record_period(
        &mut self,
        payment: &Payment,
        plan: &Name,
        subscription: &Name,
        billed: Billed,
    ) -> Result<(), Refusal> {
        if billed.start >= billed.end {
            return Err(Refusal::invalid("/end", "must be after the start"));
        }
        // A renewal is sold as on the day it began, however late its payment is heard of (R33).
        let current = self.workspace.subscription.payment.as_ref();
        let renews = current.is_some_and(|paid| paid.subscription == *subscription);
        let sold_at = if renews { billed.start.min(self.at) } else { self.at };
        let (published, (plan, price)) = self.sold_as(payment, sold_at, |catalog| {
            let plan = catalog.plan(plan)?;
            let price = plan.price(billed.interval)?;
            costs(payment, price.amount, &price.currency).then_some((plan, price))
        })?;
        required(&self.workspace, &published.catalog, plan)?;
        self.emit(Event::Billing(BillingEvent::PeriodPaid {
            source: payment.source.clone(),
            subscription: subscription.clone(),
            plan: plan.id.clone(),
            interval: billed.interval,
            catalog: published.version,
            start: billed.start,
            end: billed.end,
            amount: payment.paid,
            currency: payment.currency.clone(),
        }));
        match self.start_of(published, plan, subscription, billed) {
            None => self.give_beside(payment, price, billed),
            Some(why) => self.start_paid_period(published, plan, price, payment, subscription, billed, why),
        }
        Ok(())
    }

    /// Returns the version that a checkout session showed, where one did and sells it at the payment's price; else the
    /// newest in force at an instant that sells it at that price. So nobody gets for an old price what is sold at a new
    /// one, and the old price goes on buying what was sold for it (R33).
    fn sold_as<T>(
        &self,
        payment: &Payment,
        at: Timestamp,
        is_it: impl Fn(&'a Catalog) -> Option<T>,
    ) -> Result<(&'a Published, T), Refusal> {
        let newest = self.offer()?.version;
        let then = self.catalogs.in_force(at, self.workspace.test_clock).map_or(newest, |then| then.version);
        let offered = payment.offered.and_then(|offered| self.catalogs.get(offered));
        let until = |version: u32| self.catalogs.all().iter().rev().filter(move |known| known.version <= version);
        let versions = offered.into_iter().chain(until(then)).chain(until(newest));
        let mut sold = versions.filter_map(|published| Some((published, is_it(&published.catalog)?)));
        sold.next().ok_or_else(|| {
            let Payment { price, currency, .. } = payment;
            Refusal::invalid("/price", format!("no version of the catalog sells this for {price} {currency}"))
        })
    }

    /// Why a paid period becomes the workspace's current one; `None` when it does not: it is over, or an older one than
    /// the current, or the operator has agreed on more by contract.
    fn start_of(&self, offer: &Published, plan: &Plan, subscription: &Name, billed: Billed) -> Option<Start> {
        let current = &self.workspace.subscription;
        let Some(period) = current.period else { return (billed.end > self.at).then_some(Start::New) };
        let rank = |id: &Name| offer.catalog.plan_rank(id);
        let same = current.payment.as_ref().is_some_and(|paid| paid.subscription == *subscription);
        let by_contract = current.payment.is_none() && rank(&current.plan) > rank(&plan.id);
        let older = current.payment.is_some() && billed.start < period.start;
        if billed.end <= self.at || by_contract || older {
            return None;
        }
        let less = rank(&plan.id) < rank(&current.plan) || billed.interval < period.interval;
        Some(match () {
            () if !same => Start::Upgrade,
            () if plan.id == current.plan && billed.interval == period.interval && billed.start >= period.end => {
                Start::Renewal
            }
            () if less || billed.start >= period.end => Start::Change,
            () => Start::Upgrade,
        })
    }

    #[allow(clippy::too_many_arguments, reason = "a paid period is what these say")]
    fn start_paid_period(
        &mut self,
        offer: &'a Published,
        plan: &'a Plan,
        price: &'a Price,
        payment: &Payment,
        subscription: &Name,
        billed: Billed,
        why: Start,
    ) {
        self.end_frozen(self.at);
        if why == Start::Upgrade {
            self.leave_cycle();
        }
        let period = period_of(price, billed, self.at);
        let paid = Some(Paid {
            subscription: subscription.clone(),
            source: payment.source.clone(),
            amount: payment.paid,
            currency: payment.currency.clone(),
            reversed: None,
        });
        self.start_period(Cycle { offer, plan, price, allowance: None, why, period, payment: paid }, self.at);
        self.keep_migrated(self.at);
    }

    /// A period that was paid for and does not become the current one gives what it was sold with, until its own end:
    /// of a year that is granted by the month, every month that is not over.
    fn give_beside(&mut self, payment: &Payment, price: &Price, billed: Billed) {
        let Billed { start, end, .. } = billed;
        let over = (1..12).filter(|month| start.nth(Interval::Month, *month) <= self.at).count();
        let left =
            if end > self.at { 12 - i64::try_from(over).expect("at most eleven months are counted") } else { 12 };
        for template in &price.grants {
            let months = template.every == Some(Interval::Month) && price.interval == Interval::Year;
            let of_year = |months| Amount::new(template.amount.get() * months).unwrap_or(template.amount);
            let (amount, whole) =
                if months { (of_year(left), of_year(12)) } else { (template.amount, template.amount) };
            let kind = if template.bonus { GrantKind::Bonus } else { GrantKind::Cycle };
            let (currency, paid) = (payment.currency.clone(), payment.paid);
            let cost = CostBasis { currency, amount: paid, credits: whole };
            let grant = self.workspace.next_grant;
            self.emit(Event::GrantIssued {
                grant,
                code: template.code.clone(),
                kind,
                unit: template.unit,
                amount,
                models: template.models.clone(),
                rank: self.catalog().rank(kind),
                source: payment.source.clone(),
                cost_basis: Some(cost).filter(|_| kind == GrantKind::Cycle && template.unit == Unit::Credits),
                expires_at: Some(end),
                notice_at: None,
                from: None,
                reason: None,
            });
            if end <= self.at {
                self.emit(Event::GrantExpired { grant, amount });
            }
        }
    }

    /// Agrees with the provider on how a subscription goes on. What it says of any but the current one is old news.
    fn follow_subscription(&mut self, subscription: &Name, standing: &Standing) -> Result<(), Refusal> {
        let current = self.workspace.subscription.clone();
        let (Some(paid), Some(period)) = (&current.payment, current.period) else { return Ok(()) };
        if paid.subscription != *subscription {
            return Ok(());
        }
        match standing {
            // What is paid for is had to its end, however the provider's subscription ends (R32).
            Standing::Ended if self.at < period.end => self.schedule_cancel(),
            Standing::Ended => {
                self.end_subscription(self.at, true);
                Ok(())
            }
            Standing::Goes { ending, change, processing } => {
                match change {
                    _ if *ending => self.schedule_cancel()?,
                    Some((plan, interval)) => self.schedule_change(plan, *interval)?,
                    None => self.clear_schedule()?,
                }
                self.follow_processing(period.end, *processing);
                Ok(())
            }
        }
    }

    /// Waits longer for a renewal whose payment is on its way, and no longer for one whose payment has failed (R4).
    fn follow_processing(&mut self, period_end: Timestamp, processing: bool) {
        let current = &self.workspace.subscription;
        if current.awaited_until.is_none() || current.processing == processing {
            return;
        }
        let (payment, whole) = (self.catalog().payment_grace, self.catalog().processing_grace);
        let until = period_end.after(if processing { whole } else { payment });
        if until <= self.at {
            self.end_subscription(self.at, true);
        } else if processing {
            self.emit(Event::Billing(BillingEvent::PaymentProcessing { until }));
        } else {
            self.emit(Event::Billing(BillingEvent::PaymentAwaited { until, bridge: None }));
        }
    }

    fn schedule_change(&mut self, plan: &Name, interval: Interval) -> Result<(), Refusal> {
        let offer = self.offer()?;
        let known = offer.catalog.plan(plan).filter(|plan| plan.price(interval).is_some());
        let known = known.ok_or_else(|| Refusal::invalid("/plan", format!("`{plan}` is not sold so")))?;
        required(&self.workspace, &offer.catalog, known)?;
        let change = (plan.clone(), interval);
        let current = &self.workspace.subscription;
        if current.pending.as_ref() != Some(&change) || current.cancel {
            self.emit(Event::ChangeScheduled { plan: change.0, interval, allowance: None });
        }
        Ok(())
    }

    fn fail_payment(&mut self, subscription: &Name, invoice: &Name, attempt: u32) -> Result<(), Refusal> {
        let current = self.workspace.subscription.payment.as_ref();
        let ours = current.is_some_and(|paid| paid.subscription == *subscription);
        let known = self.workspace.billing.failed.as_ref();
        let told = known.is_some_and(|(known, last)| known == invoice && *last >= attempt);
        if ours && !told {
            self.emit(Event::Billing(BillingEvent::PaymentFailed { invoice: invoice.clone(), attempt }));
        }
        Ok(())
    }

    fn set_top_up(&mut self, terms: Option<&TopUpTerms>) -> Result<(), Refusal> {
        let known = self.workspace.billing.top_up.as_ref();
        let Some(terms) = terms else {
            if known.is_some_and(|known| !known.off) {
                self.emit(Event::Billing(BillingEvent::TopUpUnset));
            }
            return Ok(());
        };
        let pack = self.terms().menu.catalog.pack(&terms.pack);
        let pack = pack.ok_or_else(|| Refusal::invalid("/pack", format!("there is no pack `{}`", terms.pack)))?;
        if terms.below.is_zero() || terms.below > pack.credits {
            return Err(Refusal::invalid("/below", format!("must be 1 to {}, what the pack brings", pack.credits)));
        }
        if terms.monthly_max < pack.amount {
            return Err(Refusal::invalid(
                "/monthly_max",
                format!("must be at least {}, the pack's price", pack.amount),
            ));
        }
        if known.is_none_or(|known| known.terms != *terms || known.stopped || known.off) {
            self.emit(Event::Billing(BillingEvent::TopUpSet { terms: terms.clone() }));
        }
        Ok(())
    }

    fn end_top_up(&mut self, n: u32, declined: bool) -> Result<(), Refusal> {
        let pending = self.workspace.billing.top_up.as_ref().and_then(|top_up| top_up.pending.as_ref());
        if pending.is_some_and(|pending| pending.n == n) {
            self.emit(Event::Billing(BillingEvent::TopUpEnded { n, declined }));
        }
        Ok(())
    }
}

/// Whether something is sold at a payment's price.
fn costs(payment: &Payment, amount: Option<Amount>, currency: &str) -> bool {
    amount == Some(payment.price) && currency == &*payment.currency
}

/// The period as it is billed, with its number from the anchor, and the month of it that it is now. Months that have
/// passed before the payment was heard of have ended (R3). What does not stand on its anchor is its own.
fn period_of(price: &Price, billed: Billed, now: Timestamp) -> Period {
    let Billed { interval, anchor, start, end } = billed;
    let mut index = 0;
    while anchor.nth(interval, index) < start {
        index += 1;
    }
    let (anchor, index) = if anchor.nth(interval, index) == start { (anchor, index) } else { (start, 0) };
    let first = index * 12 + 1;
    let passed = (first..first + 12).take_while(|month| anchor.nth(Interval::Month, *month) <= now.min(end)).count();
    let month = first + u32::try_from(passed).expect("at most twelve");
    Period { interval, anchor, index, start, end, next_month: grants_by_month(price).then_some(month) }
}
