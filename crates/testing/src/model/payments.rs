//! Payments, written down once more: periods that Stripe collected, awaited renewals, refunds and disputes.

use super::calendar::DAY;
use super::grants::{Born, Lot};
use super::plans::{Other, PaidPeriod, PeriodPayment, find_plan, find_price, share_of};
use super::top_ups::month_of;
use super::{Answer, Model, later, nth};
use scrip_engine::payments::{Goods, Payment, SubscriptionStatus};
use scrip_engine::{Catalog, GrantKind, Interval, PaymentCommand, Plan, PlanPrice, Span};
use std::sync::Arc;

/// A paid period that Stripe has reported.
struct InvoicedPeriod {
    subscription: String,
    interval: Interval,
    anchor: i64,
    start: i64,
    end: i64,
}

impl Model {
    /// Reverses a payment in part or in whole, or takes the reversal back (R9).
    pub fn reverse(&mut self, source: &str, paid: u64, reversed: u64, disputed: bool) -> Answer {
        if paid == 0 || reversed > paid {
            return Err("INVALID_REQUEST");
        }
        if !self.sources.contains(source) {
            return Err("NOT_FOUND");
        }
        let now = self.now;
        let others = self.others.iter_mut().filter(|other| other.paid.end > now);
        let others = others.filter_map(|other| other.bill.as_mut());
        if let Some(bill) = self.bill.iter_mut().chain(others).find(|bill| bill.source == source) {
            let known = bill.gone.unwrap_or((paid, 0));
            if known != (paid, reversed) {
                bill.gone = Some((paid, reversed));
                self.happened = true;
            }
        }
        let funded: Vec<u32> = self
            .lots
            .iter()
            .filter(|lot| lot.source == source && lot.kind != GrantKind::Reinstated && !lot.forgotten)
            .map(|lot| lot.n)
            .collect();
        // Units that live on in another lot were counted after every refund that was known then.
        let goes_on = [GrantKind::Rollover, GrantKind::Returned];
        let mut is_new = false;
        for n in &funded {
            let lot = self.lot(*n);
            is_new |= !goes_on.contains(&lot.kind) && share_of(lot.granted, reversed, paid) != lot.wanted;
        }
        for n in funded {
            if self.lot(n).forgotten || (goes_on.contains(&self.lot(n).kind) && !is_new) {
                continue;
            }
            let wanted = share_of(self.lot(n).granted, reversed, paid);
            let before = self.lot(n).wanted;
            if wanted == before {
                continue;
            }
            self.happened = true;
            self.lot_mut(n).wanted = wanted;
            self.lot_mut(n).touched = now;
            if wanted > before {
                let family: Vec<u32> = self.family(n).map(|lot| lot.n).collect();
                for lot in family {
                    let amount = self.owed_units(n).min(self.lot(lot).available);
                    if amount > 0 {
                        self.take_back(lot, amount, 0, now);
                    }
                }
            } else {
                self.give_again(n);
            }
        }
        if disputed {
            self.happened |= self.disputes.insert(source.to_owned());
        } else {
            self.happened |= self.disputes.remove(source);
        }
        Ok(())
    }

    /// Gives back, with the old expiry, units taken beyond what is wanted now; units that corrections took stay
    /// taken.
    fn give_again(&mut self, n: u32) {
        let now = self.now;
        let by_void: i64 =
            self.lots.iter().filter(|lot| lot.n == n || lot.root == Some(n)).map(|lot| lot.taken_by_void).sum();
        let amount = self.recovered_units(n) - self.lot(n).wanted.max(by_void);
        if amount <= 0 {
            return;
        }
        let lot = self.lot(n).clone();
        let born = Born {
            kind: GrantKind::Reinstated,
            code: lot.code,
            unit: lot.unit,
            amount,
            models: lot.models,
            source: lot.source,
            ends: lot.ends,
            at: now,
            root: Some(n),
            rank: Some(lot.rank),
        };
        let again = self.issue(born);
        if self.lot(again).dead(now) {
            // Its day has passed: it expires at once.
            let lot = self.lot_mut(again);
            lot.expired = lot.available;
            lot.available = 0;
        }
    }

    pub fn decide_payment(&mut self, command: &PaymentCommand) -> Answer {
        match command {
            PaymentCommand::Record(payment) => self.record(payment),
            PaymentCommand::Reverse { source, paid, reversed, disputed } => {
                self.reverse(source, *paid, *reversed, *disputed)
            }
            PaymentCommand::FollowSubscription { subscription, status } => {
                if self.bill.as_ref().is_some_and(|bill| *bill.subscription == **subscription) {
                    self.follow(status)?;
                }
                Ok(())
            }
            PaymentCommand::Fail { subscription, invoice, attempt } => {
                let ours = self.bill.as_ref().is_some_and(|bill| *bill.subscription == **subscription);
                let told = matches!(&self.failed, Some((known, last)) if **known == **invoice && last >= attempt);
                if ours && !told {
                    self.failed = Some((invoice.to_string(), *attempt));
                    self.happened = true;
                }
                Ok(())
            }
        }
    }

    /// Returns every version that is in force or was, newest first.
    fn versions(&self, at: i64) -> Vec<(u32, Arc<Catalog>)> {
        let (newest, _) = self.in_force(at);
        let all = self.catalogs.all().iter().filter(|published| published.version <= newest).rev();
        all.map(|published| (published.version, published.catalog.clone())).collect()
    }

    fn record(&mut self, payment: &Payment) -> Answer {
        if self.sources.contains(&*payment.source) {
            self.charge(payment.top_up);
            return Ok(());
        }
        if payment.paid.get() + payment.given.get() == 0 {
            return Err("INVALID_REQUEST");
        }
        if self.lots.iter().filter(|lot| lot.available + lot.held > 0).count() >= 512 || self.sources.len() >= 20_000 {
            return Err("LIMIT_EXCEEDED");
        }
        match &payment.bought {
            Goods::Pack(id) => {
                let shown = payment.offered.and_then(|version| self.catalogs.get(version));
                let shown = shown.map(|published| (published.version, published.catalog.clone()));
                for (_, catalog) in shown.into_iter().chain(self.versions(self.now)) {
                    let pack = catalog.packs.iter().find(|pack| pack.id == *id).cloned();
                    let right =
                        |pack: &scrip_engine::Pack| pack.amount == payment.price && *pack.currency == *payment.currency;
                    if let Some(pack) = pack.filter(right) {
                        self.sell(&pack, &payment.source);
                        if !self.charge(payment.top_up) {
                            self.drop_for_pack();
                            let month = month_of(self.now);
                            if let (Some(top_up), Some(_)) = (&mut self.top_up, payment.top_up) {
                                top_up.late.push((month, payment.paid.get()));
                            }
                        }
                        return Ok(());
                    }
                }
                Err("INVALID_REQUEST")
            }
            Goods::Period { plan, interval, subscription, anchor, start, end } => {
                let told = InvoicedPeriod {
                    subscription: subscription.to_string(),
                    interval: *interval,
                    anchor: anchor.micros(),
                    start: start.micros(),
                    end: end.micros(),
                };
                self.record_period(payment, plan, told)
            }
        }
    }

    fn record_period(&mut self, payment: &Payment, plan: &str, told: InvoicedPeriod) -> Answer {
        if told.start >= told.end {
            return Err("INVALID_REQUEST");
        }
        let sells = |(_, catalog): &(u32, Arc<Catalog>)| {
            let price = find_plan(catalog, plan).and_then(|plan| find_price(plan, told.interval));
            price.is_some_and(|price| price.amount == Some(payment.price) && *price.currency == *payment.currency)
        };
        // A renewal is sold as on the day it began.
        let ours = self.bill.as_ref().is_some_and(|bill| bill.subscription == told.subscription);
        let then = if ours { told.start.min(self.now) } else { self.now };
        let versions = self.versions(then).into_iter().chain(self.versions(self.now));
        let (version, catalog) = versions.into_iter().find(sells).ok_or("INVALID_REQUEST")?;
        let plan = find_plan(&catalog, plan).expect("it sells it");
        let price = find_price(plan, told.interval).expect("it sells it");
        if plan.requires.iter().any(|review| !self.approvals.contains(&**review)) {
            return Err("REVIEW_REQUIRED");
        }
        self.sources.insert(payment.source.to_string());
        self.failed = None;
        self.happened = true;
        let place = |id: &str| catalog.plans.iter().position(|plan| *plan.id == *id);
        if told.end <= self.now {
            self.over(&payment.source, price, &told);
            return Ok(());
        }
        let source = &payment.source;
        let Some(current) = self.paid else {
            self.end_frozen(self.now);
            self.begin_paid(version, plan, price, source, told, false, false);
            return Ok(());
        };
        let by_hand = self.bill.is_none();
        let same = *self.plan == *plan.id;
        let less = place(&plan.id) < place(&self.plan) || (same && told.interval < current.interval);
        let older = told.start < current.start;
        let over = current.end <= self.now;
        let stays = match (by_hand, ours) {
            (true, _) => less,
            (false, true) => older,
            (false, false) => !over && (less || (older && same && told.interval == current.interval)),
        };
        if stays {
            self.beside(version, plan, price, source, told);
            return Ok(());
        }
        let renewal = ours && same && told.interval == current.interval && told.start >= current.end;
        let follows = ours && (renewal || less || told.start >= current.end);
        self.end_frozen(self.now);
        match (renewal, follows) {
            (true, _) => {}
            (false, true) => self.set_aside(),
            (false, false) => self.leave(),
        }
        self.begin_paid(version, plan, price, source, told, follows, renewal);
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "a period is what these say")]
    fn begin_paid(
        &mut self,
        version: u32,
        plan: &Plan,
        price: &PlanPrice,
        source: &str,
        told: InvoicedPeriod,
        follows: bool,
        renewal: bool,
    ) {
        let (start, subscription) = (told.start, told.subscription.clone());
        let paid = self.as_billed(price, &told);
        self.bill = Some(PeriodPayment { subscription, source: source.to_owned(), gone: None });
        (self.awaited, self.bridge, self.processing) = (None, None, false);
        let renews = follows && renewal;
        self.start_period(version, plan, price, None, follows.then_some(start), renews, paid, self.now);
    }

    fn as_billed(&self, price: &PlanPrice, told: &InvoicedPeriod) -> PaidPeriod {
        let InvoicedPeriod { interval, mut anchor, start, end, .. } = *told;
        let mut index = (0..).find(|n| nth(anchor, interval, *n) >= start).expect("it comes to the start");
        if nth(anchor, interval, index) != start {
            (anchor, index) = (start, 0);
        }
        let monthly = |template: &scrip_engine::GrantTemplate| template.every == Some(Interval::Month);
        let mut next_month = None;
        if interval == Interval::Year && price.grants.iter().any(monthly) {
            let is_to_come = |month: &u32| nth(anchor, Interval::Month, *month) > self.now.min(end);
            next_month =
                (index * 12 + 1..=index * 12 + 13).find(|month| is_to_come(month) || *month == index * 12 + 13);
        }
        PaidPeriod { interval, anchor, index, start, end, next_month }
    }

    /// Carries a paid period that is less than the current one beside it, and gives its grants as it was sold.
    fn beside(&mut self, version: u32, plan: &Plan, price: &PlanPrice, source: &str, told: InvoicedPeriod) {
        let paid = self.as_billed(price, &told);
        self.newest_of += 1;
        let bill = Some(PeriodPayment { subscription: told.subscription, source: source.to_owned(), gone: None });
        let (of, name) = (self.newest_of, plan.id.to_string());
        let other = Other { of, version, plan: name, paid, allowance: None, bill, until: self.lots.len() + 1 };
        self.others.push(other.clone());
        for template in &price.grants {
            let in_year = paid.interval == Interval::Year && template.every == Some(Interval::Month);
            let month = self.next_month(&paid).filter(|_| in_year);
            self.cycle_grant(Some(&other), template, self.now, month.unwrap_or(paid.end), None);
        }
    }

    /// Gives the grants of a paid period that is over: they have expired.
    fn over(&mut self, source: &str, price: &PlanPrice, told: &InvoicedPeriod) {
        let now = self.now;
        for template in &price.grants {
            let mut amount = template.amount.get();
            if told.interval == Interval::Year && template.every == Some(Interval::Month) {
                amount *= 12;
            }
            let n = self.issue(Born {
                kind: if template.bonus { GrantKind::Bonus } else { GrantKind::Cycle },
                code: template.code.to_string(),
                unit: template.unit,
                amount,
                models: template.models.iter().map(ToString::to_string).collect(),
                source: source.to_owned(),
                ends: Some(told.end),
                at: now,
                root: None,
                rank: None,
            });
            let lot = self.lot_mut(n);
            (lot.expired, lot.available) = (lot.available, 0);
        }
    }

    /// Returns true if the rest of a lot waits for its period's renewal, or would.
    pub fn waits(&self, lot: &Lot) -> bool {
        let (Some(bill), Some(paid)) = (&self.bill, &self.paid) else { return false };
        let of_period = match lot.kind {
            GrantKind::Cycle | GrantKind::Rollover => true,
            GrantKind::Bonus => lot.source == bill.source,
            _ => false,
        };
        let beside = self.others.iter().any(|other| other.of == lot.of);
        !beside && of_period && lot.own() == Some(paid.end) && (self.awaited.is_some() || !self.cancel)
    }

    /// Ends the frozen lots: their units are lost.
    pub fn end_frozen(&mut self, at: i64) {
        if self.awaited.is_none() {
            return;
        }
        let left = |lot: &Lot| lot.available > 0 || (lot.held > 0 && !lot.dead(at));
        let frozen: Vec<u32> = self.lots.iter().filter(|lot| left(lot) && self.waits(lot)).map(|lot| lot.n).collect();
        for n in frozen {
            let lot = self.lot_mut(n);
            lot.expired += lot.available;
            lot.available = 0;
            lot.ends = lot.ends.map(|ends| ends.min(at));
            lot.touched = at;
        }
    }

    /// Ends a period that Stripe collects; `false` when the operator agreed to renew it by hand.
    pub fn end_bill(&mut self, at: i64) -> bool {
        if self.bill.is_none() {
            return false;
        }
        let goes_on = !self.cancel && (self.pending.is_some() || self.is_reviewed());
        if self.awaited.is_none() && goes_on {
            let grace = self.longest(at, |catalog| catalog.payment_grace);
            let bridge_of = |catalog: &Arc<Catalog>| {
                let span = catalog.renewal_bridge.unwrap_or(Span::Micros(DAY / 12));
                later(at, span).min(later(at, catalog.payment_grace))
            };
            let bridge = self.editions().iter().map(bridge_of).max().expect("it has terms");
            self.awaited = Some(grace);
            if bridge > at {
                self.bridge = Some(bridge);
                for index in 0..self.lots.len() {
                    if self.lots[index].available + self.lots[index].held > 0 && self.waits(&self.lots[index]) {
                        self.lots[index].bridged = self.lots[index].ends;
                        self.lots[index].ends = Some(bridge);
                    }
                }
            }
            self.happened = true;
        } else {
            self.end_plan(at);
        }
        true
    }

    fn follow(&mut self, status: &SubscriptionStatus) -> Answer {
        match status {
            SubscriptionStatus::Ended if self.awaited.is_some() => self.end_plan(self.now),
            SubscriptionStatus::Ended | SubscriptionStatus::Continues { ending: true, .. } => {
                self.happened |= !self.cancel;
                (self.cancel, self.pending) = (true, None);
            }
            SubscriptionStatus::Continues { change: None, .. } => {
                self.happened |= self.cancel || self.pending.is_some();
                (self.cancel, self.pending) = (false, None);
            }
            SubscriptionStatus::Continues { change: Some((plan, interval)), .. } => {
                let (_, offer) = self.in_force(self.now);
                let found = find_plan(&offer, plan).filter(|plan| find_price(plan, *interval).is_some());
                let found = found.ok_or("INVALID_REQUEST")?;
                if found.requires.iter().any(|review| !self.approvals.contains(&**review)) {
                    return Err("REVIEW_REQUIRED");
                }
                let next = (plan.to_string(), *interval, None);
                self.happened |= self.pending.as_ref() != Some(&next) || self.cancel;
                (self.cancel, self.pending) = (false, Some(next));
            }
        }
        let SubscriptionStatus::Continues { processing, .. } = status else { return Ok(()) };
        if self.awaited.is_some() && self.processing != *processing {
            let end = self.paid.expect("what is over is waited for").end;
            let until = self.longest(end, |catalog| match processing {
                true => catalog.processing_grace,
                false => catalog.payment_grace,
            });
            if until <= self.now {
                self.end_plan(self.now);
            } else {
                (self.awaited, self.processing, self.happened) = (Some(until), *processing, true);
            }
        }
        Ok(())
    }
}
