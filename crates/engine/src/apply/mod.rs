//! The whole of Scrip's decisions: `apply` = settle, decide, evolve.
//!
//! *Settle* lets time pass, *decide* turns a command into events, *evolve* folds an event into the workspace. It works
//! on a copy, so a refusal leaves nothing behind.
//!
//! Invariant: pure. No I/O, no clock, no randomness, no floats; the same arguments give the same events for ever.

mod billing;
mod bounds;
mod evolve;
mod grants;
mod holds;
mod migrate;
mod notices;
mod reviews;
mod runs;
mod settle;
mod subscriptions;
mod team;
mod top_ups;

use crate::billing::command::BillingCommand;
use crate::catalog::{Catalog, Catalogs, Plan};
use crate::command::{Command, Off};
use crate::event::{Dated, Event};
use crate::refusal::Refusal;
use crate::rights::{By, Need, judge, spender};
use crate::team::Spender;
use crate::team::command::TeamCommand;
use crate::terms::Terms;
use crate::time::Timestamp;
use crate::workspace::Workspace;
use std::borrow::Cow;

pub use holds::{ending, hold_is_good};
pub(crate) use reviews::required;
pub(crate) use subscriptions::price_of;

/// What a command did.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The workspace afterwards; its sequence number has moved on only if there are events.
    pub workspace: Workspace,
    /// What happened, in order; empty when nothing did.
    pub events: Vec<Dated>,
}

/// Lets time pass until `at` and does what the command says, or refuses: first whoever may not ask for it.
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
) -> Result<Applied, Refusal> {
    workspace.check();
    let (before, at) = (workspace, at.max(workspace.at));
    let mut step =
        Step { workspace: before.clone(), catalogs, by, off: None, served: true, behalf: None, at, events: Vec::new() };
    if step.workspace.is_open() {
        settle::settle(&mut step);
    }
    decide(&mut step, command)?;
    if !step.events.is_empty() {
        notices::note(&mut step, before);
    } else if *command == Command::Tick {
        // Nothing but a new month or another menu may have come.
        top_ups::follow_up(&mut step);
    }
    let Step { mut workspace, events, at, .. } = step;
    if !events.is_empty() {
        close_entry(&mut workspace, at);
    }
    workspace.check();
    Ok(Applied { workspace, events })
}

/// Folds one journal entry into a workspace, as a replay from the first entry does (I5).
pub fn fold(workspace: &mut Workspace, at: Timestamp, events: &[Dated]) {
    for Dated(at, event) in events {
        evolve::evolve(workspace, *at, event);
    }
    close_entry(workspace, at);
}

fn close_entry(workspace: &mut Workspace, at: Timestamp) {
    workspace.seq += 1;
    workspace.at = at;
}

fn decide(step: &mut Step<'_>, command: &Command) -> Result<(), Refusal> {
    if let Command::OpenWorkspace { owner, choice, .. } = command {
        team::may_open(step.by, *owner, choice.as_ref())?;
        return step.open(command);
    }
    if !step.workspace.is_open() {
        return Err(Refusal::NotFound { what: "workspace" });
    }
    permit(step, command)?;
    match command {
        Command::OpenWorkspace { .. } | Command::Tick => Ok(()),
        Command::Rename { name } => step.rename(name),
        Command::Subscribe(choice) => step.subscribe(choice),
        Command::CancelSubscription => step.cancel_subscription(),
        Command::UndoCancel => step.undo_cancel(),
        Command::ApproveReview { review, reason } => step.approve("", review, reason),
        Command::MigrateCatalog { version } => step.migrate_catalog(*version),
        Command::Grant { give, source, reason } => step.give(give, source.as_ref(), reason),
        Command::VoidGrant { grant, reason } => step.void(*grant, reason),
        Command::ReversePayment { source, paid, reversed, disputed } => {
            step.reverse(source, *paid, *reversed, *disputed)
        }
        Command::Freeze { reason } => step.freeze(Some(reason)),
        Command::Unfreeze => step.freeze(None),
        Command::CreateRun { model, params, quote, sandbox, metadata, off, served } => {
            step.off = off.clone();
            step.served = *served;
            step.create_run(model, params, quote.as_ref(), sandbox.as_ref(), metadata)
        }
        Command::StartRun { run, attempt } => step.start_run(*run, *attempt),
        Command::SettleRun { run, attempt, outcome } => step.settle_run(*run, *attempt, outcome),
        Command::CancelRun { run } => step.cancel_run(*run),
        Command::OpenHold { ask, reference, seconds, off, behalf } => {
            step.off = off.clone();
            step.behalf = *behalf;
            step.open_hold(ask, reference, *seconds)
        }
        Command::CaptureHold { hold, amount } => step.capture_hold(*hold, *amount),
        Command::ReleaseHold { hold } => step.release_hold(*hold),
        Command::ExtendHold { hold, seconds } => step.extend_hold(*hold, *seconds),
        Command::Team(command) => step.team(command),
        Command::Billing(command) => step.billing(command),
    }
}

/// Refuses whoever may not ask for a command, at the instant it is decided (R26). What is asked about members and keys
/// depends on whose they are, and is judged there.
fn permit(step: &Step<'_>, command: &Command) -> Result<(), Refusal> {
    let need = match command {
        _ if step.by == By::Operator => return Ok(()),
        Command::Team(TeamCommand::Join { .. }) => return Ok(()),
        // Whoever else is removed is judged there.
        Command::Team(TeamCommand::Remove { .. }) => Need::Leave,
        Command::Team(_) => Need::Member,
        Command::Rename { .. } => Need::Admin,
        Command::Billing(BillingCommand::SetTopUp(_) | BillingCommand::RequestReview { .. }) => Need::Admin,
        Command::CreateRun { model, .. } => Need::RunModel(model),
        Command::CancelRun { run } => team::model_of(&step.workspace, *run).map_or(Need::RunAny, Need::RunModel),
        _ => Need::Operator,
    };
    judge(&step.workspace, &step.plan(), step.by, need, step.at)
}

/// A workspace on its way through one command.
struct Step<'a> {
    workspace: Workspace,
    catalogs: &'a Catalogs,
    by: By,
    /// Why what is asked for may not start at all.
    off: Option<Off>,
    /// `true` when a provider serves the model that is asked for.
    served: bool,
    /// The member or key that the operator asks for.
    behalf: Option<Spender>,
    at: Timestamp,
    events: Vec<Dated>,
}

impl<'a> Step<'a> {
    /// Records that something happened now.
    fn emit(&mut self, event: Event) {
        self.emit_at(self.at, event);
    }

    /// Records that something happened when it fell due.
    fn emit_at(&mut self, at: Timestamp, event: Event) {
        evolve::evolve(&mut self.workspace, at, &event);
        self.events.push(Dated(at, event));
    }

    /// Returns the member and key whose caps count: those it is for, or those who ask.
    fn spender(&self) -> Option<Spender> {
        self.behalf.or_else(|| spender(&self.workspace, self.by, self.at))
    }

    /// Returns the workspace's terms now, and the menu (R33).
    fn terms(&self) -> Terms<'a> {
        self.terms_at(self.at)
    }

    /// Returns the terms at an instant that falls due.
    fn terms_at(&self, at: Timestamp) -> Terms<'a> {
        Terms::of(&self.workspace, self.catalogs, at).expect("a workspace is on a version that was published")
    }

    /// The catalog version the workspace is on.
    fn catalog(&self) -> &'a Catalog {
        let published = self.catalogs.get(self.workspace.catalog);
        &published.expect("a workspace is on a version that was published").catalog
    }

    /// Returns the plan the workspace is on, with its limits.
    fn plan(&self) -> Cow<'a, Plan> {
        self.terms().plan()
    }
}
