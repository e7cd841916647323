//! Single-use ids that were used, stored until they would have run out.
//!
//! Invariant: of many requests that use one id at once, only one succeeds.

use super::bytes;
use crate::{Handle, Unavailable};
use scrip_engine::Timestamp;

statements! {
    /// Uses an id up: the request that adds the row has used it.
    NEW = "INSERT INTO spent (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    /// Deletes some rows of ids that have run out.
    SWEEP = "DELETE FROM spent WHERE hash IN (
    SELECT hash FROM spent WHERE expires_at <= $1 LIMIT $2)";
}

/// Uses up an id that runs out at an instant; returns `false` when it was used before.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, hash: &[u8; 32], until: Timestamp) -> Result<bool, Unavailable> {
    Ok(on.write(NEW, vec![bytes(hash), until.micros().into()]).await? == 1)
}

/// Deletes rows of ids that have run out by now, at most `most`; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(on: Handle<'_>, now: Timestamp, most: i64) -> Result<usize, Unavailable> {
    on.write(SWEEP, vec![now.micros().into(), most.into()]).await
}
