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
