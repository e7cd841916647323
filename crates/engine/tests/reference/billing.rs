//! Stripe's reports, and what follows from them, written down once more: payments, awaited renewals, reviews,
//! top-ups.

use super::civil::DAY;
use super::money::Born;
use super::{Answer, Model, Other, Paid, find_plan, find_price, good_name, later, nth};
use scrip_engine::payments::{Goods, Payment, ReviewStatus, SubscriptionStatus, TopUpStop, TopUpTerms};
use scrip_engine::{
    Catalog, GrantKind, Interval, Pack, PaymentCommand, Plan, PlanPrice, ReviewCommand, Span, TopUpCommand, Unit,
};
use std::sync::Arc;

/// Payment of the current period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    pub subscription: String,
    pub source: String,
    /// Amount that has gone back, of the amount that was paid.
    pub gone: Option<(u64, u64)>,
}

/// Automatic top-ups of the naive workspace.
#[derive(Clone, Debug)]
pub struct TopUps {
    pub pack: String,
    pub below: i64,
    pub most: i64,
    /// The pack as it was sold when top-ups were set.
    pub agreed: PackTerms,
    pub off: bool,
    pub stopped: Option<TopUpStop>,
    /// Last month in which members got the notice that its maximum is used up.
    pub told: Option<i64>,
    /// Every wish that was ever made.
    pub wishes: Vec<Wish>,
    /// Payments of wishes that were dropped: month and amount.
    pub late: Vec<(i64, i64)>,
}

/// Price, currency, credits and lifetime of a pack.
pub type PackTerms = (i64, String, i64, Option<Span>);

/// A wish for a pack.
#[derive(Clone, Debug)]
pub struct Wish {
    pub n: u32,
    pub month: i64,
    pub pack: String,
    pub goods: PackTerms,
    pub stands: Stands,
}

/// Status of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Asked,
    Processing,
    Charged,
    GivenUp,
}

/// A paid period that Stripe has reported.
struct Told {
    subscription: String,
    interval: Interval,
    anchor: i64,
    start: i64,
    end: i64,
}

impl Model {
    pub fn payment(&mut self, command: &PaymentCommand) -> Answer {
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

    pub fn top_up(&mut self, command: &TopUpCommand) -> Answer {
        match command {
            TopUpCommand::Set(terms) => self.set_top_up(terms.as_ref()),
            TopUpCommand::Await { n } => {
                if let Some(wish) = self.wish().filter(|wish| wish.n == *n && wish.stands == Stands::Asked) {
                    wish.stands = Stands::Processing;
                    self.happened = true;
                }
                Ok(())
            }
            TopUpCommand::End { n, stop, .. } => {
                let Some(wish) = self.wish().filter(|wish| wish.n == *n) else { return Ok(()) };
                wish.stands = if *stop == TopUpStop::NotGiven { Stands::Charged } else { Stands::GivenUp };
                self.top_up.as_mut().expect("it has a wish").stopped = Some(*stop);
                self.happened = true;
                Ok(())
            }
        }
    }

    pub fn review(&mut self, command: &ReviewCommand) -> Answer {
        match command {
            ReviewCommand::Request { review, application } => self.request(review, *application),
            ReviewCommand::Approve { review, reason } => self.approve(review, reason),
            ReviewCommand::Reject { review, reason } => {
                good_name(reason)?;
                let (status, _) = self.reviews.get_mut(&**review).ok_or("NOT_FOUND")?;
                match status {
                    ReviewStatus::Rejected => Ok(()),
                    ReviewStatus::Submitted => {
                        *status = ReviewStatus::Rejected;
                        self.happened = true;
                        Ok(())
                    }
                    _ => Err("INVALID_REQUEST"),
                }
            }
            ReviewCommand::Revoke { review, reason } => {
                good_name(reason)?;
                let (status, _) = self.reviews.get_mut(&**review).ok_or("NOT_FOUND")?;
                match status {
                    ReviewStatus::Revoked => Ok(()),
                    ReviewStatus::Approved => {
                        *status = ReviewStatus::Revoked;
                        self.approvals.remove(&**review);
                        self.happened = true;
                        Ok(())
                    }
                    _ => Err("INVALID_REQUEST"),
                }
            }
        }
    }

    fn request(&mut self, review: &str, application: u32) -> Answer {
        let (_, offer) = self.in_force(self.now);
        let asked_for = offer.plans.iter().any(|plan| plan.requires.iter().any(|needed| **needed == *review));
        let (status, last) = match self.reviews.get(review) {
            Some((status, last)) => (Some(*status), *last),
            None => (None, 0),
        };
        let waits = matches!(status, Some(ReviewStatus::Submitted | ReviewStatus::Approved));
        if !asked_for || waits || application != last + 1 {
            return Err("INVALID_REQUEST");
        }
        self.reviews.insert(review.to_owned(), (ReviewStatus::Submitted, application));
        self.happened = true;
        Ok(())
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
                let told = Told {
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

    fn record_period(&mut self, payment: &Payment, plan: &str, told: Told) -> Answer {
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
        told: Told,
        follows: bool,
        renewal: bool,
    ) {
        let (start, subscription) = (told.start, told.subscription.clone());
        let paid = self.as_billed(price, &told);
        self.bill = Some(Bill { subscription, source: source.to_owned(), gone: None });
        (self.awaited, self.bridge, self.processing) = (None, None, false);
        let renews = follows && renewal;
        self.start_period(version, plan, price, None, follows.then_some(start), renews, paid, self.now);
    }

    fn as_billed(&self, price: &PlanPrice, told: &Told) -> Paid {
        let Told { interval, mut anchor, start, end, .. } = *told;
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
        Paid { interval, anchor, index, start, end, next_month }
    }

    /// Carries a paid period that is less than the current one beside it, and gives its grants as it was sold.
    fn beside(&mut self, version: u32, plan: &Plan, price: &PlanPrice, source: &str, told: Told) {
        let paid = self.as_billed(price, &told);
        self.newest_of += 1;
        let bill = Some(Bill { subscription: told.subscription, source: source.to_owned(), gone: None });
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
    fn over(&mut self, source: &str, price: &PlanPrice, told: &Told) {
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
    pub fn waits(&self, lot: &super::Lot) -> bool {
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
        let left = |lot: &super::Lot| lot.available > 0 || (lot.held > 0 && !lot.dead(at));
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
        let goes_on = !self.cancel && (self.pending.is_some() || self.reviewed());
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

    /// Returns true if every review of the current plan is approved.
    pub fn reviewed(&self) -> bool {
        let editions = self.editions();
        let plans =
            || editions.iter().map(|catalog| find_plan(catalog, &self.plan).expect("the plan is in its catalog"));
        let required = plans().next().expect("there is one").requires.clone();
        let required = required.into_iter().filter(|review| plans().all(|plan| plan.requires.contains(review)));
        required.into_iter().all(|review| self.approvals.contains(&*review))
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

    /// Returns the plan whose rights hold: the lower of two while a change waits to be paid.
    pub fn rights_in(&self, catalog: &Catalog) -> String {
        let place = |id: &str| catalog.plans.iter().position(|plan| *plan.id == *id);
        match &self.pending {
            Some((next, _, _)) if self.awaited.is_some() && place(next).is_some() => {
                if place(next) < place(&self.plan) { next.clone() } else { self.plan.clone() }
            }
            _ => self.plan.clone(),
        }
    }

    fn set_top_up(&mut self, terms: Option<&TopUpTerms>) -> Answer {
        let Some(terms) = terms else {
            if let Some(top_up) = self.top_up.as_mut().filter(|top_up| !top_up.off) {
                top_up.off = true;
                self.happened = true;
            }
            return Ok(());
        };
        let catalog = self.menu();
        let pack = catalog.packs.iter().find(|pack| pack.id == terms.pack).ok_or("INVALID_REQUEST")?;
        let (below, most) = (terms.below.get(), terms.monthly_max.get());
        if below == 0 || below > pack.credits.get() || most < pack.amount.get() {
            return Err("INVALID_REQUEST");
        }
        if !pack.plans.is_empty() && pack.plans.iter().all(|plan| **plan != *self.plan) {
            return Err("FEATURE_NOT_IN_PLAN");
        }
        let (wishes, late) =
            self.top_up.as_ref().map(|known| (known.wishes.clone(), known.late.clone())).unwrap_or_default();
        let (pack, agreed) = (pack.id.to_string(), goods(pack));
        let known = self.top_up.as_ref().filter(|known| !known.off && known.stopped.is_none());
        let is_known =
            |known: &TopUps| (&known.pack, known.below, known.most, &known.agreed) == (&pack, below, most, &agreed);
        if !known.is_some_and(is_known) {
            self.happened = true;
            let (off, stopped, told) = (false, None, None);
            self.top_up = Some(TopUps { pack, below, most, agreed, off, stopped, told, wishes, late });
        }
        Ok(())
    }

    /// Returns the credits that are not spent: free, held, or waiting for a renewal.
    fn credits_left(&self, at: i64) -> i64 {
        let mut left = 0;
        for lot in self.lots.iter().filter(|lot| lot.unit == Unit::Credits) {
            left += lot.held;
            if self.waits(lot) || (lot.starts <= at && !lot.dead(at)) {
                left += lot.available;
            }
        }
        left
    }

    /// Returns the wish that has not ended.
    fn wish(&mut self) -> Option<&mut Wish> {
        let mut wishes = self.top_up.as_mut()?.wishes.iter_mut();
        wishes.find(|wish| matches!(wish.stands, Stands::Asked | Stands::Processing))
    }

    /// Ends the wish of a number as paid; `false` when there is none.
    fn charge(&mut self, n: Option<u32>) -> bool {
        let Some(wish) = self.wish().filter(|wish| Some(wish.n) == n) else { return false };
        wish.stands = Stands::Charged;
        self.happened = true;
        true
    }

    /// Drops the wish because a pack was bought.
    pub fn drop_for_pack(&mut self) {
        if let Some(wish) = self.wish().filter(|wish| wish.stands == Stands::Asked) {
            wish.stands = Stands::GivenUp;
        }
    }

    /// Returns the pack of the top-ups, as it is sold to the workspace's plan now.
    fn sold_pack(&self, top_up: &TopUps) -> Option<Pack> {
        let catalog = self.menu();
        let pack = catalog.packs.iter().find(|pack| *pack.id == *top_up.pack)?;
        let allowed = pack.plans.is_empty() || pack.plans.iter().any(|plan| **plan == *self.plan);
        allowed.then(|| pack.clone())
    }

    /// Returns true if the workspace is neither frozen nor in dispute, and its balance is below the line.
    fn is_low(&self, top_up: &TopUps, at: i64) -> bool {
        self.frozen.is_none() && self.disputes.is_empty() && self.credits_left(at) < top_up.below
    }

    /// Drops a wish that would not be made now, or would be made otherwise; and makes one if the balance is low,
    /// unless the month has cost enough.
    pub fn buy_pack(&mut self) {
        let (now, month) = (self.now, month_of(self.now));
        let Some(top_up) = self.top_up.clone() else { return };
        let sold = self.sold_pack(&top_up);
        let fits = |pack: &&Pack| {
            let (amount, currency, credits, lasts) = goods(pack);
            let (agreed_amount, agreed_currency, agreed_credits, agreed_lasts) = top_up.agreed.clone();
            let end = |span: Option<Span>| span.map_or(i64::MAX, |span| later(0, span));
            let is_worse = amount > agreed_amount || credits < agreed_credits || end(lasts) < end(agreed_lasts);
            currency == agreed_currency && !is_worse && amount <= top_up.most
        };
        let pack = sold.as_ref().filter(fits);
        let is_low = self.is_low(&top_up, now);
        if let Some(wish) = self.wish() {
            if wish.stands == Stands::Processing {
                return;
            }
            let as_asked = |pack: &Pack| *pack.id == *wish.pack && goods(pack) == wish.goods;
            if !top_up.off && is_low && wish.month == month && pack.is_some_and(as_asked) {
                return;
            }
            wish.stands = Stands::GivenUp;
            self.happened = true;
        }
        if top_up.off || top_up.stopped.is_some() {
            return;
        }
        let spent = spent_in(self.top_up.as_ref().expect("it is there"), now);
        let known = self.top_up.as_mut().expect("it is there");
        match pack {
            None => known.stopped = Some(if sold.is_none() { TopUpStop::PackGone } else { TopUpStop::PackChanged }),
            Some(_) if !is_low => return,
            Some(pack) if spent + pack.amount.get() > top_up.most => {
                if known.told == Some(month) {
                    return;
                }
                known.told = Some(month);
            }
            Some(pack) => {
                self.bought += 1;
                let (n, goods, pack) = (self.bought, goods(pack), pack.id.to_string());
                known.wishes.push(Wish { n, month, pack, goods, stands: Stands::Asked });
            }
        }
        self.happened = true;
    }

    /// Returns the first day of the next month, if only the month's maximum is in the way; or of the month after that
    /// of a wish that was not charged.
    pub fn pack_due(&self) -> Option<i64> {
        let top_up = self.top_up.as_ref()?;
        let after =
            |month: i64| super::civil::day_number((month + 1).div_euclid(12), (month + 1).rem_euclid(12) + 1, 1) * DAY;
        let mut wishes = top_up.wishes.iter();
        match wishes.find(|wish| matches!(wish.stands, Stands::Asked | Stands::Processing)) {
            Some(wish) if wish.stands == Stands::Asked => Some(after(wish.month)),
            Some(_) => None,
            None if top_up.off || top_up.stopped.is_some() || !self.is_low(top_up, self.last) => None,
            None => (spent_in(top_up, self.last) > 0).then_some(after(month_of(self.last))),
        }
    }
}

fn goods(pack: &Pack) -> PackTerms {
    (pack.amount.get(), pack.currency.clone(), pack.credits.get() + pack.bonus.get(), pack.expires)
}

fn month_of(at: i64) -> i64 {
    let (year, month, _) = super::civil::date(at.div_euclid(DAY));
    year * 12 + month - 1
}

/// Returns the cost of the wishes of an instant's month, with the payments of dropped ones in it.
pub fn spent_in(top_up: &TopUps, at: i64) -> i64 {
    let wishes = top_up.wishes.iter().filter(|wish| wish.stands != Stands::GivenUp);
    let all = wishes.map(|wish| (wish.month, wish.goods.0)).chain(top_up.late.iter().copied());
    all.filter(|(month, _)| *month == month_of(at)).map(|(_, amount)| amount).sum()
}
