//! All decisions of Scrip: `apply` = settle, decide, evolve.
//!
//! *Settle* lets time pass, *decide* turns a command into events, *evolve* folds an event into the workspace. It works
//! on a copy, so a refusal leaves nothing behind.
//!
//! Invariant: pure. No I/O, no clock, no randomness, no floats; the same arguments give the same events for ever.

pub(crate) mod bounds;
pub(crate) mod due;
mod evolve;
mod settle;
pub(crate) mod step;

use crate::catalog::Catalogs;
use crate::command::Command;
use crate::event::DatedEvent;
use crate::kernel::time::Timestamp;
use crate::payments::{follow_up, top_up};
use crate::refusal::Refusal;
use crate::team::rights::{By, Need, judge};
use crate::workspace::{self, Workspace, WorkspaceCommand};
use crate::{grants, holds, notices, payments, plans, reviews, runs, team};
use step::Step;

/// Outcome of a command that was not refused.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The workspace afterwards; its sequence number has moved on only if there are events.
    pub workspace: Workspace,
    /// Events in their order; empty when nothing happened.
    pub events: Vec<DatedEvent>,
}

/// Lets time pass until `at` and carries out the command, or refuses it. The caller's rights are judged first.
///
/// The instant is moved forward to the workspace's last entry if it lies before it (R3).
///
/// # Errors
/// The first [`Refusal`] in the order of that enum; nothing has happened then.
///
/// # Panics
/// When the workspace does not add up, before or after: a bug, and nothing must be written.
pub fn apply(
    workspace: &Workspace,
    catalogs: &Catalogs,
    by: By,
    command: &Command,
    at: Timestamp,
) -> Result<Transition, Refusal> {
    workspace.check();
    let (before, at) = (workspace, at.max(workspace.at));
    let mut step =
        Step { workspace: before.clone(), catalogs, by, off: None, served: true, behalf: None, at, events: Vec::new() };
    if step.workspace.is_open() {
        settle::settle(&mut step);
    }
    decide(&mut step, command)?;
    if !step.events.is_empty() {
        notices::decide::note(&mut step, before);
    } else if *command == Command::Tick {
        // Top-ups may be due by a new month or another menu, without any event.
        follow_up(&mut step);
    }
    let Step { mut workspace, events, at, .. } = step;
    if !events.is_empty() {
        close_entry(&mut workspace, at);
    }
    workspace.check();
    Ok(Transition { workspace, events })
}

/// Folds one journal entry into a workspace, as a replay from the first entry does (I5).
pub fn fold(workspace: &mut Workspace, at: Timestamp, events: &[DatedEvent]) {
    for DatedEvent(at, event) in events {
        evolve::evolve(workspace, *at, event);
    }
    close_entry(workspace, at);
}

fn close_entry(workspace: &mut Workspace, at: Timestamp) {
    workspace.seq += 1;
    workspace.at = at;
}

fn decide(step: &mut Step<'_>, command: &Command) -> Result<(), Refusal> {
    let opens = matches!(command, Command::Workspace(WorkspaceCommand::Open { .. }));
    if !opens && !step.workspace.is_open() {
        return Err(Refusal::NotFound { what: "workspace" });
    }
    if !opens {
        permit(step, command)?;
    }
    match command {
        Command::Workspace(command) => workspace::decide::decide(step, command),
        Command::Plan(command) => plans::decide::decide(step, command),
        Command::Grant(command) => grants::decide::decide(step, command),
        Command::Hold(command) => holds::decide::decide(step, command),
        Command::Run(command) => runs::decide::decide(step, command),
        Command::Payment(command) => payments::decide::decide(step, command),
        Command::TopUp(command) => top_up::decide::decide(step, command),
        Command::Review(command) => reviews::decide::decide(step, command),
        Command::Team(command) => team::decide::decide(step, command),
        Command::Tick => Ok(()),
    }
}

/// Refuses a caller who may not give a command, at the instant it is decided (R26). Commands about members and keys
/// depend on whose they are, and are judged further where they are decided.
fn permit(step: &Step<'_>, command: &Command) -> Result<(), Refusal> {
    if step.by == By::Operator {
        return Ok(());
    }
    let need = match command {
        Command::Workspace(command) => workspace::decide::need(command),
        Command::Plan(command) => plans::decide::need(command),
        Command::Grant(command) => grants::decide::need(command),
        Command::Hold(command) => holds::decide::need(command),
        Command::Run(command) => runs::decide::need(&step.workspace, command),
        Command::Payment(command) => payments::decide::need(command),
        Command::TopUp(command) => top_up::decide::need(command),
        Command::Review(command) => reviews::decide::need(command),
        Command::Team(command) => match team::decide::need(command) {
            Some(need) => need,
            None => return Ok(()),
        },
        Command::Tick => Need::Operator,
    };
    judge(&step.workspace, &step.plan(), step.by, need, step.at)
}
