//! Rows of catalog versions, and the column that holds the instant of every test clock at each version.
//!
//! Invariant: rows that are read here were checked before, by their hash and their seal.

use super::{Row, Unavailable};
use crate::crypto;
use scrip_engine::{Catalogs, Clocks, Timestamp, parse_published};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Returns the instants of test clocks as the column `clocks` of a catalog version keeps them, by the clock's number:
/// `{"1": 1767225600000000}`.
pub(super) fn written_clocks(clocks: impl Iterator<Item = (i64, i64)>) -> String {
    let clocks: BTreeMap<String, i64> = clocks.map(|(id, now)| (id.to_string(), now)).collect();
    serde_json::to_string(&clocks).expect("numbers by name can be written")
}

fn read_clocks(text: &str) -> Result<Clocks, Unavailable> {
    let clocks: BTreeMap<i64, i64> = serde_json::from_str(text)
        .map_err(|error| Unavailable(format!("the clocks of a catalog version cannot be read: {error}")))?;
    Ok(clocks.into_iter().map(|(id, now)| (id, Timestamp::from_micros(now))).collect())
}

/// Reads the versions of a catalog, as [`super::queries::CATALOG_TEXTS`] returns them.
pub(super) fn catalogs_of(versions: &[Row]) -> Result<Catalogs, Unavailable> {
    let mut catalogs = Catalogs::default();
    for row in versions {
        let (starts_at, text, clocks) = (row.integer(1), row.text(6), row.text(4));
        let catalog = parse_published(text).map_err(|problems| {
            Unavailable(format!(
                "a published catalog no longer passes: {}",
                problems.first().map(ToString::to_string).unwrap_or_default()
            ))
        })?;
        catalogs.publish_on(Timestamp::from_micros(starts_at), read_clocks(clocks)?, Arc::new(catalog));
    }
    Ok(catalogs)
}

/// Returns the hash by which a catalog's text is compared.
pub(super) fn text_hash(text: &str) -> String {
    crypto::hex(&crypto::sha256(&[text.as_bytes()]))
}
