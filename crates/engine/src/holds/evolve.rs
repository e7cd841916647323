//! Folding the events of holds, and the effect of a run on its hold.
//!
//! Invariant: units under a hold are the held units of its grants (I7).

use super::event::{End, HoldEvent};
use super::state::{Hold, Part, Purpose, TrialUse};
use crate::catalog::Name;
use crate::grants::{take_back, touch};
use crate::kernel::amount::Amount;
use crate::kernel::time::Timestamp;
use crate::team;
use crate::workspace::{Window, Workspace};
use std::sync::Arc;

/// Folds an event of a hold that a product opened into the workspace.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &HoldEvent) {
    match event {
        HoldEvent::HoldOpened {
            hold,
            reference,
            model,
            unit,
            amount,
            parts,
            asked,
            expires_at,
            trial,
            opens_until,
            limited_day,
            by,
        } => {
            let opened = Hold {
                n: *hold,
                unit: *unit,
                amount: *amount,
                parts: parts.clone(),
                opened_at: at,
                expires_at: *expires_at,
                asked: *asked,
                purpose: Purpose::Caller { reference: Name::from(reference.as_str()) },
                trial: *trial,
                model: model.clone(),
                limited_day: *limited_day,
                plan: workspace.subscription.plan.clone(),
                by: *by,
            };
            open(workspace, at, opened, *opens_until);
        }
        HoldEvent::HoldExtended { hold, expires_at } => workspace.hold_mut(*hold).expires_at = *expires_at,
        HoldEvent::HoldEnded { hold, ends, usable, released, captured: _, expired: _ } => {
            give_back(workspace, at, ends);
            close(workspace, *hold, *released, *usable);
        }
    }
}

/// Adds a hold: takes its parts from their grants, and counts it against limits, trials and caps.
pub(crate) fn open(workspace: &mut Workspace, at: Timestamp, hold: Hold, opens_until: Option<Timestamp>) {
    take(workspace, at, &hold.parts);
    if let (Some(model), Some(day)) = (&hold.model, hold.limited_day) {
        let runs = workspace.runs_today(model, at);
        workspace.limited.insert(model.clone(), (day, runs + 1));
    }
    if let (Some(model), Some(ends_at)) = (&hold.model, opens_until) {
        open_window(workspace, model.clone(), at, ends_at);
    }
    team::spend(workspace, hold.by, hold.unit, hold.amount, at);
    workspace.next_hold = hold.n + 1;
    workspace.holds.push(Arc::new(hold));
}

fn take(workspace: &mut Workspace, at: Timestamp, parts: &[Part]) {
    for part in parts {
        let grant = touch(workspace, part.grant, at);
        grant.available -= part.amount;
        grant.held += part.amount;
    }
}

/// Moves each part of an ended hold to the amounts that the event names.
pub(crate) fn give_back(workspace: &mut Workspace, at: Timestamp, ends: &[End]) {
    for end in ends {
        if !end.revoked.is_zero() {
            let grant = workspace.grant(end.grant).expect("a grant under a hold is remembered");
            let owed = workspace.root(grant).units_owed();
            let by_void = if grant.voided { end.revoked.less(owed) } else { Amount::ZERO };
            take_back(workspace, end.grant, end.revoked, by_void);
        }
        let grant = touch(workspace, end.grant, at);
        grant.held -= end.captured + end.released + end.expired + end.revoked;
        grant.captured += end.captured;
        grant.available += end.released;
        grant.expired += end.expired;
        grant.revoked += end.revoked;
    }
}

fn open_window(workspace: &mut Workspace, model: Name, at: Timestamp, ends_at: Timestamp) {
    let plan = workspace.subscription.plan.clone();
    match workspace.windows.iter_mut().find(|window| window.plan == plan && window.model == model) {
        Some(window) => window.open = Some((at, ends_at)),
        None => {
            workspace.windows.push(Window { plan, model, open: Some((at, ends_at)), succeeded: false, withdrawn: 0 })
        }
    }
}

/// Removes a hold that has ended. A hold without a usable result counts against no limit of the day.
pub(crate) fn close(workspace: &mut Workspace, n: u32, released: Amount, usable: bool) {
    let index = workspace.holds.binary_search_by_key(&n, |hold| hold.n).expect("an ended hold was open");
    let hold = workspace.holds.remove(index);
    team::give_back(workspace, &hold, released);
    let Some(model) = &hold.model else { return };
    if hold.trial == Some(TrialUse::Window)
        && usable
        && let Some(window) =
            workspace.windows.iter_mut().find(|window| window.plan == hold.plan && window.model == *model)
    {
        window.succeeded = true;
    }
    if let (Some(day), false) = (hold.limited_day, usable)
        && let Some((_, runs)) = workspace.limited.get_mut(model).filter(|(counted, _)| *counted == day)
    {
        *runs = runs.saturating_sub(1);
    }
}
