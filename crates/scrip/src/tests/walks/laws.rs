//! Laws of selling, checked against the model's own records and the ledger's entries.
//!
//! **Invariant:** the laws do not use Scrip's judgement: the grants that a payment should have given follow from the
//! versions that the walk published and from the money that the model moved.

use super::account::{Account, Card, Invoice};
use super::same;
use super::versions::{Sale, Version};
use crate::payments::marks;
use scrip_engine::{
    Amount, Catalogs, DatedEvent, Event, GrantEvent, GrantKind, Name, PaymentEvent, PlanEvent, Start, Timestamp,
    TopUpEvent, Unit, Workspace,
};
use scrip_testing::laws::Laws;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum seconds between the draft of a renewal and its credits.
const PROMPT: i64 = 5;

/// Version that was published: its number, its instant in seconds, and its offers.
pub type PublishedVersion = (u32, i64, Version);

/// Period that was paid for.
#[derive(Clone, Debug)]
pub struct Period {
    pub plan: String,
    pub interval: &'static str,
    pub version: u32,
    pub start: i64,
    pub end: i64,
    pub amount: i64,
    pub recorded: i64,
}

/// Grant that was made.
#[derive(Clone, Debug)]
pub struct IssuedGrant {
    pub kind: GrantKind,
    pub code: Name,
    pub source: String,
    pub amount: i64,
}

/// Everything that the laws record of a walk.
#[derive(Default)]
pub struct Watch {
    credits: Option<Laws>,
    pub periods: BTreeMap<String, Period>,
    pub grants: BTreeMap<u32, IssuedGrant>,
    /// Amount that was taken back of a grant in all, and whether it was voided.
    pub reclaimed: BTreeMap<u32, (i64, bool)>,
    /// End of the period whose renewal is awaited, and of its bridge.
    awaited: Option<(i64, i64)>,
    pub seen: BTreeMap<&'static str, usize>,
    /// Number of gifts that the walk asked for.
    pub gifts: usize,
}

fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// Returns the plan and the interval of a price of the model, if it is one of Scrip's.
pub fn plan_of<'a>(account: &'a Account, price: &str) -> Option<(&'a str, &'a str)> {
    let metadata = &account.prices[price].metadata;
    Some((metadata.get("scrip_plan")?, metadata.get("scrip_interval")?))
}

/// Returns the line of an invoice that is a period of a plan.
pub fn period_line<'a>(account: &'a Account, invoice: &'a Invoice) -> Option<(&'a str, (&'a str, &'a str))> {
    let priced = invoice.lines.iter().filter_map(|line| line.price.as_deref());
    priced.into_iter().find_map(|price| Some((price, plan_of(account, price)?)))
}

/// Returns everything that settled an invoice.
pub fn whole(invoice: &Invoice) -> i64 {
    invoice.paid + invoice.amount_from_balance()
}

/// Returns the part of some payments that went back by card, or is disputed.
fn of_charges(account: &Account, intents: &[String]) -> i64 {
    let charges = account.charges.iter().filter(|(_, one)| intents.contains(&one.intent) && one.status == "succeeded");
    let gone = charges.map(|(id, one)| {
        let claims = account.disputes.values().filter(|dispute| dispute.charge == *id && dispute.status != "won");
        (one.refunded + claims.map(|dispute| dispute.amount).sum::<i64>()).min(one.amount)
    });
    gone.sum()
}

/// Returns the part of a payment that has gone back or is disputed, in all its ways, and the whole payment.
pub fn returned_part(account: &Account, source: &str) -> (i64, i64) {
    match account.invoices.get(source) {
        Some(invoice) => {
            let notes = account.notes.values().filter(|note| note.invoice == source);
            let otherwise: i64 =
                notes.map(|note| note.after_payment - note.refunds.iter().map(|(_, part)| part).sum::<i64>()).sum();
            let whole = whole(invoice);
            ((of_charges(account, &invoice.intents) + otherwise).min(whole), whole)
        }
        None => {
            let received = account.intents.get(source).map_or(0, |intent| intent.received);
            (of_charges(account, &[source.to_owned()]).min(received), received)
        }
    }
}

impl Watch {
    fn count(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Reads an entry, and checks the laws that its events fall under.
    pub fn read(
        &mut self,
        events: &[DatedEvent],
        entry_at: Timestamp,
        account: &Account,
        versions: &[PublishedVersion],
        catalogs: &Catalogs,
    ) -> Result<(), String> {
        self.credits.get_or_insert_with(|| Laws::under(catalogs)).read(events, entry_at)?;
        for DatedEvent(at, event) in events {
            match event {
                Event::Payment(event) => self.payment(*at, event, entry_at, account, versions)?,
                Event::TopUp(TopUpEvent::TopUpRequested { .. }) => self.count("top-ups asked for"),
                Event::Grant(GrantEvent::GrantIssued {
                    grant,
                    kind,
                    code,
                    source,
                    amount,
                    unit: Unit::Credits,
                    from,
                    reason,
                    ..
                }) => {
                    let issued = IssuedGrant {
                        kind: *kind,
                        code: code.clone(),
                        source: source.to_string(),
                        amount: amount.get(),
                    };
                    self.grant(&issued, *from, reason.as_deref(), account, versions)?;
                    self.grants.insert(*grant, issued);
                }
                Event::Grant(GrantEvent::GrantRevoked { grant, reclaim, voided, .. }) => {
                    let known = self.reclaimed.entry(*grant).or_default();
                    *known = (reclaim.get(), known.1 || *voided);
                    let granted = self.grants.get(grant).map_or(0, |issued| issued.amount);
                    if reclaim.get() > granted {
                        return Err(format!("{reclaim} are taken back of grant {grant}, which had {granted}"));
                    }
                }
                Event::Plan(PlanEvent::PeriodStarted { why, .. }) => {
                    self.awaited = None;
                    self.count(match why {
                        Start::New => "new plans",
                        Start::Upgrade => "upgrades",
                        Start::Change => "changes",
                        Start::Renewal => "renewals",
                        Start::Resumed => "resumed",
                    });
                }
                // Scrip learns later of a cancellation that was taken back at Stripe.
                Event::Plan(PlanEvent::SubscriptionEnded { .. } | PlanEvent::CancelScheduled) => self.awaited = None,
                _ => {}
            }
        }
        Ok(())
    }

    fn payment(
        &mut self,
        at: Timestamp,
        event: &PaymentEvent,
        entry_at: Timestamp,
        account: &Account,
        versions: &[PublishedVersion],
    ) -> Result<(), String> {
        match event {
            PaymentEvent::PeriodPaid { source, plan, interval, catalog, start, end, amount, .. } => {
                let period = Period {
                    plan: plan.to_string(),
                    interval: interval.name(),
                    version: *catalog,
                    start: seconds(*start),
                    end: seconds(*end),
                    amount: amount.get(),
                    recorded: seconds(entry_at),
                };
                self.count("periods paid");
                self.period(source, &period, account, versions)?;
                self.periods.insert(source.to_string(), period);
            }
            PaymentEvent::PaymentReversed { source, paid, reversed } if reversed > paid => {
                return Err(format!("{reversed} of {paid} went back of {source}"));
            }
            PaymentEvent::PaymentAwaited { bridge: Some(bridge), .. } => {
                self.count("renewals awaited");
                self.awaited = Some((seconds(at), seconds(*bridge)));
            }
            PaymentEvent::PaymentProcessing { .. } => self.count("debits awaited"),
            PaymentEvent::PaymentFailed { .. } => self.count("payments declined"),
            _ => {}
        }
        Ok(())
    }

    /// Checks that a paid period cites a settled invoice's line, and that the version sells it at that price.
    fn period(
        &self,
        source: &str,
        period: &Period,
        account: &Account,
        versions: &[PublishedVersion],
    ) -> Result<(), String> {
        let invoice =
            account.invoices.get(source).ok_or_else(|| format!("{source} is no invoice, and paid a period"))?;
        same("a paid period's invoice is paid", invoice.status, "paid")?;
        let (price, sold) = period_line(account, invoice).ok_or_else(|| format!("{source} has no line of a plan"))?;
        same("what is sold is what the line says", (&*period.plan, period.interval), sold)?;
        let amount = account.prices[price].amount;
        let sells = |(_, _, version): &&PublishedVersion| {
            version.sale(&period.plan, period.interval).is_some_and(|sale| sale.amount == amount)
        };
        let newest_at =
            |at: i64| versions.iter().rev().filter(|(_, since, _)| *since <= at).find(sells).map(|one| one.0);
        let subscription = invoice.subscription.as_ref().map(|id| &account.subscriptions[id]);
        let shown = subscription.filter(|_| invoice.reason == "subscription_create");
        let shown = shown.and_then(|one| one.metadata.get(marks::CATALOG)?.parse::<u32>().ok());
        let shown = shown.and_then(|shown| versions.iter().filter(sells).find(|one| one.0 == shown)).map(|one| one.0);
        let may = match shown {
            Some(shown) => vec![Some(shown)],
            None => vec![newest_at(period.start), newest_at(period.recorded)],
        };
        if !may.contains(&Some(period.version)) {
            return Err(format!("{source} paid {amount} and gives by version {}, not {may:?}", period.version));
        }
        if period.amount > whole(invoice) {
            return Err(format!("{source} cost {}, and {} settled it", period.amount, whole(invoice)));
        }
        self.is_prompt(source, period, invoice, account, versions)
    }

    /// Checks that an awaited renewal that nothing hinders gives its credits within seconds of its draft.
    fn is_prompt(
        &self,
        source: &str,
        period: &Period,
        invoice: &Invoice,
        account: &Account,
        versions: &[PublishedVersion],
    ) -> Result<(), String> {
        let Some((ended, bridge)) = self.awaited else { return Ok(()) };
        let finalizes = versions.last().is_some_and(|(_, _, version)| version.scrip_finalizes);
        let of_scrip = invoice.lines.iter().all(|line| line.item.is_some());
        let charged = invoice.intents.first().map(|intent| &account.intents[intent]);
        let good = charged.is_none_or(|intent| {
            let method = intent.method.as_ref().map(|method| account.cards[method]);
            intent.status == "succeeded" && method == Some(Card::Good) && intent.tries == 1
        });
        let first = invoice.attempts <= 1 && invoice.intents.len() <= 1 && invoice.credited_before == 0;
        let in_time = invoice.created < bridge && period.start == ended;
        let is_renewal = invoice.reason == "subscription_cycle";
        if finalizes && of_scrip && good && first && in_time && is_renewal && period.recorded > invoice.created + PROMPT
        {
            let late = period.recorded - invoice.created;
            return Err(format!("the credits of {source} came {late} seconds after its draft"));
        }
        Ok(())
    }

    /// Checks that a grant cites its source, and is as much as that sells.
    fn grant(
        &mut self,
        issued: &IssuedGrant,
        from: Option<u32>,
        reason: Option<&str>,
        account: &Account,
        versions: &[PublishedVersion],
    ) -> Result<(), String> {
        let IssuedGrant { kind, code, source, amount, .. } = issued;
        let kin = |kinds: &[GrantKind]| -> i64 {
            let of_source = self.grants.values().filter(|one| one.source == *source && one.code == *code);
            of_source.filter(|one| kinds.contains(&one.kind)).map(|one| one.amount).sum()
        };
        let wrong = |why: &str| Err(format!("{why}: {issued:?}"));
        match kind {
            GrantKind::Cycle | GrantKind::Bonus if self.periods.contains_key(source) => {
                let sale = self.sale(source, versions);
                let given = sale.given.iter().find(|given| given.code == &**code);
                let Some(given) = given.filter(|given| given.bonus == (*kind == GrantKind::Bonus)) else {
                    return wrong("a period gives what it is not sold with");
                };
                let before = kin(&[GrantKind::Cycle, GrantKind::Bonus]);
                if amount % given.amount != 0 || before + amount > sale.whole(code) {
                    return wrong("a period gives more than it is sold with");
                }
            }
            GrantKind::Cycle => return wrong("a period's grant cites no paid period"),
            GrantKind::Pack | GrantKind::Bonus => {
                self.pack(issued, account, versions)?;
                if kin(&[*kind]) > 0 {
                    return wrong("a pack is given twice");
                }
            }
            GrantKind::Rollover => {
                if !self.periods.contains_key(source) {
                    return wrong("what rolls over is of no paid period");
                }
                let most = versions.iter().flat_map(|(_, _, version)| &version.sales).flat_map(|sale| &sale.given);
                let most = most.filter(|given| given.code == &**code).map(|given| given.rollover).max();
                if *amount > most.unwrap_or(0) {
                    return wrong("more rolls over than any version allows");
                }
            }
            GrantKind::Lifetime => {
                let again = self.grants.values().any(|one| one.kind == GrantKind::Lifetime && one.code == *code);
                if again || !versions.iter().any(|(_, _, version)| version.welcome == *amount) {
                    return wrong("what is given once is given again, or not as any version says");
                }
            }
            GrantKind::Goodwill => {
                let given = self.grants.values().filter(|one| one.kind == GrantKind::Goodwill).count();
                if reason.is_none() || given >= self.gifts {
                    return wrong("a gift has no reason, or was not given by the operator");
                }
            }
            GrantKind::Returned | GrantKind::Reinstated => {
                let origin = from.and_then(|from| self.grants.get(&from));
                if origin.is_none_or(|origin| *amount > origin.amount || origin.source != *source) {
                    return wrong("what comes back comes from nothing, or is more than there was");
                }
            }
            GrantKind::Trial => return wrong("no version has a trial"),
        }
        self.count(kind.name());
        Ok(())
    }

    fn sale<'v>(&self, source: &str, versions: &'v [PublishedVersion]) -> &'v Sale {
        let period = &self.periods[source];
        let (_, _, version) = versions.iter().find(|one| one.0 == period.version).expect("it was held against them");
        version.sale(&period.plan, period.interval).expect("it was held against them")
    }

    /// Checks that a pack cites a payment that succeeded, and is what a version sells for it.
    fn pack(&self, issued: &IssuedGrant, account: &Account, versions: &[PublishedVersion]) -> Result<(), String> {
        let IssuedGrant { kind, code, source, amount, .. } = issued;
        let intent = account.intents.get(source).ok_or_else(|| format!("a pack cites no payment: {issued:?}"))?;
        same("a pack's payment succeeded", intent.status, "succeeded")?;
        same("the pack is the one that was paid", intent.metadata.get(marks::PACK).map(String::as_str), Some(&**code))?;
        let shown = intent.metadata.get(marks::CATALOG).and_then(|shown| shown.parse::<u32>().ok());
        let sold = |version: &Version| {
            let pack = version.packs.iter().find(|pack| pack.id == &**code && pack.amount == intent.received)?;
            Some(if *kind == GrantKind::Pack { pack.credits } else { pack.bonus })
        };
        let shown = versions.iter().find(|one| Some(one.0) == shown).and_then(|one| sold(&one.2));
        let newest = || versions.iter().rev().find_map(|one| sold(&one.2));
        same("a pack is what its version sells", Some(*amount), shown.or_else(newest))
    }

    /// Checks that nothing of the remainder is lost inside a bridge.
    pub fn bridge(&mut self, before: &Workspace, after: &Workspace, now: i64) -> Result<(), String> {
        let (old, new) = (&before.subscription, &after.subscription);
        let bridged = new.bridge_until.is_some_and(|until| seconds(until) > now);
        if !bridged || old.period != new.period || old.is_frozen() {
            return Ok(());
        }
        let left = |workspace: &Workspace| -> Amount {
            let of_period = workspace.grants.iter().filter(|grant| workspace.subscription.freezes(grant));
            of_period.map(|grant| grant.available).sum()
        };
        let (was, is) = (left(before), left(after));
        if is < was || new.plan != old.plan {
            return Err(format!("there is a gap at a renewal: {was} credits became {is} on {}", new.plan));
        }
        Ok(())
    }

    /// Checks the laws that hold whenever everything is settled.
    pub fn agree(&self, workspace: &Workspace, account: &Account) -> Result<(), String> {
        if let Some(credits) = &self.credits {
            credits.agree(workspace)?;
        }
        let collects = |(id, one): &(&String, &super::account::Subscription)| {
            let processing = account.unsettled_invoices(id).iter().any(|invoice| account.is_processing(invoice));
            one.goes_on() || processing
        };
        let going: Vec<&String> = account.subscriptions.iter().filter(collects).map(|(id, _)| id).collect();
        if going.len() > 1 {
            return Err(format!("a customer is sold two plans: {going:?}"));
        }
        Ok(())
    }

    /// Checks the laws of the end of a walk, when a year has passed and every event was heard.
    pub fn end(
        &self,
        workspace: &Workspace,
        account: &Account,
        versions: &[PublishedVersion],
        switches: Switches,
    ) -> Result<(), String> {
        let now = seconds(workspace.at);
        self.all_is_given(account)?;
        for (source, period) in &self.periods {
            let sale = self.sale(source, versions);
            for given in &sale.given {
                let of_code = self.grants.values().filter(|one| one.source == *source && &*one.code == given.code);
                let of_code = of_code.filter(|one| matches!(one.kind, GrantKind::Cycle | GrantKind::Bonus));
                let issued: i64 = of_code.map(|one| one.amount).sum();
                let due =
                    if given.monthly { self.months_due(source, period, now, versions, switches) } else { Some(1) };
                let Some(due) = due else { continue };
                if issued != due * given.amount {
                    let of = given.amount * due;
                    return Err(format!("{source} gave {issued} {} of {of}: {period:?}", given.code));
                }
            }
        }
        self.taken_back(workspace, account)?;
        self.net(account)
    }

    /// Returns the months of a year that are due by now; `None` where the catalog forfeits some at an upgrade.
    fn months_due(
        &self,
        source: &str,
        period: &Period,
        now: i64,
        versions: &[PublishedVersion],
        switches: Switches,
    ) -> Option<i64> {
        let after = self.periods.iter().filter(|(other, one)| *other != source && one.recorded >= period.recorded);
        let upgraded = after.into_iter().any(|(_, one)| one.start < period.end);
        if upgraded && (!switches.months_are_carried || !versions[0].2.carries) {
            return None;
        }
        let start = Timestamp::from_micros(period.start * 1_000_000);
        let month = |n: u32| seconds(start.nth(scrip_engine::Interval::Month, n));
        // Months that had passed before the payment was recorded are not given again (R3).
        let passed = (1..12).filter(|n| month(*n) <= period.recorded).count() as i64;
        let begun = (0..12).filter(|n| month(*n) <= now).count() as i64;
        Some(begun - passed)
    }

    /// Checks that every payment has given something.
    fn all_is_given(&self, account: &Account) -> Result<(), String> {
        for (id, invoice) in &account.invoices {
            let sells = invoice.status == "paid" && whole(invoice) > 0 && period_line(account, invoice).is_some();
            if sells && !self.periods.contains_key(id) {
                return Err(format!("{id} was paid, and gives nothing"));
            }
        }
        let sources: BTreeSet<&str> = self.grants.values().map(|one| &*one.source).collect();
        for (id, intent) in &account.intents {
            let sells = intent.status == "succeeded" && intent.metadata.contains_key(marks::PACK);
            if sells && !sources.contains(&**id) {
                return Err(format!("{id} paid a pack, and gives nothing"));
            }
        }
        Ok(())
    }

    /// Checks that money that went back took its share of the grants of its payment, and no more.
    fn taken_back(&self, workspace: &Workspace, account: &Account) -> Result<(), String> {
        for (n, issued) in &self.grants {
            let paid = matches!(issued.kind, GrantKind::Cycle | GrantKind::Bonus | GrantKind::Pack);
            let (gone, whole) = returned_part(account, &issued.source);
            let (reclaimed, voided) = self.reclaimed.get(n).copied().unwrap_or_default();
            // A grant that is closed and old is forgotten: no refund reaches it any more.
            if !paid || voided || whole == 0 || workspace.grant(*n).is_none() {
                continue;
            }
            let share = issued.amount * gone / whole;
            if reclaimed != share {
                let IssuedGrant { source, amount, .. } = issued;
                return Err(format!("{gone} of {whole} of {source} went back, and {reclaimed} of {amount} credits"));
            }
        }
        Ok(())
    }

    /// Checks that all credits together cost no more than the money that came and stayed.
    fn net(&self, account: &Account) -> Result<(), String> {
        let packs = self.grants.values().filter(|one| one.kind == GrantKind::Pack);
        let packs = packs.map(|one| (one.source.as_str(), account.intents[&one.source].received));
        let paid = self.periods.iter().map(|(source, period)| (source.as_str(), period.amount)).chain(packs);
        let kept: i64 = paid
            .map(|(source, paid)| {
                let (gone, whole) = returned_part(account, source);
                paid - paid * gone / whole.max(1)
            })
            .sum();
        let mut cash = 0;
        for (id, charge) in account.charges.iter().filter(|(_, one)| one.status == "succeeded") {
            let claims = account.disputes.values().filter(|one| one.charge == *id && one.status != "won");
            cash += charge.amount - (charge.refunded + claims.map(|one| one.amount).sum::<i64>()).min(charge.amount);
        }
        // A refund takes its share of everything that settled an invoice, the operator's gifts included: the customer's
        // share is smaller by that.
        let share_of_gift = |(source, period): (&String, &Period)| {
            let invoice = &account.invoices[source];
            returned_part(account, source).0.min(whole(invoice) - period.amount)
        };
        // Money that goes back twice is the operator's loss.
        let twice = |source: &String| {
            let invoice = &account.invoices[source];
            let notes = account.notes.values().filter(|note| note.invoice == *source);
            let credited: i64 = notes.map(|note| note.after_payment).sum();
            (credited + of_charges(account, &invoice.intents) - whole(invoice)).max(0)
        };
        let slack = self.periods.iter().map(share_of_gift).sum::<i64>()
            + self.periods.keys().map(twice).sum::<i64>()
            + self.periods.len() as i64
            + 1;
        if kept > cash + slack {
            return Err(format!("credits cost {kept} in all, and {cash} came and stayed"));
        }
        Ok(())
    }
}

/// Switches of laws that the product is not held to yet.
#[derive(Clone, Copy, Debug)]
pub struct Switches {
    /// All months of a year before an upgrade are given (R31).
    pub months_are_carried: bool,
    /// A top-up of a workspace without a customer ends (R38).
    pub top_ups_end: bool,
}
