//! Journals to export: one that tells a story with every event in it, and random ones.

use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Catalogs, Choice, Command, Entry, Failure, FailureCode, Give, GrantCommand, HoldCommand, Interval,
    Mode, Name, Outcome, OutputFile, PaymentCommand, PlanCommand, Profile, ReviewCommand, RunCommand, Timestamp,
    Transition, Unit, Value, Workspace, WorkspaceCommand, WorkspaceId, apply, parse_catalog,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const CATALOG: &str = r#"
name = "studio"
free_plan = "free"

[[plan]]
id = "free"
name = "Free"
once = [{ code = "welcome", amount = 20 }]
[[plan.trial]]
model = "video-trial"
runs = 3
[[plan.trial]]
model = "video-window"
window = "24 hours"

[[plan]]
id = "starter"
name = "Starter"
[[plan.price]]
interval = "month"
currency = "usd"
amount = 1000
grants = [{ amount = 500, rollover_max = 100 }]

[[plan]]
id = "pro"
name = "Pro"
requires = ["business"]
limited = [{ model = "image-limited", runs_per_day = 3 }]
[[plan.price]]
interval = "month"
currency = "usd"
amount = 3000
grants = [{ amount = 1000 }, { code = "lessons", unit = "training", amount = 3 }]
[[plan.price]]
interval = "year"
currency = "usd"
amount = 30000
grants = [{ amount = 1100, every = "month" }]

[[model]]
id = "video-standard"
name = "Video"
output = "video"
rate = { credits = 20, per = "second" }
params.duration = { type = "integer", min = 1, max = 60 }
params.end = { type = "integer", min = 0, max = 9, default = 7 }

[[model]]
id = "lesson"
name = "Lesson"
output = "weights"
unit = "training"
rate = { credits = 1, per = "call" }

[[model]]
id = "image-limited"
name = "Image"
output = "image"
rate = { credits = 1, per = "call" }

[[model]]
id = "video-trial"
name = "Trial"
output = "video"
plans = ["pro"]
rate = { credits = 90, per = "call" }

[[model]]
id = "video-window"
name = "Window"
output = "video"
plans = ["pro"]
rate = { credits = 90, per = "call" }

[[pack]]
id = "pack-100"
credits = 100
bonus = 10
currency = "usd"
amount = 500
expires = "90 days"
"#;

/// Name of an actor whose letters try to break out of every format.
pub const HOSTILE: &str = "=1+1\",;|[2020-01-01] date:2020-01-01\\\"\n1999-01-01 * \"x\"\n  Assets:X  1 CREDITS";

/// Workspaces and all of their entries.
pub struct Journal {
    catalogs: Catalogs,
    pub workspaces: BTreeMap<WorkspaceId, Workspace>,
    pub entries: Vec<Entry>,
}

impl Journal {
    fn new() -> Journal {
        let catalog = Arc::new(parse_catalog(CATALOG).expect("the test's catalog is good"));
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::default(), catalog.clone());
        catalogs.publish("2026-02-01T00:00:05Z".parse().expect("RFC 3339"), catalog);
        Journal { catalogs, workspaces: BTreeMap::new(), entries: Vec::new() }
    }

    /// Submits a command; returns whether it was accepted.
    fn attempt(&mut self, workspace: u64, at: Timestamp, actor: &str, command: &Command) -> bool {
        let id = WorkspaceId::new(workspace);
        let before = self.workspaces.entry(id).or_insert_with(|| Workspace::new(id));
        let Ok(Transition { workspace, events }) = apply(before, &self.catalogs, By::Operator, command, at) else {
            return false;
        };
        *before = workspace;
        if !events.is_empty() {
            let (seq, at) = (before.seq, before.at);
            let (actor, command) = (actor.to_owned(), command.name().to_owned());
            self.entries.push(Entry { workspace: id, seq, at, actor, command, events });
        }
        true
    }

    fn tell(&mut self, at: &str, command: Command) {
        let at = at.parse().expect("a test instant is RFC 3339");
        assert!(self.attempt(7, at, "ops", &command), "refused at {at}: {command:?}");
    }

    /// Returns the journal of one workspace that has every event.
    pub fn story() -> Journal {
        let mut journal = Journal::new();
        journal.tell("2026-01-10T09:00:00Z", open("Acme"));
        let trial_day = "2026-01-10T10:00:00Z";
        journal.tell(trial_day, run("video-trial", &[]));
        journal.tell(trial_day, delivery(1, 1));
        journal.tell(trial_day, run("video-trial", &[]));
        journal.tell(trial_day, failure(2));
        journal.tell(trial_day, run("video-window", &[]));
        journal.tell(trial_day, failure(3));
        journal.plans();
        journal.runs();
        journal.payments();
        journal.tell("2026-06-01T00:00:00Z", Command::Tick);
        journal.by_hand();
        journal
    }

    fn plans(&mut self) {
        let review = Command::Review(ReviewCommand::Approve {
            review: Name::from("business"),
            reason: "papers seen".to_owned(),
        });
        self.tell("2026-01-20T00:00:00Z", subscribe("starter", Interval::Month));
        self.tell("2026-01-25T00:00:00Z", review);
        self.tell("2026-01-31T10:00:00Z", subscribe("pro", Interval::Month));
        self.tell("2026-02-01T00:00:00Z", subscribe("starter", Interval::Month));
        self.tell("2026-02-01T00:00:01Z", Command::Plan(PlanCommand::UndoCancel));
        self.tell(
            "2026-02-01T00:00:02Z",
            Command::Workspace(WorkspaceCommand::Rename { name: "Beta, Ltd.".to_owned() }),
        );
        self.tell(
            "2026-02-01T00:00:03Z",
            Command::Workspace(WorkspaceCommand::Freeze { reason: Name::from("question") }),
        );
        self.tell("2026-02-01T00:00:04Z", Command::Workspace(WorkspaceCommand::Unfreeze));
        self.tell("2026-02-01T00:00:05Z", Command::Plan(PlanCommand::Migrate { version: 2 }));
    }

    fn runs(&mut self) {
        let day = "2026-02-02T12:00:00Z";
        for (n, outcome) in
            (4..).zip([delivery(4, 10), delivery(5, 7), failure(6), Command::Run(RunCommand::Cancel { run: 7 })])
        {
            self.tell(day, ten_seconds());
            self.tell(day, Command::Run(RunCommand::Start { run: n, attempt: 1 }));
            self.tell(day, outcome);
        }
        self.tell(day, delivery(7, 10));
        self.tell(day, run("lesson", &[]));
        self.tell(day, delivery(8, 1));
        self.tell(day, run("image-limited", &[]));
        self.tell(day, hold(50));
        self.tell(day, Command::Hold(HoldCommand::Extend { hold: 10, seconds: 7200 }));
        self.tell(day, Command::Hold(HoldCommand::Capture { hold: 10, amount: Some(amount(30)) }));
        self.tell(day, hold(40));
        self.tell(day, Command::Hold(HoldCommand::Release { hold: 11 }));
        self.tell(day, hold(25));
        // The hold and the limited image expire, and the period ends during a run.
        self.tell("2026-02-28T09:59:30Z", ten_seconds());
        self.tell("2026-02-28T10:00:30Z", delivery(13, 7));
        self.tell("2026-03-02T10:00:30Z", Command::Plan(PlanCommand::Cancel));
    }

    fn payments(&mut self) {
        self.tell("2026-04-01T00:00:00Z", Command::Tick);
        let give = Give::Goodwill {
            unit: Unit::Credits,
            amount: amount(60),
            expires_at: None,
            models: vec![Name::from("image-limited")],
        };
        self.tell(
            "2026-04-02T00:00:00Z",
            Command::Grant(GrantCommand::Give { give, source: None, reason: "sorry \\".to_owned() }),
        );
        let gift = self.workspaces.values().next().and_then(|workspace| workspace.grants.last()).expect("given").n;
        self.tell(
            "2026-04-02T00:00:00Z",
            Command::Grant(GrantCommand::Void { grant: gift, reason: "too much".to_owned() }),
        );
        self.tell("2026-04-03T00:00:00Z", pack(1));
        self.tell("2026-04-03T00:00:00Z", hold(110));
        self.tell("2026-04-03T00:00:00Z", reverse(1, 250, false));
        self.tell("2026-04-03T00:00:01Z", Command::Hold(HoldCommand::Capture { hold: 14, amount: None }));
        self.tell("2026-04-04T00:00:00Z", pack(2));
        self.tell("2026-04-05T00:00:00Z", reverse(2, 500, true));
        self.tell("2026-04-06T00:00:00Z", reverse(2, 0, false));
        self.tell("2026-04-07T00:00:00Z", subscribe("pro", Interval::Year));
    }

    /// Adds a grant by an operator with a hostile name, for a hostile reason.
    fn by_hand(&mut self) {
        let workspace = self.workspaces.values_mut().next().expect("the story has one workspace");
        let at = workspace.at.after_seconds(1);
        let hostile = Name::from(HOSTILE.replace('\n', " "));
        let give = Give::Goodwill { unit: Unit::Training, amount: amount(2), expires_at: None, models: Vec::new() };
        let command = Command::Grant(GrantCommand::Give { give, source: Some(hostile), reason: "=cmd()".to_owned() });
        assert!(self.attempt(7, at, HOSTILE, &command));
    }

    /// Returns the journal of a few workspaces with random commands.
    pub fn by_chance(seed: u64, commands: usize) -> Journal {
        let mut journal = Journal::new();
        let mut chance = Chance(seed);
        let mut at: Timestamp = "2026-01-31T23:59:00Z".parse().expect("a test instant is RFC 3339");
        for workspace in 1..=4 {
            assert!(journal.attempt(workspace, at, "ops", &open("Acme")));
            let review =
                Command::Review(ReviewCommand::Approve { review: Name::from("business"), reason: "seen".to_owned() });
            assert!(journal.attempt(workspace, at, "ops", &review));
        }
        for _ in 0..commands {
            at = at.after_seconds([0, 1, 600, 4_000, 90_000][chance.below(5)] * (1 + chance.below(3) as i64));
            let workspace = 1 + chance.below(4) as u64;
            let command = journal.any(&mut chance, workspace);
            journal.attempt(workspace, at, "chance", &command);
        }
        journal
    }

    fn any(&self, chance: &mut Chance, workspace: u64) -> Command {
        let value = &self.workspaces[&WorkspaceId::new(workspace)];
        let open = value.holds.get(chance.below(value.holds.len().max(1))).map_or(1, |hold| hold.n);
        let payment = chance.below(12) as u32;
        match chance.below(16) {
            0..=3 => run("video-standard", &[("duration", Value::Integer(1 + chance.below(10) as i64))]),
            4 => run(["lesson", "image-limited", "video-trial", "video-window"][chance.below(4)], &[]),
            5..=7 => delivery(open, 1 + chance.below(10) as u64),
            8 => failure(open),
            9 => hold(1 + chance.below(90) as i64),
            10 => Command::Hold(HoldCommand::Capture { hold: open, amount: None }),
            11 => Command::Hold(HoldCommand::Release { hold: open }),
            12 => pack(payment),
            13 => reverse(payment, [0, 100, 250, 500][chance.below(4)], chance.below(3) == 0),
            14 => [
                subscribe("starter", Interval::Month),
                subscribe("pro", Interval::Month),
                subscribe("pro", Interval::Year),
                Command::Plan(PlanCommand::Cancel),
            ][chance.below(4)]
            .clone(),
            _ => Command::Grant(GrantCommand::Void { grant: chance.below(20) as u32, reason: "by chance".to_owned() }),
        }
    }
}

/// Random numbers that are the same every time (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

pub fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a test amount is in range")
}

fn open(name: &str) -> Command {
    let profile = Profile { name: name.to_owned(), owner: None, external_id: None };
    Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Live,
        test_clock: None,
        profile,
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    })
}

fn subscribe(plan: &str, interval: Interval) -> Command {
    let plan = Name::from(plan);
    Command::Plan(PlanCommand::Subscribe(Choice {
        plan,
        interval: Some(interval),
        allowance: None,
        approve: Vec::new(),
    }))
}

fn run(model: &str, params: &[(&str, Value)]) -> Command {
    let params = params.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect();
    let metadata = BTreeMap::from([("run".to_owned(), "=mine".to_owned())]);
    Command::Run(RunCommand::Create {
        model: Name::from(model),
        params,
        quote: None,
        sandbox: None,
        metadata,
        off: None,
        served: true,
    })
}

fn ten_seconds() -> Command {
    run("video-standard", &[("duration", Value::Integer(10))])
}

fn hold(credits: i64) -> Command {
    Command::Hold(HoldCommand::Open {
        ask: Ask::Credits(amount(credits)),
        reference: "order \"9\"".to_owned(),
        seconds: None,
        off: None,
        behalf: None,
    })
}

fn delivery(run: u32, delivered: u64) -> Command {
    let file = OutputFile { content_type: "video/mp4".to_owned(), bytes: 1 << 42, sha256: "00".to_owned() };
    Command::Run(RunCommand::Settle {
        run,
        attempt: None,
        outcome: Outcome::Delivered { delivered, outputs: vec![file] },
    })
}

fn failure(run: u32) -> Command {
    let failure = Failure { code: FailureCode::ProviderError, detail: "out of order".to_owned() };
    Command::Run(RunCommand::Settle { run, attempt: None, outcome: Outcome::Failed(failure) })
}

fn pack(payment: u32) -> Command {
    let give = Give::Pack(Name::from("pack-100"));
    Command::Grant(GrantCommand::Give { give, source: Some(payment_name(payment)), reason: "bought".to_owned() })
}

fn reverse(payment: u32, reversed: u64, disputed: bool) -> Command {
    Command::Payment(PaymentCommand::Reverse { source: payment_name(payment), paid: 500, reversed, disputed })
}

fn payment_name(payment: u32) -> Name {
    Name::from(format!("payment:{payment}"))
}
