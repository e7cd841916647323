//! Catalogs.

use serde::{Deserialize, Serialize};

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

/// Models that a catalog would retire, and what they leave behind, counted over a part of the workspaces: the counts of
/// all parts are added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CatalogCheck {
    /// Version that it would be.
    pub version: u32,
    /// The models, whether or not they leave anything behind.
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
    /// The model.
    pub model: String,
    /// Workspaces that have something of it.
    pub workspaces: u64,
    /// Credits that pay for no model any more, available and held.
    pub credits: i64,
    /// Training units that pay for no model any more, available and held.
    pub training: i64,
    /// Trials of it that have begun and are not used up.
    pub trials: u64,
    /// Free runs that are left of them.
    pub trial_runs: i64,
    /// Number of keys that name it.
    pub keys: u64,
    /// Ids of the first hundred of those keys, `key_…`.
    pub key_ids: Vec<String>,
}

/// A migration to be foretold or carried out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMigration {
    /// `true` says what would happen, and changes nothing.
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
    /// Number of those that are worse off.
    pub worse_off: u64,
    /// Number of workspaces on older terms that cannot be moved.
    pub refused: u64,
    /// The workspaces of this part; of a part that was carried out, the first `limit`.
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
    /// `ws_…`
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
    /// The first renewal under the new terms; absent where the plan ends or changes before.
    pub renews_at: Option<String>,
    /// True if any change is for the worse.
    pub worse_off: bool,
    /// The changes, those that hold at once first.
    pub changes: Vec<TermChange>,
}

/// One part of a workspace's terms that changes.
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
    /// `at_once`, or `at_renewal`.
    pub takes_effect: String,
    /// From when on.
    pub from: String,
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
