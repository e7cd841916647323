//! Decisions about holds of products that execute their work themselves, and about the end of any hold.

use crate::apply::bounds::{limit, name_is_good};
use crate::apply::step::Step;
use crate::catalog::{GrantKind, Params};
use crate::event::{DatedEvent, Event};
use crate::grants::{GrantEvent, draw_order};
use crate::holds::{Ask, Hold, HoldCommand, HoldEvent, Purpose, TrialUse};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::limits::{HOLD_SECONDS_DEFAULT, HOLD_SECONDS_MAX, HOLDS_MAX, OPERATION_MAX, WINDOW_WITHDRAWALS_MAX};
use crate::kernel::time::Timestamp;
use crate::refusal::{Ending, Refusal};
use crate::runs::RunEvent;
use crate::team::Spender;
use crate::team::rights::{Need, judge_spender};

/// Checks a hold on its own, whatever the workspace: the caller's name for it, and its lifetime.
///
/// # Errors
/// An invalid request that points at `/reference` or `/seconds`.
pub fn hold_is_good(reference: &str, seconds: Option<i64>) -> Result<(), Refusal> {
    name_is_good("/reference", reference)?;
    seconds.map_or(Ok(()), seconds_are_good)
}

/// Decides a command about a caller's hold.
pub(crate) fn decide(step: &mut Step<'_>, command: &HoldCommand) -> Result<(), Refusal> {
    match command {
        HoldCommand::Open { ask, reference, seconds, off, behalf } => {
            step.off = off.clone();
            step.behalf = *behalf;
            step.open_hold(ask, reference, *seconds)
        }
        HoldCommand::Capture { hold, amount } => step.capture_hold(*hold, *amount),
        HoldCommand::Release { hold } => step.release_hold(*hold),
        HoldCommand::Extend { hold, seconds } => step.extend_hold(*hold, *seconds),
    }
}

/// Returns the right that a caller needs for a command about a hold.
pub(crate) const fn need(command: &HoldCommand) -> Need<'static> {
    match command {
        HoldCommand::Open { .. }
        | HoldCommand::Capture { .. }
        | HoldCommand::Release { .. }
        | HoldCommand::Extend { .. } => Need::Operator,
    }
}

impl Step<'_> {
    fn open_hold(&mut self, ask: &Ask, reference: &str, seconds: Option<i64>) -> Result<(), Refusal> {
        if let Some(behalf) = self.behalf {
            self.behalf = Some(self.stands_for(behalf, ask)?);
        }
        hold_is_good(reference, seconds)?;
        let seconds = seconds.unwrap_or(HOLD_SECONDS_DEFAULT);
        let expires_at = self.at.after_seconds(seconds);
        match ask {
            Ask::Credits(amount) => self.hold_credits(*amount, reference, expires_at),
            Ask::Model(model, params) => self.hold_model(model, params, reference, expires_at),
        }
    }

    /// Returns the member or key that a hold is for, with the key's owner, judged as if they asked themselves (R26,
    /// R30).
    fn stands_for(&self, behalf: Spender, ask: &Ask) -> Result<Spender, Refusal> {
        let team = &self.workspace.team;
        let wrong = |member: &str, detail: &str| Err(Refusal::invalid(format!("/on_behalf_of/{member}"), detail));
        if behalf.member.is_some_and(|user| team.member(user).is_none()) {
            return wrong("member", "there is no such member");
        }
        let spender = match behalf.key.map(|n| team.key(n)) {
            None => behalf,
            Some(None) => return wrong("key", "there is no such key"),
            Some(Some(key)) if behalf.member.is_some() && key.owner != behalf.member => {
                return wrong("key", "is not a key of this member");
            }
            Some(Some(key)) => Spender { member: key.owner, ..behalf },
        };
        let need = match ask {
            Ask::Credits(_) => Need::RunAny,
            Ask::Model(model, _) => Need::RunModel(model),
        };
        judge_spender(&self.workspace, &self.plan(), spender, need, self.at)?;
        Ok(spender)
    }

    fn hold_credits(&mut self, amount: Amount, reference: &str, expires_at: Timestamp) -> Result<(), Refusal> {
        if amount.is_zero() || amount.get() > OPERATION_MAX {
            return Err(Refusal::invalid("/credits", format!("must be 1 to {OPERATION_MAX}")));
        }
        self.not_frozen()?;
        limit("open holds", HOLDS_MAX, self.workspace.holds.len())?;
        self.caps_leave(amount)?;
        let Some(parts) = draw_order::draw(&self.workspace, Unit::Credits, None, amount, self.at) else {
            let available = self.workspace.available(Unit::Credits, None, self.at);
            let held = self.workspace.units_held(Unit::Credits);
            let options = crate::runs::ways_out::more_credits(&self.workspace, &self.terms(), None, amount, self.at);
            return Err(Refusal::InsufficientCredits {
                required: amount,
                available,
                held,
                retryable: available + held >= amount,
                options,
            });
        };
        self.emit(HoldEvent::HoldOpened {
            hold: self.workspace.next_hold,
            reference: reference.to_owned(),
            model: None,
            unit: Unit::Credits,
            amount,
            parts,
            asked: 1,
            expires_at,
            trial: None,
            opens_until: None,
            limited_day: None,
            by: self.behalf,
        });
        Ok(())
    }

    fn hold_model(
        &mut self,
        model: &str,
        params: &Params,
        reference: &str,
        expires_at: Timestamp,
    ) -> Result<(), Refusal> {
        let (accepted, _) = self.accept(model, params, None, false)?;
        self.grant_tries(&accepted.model.id, &accepted.taken);
        self.emit(HoldEvent::HoldOpened {
            hold: self.workspace.next_hold,
            reference: reference.to_owned(),
            model: Some(accepted.model.id.clone()),
            unit: accepted.taken.unit,
            amount: accepted.taken.amount,
            parts: accepted.taken.parts,
            asked: accepted.price.asked,
            expires_at,
            trial: accepted.taken.trial,
            opens_until: accepted.taken.opens_until,
            limited_day: accepted.taken.limited_day,
            by: self.behalf,
        });
        Ok(())
    }

    fn capture_hold(&mut self, hold: u32, amount: Option<Amount>) -> Result<(), Refusal> {
        let hold = self.callers_hold(hold)?.clone();
        let amount = amount.unwrap_or(hold.amount);
        if amount > hold.amount {
            return Err(Refusal::invalid("/credits", format!("must be at most the {} that are held", hold.amount)));
        }
        // To capture nothing of some units is to give them back. A hold of no units can only be captured in this way.
        let usable = !amount.is_zero() || hold.amount.is_zero();
        self.end_hold(&hold, amount, usable, false, self.at);
        Ok(())
    }

    fn release_hold(&mut self, hold: u32) -> Result<(), Refusal> {
        let hold = self.callers_hold(hold)?.clone();
        self.end_hold(&hold, Amount::ZERO, false, false, self.at);
        Ok(())
    }

    fn extend_hold(&mut self, hold: u32, seconds: i64) -> Result<(), Refusal> {
        seconds_are_good(seconds)?;
        let current = self.callers_hold(hold)?.expires_at;
        let expires_at = self.at.after_seconds(seconds);
        if expires_at > current {
            self.emit(HoldEvent::HoldExtended { hold, expires_at });
        }
        Ok(())
    }

    /// Ends a hold of the caller's, once (R15).
    pub(crate) fn end_hold(&mut self, hold: &Hold, captured: Amount, usable: bool, expired: bool, at: Timestamp) {
        let ends = draw_order::end(&self.workspace, hold, captured, at);
        let lost: Vec<(u32, Amount)> = ends.iter().map(|end| (end.grant, end.expired)).collect();
        let released = hold.amount - captured;
        self.emit_at(at, HoldEvent::HoldEnded { hold: hold.n, captured, released, ends, expired, usable });
        self.after_end(hold, &lost, at);
    }

    /// Emits the events that follow the end of any hold: credits that came back to expired grants live on until the
    /// catalog's grace after the grant's own end (R17), and a trial window without a usable run is withdrawn (R23).
    pub(crate) fn after_end(&mut self, hold: &Hold, lost: &[(u32, Amount)], at: Timestamp) {
        let grace = self.longest(|catalog| catalog.release_grace);
        for (from, amount) in lost.iter().copied().filter(|(_, amount)| !amount.is_zero()) {
            let grant = self.workspace.grant(from).expect("a grant under a hold is remembered").clone();
            // A returned grant has had its grace, and so has what a won dispute reinstated from it.
            let had_its_grace = self.workspace.root(&grant).kind == GrantKind::Returned;
            let ends_at = grant.own_end().map(|end| end.after(grace));
            let Some(ends_at) = ends_at.filter(|end| at < *end && !had_its_grace) else { continue };
            let event = GrantEvent::GrantIssued {
                grant: self.workspace.next_grant,
                code: grant.code,
                kind: GrantKind::Returned,
                unit: grant.unit,
                amount,
                models: grant.models,
                rank: self.catalog().rank(GrantKind::Returned),
                source: grant.source,
                cost_basis: grant.cost_basis,
                expires_at: Some(ends_at),
                notice_at: None,
                from: Some(from),
                reason: None,
            };
            self.emit_at(at, event);
        }
        if hold.trial == Some(TrialUse::Window) {
            self.withdraw_window(hold, at);
        }
    }

    fn withdraw_window(&mut self, hold: &Hold, at: Timestamp) {
        let Some(model) = &hold.model else { return };
        let same = |other: &Hold| other.plan == hold.plan && other.model.as_ref() == Some(model);
        let in_flight = |other: &std::sync::Arc<Hold>| other.trial == Some(TrialUse::Window) && same(other);
        if self.workspace.holds.iter().any(in_flight) {
            return;
        }
        let window = self.workspace.window(&hold.plan, model);
        let barren = window.filter(|window| window.open.is_some() && !window.succeeded);
        if let Some(window) = barren.filter(|window| window.withdrawn < WINDOW_WITHDRAWALS_MAX) {
            let event = RunEvent::WindowWithdrawn { plan: window.plan.clone(), model: window.model.clone() };
            self.emit_at(at, event);
        }
    }

    /// Returns an open hold that its caller ends.
    ///
    /// # Errors
    /// [`Refusal::HoldEnded`] when the hold has ended, [`Refusal::NotFound`] when there never was one.
    fn callers_hold(&self, hold: u32) -> Result<&Hold, Refusal> {
        match self.workspace.hold(hold) {
            Some(found) if matches!(found.purpose, Purpose::Caller { .. }) => Ok(found),
            None if hold > 0 && hold < self.workspace.next_hold => Err(self.refusal_of_end("hold", hold)),
            _ => Err(Refusal::NotFound { what: "hold" }),
        }
    }

    /// Returns the refusal to end a run or hold again (R36). The end is known if settling brought it about in this
    /// command: the journal has not got it yet.
    pub(crate) fn refusal_of_end(&self, what: &'static str, n: u32) -> Refusal {
        let mut ends = self.events.iter().filter_map(|DatedEvent(at, event)| ending(*at, event));
        let ending = ends.find(|(kind, of, _)| (*kind, *of) == (what, n)).map(|(_, _, ending)| ending);
        Refusal::HoldEnded { what, ending }
    }
}

/// Returns the end of a run or of a hold that an event records, with its kind (`run` or `hold`) and number, so that a
/// second attempt to end it is refused with the first end; `None` for any other event.
pub fn ending(at: Timestamp, event: &Event) -> Option<(&'static str, u32, Ending)> {
    let (what, n, ended_as, captured, released) = match event {
        Event::Run(RunEvent::RunSettled { run, status, captured, released, .. }) => {
            ("run", *run, status.name(), *captured, *released)
        }
        Event::Hold(event @ HoldEvent::HoldEnded { hold, captured, released, .. }) => {
            ("hold", *hold, event.end_status()?, *captured, *released)
        }
        Event::Run(
            RunEvent::RunQueued { .. }
            | RunEvent::RunStarted { .. }
            | RunEvent::OutcomeIgnored { .. }
            | RunEvent::WindowWithdrawn { .. },
        )
        | Event::Hold(HoldEvent::HoldOpened { .. } | HoldEvent::HoldExtended { .. })
        | Event::Workspace(_)
        | Event::Plan(_)
        | Event::Grant(_)
        | Event::Payment(_)
        | Event::TopUp(_)
        | Event::Review(_)
        | Event::Team(_)
        | Event::Notice(_) => return None,
    };
    Some((what, n, Ending { ended_as, ended_at: at, captured, released }))
}

fn seconds_are_good(seconds: i64) -> Result<(), Refusal> {
    if (1..=HOLD_SECONDS_MAX).contains(&seconds) {
        return Ok(());
    }
    Err(Refusal::invalid("/seconds", format!("must be 1 to {HOLD_SECONDS_MAX}")))
}
