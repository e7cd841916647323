//! Runs and holds: who may, what from, and how they end.

use super::civil::DAY;
use super::money::Born;
use super::{Answer, MOST, Model, NEVER, No, Open, Opening, Trial, find_plan, good_name, later, price};
use scrip_engine::{Ask, CancelRule, CitedQuote, GrantKind, Outcome, Param, Params, Unit, Value, fingerprint};

const SECOND: i64 = 1_000_000;

impl Model {
    /// What can be spent: of a unit, on a model or on anything.
    pub fn available(&self, unit: Unit, model: Option<&str>, at: i64) -> i64 {
        let usable = self.lots.iter().filter(|lot| lot.unit == unit && !lot.dead(at) && pays(&lot.models, model));
        usable.map(|lot| lot.available).sum()
    }

    /// What open holds hold of a unit.
    pub fn held(&self, unit: Unit) -> i64 {
        self.open.iter().filter(|hold| hold.unit == unit).map(|hold| hold.amount).sum()
    }

    /// Greedy in draw order: rank, soonest end, oldest (R5).
    fn draw(&self, unit: Unit, model: Option<&str>, amount: i64) -> Option<Vec<(u32, i64)>> {
        let mut lots: Vec<_> = self
            .lots
            .iter()
            .filter(|lot| lot.unit == unit && lot.available > 0 && !lot.dead(self.now) && pays(&lot.models, model))
            .collect();
        lots.sort_by_key(|lot| (lot.rank, lot.ends.unwrap_or(NEVER), lot.starts, lot.n));
        let (mut missing, mut parts) = (amount, Vec::new());
        for lot in lots {
            if missing > 0 {
                parts.push((lot.n, missing.min(lot.available)));
                missing -= missing.min(lot.available);
            }
        }
        (missing == 0).then_some(parts)
    }

    pub fn create_run(&mut self, id: &str, asked: &Params, quote: Option<&CitedQuote>) -> Answer {
        let mut open = self.accept(id, asked, quote, true)?;
        let catalog = self.priced_in(id, quote);
        let model = catalog.models.iter().find(|model| *model.id == *id).expect("it was accepted");
        open.expires = later(self.now, model.timeout);
        open.cancel = model.cancel;
        open.run = Some((0, None));
        self.begin(open);
        Ok(())
    }

    fn priced_in(&self, id: &str, quote: Option<&CitedQuote>) -> std::sync::Arc<scrip_engine::Catalog> {
        let cited = quote.filter(|quote| self.now < quote.expires_at.micros());
        let cited = cited.and_then(|quote| self.catalogs.get(quote.catalog)).map(|published| &published.catalog);
        let has =
            |catalog: &&std::sync::Arc<scrip_engine::Catalog>| catalog.models.iter().any(|model| *model.id == *id);
        cited.filter(has).cloned().unwrap_or_else(|| self.catalog())
    }

    /// Every gate in the order of the design's section 4, then the lots.
    fn accept(&mut self, id: &str, asked: &Params, quote: Option<&CitedQuote>, is_run: bool) -> Result<Open, No> {
        let priced = self.priced_in(id, quote);
        let model = priced.models.iter().find(|model| *model.id == *id).ok_or("INVALID_REQUEST")?;
        let filled = price::fill_in(model, asked).ok_or("INVALID_REQUEST")?;
        let credits = price::price(model, &filled).ok_or("INVALID_REQUEST")?;
        if let Some(quote) = quote {
            if quote.expires_at.micros() <= self.now {
                return Err("QUOTE_EXPIRED");
            }
            if quote.fingerprint != fingerprint(&model.id, &filled) {
                return Err("QUOTE_MISMATCH");
            }
        }
        self.not_frozen()?;
        let catalog = self.catalog();
        let plan = find_plan(&catalog, &self.plan).expect("the plan is in its catalog");
        let trial = self.gates(model, &filled)?;
        let mut open = Open {
            n: self.next_hold,
            unit: model.unit,
            amount: credits,
            parts: Vec::new(),
            expires: 0,
            asked: price::asked(model, &filled),
            run: None,
            cancel: CancelRule::Full,
            trial: None,
            model: Some(id.to_owned()),
            plan: self.plan.clone(),
            day: None,
        };
        let mut until = None;
        if let Some(trial) = &trial {
            until = self.try_out(&mut open, trial)?;
        }
        let working = self.open.iter().filter(|hold| hold.model.is_some()).count();
        if plan.concurrency.is_some_and(|most| working >= most as usize) {
            return Err("CONCURRENCY_LIMITED");
        }
        if is_run && plan.storage_gb.is_some_and(|most| self.stored >= u64::from(most) * 1_000_000_000) {
            return Err("STORAGE_FULL");
        }
        if trial.is_none() {
            let today = self.now.div_euclid(DAY);
            if let Some(limited) = plan.limited.iter().find(|limited| limited.model == model.id) {
                let runs = self.limited.get(id).filter(|(day, _)| *day == today).map_or(0, |(_, runs)| *runs);
                if runs >= limited.runs_per_day {
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

    /// What the plan lets in, whatever the balance; the trial that stands in for it.
    fn gates(&self, model: &scrip_engine::Model, filled: &Params) -> Result<Option<scrip_engine::Trial>, No> {
        let catalog = self.catalog();
        let plan = find_plan(&catalog, &self.plan).expect("the plan is in its catalog");
        let included = model.plans.is_empty() || model.plans.contains(&plan.id);
        let trial = if included { None } else { plan.trials.iter().find(|trial| trial.model == model.id).cloned() };
        if !included && trial.is_none() {
            return Err("MODEL_TIER_REQUIRED");
        }
        let height = |level: &str| catalog.levels.iter().position(|known| **known == *level).expect("a known level");
        for (name, param) in &model.params {
            let needed = needs(param, &filled[name]);
            if plan.level.as_ref().is_some_and(|own| needed.iter().any(|needed| height(needed) > height(own))) {
                return Err("FEATURE_NOT_IN_PLAN");
            }
        }
        let unapproved = plan.requires.iter().any(|review| !self.approvals.contains(&**review));
        if unapproved && included && !model.plans.is_empty() {
            return Err("REVIEW_REQUIRED");
        }
        let images = match filled.get("images") {
            Some(scrip_engine::Value::Integer(images)) => *images,
            _ => 1,
        };
        if plan.batch.is_some_and(|batch| images > i64::from(batch)) {
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

    /// Makes a run a trial's, and says until when the window is open that it opens.
    fn try_out(&self, open: &mut Open, trial: &scrip_engine::Trial) -> Result<Option<i64>, No> {
        if trial.runs.is_some() {
            let source = format!("trial:{}:{}", self.plan, trial.model);
            let lot = self.lots.iter().find(|lot| lot.source == source && lot.available > 0);
            let lot = lot.ok_or("TRIAL_EXHAUSTED")?;
            (open.unit, open.amount, open.parts) = (Unit::Runs, 1, vec![(lot.n, 1)]);
            open.trial = Some(Trial::Count);
            return Ok(None);
        }
        open.amount = 0;
        open.trial = Some(Trial::Window);
        let opening = self.openings.iter().find(|known| known.plan == self.plan && *known.model == *trial.model);
        match opening.and_then(|opening| opening.until) {
            Some(until) if until <= self.now => Err("TRIAL_EXHAUSTED"),
            Some(_) => Ok(None),
            None => Ok(Some(later(self.now, trial.window.expect("a trial of runs or of time")))),
        }
    }

    fn not_frozen(&self) -> Answer {
        if self.frozen.is_some() || !self.disputes.is_empty() { Err("WORKSPACE_FROZEN") } else { Ok(()) }
    }

    /// Takes the parts from their lots and opens the hold.
    fn begin(&mut self, open: Open) {
        let now = self.now;
        for (n, amount) in &open.parts {
            let lot = self.lot_mut(*n);
            lot.available -= amount;
            lot.held += amount;
            lot.touched = now;
        }
        if let (Some(day), Some(model)) = (open.day, &open.model) {
            let counted = self.limited.entry(model.clone()).or_insert((day, 0));
            *counted = if counted.0 == day { (day, counted.1 + 1) } else { (day, 1) };
        }
        self.next_hold += 1;
        self.open.push(open);
        self.happened = true;
    }

    /// Ends a hold: the first taken are spent, the rest goes back to its lot, to what that owes, or is lost with it.
    pub fn end(&mut self, hold: &Open, captured: i64, usable: bool, at: i64) {
        self.happened = true;
        self.open.retain(|open| open.n != hold.n);
        let (mut spend, mut lost) = (captured, Vec::new());
        for (n, amount) in &hold.parts {
            let spent = spend.min(*amount);
            spend -= spent;
            let back = amount - spent;
            let owed = self.owed(self.lot(*n).root.unwrap_or(*n)).min(back);
            let lot = self.lot_mut(*n);
            lot.held -= amount;
            lot.captured += spent;
            lot.touched = at;
            if lot.voided {
                lot.revoked += back;
                lot.taken_by_void += back - owed;
                continue;
            }
            lot.revoked += owed;
            if lot.dead(at) {
                lot.expired += back - owed;
                lost.push((*n, back - owed));
            } else {
                lot.available += back - owed;
            }
        }
        assert_eq!(spend, 0, "no more is captured than held");
        let grace = self.catalog().release_grace;
        for (n, amount) in lost {
            // One grace, from the day of what was given first: a lot that came back, or was given again for one that
            // did, has had it.
            let lot = self.lot(n);
            let had_it = lot.kind == GrantKind::Returned
                || lot.root.is_some_and(|root| self.lot(root).kind == GrantKind::Returned);
            let until = later(lot.ends.expect("a dead lot has an end"), grace);
            if amount > 0 && !had_it && at < until {
                self.lot_mut(n).passed_on += amount;
                let lot = self.lot(n).clone();
                self.issue(Born {
                    kind: GrantKind::Returned,
                    code: lot.code,
                    unit: lot.unit,
                    amount,
                    models: lot.models,
                    source: lot.source,
                    ends: Some(until),
                    at,
                    root: None,
                    rank: None,
                });
            }
        }
        let Some(model) = &hold.model else { return };
        if hold.trial == Some(Trial::Window) {
            let others = self
                .open
                .iter()
                .any(|open| open.trial == Some(Trial::Window) && open.plan == hold.plan && open.model == hold.model);
            let own = self.openings.iter_mut().find(|opening| opening.plan == hold.plan && opening.model == *model);
            let opening = own.expect("a run in a window has one");
            opening.succeeded |= usable;
            if !opening.succeeded && !others && opening.withdrawn < 3 {
                opening.until = None;
                opening.withdrawn += 1;
            }
        }
        if let (Some(day), false, Some(counted)) = (hold.day, usable, self.limited.get_mut(model))
            && counted.0 == day
        {
            counted.1 -= 1;
        }
    }

    fn find(&self, n: u32, is_run: bool) -> Result<Open, No> {
        match self.open.iter().find(|open| open.n == n) {
            Some(open) if open.run.is_some() == is_run => Ok(open.clone()),
            None if n > 0 && n < self.next_hold => Err("HOLD_ENDED"),
            _ => Err("NOT_FOUND"),
        }
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

    pub fn open_hold(&mut self, ask: &Ask, reference: &str, seconds: Option<i64>) -> Answer {
        good_name(reference)?;
        let seconds = seconds.unwrap_or(3_600);
        if !(1..=30 * 86_400).contains(&seconds) {
            return Err("INVALID_REQUEST");
        }
        let mut open = match ask {
            Ask::Model(model, params) => self.accept(model, params, None, false)?,
            Ask::Credits(amount) => {
                if !(1..=MOST).contains(&amount.get()) {
                    return Err("INVALID_REQUEST");
                }
                self.not_frozen()?;
                if self.open.len() >= 1_024 {
                    return Err("LIMIT_EXCEEDED");
                }
                let parts = self.draw(Unit::Credits, None, amount.get()).ok_or("INSUFFICIENT_CREDITS")?;
                Open {
                    n: self.next_hold,
                    unit: Unit::Credits,
                    amount: amount.get(),
                    parts,
                    expires: 0,
                    asked: 1,
                    run: None,
                    cancel: CancelRule::Full,
                    trial: None,
                    model: None,
                    plan: self.plan.clone(),
                    day: None,
                }
            }
        };
        open.expires = (self.now + seconds * SECOND).min(NEVER);
        self.begin(open);
        Ok(())
    }

    pub fn capture(&mut self, hold: u32, amount: Option<i64>) -> Answer {
        let open = self.find(hold, false)?;
        let amount = amount.unwrap_or(open.amount);
        if amount > open.amount {
            return Err("INVALID_REQUEST");
        }
        self.end(&open, amount, amount > 0 || open.amount == 0, self.now);
        Ok(())
    }

    pub fn release(&mut self, hold: u32) -> Answer {
        let open = self.find(hold, false)?;
        self.end(&open, 0, false, self.now);
        Ok(())
    }

    pub fn extend(&mut self, hold: u32, seconds: i64) -> Answer {
        if !(1..=30 * 86_400).contains(&seconds) {
            return Err("INVALID_REQUEST");
        }
        let until = (self.now + seconds * SECOND).min(NEVER);
        let current = self.find(hold, false)?.expires;
        if until > current {
            self.open.iter_mut().find(|open| open.n == hold).expect("it was found").expires = until;
            self.happened = true;
        }
        Ok(())
    }
}

fn pays(models: &[String], model: Option<&str>) -> bool {
    models.is_empty() || model.is_some_and(|model| models.iter().any(|known| known == model))
}

/// The levels that a value needs: of the whole parameter unless it is the default, and its own.
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
