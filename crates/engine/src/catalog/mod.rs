//! The catalog: plans, prices, packs, models, rates and trials as immutable data.
//!
//! A product is one TOML file and its versions. [`parse`] reads a file and reports every error it can find with its
//! line; nothing else in the engine reads TOML.
//!
//! Invariant: a [`Catalog`] that exists has passed every check in `check.rs`, so that the rest of the engine may rely
//! on it: plan, model and parameter names resolve, rates are positive, amounts are in range.

mod check;
mod layout;
mod messages;
mod param;
mod parse;
mod rate;
mod versions;

pub(crate) use messages::nearest;
pub use param::{Above, Param, Params, Value};
pub use parse::{Problem, parse, parse_published};
pub use rate::Thousandths;
pub use versions::{Catalogs, Clocks, PublishedCatalog};

use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{Interval, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name in a catalog: lower-case letters, digits, `-`, `_` and `.`.
pub type Name = Arc<str>;

/// One product: everything that a catalog file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Catalog {
    /// Name of the product: lower-case letters, digits, `-`, `_` and `.`.
    pub name: Name,
    /// Plan of a workspace that has no subscription.
    pub free_plan: Name,
    /// Time for which credits live that come back from a hold after their grant has expired; `"0 hours"` lets them
    /// expire at once (R17).
    #[serde(default = "default_release_grace")]
    pub release_grace: Span,
    /// Time for which a renewal may be unpaid before the workspace goes to the free plan (R4).
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
    /// Time before the expiry of a pack or a gift at which its owner is notified.
    #[serde(default = "default_expiry_notice")]
    pub expiry_notice: Span,
    /// Rule for the rest of the old cycle at an upgrade (R31).
    #[serde(default)]
    pub on_upgrade: OnUpgrade,
    /// Draw ranks by kind of grant, lowest first; a kind that is not listed ranks 1, cycle grants 0 (R5).
    #[serde(default)]
    pub ranks: BTreeMap<GrantKind, u8>,
    /// Parameter levels, lowest first; a parameter above a plan's level is not available to the plan.
    #[serde(default)]
    pub levels: Vec<Name>,
    /// Lanes for runs, slowest first, with their weights.
    #[serde(default)]
    pub lanes: Vec<Lane>,
    /// Number of available credits below which a workspace is warned.
    #[serde(default)]
    pub low_balance: Option<Amount>,
    /// Pages to which a refused caller is sent.
    #[serde(default)]
    pub links: Links,
    /// Plans, lowest first: the order of the file is the rank of the plans.
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
    /// Scrip finalizes, as soon as the draft exists, where every line of it is Scrip's.
    #[default]
    Scrip,
    /// Stripe finalizes, an hour after it made the draft.
    Stripe,
}

fn default_expiry_notice() -> Span {
    Span::Micros(7 * crate::kernel::time::DAY) // # assumed
}

/// Rule for the rest of the old cycle at an upgrade (R31).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OnUpgrade {
    /// The rest keeps the expiry that it was granted with.
    #[default]
    Carry,
    /// The rest expires with the upgrade.
    Forfeit,
}

/// Kind of a grant: the reason for which it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum GrantKind {
    /// Allowance of a period of a plan.
    Cycle,
    /// Rest of a period's allowance, where the catalog allows a rollover.
    Rollover,
    /// Credits that are given once with a plan.
    Lifetime,
    /// Free runs of a count trial.
    Trial,
    /// Credits that were bought as a pack.
    Pack,
    /// Credits that come with a plan or a pack beside what it is sold as.
    Bonus,
    /// Goodwill that the operator gave, with a reason.
    Goodwill,
    /// Units that came back from a hold after the end of their grant (R17).
    Returned,
    /// Units that a won dispute gave back (R9).
    Reinstated,
}

impl GrantKind {
    /// Returns the kind's name in catalogs and in the API.
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

/// A queue of runs, and its share of the workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lane {
    /// Name of the lane, which plans refer to.
    pub id: Name,
    /// Number of runs taken from this lane for each run of a lane of weight 1, from 1 to 1000.
    pub weight: u32,
}

/// Pages to which a refused caller is sent: https addresses, or paths of the product's own pages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Links {
    /// Page that sells a higher plan.
    #[serde(default)]
    pub upgrade: Option<String>,
    /// Page on which to apply for a review.
    #[serde(default)]
    pub apply: Option<String>,
}

impl Links {
    /// Returns the links with their keys.
    fn each(&self) -> [(&'static str, Option<&str>); 2] {
        [("upgrade", self.upgrade.as_deref()), ("apply", self.apply.as_deref())]
    }

    /// Removes links that lead to no page. A version that was published before links were checked may have one.
    fn without_others(self) -> Links {
        let page = |link: Option<String>| link.filter(|link| is_page(link));
        Links { upgrade: page(self.upgrade), apply: page(self.apply) }
    }
}

/// Maximum length of a link, in bytes.
const LINK_MAX: usize = 2_000; // # assumed

/// Returns `true` for a link that leads to a page wherever it is shown: an https address, or a path of the product's
/// own pages.
fn is_page(link: &str) -> bool {
    let is_letter = |letter: char| !letter.is_control() && !letter.is_whitespace() && !"\"<>\\^`{|}".contains(letter);
    if link.is_empty() || link.len() > LINK_MAX || !link.chars().all(is_letter) {
        return false;
    }
    if let Some(rest) = link.strip_prefix("https://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return !host.is_empty() && !host.starts_with(':') && !host.contains('@');
    }
    // Text before a colon would be a scheme, and two slashes would name another host.
    let first = link.split(['/', '?', '#']).next().unwrap_or_default();
    !first.contains(':') && !link.starts_with("//")
}

/// A plan that a workspace can subscribe to: limits, gates, trials and a ceiling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// Identifier of the plan in the API.
    pub id: Name,
    /// Name of the plan, for people.
    pub name: String,
    /// Capabilities that a key may have under this plan (R26).
    #[serde(default)]
    pub ceiling: Vec<String>,
    /// Reviews that must be approved before the plan can be bought (R25).
    #[serde(default)]
    pub requires: Vec<Name>,
    /// Number of requests that a workspace may make in 60 seconds; absent is unlimited (R27).
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Number of runs that a workspace may have open at once; absent is unlimited.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// Number of images that one run may make; absent is unlimited.
    #[serde(default)]
    pub batch: Option<u32>,
    /// Storage for outputs, in gigabytes of 10^9 bytes; absent is unlimited (R29).
    #[serde(default)]
    pub storage_gb: Option<u32>,
    /// Time for which an output is kept; absent is as long as the workspace exists.
    #[serde(default)]
    pub retention: Option<Span>,
    /// Number of people that a workspace may have; absent is unlimited, 1 is its owner alone.
    #[serde(default)]
    pub members: Option<u32>,
    /// Lane that the plan's runs wait in.
    #[serde(default)]
    pub lane: Option<Name>,
    /// Highest parameter level that the plan may use; absent is all of them.
    #[serde(default)]
    pub level: Option<Name>,
    /// Names of features of the product that the plan includes.
    #[serde(default)]
    pub features: Vec<Name>,
    /// `true` for a plan that is sold by contract only: its allowance is agreed for each workspace.
    #[serde(default)]
    pub custom: bool,
    /// Grants that are made once, when a workspace first comes to the plan.
    #[serde(default)]
    pub once: Vec<GrantTemplate>,
    /// Prices of the plan by interval, with what each grants. A plan without prices is never paid for.
    #[serde(default, rename = "price")]
    pub prices: Vec<Price>,
    /// Models that can be tried under this plan (R22, R23).
    #[serde(default, rename = "trial")]
    pub trials: Vec<Trial>,
    /// Models with a limit of runs a day.
    #[serde(default)]
    pub limited: Vec<ModelLimit>,
}

/// Price of a plan at one interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Price {
    /// Length of the period that is paid for at once.
    pub interval: Interval,
    /// ISO 4217 code of the currency, in lower case.
    pub currency: String,
    /// Amount of money, in the currency's smallest unit; absent when it is agreed by contract.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// Grants that each period makes.
    #[serde(default)]
    pub grants: Vec<GrantTemplate>,
}

/// A grant that a plan makes, each period or once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GrantTemplate {
    /// Name of the grant inside the plan; a lifetime grant is made once per person and code (R8).
    #[serde(default = "default_code")]
    pub code: Name,
    /// Unit that the grant counts: credits or training.
    #[serde(default)]
    pub unit: Unit,
    /// Number of units to grant.
    pub amount: Amount,
    /// Interval between two grants; absent is once per paid period. A yearly price may grant every month (R34).
    #[serde(default)]
    pub every: Option<Interval>,
    /// Maximum number of unspent units that go on into the next period; absent is none (R6).
    #[serde(default)]
    pub rollover_max: Option<Amount>,
    /// The only models that the grant pays for; empty is all.
    #[serde(default)]
    pub models: Vec<Name>,
    /// `true` for a bonus, which comes with the plan beside its allowance.
    #[serde(default)]
    pub bonus: bool,
}

fn default_code() -> Name {
    Name::from("allowance")
}

/// A model that may be tried without credits: for a number of runs, or for a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trial {
    /// Id of the model to try.
    pub model: Name,
    /// Number of free runs, which are never given again.
    #[serde(default)]
    pub runs: Option<Amount>,
    /// Time from the first run on in which runs are free, without a limit to their number.
    #[serde(default)]
    pub window: Option<Span>,
}

/// A model with a limit of runs a day (UTC).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelLimit {
    /// Id of the limited model.
    pub model: Name,
    /// Number of runs that are allowed each day.
    pub runs_per_day: u32,
}

/// Credits that are sold once, with an expiry of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pack {
    /// Identifier of the pack in the API.
    pub id: Name,
    /// Number of credits that the pack is sold as.
    pub credits: Amount,
    /// Number of credits that are given on top.
    #[serde(default)]
    pub bonus: Amount,
    /// ISO 4217 code of the currency, in lower case.
    pub currency: String,
    /// Price of the pack, in the currency's smallest unit.
    pub amount: Amount,
    /// Lifetime of the credits; absent is for ever.
    #[serde(default)]
    pub expires: Option<Span>,
    /// Plans that may buy the pack; empty is all.
    #[serde(default)]
    pub plans: Vec<Name>,
}

/// A set of capabilities with a name (R26). A preset above the plan's ceiling is refused like its capabilities are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Preset {
    /// Identifier of the preset in the API.
    pub id: Name,
    /// Name of the preset, for people.
    pub name: String,
    /// Capabilities that a key of this preset gets.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// `true` gives a key everything that the plan's ceiling has when the key is made, instead of a list.
    #[serde(default)]
    pub ceiling: bool,
}

/// Kind of output that a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Output {
    /// Still pictures, as image files.
    Image,
    /// Moving pictures, as video files.
    Video,
    /// Weights of a trained model.
    Weights,
}

/// A model that can be run: an output kind, parameters and a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Model {
    /// Identifier of the model in the API.
    pub id: Name,
    /// Name of the model, for people.
    pub name: String,
    /// Kind of output that a run of the model makes.
    pub output: Output,
    /// Unit that runs of the model are paid in: credits or training.
    #[serde(default)]
    pub unit: Unit,
    /// Plans that include the model; empty is all (R24).
    #[serde(default)]
    pub plans: Vec<Name>,
    /// Rate of the model. A model without a price cannot be in a catalog (R11).
    pub rate: Rate,
    /// Adjustments that make a run dearer or cheaper, in the order of the file.
    #[serde(default, rename = "adjust")]
    pub adjusts: Vec<Adjust>,
    /// Parameters that a run can be asked with, by name.
    #[serde(default)]
    pub params: BTreeMap<Name, Param>,
    /// Time after which a run that has not ended fails and its hold is released.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// Rule for the cost of cancelling a running run (R20).
    #[serde(default)]
    pub cancel: CancelRule,
}

fn default_timeout() -> Span {
    Span::Micros(60 * 60 * crate::kernel::time::SECOND)
}

/// Cost of a model for each image, second or call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rate {
    /// Number of credits for each; a whole number, or a string with up to three decimals such as `"0.5"`.
    pub credits: Thousandths,
    /// Quantity that is counted: images, seconds or calls.
    pub per: Per,
}

/// Quantity that a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Per {
    /// Images asked for: the parameter `images`.
    Image,
    /// Seconds asked for: the parameter `duration`, times `images` where the model has both.
    Second,
    /// Calls: each run is one, whatever its parameters are.
    Call,
}

/// A change to a model's price for certain values of its parameters, in the order of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Adjust {
    /// Values of parameters that the adjustment applies to, all of them together; empty is always.
    #[serde(default)]
    pub when: BTreeMap<Name, Value>,
    /// Factor by which the base line is multiplied.
    #[serde(default)]
    pub times: Option<Thousandths>,
    /// Number of credits for each `per`, in a line of its own.
    #[serde(default)]
    pub add: Option<Thousandths>,
    /// Quantity that `add` counts: `image`, `second`, `call`, or the name of a list parameter.
    #[serde(default)]
    pub per: Option<Name>,
}

/// Rule for the cost of cancelling a running run (R20). A queued run is always released in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CancelRule {
    /// None of the credits come back.
    None,
    /// All of the credits come back.
    #[default]
    Full,
    /// The share of the time-out that has not passed comes back.
    Elapsed,
}

impl CancelRule {
    /// Returns the rule's name in catalogs and quotes.
    pub const fn name(self) -> &'static str {
        match self {
            CancelRule::None => "none",
            CancelRule::Full => "full",
            CancelRule::Elapsed => "elapsed",
        }
    }
}

impl Catalog {
    /// Returns the plan with an id, if there is one.
    pub fn plan(&self, id: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| &*plan.id == id)
    }

    /// Returns the plan of a workspace without a subscription.
    pub fn free(&self) -> &Plan {
        self.plan(&self.free_plan).expect("check.rs: free_plan names a plan")
    }

    /// Returns the model with an id, if there is one.
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| &*model.id == id)
    }

    /// Returns the pack with an id, if there is one.
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

    /// Returns a plan's place in the order of the file; higher is more. An unknown plan is `None`, which ranks below
    /// all.
    pub fn plan_rank(&self, id: &str) -> Option<usize> {
        self.plans.iter().position(|plan| &*plan.id == id)
    }

    /// Returns the draw rank of a kind of grant (R5).
    pub fn rank(&self, kind: GrantKind) -> u8 {
        self.ranks.get(&kind).copied().unwrap_or(u8::from(kind != GrantKind::Cycle))
    }

    /// Returns a parameter level's place in the catalog's order; `None` for an unknown level.
    pub fn level(&self, name: &str) -> Option<usize> {
        self.levels.iter().position(|level| &**level == name)
    }
}

impl Plan {
    /// Returns the plan's price at an interval, if it has one.
    pub fn price(&self, interval: Interval) -> Option<&Price> {
        self.prices.iter().find(|price| price.interval == interval)
    }

    /// Returns the plan's storage for outputs, in bytes; `None` is unlimited.
    pub fn storage_bytes(&self) -> Option<u64> {
        self.storage_gb.map(|gigabytes| u64::from(gigabytes) * 1_000_000_000)
    }
}
