//! A small pure model of Stripe: one account, as a value, with time as data.
//!
//! The model has everything that selling by subscription needs: customers and their balance, prices, checkout sessions,
//! subscriptions, schedules, invoices, payments, refunds, disputes and credit notes. [`answers`] puts it into Stripe's
//! JSON, [`acts`] holds the acts of people on Stripe's pages and in its dashboard.
//!
//! **Invariant:** no I/O and no clock: the same acts at the same instants give the same account.

pub mod acts;
pub mod answers;
mod params;
mod time;

use serde_json::Value;
use std::collections::BTreeMap;

/// Seconds of an hour.
pub const HOUR: i64 = 3_600;
/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Behaviour of a payment method when it is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// A charge is paid at once.
    Good,
    /// A charge is declined.
    Declined,
    /// A charge needs a confirmation while the owner is away.
    Secure,
    /// A charge is a debit, which the bank settles or returns after some time.
    Debit {
        /// Seconds until the bank settles or returns the debit.
        after: i64,
        /// `true` if the money comes.
        settles: bool,
    },
}

/// Fate of a subscription whose invoice could not be collected after all retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRetries {
    Cancel,
    MarkUnpaid,
    LeavePastDue,
}

#[derive(Clone, Debug)]
pub struct Product {
    pub name: String,
    pub active: bool,
    pub metadata: BTreeMap<String, String>,
    pub default_price: Option<String>,
    pub created: i64,
}

#[derive(Clone, Debug)]
pub struct Price {
    pub product: String,
    pub active: bool,
    pub amount: i64,
    pub currency: String,
    pub interval: Option<String>,
    pub lookup_key: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub created: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Customer {
    pub metadata: BTreeMap<String, String>,
    /// Balance of the customer; below zero it is a credit.
    pub balance: i64,
    pub default_method: Option<String>,
    pub methods: Vec<String>,
    pub email: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub mode: String,
    pub status: &'static str,
    pub payment_status: &'static str,
    pub customer: String,
    pub reference: Option<String>,
    /// Price to buy; `None` for a session that only takes a payment method.
    pub price: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Metadata of the subscription or the payment that the session makes.
    pub inner_metadata: BTreeMap<String, String>,
    pub subscription: Option<String>,
    pub intent: Option<String>,
    pub invoice: Option<String>,
    pub setup: Option<String>,
    pub created: i64,
    pub expires_at: i64,
}

#[derive(Clone, Debug)]
pub struct Subscription {
    pub customer: String,
    pub item: String,
    pub price: String,
    pub status: &'static str,
    pub start: i64,
    pub end: i64,
    pub anchor: i64,
    pub cancel_at_period_end: bool,
    pub cancel_at: Option<i64>,
    pub canceled_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub schedule: Option<String>,
    pub default_method: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub latest_invoice: Option<String>,
    pub created: i64,
    /// A change that waits for its invoice: the price, and that invoice.
    pub pending: Option<(String, String)>,
}

impl Subscription {
    /// Returns `true` if new periods of it still begin.
    pub fn goes_on(&self) -> bool {
        matches!(self.status, "active" | "past_due" | "unpaid")
    }
}

#[derive(Clone, Debug)]
pub struct Phase {
    pub start: i64,
    pub end: i64,
    pub price: String,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub subscription: String,
    pub status: &'static str,
    pub phases: Vec<Phase>,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub id: String,
    pub amount: i64,
    pub price: Option<String>,
    pub period: (i64, i64),
    /// Subscription item of the line; `None` for a line that the operator added.
    pub item: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Invoice {
    pub customer: String,
    pub subscription: Option<String>,
    pub reason: &'static str,
    pub status: &'static str,
    pub lines: Vec<Line>,
    pub total: i64,
    pub due: i64,
    pub paid: i64,
    pub starting_balance: i64,
    pub ending_balance: Option<i64>,
    pub credited_before: i64,
    pub credited_after: i64,
    pub advances: bool,
    pub finalizes_at: Option<i64>,
    pub attempts: i64,
    pub next_attempt: Option<i64>,
    /// Payments of the invoice, the last of which may be open.
    pub intents: Vec<String>,
    pub created: i64,
    pub finalized_at: Option<i64>,
    pub paid_at: Option<i64>,
    pub voided_at: Option<i64>,
    pub uncollectible_at: Option<i64>,
    pub metadata: BTreeMap<String, String>,
}

impl Invoice {
    /// Returns the amount that is left to pay.
    pub fn remaining(&self) -> i64 {
        if matches!(self.status, "open" | "draft" | "uncollectible") { (self.due - self.paid).max(0) } else { 0 }
    }

    /// Returns the amount that came from the customer's balance when it was finalized.
    pub fn amount_from_balance(&self) -> i64 {
        let ending = self.ending_balance.unwrap_or(self.starting_balance);
        (ending.min(0) - self.starting_balance).max(0)
    }
}

#[derive(Clone, Debug)]
pub struct Intent {
    pub customer: String,
    pub amount: i64,
    pub received: i64,
    pub currency: String,
    pub status: &'static str,
    pub method: Option<String>,
    pub invoice: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub latest_charge: Option<String>,
    /// Instant at which a bank settles the payment.
    pub settles_at: Option<i64>,
    /// `true` if the card is kept for later.
    pub keeps: bool,
    pub tries: u32,
    pub created: i64,
}

#[derive(Clone, Debug)]
pub struct Charge {
    pub intent: String,
    pub customer: String,
    pub amount: i64,
    pub refunded: i64,
    pub status: &'static str,
    pub disputed: bool,
    pub currency: String,
    pub created: i64,
}

#[derive(Clone, Debug)]
pub struct Dispute {
    pub charge: String,
    pub amount: i64,
    pub status: &'static str,
    pub created: i64,
}

#[derive(Clone, Debug)]
pub struct Note {
    pub invoice: String,
    pub amount: i64,
    pub before_payment: i64,
    pub after_payment: i64,
    pub refunds: Vec<(String, i64)>,
    pub out_of_band: i64,
    pub status: &'static str,
    pub created: i64,
}

/// Change of a customer's balance.
#[derive(Clone, Debug)]
pub struct Movement {
    pub id: String,
    pub customer: String,
    pub kind: &'static str,
    pub amount: i64,
    pub ending: i64,
    pub invoice: Option<String>,
    pub note: Option<String>,
    pub created: i64,
}

/// Event that Stripe reports.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub kind: &'static str,
    pub object: &'static str,
    pub subject: String,
    pub customer: String,
    pub created: i64,
}

/// Session of the portal that was opened.
#[derive(Clone, Debug)]
pub struct Visit {
    pub configuration: String,
    pub flow: Value,
}

/// Answer that is repeated for the idempotency key of its request.
#[derive(Clone, Debug)]
struct StoredAnswer {
    at: i64,
    request: String,
    status: u16,
    body: String,
}

/// Stripe account, as a value.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub now: i64,
    made: u64,
    /// Seconds between a period's end and the draft of the next one's invoice.
    pub draft_after: i64,
    pub after_retries: Option<AfterRetries>,
    /// `true` if a subscription whose first payment is a debit stays incomplete until the debit settles.
    pub debits_stay_incomplete: bool,
    pub products: BTreeMap<String, Product>,
    pub prices: BTreeMap<String, Price>,
    pub customers: BTreeMap<String, Customer>,
    pub cards: BTreeMap<String, Card>,
    pub sessions: BTreeMap<String, Session>,
    pub subscriptions: BTreeMap<String, Subscription>,
    pub schedules: BTreeMap<String, Schedule>,
    pub invoices: BTreeMap<String, Invoice>,
    pub intents: BTreeMap<String, Intent>,
    pub charges: BTreeMap<String, Charge>,
    pub refunds: BTreeMap<String, (String, i64)>,
    pub disputes: BTreeMap<String, Dispute>,
    pub notes: BTreeMap<String, Note>,
    pub balance: Vec<Movement>,
    pub events: Vec<Event>,
    pub configurations: BTreeMap<String, Value>,
    pub visits: BTreeMap<String, Visit>,
    /// Payment methods that were entered without a payment, by their setup intent.
    pub setups: BTreeMap<String, String>,
    /// Amounts that the operator put on the next invoice, by customer.
    pub by_hand: BTreeMap<String, Vec<i64>>,
    kept: BTreeMap<String, StoredAnswer>,
    /// Requests to Stripe, for the story of a walk.
    pub asked: Vec<String>,
}

/// Presence of a card's owner during a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Here,
    Away,
}

/// Result of an attempt to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Paid,
    Declined,
    NeedsAction,
    Processing,
}

impl Account {
    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{:06}", self.made)
    }

    fn emit(&mut self, kind: &'static str, object: &'static str, subject: &str, customer: &str) {
        let id = self.id("evt");
        let (subject, customer) = (subject.to_owned(), customer.to_owned());
        self.events.push(Event { id, kind, object, subject, customer, created: self.now });
    }

    fn tell_of_invoice(&mut self, kind: &'static str, id: &str) {
        let customer = self.invoices[id].customer.clone();
        self.emit(kind, "invoice", id, &customer);
    }

    fn tell_of_subscription(&mut self, kind: &'static str, id: &str) {
        let customer = self.subscriptions[id].customer.clone();
        self.emit(kind, "subscription", id, &customer);
    }

    fn subscription_mut(&mut self, id: &str) -> &mut Subscription {
        self.subscriptions.get_mut(id).expect("a subscription that was made")
    }

    fn invoice_mut(&mut self, id: &str) -> &mut Invoice {
        self.invoices.get_mut(id).expect("an invoice that was made")
    }

    fn intent_mut(&mut self, id: &str) -> &mut Intent {
        self.intents.get_mut(id).expect("a payment that was made")
    }

    /// Adds a payment method.
    pub fn method(&mut self, card: Card) -> String {
        let id = self.id("pm");
        self.cards.insert(id.clone(), card);
        id
    }

    /// Changes a customer's balance.
    pub fn move_balance(
        &mut self,
        customer: &str,
        kind: &'static str,
        amount: i64,
        invoice: Option<&str>,
        note: Option<&str>,
    ) {
        if amount == 0 {
            return;
        }
        let id = self.id("cbtxn");
        let known = self.customers.get_mut(customer).expect("a customer that was made");
        known.balance += amount;
        let (invoice, note) = (invoice.map(str::to_owned), note.map(str::to_owned));
        let customer = customer.to_owned();
        let movement = Movement { id, customer, kind, amount, ending: known.balance, invoice, note, created: self.now };
        self.balance.push(movement);
    }

    /// Makes the draft of an invoice.
    fn draft(
        &mut self,
        customer: &str,
        subscription: &str,
        reason: &'static str,
        mut lines: Vec<Line>,
        advances: bool,
    ) -> String {
        let id = self.id("in");
        if reason == "subscription_cycle" {
            for amount in self.by_hand.remove(customer).unwrap_or_default() {
                let line = self.id("il");
                lines.push(Line { id: line, amount, price: None, period: (self.now, self.now), item: None });
            }
        }
        let invoice = Invoice {
            customer: customer.to_owned(),
            subscription: Some(subscription.to_owned()),
            reason,
            status: "draft",
            lines,
            total: 0,
            due: 0,
            paid: 0,
            starting_balance: 0,
            ending_balance: None,
            credited_before: 0,
            credited_after: 0,
            advances,
            finalizes_at: advances.then_some(self.now + HOUR),
            attempts: 0,
            next_attempt: advances.then_some(self.now + HOUR),
            intents: Vec::new(),
            created: self.now,
            finalized_at: None,
            paid_at: None,
            voided_at: None,
            uncollectible_at: None,
            metadata: BTreeMap::new(),
        };
        self.invoices.insert(id.clone(), invoice);
        self.weigh(&id);
        self.subscription_mut(subscription).latest_invoice = Some(id.clone());
        self.tell_of_invoice("invoice.created", &id);
        id
    }

    fn weigh(&mut self, id: &str) {
        let balance = self.customers[&self.invoices[id].customer].balance;
        let invoice = self.invoice_mut(id);
        invoice.total = invoice.lines.iter().map(|line| line.amount).sum();
        invoice.starting_balance = balance;
        invoice.due = (invoice.total + balance).max(0);
    }

    /// Finalizes a draft, so that it can be paid; an invoice with nothing due is paid at once.
    fn finalize(&mut self, id: &str) {
        self.weigh(id);
        let now = self.now;
        let invoice = self.invoice_mut(id);
        invoice.status = "open";
        invoice.finalized_at = Some(now);
        invoice.finalizes_at = None;
        invoice.next_attempt = None;
        let applied = invoice.due - invoice.total;
        invoice.ending_balance = Some(invoice.starting_balance - applied);
        let (customer, due) = (invoice.customer.clone(), invoice.due);
        self.move_balance(&customer, "applied_to_invoice", -applied, Some(id), None);
        if due > 0 {
            let intent = self.intent(&customer, due, Some(id), BTreeMap::new());
            self.invoice_mut(id).intents.push(intent);
        } else {
            self.settle(id);
        }
    }

    fn intent(
        &mut self,
        customer: &str,
        amount: i64,
        invoice: Option<&str>,
        metadata: BTreeMap<String, String>,
    ) -> String {
        let id = self.id("pi");
        let intent = Intent {
            customer: customer.to_owned(),
            amount,
            received: 0,
            currency: "usd".to_owned(),
            status: "requires_payment_method",
            method: None,
            invoice: invoice.map(str::to_owned),
            metadata,
            latest_charge: None,
            settles_at: None,
            keeps: false,
            tries: 0,
            created: self.now,
        };
        self.intents.insert(id.clone(), intent);
        id
    }

    /// Tries to pay an intent with a payment method.
    fn attempt(&mut self, intent: &str, method: &str, presence: Presence) -> Attempt {
        let outcome = match self.cards[method] {
            Card::Good => Attempt::Paid,
            Card::Declined => Attempt::Declined,
            Card::Secure if presence == Presence::Here => Attempt::Paid,
            Card::Secure => Attempt::NeedsAction,
            Card::Debit { .. } => Attempt::Processing,
        };
        let tried = self.intent_mut(intent);
        (tried.method, tried.tries) = (Some(method.to_owned()), tried.tries + 1);
        match outcome {
            Attempt::Paid => {
                self.charge(intent, "succeeded");
                self.succeed(intent);
            }
            Attempt::Declined => {
                self.charge(intent, "failed");
                self.fail(intent);
            }
            Attempt::NeedsAction => self.intent_mut(intent).status = "requires_action",
            Attempt::Processing => {
                let Card::Debit { after, .. } = self.cards[method] else { unreachable!("only debits take days") };
                let now = self.now;
                self.charge(intent, "pending");
                let found = self.intent_mut(intent);
                (found.status, found.settles_at) = ("processing", Some(now + after));
                let customer = found.customer.clone();
                self.emit("payment_intent.processing", "payment_intent", intent, &customer);
                self.processes(intent);
            }
        }
        outcome
    }

    fn charge(&mut self, intent: &str, status: &'static str) -> String {
        let id = self.id("ch");
        let found = self.intents[intent].clone();
        let charge = Charge {
            intent: intent.to_owned(),
            customer: found.customer,
            amount: found.amount,
            refunded: 0,
            status,
            disputed: false,
            currency: found.currency,
            created: self.now,
        };
        self.charges.insert(id.clone(), charge);
        self.intent_mut(intent).latest_charge = Some(id.clone());
        id
    }

    fn succeed(&mut self, id: &str) {
        let intent = self.intent_mut(id);
        (intent.status, intent.received, intent.settles_at) = ("succeeded", intent.amount, None);
        let intent = intent.clone();
        let charge = intent.latest_charge.clone().expect("what is paid has a charge");
        self.charges.get_mut(&charge).expect("it was made").status = "succeeded";
        if let (true, Some(method)) = (intent.keeps, intent.method) {
            let customer = self.customers.get_mut(&intent.customer).expect("a customer that was made");
            customer.methods.push(method);
        }
        self.emit("payment_intent.succeeded", "payment_intent", id, &intent.customer);
        if let Some(invoice) = intent.invoice {
            self.invoice_mut(&invoice).paid += intent.amount;
            self.settle(&invoice);
        }
    }

    fn fail(&mut self, id: &str) {
        let intent = self.intent_mut(id);
        (intent.status, intent.method, intent.settles_at) = ("requires_payment_method", None, None);
        let intent = intent.clone();
        let charge = intent.latest_charge.clone().expect("what fails has a charge");
        self.charges.get_mut(&charge).expect("it was made").status = "failed";
        self.emit("payment_intent.payment_failed", "payment_intent", id, &intent.customer);
        if let Some(invoice) = intent.invoice {
            self.fell_through(&invoice);
        }
    }

    /// Records that a debit of an invoice is on its way.
    fn processes(&mut self, intent: &str) {
        let Some(invoice) = self.intents[intent].invoice.clone() else { return };
        self.invoice_mut(&invoice).next_attempt = None;
        if !self.debits_stay_incomplete {
            self.begin(&invoice);
        }
    }

    /// Begins a subscription, whose first invoice was paid, or is being paid.
    fn begin(&mut self, invoice: &str) {
        let Invoice { reason, subscription, .. } = self.invoices[invoice].clone();
        let Some(id) = subscription.filter(|_| reason == "subscription_create") else { return };
        if self.subscriptions[&id].status == "incomplete" {
            self.subscription_mut(&id).status = "active";
            self.tell_of_subscription("customer.subscription.updated", &id);
        }
    }

    /// Marks an invoice as paid.
    fn settle(&mut self, id: &str) {
        let now = self.now;
        let invoice = self.invoice_mut(id);
        (invoice.status, invoice.paid_at, invoice.next_attempt, invoice.advances) = ("paid", Some(now), None, false);
        self.tell_of_invoice("invoice.paid", id);
        let Some(subscription) = self.invoices[id].subscription.clone() else { return };
        self.apply_pending(&subscription, id);
        self.begin(id);
        let owes = self.unsettled_invoices(&subscription).iter().any(|one| self.invoices[one].status == "open");
        let found = &self.subscriptions[&subscription];
        let is_latest = found.latest_invoice.as_deref() == Some(id);
        if matches!(found.status, "past_due" | "unpaid") && (is_latest || !owes) {
            self.subscription_mut(&subscription).status = "active";
            self.tell_of_subscription("customer.subscription.updated", &subscription);
        }
    }

    /// Returns the drafts and open invoices of a subscription.
    pub fn unsettled_invoices(&self, subscription: &str) -> Vec<String> {
        let of_it = self.invoices.iter().filter(|(_, invoice)| invoice.subscription.as_deref() == Some(subscription));
        of_it.filter(|(_, one)| matches!(one.status, "draft" | "open")).map(|(id, _)| id.clone()).collect()
    }

    /// Records that a payment of an invoice failed.
    fn fell_through(&mut self, id: &str) {
        const RETRIES: [i64; 3] = [3, 5, 7];
        let now = self.now;
        let invoice = self.invoices[id].clone();
        let subscription = invoice.subscription.clone().unwrap_or_default();
        let goes_on = self.subscriptions.get(&subscription).is_some_and(Subscription::goes_on);
        let waits = self.subscriptions.get(&subscription).and_then(|one| one.pending.as_ref());
        let is_pending = waits.is_some_and(|(_, pending)| pending == id);
        let may_retry = invoice.status == "open"
            && invoice.reason != "subscription_create"
            && !is_pending
            && goes_on
            && invoice.advances;
        let days = usize::try_from(invoice.attempts - 1).ok().and_then(|tried| RETRIES.get(tried));
        let next = match invoice.next_attempt.filter(|at| *at > now) {
            Some(planned) if may_retry => Some(planned),
            _ => days.filter(|_| may_retry).map(|days| now + days * DAY),
        };
        self.invoice_mut(id).next_attempt = next;
        self.tell_of_invoice("invoice.payment_failed", id);
        if !goes_on || is_pending || invoice.status != "open" {
            return;
        }
        if next.is_none() && invoice.advances && invoice.reason != "subscription_create" {
            return self.give_up(&subscription);
        }
        if self.subscriptions[&subscription].status == "active" {
            self.subscription_mut(&subscription).status = "past_due";
            self.tell_of_subscription("customer.subscription.updated", &subscription);
        }
    }

    fn give_up(&mut self, id: &str) {
        match self.after_retries.unwrap_or(AfterRetries::Cancel) {
            AfterRetries::Cancel => self.end(id),
            AfterRetries::MarkUnpaid => self.subscription_mut(id).status = "unpaid",
            AfterRetries::LeavePastDue => self.subscription_mut(id).status = "past_due",
        }
        if self.subscriptions[id].goes_on() {
            self.tell_of_subscription("customer.subscription.updated", id);
        }
    }

    /// Ends a subscription at once; its invoices stay, and are not collected any more.
    fn end(&mut self, id: &str) {
        let now = self.now;
        let was_incomplete = self.subscriptions[id].status == "incomplete";
        let subscription = self.subscription_mut(id);
        subscription.status = if was_incomplete { "incomplete_expired" } else { "canceled" };
        subscription.ended_at = Some(now);
        subscription.canceled_at.get_or_insert(now);
        subscription.pending = None;
        let schedule = subscription.schedule.take();
        for invoice in self.unsettled_invoices(id) {
            let found = self.invoice_mut(&invoice);
            (found.advances, found.next_attempt, found.finalizes_at) = (false, None, None);
            if was_incomplete && !self.is_processing(&invoice) {
                self.void(&invoice);
            }
        }
        self.tell_of_subscription("customer.subscription.deleted", id);
        if let Some(schedule) = schedule {
            self.schedules.get_mut(&schedule).expect("it was made").status = "canceled";
        }
    }

    /// Returns `true` if a bank is carrying out a payment of an invoice.
    pub fn is_processing(&self, invoice: &str) -> bool {
        self.invoices[invoice].intents.iter().any(|intent| self.intents[intent].status == "processing")
    }

    fn void(&mut self, id: &str) {
        let now = self.now;
        let invoice = self.invoice_mut(id);
        (invoice.status, invoice.voided_at) = ("void", Some(now));
        (invoice.advances, invoice.next_attempt) = (false, None);
        let invoice = invoice.clone();
        for intent in &invoice.intents {
            if self.intents[intent].status != "succeeded" {
                self.intent_mut(intent).status = "canceled";
            }
        }
        let taken = invoice.ending_balance.unwrap_or(invoice.starting_balance) - invoice.starting_balance;
        self.move_balance(&invoice.customer, "unapplied_from_invoice", -taken, Some(id), None);
        self.tell_of_invoice("invoice.voided", id);
    }

    /// Returns the payment method that an invoice is collected with.
    fn method_for(&self, invoice: &str) -> Option<String> {
        let invoice = &self.invoices[invoice];
        let own = invoice.subscription.as_ref().and_then(|id| self.subscriptions[id].default_method.clone());
        own.or_else(|| self.customers[&invoice.customer].default_method.clone())
    }

    /// Tries to collect an open invoice; `None` without a payment method.
    fn collect(&mut self, id: &str, method: Option<String>, presence: Presence, counts: bool) -> Option<Attempt> {
        let invoice = self.invoice_mut(id);
        invoice.attempts = (invoice.attempts + i64::from(counts)).max(1);
        let intent = invoice.intents.last().expect("an open invoice has a payment").clone();
        let Some(method) = method.or_else(|| self.method_for(id)) else {
            self.fell_through(id);
            return None;
        };
        let attempt = self.attempt(&intent, &method, presence);
        if attempt == Attempt::NeedsAction {
            self.tell_of_invoice("invoice.payment_action_required", id);
            self.fell_through(id);
        }
        Some(attempt)
    }

    fn apply_pending(&mut self, id: &str, invoice: &str) {
        let Some((price, waits_for)) = self.subscriptions[id].pending.clone() else { return };
        if waits_for != invoice {
            return;
        }
        self.subscription_mut(id).pending = None;
        let from = self.invoices[invoice].created;
        self.switch_price(id, &price, from);
        self.tell_of_subscription("customer.subscription.updated", id);
    }

    /// Puts another price into a subscription, whose periods are counted anew from an instant.
    fn switch_price(&mut self, id: &str, price: &str, from: i64) {
        let end = self.after(price, from, 1);
        let subscription = self.subscription_mut(id);
        subscription.price = price.to_owned();
        (subscription.anchor, subscription.start, subscription.end) = (from, from, end);
    }

    /// Returns the instant a number of intervals of a price after an anchor.
    fn after(&self, price: &str, anchor: i64, times: u32) -> i64 {
        time::after(anchor, self.prices[price].interval.as_deref().expect("a recurring price"), times)
    }

    /// Returns the whole line of a subscription's item for a period.
    fn line_of(&mut self, subscription: &str, price: &str, period: (i64, i64)) -> Line {
        let id = self.id("il");
        let amount = self.prices[price].amount;
        let item = Some(self.subscriptions[subscription].item.clone());
        Line { id, amount, price: Some(price.to_owned()), period, item }
    }
}
