//! World of a walk: the real ledger and seller over a store, the model of Stripe, one workspace, and the time of both.
//!
//! **Invariant:** nothing here judges a payment: Scrip's decisions are made by the product's own code, and its requests
//! to Stripe are answered by the model.

use super::account::{Account, AfterRetries, Event, HOUR};
use super::laws::{PublishedVersion, Watch};
use super::story::Delivery;
use super::versions::Version;
use crate::ledger::{Ledger, Origin};
use crate::mail::notices;
use crate::payments::stripe::client::{Client, Model};
use crate::payments::stripe::key::SecretKey;
use crate::payments::stripe::sync;
use crate::payments::{Billing, customers, inbox};
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Command, DatedEvent, Mode, Profile, Timestamp, Workspace, WorkspaceCommand, WorkspaceId, parse_catalog,
};
use scrip_store::journal::Body;
use scrip_store::rows::{entries, stripe_events};
use scrip_store::{Options, Store};
use scrip_testing::dice::Dice;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// First second of a walk: a leap year is ahead, and nothing was published later.
const BEGINNING: i64 = 1_830_000_000;
/// Maximum number of rounds of deliveries and reconciliations in one settling; more of them are a loop.
const LOOKS_MAX: usize = 60;
/// Test clock that a walk lives by.
const CLOCK: i64 = 1;

/// Model of Stripe, and the answers that are lost on the way from it.
#[derive(Default)]
pub struct Wire {
    pub account: Account,
    /// Number of decisions until the answer of one is lost.
    pub lose: Option<usize>,
    /// Number of tries whose answer is still lost.
    losing: usize,
    /// `true` if an answer was lost since the last check.
    pub lost: bool,
}

/// Returns a client without a network behind it.
pub fn client() -> Client {
    let key = SecretKey::new("sk_test_walks").expect("a key");
    Client::new("http://127.0.0.1:1", key).expect("a client").impatient()
}

/// World of a walk: everything that it needs.
pub struct World {
    pub billing: Billing,
    pub wire: Arc<Mutex<Wire>>,
    pub workspace: WorkspaceId,
    pub now: i64,
    pub versions: Vec<PublishedVersion>,
    pub delivery: Delivery,
    held_back: Vec<Event>,
    told: usize,
    /// Checkout sessions that were opened, oldest first.
    pub pages: Vec<String>,
    pub watch: Watch,
    pub story: Vec<String>,
    /// Instant and period of the probes that the worker makes.
    probe: Option<(i64, i64)>,
    probed: (usize, u64),
    position: i64,
    /// `true` if an event was delivered in vain since the last sweep.
    unheard: bool,
    directory: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn answers(wire: &Arc<Mutex<Wire>>) -> Model {
    let wire = Arc::clone(wire);
    Model(Arc::new(move |asked| {
        let mut wire = wire.lock().expect("no thread panicked");
        let answer = wire.account.answer(asked);
        if asked.method == "GET" {
            return Some(answer);
        }
        if wire.losing == 0 {
            match wire.lose {
                Some(0) => (wire.lose, wire.losing, wire.lost) = (None, 3, true),
                Some(n) => wire.lose = Some(n - 1),
                None => {}
            }
        }
        if wire.losing > 0 {
            wire.losing -= 1;
            return None;
        }
        Some(answer)
    }))
}

impl World {
    /// Opens a world for a seed: a store of its own, a first version, a workspace.
    pub async fn open(seed: u64, client: &Client) -> World {
        let dice = &mut Dice::new(seed);
        let root = if PathBuf::from("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
        let thread = format!("{:?}", std::thread::current().id()).replace(|c: char| !c.is_ascii_digit(), "");
        let directory = root.join(format!("scrip-walk-{}-{thread}-{seed}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let options = Options { tell: notices::consequences, ..Options::small() };
        let store = Store::open(&directory, options).expect("a store");
        let ledger = Arc::new(Ledger::new(store));
        let wire = Arc::new(Mutex::new(Wire::default()));
        let now = BEGINNING + dice.below(400) as i64 * 86_400 + dice.below(86_400) as i64;
        {
            let account = &mut wire.lock().expect("it is new").account;
            account.now = now;
            account.draft_after = *dice.pick(&[0, 0, 300, 3_600]);
            account.after_retries =
                Some(*dice.pick(&[AfterRetries::Cancel, AfterRetries::MarkUnpaid, AfterRetries::LeavePastDue]));
            account.debits_stay_incomplete = dice.percent(40);
        }
        let client = client.clone().with_model(answers(&wire));
        let account = crate::payments::account::StripeAccount { client, webhook_secrets: Vec::new() };
        let billing = Billing::new(ledger, account, "https://shop.example".to_owned());
        let mut world = World {
            billing,
            wire,
            workspace: WorkspaceId::new(7),
            now,
            versions: Vec::new(),
            delivery: Delivery::Prompt,
            held_back: Vec::new(),
            told: 0,
            pages: Vec::new(),
            watch: Watch::default(),
            story: Vec::new(),
            probe: None,
            probed: (0, 0),
            position: 0,
            unheard: false,
            directory,
        };
        world.set_clock(now).await;
        let first = Version::first(dice);
        world.publish(first).await;
        let profile = Profile { name: "Walk".to_owned(), owner: None, external_id: None };
        let opening = Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: Some(CLOCK),
            profile,
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Personal,
            owner: None,
        });
        world.submit(opening).await.expect("a workspace opens");
        world
    }

    pub fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().expect("no thread panicked")
    }

    pub fn store(&self) -> &Store {
        self.billing.ledger.store()
    }

    async fn set_clock(&self, to: i64) {
        let name = Some("walk".to_owned());
        self.store().set_clock(CLOCK, name, Timestamp::from_micros(to * 1_000_000)).await.expect("the clock moves");
    }

    /// Publishes a version as the product does: prices first, then the version, then prices that are not sold any more
    /// are archived.
    pub async fn publish(&mut self, version: Version) {
        let text = version.text();
        let catalog = parse_catalog(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        // Where an answer is lost nothing is published, and the operator publishes again.
        let mut tries = 0;
        while let Err(fault) = self.billing.prepare(&catalog).await {
            tries += 1;
            assert!(tries < 4 && self.wire().lost, "{fault}");
        }
        let number = self.store().publish(text, catalog.clone(), "walk".to_owned()).await.expect("it is published");
        if let Err(fault) = sync::archive(&self.billing.client, &catalog).await {
            assert!(self.wire().lost, "{fault}");
            sync::archive(&self.billing.client, &catalog).await.expect("prices are archived");
        }
        self.versions.push((number, self.now, version));
    }

    /// Returns the version that is sold.
    pub fn version(&self) -> &Version {
        &self.versions.last().expect("a first version").2
    }

    /// Submits a command as the operator; an error describes the refusal.
    pub async fn submit(&self, command: Command) -> Result<(), String> {
        let asked = Origin::internal("walk", self.workspace, None);
        let submitted = self.billing.ledger.submit(self.workspace, command, asked).await;
        submitted.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Returns the workspace, settled to now.
    pub async fn workspace(&self) -> Arc<Workspace> {
        let found = self.billing.ledger.workspace(self.workspace).await.expect("the store answers");
        found.expect("the workspace is open")
    }

    /// Returns the Stripe customer of the workspace.
    pub async fn customer(&self) -> Option<String> {
        customers::of(self.store(), self.workspace).await.expect("the store answers")
    }

    /// Delivers Stripe's events to Scrip, as the fate of deliveries says, and settles what follows.
    pub async fn settle(&mut self) -> Result<(), String> {
        for _ in 0..LOOKS_MAX {
            let fresh: Vec<Event> = {
                let account = &self.wire().account;
                account.events[self.told..].to_vec()
            };
            self.told += fresh.len();
            match self.delivery {
                Delivery::Prompt => self.deliver(fresh.into_iter()).await,
                Delivery::Twice => {
                    let twice: Vec<Event> = fresh.iter().chain(&fresh).cloned().collect();
                    self.deliver(twice.into_iter()).await;
                }
                Delivery::Backwards => {
                    self.unheard |= !fresh.is_empty();
                    self.held_back.extend(fresh);
                }
                Delivery::Lost => self.unheard |= !fresh.is_empty(),
            }
            let on = self.store().worker();
            for event in stripe_events::waiting(on, 1_000).await.expect("the store answers") {
                inbox::pass_on(&self.billing, &event).await.expect("an event is passed on");
                let now = self.store().now(None).await.expect("the store answers");
                stripe_events::mark_handled(on, &event.id, now).await.expect("it is written");
            }
            if !customers::waits(self.store(), self.workspace).await.expect("the store answers") {
                return self.read_journal().await;
            }
            self.look().await?;
        }
        Err("looks go in a circle".to_owned())
    }

    async fn deliver(&self, events: impl Iterator<Item = Event>) {
        for event in events {
            let event = serde_json::from_value(super::account::answers::event(&event)).expect("an event");
            inbox::keep(&self.billing, &event).await.expect("it is kept");
        }
    }

    /// Changes the fate of deliveries; events that were held back are delivered now, newest first.
    pub async fn set_delivery(&mut self, delivery: Delivery) -> Result<(), String> {
        let late: Vec<Event> = std::mem::take(&mut self.held_back).into_iter().rev().collect();
        self.deliver(late.into_iter()).await;
        self.delivery = delivery;
        self.settle().await
    }

    /// Reconciles the customer as the worker does. A reconciliation whose answer is lost is repeated.
    pub async fn look(&mut self) -> Result<(), String> {
        let Some(customer) = self.customer().await else { return Ok(()) };
        for _ in 0..4 {
            let leased = customers::lease_one(self.store(), self.workspace).await.expect("the store answers");
            let leased = leased.ok_or("no other worker reconciles, and yet the customer cannot be leased")?;
            self.wire().lost = false;
            match self.billing.reconcile(self.workspace, &customer).await {
                Ok(None) => {
                    customers::mark_reconciled(self.store(), &leased).await.expect("it is noted");
                    self.probe = None;
                    return Ok(());
                }
                Ok(Some(seconds)) => {
                    customers::probe_later(self.store(), &leased, seconds).await.expect("it is noted");
                    self.note_probe(seconds).await;
                    return Ok(());
                }
                Err(trouble) => {
                    customers::later(self.store(), &leased).await.expect("it is noted");
                    if !self.wire().lost {
                        return Err(format!("a look fails: {trouble}"));
                    }
                    self.story.push(format!("    a look ends with: {trouble}"));
                }
            }
        }
        Err("looks fail for ever".to_owned())
    }

    async fn note_probe(&mut self, seconds: i64) {
        self.probe = Some((self.now, seconds));
        let seq = self.workspace().await.seq;
        let told = self.wire().account.events.len();
        self.probed = (told, seq);
    }

    /// Reconciles every customer, as the hourly sweep does.
    pub async fn sweep(&mut self) -> Result<(), String> {
        self.unheard = false;
        customers::hint_all(self.store()).await.expect("it is written");
        self.settle().await
    }

    /// Lets time pass for Scrip and for Stripe, with a stop wherever something is due.
    pub async fn advance(&mut self, to: i64) -> Result<(), String> {
        while self.now < to {
            let workspace = self.workspace().await;
            let next = self.next_stop(&workspace, to);
            self.pass(&workspace, next).await?;
        }
        Ok(())
    }

    fn next_stop(&self, workspace: &Workspace, to: i64) -> i64 {
        let seconds = |at: Timestamp| (at.micros() + 999_999).div_euclid(1_000_000);
        let due = workspace.next_due_at().map(seconds);
        let end = workspace.subscription.period.map(|period| seconds(period.end) - 1);
        let stripe = self.wire().account.next_due();
        let idle = self.probed == (self.wire().account.events.len(), workspace.seq);
        let probe = self.probe.filter(|_| !idle).map(|(since, every)| {
            let passed = (self.now - since).div_euclid(every) + 1;
            since + passed * every
        });
        let sweep = self.unheard.then(|| (self.now / HOUR + 1) * HOUR);
        let stops = [due, end, stripe, probe, sweep].into_iter().flatten();
        stops.filter(|stop| *stop > self.now).min().unwrap_or(to).min(to).max(self.now + 1)
    }

    async fn pass(&mut self, before: &Workspace, next: i64) -> Result<(), String> {
        let probe = self.probe.filter(|(since, every)| (next - since) % every == 0 && next > *since);
        self.wire().account.advance(next);
        self.now = next;
        self.set_clock(next).await;
        if before.next_due_at().is_some_and(|due| due.micros() <= next * 1_000_000) {
            self.submit(Command::Tick).await.map_err(|error| format!("a tick is refused: {error}"))?;
        }
        let after = self.workspace().await;
        self.watch.bridge(before, &after, next)?;
        self.settle().await?;
        let seq = self.workspace().await.seq;
        let idle = self.probed == (self.wire().account.events.len(), seq);
        if probe.is_some() && self.probe.is_some() && !idle {
            self.probe_now().await?;
        }
        if self.unheard && next % HOUR == 0 {
            self.sweep().await?;
        }
        Ok(())
    }

    async fn probe_now(&mut self) -> Result<(), String> {
        let Some(customer) = self.customer().await else { return Ok(()) };
        let again = self.billing.probe(self.workspace, &customer).await;
        match again {
            Ok(None) => self.probe = None,
            Ok(Some(seconds)) => self.note_probe(seconds).await,
            Err(_) if self.wire().lost => {
                customers::hint_workspace(self.store(), self.workspace).await.map(drop).expect("it is written")
            }
            Err(trouble) => return Err(format!("a probe fails: {trouble}")),
        }
        self.settle().await
    }

    /// Reads the entries since the last call, and checks them against the laws.
    async fn read_journal(&mut self) -> Result<(), String> {
        loop {
            let rows = entries::after(self.store().reader(), self.position, 500).await.expect("the store answers");
            if rows.is_empty() {
                break;
            }
            for row in rows {
                self.position = row.position;
                let body: Body = serde_json::from_str(&row.body).expect("a body");
                let events: Vec<DatedEvent> = body.events;
                let catalogs = self.store().catalogs();
                let wire = self.wire.lock().expect("no thread panicked");
                self.watch.read(&events, row.at, &wire.account, &self.versions, &catalogs)?;
            }
        }
        let workspace = self.workspace().await;
        self.watch.agree(&workspace, &self.wire().account)
    }
}
