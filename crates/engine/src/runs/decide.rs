//! Decisions about runs: accept, start, settle and cancel.

use crate::apply::bounds::limit;
use crate::apply::step::Step;
use crate::catalog::{CancelRule, Catalogs, GrantKind, Model, Name, Params};
use crate::grants::{Grant, draw_order, trial_source};
use crate::holds::{Hold, Part, Purpose, TrialUse};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::invalid::Invalid;
use crate::kernel::limits::{HOLDS_MAX, NAME_MAX, PARAMS_MAX};
use crate::kernel::time::{DAY, Timestamp};
use crate::plans::terms::{Estimate, Terms, price_under};
use crate::refusal::Refusal;
use crate::runs::access::{Access, access, plans_with_level, runs_left_today};
use crate::runs::params::count;
use crate::runs::quote::Price;
use crate::runs::ways_out::ways_out;
use crate::runs::{
    CitedQuote, Failure, FailureCode, Off, Outcome, OutputFile, RunCommand, RunEvent, RunStatus, Script,
};
use crate::team::rights::Need;
use crate::workspace::{Mode, Workspace};
use std::collections::BTreeMap;

/// A model with parameters that a workspace may run now: gated, priced, and with the units for its hold.
pub(crate) struct AcceptedRun<'a> {
    pub model: &'a Model,
    pub params: Params,
    pub price: Price,
    pub taken: Funding,
}

/// Units for a hold: the parts to take from grants, and the trial and limits that they count against.
pub(crate) struct Funding {
    pub unit: Unit,
    pub amount: Amount,
    pub parts: Vec<Part>,
    pub trial: Option<TrialUse>,
    pub opens_until: Option<Timestamp>,
    pub limited_day: Option<i64>,
    /// Number of free runs to grant before the hold takes its part of them.
    pub tries: Option<Amount>,
}

impl Funding {
    fn plain(unit: Unit, amount: Amount, parts: Vec<Part>) -> Funding {
        Funding { unit, amount, parts, trial: None, opens_until: None, limited_day: None, tries: None }
    }
}

/// State of a run that has not ended: its last attempt, its first start, and the rule for its cancellation.
#[derive(Clone, Copy)]
struct OpenRun {
    attempt: u32,
    started_at: Option<Timestamp>,
    cancel: CancelRule,
}

/// Decides a command about a run.
pub(crate) fn decide(step: &mut Step<'_>, command: &RunCommand) -> Result<(), Refusal> {
    match command {
        RunCommand::Create { model, params, quote, sandbox, metadata, off, served } => {
            step.off = off.clone();
            step.served = *served;
            step.create_run(model, params, quote.as_ref(), sandbox.as_ref(), metadata)
        }
        RunCommand::Start { run, attempt } => step.start_run(*run, *attempt),
        RunCommand::Settle { run, attempt, outcome } => step.settle_run(*run, *attempt, outcome),
        RunCommand::Cancel { run } => step.cancel_run(*run),
    }
}

/// Returns the right that a caller needs for a command about a run.
pub(crate) fn need<'c>(workspace: &'c Workspace, command: &'c RunCommand) -> Need<'c> {
    match command {
        RunCommand::Create { model, .. } => Need::RunModel(model),
        RunCommand::Cancel { run } => model_of(workspace, *run).map_or(Need::RunAny, Need::RunModel),
        RunCommand::Start { .. } | RunCommand::Settle { .. } => Need::Operator,
    }
}

/// Returns the model of a hold, for judging who may end the hold.
fn model_of(workspace: &Workspace, run: u32) -> Option<&str> {
    workspace.hold(run).and_then(|hold| hold.model.as_deref())
}

impl<'a> Step<'a> {
    fn create_run(
        &mut self,
        model: &str,
        asked: &Params,
        quote: Option<&CitedQuote>,
        sandbox: Option<&Script>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        metadata_is_good(metadata)?;
        if sandbox.is_some() && self.workspace.mode == Mode::Live {
            return Err(Refusal::invalid("/sandbox", "only the runs of a test workspace are scripted"));
        }
        let (accepted, catalog) = self.accept(model, asked, quote, true)?;
        self.grant_tries(&accepted.model.id, &accepted.taken);
        self.emit(RunEvent::RunQueued {
            run: self.workspace.next_hold,
            model: accepted.model.id.clone(),
            output: accepted.model.output,
            params: accepted.params,
            catalog,
            unit: accepted.taken.unit,
            quoted: accepted.taken.amount,
            lines: accepted.price.lines,
            parts: accepted.taken.parts,
            asked: accepted.price.asked,
            expires_at: self.at.after(accepted.model.timeout),
            cancel: accepted.model.cancel,
            trial: accepted.taken.trial,
            opens_until: accepted.taken.opens_until,
            limited_day: accepted.taken.limited_day,
            sandbox: sandbox.cloned(),
            metadata: metadata.clone(),
            by: self.spender(),
        });
        Ok(())
    }

    /// Checks every reason to refuse a model, in order, and then finds the units for the hold that guards it: no check
    /// is ever separate from the hold (R11).
    pub(crate) fn accept(
        &self,
        model: &str,
        asked: &Params,
        quote: Option<&CitedQuote>,
        is_run: bool,
    ) -> Result<(AcceptedRun<'a>, u32), Refusal> {
        let terms = self.terms();
        let Estimate { model, params, priced } = price_run(&terms, self.catalogs, model, asked, quote, self.at)?;
        let (price, catalog_version) = (priced.price, priced.version);
        if let Some(Off { name, reason }) = self.off.clone() {
            return Err(Refusal::SwitchedOff { name, reason });
        }
        self.not_frozen()?;
        let access = access(&self.workspace, &terms, model, self.at);
        let links = &terms.menu.catalog.links;
        if access == Access::Locked {
            return Err(Refusal::ModelTierRequired {
                model: model.id.clone(),
                plan: terms.own.plan.id.clone(),
                plans_that_include: terms.plans_that_include(model),
                upgrade_url: links.upgrade.clone(),
            });
        }
        level_reaches(&terms, model, &params)?;
        if let Access::Unapproved { review } = access {
            return Err(Refusal::ReviewRequired { review, apply_url: links.apply.clone() });
        }
        self.batch_fits(&params)?;
        limit("open holds", HOLDS_MAX, self.workspace.holds.len())?;
        if access == Access::TrialExhausted {
            let window = terms.trials(&model.id).iter().any(|trial| trial.window.is_some());
            return Err(Refusal::TrialExhausted {
                model: model.id.clone(),
                trial: if window { "window" } else { "runs" },
                plans_that_include: terms.plans_that_include(model),
            });
        }
        if is_run && !self.served {
            return Err(Refusal::ModelNotServed { model: model.id.clone(), mode: self.workspace.mode });
        }
        self.may_start_one_more()?;
        if is_run {
            self.has_storage()?;
        }
        let taken = self.fund(&terms, model, &params, &price, &access)?;
        Ok((AcceptedRun { model, params, price, taken }, catalog_version))
    }

    pub(crate) fn not_frozen(&self) -> Result<(), Refusal> {
        let reason = match (&self.workspace.frozen, self.workspace.disputes.first()) {
            (Some(reason), _) => reason.to_string(),
            (None, Some(source)) => format!("the payment {source} is in dispute"),
            (None, None) => return Ok(()),
        };
        Err(Refusal::WorkspaceFrozen { reason })
    }

    fn batch_fits(&self, params: &Params) -> Result<(), Refusal> {
        let asked = if params.contains_key("images") { count(params, "images") } else { 1 };
        match self.plan().batch {
            Some(limit) if asked > u64::from(limit) => Err(Refusal::BatchLimitExceeded { limit, asked }),
            _ => Ok(()),
        }
    }

    /// Refuses to open a run, or a hold of a model, while as many are open as the plan allows at once: a product that
    /// executes its work itself has the plan's limit too.
    fn may_start_one_more(&self) -> Result<(), Refusal> {
        match self.plan().concurrency {
            Some(limit) if self.workspace.open_work() >= limit as usize => Err(Refusal::ConcurrencyLimited { limit }),
            _ => Ok(()),
        }
    }

    fn has_storage(&self) -> Result<(), Refusal> {
        match self.plan().storage_bytes() {
            Some(quota_bytes) if self.workspace.stored_bytes >= quota_bytes => {
                Err(Refusal::StorageFull { used_bytes: self.workspace.stored_bytes, quota_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Returns the units that the hold takes: of a trial while it lasts (R22), of the model's unit otherwise.
    fn fund(
        &self,
        terms: &Terms<'_>,
        model: &Model,
        params: &Params,
        price: &Price,
        access: &Access,
    ) -> Result<Funding, Refusal> {
        match access {
            Access::TrialRuns { .. } => Ok(self.trial_run(terms, model)),
            Access::TrialWindow { ends_at } => {
                let longest =
                    || terms.trials(&model.id).iter().filter_map(|trial| trial.window).map(|w| self.at.after(w)).max();
                let opens_until = if ends_at.is_some() { None } else { longest() };
                let free = Funding::plain(model.unit, Amount::ZERO, Vec::new());
                Ok(Funding { trial: Some(TrialUse::Window), opens_until, ..free })
            }
            Access::Open | Access::Locked | Access::Unapproved { .. } | Access::TrialExhausted => {
                if model.unit == Unit::Credits {
                    self.caps_leave(price.credits)?;
                }
                let limited_day = self.limited_day(terms, model)?;
                let parts = draw_order::draw(&self.workspace, model.unit, Some(&model.id), price.credits, self.at);
                let parts = parts.ok_or_else(|| self.too_little(terms, model, params, price.credits))?;
                Ok(Funding { limited_day, ..Funding::plain(model.unit, price.credits, parts) })
            }
        }
    }

    /// Returns one run of a count trial. Terms may allow more runs than were granted with the plan: the rest is granted
    /// with the first run that needs it, since a move to other terms grants nothing by itself (R33).
    fn trial_run(&self, terms: &Terms<'_>, model: &Model) -> Funding {
        let source = trial_source(&self.workspace.subscription.plan, &model.id);
        let allowed = terms.trials(&model.id).iter().filter_map(|trial| trial.runs).max().unwrap_or_default();
        let missing = allowed.less(self.workspace.trial_runs_granted(&source));
        let granted = self.workspace.trial_grants(&source).map(|grant| &**grant).filter(|grant| grant.live(self.at));
        let granted: Vec<&Grant> = granted.filter(|grant| !grant.available.is_zero()).collect();
        let parts = draw_order::take(granted.into_iter(), Amount::ONE);
        let (parts, tries) = match parts {
            Some(parts) => (parts, None),
            None => (vec![Part { grant: self.workspace.next_grant, amount: Amount::ONE }], Some(missing)),
        };
        Funding { trial: Some(TrialUse::Runs), tries, ..Funding::plain(Unit::Runs, Amount::ONE, parts) }
    }

    /// Grants the free runs that a hold takes its part from, if they are not granted yet.
    pub(crate) fn grant_tries(&mut self, model: &Name, taken: &Funding) {
        if let Some(runs) = taken.tries {
            let source = Name::from(trial_source(&self.workspace.subscription.plan, model));
            self.grant_trial(model, runs, source, self.at);
        }
    }

    /// Returns the day that a run counts against, in days since 1970; `None` where the plan sets no daily limit for the
    /// model.
    fn limited_day(&self, terms: &Terms<'_>, model: &Model) -> Result<Option<i64>, Refusal> {
        match runs_left_today(&self.workspace, terms, &model.id, self.at) {
            None => Ok(None),
            Some(0) => {
                let tomorrow = Timestamp::from_micros((self.at.day() + 1) * DAY);
                Err(Refusal::AllowanceExhausted { unit: Unit::Runs, renews_at: Some(tomorrow) })
            }
            Some(_) => Ok(Some(self.at.day())),
        }
    }

    fn too_little(&self, terms: &Terms<'_>, model: &Model, params: &Params, required: Amount) -> Refusal {
        let renews_at = self.workspace.subscription.renews_at();
        if model.unit != Unit::Credits {
            let given = |grant: &&std::sync::Arc<Grant>| grant.unit == model.unit && grant.kind == GrantKind::Cycle;
            let renews_at = renews_at.filter(|_| self.workspace.grants.iter().any(|grant| given(&grant)));
            return Refusal::AllowanceExhausted { unit: model.unit, renews_at };
        }
        let available = self.workspace.available(Unit::Credits, Some(&model.id), self.at);
        let held = self.workspace.units_held(Unit::Credits);
        let options = ways_out(&self.workspace, terms, model, params, required, self.at);
        Refusal::InsufficientCredits { required, available, held, retryable: available + held >= required, options }
    }

    fn start_run(&mut self, run: u32, attempt: u32) -> Result<(), Refusal> {
        let (_, open) = self.open_run(run)?;
        if attempt != open.attempt + 1 {
            return Err(Refusal::Superseded);
        }
        self.emit(RunEvent::RunStarted { run, attempt });
        Ok(())
    }

    /// Ends a run with the outcome that its worker or provider reports. The first end of a run wins, by whatever way it
    /// comes: a later outcome is recorded, and changes nothing (R15).
    fn settle_run(&mut self, run: u32, attempt: Option<u32>, outcome: &Outcome) -> Result<(), Refusal> {
        let (hold, open) = match self.open_run(run) {
            Ok((hold, open)) => (hold.clone(), open),
            Err(Refusal::HoldEnded { .. }) => {
                let usable = matches!(outcome, Outcome::Delivered { delivered, .. } if *delivered > 0);
                self.emit(RunEvent::OutcomeIgnored { run, usable });
                return Ok(());
            }
            Err(refusal) => return Err(refusal),
        };
        if attempt.is_some_and(|attempt| attempt != open.attempt) {
            return Err(Refusal::Superseded);
        }
        match outcome {
            Outcome::Delivered { delivered, outputs } if *delivered > 0 => self.deliver(&hold, *delivered, outputs),
            Outcome::Delivered { .. } => {
                let detail = "nothing usable was delivered".to_owned();
                self.fail_run(&hold, Failure { code: FailureCode::UnusableOutput, detail }, self.at);
            }
            Outcome::Failed(failure) => self.fail_run(&hold, failure.clone(), self.at),
        }
        Ok(())
    }

    /// Captures the delivered share, rounded up to a whole credit, and never more than the quote (R12, R13).
    fn deliver(&mut self, hold: &Hold, delivered: u64, outputs: &[OutputFile]) {
        let delivered = delivered.min(hold.asked);
        let captured = match hold.trial {
            Some(_) => hold.amount,
            None => hold.amount.share_rounded_up(delivered, hold.asked),
        };
        let status = if delivered < hold.asked { RunStatus::Partial } else { RunStatus::Succeeded };
        self.end_run(hold, status, captured, delivered, outputs, None, self.at);
    }

    /// Ends a run without usable output, which costs nothing (R14).
    pub(crate) fn fail_run(&mut self, hold: &Hold, failure: Failure, at: Timestamp) {
        let status = if failure.code == FailureCode::Canceled { RunStatus::Canceled } else { RunStatus::Failed };
        self.end_run(hold, status, Amount::ZERO, 0, &[], Some(failure), at);
    }

    fn cancel_run(&mut self, run: u32) -> Result<(), Refusal> {
        let (hold, open) = self.open_run(run)?;
        let hold = hold.clone();
        let captured = match (open.started_at, open.cancel) {
            (None, _) | (_, CancelRule::Full) => Amount::ZERO,
            (Some(_), CancelRule::None) => hold.amount,
            (Some(started_at), CancelRule::Elapsed) => {
                let micros = |from: Timestamp, to: Timestamp| u64::try_from(to.micros() - from.micros()).unwrap_or(0);
                let whole = micros(started_at, hold.expires_at).max(1);
                hold.amount.share_rounded_up(micros(started_at, self.at), whole)
            }
        };
        let detail = "canceled by the caller".to_owned();
        let failure = Failure { code: FailureCode::Canceled, detail };
        self.end_run(&hold, RunStatus::Canceled, captured, 0, &[], Some(failure), self.at);
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the end of a run is what these seven say")]
    fn end_run(
        &mut self,
        hold: &Hold,
        status: RunStatus,
        captured: Amount,
        delivered: u64,
        outputs: &[OutputFile],
        error: Option<Failure>,
        at: Timestamp,
    ) {
        let ends = draw_order::end(&self.workspace, hold, captured, at);
        let lost: Vec<(u32, Amount)> = ends.iter().map(|end| (end.grant, end.expired)).collect();
        self.emit_at(
            at,
            RunEvent::RunSettled {
                run: hold.n,
                status,
                captured,
                released: hold.amount - captured,
                ends,
                delivered,
                outputs: outputs.to_vec(),
                error,
            },
        );
        self.after_end(hold, &lost, at);
    }

    /// Returns the hold of a run that has not ended, and how far the run has come.
    ///
    /// # Errors
    /// [`Refusal::HoldEnded`] when the run has ended, [`Refusal::NotFound`] when there never was one.
    fn open_run(&self, run: u32) -> Result<(&Hold, OpenRun), Refusal> {
        let Some(hold) = self.workspace.hold(run) else {
            let is_over = run > 0 && run < self.workspace.next_hold;
            return Err(if is_over { self.refusal_of_end("run", run) } else { Refusal::NotFound { what: "run" } });
        };
        match hold.purpose {
            Purpose::Run { attempt, started_at, cancel, .. } => Ok((hold, OpenRun { attempt, started_at, cancel })),
            Purpose::Caller { .. } => Err(Refusal::NotFound { what: "run" }),
        }
    }
}

/// Reads and prices the parameters of a run, at the rate of a quote while it is good (R33: a quote keeps its rate and
/// nothing else).
///
/// # Errors
/// The model is not on the menu, the parameters are wrong, or the quote does not hold.
fn price_run<'c>(
    terms: &Terms<'c>,
    catalogs: &Catalogs,
    model: &str,
    asked: &Params,
    quote: Option<&CitedQuote>,
    at: Timestamp,
) -> Result<Estimate<'c>, Refusal> {
    let estimate = terms.estimate(model, asked)?;
    let Some(quote) = quote else { return Ok(estimate) };
    let cited = catalogs.get(quote.catalog);
    let cited = cited.and_then(|cited| price_under(cited, estimate.model, &estimate.params));
    let cited = cited.filter(|cited| cited.fingerprint == quote.fingerprint && at < quote.expires_at);
    if let Some(priced) = cited {
        return Ok(Estimate { priced, ..estimate });
    }
    let fresh = Box::new(estimate.to_quote());
    Err(if quote.expires_at <= at { Refusal::QuoteExpired { fresh } } else { Refusal::QuoteMismatch { fresh } })
}

fn level_reaches(terms: &Terms<'_>, model: &Model, asked: &Params) -> Result<(), Refusal> {
    let Some((level, name)) = terms.missing_level(model, asked) else { return Ok(()) };
    let feature = format!("{level} parameters: {name}");
    Err(Refusal::FeatureNotInPlan { feature, plans_that_include: plans_with_level(&terms.menu.catalog, &level) })
}

fn metadata_is_good(metadata: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if metadata.len() > PARAMS_MAX {
        return Err(Refusal::invalid("/metadata", format!("must have at most {PARAMS_MAX} entries")));
    }
    let long = |text: &str| text.chars().count() > NAME_MAX;
    let errors = metadata.iter().filter(|(name, value)| long(name) || long(value));
    let errors: Vec<Invalid> = errors
        .map(|_| Invalid::new("/metadata", format!("names and values must be at most {NAME_MAX} characters")))
        .take(1)
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::InvalidRequest { errors }) }
}
