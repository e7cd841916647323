//! Walk: its steps are taken one after the other, and then a year passes.

use super::account::{Card, DAY};
use super::laws::{Switches, period_line, plan_of, returned_part, whole};
use super::story::{Delivery, Step, Wait, draw};
use super::world::World;
use crate::operate::alerts;
use crate::operate::verify::verify;
use crate::payments::error::Denial;
use crate::payments::portal::PortalTask;
use crate::payments::stripe::client::Client;
use scrip_engine::payments::TopUpTerms;
use scrip_engine::{
    Amount, Ask, Command, Give, GrantCommand, HoldCommand, Interval, Name, PurchaseTarget, Timestamp, TopUpCommand,
    Unit,
};
use scrip_store::rows::purchases;
use scrip_testing::dice::Dice;
use std::collections::BTreeMap;

/// Number of steps of a walk.
pub const STEPS: usize = 24;
/// Switches of laws and acts that wait for a change elsewhere; all are on.
pub const SWITCHES: Switches = Switches { months_are_carried: true, top_ups_end: true };

/// Alerts that say that money and credits do not agree.
const BAD_ALERTS: [&str; 7] =
    ["wrong_price", "refused", "too_much", "not_sold", "wrong_amount", "wrong_workspace", "two_subscriptions"];

/// Events that a walk has seen, and its number of entries.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seen: BTreeMap<&'static str, usize>,
    pub entries: u64,
}

/// Takes the steps of a seed; an error contains the story.
pub async fn walk(seed: u64, steps: &[Step], client: &Client) -> Result<Outcome, String> {
    let mut world = World::open(seed, client).await;
    let walked = take(&mut world, steps).await;
    match walked {
        Ok(outcome) => Ok(outcome),
        Err(wrong) => Err(format!("{wrong}\n{}", world.story.join("\n"))),
    }
}

/// Returns the law that a failure breaks: its words without names and numbers.
pub fn kind(wrong: &str) -> String {
    let words = wrong.lines().next().unwrap_or_default().split([' ', ':']);
    let plain = words.filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic() || c == '\''));
    plain.take(5).collect::<Vec<_>>().join(" ")
}

/// Returns the shortest walk, with steps dropped, that still fails as the longer one does.
pub async fn shrink(seed: u64, steps: &[Step], like: &str, client: &Client) -> Vec<Step> {
    let mut short = steps.to_vec();
    let mut size = (short.len() / 2).max(1);
    loop {
        let mut at = 0;
        let mut dropped = false;
        while at < short.len() {
            let until = (at + size).min(short.len());
            let fewer: Vec<Step> = short[..at].iter().chain(&short[until..]).copied().collect();
            let wrong = walk(seed, &fewer, client).await.err();
            if wrong.is_some_and(|wrong| kind(&wrong) == kind(like)) {
                (short, dropped) = (fewer, true);
            } else {
                at = until;
            }
        }
        if size == 1 && !dropped {
            return short;
        }
        size = (size / 2).max(1);
    }
}

/// Returns the steps of a seed.
pub fn steps_of(seed: u64) -> Vec<Step> {
    draw(seed, STEPS)
}

async fn take(world: &mut World, steps: &[Step]) -> Result<Outcome, String> {
    world.settle().await?;
    for step in steps {
        let at = Timestamp::from_micros(world.now * 1_000_000);
        let asked = world.wire().account.asked.len();
        world.story.push(format!("  {at} {step:?}"));
        let said = world.take(*step).await?;
        world.settle().await?;
        let did: Vec<String> = world.wire().account.asked[asked..].to_vec();
        let stands = world.stands().await;
        world.story.push(format!("    {said}; {stands} {}", did.join(", ")));
    }
    world.rest().await
}

impl World {
    async fn stands(&self) -> String {
        let workspace = self.workspace().await;
        let available = workspace.available(Unit::Credits, None, workspace.at);
        let subscription = &workspace.subscription;
        let state = match (subscription.awaited_until, subscription.cancel) {
            (Some(_), _) => " awaited",
            (None, true) => " ending",
            (None, false) => "",
        };
        format!("[{}{state}, {available}]", subscription.plan)
    }

    /// Lets a year pass with every event heard; then nothing is pending and every law holds.
    async fn rest(&mut self) -> Result<Outcome, String> {
        self.wire().lose = None;
        self.set_delivery(Delivery::Prompt).await?;
        self.sweep().await?;
        let disputes: Vec<String> = self.wire().account.disputes.keys().cloned().collect();
        for (n, dispute) in disputes.iter().enumerate() {
            self.wire().account.close_dispute(dispute, n % 2 == 0);
        }
        self.settle().await?;
        self.story.push("  and a year passes".to_owned());
        let end = self.now + 366 * DAY;
        // A year of weeks shows no more than some of them.
        self.advance(self.now + 64 * DAY).await?;
        let weekly = self.workspace().await.subscription.period.is_some_and(|period| period.interval == Interval::Week);
        if weekly && let Some(customer) = self.customer().await {
            self.in_the_account(Step::PortalCancel { by_date: true }, &customer);
            self.settle().await?;
        }
        self.advance(end).await?;
        // A renewal that is under way comes to its end.
        for _ in 0..40 {
            if self.pending().await.is_none() {
                break;
            }
            self.advance(self.now + DAY).await?;
        }
        if let Some(pending) = self.pending().await {
            return Err(format!("after a year it is still pending: {pending}"));
        }
        let workspace = self.workspace().await;
        self.watch.end(&workspace, &self.wire().account, &self.versions, SWITCHES)?;
        self.open_invoices_have_an_owner().await?;
        self.no_alert().await?;
        let report = verify(self.store(), |_, _| ()).await.map_err(|error| error.to_string())?;
        if report.count > 0 {
            return Err(format!("verify: {:?}", report.differences));
        }
        Ok(Outcome { seen: self.watch.seen.clone(), entries: report.entries })
    }

    async fn pending(&self) -> Option<String> {
        let workspace = self.workspace().await;
        if workspace.subscription.awaited_until.is_some() {
            return Some("a renewal".to_owned());
        }
        if workspace.billing.top_up.as_ref().is_some_and(|top_up| top_up.pending.is_some()) {
            return Some("a top-up".to_owned());
        }
        if !workspace.holds.is_empty() {
            return Some("a hold".to_owned());
        }
        // A wish without a session was given up while the session was opened, and ends by itself.
        let open =
            purchases::open_sessions(self.store().reader(), self.workspace).await.expect("the store answers").len();
        (open > 0).then(|| format!("{open} purchases"))
    }

    /// Checks that every open invoice is shown, so that it can be paid or cancelled.
    async fn open_invoices_have_an_owner(&self) -> Result<(), String> {
        let shown = self.billing.kept_collection(self.workspace).await.expect("the store answers");
        let all = alerts::list(self.store(), i64::MAX, 100).await.expect("the store answers");
        let account = &self.wire().account;
        let open = account.invoices.iter().filter(|(_, one)| matches!(one.status, "open" | "draft"));
        let of_plans = open.filter(|(_, one)| period_line(account, one).is_some());
        for (id, invoice) in of_plans {
            let subscription = invoice.subscription.as_deref();
            // An invoice that Scrip may not void is the operator's, who gets an alert.
            if all.iter().any(|alert| alert.about == format!("open_invoice:{id}")) {
                continue;
            }
            if shown.as_ref().map(|shown| shown.subscription.as_str()) != subscription {
                return Err(format!(
                    "no workspace owns {id}, which is {}: {invoice:?}; shown: {shown:?}",
                    invoice.status
                ));
            }
        }
        if let Some(shown) = &shown
            && !account.subscriptions[&shown.subscription].goes_on()
        {
            return Err(format!("what is over is shown as collected: {shown:?}"));
        }
        Ok(())
    }

    async fn no_alert(&self) -> Result<(), String> {
        let all = alerts::list(self.store(), i64::MAX, 100).await.expect("the store answers");
        let bad: Vec<String> = all
            .iter()
            .filter(|alert| BAD_ALERTS.contains(&&*alert.kind))
            .map(|alert| format!("{} {}: {}", alert.kind, alert.about, alert.detail))
            .collect();
        if bad.is_empty() { Ok(()) } else { Err(format!("alerts: {}", bad.join("; "))) }
    }

    /// Takes a step, and returns a description of its result.
    async fn take(&mut self, step: Step) -> Result<String, String> {
        Ok(match step {
            Step::Wish(n) => self.wish(n).await?,
            Step::Pay { back, card } => self.pay(back, card).await,
            Step::PortalSwitch(n) => self.portal_switch(n).await,
            Step::Cancel { undo } => self.cancel(undo).await?,
            Step::Publish(seed) => {
                let (next, said) = self.version().next(&mut Dice::new(seed));
                self.publish(next).await;
                said
            }
            Step::TopUp { .. } if !SWITCHES.top_ups_end && self.customer().await.is_none() => "not yet".to_owned(),
            Step::TopUp { pack, below, times } => {
                let pack = self.version().packs[pack % self.version().packs.len()].clone();
                let below = (below as i64 * pack.credits / 100).max(1);
                let terms = TopUpTerms {
                    pack: Name::from(pack.id),
                    below: Amount::new(below).expect("an amount"),
                    monthly_max: Amount::new(pack.amount * times).expect("an amount"),
                };
                outcome(self.submit(Command::TopUp(TopUpCommand::Set(Some(terms)))).await)
            }
            Step::NoTopUp => outcome(self.submit(Command::TopUp(TopUpCommand::Set(None))).await),
            Step::Goodwill(amount) => {
                self.watch.gifts += 1;
                let amount = Amount::new(amount).expect("an amount");
                let give = Give::Goodwill { unit: Unit::Credits, amount, expires_at: None, models: Vec::new() };
                outcome(
                    self.submit(Command::Grant(GrantCommand::Give { give, source: None, reason: "sorry".to_owned() }))
                        .await,
                )
            }
            Step::Hold { percent, hours } => self.hold(percent, hours).await,
            Step::Capture { .. } | Step::Release(_) => self.end_hold(step).await,
            Step::Deliver(delivery) => self.set_delivery(delivery).await.map(|()| String::new())?,
            Step::Sweep => self.sweep().await.map(|()| String::new())?,
            Step::LoseAnswer(after) => {
                self.wire().lose = Some(after);
                String::new()
            }
            Step::Wait(wait) => self.wait(wait).await?,
            _ => match self.customer().await {
                Some(customer) => self.in_the_account(step, &customer).to_owned(),
                None => "Stripe knows no customer".to_owned(),
            },
        })
    }

    async fn wait(&mut self, wait: Wait) -> Result<String, String> {
        let to = match wait {
            Wait::Seconds(seconds) => self.now + seconds,
            Wait::PeriodEnd(offset) => {
                let period = self.workspace().await.subscription.period;
                let end = period.map_or(self.now + 30 * DAY, |period| period.end.micros() / 1_000_000);
                (end + offset).max(self.now + 1)
            }
        };
        self.advance(to).await?;
        Ok(format!("until {}", Timestamp::from_micros(to * 1_000_000)))
    }

    async fn wish(&mut self, n: usize) -> Result<String, String> {
        let version = self.version();
        let sales = version.sales.iter().map(|sale| {
            let interval: Interval = sale.interval.parse().expect("an interval");
            PurchaseTarget::Plan(Name::from(sale.plan), Some(interval))
        });
        let wishes: Vec<PurchaseTarget> =
            sales.chain(version.packs.iter().map(|pack| PurchaseTarget::Pack(Name::from(pack.id)))).collect();
        let wanted = &wishes[n % wishes.len()];
        let workspace = self.workspace().await;
        self.wire().lost = false;
        match self.billing.buy(&workspace, wanted, None).await {
            Ok(page) => {
                self.pages.push(page.url.clone());
                Ok(format!("{wanted:?} on {}", page.url))
            }
            Err(Denial::Refused(refusal)) => Ok(format!("{wanted:?} is refused: {}", refusal.code())),
            Err(denied) if self.wire().lost => Ok(format!("{wanted:?}: {denied:?}")),
            Err(denied) => Err(format!("{wanted:?} is denied: {denied:?}")),
        }
    }

    async fn pay(&mut self, back: usize, card: Card) -> String {
        let Some(url) = self.pages.iter().rev().nth(back).cloned() else { return "there is no page".to_owned() };
        let (_, id) = url.rsplit_once('/').expect("a page has an id");
        let account = &mut self.wire().account;
        if url.contains("/c/") {
            let done = account.pay_session(id, card);
            return format!("{id} {}", if done { "is complete" } else { "takes no payment" });
        }
        if url.contains("/i/") {
            return format!("{id}: {:?}", account.pay_on_page(id, card));
        }
        let visit = account.visits[id].clone();
        let chosen = &visit.flow["subscription_update_confirm"];
        if let (Some(subscription), Some(price)) =
            (chosen["subscription"].as_str(), chosen["items"]["0"]["price"].as_str())
        {
            return format!("{id}: {:?}", account.switch(id, subscription, price));
        }
        // The portal's home page: a customer who came to keep the plan keeps it.
        let ending: Vec<String> = account.subscriptions.keys().cloned().collect();
        let kept = ending.iter().rev().any(|subscription| account.keep_in_portal(subscription));
        format!("{id}: {}", if kept { "is kept" } else { "there is nothing to keep" })
    }

    async fn portal_switch(&mut self, n: usize) -> String {
        let workspace = self.workspace().await;
        let url = match self.billing.portal(&workspace, PortalTask::Any).await {
            Ok(url) => url,
            Err(denied) => return format!("{denied:?}"),
        };
        let (_, id) = url.rsplit_once('/').expect("a page has an id");
        let account = &mut self.wire().account;
        let prices: Vec<String> = account
            .prices
            .iter()
            .filter(|(id, one)| one.active && plan_of(account, id).is_some())
            .map(|(id, _)| id.clone())
            .collect();
        let price = &prices[n % prices.len()];
        let Some(subscription) = account.subscriptions.keys().next_back().cloned() else {
            return "nothing is subscribed".to_owned();
        };
        let sold = plan_of(account, price).map(|(plan, interval)| format!("{plan} {interval}")).unwrap_or_default();
        format!("to {sold}: {:?}", account.switch(id, &subscription, price))
    }

    async fn cancel(&mut self, undo: bool) -> Result<String, String> {
        let workspace = self.workspace().await;
        self.wire().lost = false;
        let done = if workspace.subscription.payment.is_some() {
            self.billing.end(&workspace, !undo).await.map(|()| true)
        } else if undo {
            Ok(false)
        } else {
            self.billing.end_collection(&workspace).await
        };
        match done {
            Ok(true) => {
                self.look().await?;
                Ok("done".to_owned())
            }
            Ok(false) => Ok("there is nothing to cancel".to_owned()),
            Err(denied) => Ok(format!("{denied:?}")),
        }
    }

    async fn hold(&mut self, percent: usize, hours: i64) -> String {
        let workspace = self.workspace().await;
        let available = workspace.available(Unit::Credits, None, workspace.at).get();
        let Some(amount) = Amount::new(available * percent as i64 / 100).filter(|amount| !amount.is_zero()) else {
            return "there is nothing to hold".to_owned();
        };
        let command = Command::Hold(HoldCommand::Open {
            ask: Ask::Credits(amount),
            reference: "walk".to_owned(),
            seconds: Some(hours * 3_600),
            off: None,
            behalf: None,
        });
        format!("{amount}: {}", outcome(self.submit(command).await))
    }

    async fn end_hold(&mut self, step: Step) -> String {
        let workspace = self.workspace().await;
        let holds = &workspace.holds;
        let (which, percent) = match step {
            Step::Capture { which, percent } => (which, Some(percent)),
            Step::Release(which) => (which, None),
            _ => unreachable!("only what ends a hold comes here"),
        };
        let Some(hold) = holds.get(which % holds.len().max(1)) else { return "nothing is held".to_owned() };
        let command = match percent {
            Some(percent) => {
                let amount = Amount::new(hold.amount.get() * percent as i64 / 100);
                Command::Hold(HoldCommand::Capture { hold: hold.n, amount })
            }
            None => Command::Hold(HoldCommand::Release { hold: hold.n }),
        };
        outcome(self.submit(command).await)
    }

    /// Acts on Stripe's pages or in its dashboard, and returns a description of the result.
    fn in_the_account(&mut self, step: Step, customer: &str) -> String {
        let wire = &mut self.wire();
        let account = &mut wire.account;
        let newest = account.subscriptions.keys().next_back().cloned();
        let open: Option<String> = account
            .invoices
            .iter()
            .rev()
            .find(|(_, one)| matches!(one.status, "open" | "uncollectible"))
            .map(|(id, _)| id.clone());
        let nth = |all: Vec<String>, n: usize| (!all.is_empty()).then(|| all[n % all.len()].clone());
        let charges = |account: &super::account::Account| -> Vec<String> {
            account.charges.iter().filter(|(_, one)| one.status == "succeeded").map(|(id, _)| id.clone()).collect()
        };
        let done = match step {
            Step::PortalCancel { by_date } => newest.map(|id| (account.cancel_in_portal(&id, by_date), id)),
            Step::PortalKeep => newest.map(|id| (account.keep_in_portal(&id), id)),
            Step::EndNow => newest.map(|id| (account.end_now(&id), id)),
            Step::SetCard(card) => {
                account.set_card(customer, card);
                None
            }
            Step::PayInvoice(card) => open.map(|id| (account.pay_on_page(&id, card).is_some(), id)),
            Step::Refund { which, percent } => nth(charges(account), which).map(|id| {
                let left = account.charges[&id].amount - account.charges[&id].refunded;
                (account.refund(&id, (left * percent / 100).max(1)).is_some(), id)
            }),
            Step::Credit { which, percent, kind } => {
                let paid = account.invoices.iter().filter(|(_, one)| one.status == "paid" && one.total > 0);
                nth(paid.map(|(id, _)| id.clone()).collect(), which).map(|id| {
                    // No more goes back than there was.
                    let left = whole(&account.invoices[&id]) - returned_part(account, &id).0;
                    let amount = left * percent / 100;
                    let [balance, refund, outside] = std::array::from_fn(|n| if n == kind { amount } else { 0 });
                    (account.credit(&id, balance, refund, outside), id)
                })
            }
            Step::CreditOpen { percent } => open.map(|id| {
                let amount = account.invoices[&id].remaining() * percent / 100;
                (account.credit_open(&id, amount.max(1)), id)
            }),
            Step::Dispute(which) => nth(charges(account), which).map(|id| (account.dispute(&id), id)),
            Step::CloseDispute { which, won } => {
                nth(account.disputes.keys().cloned().collect(), which).map(|id| (account.close_dispute(&id, won), id))
            }
            Step::Balance(amount) => {
                account.adjust_balance(customer, amount);
                None
            }
            Step::AddLine(amount) => {
                account.add_line(customer, amount);
                None
            }
            Step::Void => open.map(|id| (account.void_by_hand(&id), id)),
            Step::GiveUp => open.map(|id| (account.give_up_by_hand(&id), id)),
            _ => unreachable!("{step:?} is not done in the account"),
        };
        done.map_or_else(String::new, |(done, id)| format!("{id} {}", if done { "done" } else { "not possible" }))
    }
}

fn outcome(done: Result<(), String>) -> String {
    done.err().unwrap_or_else(|| "done".to_owned())
}
