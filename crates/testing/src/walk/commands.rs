//! Random commands at random instants, chosen so that most of them mean something in the state they meet.

use super::{DatedCommand, Pair, START, inside};
use crate::dice::Dice;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, Choice, CitedQuote, Command, Failure, FailureCode, Give, GrantCommand, HoldCommand, Interval, Mode,
    Name, Outcome, OutputFile, Params, PaymentCommand, PlanCommand, Profile, Purpose, ReviewCommand, RunCommand,
    Timestamp, Unit, Value, WorkspaceCommand, fingerprint, resolve_params,
};
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Memory of the generator within a sequence.
pub struct Asker {
    pub dice: Dice,
    pub now: i64,
    /// `true` if time mostly stands still, so that holds pile up and storage fills.
    calm: bool,
    paid: u32,
    quotes: Vec<(String, Params, CitedQuote)>,
}

pub fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a test amount is in range")
}

pub fn name(text: impl AsRef<str>) -> Name {
    Name::from(text.as_ref())
}

impl Asker {
    pub fn new(seed: u64) -> Asker {
        let mut dice = Dice::new(seed);
        let calm = dice.percent(50);
        Asker { dice, now: START, calm, paid: 0, quotes: Vec::new() }
    }

    /// Returns the next command and its instant.
    pub fn next(&mut self, pair: &Pair) -> DatedCommand {
        let at = self.instant(pair);
        (at, self.command(pair))
    }

    /// Returns an instant: zero, seconds, days, months, a step back, or a due instant and its neighbours.
    pub fn instant(&mut self, pair: &Pair) -> i64 {
        if self.calm && self.dice.percent(70) {
            self.now += *self.dice.pick(&[0, 0, 1, SECOND, 20 * SECOND]);
            return self.now;
        }
        let step = match self.dice.within(0, 99) {
            0..30 => 0,
            30..50 => self.dice.within(1, 3_600) * SECOND,
            50..58 => self.dice.within(1, DAY),
            58..64 => self.dice.within(1, 10) * DAY,
            64..67 => self.dice.within(1, 62) * DAY + self.dice.within(0, DAY),
            67 => self.dice.within(60, 420) * DAY,
            68..72 => return inside(self.now - self.dice.within(1, 40 * DAY)),
            72..94 => {
                let due = pair.engine.next_due_at().map_or(self.now, Timestamp::micros);
                due + *self.dice.pick(&[0, 0, 0, -1, 1]) - self.now
            }
            _ => self.other_end(pair) - self.now,
        };
        self.now = inside(self.now + step.max(0));
        self.now
    }

    fn other_end(&mut self, pair: &Pair) -> i64 {
        let mut ends: Vec<i64> = pair.engine.holds.iter().map(|hold| hold.expires_at.micros()).collect();
        ends.extend(pair.engine.windows.iter().filter_map(|window| window.open_until()).map(Timestamp::micros));
        ends.extend(self.quotes.iter().map(|(_, _, quote)| quote.expires_at.micros()));
        ends.push((self.now / DAY + 1) * DAY);
        ends.retain(|end| *end >= self.now && *end < self.now + 40 * DAY);
        if ends.is_empty() { self.now } else { *self.dice.pick(&ends) + self.dice.within(-1, 1) }
    }

    fn command(&mut self, pair: &Pair) -> Command {
        if !pair.engine.is_open() && self.dice.percent(80) {
            return self.open();
        }
        if pair.engine.frozen.is_some() && self.dice.percent(15) {
            return Command::Workspace(WorkspaceCommand::Unfreeze);
        }
        if !pair.engine.disputes.is_empty() && self.dice.percent(12) {
            return self.reverse(pair);
        }
        let runs = pair.engine.open_runs();
        let holds = pair.engine.holds.len() - runs;
        match self.dice.within(0, 239) {
            200..240 => self.buy(pair),
            0..1 => self.open(),
            1..2 => {
                Command::Workspace(WorkspaceCommand::Rename { name: self.dice.pick(&["Ada", "Bob", " "]).to_string() })
            }
            2..24 => Command::Plan(PlanCommand::Subscribe(self.choice())),
            24..28 => Command::Plan(PlanCommand::Cancel),
            28..32 => Command::Plan(PlanCommand::UndoCancel),
            32..34 => {
                let review = name(self.dice.pick(&["identity", "terms", "horoscope"]));
                Command::Review(ReviewCommand::Approve { review, reason: "seen".to_owned() })
            }
            34..37 => Command::Plan(PlanCommand::Migrate { version: *self.dice.pick(&[1, 2, 2, 3]) }),
            37..56 => self.grant(),
            56..60 => {
                let grant = self.grant_number(pair);
                Command::Grant(GrantCommand::Void {
                    grant,
                    reason: self.dice.pick(&["a mistake", "a mistake", ""]).to_string(),
                })
            }
            60..74 if self.paid > 0 || self.dice.percent(10) => self.reverse(pair),
            74..75 => {
                Command::Workspace(WorkspaceCommand::Freeze { reason: name(self.dice.pick(&["fraud", "abuse", ""])) })
            }
            75..78 if self.dice.percent(10) => Command::Workspace(WorkspaceCommand::Unfreeze),
            78..112 => self.create_run(pair),
            112..126 => self.open_hold(),
            126..136 if runs > 0 || self.dice.percent(10) => {
                let run = self.open_number(pair, true);
                let last = pair.engine.hold(run).map_or(0, |hold| match hold.purpose {
                    Purpose::Run { attempt, .. } => attempt,
                    Purpose::Caller { .. } => 0,
                });
                let attempt = last + if self.dice.percent(90) { 1 } else { 0 };
                Command::Run(RunCommand::Start { run, attempt })
            }
            136..156 if runs > 0 || self.dice.percent(10) => self.settle(pair),
            156..164 if runs > 0 || self.dice.percent(10) => {
                Command::Run(RunCommand::Cancel { run: self.open_number(pair, true) })
            }
            164..176 if holds > 0 || self.dice.percent(10) => self.capture(pair),
            176..183 if holds > 0 || self.dice.percent(10) => {
                Command::Hold(HoldCommand::Release { hold: self.open_number(pair, false) })
            }
            183..189 if holds > 0 || self.dice.percent(10) => {
                let seconds = *self.dice.pick(&[60, 7_200, 900_000, 2_592_000, 0, 2_592_001]);
                Command::Hold(HoldCommand::Extend { hold: self.open_number(pair, false), seconds })
            }
            189..193 => Command::Tick,
            _ if self.dice.percent(60) => self.create_run(pair),
            _ => self.grant(),
        }
    }

    fn capture(&mut self, pair: &Pair) -> Command {
        let hold = self.open_number(pair, false);
        let held = pair.engine.hold(hold).map_or(5, |hold| hold.amount.get());
        let amount = match self.dice.within(0, 9) {
            0..3 => None,
            3 => Some(amount(held + 1)),
            4 => Some(Amount::ZERO),
            _ => Some(amount(self.dice.within(0, held))),
        };
        Command::Hold(HoldCommand::Capture { hold, amount })
    }

    pub fn open(&mut self) -> Command {
        let profile = Profile { name: "Ada".to_owned(), owner: None, external_id: None };
        let lifetime_allowed = self.dice.percent(85);
        let test_clock = self.dice.percent(25).then_some(3);
        let choice = self.dice.percent(40).then(|| self.choice());
        Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock,
            profile,
            lifetime_allowed,
            choice,
            tenancy: Tenancy::Team,
            owner: None,
        })
    }

    /// Returns a plan and interval, most of them sold.
    pub fn choice(&mut self) -> Choice {
        use Interval::{Month, Week, Year};
        let sold = [
            ("basic", Week),
            ("basic", Month),
            ("basic", Year),
            ("pro", Week),
            ("pro", Month),
            ("pro", Year),
            ("team", Month),
            ("max", Month),
            ("max", Year),
            ("contract", Month),
            ("contract", Year),
        ];
        let (mut plan, mut interval) = *self.dice.pick(&sold);
        if self.dice.percent(15) {
            plan = *self.dice.pick(&["free", "free", "basic", "max", "gold"]);
            interval = *self.dice.pick(&[Week, Month, Year]);
        }
        let interval = self.dice.percent(95).then_some(interval);
        let wants = (plan == "contract") == self.dice.percent(95);
        let allowance = wants.then(|| amount(*self.dice.pick(&[900, 901, 40_000, 1])));
        let approve = match plan {
            "max" | "contract" if self.dice.percent(80) => ["identity", "terms"]
                .into_iter()
                .take(if plan == "max" { 1 } else { 2 })
                .map(|review| (name(review), "seen".to_owned()))
                .collect(),
            _ => Vec::new(),
        };
        Choice { plan: name(plan), interval, allowance, approve }
    }

    fn grant(&mut self) -> Command {
        let source = self.dice.percent(80).then(|| self.source());
        let give = if self.dice.percent(70) {
            Give::Pack(name(self.dice.pick(&["small", "small", "big", "big", "month", "month", "month", "huge"])))
        } else {
            let expires_at = match self.dice.within(0, 3) {
                0 => None,
                1 => Some(self.now + self.dice.within(0, 3) * SECOND),
                _ => Some(self.now + self.dice.within(1, 40 * DAY)),
            };
            let models: &[&str] = match self.dice.within(0, 9) {
                0 => &["photo"],
                1 => &["clip", "photo"],
                2 => &["train"],
                3 if self.dice.percent(20) => &["nothing"],
                _ => &[],
            };
            Give::Goodwill {
                unit: if self.dice.percent(4) {
                    Unit::Runs
                } else {
                    *self.dice.pick(&[Unit::Credits, Unit::Credits, Unit::Training])
                },
                amount: amount(if self.dice.percent(5) { 0 } else { *self.dice.pick(&[1, 7, 100, 100, 333]) }),
                expires_at: expires_at.map(|at| Timestamp::from_micros(inside(at))),
                models: models.iter().map(name).collect(),
            }
        };
        Command::Grant(GrantCommand::Give {
            give,
            source,
            reason: if self.dice.percent(97) { "sold" } else { "" }.to_owned(),
        })
    }

    /// Returns a payment's source, mostly a new one.
    pub fn source(&mut self) -> Name {
        if self.dice.percent(80) {
            self.paid += 1;
            return name(format!("pay_{}", self.paid));
        }
        name(format!("pay_{}", self.dice.within(1, i64::from(self.paid) + 1)))
    }

    fn grant_number(&mut self, pair: &Pair) -> u32 {
        let next = i64::from(pair.engine.next_grant);
        u32::try_from(self.dice.within((next - 6).max(0), next)).expect("a grant number")
    }

    pub fn reverse(&mut self, pair: &Pair) -> Command {
        let disputed: Vec<Name> = pair.engine.disputes.iter().cloned().collect();
        let source = if !disputed.is_empty() && self.dice.percent(60) {
            self.dice.pick(&disputed).clone()
        } else if self.dice.percent(92) {
            name(format!("pay_{}", self.dice.within((i64::from(self.paid) - 3).max(1), i64::from(self.paid) + 1)))
        } else {
            name(self.dice.pick(&["operator:2", "once:welcome", "trial:free:clip", "pay_0"]))
        };
        let (paid, reversed) = *self.dice.pick(&[
            (500, 500),
            (500, 500),
            (500, 0),
            (500, 0),
            (500, 250),
            (3, 1),
            (3, 2),
            (7, 7),
            (0, 0),
            (5, 6),
            (u64::MAX, u64::MAX - 1),
        ]);
        Command::Payment(PaymentCommand::Reverse { source, paid, reversed, disputed: self.dice.percent(35) })
    }

    /// Returns a model with parameters, nearly all of them right.
    pub fn ask(&mut self) -> (String, Params) {
        let model =
            *self.dice.pick(&["photo", "photo", "photo", "photo", "clip", "clip", "clip", "film", "film", "train"]);
        let model = if self.dice.percent(2) { "statue" } else { model };
        let mut params = Params::new();
        let mut put = |key: &str, value: Value| params.insert(name(key), value);
        let list = |n: i64| Value::List((0..n).map(|index| format!("https://example.com/{index}")).collect());
        let dice = &mut self.dice;
        match model {
            "photo" => {
                put("prompt", Value::Text(if dice.percent(97) { "a boat" } else { " " }.to_owned()));
                if dice.percent(60) {
                    put(
                        "images",
                        Value::Integer(if dice.percent(4) { 9 } else { *dice.pick(&[1, 1, 2, 2, 3, 4, 5, 8]) }),
                    );
                }
                if dice.percent(30) {
                    put("quality", Value::Text(dice.pick(&["draft", "standard", "best", "best"]).to_string()));
                }
                if dice.percent(10) {
                    put("steps", Value::Integer(*dice.pick(&[1, 20, 50])));
                }
            }
            "clip" => {
                if dice.percent(70) {
                    put("duration", Value::Integer(dice.within(1, 15)));
                }
                if dice.percent(30) {
                    put("images", Value::Integer(dice.within(1, 3)));
                }
                if dice.percent(40) {
                    put("audio", Value::Boolean(dice.percent(60)));
                }
                if dice.percent(30) {
                    put("references", list(if dice.percent(4) { 5 } else { dice.within(0, 4) }));
                }
                if dice.percent(50) {
                    put("route", Value::Text(dice.pick(&["fast", "plain", "first"]).to_string()));
                }
            }
            "film" => drop(put("duration", Value::Integer(dice.within(1, 60)))),
            _ => drop(put("pictures", list(dice.within(1, 3)))),
        }
        if dice.percent(2) {
            params.insert(name("imags"), Value::Integer(2));
        }
        (model.to_owned(), params)
    }

    fn create_run(&mut self, pair: &Pair) -> Command {
        let (mut model, mut params) = self.ask();
        let mut quote = None;
        if self.dice.percent(15) {
            self.quote(pair, &model, &params);
        }
        if let Some((of, with, cited)) = self.quotes.last().cloned().filter(|_| self.dice.percent(30)) {
            quote = Some(cited);
            if self.dice.percent(80) {
                (model, params) = (of, with);
            }
            if self.dice.percent(40) || cited.expires_at.micros() <= self.now {
                self.quotes.pop();
            }
        }
        let metadata = if self.dice.percent(1) {
            (0..51).map(|n| (n.to_string(), String::new())).collect()
        } else {
            BTreeMap::new()
        };
        Command::Run(RunCommand::Create {
            model: name(&model),
            params,
            quote,
            sandbox: None,
            metadata,
            off: None,
            served: true,
        })
    }

    fn quote(&mut self, pair: &Pair, model: &str, params: &Params) {
        let version = if self.dice.percent(70) { pair.engine.catalog.max(1) } else { *self.dice.pick(&[1, 2, 3]) };
        let Some(catalog) = pair.catalogs.get(version).or_else(|| pair.catalogs.get(1)) else { return };
        let Some(found) = catalog.catalog.models.iter().find(|known| *known.id == *model) else { return };
        if let Ok(resolved) = resolve_params(found, params) {
            let expires_at =
                Timestamp::from_micros(self.now + self.dice.within(-1, 900) * SECOND + self.dice.within(0, 1));
            let cited = CitedQuote { catalog: version, fingerprint: fingerprint(&found.id, &resolved), expires_at };
            self.quotes.push((model.to_owned(), params.clone(), cited));
        }
    }

    /// Returns the number of an open run or hold, mostly.
    fn open_number(&mut self, pair: &Pair, run: bool) -> u32 {
        let open = pair.engine.holds.iter().filter(|hold| matches!(hold.purpose, Purpose::Run { .. }) == run);
        let open: Vec<u32> = open.map(|hold| hold.n).collect();
        if open.is_empty() || self.dice.percent(7) {
            let next = i64::from(pair.engine.next_hold);
            return u32::try_from(self.dice.within((next - 4).max(0), next)).expect("a hold number");
        }
        *self.dice.pick(&open)
    }

    fn settle(&mut self, pair: &Pair) -> Command {
        let run = self.open_number(pair, true);
        let (current, asked) = pair.engine.hold(run).map_or((0, 1), |hold| match hold.purpose {
            Purpose::Run { attempt, .. } => (attempt, i64::try_from(hold.asked).expect("few")),
            Purpose::Caller { .. } => (0, 1),
        });
        let attempt = match self.dice.within(0, 9) {
            0..5 => None,
            5..9 => Some(current),
            _ => Some(current + 1),
        };
        let outcome = if self.dice.percent(55) {
            let delivered = match self.dice.within(0, 9) {
                0..4 => asked,
                4..8 => self.dice.within(0, asked),
                8 => asked * 10,
                _ => 0,
            };
            let bytes = *self.dice.pick(&[1_000, 1_000, 700_000_000]);
            let output = OutputFile { content_type: "image/png".to_owned(), bytes, sha256: "00".to_owned() };
            Outcome::Delivered { delivered: u64::try_from(delivered).expect("positive"), outputs: vec![output] }
        } else {
            let codes = [FailureCode::Timeout, FailureCode::ProviderError, FailureCode::Refused, FailureCode::Canceled];
            Outcome::Failed(Failure { code: *self.dice.pick(&codes), detail: "no".to_owned() })
        };
        Command::Run(RunCommand::Settle { run, attempt, outcome })
    }

    fn open_hold(&mut self) -> Command {
        let ask = if self.dice.percent(60) {
            Ask::Credits(amount(*self.dice.pick(&[1, 20, 50, 50, 99, 100, 100, 150, 150, 400, 400, 1_500, 5_000, 0])))
        } else {
            let (model, params) = self.ask();
            Ask::Model(name(&model), params)
        };
        let reference = if self.dice.percent(97) { "job" } else { "" }.to_owned();
        let seconds = *self.dice.pick(&[
            None,
            None,
            Some(60),
            Some(86_400),
            Some(2_592_000),
            Some(864_000),
            Some(864_000),
            Some(0),
        ]);
        Command::Hold(HoldCommand::Open { ask, reference, seconds, off: None, behalf: None })
    }
}
