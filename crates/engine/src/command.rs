//! What can be asked of a workspace. Whatever changes a balance is one of these; whatever only lists is not.

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

/// What can be asked of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open it, on the free plan or on one the operator names.
    OpenWorkspace {
        /// Real or play credits.
        mode: Mode,
        /// The test clock it stands on.
        test_clock: Option<i64>,
        /// What people know it by.
        profile: Profile,
        /// Whether its owner may have what is given once per person (R8).
        lifetime_allowed: bool,
        /// The plan to be on.
        choice: Option<Choice>,
        /// Whether it is one person's or may have others.
        tenancy: Tenancy,
        /// Its owner, who is its first admin; `None` leaves everything to the operator.
        owner: Option<UserId>,
    },
    /// Give it another name.
    Rename {
        /// The new name.
        name: String,
    },
    /// Be on a plan: at once when it is more, at the period's end when it is less (R31).
    Subscribe(Choice),
    /// End the plan with its period (R32).
    CancelSubscription,
    /// Take back a cancellation or a scheduled change.
    UndoCancel,
    /// Approve a review (R25).
    ApproveReview {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
    /// Move to another catalog version now (R33).
    MigrateCatalog {
        /// The version.
        version: u32,
    },
    /// Give credits.
    Grant {
        /// What.
        give: Give,
        /// What was paid, or the operator's own name for the gift; once, for ever (R7).
        source: Option<Name>,
        /// Why (R10).
        reason: String,
    },
    /// Take back what is left of a grant (R10).
    VoidGrant {
        /// The grant.
        grant: u32,
        /// Why.
        reason: String,
    },
    /// A payment was refunded or disputed, in part or in whole (R9).
    ReversePayment {
        /// The payment, as its grants' source.
        source: Name,
        /// What was paid, in the currency's smallest unit.
        paid: u64,
        /// What of it has gone back by now, in all.
        reversed: u64,
        /// Whether it is in dispute.
        disputed: bool,
    },
    /// Refuse new runs and holds.
    Freeze {
        /// Why.
        reason: Name,
    },
    /// Allow them again.
    Unfreeze,
    /// Run a model.
    CreateRun {
        /// The model.
        model: Name,
        /// What is asked of it.
        params: Params,
        /// The quote it cites.
        quote: Option<CitedQuote>,
        /// What the sandbox is told to do.
        sandbox: Option<Script>,
        /// The caller's own words.
        metadata: BTreeMap<String, String>,
        /// Why it may not start at all.
        off: Option<Off>,
        /// `true` when a provider serves the model in the workspace's mode; the sandbox serves all in test mode.
        served: bool,
    },
    /// Hand a run to a worker.
    StartRun {
        /// The run.
        run: u32,
        /// Which time; one more than the last.
        attempt: u32,
    },
    /// End a run.
    SettleRun {
        /// The run.
        run: u32,
        /// The worker's attempt; `None` for a caller that needs no lease, such as a provider's own callback.
        attempt: Option<u32>,
        /// How it ended.
        outcome: Outcome,
    },
    /// Give a run up (R20).
    CancelRun {
        /// The run.
        run: u32,
    },
    /// Hold credits for a product that dispatches itself.
    OpenHold {
        /// What for.
        ask: Ask,
        /// The caller's name for it.
        reference: String,
        /// For how long; `None` is an hour.
        seconds: Option<i64>,
        /// Why nothing may start on its model at all.
        off: Option<Off>,
        /// The member or key it is for, whose rights and caps bind it as they bind a run (R30).
        behalf: Option<Spender>,
    },
    /// Spend a hold, in whole or in part.
    CaptureHold {
        /// The hold.
        hold: u32,
        /// How much; `None` is all.
        amount: Option<Amount>,
    },
    /// Give a hold back.
    ReleaseHold {
        /// The hold.
        hold: u32,
    },
    /// Let a hold last longer.
    ExtendHold {
        /// The hold.
        hold: u32,
        /// From now on.
        seconds: i64,
    },
    /// Something about who belongs to it.
    Team(TeamCommand),
    /// Something about what is paid for it.
    Billing(BillingCommand),
    /// Let time pass, and nothing else.
    Tick,
}

/// What is run and held, and the passing of time.
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

/// Whether a command of this name is an act of somebody who has power over the workspace, and so belongs into its audit
/// log: whatever is not everyday.
pub fn is_privileged(command: &str) -> bool {
    !EVERYDAY.contains(&command)
}

impl Command {
    /// The command's name in the journal.
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
