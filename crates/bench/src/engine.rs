//! Measurements of the engine alone: the cost of one command, without HTTP and without a disk.

use scrip::benchmark::place::CATALOG;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Catalogs, Choice, Command, DAY, Event, Give, GrantCommand, HoldCommand, Interval, Mode, Name,
    Outcome, OutputFile, Params, Profile, RunCommand, SECOND, Timestamp, Transition, Unit, Workspace, WorkspaceCommand,
    WorkspaceId, apply, limits::OPERATION_MAX, parse_catalog,
};
use scrip_store::clock::Stopwatch;
use serde::Serialize;
use std::time::Duration;

/// Returns the commands that open a typical workspace: on a paid plan, with a pack and goodwill.
///
/// # Errors
/// Never, as long as amounts are what they are.
pub fn typical(mode: Mode) -> Result<Vec<Command>, String> {
    let (plan, interval) = (Name::from("pro"), Some(Interval::Month));
    let open = Command::Workspace(WorkspaceCommand::Open {
        mode,
        test_clock: None,
        profile: Profile { name: "Acme".to_owned(), owner: None, external_id: None },
        lifetime_allowed: true,
        choice: Some(Choice { plan, interval, allowance: None, approve: Vec::new() }),
        tenancy: Tenancy::Team,
        owner: None,
    });
    let (source, reason) = (Some(Name::from("payment:1")), "bought".to_owned());
    let pack = Command::Grant(GrantCommand::Give { give: Give::Pack(Name::from("credits-1000")), source, reason });
    Ok(vec![open, pack, goodwill()?])
}

fn goodwill() -> Result<Command, String> {
    let amount = Amount::new(OPERATION_MAX).ok_or("an amount")?;
    let give = Give::Goodwill { unit: Unit::Credits, amount, expires_at: None, models: Vec::new() };
    Ok(Command::Grant(GrantCommand::Give { give, source: None, reason: "thanks".to_owned() }))
}

/// Nanoseconds that the engine takes for one command.
#[derive(Clone, Debug, Serialize)]
pub struct Engine {
    /// Nanoseconds of a hold or a capture on a paid plan with a pack and goodwill.
    pub typical_ns: u64,
    /// Nanoseconds of the same command with 64 grants and 256 open holds.
    pub large_ns: u64,
    /// Nanoseconds of a command of a month of runs on that plan, its renewal included.
    pub month_ns: u64,
}

/// A workspace in memory, without a journal.
pub struct Lab {
    catalogs: Catalogs,
    workspace: Workspace,
    now: Timestamp,
}

impl Lab {
    /// Opens a workspace on a paid plan, with a pack and goodwill.
    ///
    /// # Errors
    /// When the engine refuses what it should take.
    pub fn new() -> Result<Lab, String> {
        let catalog = parse_catalog(CATALOG).map_err(|_| "the catalog of the benchmark has errors".to_owned())?;
        let now = "2026-01-31T00:00:00Z".parse()?;
        let workspace = Workspace::new(WorkspaceId::new(1));
        let mut lab = Lab { catalogs: Catalogs::single(catalog), workspace, now };
        for command in typical(Mode::Live)? {
            lab.apply(&command)?;
        }
        Ok(lab)
    }

    /// Opens a workspace with 64 grants and 256 open holds.
    ///
    /// # Errors
    /// When the engine refuses what it should take.
    pub fn large() -> Result<Lab, String> {
        let mut large = Lab::new()?;
        while large.workspace.grants.len() < 64 {
            large.goodwill()?;
        }
        while large.workspace.holds.len() < 256 {
            large.hold()?;
        }
        Ok(large)
    }

    fn apply(&mut self, command: &Command) -> Result<Vec<Event>, String> {
        let applied = apply(&self.workspace, &self.catalogs, By::Operator, command, self.now);
        let Transition { workspace, events } = applied.map_err(|refusal| format!("{command:?}: {}", refusal.code()))?;
        self.workspace = workspace;
        Ok(events.into_iter().map(|dated| dated.1).collect())
    }

    fn goodwill(&mut self) -> Result<(), String> {
        self.apply(&goodwill()?).map(|_| ())
    }

    fn hold(&mut self) -> Result<u32, String> {
        let ask = Ask::Credits(Amount::new(20).ok_or("an amount")?);
        let hold = self.workspace.next_hold;
        self.apply(&Command::Hold(HoldCommand::Open {
            ask,
            reference: "benchmark".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        }))?;
        Ok(hold)
    }

    /// Makes a hold and captures it.
    ///
    /// # Errors
    /// When the engine refuses one.
    pub fn pair(&mut self) -> Result<(), String> {
        self.now = self.now.after_micros(1);
        let hold = self.hold()?;
        self.apply(&Command::Hold(HoldCommand::Capture { hold, amount: None })).map(|_| ())
    }

    /// Takes a run from its acceptance to its end, in three commands.
    fn run(&mut self) -> Result<(), String> {
        let run = self.workspace.next_hold;
        let (model, params) = (Name::from("image-standard"), Params::new());
        self.apply(&Command::Run(RunCommand::Create {
            model,
            params,
            quote: None,
            sandbox: None,
            metadata: Default::default(),
            off: None,
            served: true,
        }))?;
        self.now = self.now.after_micros(SECOND);
        self.apply(&Command::Run(RunCommand::Start { run, attempt: 1 }))?;
        self.now = self.now.after_micros(9 * SECOND);
        let file = OutputFile { content_type: "image/png".to_owned(), bytes: 1_000_000, sha256: "0".repeat(64) };
        let outcome = Outcome::Delivered { delivered: 1, outputs: vec![file] };
        self.apply(&Command::Run(RunCommand::Settle { run, attempt: Some(1), outcome })).map(|_| ())
    }

    /// Plays thirty days of ten runs, and returns the number of commands.
    fn month(&mut self) -> Result<u64, String> {
        for _ in 0..30 {
            for _ in 0..10 {
                self.run()?;
            }
            self.now = self.now.after_micros(DAY - 100 * SECOND);
            self.apply(&Command::Tick)?;
        }
        Ok(30 * (3 * 10 + 1))
    }
}

/// Measures the engine, for the duration of `window` for each figure.
///
/// # Errors
/// When the engine refuses what it should take.
pub fn measure(window: Duration) -> Result<Engine, String> {
    let typical_ns = pairs(Lab::new()?, window)?;
    let large_ns = pairs(Lab::large()?, window)?;
    let mut lab = Lab::new()?;
    let month_ns = per_command(window, || lab.month())?;
    Ok(Engine { typical_ns, large_ns, month_ns })
}

fn pairs(mut lab: Lab, window: Duration) -> Result<u64, String> {
    per_command(window, || {
        for _ in 0..64 {
            lab.pair()?;
        }
        Ok(128)
    })
}

/// Returns the nanoseconds of one command: the median of many rounds, since a busy machine only ever makes one slower.
fn per_command(window: Duration, mut round: impl FnMut() -> Result<u64, String>) -> Result<u64, String> {
    let whole = Stopwatch::start();
    let mut rounds = Vec::new();
    while rounds.len() < 3 || whole.elapsed() < window {
        let stopwatch = Stopwatch::start();
        let commands = round()?;
        rounds.push(stopwatch.elapsed().as_nanos() as u64 / commands);
    }
    rounds.sort_unstable();
    Ok(rounds[rounds.len() / 2])
}
