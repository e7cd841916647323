//! Refusals: expected answers of "no", each with a stable code and the facts to act on.
//!
//!
//! Variants stand in the order in which the reasons are checked; a request gets the first that applies.
//!
//! Invariant: a refused command changes nothing.

use crate::catalog::{Name, Params};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::invalid::Invalid;
use crate::kernel::time::{Interval, Timestamp};
use crate::runs::quote::Line;
use crate::workspace::Mode;
use serde::Serialize;

/// A new price, offered because the cited quote does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshQuote {
    /// Id of the model to run.
    pub model: Name,
    /// Parameters with defaults filled in.
    pub params: Params,
    /// Price of the run, in the model's unit.
    pub credits: Amount,
    /// Lines that the price is the sum of.
    pub lines: Vec<Line>,
    /// Catalog version that the price is from.
    pub catalog_version: u32,
    /// Fingerprint of the model and the parameters under that version.
    pub fingerprint: u64,
}

/// End of a run or a hold: status, instant and amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Status at the end: `captured`, `released` or `expired` of a hold; `succeeded`, `partial`, `failed` or `canceled`
    /// of a run.
    pub ended_as: &'static str,
    /// Instant at which the run or hold ended.
    pub ended_at: Timestamp,
    /// Amount that was spent of the hold.
    pub captured: Amount,
    /// Amount of the hold that was not spent.
    pub released: Amount,
}

/// One offer that makes the balance large enough for a run or hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WayOut {
    /// Asks for less: the same model with one parameter smaller.
    Smaller {
        /// Parameters to change, with their new values.
        params: Params,
        /// Price of the run after the change, in credits.
        credits: Amount,
    },
    /// Buys a pack of credits.
    Pack {
        /// Id of the pack to buy.
        pack: Name,
        /// Number of credits that the pack brings, bonus included.
        credits: Amount,
        /// Price of the pack, in the currency's smallest unit.
        amount: Amount,
        /// ISO 4217 code of the currency, in lower case.
        currency: Name,
    },
    /// Takes a higher plan, which begins at once.
    Plan {
        /// Id of the plan to subscribe to.
        plan: Name,
        /// First interval of the plan whose period brings enough.
        interval: Interval,
        /// Number of credits that the first period brings.
        credits: Amount,
    },
    /// Waits for the next allowance of the plan.
    Renewal {
        /// Instant at which the allowance comes.
        at: Timestamp,
        /// Number of credits that the allowance brings.
        credits: Amount,
    },
    /// Waits for runs in flight: their holds cover what is missing.
    Held {
        /// Number of credits under open holds.
        credits: Amount,
    },
}

/// Reason for which a command was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The caller is unknown: the key does not exist or is not valid any more.
    Unauthenticated,
    /// The caller lacks the capability.
    CapabilityRequired {
        /// Capability that the request needs.
        capability: String,
        /// Capabilities that could be given: the plan's ceiling, or the role of the caller.
        ceiling: Vec<String>,
    },
    /// The caller has the capability, and it is suspended for now.
    CapabilitySuspended {
        /// Capability that the request needs.
        capability: String,
        /// Capabilities in the ceiling of the plan.
        ceiling: Vec<String>,
        /// Reason for the suspension, in words.
        why: String,
    },
    /// The workspace has no such thing.
    NotFound {
        /// Kind of the thing that was asked for, such as `run`.
        what: &'static str,
    },
    /// The request cannot be understood, or names what does not exist.
    InvalidRequest {
        /// All invalid values of the request.
        errors: Vec<Invalid>,
    },
    /// The cited quote is older than its fifteen minutes.
    QuoteExpired {
        /// New quote to go on with.
        fresh: Box<FreshQuote>,
    },
    /// The cited quote is for another model, other parameters or an unknown catalog version.
    QuoteMismatch {
        /// New quote to go on with.
        fresh: Box<FreshQuote>,
    },
    /// An operator has switched the model or its provider off, for all workspaces.
    SwitchedOff {
        /// Name of the model, or of its provider.
        name: Name,
        /// Reason that the operator gave.
        reason: String,
    },
    /// The workspace may start no runs and no holds.
    WorkspaceFrozen {
        /// Reason for the freeze, or the payment in dispute.
        reason: String,
    },
    /// The plan does not include the model.
    ModelTierRequired {
        /// Id of the model that was asked for.
        model: Name,
        /// Id of the workspace's plan.
        plan: Name,
        /// Plans that include the model.
        plans_that_include: Vec<Name>,
        /// Page on which the plan can be changed.
        upgrade_url: Option<String>,
    },
    /// The plan does not include what a parameter or a pack needs.
    FeatureNotInPlan {
        /// Feature that the plan lacks, in words.
        feature: String,
        /// Plans that include the feature.
        plans_that_include: Vec<Name>,
    },
    /// The plan needs a review that is not approved for the workspace.
    ReviewRequired {
        /// Name of the review that is missing.
        review: Name,
        /// Page on which to apply for the review.
        apply_url: Option<String>,
    },
    /// The run asks for more images than the plan allows in one run.
    BatchLimitExceeded {
        /// Maximum number of images that the plan allows in one run.
        limit: u32,
        /// Number of images that were asked for.
        asked: u64,
    },
    /// The request goes beyond a bound of the system.
    LimitExceeded {
        /// Name of the thing that is limited.
        what: &'static str,
        /// Maximum that the bound allows.
        limit: u64,
        /// Number that was asked for.
        asked: u64,
    },
    /// The trial is used up; only a plan that includes the model opens it again (R22).
    TrialExhausted {
        /// Id of the model on trial.
        model: Name,
        /// Shape of the trial: `runs` or `window`.
        trial: &'static str,
        /// Plans that include the model.
        plans_that_include: Vec<Name>,
    },
    /// No provider serves the model in the workspace's mode.
    ModelNotServed {
        /// Id of the model that was asked for.
        model: Name,
        /// Mode of the workspace: live or test.
        mode: Mode,
    },
    /// The workspace has as many runs and holds of models open as the plan allows.
    ConcurrencyLimited {
        /// Maximum number that the plan allows at once.
        limit: u32,
    },
    /// Stored outputs fill the storage of the plan.
    StorageFull {
        /// Size of the stored outputs, in bytes.
        used_bytes: u64,
        /// Storage of the plan, in bytes.
        quota_bytes: u64,
    },
    /// The cap of a member or a key does not leave this much (R30).
    SpendCapReached {
        /// Identifier of the member or key whose cap it is.
        of: String,
        /// Maximum number of credits that the cap allows.
        credits: Amount,
        /// Number of credits that count against the cap already.
        spent: Amount,
        /// Instant at which the cap begins anew; `None` for a cap for ever.
        resets_at: Option<Timestamp>,
    },
    /// An allowance other than credits is used up.
    AllowanceExhausted {
        /// Unit of the allowance: `training`, or `runs` a day.
        unit: Unit,
        /// Instant at which the allowance is filled again; `None` when only a higher plan brings more.
        renews_at: Option<Timestamp>,
    },
    /// The balance is too small for the run or hold.
    InsufficientCredits {
        /// Price of the run or hold, in credits.
        required: Amount,
        /// Number of available credits that could pay for it.
        available: Amount,
        /// Number of credits under open holds.
        held: Amount,
        /// `true` when the credits under open holds could be enough, if they came back.
        retryable: bool,
        /// Offers that would each be enough.
        options: Vec<WayOut>,
    },
    /// The run or hold has ended already, and a call cannot end it again (R36).
    HoldEnded {
        /// Kind of the thing that has ended: `run` or `hold`.
        what: &'static str,
        /// End of the run or hold, while the workspace remembers it; ended holds are in the journal alone.
        ending: Option<Ending>,
    },
    /// A later attempt has taken the run over, so that the worker of the earlier one is fenced off.
    Superseded,
}

impl Refusal {
    /// Returns the stable code of the refusal in the API.
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

    /// Returns the refusal of one invalid value, at a JSON pointer.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Refusal {
        Refusal::InvalidRequest { errors: vec![Invalid::new(pointer, detail)] }
    }
}
