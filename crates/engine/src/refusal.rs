//! Expected answers of "no": a stable code, the facts to act on, and nothing changed.
//!
//! The variants stand in the order in which reasons are looked at; a request gets the first that applies.

use crate::catalog::{Name, Params};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::invalid::Invalid;
use crate::kernel::time::{Interval, Timestamp};
use crate::runs::quote::Line;
use crate::workspace::Mode;
use serde::Serialize;

/// A price offered again, because the cited quote does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshQuote {
    /// The model.
    pub model: Name,
    /// The parameters as they were understood.
    pub params: Params,
    /// The price.
    pub credits: Amount,
    /// Its breakdown.
    pub lines: Vec<Line>,
    /// The catalog version it is from.
    pub catalog_version: u32,
    /// Fingerprint of the model and parameters under that version.
    pub fingerprint: u64,
}

/// The end of a run or hold: how, when and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// `captured`, `released` or `expired` of a hold; `succeeded`, `partial`, `failed` or `canceled` of a run.
    pub ended_as: &'static str,
    /// Instant of the end.
    pub ended_at: Timestamp,
    /// Spent.
    pub captured: Amount,
    /// Given back.
    pub released: Amount,
}

/// One way out of a balance that is too small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WayOut {
    /// Ask for less: the same model with one parameter smaller.
    Smaller {
        /// The parameters to change.
        params: Params,
        /// What the run then costs.
        credits: Amount,
    },
    /// Buy a pack.
    Pack {
        /// The pack.
        pack: Name,
        /// Credits it brings, bonus included.
        credits: Amount,
        /// Its price in the currency's smallest unit.
        amount: Amount,
        /// ISO 4217, lower case.
        currency: Name,
    },
    /// Take a higher plan.
    Plan {
        /// The plan.
        plan: Name,
        /// The interval that brings the credits soonest and cheapest.
        interval: Interval,
        /// Credits its first period brings.
        credits: Amount,
    },
    /// Wait for the next allowance.
    Renewal {
        /// When it comes.
        at: Timestamp,
        /// Credits it brings.
        credits: Amount,
    },
    /// Wait for runs in flight: their holds cover what is missing.
    Held {
        /// Credits under holds.
        credits: Amount,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody who is known asks: the key is not one, or not one any more.
    Unauthenticated,
    /// Whoever asks was not given this.
    CapabilityRequired {
        /// What is needed.
        capability: String,
        /// What could be given: the plan's ceiling, or the role of who asks.
        ceiling: Vec<String>,
    },
    /// Whoever asks was given this, and it sleeps.
    CapabilitySuspended {
        /// What is needed.
        capability: String,
        /// The plan's ceiling.
        ceiling: Vec<String>,
        /// Why.
        why: String,
    },
    /// There is no such thing here.
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The request cannot be understood or asks for what does not exist.
    InvalidRequest {
        /// Every error.
        errors: Vec<Invalid>,
    },
    /// The cited quote is older than its fifteen minutes.
    QuoteExpired {
        /// A price to go on with.
        fresh: Box<FreshQuote>,
    },
    /// The cited quote was for something else.
    QuoteMismatch {
        /// A price to go on with.
        fresh: Box<FreshQuote>,
    },
    /// An operator has switched it off, for everybody.
    SwitchedOff {
        /// The model, or its provider.
        name: Name,
        /// Why.
        reason: String,
    },
    /// The workspace may not start anything.
    WorkspaceFrozen {
        /// Why.
        reason: String,
    },
    /// The plan does not include the model.
    ModelTierRequired {
        /// The model.
        model: Name,
        /// The workspace's plan.
        plan: Name,
        /// The plans that do.
        plans_that_include: Vec<Name>,
        /// Where to change it.
        upgrade_url: Option<String>,
    },
    /// The plan does not include what a parameter asks for.
    FeatureNotInPlan {
        /// What it is.
        feature: String,
        /// The plans that do.
        plans_that_include: Vec<Name>,
    },
    /// The plan needs an approval that the workspace does not have.
    ReviewRequired {
        /// The review.
        review: Name,
        /// Where to apply.
        apply_url: Option<String>,
    },
    /// More images in one run than the plan allows.
    BatchLimitExceeded {
        /// The plan's limit.
        limit: u32,
        /// What was asked for.
        asked: u64,
    },
    /// Beyond a bound of the system.
    LimitExceeded {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What was asked for.
        asked: u64,
    },
    /// The trial is used up; only a plan that includes the model opens it again (R22).
    TrialExhausted {
        /// The model.
        model: Name,
        /// `runs` or `window`.
        trial: &'static str,
        /// The plans that include it.
        plans_that_include: Vec<Name>,
    },
    /// No provider serves the model in the workspace's mode.
    ModelNotServed {
        /// The model.
        model: Name,
        /// The mode.
        mode: Mode,
    },
    /// As many runs open as the plan allows.
    ConcurrencyLimited {
        /// The plan's limit.
        limit: u32,
    },
    /// The outputs fill the plan's storage.
    StorageFull {
        /// Bytes stored.
        used_bytes: u64,
        /// Bytes the plan stores.
        quota_bytes: u64,
    },
    /// A member's or a key's cap does not leave this much (R30).
    SpendCapReached {
        /// Whose cap, by id.
        of: String,
        /// The cap.
        credits: Amount,
        /// What was spent of it.
        spent: Amount,
        /// When it begins again.
        resets_at: Option<Timestamp>,
    },
    /// An allowance other than credits is used up.
    AllowanceExhausted {
        /// The unit: `training`, or `runs` a day.
        unit: Unit,
        /// When there is more; `None` when only a higher plan brings it.
        renews_at: Option<Timestamp>,
    },
    /// The balance is too small.
    InsufficientCredits {
        /// What the run costs.
        required: Amount,
        /// What the balance could pay of it.
        available: Amount,
        /// What runs in flight hold.
        held: Amount,
        /// Whether waiting for them alone could be enough.
        retryable: bool,
        /// What would help.
        options: Vec<WayOut>,
    },
    /// The run or hold has ended already, and a call cannot end it again (R36).
    HoldEnded {
        /// `run` or `hold`.
        what: &'static str,
        /// End of the hold or run, while the workspace remembers it; ended holds are in the journal alone.
        ending: Option<Ending>,
    },
    /// A later attempt has taken the run over: the writer was fenced off.
    Superseded,
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::Unauthenticated => "UNAUTHENTICATED",
            Refusal::CapabilityRequired { .. } => "CAPABILITY_REQUIRED",
            Refusal::CapabilitySuspended { .. } => "CAPABILITY_SUSPENDED",
            Refusal::NotFound { .. } => "NOT_FOUND",
            Refusal::InvalidRequest { .. } => "INVALID_REQUEST",
            Refusal::QuoteExpired { .. } => "QUOTE_EXPIRED",
            Refusal::QuoteMismatch { .. } => "QUOTE_MISMATCH",
            Refusal::SwitchedOff { .. } => "UNAVAILABLE",
            Refusal::WorkspaceFrozen { .. } => "WORKSPACE_FROZEN",
            Refusal::ModelTierRequired { .. } => "MODEL_TIER_REQUIRED",
            Refusal::FeatureNotInPlan { .. } => "FEATURE_NOT_IN_PLAN",
            Refusal::ReviewRequired { .. } => "REVIEW_REQUIRED",
            Refusal::BatchLimitExceeded { .. } => "BATCH_LIMIT_EXCEEDED",
            Refusal::LimitExceeded { .. } => "LIMIT_EXCEEDED",
            Refusal::TrialExhausted { .. } => "TRIAL_EXHAUSTED",
            Refusal::ModelNotServed { .. } => "MODEL_NOT_SERVED",
            Refusal::ConcurrencyLimited { .. } => "CONCURRENCY_LIMITED",
            Refusal::StorageFull { .. } => "STORAGE_FULL",
            Refusal::SpendCapReached { .. } => "SPEND_CAP_REACHED",
            Refusal::AllowanceExhausted { .. } => "ALLOWANCE_EXHAUSTED",
            Refusal::InsufficientCredits { .. } => "INSUFFICIENT_CREDITS",
            Refusal::HoldEnded { .. } => "HOLD_ENDED",
            Refusal::Superseded => "SUPERSEDED",
        }
    }

    /// One invalid value.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Refusal {
        Refusal::InvalidRequest { errors: vec![Invalid::new(pointer, detail)] }
    }
}
