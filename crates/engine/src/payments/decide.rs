//! Decisions about payments: purchases, renewals and endings that Stripe reports.

use crate::apply::bounds::limit;
use crate::apply::step::Step;
use crate::catalog::{Catalog, GrantKind, Name, Plan, Price, PublishedCatalog};
use crate::grants::{CostBasis, GrantEvent};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::limits::{GRANTS_MAX, SOURCES_MAX};
use crate::kernel::time::{Interval, Timestamp};
use crate::payments::{Goods, Payment, PaymentCommand, PaymentEvent, PeriodPayment, SubscriptionStatus};
use crate::plans::decide::{Cycle, grants_by_month};
use crate::plans::purchase::is_downgrade;
use crate::plans::subscription::{Period, Which};
use crate::plans::{PlanEvent, Start};
use crate::refusal::Refusal;
use crate::reviews::decide::require_reviews;
use crate::team::rights::Need;

/// Dates of a period as Stripe invoices it.
#[derive(Clone, Copy)]
struct InvoicedPeriod {
    interval: Interval,
    anchor: Timestamp,
    start: Timestamp,
    end: Timestamp,
}

/// A period that was paid for, and the version that sold it.
struct Sale<'a, 'p> {
    offer: &'a PublishedCatalog,
    plan: &'a Plan,
    price: &'a Price,
    payment: &'p Payment,
    subscription: &'p Name,
}

impl Sale<'_, '_> {
    fn payment(&self) -> PeriodPayment {
        PeriodPayment {
            subscription: self.subscription.clone(),
            source: self.payment.source.clone(),
            amount: self.payment.paid,
            currency: self.payment.currency.clone(),
            reversed: None,
        }
    }
}

/// Place of a paid period among those of its workspace.
enum Place {
    /// The current period of the workspace.
    Current(Start),
    /// A carried period beside the current one.
    Beside,
    /// A period that was over before its payment was known.
    Over,
}

/// Decides a command about payments and the subscription at Stripe.
pub(crate) fn decide(step: &mut Step<'_>, command: &PaymentCommand) -> Result<(), Refusal> {
    match command {
        PaymentCommand::Record(payment) => step.record_payment(payment),
        PaymentCommand::Reverse { source, paid, reversed, disputed } => {
            step.reverse(source, *paid, *reversed, *disputed)
        }
        PaymentCommand::FollowSubscription { subscription, status } => step.follow_subscription(subscription, status),
        PaymentCommand::Fail { subscription, invoice, attempt } => step.fail_payment(subscription, invoice, *attempt),
    }
}

/// Returns the right that a caller needs for a command about payments.
pub(crate) const fn need(command: &PaymentCommand) -> Need<'static> {
    match command {
        PaymentCommand::Record(_)
        | PaymentCommand::Reverse { .. }
        | PaymentCommand::FollowSubscription { .. }
        | PaymentCommand::Fail { .. } => Need::Operator,
    }
}

impl<'a> Step<'a> {
    /// Gives the grants that a payment bought, once (R7).
    fn record_payment(&mut self, payment: &Payment) -> Result<(), Refusal> {
        if self.workspace.sources.contains(&payment.source) {
            payment.top_up.into_iter().for_each(|n| self.end_paid_wish(n));
            return Ok(());
        }
        if payment.paid.is_zero() && payment.given.is_zero() {
            return Err(Refusal::invalid("/paid", "nothing was paid, so nothing is given"));
        }
        let open = self.workspace.grants.iter().filter(|grant| !grant.is_closed()).count();
        limit("grants", GRANTS_MAX, open)?;
        limit("sources", SOURCES_MAX, self.workspace.sources.len())?;
        match &payment.bought {
            Goods::Pack(id) => {
                let is_it = |catalog: &'a Catalog| {
                    catalog.pack(id).filter(|pack| costs(payment, Some(pack.amount), &pack.currency))
                };
                let (_, pack) = self.find_version(payment, self.at, is_it)?;
                self.sell_pack(pack, payment.paid, &payment.source, "paid through the provider");
                self.end_wish_by_payment(payment);
                Ok(())
            }
            Goods::Period { plan, interval, subscription, anchor, start, end } => {
                let billed = InvoicedPeriod { interval: *interval, anchor: *anchor, start: *start, end: *end };
                self.record_period(payment, plan, subscription, billed)
            }
        }
    }

    fn record_period(
        &mut self,
        payment: &Payment,
        plan: &Name,
        subscription: &Name,
        billed: InvoicedPeriod,
    ) -> Result<(), Refusal> {
        if billed.start >= billed.end {
            return Err(Refusal::invalid("/end", "must be after the start"));
        }
        // A renewal is sold as on the day it began, however late its payment is known (R33).
        let current = self.workspace.subscription.payment.as_ref();
        let renews = current.is_some_and(|paid| paid.subscription == *subscription);
        let sold_at = if renews { billed.start.min(self.at) } else { self.at };
        let (published, (plan, price)) = self.find_version(payment, sold_at, |catalog| {
            let plan = catalog.plan(plan)?;
            let price = plan.price(billed.interval)?;
            costs(payment, price.amount, &price.currency).then_some((plan, price))
        })?;
        require_reviews(&self.workspace, &published.catalog, plan)?;
        self.emit(PaymentEvent::PeriodPaid {
            source: payment.source.clone(),
            subscription: subscription.clone(),
            plan: plan.id.clone(),
            interval: billed.interval,
            catalog: published.version,
            start: billed.start,
            end: billed.end,
            amount: payment.paid,
            currency: payment.currency.clone(),
        });
        let sale = Sale { offer: published, plan, price, payment, subscription };
        match self.place_of(published, plan, subscription, billed) {
            Place::Over => self.give_over(&sale, billed),
            Place::Beside => self.carry_beside(&sale, billed),
            Place::Current(why) => self.start_paid_period(&sale, billed, why),
        }
        Ok(())
    }

    /// Returns the version that a checkout session showed, where one did and sells it at the payment's price; else
    /// the newest in force at an instant that sells it at that price. So an old price never buys what is sold at a
    /// new one, and the old price goes on buying what was sold for it (R33).
    fn find_version<T>(
        &self,
        payment: &Payment,
        at: Timestamp,
        is_it: impl Fn(&'a Catalog) -> Option<T>,
    ) -> Result<(&'a PublishedCatalog, T), Refusal> {
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

    /// Returns the place of a paid period. Of two subscriptions the higher plan is the current one, and the
    /// operator's contract is where it agrees on more.
    fn place_of(&self, offer: &PublishedCatalog, plan: &Plan, subscription: &Name, billed: InvoicedPeriod) -> Place {
        if billed.end <= self.at {
            return Place::Over;
        }
        let workspace = &self.workspace.subscription;
        let Some(period) = workspace.period else { return Place::Current(Start::New) };
        let (from, to) = (self.current(period), (&*plan.id, billed.interval));
        let is_less = is_downgrade(&offer.catalog, from, to);
        let is_older = billed.start < period.start;
        let follows = billed.start >= period.end;
        match &workspace.payment {
            Some(paid) if paid.subscription == *subscription => match () {
                () if is_older => Place::Beside,
                () if from == to && follows => Place::Current(Start::Renewal),
                () if is_less || follows => Place::Current(Start::Change),
                () => Place::Current(Start::Upgrade),
            },
            Some(_) if period.end <= self.at => Place::Current(Start::Upgrade),
            Some(_) if is_older && from == to => Place::Beside,
            _ if is_less => Place::Beside,
            _ => Place::Current(Start::Upgrade),
        }
    }

    fn start_paid_period(&mut self, sale: &Sale<'a, '_>, billed: InvoicedPeriod, why: Start) {
        self.end_frozen(self.at);
        match why {
            Start::Upgrade => self.leave_cycle(),
            Start::Change => self.carry_current(),
            Start::New | Start::Renewal | Start::Resumed => {}
        }
        let Sale { offer, plan, price, .. } = *sale;
        let (period, payment) = (period_of(price, billed, self.at), Some(sale.payment()));
        self.start_period(Cycle { offer, plan, price, allowance: None, why, period, payment }, self.at);
        self.keep_migrated(self.at);
    }

    /// Gives the grants of a period while the current one is worth more: it is carried until that ends first (R31).
    fn carry_beside(&mut self, sale: &Sale<'a, '_>, billed: InvoicedPeriod) {
        self.emit(PlanEvent::PeriodCarried {
            plan: sale.plan.id.clone(),
            catalog: sale.offer.version,
            period: period_of(sale.price, billed, self.at),
            allowance: None,
            payment: Some(sale.payment()),
            replaced: false,
            grants: Vec::new(),
        });
        let place = self.workspace.subscription.carried.len() - 1;
        self.grant_period(Which::Carried(place), sale.price, None, self.at);
    }

    /// Gives the grants of a period that was over before its payment was known: they have expired.
    fn give_over(&mut self, sale: &Sale<'a, '_>, billed: InvoicedPeriod) {
        for template in &sale.price.grants {
            let is_monthly = template.every == Some(Interval::Month) && sale.price.interval == Interval::Year;
            let months = if is_monthly { 12 } else { 1 };
            let amount = Amount::new(template.amount.get() * months).unwrap_or(template.amount);
            let kind = if template.bonus { GrantKind::Bonus } else { GrantKind::Cycle };
            let (currency, paid) = (sale.payment.currency.clone(), sale.payment.paid);
            let cost = CostBasis { currency, amount: paid, credits: amount };
            let cost = Some(cost).filter(|_| kind == GrantKind::Cycle && template.unit == Unit::Credits);
            let (grant, source) = (self.workspace.next_grant, sale.payment.source.clone());
            self.grant_paid(kind, template, amount, source, cost, self.at, Some(billed.end));
            self.emit(GrantEvent::GrantExpired { grant, amount });
        }
    }

    /// Follows the status of a Stripe subscription. The status of any but the current subscription is ignored.
    fn follow_subscription(&mut self, subscription: &Name, status: &SubscriptionStatus) -> Result<(), Refusal> {
        let current = self.workspace.subscription.clone();
        let (Some(paid), Some(period)) = (&current.payment, current.period) else { return Ok(()) };
        if paid.subscription != *subscription {
            return Ok(());
        }
        match status {
            // A paid period lasts to its end, however the Stripe subscription ends (R32).
            SubscriptionStatus::Ended if self.at < period.end => self.schedule_cancel(),
            SubscriptionStatus::Ended => {
                self.end_subscription(self.at, true);
                Ok(())
            }
            SubscriptionStatus::Continues { ending, change, processing } => {
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
        let payment = self.longest(|catalog| catalog.payment_grace);
        let whole = self.longest(|catalog| catalog.processing_grace);
        let until = period_end.after(if processing { whole } else { payment });
        if until <= self.at {
            self.end_subscription(self.at, true);
        } else if processing {
            self.emit(PaymentEvent::PaymentProcessing { until });
        } else {
            self.emit(PaymentEvent::PaymentAwaited { until, bridge: None });
        }
    }

    fn schedule_change(&mut self, plan: &Name, interval: Interval) -> Result<(), Refusal> {
        let offer = self.offer()?;
        let known = offer.catalog.plan(plan).filter(|plan| plan.price(interval).is_some());
        let known =
            known.ok_or_else(|| Refusal::invalid("/plan", format!("`{plan}` has no price for this interval")))?;
        require_reviews(&self.workspace, &offer.catalog, known)?;
        let change = (plan.clone(), interval);
        let current = &self.workspace.subscription;
        if current.pending.as_ref() != Some(&change) || current.cancel {
            self.emit(PlanEvent::ChangeScheduled { plan: change.0, interval, allowance: None });
        }
        Ok(())
    }

    fn fail_payment(&mut self, subscription: &Name, invoice: &Name, attempt: u32) -> Result<(), Refusal> {
        let current = self.workspace.subscription.payment.as_ref();
        let ours = current.is_some_and(|paid| paid.subscription == *subscription);
        let known = self.workspace.billing.failed.as_ref();
        let told = known.is_some_and(|(known, last)| known == invoice && *last >= attempt);
        if ours && !told {
            self.emit(PaymentEvent::PaymentFailed { invoice: invoice.clone(), attempt });
        }
        Ok(())
    }
}

/// Returns true if the amount and currency are the payment's price.
fn costs(payment: &Payment, amount: Option<Amount>, currency: &str) -> bool {
    amount == Some(payment.price) && currency == &*payment.currency
}

/// Returns the period with Stripe's dates, its number from the anchor, and the month of it that it is now. Months
/// that had passed before the payment was known have ended (R3). A period whose dates do not follow from the anchor
/// is its own anchor.
fn period_of(price: &Price, billed: InvoicedPeriod, now: Timestamp) -> Period {
    let InvoicedPeriod { interval, anchor, start, end } = billed;
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
