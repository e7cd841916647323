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
use crate::event::Dated;
use crate::kernel::time::Timestamp;
use crate::notices;
use crate::payments::command::BillingCommand;
use crate::payments::follow_up;
use crate::refusal::Refusal;
use crate::team::command::TeamCommand;
use crate::team::decide::{may_open, model_of};
use crate::team::rights::{By, Need, judge};
use crate::workspace::Workspace;
use crate::workspace::decide::Opening;
use step::Step;

/// Outcome of a command that was not refused.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The workspace afterwards; its sequence number has moved on only if there are events.
    pub workspace: Workspace,
    /// Events in their order; empty when nothing happened.
    pub events: Vec<Dated>,
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
    if let Command::OpenWorkspace { mode, test_clock, profile, lifetime_allowed, choice, tenancy, owner } = command {
        may_open(step.by, *owner, choice.as_ref())?;
        return step.open(Opening {
            mode: *mode,
            test_clock: *test_clock,
            profile,
            lifetime_allowed: *lifetime_allowed,
            choice: choice.as_ref(),
            tenancy: *tenancy,
            owner: *owner,
        });
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

/// Refuses a caller who may not give a command, at the instant it is decided (R26). Commands about members and keys
/// depend on whose they are, and are judged further where they are decided.
fn permit(step: &Step<'_>, command: &Command) -> Result<(), Refusal> {
    if step.by == By::Operator {
        return Ok(());
    }
    let need = match command {
        Command::Team(command) => match need_of_team(command) {
            Some(need) => need,
            None => return Ok(()),
        },
        Command::Billing(command) => need_of_billing(command),
        Command::Rename { .. } => Need::Admin,
        Command::CreateRun { model, .. } => Need::RunModel(model),
        Command::CancelRun { run } => model_of(&step.workspace, *run).map_or(Need::RunAny, Need::RunModel),
        Command::OpenWorkspace { .. }
        | Command::Subscribe(_)
        | Command::CancelSubscription
        | Command::UndoCancel
        | Command::ApproveReview { .. }
        | Command::MigrateCatalog { .. }
        | Command::Grant { .. }
        | Command::VoidGrant { .. }
        | Command::ReversePayment { .. }
        | Command::Freeze { .. }
        | Command::Unfreeze
        | Command::StartRun { .. }
        | Command::SettleRun { .. }
        | Command::OpenHold { .. }
        | Command::CaptureHold { .. }
        | Command::ReleaseHold { .. }
        | Command::ExtendHold { .. }
        | Command::Tick => Need::Operator,
    };
    judge(&step.workspace, &step.plan(), step.by, need, step.at)
}

/// Returns the need of a command about the team, before it is judged by whose member or key it is about. A person who
/// accepts an invitation needs nothing yet.
fn need_of_team(command: &TeamCommand) -> Option<Need<'static>> {
    match command {
        TeamCommand::Join { .. } => None,
        // The removal of another member is judged where it is decided.
        TeamCommand::Remove { .. } => Some(Need::Leave),
        TeamCommand::Invite { .. }
        | TeamCommand::Withdraw { .. }
        | TeamCommand::Add { .. }
        | TeamCommand::ChangeMember { .. }
        | TeamCommand::MakeKey { .. }
        | TeamCommand::ChangeKey { .. }
        | TeamCommand::RotateKey { .. }
        | TeamCommand::FreezeKey { .. }
        | TeamCommand::RevokeKey { .. } => Some(Need::Member),
    }
}

/// Returns the need of a command about payments, top-ups and reviews.
fn need_of_billing(command: &BillingCommand) -> Need<'static> {
    match command {
        BillingCommand::SetTopUp(_) | BillingCommand::RequestReview { .. } => Need::Admin,
        BillingCommand::RecordPayment(_)
        | BillingCommand::FollowSubscription { .. }
        | BillingCommand::FailPayment { .. }
        | BillingCommand::AwaitTopUp { .. }
        | BillingCommand::EndTopUp { .. }
        | BillingCommand::RejectReview { .. }
        | BillingCommand::RevokeReview { .. } => Need::Operator,
    }
}
