//! Things that are good once and used up, kept until they would have run out.
//!
//! Invariant: of many who use one up at once one is told that it was good.

use super::bytes;
use crate::{Handle, Unavailable};
use scrip_engine::Timestamp;

statements! {
    /// Uses something up: the one who adds the row used it.
    NEW = "INSERT INTO spent (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    /// Deletes some rows of what has run out by itself.
    SWEEP = "DELETE FROM spent WHERE hash IN (
    SELECT hash FROM spent WHERE expires_at <= $1 LIMIT $2)";
}

/// Uses something up that runs out by itself at an instant; `false` when it was used up before.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, hash: &[u8; 32], until: Timestamp) -> Result<bool, Unavailable> {
    Ok(on.write(NEW, vec![bytes(hash), until.micros().into()]).await? == 1)
}

/// Deletes rows of what has run out by now, at most so many; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(on: Handle<'_>, now: Timestamp, most: i64) -> Result<usize, Unavailable> {
    on.write(SWEEP, vec![now.micros().into(), most.into()]).await
}
