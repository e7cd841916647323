//! What the API takes and gives. The server answers with these very types, so that the two cannot drift apart.
//!
//! Credits are whole numbers, instants RFC 3339 in UTC, durations seconds; answers may grow, unknown input is refused.

mod holds;

pub use holds::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// What is on it.
    pub data: Vec<T>,
    /// Where the next page starts; absent on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Workspace {
    /// `ws_…`
    pub id: String,
    /// Shown on pages.
    pub name: String,
    /// The owner's e-mail.
    pub owner_email: String,
    /// The operator's own id for it.
    pub external_id: Option<String>,
    /// `test` or `live`.
    pub mode: String,
    /// The plan.
    pub plan: String,
    /// `week`, `month` or `year`; absent on a plan that is never paid for.
    pub interval: Option<String>,
    /// `active`, `canceling` or `frozen`.
    pub status: String,
    /// Why it is frozen.
    pub frozen_reason: Option<String>,
    /// The test clock it stands on.
    pub test_clock: Option<String>,
    /// The paid period.
    pub period: Option<PeriodView>,
    /// What takes effect with the next period.
    pub pending: Option<PendingChange>,
    /// Approved reviews.
    pub approvals: Vec<String>,
    /// The catalog version it is on.
    pub catalog_version: u32,
    /// When it was opened.
    pub created_at: String,
}

/// A paid period, half open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PeriodView {
    /// Its first instant.
    pub start: String,
    /// Its end, which belongs to the next.
    pub end: String,
}

/// A plan change that waits for the period's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PendingChange {
    /// The plan.
    pub plan: String,
    /// The interval.
    pub interval: String,
}

/// The person a workspace belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// E-mail.
    pub email: String,
}

/// A review the operator approves, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The review.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub review: String,
    /// Why.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}

/// A workspace to be opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    /// Shown on pages.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// Who owns it.
    #[serde(deserialize_with = "crate::strict::object")]
    pub owner: Owner,
    /// The operator's own id for it; at most one workspace has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `test` (the default) or `live`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The test clock it stands on; only in test mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<String>,
    /// The plan, billed by hand; absent is the free plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The interval; may be left out where the plan has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The credits of a period on a plan agreed by contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub allowance: Option<i64>,
    /// Reviews approved with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::strict::list")]
    pub approve: Vec<Approval>,
}

/// Real or play credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// For trying things.
    Test,
    /// For real.
    Live,
}

/// How often a plan is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// 7 × 24 hours.
    Week,
    /// A calendar month.
    Month,
    /// Twelve calendar months.
    Year,
}

/// What to change of a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkspaceChange {
    /// The new name.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: String,
}

/// A plan to be on, billed by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// The plan.
    pub plan: String,
    /// The interval; may be left out where the plan has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The credits of a period on a plan agreed by contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub allowance: Option<i64>,
    /// Reviews approved with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::strict::list")]
    pub approve: Vec<Approval>,
}

/// Whether a workspace may start anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FreezeRequest {
    /// `true` freezes, `false` thaws.
    pub frozen: bool,
    /// Why; required to freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Credits to be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// A pack of the catalog that was sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// Or so many units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub amount: Option<i64>,
    /// Of `credits` (the default) or `training`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<GrantUnit>,
    /// Why. People see it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
    /// What was paid, or the operator's own name for the gift: granted once, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// From when on it is dead; not with a pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The only models it pays for; not with a pack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

/// What an operator can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantUnit {
    /// The shared balance.
    Credits,
    /// The training allowance.
    Training,
}

/// Why a grant is voided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VoidRequest {
    /// In words.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Grant {
    /// `gr_…`
    pub id: String,
    /// Its name in the catalog.
    pub code: String,
    /// `credits`, `training` or `runs`.
    pub unit: String,
    /// `cycle`, `rollover`, `lifetime`, `trial`, `pack`, `bonus`, `goodwill`, `returned` or `reinstated`.
    pub kind: String,
    /// What it was made from.
    pub source: String,
    /// The only models it pays for; empty is all.
    pub scope: Vec<String>,
    /// Its place in the draw order, lowest first.
    pub rank: u8,
    /// Its size.
    pub granted: i64,
    /// Free to be spent.
    pub available: i64,
    /// Under open holds.
    pub held: i64,
    /// Spent.
    pub captured: i64,
    /// Lost to the calendar.
    pub expired: i64,
    /// Taken back.
    pub revoked: i64,
    /// When it was made.
    pub starts_at: String,
    /// From when on it is dead.
    pub expires_at: Option<String>,
}

/// What is available and held of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnitBalance {
    /// Free to be spent.
    pub available: i64,
    /// Under open holds.
    pub held: i64,
}

/// A balance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Balance {
    /// Credits free to be spent.
    pub available: i64,
    /// Credits under open holds.
    pub held: i64,
    /// Credits that refunds and disputes left owing.
    pub debt: i64,
    /// The same for every unit there is.
    pub units: BTreeMap<String, UnitBalance>,
    /// When the next allowance comes.
    pub renews_at: Option<String>,
    /// When the last one came.
    pub renewed_at: Option<String>,
    /// Where it all is; spent and dead grants are left out.
    pub grants: Vec<Grant>,
}

/// A model as the workspace's plan sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelEntitlement {
    /// The model.
    pub id: String,
    /// Its name on a page.
    pub name: String,
    /// `image`, `video` or `weights`.
    pub output: String,
    /// Whether the plan keeps it shut.
    pub locked: bool,
    /// Why: `MODEL_TIER_REQUIRED`, `TRIAL_EXHAUSTED` or `ALLOWANCE_EXHAUSTED`.
    pub reason: Option<String>,
    /// The plans that include it.
    pub plans_that_include: Vec<String>,
    /// Free runs left in a trial.
    pub trial_runs_left: Option<i64>,
    /// When an open trial window ends.
    pub trial_window_ends_at: Option<String>,
    /// Whether a trial window would open with the next run.
    pub trial_window_unopened: bool,
    /// Runs left today, where the plan limits them.
    pub runs_left_today: Option<u32>,
}

/// The bounds of a plan; what is absent is unlimited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Requests in any 60 seconds.
    pub requests_per_minute: Option<u32>,
    /// Runs open at once.
    pub concurrency: Option<u32>,
    /// Images in one run.
    pub batch: Option<u32>,
    /// Bytes of stored outputs.
    pub storage_bytes: Option<u64>,
    /// Bytes that are stored now.
    pub stored_bytes: u64,
    /// People.
    pub members: Option<u32>,
    /// How long outputs are kept.
    pub retention: Option<String>,
    /// The highest parameter level.
    pub level: Option<String>,
    /// The queue lane.
    pub lane: Option<String>,
}

/// What a workspace may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entitlements {
    /// The plan.
    pub plan: String,
    /// Every model.
    pub models: Vec<ModelEntitlement>,
    /// The plan's bounds.
    pub limits: Limits,
    /// Allowances beside credits.
    pub allowances: BTreeMap<String, UnitBalance>,
    /// Capabilities a key may have.
    pub ceiling: Vec<String>,
    /// What else is in the plan.
    pub features: Vec<String>,
}

/// A line of a price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Line {
    /// What it is for.
    pub text: String,
    /// What it comes to.
    pub credits: i64,
}

/// A price to be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewQuote {
    /// The model.
    pub model: String,
    /// What is asked of it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// A price for exact parameters, good for 15 minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quote {
    /// `qt_…`, to be cited by a run.
    pub id: String,
    /// The model.
    pub model: String,
    /// The parameters as they were understood, defaults filled in.
    pub params: serde_json::Value,
    /// The price; in the model's unit.
    pub credits: i64,
    /// What the price counts.
    pub unit: String,
    /// Its breakdown.
    pub lines: Vec<Line>,
    /// What cancelling costs once the run is running: `none`, `full` or `elapsed` comes back.
    pub cancel: String,
    /// Until when it is good.
    pub expires_at: String,
    /// The catalog version of the price.
    pub catalog_version: u32,
    /// Whether the run would be accepted now.
    pub allowed: bool,
    /// Why not: a code and its members.
    pub refusal: Option<serde_json::Value>,
    /// Credits that would be left.
    pub balance_after: Option<i64>,
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// The model.
    pub model: String,
    /// What is asked of it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: serde_json::Map<String, serde_json::Value>,
    /// The quote whose price is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// What the sandbox provider is to do; only in test mode.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::strict::maybe")]
    pub sandbox: Option<Sandbox>,
    /// The caller's own words; at most 50 of them.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// What the sandbox provider is to do with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// How it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<SandboxOutcome>,
    /// After so many seconds.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 86400))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// How much of `images` or `duration` is delivered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, u32>,
}

/// How a sandboxed run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SandboxOutcome {
    /// With usable output.
    Succeed,
    /// With an error of the provider.
    Fail,
    /// Never; its deadline ends it.
    Timeout,
    /// With output that cannot be used.
    Unusable,
    /// With a refusal by a filter.
    Refused,
}

/// What became of a run's credits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunCredits {
    /// The price.
    pub quoted: i64,
    /// Held now.
    pub held: i64,
    /// Spent.
    pub captured: i64,
    /// Given back.
    pub released: i64,
}

/// A stored output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunOutput {
    /// `as_…`
    pub asset: String,
    /// A signed address of the file, good for an hour.
    pub url: String,
    /// IANA media type.
    pub content_type: String,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunError {
    /// `TIMEOUT`, `PROVIDER_ERROR`, `REFUSED`, `UNUSABLE_OUTPUT` or `CANCELED`.
    pub code: String,
    /// In words.
    pub detail: String,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Run {
    /// `run_…`
    pub id: String,
    /// `model`.
    pub kind: String,
    /// The model.
    pub model: String,
    /// `queued`, `running`, `succeeded`, `partial`, `failed` or `canceled`.
    pub status: String,
    /// What was asked of it, defaults filled in.
    pub params: serde_json::Value,
    /// What became of its credits.
    pub credits: RunCredits,
    /// What the price counts.
    pub unit: String,
    /// The price's breakdown.
    pub lines: Vec<Line>,
    /// `runs` or `window` when it used a trial.
    pub trial: Option<String>,
    /// What was stored.
    pub outputs: Vec<RunOutput>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// The caller's own words.
    pub metadata: BTreeMap<String, String>,
    /// The catalog version of the price.
    pub catalog_version: u32,
    /// When it was accepted.
    pub created_at: String,
    /// When it was first handed to a worker.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// When it is given up.
    pub expires_at: String,
}

/// An amount that moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Posting {
    /// What is counted.
    pub unit: String,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// How much.
    pub amount: i64,
}

/// A journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entry {
    /// `en_…`
    pub id: String,
    /// Its place in the workspace, from 1.
    pub seq: u64,
    /// When it was decided.
    pub at: String,
    /// Who asked.
    pub actor: String,
    /// The command.
    pub command: String,
    /// What moved.
    pub postings: Vec<Posting>,
    /// The events, as the journal has them.
    pub events: serde_json::Value,
    /// Its hash.
    pub hash: String,
    /// The hash of the entry before.
    pub previous_hash: String,
}

/// An entry in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The entry.
    pub entry: String,
    /// When it was decided.
    pub at: String,
    /// In one sentence.
    pub summary: String,
    /// Event by event.
    pub lines: Vec<ExplanationLine>,
    /// What changed, grant by grant.
    pub balances: Vec<BalanceChange>,
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExplanationLine {
    /// When it took effect.
    pub at: String,
    /// In words.
    pub text: String,
    /// What moved.
    pub postings: Vec<Posting>,
}

/// What an entry changed in a grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BalanceChange {
    /// `gr_…`
    pub grant: String,
    /// What is counted.
    pub unit: String,
    /// Available before.
    pub available_before: i64,
    /// Available after.
    pub available_after: i64,
    /// Held before.
    pub held_before: i64,
    /// Held after.
    pub held_after: i64,
}

/// Use of one model in one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsageRow {
    /// The day, in UTC; absent when summed over days.
    pub day: Option<String>,
    /// The model; empty for holds of a plain amount; absent when summed over models.
    pub model: Option<String>,
    /// What is counted.
    pub unit: String,
    /// Runs and holds that ended.
    pub runs: i64,
    /// How many of them delivered nothing.
    pub failed: i64,
    /// What was spent.
    pub captured: i64,
}

/// Use between two days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// `day`, `model` or both.
    pub rows: Vec<UsageRow>,
}

/// A test clock to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTestClock {
    /// Shown in lists.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it starts; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

/// Where a test clock is to go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdvanceRequest {
    /// An instant after its own.
    pub to: String,
}

/// A test clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TestClock {
    /// `tc_…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// What time it is there.
    pub now: String,
}

/// A catalog version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CatalogVersion {
    /// Counts from 1.
    pub version: u32,
    /// Since when it is in force for renewals.
    pub published_at: String,
    /// Of its text.
    pub sha256: String,
    /// Who published it.
    pub actor: String,
}

/// A catalog to be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewCatalog {
    /// The whole TOML file.
    pub toml: String,
}

/// What a pricing page needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PublicCatalog {
    /// The product.
    pub name: String,
    /// The version in force.
    pub version: u32,
    /// The plan of a workspace without a subscription.
    pub free_plan: String,
    /// Plans, lowest first.
    pub plans: Vec<serde_json::Value>,
    /// Packs.
    pub packs: Vec<serde_json::Value>,
    /// Models with their prices and parameters.
    pub models: Vec<serde_json::Value>,
}

/// A refusal or an error, as RFC 9457 has it. Codes have members of their own beside these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:scrip:problem:` and the code in lower case.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What to do, in words.
    pub detail: String,
    /// The request, for asking about it.
    pub request_id: String,
}
