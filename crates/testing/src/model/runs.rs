//! Runs, written down once more: gates, trials, prices and outcomes.

use super::calendar::DAY;
use super::holds::{Open, Opening, Trial};
use super::plans::find_plan;
use super::{Answer, Model, No, earlier, later, quote};
use scrip_engine::{
    By, CancelRule, Catalog, CitedQuote, GrantKind, Need, Outcome, Param, Params, RunCommand, Span, Unit, Value,
    fingerprint,
};
use std::sync::Arc;

/// Verdict of one edition of a plan on a model.
enum Verdict {
    Included,
    Unapproved,
    Trial(scrip_engine::Trial),
    Locked,
}

impl Verdict {
    pub(super) fn trial(&self) -> Option<scrip_engine::Trial> {
        match self {
            Verdict::Trial(trial) => Some(trial.clone()),
            Verdict::Included | Verdict::Unapproved | Verdict::Locked => None,
        }
    }
}

impl Model {
    pub(super) fn decide_run(&mut self, by: By, command: &RunCommand) -> Answer {
        match command {
            RunCommand::Create { model, params, quote, metadata, .. } => {
                self.may(by, Need::RunModel(model))?;
                if metadata.len() > 50 {
                    return Err("INVALID_REQUEST");
                }
                let answer = self.create_run(model, params, quote.as_ref());
                self.spend(by, model, params, answer)
            }
            RunCommand::Start { run, attempt } => {
                self.may(by, Need::Operator)?;
                self.start_run(*run, *attempt)
            }
            RunCommand::Settle { run, attempt, outcome } => {
                self.may(by, Need::Operator)?;
                let before = self.captured_units();
                self.settle_run(*run, *attempt, outcome)?;
                self.close_spending(self.captured_units() - before);
                Ok(())
            }
            RunCommand::Cancel { run } => {
                let open = self.open.iter().find(|open| open.n == *run).and_then(|open| open.model.clone());
                self.may(by, open.as_deref().map_or(Need::RunAny, Need::RunModel))?;
                let before = self.captured_units();
                self.cancel_run(*run)?;
                self.close_spending(self.captured_units() - before);
                Ok(())
            }
        }
    }

    /// Returns the units that were ever captured.
    pub(super) fn captured_units(&self) -> i64 {
        self.lots.iter().map(|lot| lot.captured).sum()
    }

    /// Returns the catalogs that judge a model: those of the workspace that know it, else the newest.
    pub fn judges(&self, id: &str) -> Vec<Arc<Catalog>> {
        let knows = |catalog: &Arc<Catalog>| catalog.models.iter().any(|model| *model.id == *id);
        let known: Vec<_> = self.editions().into_iter().filter(knows).collect();
        let newest =
            || [self.menu()].into_iter().filter(|menu| find_plan(menu, &self.rights_in(&self.catalog())).is_some());
        if known.is_empty() { newest().collect() } else { known }
    }

    pub fn create_run(&mut self, id: &str, asked: &Params, quote: Option<&CitedQuote>) -> Answer {
        let mut open = self.accept(id, asked, quote, true)?;
        let catalog = self.menu();
        let model = catalog.models.iter().find(|model| *model.id == *id).expect("it was accepted");
        open.expires = later(self.now, model.timeout);
        open.cancel = model.cancel;
        open.run = Some((0, None));
        self.begin(open);
        Ok(())
    }

    /// Returns the price of a model in a version, and the asked quantity there, if the version has the model and
    /// takes the parameters.
    fn costs(&self, catalog: &Catalog, id: &str, asked: &Params) -> Option<(i64, u64, u64)> {
        let model = catalog.models.iter().find(|model| *model.id == *id)?;
        let filled = quote::fill_in(model, asked)?;
        let asked = quote::asked_quantity(model, &filled);
        Some((quote::price(model, &filled)?, asked, fingerprint(&model.id, &filled)))
    }

    /// Checks every gate in the order of the design's section 4, then draws from the lots.
    pub(super) fn accept(
        &mut self,
        id: &str,
        asked: &Params,
        quote: Option<&CitedQuote>,
        is_run: bool,
    ) -> Result<Open, No> {
        let menu = self.menu();
        let model = menu.models.iter().find(|model| *model.id == *id).ok_or("INVALID_REQUEST")?;
        let filled = quote::fill_in(model, asked).ok_or("INVALID_REQUEST")?;
        let (mut credits, mut much, _) = self.costs(&menu, id, &filled).ok_or("INVALID_REQUEST")?;
        if let (Some(_), Some(notice)) = (self.paid, self.notice()) {
            let then = self.in_force(earlier(self.now, notice)).1;
            if let Some((old, asked, _)) = self.costs(&then, id, &filled).filter(|(old, ..)| *old < credits) {
                (credits, much) = (old, asked);
            }
        }
        if let Some(quote) = quote {
            if quote.expires_at.micros() <= self.now {
                return Err("QUOTE_EXPIRED");
            }
            let cited = self.catalogs.get(quote.catalog).and_then(|cited| self.costs(&cited.catalog, id, &filled));
            let cited = cited.filter(|(.., fingerprint)| *fingerprint == quote.fingerprint);
            (credits, much, _) = cited.ok_or("QUOTE_MISMATCH")?;
        }
        self.not_frozen()?;
        let trial = self.gates(model, &filled)?;
        let mut open = Open {
            n: self.next_hold,
            unit: model.unit,
            amount: credits,
            parts: Vec::new(),
            opened: self.now,
            expires: 0,
            asked: much,
            run: None,
            cancel: CancelRule::Full,
            trial: None,
            model: Some(id.to_owned()),
            plan: self.plan.clone(),
            day: None,
            tries: None,
        };
        let mut until = None;
        if let Some(trial) = &trial {
            until = self.try_out(&mut open, trial)?;
        }
        let working = self.open.iter().filter(|hold| hold.model.is_some()).count();
        if self.widest(|plan| plan.concurrency).is_some_and(|most| working >= most as usize) {
            return Err("CONCURRENCY_LIMITED");
        }
        let full = |most: u32| self.stored >= u64::from(most) * 1_000_000_000;
        if is_run && self.widest(|plan| plan.storage_gb).is_some_and(full) {
            return Err("STORAGE_FULL");
        }
        if trial.is_none() {
            let today = self.now.div_euclid(DAY);
            let judges = self.judges(id);
            let plans =
                judges.iter().map(|catalog| find_plan(catalog, &self.rights_in(catalog)).expect("it has the plan"));
            let limits = plans.map(|plan| plan.limited.iter().find(|limited| limited.model == model.id));
            let limits: Option<Vec<u32>> = limits.map(|limited| Some(limited?.runs_per_day)).collect();
            if let Some(most) = limits.and_then(|limits| limits.into_iter().max()) {
                let runs = self.limited.get(id).filter(|(day, _)| *day == today).map_or(0, |(_, runs)| *runs);
                if runs >= most {
                    return Err("ALLOWANCE_EXHAUSTED");
                }
                open.day = Some(today);
            }
            let short = if model.unit == Unit::Credits { "INSUFFICIENT_CREDITS" } else { "ALLOWANCE_EXHAUSTED" };
            open.parts = self.draw(model.unit, Some(id), credits).ok_or(short)?;
        }
        if let Some(until) = until {
            self.open_window(id, until);
        }
        Ok(open)
    }

    /// Checks the plan's gates, whatever the balance, and returns the trial that lets the run in.
    fn gates(&self, model: &scrip_engine::Model, filled: &Params) -> Result<Option<scrip_engine::Trial>, No> {
        let judges = self.judges(&model.id);
        let mut verdicts: Vec<Verdict> = Vec::new();
        for catalog in &judges {
            let plan = find_plan(catalog, &self.rights_in(catalog)).expect("the plan is in its catalog");
            let known = catalog.models.iter().find(|known| known.id == model.id).expect("it judges what it knows");
            let own = *plan.id == *self.plan;
            let trial = plan.trials.iter().find(|trial| own && trial.model == model.id);
            verdicts.push(if known.plans.is_empty() || known.plans.contains(&plan.id) {
                let unapproved = plan.requires.iter().any(|review| !self.approvals.contains(&**review));
                if unapproved && !known.plans.is_empty() { Verdict::Unapproved } else { Verdict::Included }
            } else {
                trial.map_or(Verdict::Locked, |trial| Verdict::Trial(trial.clone()))
            });
        }
        if verdicts.iter().all(|verdict| matches!(verdict, Verdict::Locked)) {
            return Err("MODEL_TIER_REQUIRED");
        }
        for (name, value) in filled {
            let takes = |catalog: &std::sync::Arc<Catalog>| {
                let known = catalog.models.iter().find(|known| known.id == model.id)?;
                let param = known.params.get(name)?.clone();
                quote::takes(&param, value).then_some((catalog.clone(), param))
            };
            let mut known: Vec<_> = self.editions().iter().filter_map(takes).collect();
            if known.is_empty() {
                known = [self.menu()]
                    .iter()
                    .filter(|menu| find_plan(menu, &self.rights_in(&self.catalog())).is_some())
                    .filter_map(takes)
                    .collect();
            }
            let reached = known.iter().any(|(catalog, param)| {
                let plan = find_plan(catalog, &self.rights_in(catalog)).expect("the plan is in its catalog");
                let height =
                    |level: &str| catalog.levels.iter().position(|known| **known == *level).expect("a known level");
                let needed = needs(param, value);
                plan.level.as_ref().is_none_or(|own| needed.iter().all(|needed| height(needed) <= height(own)))
            });
            if !reached {
                return Err("FEATURE_NOT_IN_PLAN");
            }
        }
        let included = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Included));
        let trials: Vec<scrip_engine::Trial> = verdicts.iter().filter_map(Verdict::trial).collect();
        // Of two trials the one that still lets the run in counts.
        let tried = trials.iter().find(|trial| self.may_try(trial)).or(trials.first()).cloned();
        let trial = if included { None } else { tried };
        let can_try = trial.as_ref().is_some_and(|trial| self.may_try(trial));
        if !included && !can_try && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Unapproved)) {
            return Err("REVIEW_REQUIRED");
        }
        let images = match filled.get("images") {
            Some(scrip_engine::Value::Integer(images)) => *images,
            _ => 1,
        };
        if self.widest(|plan| plan.batch).is_some_and(|batch| images > i64::from(batch)) {
            return Err("BATCH_LIMIT_EXCEEDED");
        }
        if self.open.len() >= 1_024 {
            return Err("LIMIT_EXCEEDED");
        }
        Ok(trial)
    }

    fn open_window(&mut self, id: &str, until: i64) {
        let own = |opening: &&mut Opening| opening.plan == self.plan && opening.model == id;
        match self.openings.iter_mut().find(own) {
            Some(opening) => opening.until = Some(until),
            None => self.openings.push(Opening {
                plan: self.plan.clone(),
                model: id.to_owned(),
                until: Some(until),
                succeeded: false,
                withdrawn: 0,
            }),
        }
    }

    /// Returns the number of free runs of a model that are left: of those the terms allow, without those that are
    /// used (R33).
    fn tries_left(&self, model: &str, allowed: i64) -> i64 {
        let source = format!("trial:{}:{model}", self.plan);
        let lots: Vec<_> = self.lots.iter().filter(|lot| lot.source == source && !lot.forgotten).collect();
        if lots.is_empty() && self.sources.contains(&source) {
            return 0;
        }
        let granted: i64 = lots.iter().filter(|lot| lot.kind == GrantKind::Trial).map(|lot| lot.granted).sum();
        lots.iter().map(|lot| lot.available).sum::<i64>() + allowed - granted
    }

    fn may_try(&self, trial: &scrip_engine::Trial) -> bool {
        let opening = self.openings.iter().find(|known| known.plan == self.plan && *known.model == *trial.model);
        let until = opening.and_then(|opening| opening.until);
        let source = format!("trial:{}:{}", self.plan, trial.model);
        let used = self.lots.iter().any(|lot| lot.source == source && lot.held + lot.captured > 0);
        self.lifetime_allowed
            && match trial.runs {
                Some(runs) => until.is_none() && self.tries_left(&trial.model, runs.get()) > 0,
                None => until.map_or(!used, |until| until > self.now),
            }
    }

    /// Makes a run a trial's, and returns the end of the window that it opens.
    fn try_out(&mut self, open: &mut Open, trial: &scrip_engine::Trial) -> Result<Option<i64>, No> {
        if !self.may_try(trial) {
            return Err("TRIAL_EXHAUSTED");
        }
        if let Some(runs) = trial.runs {
            let source = format!("trial:{}:{}", self.plan, trial.model);
            let left = |model: &Model| {
                model.lots.iter().find(|lot| lot.source == source && lot.available > 0).map(|lot| lot.n)
            };
            (open.unit, open.amount, open.trial) = (Unit::Runs, 1, Some(Trial::Count));
            open.tries = if left(self).is_some() { None } else { Some((source.clone(), runs.get())) };
            open.parts = left(self).map(|n| (n, 1)).into_iter().collect();
            return Ok(None);
        }
        open.amount = 0;
        open.trial = Some(Trial::Window);
        let opening = self.openings.iter().find(|known| known.plan == self.plan && *known.model == *trial.model);
        match opening.and_then(|opening| opening.until) {
            Some(_) => Ok(None),
            None => Ok(Some(later(self.now, trial.window.expect("a trial of runs or of time")))),
        }
    }

    /// Returns the time for which a higher rate does not bind a paid period: the longest that any of its catalogs
    /// promises.
    fn notice(&self) -> Option<Span> {
        let catalogs = self.editions().into_iter().chain([self.menu()]);
        catalogs.filter_map(|catalog| catalog.rate_notice).min_by_key(|notice| earlier(self.now, *notice))
    }

    pub fn start_run(&mut self, run: u32, attempt: u32) -> Answer {
        self.find(run, true)?;
        let now = self.now;
        let open = self.open.iter_mut().find(|open| open.n == run).expect("it was found");
        let (last, started) = open.run.expect("it is a run");
        if attempt != last + 1 {
            return Err("SUPERSEDED");
        }
        open.run = Some((attempt, started.or(Some(now))));
        self.happened = true;
        Ok(())
    }

    pub fn settle_run(&mut self, run: u32, attempt: Option<u32>, outcome: &Outcome) -> Answer {
        let open = match self.find(run, true) {
            Err("HOLD_ENDED") => {
                self.happened = true;
                return Ok(());
            }
            found => found?,
        };
        let (current, _) = open.run.expect("it is a run");
        if attempt.is_some_and(|attempt| attempt != current) {
            return Err("SUPERSEDED");
        }
        match outcome {
            Outcome::Delivered { delivered, outputs } if *delivered > 0 => {
                let part = i128::from((*delivered).min(open.asked));
                let share = (i128::from(open.amount) * part + i128::from(open.asked) - 1) / i128::from(open.asked);
                let share = i64::try_from(share).expect("a share of an amount");
                let captured = if open.trial.is_some() { open.amount } else { share };
                self.stored += outputs.iter().map(|output| output.bytes).sum::<u64>();
                self.end(&open, captured, true, self.now);
            }
            _ => self.end(&open, 0, false, self.now),
        }
        Ok(())
    }

    pub fn cancel_run(&mut self, run: u32) -> Answer {
        let open = self.find(run, true)?;
        let (_, started) = open.run.expect("it is a run");
        let captured = match (started, open.cancel) {
            (None, _) | (_, CancelRule::Full) => 0,
            (Some(_), CancelRule::None) => open.amount,
            (Some(started), CancelRule::Elapsed) => {
                let (passed, whole) = (i128::from(self.now - started), i128::from(open.expires - started));
                let share = (i128::from(open.amount) * passed + whole - 1) / whole;
                i64::try_from(share).expect("a share of an amount")
            }
        };
        self.end(&open, captured, false, self.now);
        Ok(())
    }
}

/// Returns the levels that a value needs: of the whole parameter unless it is the default, and its own.
fn needs(param: &Param, value: &Value) -> Vec<String> {
    let mut needed = Vec::new();
    let (level, is_default) = match (param, value) {
        (Param::Integer { level, default, levels, .. }, Value::Integer(number)) => {
            needed.extend(levels.iter().filter(|bound| bound.above < *number).map(|bound| bound.level.to_string()));
            (level, *default == Some(*number))
        }
        (Param::Choice { level, default, levels, .. }, Value::Text(word)) => {
            needed.extend(levels.iter().filter(|(of, _)| ***of == **word).map(|(_, level)| level.to_string()));
            (level, default.as_ref().is_some_and(|default| **default == **word))
        }
        (Param::Boolean { level, default }, Value::Boolean(yes)) => (level, yes == default),
        (Param::Text { level, required, .. }, Value::Text(text)) => (level, text.is_empty() && !required),
        (Param::List { level, min, levels, .. }, Value::List(entries)) => {
            let many = entries.len() as i64;
            needed.extend(levels.iter().filter(|bound| bound.above < many).map(|bound| bound.level.to_string()));
            (level, entries.is_empty() && *min == 0)
        }
        _ => panic!("{value:?} was filled in for {param:?}"),
    };
    needed.extend(level.iter().filter(|_| !is_default).map(ToString::to_string));
    needed
}
