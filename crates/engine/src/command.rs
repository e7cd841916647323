//! Commands: requests to change one workspace. A request that can change a balance is a command; a request that only
//! reads is none.

use crate::catalog::{Name, Params};
use crate::grants::Give;
use crate::holds::Ask;
use crate::kernel::amount::Amount;
use crate::kernel::id::UserId;
use crate::payments::command::BillingCommand;
use crate::plans::Choice;
use crate::runs::{CitedQuote, Off, Outcome, Script};
use crate::team::command::TeamCommand;
use crate::team::{Spender, Tenancy};
use crate::workspace::{Mode, Profile};
use std::collections::BTreeMap;

/// A request to change one workspace; the engine answers with events or a [`Refusal`](crate::Refusal).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Opens the workspace, on the free plan or on a plan that the operator names.
    OpenWorkspace {
        /// Mode of the workspace: live or test, which decides whether its credits are real.
        mode: Mode,
        /// Test clock that the workspace follows; `None` is the wall clock.
        test_clock: Option<i64>,
        /// Name, owner and external id of the workspace.
        profile: Profile,
        /// `true` when the owner may be given what a person gets once (R8).
        lifetime_allowed: bool,
        /// The plan to start on; `None` is the free plan.
        choice: Option<Choice>,
        /// Personal workspace, or one that may have other members.
        tenancy: Tenancy,
        /// Owner and first admin of the workspace; `None` leaves everything to the operator.
        owner: Option<UserId>,
    },
    /// Gives the workspace another name.
    Rename {
        /// New name of the workspace.
        name: String,
    },
    /// Changes the plan: at once when it is an upgrade, at the period's end when it is a downgrade (R31).
    Subscribe(Choice),
    /// Ends the plan with its period (R32).
    CancelSubscription,
    /// Takes back a cancellation or a scheduled change of plan.
    UndoCancel,
    /// Approves a review (R25).
    ApproveReview {
        /// Name of the review to approve.
        review: Name,
        /// Reason for the approval, in the operator's words.
        reason: String,
    },
    /// Moves the workspace to another catalog version now (R33).
    MigrateCatalog {
        /// Number of the catalog version to move to.
        version: u32,
    },
    /// Gives a pack or goodwill credits to the workspace.
    Grant {
        /// The pack, or the goodwill, to give.
        give: Give,
        /// Payment for the pack, or the operator's own name for the gift; a source is granted once, for ever (R7).
        source: Option<Name>,
        /// Reason for the grant, in the operator's words (R10).
        reason: String,
    },
    /// Takes back the rest of a grant (R10).
    VoidGrant {
        /// Number of the grant to void.
        grant: u32,
        /// Reason for the correction, in the operator's words.
        reason: String,
    },
    /// Applies a refund or dispute of a payment, in part or in whole (R9).
    ReversePayment {
        /// Source of the grants that the payment paid for.
        source: Name,
        /// Amount of money that was paid, in the currency's smallest unit.
        paid: u64,
        /// Sum of the money that has gone back by now, in the currency's smallest unit.
        reversed: u64,
        /// `true` while the payment is in dispute.
        disputed: bool,
    },
    /// Refuses new runs and holds until the workspace is unfrozen.
    Freeze {
        /// Reason for the freeze, in the operator's words.
        reason: Name,
    },
    /// Allows new runs and holds again.
    Unfreeze,
    /// Queues a run of a model, with its hold.
    CreateRun {
        /// Id of the model to run.
        model: Name,
        /// Parameters of the run, as the caller gave them.
        params: Params,
        /// Quote that the caller cites, to run at its rate.
        quote: Option<CitedQuote>,
        /// Script for the sandbox, in a test workspace.
        sandbox: Option<Script>,
        /// Names and values of the caller's own, which the run carries unchanged.
        metadata: BTreeMap<String, String>,
        /// Operator's switch that stops the model or its provider, if there is one.
        off: Option<Off>,
        /// `true` when a provider serves the model in the workspace's mode; the sandbox serves all in test mode.
        served: bool,
    },
    /// Hands a run to a worker.
    StartRun {
        /// Number of the run to start.
        run: u32,
        /// Attempt number, starting at 1; one more than the run's last attempt.
        attempt: u32,
    },
    /// Ends a run with its outcome.
    SettleRun {
        /// Number of the run to end.
        run: u32,
        /// Attempt number of the worker; `None` for a caller that needs no lease, such as a provider's own callback.
        attempt: Option<u32>,
        /// Delivered outputs, or a failure.
        outcome: Outcome,
    },
    /// Cancels a run before its outcome (R20).
    CancelRun {
        /// Number of the run to cancel.
        run: u32,
    },
    /// Holds credits for a product that executes its work itself.
    OpenHold {
        /// Amount of credits, or model and parameters, to hold for.
        ask: Ask,
        /// The caller's name for the hold.
        reference: String,
        /// Lifetime of the hold, in seconds; `None` is an hour.
        seconds: Option<i64>,
        /// Operator's switch that stops the model or its provider, if there is one.
        off: Option<Off>,
        /// The member or key that the hold is for, whose rights and caps bind it as they bind a run (R30).
        behalf: Option<Spender>,
    },
    /// Captures a hold, in whole or in part; the rest is released.
    CaptureHold {
        /// Number of the hold to capture.
        hold: u32,
        /// Amount to capture, in the hold's unit; `None` is all.
        amount: Option<Amount>,
    },
    /// Releases a hold in full.
    ReleaseHold {
        /// Number of the hold to release.
        hold: u32,
    },
    /// Gives a hold a later end.
    ExtendHold {
        /// Number of the hold to extend.
        hold: u32,
        /// Lifetime of the hold from now on, in seconds.
        seconds: i64,
    },
    /// Changes members, invitations, keys or caps of the workspace.
    Team(TeamCommand),
    /// Records a payment, follows the subscription at Stripe, or changes top-ups or reviews.
    Billing(BillingCommand),
    /// Settles the workspace at an instant, and nothing else.
    Tick,
}

/// Names of the commands of everyday work, which the audit log leaves out: runs, holds and the passing of time.
const EVERYDAY: [&str; 9] = [
    "create_run",
    "start_run",
    "settle_run",
    "cancel_run",
    "open_hold",
    "capture_hold",
    "release_hold",
    "extend_hold",
    "tick",
];

/// Returns `true` if a command of this name belongs into the audit log of its workspace: every command but those of
/// everyday work.
pub fn is_privileged(command: &str) -> bool {
    !EVERYDAY.contains(&command)
}

impl Command {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            Command::OpenWorkspace { .. } => "open_workspace",
            Command::Rename { .. } => "rename",
            Command::Subscribe(_) => "subscribe",
            Command::CancelSubscription => "cancel_subscription",
            Command::UndoCancel => "undo_cancel",
            Command::ApproveReview { .. } => "approve_review",
            Command::MigrateCatalog { .. } => "migrate_catalog",
            Command::Grant { .. } => "grant",
            Command::VoidGrant { .. } => "void_grant",
            Command::ReversePayment { .. } => "reverse_payment",
            Command::Freeze { .. } => "freeze",
            Command::Unfreeze => "unfreeze",
            Command::CreateRun { .. } => "create_run",
            Command::StartRun { .. } => "start_run",
            Command::SettleRun { .. } => "settle_run",
            Command::CancelRun { .. } => "cancel_run",
            Command::OpenHold { .. } => "open_hold",
            Command::CaptureHold { .. } => "capture_hold",
            Command::ReleaseHold { .. } => "release_hold",
            Command::ExtendHold { .. } => "extend_hold",
            Command::Team(command) => command.name(),
            Command::Billing(command) => command.name(),
            Command::Tick => "tick",
        }
    }
}
