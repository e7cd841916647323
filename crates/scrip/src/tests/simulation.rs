//! Workspace-years under crashes: random lives on every shipped catalog, on the real store, with the journal's thread
//! dying before and after its flush, and a client that repeats a request with the same key, as clients are to do.
//!
//! Goal: every acknowledged entry exists, none has its effect twice, nothing stays held, and `verify` finds nothing.
//! Method: a seed gives a life and the deaths in it; a failure prints both.

use crate::ledger::idempotency;
use crate::operate::verify::verify;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Catalog, Choice, Command, DAY, Event, Failure, FailureCode, Give, GrantCommand, HoldCommand,
    HoldEvent, Mode, Model, Name, Outcome, OutputFile, Param, Params, PlanCommand, Profile, RunCommand, RunEvent,
    Timestamp, Unit, Value, WorkspaceCommand, WorkspaceId, parse_catalog,
};
use scrip_store::{Commit, Crash, Options, Store, Submission, SubmitError};
use scrip_testing::dice::Dice;
use scrip_testing::model::Model as Reference;
use scrip_testing::model::agreement::agree;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const SHIPPED: [(&str, &str); 4] = [
    ("canvas-tiers", include_str!("../../../../catalogs/canvas-tiers.toml")),
    ("shared-balance", include_str!("../../../../catalogs/shared-balance.toml")),
    ("two-buckets", include_str!("../../../../catalogs/two-buckets.toml")),
    ("weekly-yearly", include_str!("../../../../catalogs/weekly-yearly.toml")),
];

/// Deaths of the journal's thread in a life.
#[derive(Clone, Copy)]
pub(super) enum Deaths {
    /// The thread never dies.
    Nowhere,
    /// The thread dies at every transaction twice: once before its flush, once after.
    Everywhere,
    /// The thread dies now and then.
    Sometimes,
}

/// One workspace, its client and its workers, in processes that keep dying.
pub(super) struct Life {
    /// Another store that gets the same submissions and must give the same answers.
    pub twin: Option<Arc<Store>>,
    /// Naive implementation of the workspace, which must come to the same state.
    pub reference: Option<Reference>,
    clock: i64,
    directory: PathBuf,
    store: Option<Store>,
    deaths: Deaths,
    pub dice: Dice,
    catalog: Arc<Catalog>,
    pub workspace: WorkspaceId,
    now: Timestamp,
    pub commands: u32,
    crashes: u32,
    /// Every acknowledged answer: the key's number and the entry.
    acknowledged: Vec<(u32, u64)>,
    runs: Vec<(u32, u32)>,
    holds: Vec<u32>,
}

impl Life {
    pub(super) async fn start(name: &str, text: &str, seed: u64, deaths: Deaths) -> Life {
        let root = if PathBuf::from("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
        let directory = root.join(format!("scrip-life-{}-{name}-{seed}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let catalog = Arc::new(parse_catalog(text).unwrap_or_else(|problems| panic!("{name}: {problems:?}")));
        let mut life = Life {
            twin: None,
            reference: None,
            clock: seed as i64 + 1,
            directory,
            store: None,
            deaths,
            dice: Dice::new(seed),
            catalog: Arc::clone(&catalog),
            workspace: WorkspaceId::new(seed + 1),
            now: "2026-01-31T12:00:00Z".parse().expect("an instant"),
            commands: 0,
            crashes: 0,
            acknowledged: Vec::new(),
            runs: Vec::new(),
            holds: Vec::new(),
        };
        let store = life.open(None);
        store.publish(text.to_owned(), Catalog::clone(&catalog), "test".to_owned()).await.expect("a first version");
        store.set_clock(life.clock, Some("life".to_owned()), life.now).await.expect("a clock");
        life.store = Some(store);
        life
    }

    fn open(&self, crash: Option<Crash>) -> Store {
        Store::open(&self.directory, Options { crash, ..Options::small() }).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opens the store of a new process, which will die later. `times` is the number of deaths during this request.
    fn reopen(&mut self, times: u32) {
        self.store = None;
        let crash = match (self.deaths, times) {
            (Deaths::Nowhere, _) => panic!("the store died without a crash in its options"),
            // The first death was before the flush: the next is after it, and then the request gets through.
            (Deaths::Everywhere, 1) => Crash { commit: 1, flushed: true },
            (Deaths::Everywhere, _) => Crash { commit: 2, flushed: false },
            (Deaths::Sometimes, _) => Crash { commit: 1 + self.dice.roll(24), flushed: self.dice.roll(2) == 0 },
        };
        self.crashes += 1;
        self.store = Some(self.open(Some(crash)));
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().expect("a life has a store")
    }

    /// Submits with a key, and repeats with the same key until there is an answer.
    async fn submit(&mut self, command: Command) -> Option<Commit> {
        self.commands += 1;
        let number = self.commands;
        let idempotency =
            Some(idempotency(self.workspace, &format!("key {number}"), &[format!("{command:?}").as_bytes()]));
        for times in 1..20 {
            let submission = Submission {
                workspace: self.workspace,
                command: command.clone(),
                by: By::Operator,
                request: None,
                actor: "test".to_owned(),
                idempotency,
                claims: Vec::new(),
                mails: Vec::new(),
                rows: Vec::new(),
                allowance: Default::default(),
                wants_workspace: false,
            };
            let answer = self.store().submit(submission.clone()).await;
            if let (Some(twin), Ok(_) | Err(SubmitError::Refused(_))) = (&self.twin, &answer) {
                same(&submission, &answer, &twin.submit(submission.clone()).await);
                if number.is_multiple_of(8) {
                    let again = (self.store().submit(submission.clone()).await, twin.submit(submission.clone()).await);
                    same(&submission, &again.0, &again.1);
                }
            }
            if let (Some(_), Ok(_) | Err(SubmitError::Refused(_))) = (&self.reference, &answer) {
                self.refer(&command, &answer).await;
            }
            match answer {
                Ok(committed) => {
                    if !committed.events.is_empty() {
                        self.acknowledged.push((number, committed.seq));
                    }
                    return Some(committed);
                }
                Err(SubmitError::Refused(_)) => return None,
                Err(SubmitError::Unavailable(_)) => {
                    self.reopen(times);
                }
                Err(error) => panic!("{command:?}: {error:?}"),
            }
        }
        panic!("{command:?} was never answered")
    }

    /// Checks that the naive workspace comes to the same answer and to the same state.
    async fn refer(&mut self, command: &Command, answer: &Result<Commit, SubmitError>) {
        let at = self.now.micros();
        let reference = self.reference.as_mut().expect("it is asked");
        let told = reference.apply(By::Operator, at, command).map(|()| reference.happened);
        let said = match answer {
            Ok(committed) => Ok(!committed.events.is_empty()),
            Err(SubmitError::Refused(refusal)) => Err(refusal.code()),
            Err(error) => panic!("{command:?}: {error:?}"),
        };
        assert_eq!(said, told, "{command:?}: the store and the reference");
        // A read lets time pass in the answer, though nothing of that was written.
        let mut reference = reference.clone();
        reference.apply(By::Operator, at, &Command::Tick).expect("time may always pass");
        let workspace = self.store().workspace(self.workspace).await.expect("it answers").expect("it is open");
        agree(&workspace, &reference, at).unwrap_or_else(|differs| panic!("{command:?} at {}: {differs}", self.now));
    }

    pub(super) async fn pass(&mut self, micros: i64) {
        self.now = self.now.after_micros(micros);
        if let Some(twin) = &self.twin {
            twin.set_clock(self.clock, Some("life".to_owned()), self.now).await.expect("the twin's clock moves");
        }
        let mut times = 0;
        while self.store().set_clock(self.clock, None, self.now).await.is_err() {
            times += 1;
            self.reopen(times);
        }
    }

    pub(super) async fn open_workspace(&mut self) {
        let profile = Profile { name: "Life".to_owned(), owner: None, external_id: None };
        let choice = self.choice();
        let mode = Mode::Test;
        let command = Command::Workspace(WorkspaceCommand::Open {
            mode,
            test_clock: Some(self.clock),
            profile,
            lifetime_allowed: true,
            choice,
            tenancy: Tenancy::Team,
            owner: None,
        });
        self.submit(command).await.expect("a workspace opens");
    }

    fn choice(&mut self) -> Option<Choice> {
        let catalog = Arc::clone(&self.catalog);
        let plan = self.dice.pick(&catalog.plans);
        let price = plan.prices.first()?;
        let interval = if self.dice.roll(2) == 0 { price.interval } else { plan.prices.last()?.interval };
        let approve = plan.requires.iter().map(|review| (review.clone(), "simulated".to_owned())).collect();
        let allowance = plan.custom.then(|| Amount::new(20_000)).flatten();
        Some(Choice { plan: plan.id.clone(), interval: Some(interval), allowance, approve })
    }

    fn params(&mut self, model: &Model) -> Params {
        let mut params = Params::new();
        for (name, param) in &model.params {
            let value = match param {
                Param::Integer { min, max, .. } => {
                    Value::Integer(min + self.dice.roll(((max - min).min(7) + 1) as u64) as i64)
                }
                Param::Choice { choices, .. } => Value::Text(self.dice.pick(choices).to_string()),
                Param::Boolean { .. } => Value::Boolean(self.dice.roll(2) == 0),
                Param::Text { .. } => Value::Text("a lighthouse".to_owned()),
                Param::List { min, .. } => Value::List(vec!["https://example.com/a.png".to_owned(); *min as usize]),
            };
            params.insert(name.clone(), value);
        }
        params
    }

    pub(super) async fn step(&mut self) {
        match self.dice.roll(20) {
            0..=6 => self.run().await,
            7..=12 => self.work().await,
            13 => self.hold().await,
            14 => self.end_hold().await,
            15 => self.give().await,
            16 => {
                if let Some(choice) = self.choice() {
                    self.submit(Command::Plan(PlanCommand::Subscribe(choice))).await;
                }
            }
            17 => {
                let command = if self.dice.roll(2) == 0 {
                    Command::Plan(PlanCommand::Cancel)
                } else {
                    Command::Plan(PlanCommand::UndoCancel)
                };
                self.submit(command).await;
            }
            18 => {
                if let Some((run, _)) = self.runs.pop() {
                    self.submit(Command::Run(RunCommand::Cancel { run })).await;
                }
            }
            _ => drop(self.submit(Command::Tick).await),
        }
    }

    async fn run(&mut self) {
        let catalog = Arc::clone(&self.catalog);
        let model = self.dice.pick(&catalog.models);
        let params = self.params(model);
        let command = Command::Run(RunCommand::Create {
            model: model.id.clone(),
            params,
            quote: None,
            sandbox: None,
            metadata: Default::default(),
            off: None,
            served: true,
        });
        let Some(committed) = self.submit(command).await else { return };
        for dated in committed.events.iter() {
            if let Event::Run(RunEvent::RunQueued { run, .. }) = &dated.1 {
                self.runs.push((*run, 0));
            }
        }
    }

    /// Starts a run, or records its outcome as a worker does; some runs never get an outcome.
    async fn work(&mut self) {
        let Some((run, attempt)) = self.runs.pop() else { return };
        if attempt == 0 {
            if self.submit(Command::Run(RunCommand::Start { run, attempt: 1 })).await.is_some() {
                self.runs.insert(0, (run, 1));
            }
            return;
        }
        let file = OutputFile { content_type: "image/png".to_owned(), bytes: 1_000, sha256: "00".to_owned() };
        let outcome = match self.dice.roll(8) {
            0 => return,
            1 | 2 => Outcome::Failed(Failure { code: FailureCode::ProviderError, detail: "simulated".to_owned() }),
            3 => Outcome::Delivered { delivered: 1, outputs: vec![file] },
            _ => Outcome::Delivered { delivered: u64::MAX, outputs: vec![file] },
        };
        self.submit(Command::Run(RunCommand::Settle { run, attempt: Some(1), outcome })).await;
    }

    async fn hold(&mut self) {
        let amount = Amount::new(1 + self.dice.roll(100) as i64).expect("a small amount");
        let seconds = Some(60 + self.dice.roll(100_000) as i64);
        let command = Command::Hold(HoldCommand::Open {
            ask: Ask::Credits(amount),
            reference: "order".to_owned(),
            seconds,
            off: None,
            behalf: None,
        });
        let Some(committed) = self.submit(command).await else { return };
        for dated in committed.events.iter() {
            if let Event::Hold(HoldEvent::HoldOpened { hold, .. }) = &dated.1 {
                self.holds.push(*hold);
            }
        }
    }

    async fn end_hold(&mut self) {
        let Some(hold) = self.holds.pop() else { return };
        let command = match self.dice.roll(3) {
            0 => Command::Hold(HoldCommand::Release { hold }),
            1 => Command::Hold(HoldCommand::Capture { hold, amount: Some(Amount::ONE) }),
            _ => Command::Hold(HoldCommand::Capture { hold, amount: None }),
        };
        self.submit(command).await;
    }

    async fn give(&mut self) {
        let catalog = Arc::clone(&self.catalog);
        let give = match catalog.packs.first() {
            Some(pack) if self.dice.roll(2) == 0 => Give::Pack(pack.id.clone()),
            _ => Give::Goodwill {
                unit: Unit::Credits,
                amount: Amount::new(500).expect("small"),
                expires_at: None,
                models: Vec::new(),
            },
        };
        // Few sources, so that some are repeated: a repeated source must give nothing.
        let source = Some(Name::from(format!("payment:{}", self.dice.roll(20))));
        self.submit(Command::Grant(GrantCommand::Give { give, source, reason: "simulated".to_owned() })).await;
    }

    /// Ends a life with a day without crashes and without requests: then no hold is open, every acknowledged entry
    /// exists once, and a replay finds no difference.
    async fn calm(mut self) -> (u32, u32) {
        self.store = None;
        self.store = Some(self.open(None));
        self.pass(DAY).await;
        self.submit(Command::Tick).await;
        let workspace = self.store().workspace(self.workspace).await.expect("it answers").expect("it is open");
        assert!(workspace.holds.is_empty(), "{} holds are left", workspace.holds.len());
        let report = verify(self.store(), |_, _| ()).await.expect("it can be read");
        assert_eq!(report.differences, Vec::<String>::new());
        let mut entries: Vec<u64> = self.acknowledged.iter().map(|(_, seq)| *seq).collect();
        entries.sort_unstable();
        entries.dedup();
        assert_eq!(entries.len(), self.acknowledged.len(), "two requests were answered with one entry");
        assert_eq!(report.entries, entries.len() as u64, "an entry was acknowledged to no caller, or lost");
        let told = (self.commands, self.crashes);
        self.end();
        told
    }

    /// Removes the directory of the store.
    pub(super) fn end(mut self) {
        self.store = None;
        std::fs::remove_dir_all(&self.directory).expect("its directory can go");
    }
}

/// Checks that two stores gave the same answer: the entry and its events, or the refusal.
fn same(asked: &Submission, one: &Result<Commit, SubmitError>, other: &Result<Commit, SubmitError>) {
    let told = |answer: &Result<Commit, SubmitError>| match answer {
        Ok(committed) => format!("{} at {}: {:?}", committed.seq, committed.at, committed.events),
        Err(error) => format!("{error:?}"),
    };
    assert_eq!(told(one), told(other), "{:?}", asked.command);
}

async fn live(name: &str, text: &str, seed: u64, deaths: Deaths) -> (u32, u32) {
    let mut life = Life::start(name, text, seed, deaths).await;
    life.reopen(2);
    life.open_workspace().await;
    let end = life.now.after_micros(365 * DAY);
    while life.now < end {
        life.step().await;
        if life.dice.roll(3) == 0 {
            let hours = life.dice.roll(120) as i64;
            life.pass(hours * DAY / 24).await;
        }
    }
    life.calm().await
}

/// Simulates fifty years of lives on one catalog, and one year in which every single transaction is crashed twice.
async fn years(catalog: usize) {
    let (name, text) = SHIPPED[catalog];
    let (mut commands, mut crashes) = live(name, text, 1_000, Deaths::Everywhere).await;
    assert!(crashes > 100, "{crashes} crashes are not every transaction of a year");
    for seed in 0..50 {
        let (more, again) = live(name, text, seed, Deaths::Sometimes).await;
        commands += more;
        crashes += again;
    }
    println!("{name}: 51 workspace-years, {commands} commands, {crashes} crashes");
}

#[tokio::test]
async fn canvas_tiers_survives_fifty_years_of_crashes() {
    years(0).await;
}

#[tokio::test]
async fn shared_balance_survives_fifty_years_of_crashes() {
    years(1).await;
}

#[tokio::test]
async fn two_buckets_survives_fifty_years_of_crashes() {
    years(2).await;
}

#[tokio::test]
async fn weekly_yearly_survives_fifty_years_of_crashes() {
    years(3).await;
}
