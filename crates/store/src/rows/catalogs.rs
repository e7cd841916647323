//! Versions of the catalog, for the list of them.
//!
//! Invariant: these functions only read; [`crate::Store::publish`] adds versions.

use super::text;
use crate::integrity::{LAST_CATALOG, catalog_differences};
use crate::{Handle, Row, Unavailable, queries};
use scrip_engine::Timestamp;

statements! {
    /// Reads all catalog versions, newest first.
    VERSIONS = "SELECT version, published_at, sha256, actor FROM catalogs ORDER BY version DESC";
}

/// A published catalog version, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Number of the version.
    pub version: u32,
    /// Instant from which the version is in force.
    pub published_at: Timestamp,
    /// SHA-256 of the version's text, in hexadecimal.
    pub sha256: String,
    /// Name of the operator who published it, as the audit log shows it.
    pub actor: String,
}

/// Returns every version, newest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn versions(on: Handle<'_>) -> Result<Vec<Version>, Unavailable> {
    let rows = on.read(VERSIONS, Vec::new()).await?;
    let read = |row: &Row| Version {
        version: row.integer(0) as u32,
        published_at: row.instant(1),
        sha256: row.text_owned(2),
        actor: row.text_owned(3),
    };
    Ok(rows.iter().map(read).collect())
}

/// Returns the faults of the versions, in words: a version that does not carry its seal, a version that is missing at
/// the end.
///
/// # Errors
/// When the store cannot answer.
pub async fn differences(on: Handle<'_>) -> Result<Vec<String>, Unavailable> {
    let rows = on.read(queries::CATALOG_TEXTS, Vec::new()).await?;
    let last = on.read(queries::SETTING, vec![text(LAST_CATALOG)]).await?;
    Ok(catalog_differences(&rows, last.first(), on.store().seals()))
}
