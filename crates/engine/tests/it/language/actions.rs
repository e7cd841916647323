//! Actions on the workspace: one command a statement.
//!
//! **Invariant:** an action that is refused where no refusal was announced fails the story.

use super::words::{Words, amount, read};
use super::{Scenario, same};
use scrip_engine::{
    Ask, Choice, CitedQuote, Command, Event, Failure, FailureCode, Give, GrantCommand, GrantKind, HoldCommand,
    HoldEvent, Mode, Name, Outcome, OutputFile, PaymentCommand, PlanCommand, Profile, ReviewCommand, RunCommand,
    RunEvent, SECOND, Unit, WorkspaceCommand, fingerprint, resolve_params, team::Spender, team::Tenancy,
};
use std::collections::BTreeMap;

impl Scenario {
    /// Runs an action; returns true if it expected something.
    pub(super) fn action(&mut self, verb: &str, mut words: Words) -> Result<bool, String> {
        if verb == "refused" {
            return self.expect_refusal(words).map(|()| true);
        }
        let arrow = words.arrow();
        let command = self.command(verb, &mut words)?;
        words.end()?;
        self.act(&command)?;
        match arrow {
            Some(expected) => same("held", &expected, &self.taken_amount()?).map(|()| true),
            None => Ok(false),
        }
    }

    /// `refused CODE action …`: the action must be refused with this code.
    fn expect_refusal(&mut self, mut words: Words) -> Result<(), String> {
        let code = words.word("a refusal's code")?;
        let verb = words.word("an action")?;
        let command = self.command(&verb, &mut words)?;
        words.end()?;
        match self.try_to(&command)? {
            Ok(()) => Err(format!("expected {code}, got no refusal")),
            Err(refusal) => {
                let got = refusal.code().to_owned();
                let shown = format!("{refusal:?}");
                self.refusal = Some(refusal);
                same("refusal", &code, &got).map_err(|error| format!("{error}: {shown}"))
            }
        }
    }

    /// Returns the amount that the last run or hold took, with the unit where it is not credits.
    fn taken_amount(&self) -> Result<String, String> {
        let taken = self.events.iter().rev().find_map(|dated| match &dated.1 {
            Event::Run(RunEvent::RunQueued { unit, quoted, .. }) => Some((*unit, *quoted)),
            Event::Hold(HoldEvent::HoldOpened { unit, amount, .. }) => Some((*unit, *amount)),
            _ => None,
        });
        let (unit, amount) = taken.ok_or("`->` says what a run or hold takes, and this is neither")?;
        Ok(if unit == Unit::Credits { amount.to_string() } else { format!("{amount} {}", unit.name()) })
    }

    fn command(&self, verb: &str, words: &mut Words) -> Result<Command, String> {
        if let Some(command) = self.plan_command(verb, words)? {
            return Ok(command);
        }
        if let Some(command) = self.grant_command(verb, words)? {
            return Ok(command);
        }
        if let Some(command) = self.run_command(verb, words)? {
            return Ok(command);
        }
        if let Some(command) = self.team_command(verb, words)? {
            return Ok(command);
        }
        if let Some(command) = self.money_command(verb, words)? {
            return Ok(command);
        }
        Err(format!("`{verb}` is not a statement; docs/SCENARIOS.md lists them"))
    }

    fn plan_command(&self, verb: &str, words: &mut Words) -> Result<Option<Command>, String> {
        Ok(Some(match verb {
            "open" => open(words)?,
            "subscribe" => {
                let plan = words.word("a plan")?;
                Command::Plan(PlanCommand::Subscribe(choice(plan, words)?))
            }
            "unsubscribe" => Command::Plan(PlanCommand::Cancel),
            "undo" => Command::Plan(PlanCommand::UndoCancel),
            "approve" => Command::Review(ReviewCommand::Approve {
                review: words.word("a review")?.as_str().into(),
                reason: "a test".into(),
            }),
            "migrate" => Command::Plan(PlanCommand::Migrate { version: words.parse("a version")? }),
            "freeze" => Command::Workspace(WorkspaceCommand::Freeze { reason: words.rest().as_str().into() }),
            "unfreeze" => Command::Workspace(WorkspaceCommand::Unfreeze),
            _ => return Ok(None),
        }))
    }

    fn grant_command(&self, verb: &str, words: &mut Words) -> Result<Option<Command>, String> {
        Ok(Some(match verb {
            "pack" => Command::Grant(GrantCommand::Give {
                give: Give::Pack(words.word("a pack")?.as_str().into()),
                source: words.option("source").map(|source| source.as_str().into()),
                reason: "sold".to_owned(),
            }),
            "gift" => {
                let unit = match words.option("unit").as_deref() {
                    None | Some("credits") => Unit::Credits,
                    Some("training") => Unit::Training,
                    Some("runs") => Unit::Runs,
                    Some(other) => return Err(format!("expected a unit, got `{other}`")),
                };
                let expires = words.option("expires");
                let models = words.option("models").unwrap_or_default();
                Command::Grant(GrantCommand::Give {
                    give: Give::Goodwill {
                        unit,
                        amount: words.amount("an amount")?,
                        expires_at: expires.map(|at| read(&at, "an instant")).transpose()?,
                        models: models.split(',').filter(|model| !model.is_empty()).map(Name::from).collect(),
                    },
                    source: words.option("source").map(|source| source.as_str().into()),
                    reason: words.option("reason").unwrap_or_else(|| "a gift".to_owned()),
                })
            }
            "void" => {
                let kind = words.word("a kind of grant")?;
                let grant = self.workspace.grants.iter().rev().find(|grant| grant.kind.name() == kind);
                let grant = grant.ok_or_else(|| format!("expected a grant of kind {kind}, got none"))?.n;
                Command::Grant(GrantCommand::Void {
                    grant,
                    reason: words.option("reason").unwrap_or_else(|| "a mistake".to_owned()),
                })
            }
            "reverse" => Command::Payment(PaymentCommand::Reverse {
                source: words.word("a payment")?.as_str().into(),
                reversed: words.parse("what has gone back")?,
                paid: read(&words.option("of").ok_or("expected of=…: what was paid")?, "what was paid")?,
                disputed: words.option("disputed").is_some(),
            }),
            _ => return Ok(None),
        }))
    }

    fn run_command(&self, verb: &str, words: &mut Words) -> Result<Option<Command>, String> {
        let run = match words.option("n") {
            Some(n) => read(&n, "a run's number")?,
            None => self.workspace.next_hold - 1,
        };
        let failed = |code| Outcome::Failed(Failure { code, detail: "as the story says".to_owned() });
        let asked = self.workspace.hold(run).map_or(1, |hold| hold.asked);
        let outcome = match verb {
            "succeed" => delivery(asked, words)?,
            "deliver" => {
                let share = words.parse("how much")?;
                delivery(share, words)?
            }
            "fail" => failed(FailureCode::ProviderError),
            "timeout" => failed(FailureCode::Timeout),
            "unusable" => failed(FailureCode::UnusableOutput),
            "filtered" => failed(FailureCode::Refused),
            _ => return self.hold_command(verb, run, words),
        };
        let attempt = words.option("attempt").map(|attempt| read(&attempt, "an attempt")).transpose()?;
        Ok(Some(Command::Run(RunCommand::Settle { run, attempt, outcome })))
    }

    fn hold_command(&self, verb: &str, run: u32, words: &mut Words) -> Result<Option<Command>, String> {
        Ok(Some(match verb {
            "run" => {
                let model: Name = words.word("a model")?.as_str().into();
                let quoted_at = words.option("quoted");
                let params = words.params();
                let quote = quoted_at.map(|at| self.cited_quote(&model, &params, &at)).transpose()?;
                Command::Run(RunCommand::Create {
                    model,
                    params,
                    quote,
                    sandbox: None,
                    metadata: BTreeMap::new(),
                    off: None,
                    served: true,
                })
            }
            "start" => {
                let attempt = words.option("attempt").map_or(Ok(1), |attempt| read(&attempt, "an attempt"))?;
                Command::Run(RunCommand::Start { run, attempt })
            }
            "cancel" => Command::Run(RunCommand::Cancel { run }),
            "hold" => {
                let seconds = words.option("seconds").map(|seconds| read(&seconds, "seconds")).transpose()?;
                let member = words.option("for").map(|name| super::team::person(&name));
                let key = words.option("with").map(|name| self.key_number(&name)).transpose()?;
                let behalf = (member.is_some() || key.is_some()).then_some(Spender { key, member });
                let what = words.word("an amount or a model")?;
                let ask = match amount(&what) {
                    Ok(amount) => Ask::Credits(amount),
                    Err(_) => Ask::Model(what.as_str().into(), words.params()),
                };
                Command::Hold(HoldCommand::Open { ask, reference: "order 1".to_owned(), seconds, off: None, behalf })
            }
            "capture" => {
                let part = words.maybe();
                Command::Hold(HoldCommand::Capture { hold: run, amount: part.map(|part| amount(&part)).transpose()? })
            }
            "release" => Command::Hold(HoldCommand::Release { hold: run }),
            "extend" => Command::Hold(HoldCommand::Extend { hold: run, seconds: words.parse("seconds")? }),
            _ => return Ok(None),
        }))
    }

    /// Returns the quote that was given at an instant, under the catalog of then, for the same parameters.
    fn cited_quote(&self, model: &Name, params: &scrip_engine::Params, at: &str) -> Result<CitedQuote, String> {
        let at: scrip_engine::Timestamp = read(at, "an instant")?;
        let published = self.catalogs.in_force(at, None).ok_or("there is no catalog yet")?;
        let found = published.catalog.model(model).ok_or_else(|| format!("there is no model `{model}`"))?;
        let resolved = resolve_params(found, params).map_err(|errors| format!("{errors:?}"))?;
        Ok(CitedQuote {
            catalog: published.version,
            fingerprint: fingerprint(model, &resolved),
            expires_at: at.after_micros(scrip_engine::limits::QUOTE_SECONDS * SECOND),
        })
    }
}

fn choice(plan: String, words: &mut Words) -> Result<Choice, String> {
    let interval = words.maybe().map(|interval| read(&interval, "an interval")).transpose()?;
    let allowance = words.option("allowance").map(|allowance| amount(&allowance)).transpose()?;
    let approve = words.option("approve").map(|review| (Name::from(review.as_str()), "a test".to_owned()));
    Ok(Choice { plan: plan.as_str().into(), interval, allowance, approve: approve.into_iter().collect() })
}

fn delivery(delivered: u64, words: &mut Words) -> Result<Outcome, String> {
    let bytes = words.option("bytes").map_or(Ok(1_000), |bytes| read(&bytes, "bytes"))?;
    let file = OutputFile { content_type: "video/mp4".to_owned(), bytes, sha256: "0".repeat(64) };
    Ok(Outcome::Delivered { delivered, outputs: vec![file] })
}

/// Reads a kind of grant by its name.
pub(super) fn kind(name: &str) -> Result<GrantKind, String> {
    use GrantKind::{Bonus, Cycle, Goodwill, Lifetime, Pack, Reinstated, Returned, Rollover, Trial};
    let kinds = [Cycle, Rollover, Lifetime, Trial, Pack, Bonus, Goodwill, Returned, Reinstated];
    kinds.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("expected a kind of grant, got `{name}`"))
}

fn open(words: &mut Words) -> Result<Command, String> {
    let lifetime_allowed = words.option("returning").is_none();
    let tenancy = if words.option("personal").is_some() { Tenancy::Personal } else { Tenancy::Team };
    let owner = words.option("owner");
    let profile = Profile { name: "Ada's".to_owned(), owner: None, external_id: None };
    let owner = owner.as_deref().map(super::team::person);
    let choice = match words.maybe() {
        Some(plan) => Some(choice(plan, words)?),
        None => None,
    };
    Ok(Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile,
        lifetime_allowed,
        choice,
        tenancy,
        owner,
    }))
}
