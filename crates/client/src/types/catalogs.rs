//! Catalogs, their versions, checks and migrations.

use serde::{Deserialize, Serialize};

/// A published version of the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CatalogVersion {
    /// Number of the version, starting at 1.
    pub version: u32,
    /// Instant of publication, from which the version is in force for renewals.
    pub published_at: String,
    /// SHA-256 of the catalog's text, in hexadecimal.
    pub sha256: String,
    /// Operator who published it.
    pub actor: String,
}

/// Catalog to be published or checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewCatalog {
    /// Text of the whole TOML file.
    pub toml: String,
}

/// Models that a catalog would retire, with the credits, trials and keys that they leave behind in one part of the
/// workspaces. Add up the counts of all parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CatalogCheck {
    /// Number that the version would get.
    pub version: u32,
    /// Models that would be retired, also those that leave nothing behind.
    pub retired: Vec<RetiredModel>,
    /// Start of the next part; absent on the last.
    pub next_cursor: Option<String>,
    /// True if there is a next part.
    pub has_more: bool,
}

/// Credits, trials and keys that a retired model leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RetiredModel {
    /// Id of the model.
    pub model: String,
    /// Number of workspaces with credits, trials or keys of the model.
    pub workspaces: u64,
    /// Number of credits that pay for no model any more, available and held.
    pub credits: i64,
    /// Number of training units that pay for no model any more, available and held.
    pub training: i64,
    /// Number of trials of the model that have begun and are not used up.
    pub trials: u64,
    /// Number of free runs that are left in those trials.
    pub trial_runs: i64,
    /// Number of keys that name the model.
    pub keys: u64,
    /// Ids of the first hundred of those keys, `key_…`.
    pub key_ids: Vec<String>,
}

/// Migration to be carried out or only foretold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMigration {
    /// `true` only foretells what would happen, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A part of a migration, foretold or carried out, in the order in which the workspaces were opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Migration {
    /// Version that workspaces are moved to.
    pub version: u32,
    /// True if nothing was done: the answer only foretells.
    pub dry_run: bool,
    /// Number of workspaces that this part moves or would move.
    pub moved: u64,
    /// Number of moved workspaces that are worse off.
    pub worse_off: u64,
    /// Number of workspaces on older terms that cannot be moved.
    pub refused: u64,
    /// Workspaces of this part; of a part that was carried out, the first `limit`.
    pub data: Vec<MigratedWorkspace>,
    /// Start of the next part; absent on the last.
    pub next_cursor: Option<String>,
    /// True if there is a next part. Without one the migration is complete.
    pub has_more: bool,
}

/// A workspace in a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MigratedWorkspace {
    /// Id of the workspace, `ws_…`.
    pub workspace: String,
    /// Name of the workspace.
    pub name: String,
    /// Plan of the workspace.
    pub plan: String,
    /// Interval of the plan's price.
    pub interval: String,
    /// Version whose terms it had.
    pub catalog_version: u32,
    /// Reason for which the workspace cannot be moved; absent where it can.
    pub refusal: Option<String>,
    /// Instant of the first renewal under the new terms; absent where the plan ends or changes before.
    pub renews_at: Option<String>,
    /// True if any change is for the worse.
    pub worse_off: bool,
    /// Changes of the terms; those that hold at once come first.
    pub changes: Vec<TermChange>,
}

/// Change of one part of a workspace's terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TermChange {
    /// The part, for instance `concurrency`, `price`, `grant allowance` or `model upscale`.
    pub what: String,
    /// Value before, in words; absent where there was none.
    pub before: Option<String>,
    /// Value afterwards, in words; absent where there is none any more.
    pub after: Option<String>,
    /// `better`, `worse`, or `other`.
    pub effect: String,
    /// Time of the effect: `at_once`, or `at_renewal`.
    pub takes_effect: String,
    /// Instant from which the change holds.
    pub from: String,
}

/// Public catalog: plans, packs and models with their prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PublicCatalog {
    /// Name of the product.
    pub name: String,
    /// Number of the version in force.
    pub version: u32,
    /// Id of the plan of a workspace without a subscription.
    pub free_plan: String,
    /// Plans on sale, lowest first.
    pub plans: Vec<serde_json::Value>,
    /// Packs that are on sale.
    pub packs: Vec<serde_json::Value>,
    /// Models with their prices and parameters.
    pub models: Vec<serde_json::Value>,
}
