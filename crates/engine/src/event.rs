//! What happened: the journal's content.
//!
//! Events are for ever: variants and fields are only added, and new fields have defaults
//! (`tests/golden/events.jsonl` has one of each, and must decode as long as there is an engine).
//!
//! Invariant: an event carries every fact that folding needs; folding never looks at a catalog.

use crate::catalog::{CancelRule, GrantKind, Name, Output, Params};
use crate::grants::CostBasis;
use crate::holds::{Part, TrialUse};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{Interval, Timestamp};
use crate::notices::Notice;
use crate::payments::Paid;
use crate::payments::event::BillingEvent;
use crate::plans::subscription::{Period, Repriced};
use crate::runs::quote::Line;
use crate::team::event::TeamEvent;
use crate::team::{Spender, Tenancy};
use crate::workspace::{Mode, Profile};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An event and the instant it took effect, which for what falls due is its due instant, not that of the entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated(
    /// When.
    pub Timestamp,
    /// What.
    pub Event,
);

/// Why a period started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// A first subscription.
    New,
    /// A higher plan, or a longer interval of the same, at once (R31).
    Upgrade,
    /// A lower plan, or a shorter interval of the same, at the period's end (R31).
    Change,
    /// The next period of the same.
    Renewal,
    /// The rest of a carried period, when what took its place has ended (R31).
    Resumed,
}

/// What became of one part of a hold. The sum is the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The grant it was taken from.
    pub grant: u32,
    /// Spent.
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub captured: Amount,
    /// Back in the grant.
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub released: Amount,
    /// Lost, because the grant has died; what the grace gives back is a grant of its own (R17).
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub expired: Amount,
    /// Taken back, because the grant is owed (R9).
    #[serde(default, skip_serializing_if = "Amount::is_zero_ref")]
    pub revoked: Amount,
}

impl Amount {
    fn is_zero_ref(&self) -> bool {
        self.is_zero()
    }
}

/// A stored output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// IANA media type.
    pub content_type: String,
    /// Size.
    pub bytes: u64,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// All that was asked for was delivered.
    Succeeded,
    /// A usable share of it was (R13).
    Partial,
    /// Nothing usable was (R14).
    Failed,
    /// The caller gave it up (R20).
    Canceled,
}

impl RunStatus {
    /// The status in the API.
    pub const fn name(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
            RunStatus::Canceled => "canceled",
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable code.
    pub code: FailureCode,
    /// In words.
    pub detail: String,
}

/// The kinds of failure. None of them costs anything (R14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// It had not ended by its deadline.
    Timeout,
    /// The provider said no or broke.
    ProviderError,
    /// A filter refused the request or its output.
    Refused,
    /// What came cannot be used: empty, undecodable, of the wrong kind, size or duration.
    UnusableOutput,
    /// The caller gave it up.
    Canceled,
}

impl FailureCode {
    /// The code in the API.
    pub const fn name(self) -> &'static str {
        match self {
            FailureCode::Timeout => "TIMEOUT",
            FailureCode::ProviderError => "PROVIDER_ERROR",
            FailureCode::Refused => "REFUSED",
            FailureCode::UnusableOutput => "UNUSABLE_OUTPUT",
            FailureCode::Canceled => "CANCELED",
        }
    }
}

/// What the sandbox provider is told to do with a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// How it ends.
    #[serde(default)]
    pub outcome: ScriptedOutcome,
    /// After so many seconds.
    #[serde(default)]
    pub after: u32,
    /// How much of `images` or `duration` is delivered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, u32>,
}

/// How a scripted run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptedOutcome {
    /// With usable output.
    #[default]
    Succeed,
    /// With an error of the provider.
    Fail,
    /// Never.
    Timeout,
    /// With output that cannot be used.
    Unusable,
    /// With a refusal by a filter.
    Refused,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The workspace was opened on the free plan.
    WorkspaceOpened {
        /// Real or play credits.
        mode: Mode,
        /// The test clock it stands on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_clock: Option<i64>,
        /// What people know it by.
        profile: Profile,
        /// The catalog version it starts on.
        catalog: u32,
        /// The free plan.
        plan: Name,
        /// Whether its owner may have what is given once per person (R8).
        lifetime_allowed: bool,
        /// Whether it is one person's or may have others.
        #[serde(default, skip_serializing_if = "Tenancy::is_team")]
        tenancy: Tenancy,
    },
    /// It got another name.
    Renamed {
        /// The new name.
        name: String,
    },
    /// A review was approved (R25).
    ReviewApproved {
        /// The review.
        review: Name,
        /// Why.
        reason: String,
    },
    /// A paid period started.
    PeriodStarted {
        /// The plan.
        plan: Name,
        /// The catalog version it is on from here (R33).
        catalog: u32,
        /// Why.
        why: Start,
        /// The period.
        period: Period,
        /// The allowance agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
        /// What it was paid with; nothing where the operator says what is paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<Paid>,
    },
    /// A monthly grant inside a paid year fell due (R34).
    MonthStarted {
        /// The number of the next one, from the anchor.
        next_month: u32,
        /// Place of the carried period whose month it is; `None` for the current period's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carried: Option<u32>,
    },
    /// A paid period goes on beside the current one, with its dates: another takes its place before its end, or it is
    /// paid for while a higher plan is (R31).
    PeriodCarried {
        /// The plan.
        plan: Name,
        /// Catalog version that it was sold with.
        catalog: u32,
        /// The period.
        period: Period,
        /// The allowance agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
        /// Payment of it; `None` where the operator said that it was paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<Paid>,
        /// True if it was the current one.
        replaced: bool,
        /// Numbers of the grants that it had then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        grants: Vec<u32>,
    },
    /// The paid plan ended and the free plan took its place.
    SubscriptionEnded {
        /// The free plan.
        plan: Name,
        /// The catalog version it is on from here.
        catalog: u32,
        /// Because its renewal was not paid (R4).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unpaid: bool,
    },
    /// Another plan or interval takes effect with the next period (R31).
    ChangeScheduled {
        /// The plan.
        plan: Name,
        /// The interval.
        interval: Interval,
        /// The allowance agreed by contract.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowance: Option<Amount>,
    },
    /// The plan ends with its period (R32).
    CancelScheduled,
    /// Neither does.
    ScheduleCleared,
    /// The workspace moved to the terms of another catalog version: without a paid period when the version came into
    /// force, with one by a migration (R33).
    CatalogMigrated {
        /// The version whose limits and gates apply from here on.
        catalog: u32,
        /// The version that the paid period was sold with, whose grants stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sold: Option<u32>,
        /// The free plan of that version, where the workspace's own is not in it any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Name>,
        /// The price that later renewals change to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repriced: Option<Repriced>,
    },
    /// A grant was made.
    GrantIssued {
        /// Its number.
        grant: u32,
        /// Its name in the catalog, or the operator's.
        code: Name,
        /// Why it exists.
        kind: GrantKind,
        /// What it counts.
        unit: Unit,
        /// How much.
        amount: Amount,
        /// The only models it pays for; empty is all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        models: Vec<Name>,
        /// Its place in the draw order.
        rank: u8,
        /// What it was made from (R7).
        source: Name,
        /// What it cost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_basis: Option<CostBasis>,
        /// From when on it is dead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// When its owner is to be told that it will expire.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice_at: Option<Timestamp>,
        /// The grant it continues: one that died under a hold, or one whose dispute was won.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u32>,
        /// Why, in the operator's words (R10).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// What was available of a grant expired.
    GrantExpired {
        /// The grant.
        grant: u32,
        /// How much.
        amount: Amount,
    },
    /// What was available of a grant was taken back, and what more is to be (R9, R10).
    GrantRevoked {
        /// The grant.
        grant: u32,
        /// Taken now.
        amount: Amount,
        /// What refunds and disputes take back in all.
        reclaim: Amount,
        /// A correction: whatever is left is taken, now and when its holds end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        voided: bool,
        /// Why.
        reason: String,
    },
    /// A new grant paid a debt (R9).
    DebtRepaid {
        /// The grant that paid.
        grant: u32,
        /// The grant whose shortfall it was; `None` for one that is forgotten.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owed_by: Option<u32>,
        /// How much.
        amount: Amount,
    },
    /// A payment is in dispute: new runs are refused until it is closed (R9).
    DisputeOpened {
        /// The payment.
        source: Name,
    },
    /// It no longer is.
    DisputeClosed {
        /// The payment.
        source: Name,
    },
    /// The operator froze the workspace.
    Frozen {
        /// Why.
        reason: Name,
    },
    /// The operator thawed it.
    Unfrozen,
    /// A run was accepted: quoted, held and queued in one (R11).
    RunQueued {
        /// Its number.
        run: u32,
        /// The model.
        model: Name,
        /// What it makes.
        output: Output,
        /// What was asked of it.
        params: Params,
        /// The catalog version of the price.
        catalog: u32,
        /// What it counts.
        unit: Unit,
        /// The price.
        quoted: Amount,
        /// Its breakdown.
        lines: Vec<Line>,
        /// Where the hold was taken from, in order.
        parts: Vec<Part>,
        /// How much was asked for, in what the rate counts.
        asked: u64,
        /// When it is given up.
        expires_at: Timestamp,
        /// What cancelling it costs once it runs.
        cancel: CancelRule,
        /// The trial it uses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<TrialUse>,
        /// The window it opens, and until when (R23).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens_until: Option<Timestamp>,
        /// The day whose limit it counts against.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited_day: Option<i64>,
        /// What the sandbox is told to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sandbox: Option<Script>,
        /// The caller's own words.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<String, String>,
        /// Whose caps it counts against; nobody's, when the operator asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Spender>,
    },
    /// It was handed to a worker.
    RunStarted {
        /// The run.
        run: u32,
        /// Which time; a worker of an earlier one is fenced off.
        attempt: u32,
    },
    /// It ended (R15).
    RunSettled {
        /// The run.
        run: u32,
        /// How.
        status: RunStatus,
        /// Spent.
        captured: Amount,
        /// Given back, wherever to.
        released: Amount,
        /// What became of each part.
        ends: Vec<End>,
        /// How much was delivered, in what the rate counts.
        delivered: u64,
        /// What was stored.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outputs: Vec<OutputFile>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// An outcome came after the end: recorded, and the operator's loss if it was a success (R15, R19).
    OutcomeIgnored {
        /// The run.
        run: u32,
        /// Whether it would have been a success.
        usable: bool,
    },
    /// A product that dispatches itself holds credits.
    HoldOpened {
        /// Its number.
        hold: u32,
        /// The caller's name for it.
        reference: String,
        /// The model it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<Name>,
        /// What it counts.
        unit: Unit,
        /// How much.
        amount: Amount,
        /// Where it was taken from, in order.
        parts: Vec<Part>,
        /// How much was asked for, in what the rate counts; 1 for a plain amount.
        asked: u64,
        /// When it is given up.
        expires_at: Timestamp,
        /// The trial it uses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<TrialUse>,
        /// The window it opens, and until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens_until: Option<Timestamp>,
        /// The day whose limit it counts against.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited_day: Option<i64>,
        /// The member or key it is for; nobody, when the operator named none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Spender>,
    },
    /// It may last longer.
    HoldExtended {
        /// The hold.
        hold: u32,
        /// When it is given up now.
        expires_at: Timestamp,
    },
    /// It ended (R15).
    HoldEnded {
        /// The hold.
        hold: u32,
        /// Spent.
        captured: Amount,
        /// Given back, wherever to.
        released: Amount,
        /// What became of each part.
        ends: Vec<End>,
        /// Nobody ended it in time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        expired: bool,
        /// The caller got what it was for; a hold of nothing, inside a window, is captured for nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        usable: bool,
    },
    /// Something about who belongs to the workspace.
    Team(TeamEvent),
    /// Something about what is paid for it.
    Billing(BillingEvent),
    /// Something its people are told.
    Notice(Notice),
    /// A time trial's opening was withdrawn, because nothing usable came of it (R23).
    WindowWithdrawn {
        /// The plan.
        plan: Name,
        /// The model.
        model: Name,
    },
}
