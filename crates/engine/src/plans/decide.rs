//! Decisions about the plan: subscribing, changing, renewing and ending.

mod migration;

use crate::apply::step::Step;
use crate::catalog::{GrantKind, GrantTemplate, Name, OnUpgrade, Plan, Price, PublishedCatalog};
use crate::grants::{CostBasis, Grant, GrantEvent, trial_source};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::limits::OPERATION_MAX;
use crate::kernel::time::{Interval, Timestamp};
use crate::payments::{PaymentEvent, PeriodPayment};
use crate::plans::purchase::{is_downgrade, price_of};
use crate::plans::renewal::{Sale, renewal_sale};
use crate::plans::subscription::{CarriedPeriod, Period, Subscription, Which};
use crate::plans::{Choice, PlanCommand, PlanEvent, Start};
use crate::refusal::Refusal;
use crate::reviews::decide::require_reviews;
use crate::team::rights::Need;
use std::sync::Arc;

/// A period to be started.
pub(crate) struct Cycle<'a> {
    pub offer: &'a PublishedCatalog,
    pub plan: &'a Plan,
    pub price: &'a Price,
    /// Number of credits for each period, agreed by contract.
    pub allowance: Option<Amount>,
    pub why: Start,
    pub period: Period,
    /// Payment of the period; `None` where the operator says that it is paid.
    pub payment: Option<PeriodPayment>,
}

/// Decides a command about the plan of a workspace.
pub(crate) fn decide(step: &mut Step<'_>, command: &PlanCommand) -> Result<(), Refusal> {
    match command {
        PlanCommand::Subscribe(choice) => step.subscribe(choice),
        PlanCommand::Cancel => step.cancel_subscription(),
        PlanCommand::UndoCancel => step.undo_cancel(),
        PlanCommand::Migrate { version } => step.migrate_catalog(*version),
    }
}

/// Returns the right that a caller needs for a command about the plan.
pub(crate) const fn need(command: &PlanCommand) -> Need<'static> {
    match command {
        PlanCommand::Subscribe(_) | PlanCommand::Cancel | PlanCommand::UndoCancel | PlanCommand::Migrate { .. } => {
            Need::Operator
        }
    }
}

impl<'a> Step<'a> {
    pub(crate) fn subscribe(&mut self, choice: &Choice) -> Result<(), Refusal> {
        let offer = self.offer()?;
        let plan = offer.catalog.plan(&choice.plan).ok_or_else(|| {
            let known: Vec<&str> = offer.catalog.plans.iter().map(|plan| &*plan.id).collect();
            Refusal::invalid(
                "/plan",
                format!("there is no plan `{}`; the catalog has {}", choice.plan, known.join(", ")),
            )
        })?;
        self.is_billed_by_hand()?;
        if plan.prices.is_empty() {
            return if self.workspace.subscription.period.is_some() { self.cancel_subscription() } else { Ok(()) };
        }
        let price = price_of(plan, choice.interval)?;
        allowance_is_good(plan, choice.allowance)?;
        for (index, (review, reason)) in choice.approve.iter().enumerate() {
            self.approve(&format!("/approve/{index}"), review, reason)?;
        }
        require_reviews(&self.workspace, &offer.catalog, plan)?;
        let same =
            self.workspace.subscription.plan == plan.id && self.workspace.subscription.allowance == choice.allowance;
        match self.workspace.subscription.period {
            Some(period) if same && period.interval == price.interval => self.undo_cancel(),
            Some(period) if is_downgrade(&offer.catalog, self.current(period), (&plan.id, price.interval)) => {
                let (plan, interval, allowance) = (plan.id.clone(), price.interval, choice.allowance);
                self.emit(PlanEvent::ChangeScheduled { plan, interval, allowance });
                Ok(())
            }
            current => {
                self.start_now(offer, plan, price, choice.allowance, current.is_some());
                Ok(())
            }
        }
    }

    /// Returns the plan and interval of the current period.
    pub(crate) fn current(&self, period: Period) -> (&str, Interval) {
        (&self.workspace.subscription.plan, period.interval)
    }

    /// Starts a purchased period now, with its full grant (R31).
    fn start_now(
        &mut self,
        offer: &'a PublishedCatalog,
        plan: &'a Plan,
        price: &'a Price,
        allowance: Option<Amount>,
        upgrade: bool,
    ) {
        if upgrade {
            self.leave_cycle();
        }
        let why = if upgrade { Start::Upgrade } else { Start::New };
        let period = period_of(price, self.at, 0, self.at);
        self.start_period(Cycle { offer, plan, price, allowance, why, period, payment: None }, self.at);
    }

    /// Leaves the old period at an upgrade: the rest of it and its months to come keep their dates, or are forfeited
    /// (R31).
    pub(crate) fn leave_cycle(&mut self) {
        if self.terms().on_upgrade() == OnUpgrade::Carry {
            return self.carry_current();
        }
        let subscription = &self.workspace.subscription;
        // A grant with nothing available but something held ends too: what its hold gives back finds it expired
        // (R17).
        let left = |grant: &&Arc<Grant>| subscription.is_forfeited(grant) && !grant.is_closed() && !grant.dead(self.at);
        let leftover = self.workspace.grants.iter().filter(left);
        let leftover: Vec<(u32, Amount)> = leftover.map(|grant| (grant.n, grant.available)).collect();
        for (grant, amount) in leftover {
            self.emit(GrantEvent::GrantExpired { grant, amount });
        }
    }

    /// Carries the current period beside the one that takes its place, if it is not over (R31).
    pub(crate) fn carry_current(&mut self) {
        let subscription = &self.workspace.subscription;
        let Some(period) = subscription.period.filter(|period| period.end > self.at) else { return };
        let is_its = |grant: &&Arc<Grant>| {
            let kinds = matches!(grant.kind, GrantKind::Cycle | GrantKind::Rollover);
            kinds && !grant.is_closed() && subscription.period_of(grant) == Which::Current
        };
        let grants = self.workspace.grants.iter().filter(is_its).map(|grant| grant.n).collect();
        let event = PlanEvent::PeriodCarried {
            plan: subscription.plan.clone(),
            catalog: subscription.sold.unwrap_or(self.workspace.catalog),
            period,
            allowance: subscription.allowance,
            payment: subscription.payment.clone(),
            replaced: true,
            grants,
        };
        self.emit(event);
    }

    /// Starts a period at an instant and makes its grants.
    pub(crate) fn start_period(&mut self, cycle: Cycle<'a>, at: Timestamp) {
        let Cycle { offer, plan, price, allowance, why, period, payment } = cycle;
        let (plan, catalog) = (plan.id.clone(), offer.version);
        self.emit_at(at, PlanEvent::PeriodStarted { plan, catalog, why, period, allowance, payment });
        self.enter_plan(at);
        // Only a period that follows another takes its rest over: a new purchase starts anew (R6, R31).
        let rolls = matches!(why, Start::Renewal | Start::Change).then_some(period.start);
        self.grant_period(Which::Current, price, rolls, at);
        if let Some(amount) = allowance.filter(|amount| !amount.is_zero()) {
            let agreed = GrantTemplate {
                code: Name::from("contract"),
                unit: Unit::Credits,
                amount,
                every: None,
                rollover_max: None,
                models: Vec::new(),
                bonus: false,
            };
            self.issue(Which::Current, &agreed, amount, rolls, at, period.end);
        }
    }

    /// Makes the grants with which a period begins.
    pub(crate) fn grant_period(&mut self, which: Which, price: &Price, rolls: Option<Timestamp>, at: Timestamp) {
        let (period, _) = self.workspace.subscription.paid_period(which);
        let period = period.expect("the period was just written");
        for template in &price.grants {
            let month = template.every == Some(Interval::Month) && period.interval == Interval::Year;
            let ends = period.next_month_at().filter(|_| month).unwrap_or(period.end);
            self.issue(which, template, template.amount, rolls, at, ends);
        }
    }

    /// Gives the lifetime grants of the workspace's plan, once each, and the trials it has not had.
    pub(crate) fn enter_plan(&mut self, at: Timestamp) {
        if !self.workspace.lifetime_allowed {
            return;
        }
        let plan = self.terms_at(at).granting().plan;
        for template in &plan.once {
            let source = Name::from(format!("once:{}", template.code));
            if !self.workspace.sources.contains(&source) {
                self.grant_template(GrantKind::Lifetime, template, template.amount, source, at, None);
            }
        }
        for trial in &plan.trials {
            let source = Name::from(trial_source(&plan.id, &trial.model));
            if let Some(runs) = trial.runs.filter(|_| !self.workspace.sources.contains(&source)) {
                self.grant_trial(&trial.model, runs, source, at);
            }
        }
    }

    /// Grants free runs of a model.
    pub(crate) fn grant_trial(&mut self, model: &Name, runs: Amount, source: Name, at: Timestamp) {
        let template = GrantTemplate {
            code: Name::from("trial"),
            unit: Unit::Runs,
            amount: runs,
            every: None,
            rollover_max: None,
            models: vec![model.clone()],
            bonus: false,
        };
        self.grant_template(GrantKind::Trial, &template, runs, source, at, None);
    }

    /// Makes a period's grant, and rolls over the rest of the one that ended where the catalog allows it (R6).
    fn issue(
        &mut self,
        which: Which,
        template: &GrantTemplate,
        amount: Amount,
        rolls: Option<Timestamp>,
        at: Timestamp,
        ends: Timestamp,
    ) {
        let payment = self.workspace.subscription.paid_period(which).1.cloned();
        let source = match &payment {
            Some(payment) => payment.source.clone(),
            None => self.source_of_period(which, template, at),
        };
        if let (Some(most), Some(ended)) = (template.rollover_max, rolls) {
            let (left, paid_by) = self.remainder(which, &template.code, ended);
            let rolled = left.min(most);
            if !rolled.is_zero() {
                // A rollover was paid by the payment of its first grant: a refund of that payment takes it back (R9).
                let source = paid_by.filter(|_| payment.is_some()).unwrap_or_else(|| source.clone());
                self.grant_template(GrantKind::Rollover, template, rolled, source, at, Some(ends));
            }
        }
        let kind = if template.bonus { GrantKind::Bonus } else { GrantKind::Cycle };
        let grant = self.workspace.next_grant;
        let cost = self.cost_of(which, kind, template);
        self.grant_paid(kind, template, amount, source, cost, at, Some(ends));
        if let Some(payment) = &payment {
            self.take_reversed_share(grant, payment, at);
        }
    }

    /// Returns the source of a grant of a period that the operator says is paid.
    fn source_of_period(&self, which: Which, template: &GrantTemplate, at: Timestamp) -> Name {
        let beginning = match which {
            Which::Current => "period:".to_owned(),
            Which::Carried(place) => self.workspace.subscription.carried[place].source_of_months(),
        };
        let source = Name::from(format!("{beginning}{}:{}", at.micros(), template.code));
        if self.workspace.grants.iter().any(|grant| grant.source == source) {
            // Two purchases at one instant are two sources (R7).
            return Name::from(format!("{source}:{}", self.workspace.next_grant));
        }
        source
    }

    /// Returns the rest of a period's grants of a code that end at an instant, and their source. Units that came back
    /// from holds since then live on in returned grants already (R17) and are not given twice.
    fn remainder(&self, which: Which, code: &Name, at: Timestamp) -> (Amount, Option<Name>) {
        let cycle = |kind| matches!(kind, GrantKind::Cycle | GrantKind::Rollover);
        let ending = |grant: &&Arc<Grant>| {
            let ends = cycle(grant.kind) && grant.code == *code && grant.own_end() == Some(at);
            ends && self.workspace.subscription.period_of(grant) == which
        };
        let ended: Vec<&Arc<Grant>> = self.workspace.grants.iter().filter(ending).collect();
        let left = ended.iter().map(|grant| grant.expired.less(grant.settled.returned)).sum();
        (left, ended.last().map(|grant| grant.source.clone()))
    }

    fn grant_template(
        &mut self,
        kind: GrantKind,
        template: &GrantTemplate,
        amount: Amount,
        source: Name,
        at: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        self.grant_paid(kind, template, amount, source, None, at, expires_at);
    }

    #[allow(clippy::too_many_arguments, reason = "a grant is what these say")]
    pub(crate) fn grant_paid(
        &mut self,
        kind: GrantKind,
        template: &GrantTemplate,
        amount: Amount,
        source: Name,
        cost_basis: Option<CostBasis>,
        at: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        let event = GrantEvent::GrantIssued {
            grant: self.workspace.next_grant,
            code: template.code.clone(),
            kind,
            unit: template.unit,
            amount,
            models: template.models.clone(),
            rank: self.catalog().rank(kind),
            source,
            cost_basis,
            expires_at,
            notice_at: None,
            from: None,
            reason: None,
        };
        self.emit_at(at, event);
    }

    /// Returns the cost of the period's allowance, where that is known.
    fn cost_of(&self, which: Which, kind: GrantKind, template: &GrantTemplate) -> Option<CostBasis> {
        let (period, paid) = self.workspace.subscription.paid_period(which);
        let paid = paid.filter(|_| kind == GrantKind::Cycle && template.unit == Unit::Credits)?;
        let is_yearly = period.is_some_and(|period| period.interval == Interval::Year);
        let months = if template.every == Some(Interval::Month) && is_yearly { 12 } else { 1 };
        let credits = Amount::new(template.amount.get() * months)?;
        Some(CostBasis { currency: paid.currency.clone(), amount: paid.amount, credits })
    }

    /// Makes the monthly grants inside a paid year that fall due (R34).
    pub(crate) fn start_month(&mut self, which: Which, at: Timestamp) {
        let (period, _) = self.workspace.subscription.paid_period(which);
        let period = period.expect("a month falls due inside a period");
        let month = period.next_month.expect("a month falls due where there are monthly grants");
        let carried = match which {
            Which::Current => None,
            Which::Carried(place) => Some(u32::try_from(place).expect("few periods are carried")),
        };
        self.emit_at(at, PlanEvent::MonthStarted { next_month: month + 1, carried });
        let plan = match which {
            Which::Current => self.terms_at(at).granting().plan,
            Which::Carried(place) => self.plan_of_carried(place),
        };
        let price = plan.price(period.interval).expect("a period has a price in the version it was sold with");
        for template in price.grants.iter().filter(|template| template.every == Some(Interval::Month)) {
            let ends = period.anchor.nth(Interval::Month, month + 1).min(period.end);
            self.issue(which, template, template.amount, Some(at), at, ends);
        }
    }

    /// Returns the plan of a carried period as it was sold.
    fn plan_of_carried(&self, place: usize) -> &'a Plan {
        let carried = &self.workspace.subscription.carried[place];
        let sold = self.catalogs.get(carried.catalog).and_then(|sold| sold.catalog.plan(&carried.plan));
        sold.expect("what was sold is in its version")
    }

    /// Ends a paid period: the plan ends, changes or renews. With manual billing the operator has agreed to renewals;
    /// a period that Stripe collects renews when it is paid, and until then the payment is waited for (R4).
    pub(crate) fn end_period(&mut self, at: Timestamp) {
        let subscription = self.workspace.subscription.clone();
        let period = subscription.period.expect("a period that ends was there");
        let approved = subscription.pending.is_some() || self.is_approved(&self.terms_at(at).plan());
        match (&subscription.payment, subscription.awaited_until) {
            (Some(_), None) if !subscription.cancel && approved => {
                let until = at.after(self.longest(|catalog| catalog.payment_grace));
                let bridge = Some(self.bridge_after(at)).filter(|bridge| *bridge > at);
                return self.emit_at(at, PaymentEvent::PaymentAwaited { until, bridge });
            }
            (Some(_), Some(until)) if subscription.bridge_until.is_some() && at < until => {
                return self.emit_at(at, PaymentEvent::RemainderFrozen);
            }
            (Some(_), awaited) => return self.end_subscription(at, awaited.is_some()),
            (None, _) if subscription.cancel || !approved => return self.end_subscription(at, false),
            (None, _) => {}
        }
        let Sale { published: offer, plan, price } = self.next_sale(&subscription, period, at);
        let interval = price.interval;
        if !self.is_approved(plan) {
            return self.end_subscription(at, false);
        }
        let (why, anchor, index) = match (subscription.pending.is_some(), interval == period.interval) {
            (false, _) => (Start::Renewal, period.anchor, period.index + 1),
            (true, true) => (Start::Change, period.anchor, period.index + 1),
            (true, false) => (Start::Change, at, 0),
        };
        let agreed =
            if subscription.pending.is_some() { subscription.pending_allowance } else { subscription.allowance };
        let allowance = agreed.filter(|_| plan.custom);
        let period = period_of(price, anchor, index, at);
        self.start_period(Cycle { offer, plan, price, allowance, why, period, payment: None }, at);
        self.keep_migrated(at);
    }

    /// Returns the sale that follows a period that the operator says is paid: the newest version in force that sells
    /// the plan at the price that was paid, or as a migration has moved it; of another plan, the newest that sells it
    /// (R33).
    fn next_sale(&self, subscription: &Subscription, period: Period, at: Timestamp) -> Sale<'a> {
        let (plan, interval) = subscription.pending.clone().unwrap_or((subscription.plan.clone(), period.interval));
        let sells = |published: &'a PublishedCatalog| Sale::of(published, &plan, interval);
        let newest = self.newest(at).version;
        let mut in_force = self.catalogs.all().iter().rev().filter(|published| published.version <= newest);
        let sold = match subscription.pending {
            None => renewal_sale(&self.workspace, self.catalogs, at),
            Some(_) => in_force.find_map(sells),
        };
        // A change that was agreed on before the version was replaced is sold by a version that is no longer in
        // force.
        let sold = sold.or_else(|| self.catalogs.all().iter().rev().find_map(sells));
        sold.expect("what was sold is in some version")
    }

    /// Ends the paid plan: its frozen grants expire, and a carried period takes its place, or else the free plan
    /// (R31).
    pub(crate) fn end_subscription(&mut self, at: Timestamp, unpaid: bool) {
        self.end_frozen(at);
        let newest = self.newest(at);
        let Some(next) = self.workspace.subscription.next_carried(&newest.catalog, at).cloned() else {
            let (plan, catalog) = (newest.catalog.free_plan.clone(), newest.version);
            self.emit_at(at, PlanEvent::SubscriptionEnded { plan, catalog, unpaid });
            return self.enter_plan(at);
        };
        let CarriedPeriod { plan, catalog, period, allowance, payment, .. } = next;
        self.emit_at(at, PlanEvent::SubscriptionEnded { plan: plan.clone(), catalog, unpaid });
        let why = Start::Resumed;
        self.emit_at(at, PlanEvent::PeriodStarted { plan, catalog, why, period, allowance, payment });
        self.enter_plan(at);
    }

    /// Expires the grants that were frozen while a renewal was waited for (R4).
    pub(crate) fn end_frozen(&mut self, at: Timestamp) {
        if self.workspace.subscription.awaited_until.is_none() {
            return;
        }
        // A bridged grant with nothing available but something held ends too: its hold may end inside the bridge.
        let has_left = |grant: &Grant| !grant.available.is_zero() || (!grant.is_closed() && !grant.dead(at));
        let frozen = |grant: &&Arc<Grant>| has_left(grant) && self.workspace.subscription.freezes(grant);
        let frozen = self.workspace.grants.iter().filter(frozen);
        let frozen: Vec<(u32, Amount)> = frozen.map(|grant| (grant.n, grant.available)).collect();
        for (grant, amount) in frozen {
            self.emit_at(at, GrantEvent::GrantExpired { grant, amount });
        }
    }

    /// Returns the catalog version in force at an instant.
    fn newest(&self, at: Timestamp) -> &'a PublishedCatalog {
        self.catalogs.in_force(at, self.workspace.test_clock).expect("a workspace is on a published catalog")
    }

    /// Refuses a change by hand to a plan that Stripe collects.
    fn is_billed_by_hand(&self) -> Result<(), Refusal> {
        match &self.workspace.subscription.payment {
            None => Ok(()),
            Some(PeriodPayment { subscription, .. }) => Err(Refusal::invalid(
                "",
                format!("the plan is paid through Stripe's subscription {subscription}: change it there"),
            )),
        }
    }

    fn cancel_subscription(&mut self) -> Result<(), Refusal> {
        self.is_billed_by_hand()?;
        self.schedule_cancel()
    }

    pub(crate) fn schedule_cancel(&mut self) -> Result<(), Refusal> {
        let subscription = &self.workspace.subscription;
        if subscription.period.is_none() {
            return Err(Refusal::invalid(
                "",
                format!(
                    "the workspace is on `{}`, which is never paid for: there is nothing to cancel",
                    subscription.plan
                ),
            ));
        }
        if !subscription.cancel {
            self.emit(PlanEvent::CancelScheduled);
        }
        Ok(())
    }

    fn undo_cancel(&mut self) -> Result<(), Refusal> {
        self.is_billed_by_hand()?;
        self.clear_schedule()
    }

    pub(crate) fn clear_schedule(&mut self) -> Result<(), Refusal> {
        let subscription = &self.workspace.subscription;
        if subscription.cancel || subscription.pending.is_some() {
            self.emit(PlanEvent::ScheduleCleared);
        }
        Ok(())
    }

    /// Returns the catalog version in force now, whose plans are sold.
    pub(crate) fn offer(&self) -> Result<&'a PublishedCatalog, Refusal> {
        self.catalogs.in_force(self.at, self.workspace.test_clock).ok_or(Refusal::NotFound { what: "catalog" })
    }
}

/// Returns period number `index` of an anchor.
fn period_of(price: &Price, anchor: Timestamp, index: u32, start: Timestamp) -> Period {
    let (interval, end) = (price.interval, anchor.nth(price.interval, index + 1));
    Period { interval, anchor, index, start, end, next_month: grants_by_month(price).then_some(index * 12 + 1) }
}

/// Returns `true` for a price that is paid by the year and grants by the month (R34).
pub(crate) fn grants_by_month(price: &Price) -> bool {
    price.interval == Interval::Year && price.grants.iter().any(|grant| grant.every == Some(Interval::Month))
}

fn allowance_is_good(plan: &Plan, allowance: Option<Amount>) -> Result<(), Refusal> {
    match allowance {
        Some(_) if !plan.custom => {
            Err(Refusal::invalid("/allowance", format!("`{}` has its allowance in the catalog", plan.id)))
        }
        Some(amount) if amount.is_zero() || amount.get() > OPERATION_MAX => {
            Err(Refusal::invalid("/allowance", format!("must be 1 to {OPERATION_MAX}")))
        }
        None if plan.custom => {
            Err(Refusal::invalid("/allowance", format!("must be given: `{}` is agreed by contract", plan.id)))
        }
        _ => Ok(()),
    }
}
