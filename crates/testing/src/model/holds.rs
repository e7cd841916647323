//! Holds, written down once more: what is drawn from lots, and how a hold ends.

use super::grants::Born;
use super::{Answer, MOST, Model, NEVER, No, SECOND, good_name};
use scrip_engine::{Amount, Ask, CancelRule, GrantKind, HoldCommand, Unit};

/// An open run or hold.
#[derive(Clone, Debug)]
pub struct Open {
    pub n: u32,
    pub unit: Unit,
    pub amount: i64,
    pub parts: Vec<(u32, i64)>,
    pub opened: i64,
    pub expires: i64,
    pub asked: u64,
    /// Attempt and start of a run; `None` for a caller's hold.
    pub run: Option<(u32, Option<i64>)>,
    pub cancel: CancelRule,
    pub trial: Option<Trial>,
    pub model: Option<String>,
    pub plan: String,
    pub day: Option<i64>,
    /// Free runs to be granted first: their source, and the number that the terms allow.
    pub tries: Option<(String, i64)>,
}

/// Trial that a run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    Count,
    Window,
}

/// An opened window of a time trial.
#[derive(Clone, Debug)]
pub struct Opening {
    pub plan: String,
    pub model: String,
    pub until: Option<i64>,
    pub succeeded: bool,
    pub withdrawn: u32,
}

impl Model {
    pub(super) fn decide_hold(&mut self, command: &HoldCommand) -> Answer {
        match command {
            HoldCommand::Open { ask, reference, seconds, .. } => self.open_hold(ask, reference, *seconds),
            HoldCommand::Capture { hold, amount } => self.capture(*hold, amount.map(Amount::get)),
            HoldCommand::Release { hold } => self.release(*hold),
            HoldCommand::Extend { hold, seconds } => self.extend(*hold, *seconds),
        }
    }

    /// Returns the units that can be spent on a model, or on anything.
    pub fn available(&self, unit: Unit, model: Option<&str>, at: i64) -> i64 {
        let usable = self.lots.iter().filter(|lot| lot.unit == unit && !lot.dead(at) && pays(&lot.models, model));
        usable.map(|lot| lot.available).sum()
    }

    /// Returns the units of one kind under open holds.
    pub fn held_units(&self, unit: Unit) -> i64 {
        self.open.iter().filter(|hold| hold.unit == unit).map(|hold| hold.amount).sum()
    }

    /// Draws greedily in draw order: rank, soonest end, oldest (R5).
    pub(super) fn draw(&self, unit: Unit, model: Option<&str>, amount: i64) -> Option<Vec<(u32, i64)>> {
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

    /// Takes the parts from their lots and opens the hold.
    pub(super) fn begin(&mut self, mut open: Open) {
        let now = self.now;
        if let Some((source, runs)) = open.tries.take() {
            let model = open.model.clone().expect("a trial is of a model");
            let granted: i64 = self
                .lots
                .iter()
                .filter(|lot| lot.source == source && lot.kind == GrantKind::Trial)
                .map(|lot| lot.granted)
                .sum();
            let n = self.issue(Born {
                kind: GrantKind::Trial,
                code: "trial".to_owned(),
                unit: Unit::Runs,
                amount: runs - granted,
                models: vec![model],
                source,
                ends: None,
                at: now,
                root: None,
                rank: None,
            });
            open.parts = vec![(n, 1)];
        }
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

    /// Ends a hold: the first parts are spent; the rest goes back to its lot, to that lot's debt, or is lost with it.
    pub fn end(&mut self, hold: &Open, captured: i64, usable: bool, at: i64) {
        self.happened = true;
        self.open.retain(|open| open.n != hold.n);
        let (mut spend, mut lost) = (captured, Vec::new());
        for (n, amount) in &hold.parts {
            let spent = spend.min(*amount);
            spend -= spent;
            let back = amount - spent;
            let owed = self.owed_units(self.lot(*n).root.unwrap_or(*n)).min(back);
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
            let dead_by_itself = lot.bridged.is_some_and(|own| own <= at && hold.opened < own);
            if lot.dead(at) || dead_by_itself {
                lot.expired += back - owed;
                lost.push((*n, back - owed));
            } else {
                lot.available += back - owed;
            }
        }
        assert_eq!(spend, 0, "no more is captured than held");
        for (n, amount) in lost {
            // One grace, from the day of the first lot: units that came back once, or were reinstated after they had
            // come back, have had it.
            let lot = self.lot(n);
            let had_it = lot.kind == GrantKind::Returned
                || lot.root.is_some_and(|root| self.lot(root).kind == GrantKind::Returned);
            let until = self.longest(lot.own().expect("a dead lot has an end"), |catalog| catalog.release_grace);
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

    pub(super) fn find(&self, n: u32, is_run: bool) -> Result<Open, No> {
        match self.open.iter().find(|open| open.n == n) {
            Some(open) if open.run.is_some() == is_run => Ok(open.clone()),
            None if n > 0 && n < self.next_hold => Err("HOLD_ENDED"),
            _ => Err("NOT_FOUND"),
        }
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
                    opened: self.now,
                    expires: 0,
                    asked: 1,
                    run: None,
                    cancel: CancelRule::Full,
                    trial: None,
                    model: None,
                    plan: self.plan.clone(),
                    day: None,
                    tries: None,
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
