//! Publication of the catalog file that a server is started with.
//!
//! Invariant: a start publishes a file only if it differs from the one that this data was last started with; so a
//! restart never overrules a version that an operator has published since.

use crate::crypto::{hex, sha256};
use crate::payments::stripe::{Client, sync};
use crate::shipped;
use scrip_engine::{Catalog, parse_catalog};
use scrip_store::rows::{catalogs, settings};
use scrip_store::{Store, Unavailable};
use std::path::Path;

/// Name of the setting with the hash of the file that this data was last started with.
const SETTING: &str = "catalog_file";

/// Name of the actor of versions that a start has published.
const ACTOR: &str = "start";

/// Returns the error text for a catalog file that is not published because Stripe does not sell it.
pub(super) fn stripe_fault_text(fault: &sync::Fault) -> String {
    format!("the catalog file is not published, because Stripe cannot sell it: {fault}")
}

/// Publishes the file, if it differs from the one of the last start. With a Stripe client its prices are made first.
///
/// # Errors
/// When the store cannot answer, or Stripe cannot sell the first catalog of this data.
pub async fn start_with(store: &Store, stripe: Option<&Client>, text: String, catalog: Catalog) -> Result<(), String> {
    let unavailable = |error: Unavailable| error.to_string();
    let hash = sha256(&[text.as_bytes()]);
    let file = hex(&hash);
    let versions = catalogs::versions(store.reader()).await.map_err(unavailable)?;
    let kept = settings::value(store.reader(), SETTING).await.map_err(unavailable)?;
    // Data of an older Scrip has no such setting; the last version that a start published is the file.
    let by_start = || versions.iter().find(|known| known.actor == ACTOR).map(|known| known.sha256.clone());
    let last = kept.map(|file| hex(&file)).or_else(by_start);
    let newest = versions.first().map(|newest| (newest.version, &newest.sha256, &newest.actor));
    match newest {
        Some((version, hash, _)) if *hash == file => tracing::info!(version, "the catalog is in force"),
        Some((version, _, actor)) if last.as_ref() == Some(&file) => {
            tracing::warn!(
                version,
                by = actor,
                "the catalog file has not changed since the last start, and a newer version was published since: that \
                 version stays in force; to return to the file, run `scrip catalog publish`"
            );
        }
        _ => {
            if let Some(stripe) = stripe
                && let Err(fault) = sync::prepare(stripe, &catalog).await
            {
                let why = stripe_fault_text(&fault);
                let Some((version, ..)) = newest else { return Err(why) };
                tracing::error!(version, "{why}; the version before stays in force, and the next start tries again");
                return Ok(());
            }
            let version = store.publish(text, catalog, ACTOR.to_owned()).await.map_err(unavailable)?;
            tracing::info!(version, "the catalog is in force");
        }
    }
    settings::keep(store.reader(), SETTING, hash.to_vec()).await.map_err(unavailable)
}

/// Reads and checks a catalog file, or a shipped catalog by its bare name.
///
/// # Errors
/// Lists every error of the file, with its place.
pub fn read_catalog(path: &Path) -> Result<(String, Catalog), String> {
    let text = catalog_text(path)?;
    match parse_catalog(&text) {
        Ok(catalog) => Ok((text, catalog)),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect();
            Err(lines.join("\n"))
        }
    }
}

/// Returns the text of a catalog file, or of a shipped catalog by its bare name (`canvas-tiers`) where there is no such
/// file.
///
/// # Errors
/// When there is neither such a file nor such a catalog.
pub fn catalog_text(path: &Path) -> Result<String, String> {
    let shipped = || path.to_str().and_then(shipped::find);
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && shipped().is_some() => {
            Ok(shipped().unwrap_or_default().to_owned())
        }
        read => read.map_err(|error| format!("{}: {error}", path.display())),
    }
}
