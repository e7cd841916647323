//! Acts of operators that are about no single workspace: catalogs, links that sign a person in, switches.
//!
//! Invariant: an act is written down before it is done, and its row stays; so every act that was done has a row.

use scrip_engine::Timestamp;
use scrip_store::rows::acts;
pub use scrip_store::rows::acts::Act;
use scrip_store::{Store, Unavailable};

/// Writes an act down that is about to be done.
///
/// # Errors
/// When the store cannot write; then the act must not be done.
pub async fn note(
    store: &Store,
    (kind, name, detail): (&str, &str, &str),
    (actor, request): (&str, Option<String>),
    at: Timestamp,
) -> Result<(), Unavailable> {
    acts::add(store.reader(), (kind, name, detail), (actor, request.as_deref()), at).await
}

/// Returns acts before one, newest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn list(store: &Store, before: i64, limit: i64) -> Result<Vec<Act>, Unavailable> {
    acts::before(store.reader(), before, limit).await
}
