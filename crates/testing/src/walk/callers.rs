//! Random callers and their commands to a team: people, strangers, keys with right, old and wrong secrets, and the
//! operator, at instants where something ends.

use super::START;
use crate::dice::Dice;
use crate::model::keys::allows;
use crate::model::team::Letter;
use crate::model::{Model, calendar::DAY};
use scrip_engine::team::{CapTerms, KeyChange, KeyHash, NewKey, Role, Secret, TeamCommand, Tenancy};
use scrip_engine::{
    Amount, By, Catalog, Choice, Command, Failure, FailureCode, Give, GrantCommand, Interval, Mode, Name, Outcome,
    Params, PaymentCommand, PlanCommand, Profile, RunCommand, Timestamp, Unit, UserId, Value, WorkspaceCommand,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND: i64 = 1_000_000;
/// Number of people; the last two belong to no workspace.
pub const PEOPLE: u64 = 7;

/// A caller, an instant and a command.
pub type CallerCommand = (By, i64, Command);

pub struct Callers {
    pub dice: Dice,
    now: i64,
    calm: bool,
    secrets: u32,
}

pub fn user(n: u64) -> UserId {
    UserId::new(n)
}

pub fn secret(n: u32) -> Secret {
    let mut hash = [7; 32];
    hash[..4].copy_from_slice(&n.to_le_bytes());
    Secret { hash: KeyHash(hash), last4: format!("{n:04}") }
}

/// Returns the catalog that the workspace is on, once it is open.
fn catalog_of(model: &Model) -> Option<Arc<Catalog>> {
    model.opened.then(|| model.catalog())
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a test amount is in range")
}

impl Callers {
    pub fn new(seed: u64) -> Callers {
        let mut dice = Dice::new(seed);
        let calm = dice.percent(60);
        Callers { dice, now: START, calm, secrets: 0 }
    }

    /// Returns every secret that was ever made, and one that never was.
    pub fn secrets(&self) -> impl Iterator<Item = KeyHash> + use<> {
        (0..=self.secrets).map(|n| secret(n).hash)
    }

    pub fn next(&mut self, model: &Model) -> CallerCommand {
        let at = self.instant(model);
        if !model.opened && self.dice.percent(85) {
            let by = if self.dice.percent(85) { By::Operator } else { self.caller(model) };
            return (by, at, self.open(model));
        }
        let command = match self.dice.within(0, 99) {
            0..62 => Command::Team(self.team(model)),
            62..84 => self.run(model),
            84..91 => self.plan(model),
            91..95 => self.other(model),
            95..98 => Command::Tick,
            98 => Command::Workspace(WorkspaceCommand::Rename { name: self.dice.pick(&["Ada", "Bob"]).to_string() }),
            _ => self.open(model),
        };
        let runs = matches!(command, Command::Run(RunCommand::Create { .. }) | Command::Run(RunCommand::Cancel { .. }));
        let works = matches!(
            command,
            Command::Plan(PlanCommand::Subscribe(_))
                | Command::Run(RunCommand::Start { .. })
                | Command::Run(RunCommand::Settle { .. })
                | Command::Grant(GrantCommand::Give { .. })
                | Command::Payment(PaymentCommand::Reverse { .. })
        );
        let by = match &command {
            Command::Team(TeamCommand::Join { user, .. }) if self.dice.percent(90) => By::User(*user),
            _ if runs && self.dice.percent(60) => self.key(model),
            _ if works && self.dice.percent(85) => By::Operator,
            _ => self.caller(model),
        };
        (by, at, command)
    }

    fn caller(&mut self, model: &Model) -> By {
        let admins: Vec<i64> = model.team.people.iter().filter(|who| who.admin).map(|who| who.user).collect();
        match self.dice.within(0, 99) {
            0..18 => By::Operator,
            18..60 if !admins.is_empty() => By::User(user(self.dice.pick(&admins).cast_unsigned())),
            60..72 => self.key(model),
            _ => By::User(user(self.pick_person(model))),
        }
    }

    fn key(&mut self, model: &Model) -> By {
        let mut known: Vec<KeyHash> = model.team.keys.iter().map(|row| row.secret).collect();
        known.extend(model.team.keys.iter().filter_map(|row| row.old).map(|(old, _)| old));
        if known.is_empty() && self.dice.percent(70) {
            return By::User(user(self.pick_person(model)));
        }
        if known.is_empty() || self.dice.percent(8) {
            let n = u32::try_from(self.dice.within(0, i64::from(self.secrets))).expect("small");
            return By::Key(secret(n).hash);
        }
        By::Key(*self.dice.pick(&known))
    }

    /// Returns an instant: mostly now; else where something of the team ends, or the naive workspace has something
    /// due, or days later.
    fn instant(&mut self, model: &Model) -> i64 {
        let kind = self.dice.within(0, 99);
        if self.calm && kind < 80 {
            self.now += *self.dice.pick(&[0, 0, 0, 1, SECOND, 60 * SECOND]);
            return self.now;
        }
        let mut ends: Vec<i64> =
            model.team.letters.iter().filter(|letter| !letter.used).map(|letter| letter.ends).collect();
        ends.extend(model.team.keys.iter().map(|row| row.ends));
        ends.extend(model.team.keys.iter().filter_map(|row| row.old).map(|(_, until)| until));
        let of_keys = model.team.keys.iter().filter_map(|row| row.limit);
        let limits = of_keys.chain(model.team.people.iter().filter_map(|person| person.limit));
        ends.extend(limits.filter_map(|limit| limit.window(self.now).1));
        ends.extend(model.next_due());
        ends.retain(|end| (self.now..self.now + 370 * DAY).contains(end));
        match kind {
            0..45 => {}
            45..80 if !ends.is_empty() => self.now = *self.dice.pick(&ends) + self.dice.within(-1, 1),
            80..88 => self.now += self.dice.within(1, 3_600) * SECOND,
            88..94 => self.now += self.dice.within(1, 10) * DAY,
            94..96 => return self.now - self.dice.within(1, DAY),
            96 => self.now += self.dice.within(20, 60) * DAY,
            _ => self.now += 1,
        }
        self.now = self.now.max(START);
        self.now
    }

    fn open(&mut self, model: &Model) -> Command {
        let owner = if self.dice.percent(85) { Some(1) } else { None };
        let profile = Profile { name: "Ada".to_owned(), owner: None, external_id: None };
        Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: None,
            profile,
            lifetime_allowed: self.dice.percent(80),
            choice: if self.dice.percent(80) { Some(self.choice(model)) } else { None },
            tenancy: if self.dice.percent(6) { Tenancy::Personal } else { Tenancy::Team },
            owner: owner.map(user),
        })
    }

    /// Returns a plan of the catalog, mostly as it is sold.
    fn choice(&mut self, model: &Model) -> Choice {
        let catalog = &model.catalogs.get(1).expect("there is a first version").catalog;
        let plan = self.dice.pick(&catalog.plans);
        let intervals: Vec<Interval> = plan.prices.iter().map(|price| price.interval).collect();
        let seen = self.dice.percent(80);
        let approve = plan.requires.iter().filter(|_| seen).map(|review| (review.clone(), "seen".to_owned()));
        Choice {
            plan: plan.id.clone(),
            interval: if intervals.is_empty() { None } else { Some(*self.dice.pick(&intervals)) },
            allowance: plan.custom.then(|| amount(500)),
            approve: approve.collect(),
        }
    }

    fn plan(&mut self, model: &Model) -> Command {
        match self.dice.within(0, 9) {
            0..8 => Command::Plan(PlanCommand::Subscribe(self.choice(model))),
            8 => Command::Plan(PlanCommand::Cancel),
            _ => Command::Plan(PlanCommand::UndoCancel),
        }
    }

    fn other(&mut self, model: &Model) -> Command {
        let source = || Name::from("pay_1");
        match self.dice.within(0, 5) {
            0 => Command::Workspace(WorkspaceCommand::Freeze { reason: Name::from("a look at it") }),
            1 | 2 => Command::Workspace(WorkspaceCommand::Unfreeze),
            // A payment is disputed, or the dispute is over, once there is one.
            3..5 if model.lots.iter().any(|lot| lot.source == "pay_1") => {
                let reversed = if self.dice.percent(50) { 50 } else { 0 };
                Command::Payment(PaymentCommand::Reverse {
                    source: source(),
                    paid: 100,
                    reversed,
                    disputed: reversed > 0,
                })
            }
            3..5 => {
                let pack = catalog_of(model).and_then(|catalog| Some(catalog.packs.first()?.id.clone()));
                let give = Give::Pack(pack.unwrap_or_else(|| Name::from("none")));
                Command::Grant(GrantCommand::Give { give, source: Some(source()), reason: "sold".to_owned() })
            }
            _ => {
                let amount = amount(self.dice.within(1, 500));
                let give = Give::Goodwill { unit: Unit::Credits, amount, expires_at: None, models: Vec::new() };
                Command::Grant(GrantCommand::Give { give, source: None, reason: "a gift".to_owned() })
            }
        }
    }

    fn run(&mut self, model: &Model) -> Command {
        let open: Vec<u32> = model.open.iter().map(|open| open.n).collect();
        let run = if open.is_empty() || self.dice.percent(10) {
            u32::try_from(self.dice.within(0, i64::from(model.next_hold))).expect("small")
        } else {
            *self.dice.pick(&open)
        };
        match self.dice.within(0, 99) {
            0..50 => {
                let ids: Vec<Name> = catalog_of(model)
                    .map_or_else(Vec::new, |catalog| catalog.models.iter().map(|model| model.id.clone()).collect());
                let id = if ids.is_empty() || self.dice.percent(40) {
                    Name::from("image")
                } else {
                    self.dice.pick(&ids).clone()
                };
                let mut params = Params::new();
                if self.dice.percent(30) {
                    let images = Value::Integer(self.dice.within(1, 5));
                    params.insert(Name::from(*self.dice.pick(&["images", "images", "duration"])), images);
                }
                Command::Run(RunCommand::Create {
                    model: id,
                    params,
                    quote: None,
                    sandbox: None,
                    metadata: BTreeMap::new(),
                    off: None,
                    served: true,
                })
            }
            50..62 => {
                Command::Run(RunCommand::Start { run, attempt: u32::try_from(self.dice.within(1, 2)).expect("small") })
            }
            62..86 => {
                let failure = Failure { code: FailureCode::ProviderError, detail: "no".to_owned() };
                let outcome = match self.dice.percent(60) {
                    true => Outcome::Delivered { delivered: self.dice.next() % 4, outputs: Vec::new() },
                    false => Outcome::Failed(failure),
                };
                Command::Run(RunCommand::Settle { run, attempt: None, outcome })
            }
            _ => Command::Run(RunCommand::Cancel { run }),
        }
    }

    fn role(&mut self) -> Role {
        if self.dice.percent(35) { Role::Admin } else { Role::Member }
    }

    fn cap(&mut self) -> CapTerms {
        let credits = amount(*self.dice.pick(&[0, 10, 20, 30, 60, 100, 1_000_000_001]));
        let every = *self.dice.pick(&[None, Some(Interval::Week), Some(Interval::Month), Some(Interval::Year)]);
        CapTerms { credits, every }
    }

    fn some_cap(&mut self) -> Option<CapTerms> {
        if self.dice.percent(80) { Some(self.cap()) } else { None }
    }

    fn pick_person(&mut self, model: &Model) -> u64 {
        if model.team.people.is_empty() || self.dice.percent(20) {
            return self.dice.next() % PEOPLE + 1;
        }
        self.dice.pick(&model.team.people).user.cast_unsigned()
    }

    fn team(&mut self, model: &Model) -> TeamCommand {
        let who = self.dice.next() % PEOPLE + 1;
        let waiting = model.team.letters.iter().rfind(|letter| !letter.used).map(|letter| letter.n);
        let any = u32::try_from(self.dice.within(0, model.team.letters.len() as i64 + 1)).expect("small");
        let invitation = waiting.filter(|_| self.dice.percent(80)).unwrap_or(any);
        // Invitations and keys that do not exist are mostly left out.
        let kind = match self.dice.within(0, 99) {
            14..33 if waiting.is_none() && self.dice.percent(80) => 0,
            74.. if model.team.keys.is_empty() && self.dice.percent(90) => 55,
            kind => kind,
        };
        match kind {
            0..14 => TeamCommand::Invite { user: user(who), role: self.role() },
            14..17 => TeamCommand::Withdraw { invitation },
            17..33 => {
                let named = (1..=PEOPLE).find(|n| {
                    let of = |letter: &&Letter| letter.n == invitation;
                    model.team.letters.iter().find(of).is_some_and(|letter| letter.user == user(*n).get())
                });
                let who = named.filter(|_| self.dice.percent(85)).unwrap_or(who);
                TeamCommand::Join { invitation, user: user(who) }
            }
            33..37 => TeamCommand::Add { user: user(who), role: self.role() },
            37..50 => {
                let role = if self.dice.percent(50) { Some(self.role()) } else { None };
                let cap = if self.dice.percent(60) { Some(self.some_cap()) } else { None };
                TeamCommand::ChangeMember { user: user(self.pick_person(model)), role, cap }
            }
            50..55 => TeamCommand::Remove { user: user(self.pick_person(model)) },
            55..74 => self.make(model),
            other => self.about_a_key(other, model),
        }
    }

    fn about_a_key(&mut self, kind: i64, model: &Model) -> TeamCommand {
        let known: Vec<u32> = model.team.keys.iter().map(|row| row.n).collect();
        let key = if known.is_empty() || self.dice.percent(5) { model.team.keyed + 1 } else { *self.dice.pick(&known) };
        match kind {
            74..83 => {
                let change = KeyChange {
                    name: if self.dice.percent(20) { Some(self.dice.pick(&["robot", ""]).to_string()) } else { None },
                    capabilities: if self.dice.percent(40) { Some(self.words(model)) } else { None },
                    cap: if self.dice.percent(45) { Some(self.some_cap()) } else { None },
                    reviewed: self.dice.percent(30),
                };
                TeamCommand::ChangeKey { key, change }
            }
            83..91 => {
                let grace = *self.dice.pick(&[0, 60, 3_600, 86_400, 604_800, -1, 604_801]);
                TeamCommand::RotateKey { key, secret: self.new_secret(), grace }
            }
            91..97 => {
                let reason =
                    if self.dice.percent(55) { Some(Name::from(*self.dice.pick(&["odd", "odd", " "]))) } else { None };
                TeamCommand::FreezeKey { key, reason }
            }
            _ => TeamCommand::RevokeKey { key },
        }
    }

    fn new_secret(&mut self) -> Secret {
        if self.secrets > 0 && self.dice.percent(10) {
            return secret(u32::try_from(self.dice.within(0, i64::from(self.secrets) - 1)).expect("small"));
        }
        self.secrets += 1;
        secret(self.secrets - 1)
    }

    fn words(&mut self, model: &Model) -> Vec<String> {
        let all = [
            "workflow:run",
            "workflow:read",
            "workflow:write",
            "webhook:receive",
            "model:run",
            "agent:invoke",
            "model:image:run",
            "model:video:run",
            "workflow:nightly:run",
            "workflow:daily:run",
        ];
        let wrong = ["model:<id>:run", "workflow:Nightly:run", "model:*:run", "run", ""];
        // Mostly capabilities that the plan allows, so that keys are made.
        let ceiling = if model.opened { model.own_plan().ceiling } else { Vec::new() };
        let mut words = Vec::new();
        for _ in 0..self.dice.within(0, 4) {
            let word = *self.dice.pick(&all);
            if allows(&ceiling, word) || self.dice.percent(10) {
                words.push(word.to_owned());
            }
            if self.dice.percent(2) {
                words.push(self.dice.pick(&wrong).to_string());
            }
        }
        words
    }

    fn make(&mut self, model: &Model) -> TeamCommand {
        let capabilities = self.words(model);
        let preset = if capabilities.is_empty() || self.dice.percent(3) {
            Some(Name::from(*self.dice.pick(&["full", "read-only", "reader", "nothing"])))
        } else {
            None
        };
        let some = |dice: &mut Dice, names: &[&str]| match dice.percent(15) {
            true => vec![Name::from(*dice.pick(names))],
            false => Vec::new(),
        };
        let new = NewKey {
            name: self.dice.pick(&["robot", "robot", "robot", "robot", "\n"]).to_string(),
            capabilities,
            preset,
            models: some(&mut self.dice, &["image", "image", "video", "nothing"]),
            workflows: some(&mut self.dice, &["nightly", "nightly", "Nightly"]),
            cap: if self.dice.percent(40) { self.some_cap() } else { None },
            expires_at: match self.dice.within(0, 9) {
                0 => Some(Timestamp::from_micros(self.now)),
                1..4 => Some(Timestamp::from_micros(self.now + self.dice.within(1, 40) * DAY)),
                _ => None,
            },
        };
        let owner = if self.dice.percent(65) { Some(user(self.pick_person(model))) } else { None };
        TeamCommand::MakeKey { secret: self.new_secret(), owner, new }
    }
}
