//! What operators did that is about no one workspace: catalogs, links that let somebody in, switches.
//!
//! Invariant: an act is written down before it is done, and what is written stays; so there is no act without its line.

use crate::store::rows::acts;
pub use crate::store::rows::acts::Act;
use crate::store::{Store, Unavailable};
use scrip_engine::Timestamp;

/// Writes down what is about to be done.
///
/// # Errors
/// When the store cannot write; then it must not be done.
pub async fn note(
    store: &Store,
    (kind, name, detail): (&str, &str, &str),
    (actor, request): (&str, Option<String>),
    at: Timestamp,
) -> Result<(), Unavailable> {
    acts::add(store.reader(), (kind, name, detail), (actor, request.as_deref()), at).await
}

/// Acts before one, newest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn list(store: &Store, before: i64, limit: i64) -> Result<Vec<Act>, Unavailable> {
    acts::before(store.reader(), before, limit).await
}
