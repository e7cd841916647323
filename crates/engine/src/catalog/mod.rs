//! The catalog: plans, prices, packs, models, rates and trials as immutable data.
//!
//! A product is one TOML file and its versions. [`parse`] reads a file and reports every error it can find with its
//! line; nothing else in the engine looks at TOML.
//!
//! Invariant: a [`Catalog`] that exists has passed every check in `check.rs`, so that the rest of the engine may rely
//! on it: plan, model and parameter names resolve, rates are positive, amounts are in range.

mod check;
mod layout;
mod param;
mod parse;
mod rate;
mod versions;
mod wording;

pub use param::{Above, Param, Params, Value};
pub use parse::{Problem, parse, parse_published};
pub use rate::Thousandths;
pub use versions::{Catalogs, Clocks, Published};
pub(crate) use wording::nearest;

use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{Interval, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A name in a catalog: lower-case letters, digits, `-`, `_` and `.`.
pub type Name = Arc<str>;

/// One product: everything a catalog file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Catalog {
    /// The product's name.
    pub name: Name,
    /// The plan of a workspace that has no subscription.
    pub free_plan: Name,
    /// How long credits live that come back from a hold after their grant has died; `"0 hours"` lets them expire (R17).
    #[serde(default = "default_release_grace")]
    pub release_grace: Span,
    /// How long a renewal may be unpaid before the workspace goes to the free plan (R4).
    #[serde(default = "default_payment_grace")]
    pub payment_grace: Span,
    /// Time for which a run inside a paid period costs no more than before its rate was raised (R33).
    #[serde(default)]
    pub rate_notice: Option<Span>,
    /// Time between the mail about a higher price and the first renewal that costs it (R33).
    #[serde(default = "default_price_notice")]
    pub price_notice: Span,
    /// Time after a period's end for which the rest of its credits can be spent while its renewal is collected, at most
    /// `payment_grace`; 2 hours unless it is written (R4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_bridge: Option<Span>,
    /// Time after a period's end for which a payment may be on its way before the workspace goes to the free plan: a
    /// debit takes days (R4).
    #[serde(default = "default_processing_grace")]
    pub processing_grace: Span,
    /// The side that finalizes the invoice of a renewal (R4).
    #[serde(default)]
    pub finalize: Finalize,
    /// How long before a pack or a gift expires its owner is told.
    #[serde(default = "default_expiry_notice")]
    pub expiry_notice: Span,
    /// What an upgrade does with the rest of the old cycle (R31).
    #[serde(default)]
    pub on_upgrade: OnUpgrade,
    /// Draw ranks by kind of grant, lowest first; what is not named ranks 1, cycle grants 0 (R5).
    #[serde(default)]
    pub ranks: BTreeMap<GrantKind, u8>,
    /// Parameter levels, lowest first; a parameter above a plan's level is not available to it.
    #[serde(default)]
    pub levels: Vec<Name>,
    /// Queue lanes, slowest first, with their weights.
    #[serde(default)]
    pub lanes: Vec<Lane>,
    /// Below this many available credits a workspace is warned.
    #[serde(default)]
    pub low_balance: Option<Amount>,
    /// Where a refused person can go.
    #[serde(default)]
    pub links: Links,
    /// Plans, lowest first: the order is the plans' rank.
    #[serde(rename = "plan")]
    pub plans: Vec<Plan>,
    /// Models that can be run.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
    /// Packs of credits that can be bought.
    #[serde(default, rename = "pack")]
    pub packs: Vec<Pack>,
    /// Sets of capabilities that keys are made with by name.
    #[serde(default, rename = "preset")]
    pub presets: Vec<Preset>,
}

fn default_release_grace() -> Span {
    Span::Micros(crate::kernel::time::DAY)
}

fn default_payment_grace() -> Span {
    Span::Micros(crate::kernel::time::DAY)
}

fn default_price_notice() -> Span {
    Span::Micros(30 * crate::kernel::time::DAY)
}

fn default_processing_grace() -> Span {
    Span::Micros(14 * crate::kernel::time::DAY)
}

/// Bridge between a period's end and the payment of its renewal where the catalog names none, in microseconds.
const RENEWAL_BRIDGE: i64 = 2 * 60 * 60 * crate::kernel::time::SECOND;

/// The side that finalizes and collects the invoice of a renewal, which Stripe makes as a draft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Finalize {
    /// Scrip, as soon as the draft exists, where every line of it is Scrip's.
    #[default]
    Scrip,
    /// Stripe, an hour after it made the draft.
    Stripe,
}

fn default_expiry_notice() -> Span {
    Span::Micros(7 * crate::kernel::time::DAY) // # assumed
}

/// What an upgrade does with the rest of the old cycle (R31).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OnUpgrade {
    /// It keeps the date it was promised.
    #[default]
    Carry,
    /// It expires with the upgrade.
    Forfeit,
}

/// Why a grant exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum GrantKind {
    /// A period's allowance.
    Cycle,
    /// What a period's allowance left over, where the catalog allows a rollover.
    Rollover,
    /// Given once with a plan.
    Lifetime,
    /// A count trial's free runs.
    Trial,
    /// Bought.
    Pack,
    /// Given with something bought.
    Bonus,
    /// Given by the operator, with a reason.
    Goodwill,
    /// Came back from a hold after its grant had died (R17).
    Returned,
    /// Came back with a won dispute (R9).
    Reinstated,
}

impl GrantKind {
    /// The kind's name in catalogs and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            GrantKind::Cycle => "cycle",
            GrantKind::Rollover => "rollover",
            GrantKind::Lifetime => "lifetime",
            GrantKind::Trial => "trial",
            GrantKind::Pack => "pack",
            GrantKind::Bonus => "bonus",
            GrantKind::Goodwill => "goodwill",
            GrantKind::Returned => "returned",
            GrantKind::Reinstated => "reinstated",
        }
    }
}

/// A queue lane and its share of the workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lane {
    /// The lane's name.
    pub id: Name,
    /// Runs taken from this lane for each one of a lane of weight 1.
    pub weight: u32,
}

/// Where a refused person can go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Links {
    /// The page that sells a higher plan.
    #[serde(default)]
    pub upgrade: Option<String>,
    /// The page where a review is applied for.
    #[serde(default)]
    pub apply: Option<String>,
}

impl Links {
    /// Returns the links with their keys.
    fn each(&self) -> [(&'static str, Option<&str>); 2] {
        [("upgrade", self.upgrade.as_deref()), ("apply", self.apply.as_deref())]
    }

    /// Leaves out what is no link to a page. A version that was published before links were checked may have one.
    fn without_others(self) -> Links {
        let page = |link: Option<String>| link.filter(|link| is_page(link));
        Links { upgrade: page(self.upgrade), apply: page(self.apply) }
    }
}

/// Maximum length of a link, in bytes.
const LINK_MAX: usize = 2_000; // # assumed

/// Returns `true` for a link that leads to a page wherever it is shown: an https address, or a path of the product's
/// own.
fn is_page(link: &str) -> bool {
    let is_letter = |letter: char| !letter.is_control() && !letter.is_whitespace() && !"\"<>\\^`{|}".contains(letter);
    if link.is_empty() || link.len() > LINK_MAX || !link.chars().all(is_letter) {
        return false;
    }
    if let Some(rest) = link.strip_prefix("https://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return !host.is_empty() && !host.starts_with(':') && !host.contains('@');
    }
    // What stands before a colon would be a scheme, and two strokes another host.
    let first = link.split(['/', '?', '#']).next().unwrap_or_default();
    !first.contains(':') && !link.starts_with("//")
}

/// What a workspace subscribes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// The plan's name in the API.
    pub id: Name,
    /// The plan's name on a page.
    pub name: String,
    /// Capabilities a key may have under this plan (R26).
    #[serde(default)]
    pub ceiling: Vec<String>,
    /// Reviews that must be approved before the plan can be bought (R25).
    #[serde(default)]
    pub requires: Vec<Name>,
    /// Requests a workspace may make in 60 seconds; absent is unlimited (R27).
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Runs a workspace may have open at once; absent is unlimited.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// Images one run may make; absent is unlimited.
    #[serde(default)]
    pub batch: Option<u32>,
    /// Bytes of stored outputs, in gigabytes of 10^9; absent is unlimited (R29).
    #[serde(default)]
    pub storage_gb: Option<u32>,
    /// How long an output is kept; absent is for as long as the workspace.
    #[serde(default)]
    pub retention: Option<Span>,
    /// People a workspace may have; absent is unlimited, 1 is its owner alone.
    #[serde(default)]
    pub members: Option<u32>,
    /// The queue lane of its runs.
    #[serde(default)]
    pub lane: Option<Name>,
    /// The highest parameter level it may use.
    #[serde(default)]
    pub level: Option<Name>,
    /// Things that are in the plan or not, by name.
    #[serde(default)]
    pub features: Vec<Name>,
    /// Sold by contract only: the allowance is agreed per workspace.
    #[serde(default)]
    pub custom: bool,
    /// Granted once, when a workspace first comes to the plan.
    #[serde(default)]
    pub once: Vec<GrantTemplate>,
    /// What the plan costs and gives, by interval. A plan without prices is never paid for.
    #[serde(default, rename = "price")]
    pub prices: Vec<Price>,
    /// Models that can be tried under this plan (R22, R23).
    #[serde(default, rename = "trial")]
    pub trials: Vec<Trial>,
    /// Models of which only so many runs a day are allowed.
    #[serde(default)]
    pub limited: Vec<Limited>,
}

/// A plan by the interval it is paid at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Price {
    /// How often it is paid.
    pub interval: Interval,
    /// ISO 4217, lower case.
    pub currency: String,
    /// In the currency's smallest unit; absent when agreed by contract.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// What each period gives.
    #[serde(default)]
    pub grants: Vec<GrantTemplate>,
}

/// A grant that a plan makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GrantTemplate {
    /// The grant's name inside the plan; a lifetime grant is made once per person and code (R8).
    #[serde(default = "default_code")]
    pub code: Name,
    /// What it counts.
    #[serde(default)]
    pub unit: Unit,
    /// How many.
    pub amount: Amount,
    /// How often; absent is once per paid period. A yearly price may grant every month (R34).
    #[serde(default)]
    pub every: Option<Interval>,
    /// How much of the rest goes on into the next period (R6).
    #[serde(default)]
    pub rollover_max: Option<Amount>,
    /// The only models it pays for; empty is all.
    #[serde(default)]
    pub models: Vec<Name>,
    /// Given with the plan rather than as its allowance.
    #[serde(default)]
    pub bonus: bool,
}

fn default_code() -> Name {
    Name::from("allowance")
}

/// A model that may be tried without credits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trial {
    /// The model.
    pub model: Name,
    /// So many runs, ever.
    #[serde(default)]
    pub runs: Option<Amount>,
    /// As many as one likes for so long, from the first run on.
    #[serde(default)]
    pub window: Option<Span>,
}

/// A model that may be run only so often a day (UTC).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limited {
    /// The model.
    pub model: Name,
    /// Runs a day.
    pub runs_per_day: u32,
}

/// Credits that can be bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pack {
    /// The pack's name in the API.
    pub id: Name,
    /// Credits it is sold as.
    pub credits: Amount,
    /// Credits given on top.
    #[serde(default)]
    pub bonus: Amount,
    /// ISO 4217, lower case.
    pub currency: String,
    /// In the currency's smallest unit.
    pub amount: Amount,
    /// How long the credits last; absent is for ever.
    #[serde(default)]
    pub expires: Option<Span>,
    /// Plans that may buy it; empty is all.
    #[serde(default)]
    pub plans: Vec<Name>,
}

/// A set of capabilities with a name (R26). One that is above the plan's ceiling is refused like its capabilities are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Preset {
    /// The preset's name in the API.
    pub id: Name,
    /// The preset's name on a page.
    pub name: String,
    /// What a key made with it may do.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Everything the plan's ceiling has when the key is made, instead of a list.
    #[serde(default)]
    pub ceiling: bool,
}

/// What a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Output {
    /// Still pictures.
    Image,
    /// Moving pictures.
    Video,
    /// The weights of a trained model.
    Weights,
}

/// Something that can be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Model {
    /// The model's name in the API.
    pub id: Name,
    /// The model's name on a page.
    pub name: String,
    /// What it makes.
    pub output: Output,
    /// What it is paid in.
    #[serde(default)]
    pub unit: Unit,
    /// Plans that include it; empty is all (R24).
    #[serde(default)]
    pub plans: Vec<Name>,
    /// What it costs. A model without a price cannot be in a catalog (R11).
    pub rate: Rate,
    /// What makes it dearer or cheaper.
    #[serde(default, rename = "adjust")]
    pub adjusts: Vec<Adjust>,
    /// What can be asked of it.
    #[serde(default)]
    pub params: BTreeMap<Name, Param>,
    /// When a run that has not ended is given up and its hold released.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// What cancelling a running run costs (R20).
    #[serde(default)]
    pub cancel: CancelRule,
}

fn default_timeout() -> Span {
    Span::Micros(60 * 60 * crate::kernel::time::SECOND)
}

/// A price per thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rate {
    /// Credits for each; a whole number, or a string with up to three decimals such as `"0.5"`.
    pub credits: Thousandths,
    /// What is counted.
    pub per: Per,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Per {
    /// Images asked for: the parameter `images`.
    Image,
    /// Seconds asked for: the parameter `duration`, times `images` where the model has both.
    Second,
    /// The run, whatever it is asked for.
    Call,
}

/// A change to a model's price, in the order of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Adjust {
    /// Parameter values it applies to, all of them; empty is always.
    #[serde(default)]
    pub when: BTreeMap<Name, Value>,
    /// Multiplies the base line.
    #[serde(default)]
    pub times: Option<Thousandths>,
    /// A line of its own: credits for each `per`.
    #[serde(default)]
    pub add: Option<Thousandths>,
    /// What `add` counts: `image`, `second`, `call`, or the name of a list parameter.
    #[serde(default)]
    pub per: Option<Name>,
}

/// What cancelling a running run costs (R20). A queued run is always released in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CancelRule {
    /// Nothing comes back.
    None,
    /// Everything comes back.
    #[default]
    Full,
    /// The share of the time-out that has not passed comes back.
    Elapsed,
}

impl CancelRule {
    /// The rule's name in catalogs and quotes.
    pub const fn name(self) -> &'static str {
        match self {
            CancelRule::None => "none",
            CancelRule::Full => "full",
            CancelRule::Elapsed => "elapsed",
        }
    }
}

impl Catalog {
    /// The plan of this name.
    pub fn plan(&self, id: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| &*plan.id == id)
    }

    /// The plan of a workspace without a subscription.
    pub fn free(&self) -> &Plan {
        self.plan(&self.free_plan).expect("check.rs: free_plan names a plan")
    }

    /// The model of this name.
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| &*model.id == id)
    }

    /// The pack of this name.
    pub fn pack(&self, id: &str) -> Option<&Pack> {
        self.packs.iter().find(|pack| &*pack.id == id)
    }

    /// Returns the end of the bridge that begins with a period's end: never behind the end of the grace (R4).
    pub fn bridge_after(&self, end: Timestamp) -> Timestamp {
        end.after(self.bridge()).min(end.after(self.payment_grace))
    }

    /// Returns the length of the bridge from a period's end to the payment of its renewal (R4).
    pub fn bridge(&self) -> Span {
        self.renewal_bridge.unwrap_or(Span::Micros(RENEWAL_BRIDGE))
    }

    /// A plan's place in the order of the file; higher is more. Unknown plans rank below all.
    pub fn plan_rank(&self, id: &str) -> Option<usize> {
        self.plans.iter().position(|plan| &*plan.id == id)
    }

    /// The draw rank of a kind of grant (R5).
    pub fn rank(&self, kind: GrantKind) -> u8 {
        self.ranks.get(&kind).copied().unwrap_or(u8::from(kind != GrantKind::Cycle))
    }

    /// A parameter level's place in the catalog's order.
    pub fn level(&self, name: &str) -> Option<usize> {
        self.levels.iter().position(|level| &**level == name)
    }
}

impl Plan {
    /// The plan's price at an interval.
    pub fn price(&self, interval: Interval) -> Option<&Price> {
        self.prices.iter().find(|price| price.interval == interval)
    }

    /// Bytes of outputs the plan stores; `None` is unlimited.
    pub fn storage_bytes(&self) -> Option<u64> {
        self.storage_gb.map(|gigabytes| u64::from(gigabytes) * 1_000_000_000)
    }
}
