//! Logs of recent uses, deleted once their last use is long ago. The engines count in their own transactions.
//!
//! Invariant: a log is deleted only when its last use was before the given instant.

use crate::{Handle, Unavailable};
use scrip_engine::Timestamp;

statements! {
    /// Deletes some logs whose last use was before an instant.
    SWEEP = "DELETE FROM allowances WHERE (kind, subject) IN (
    SELECT kind, subject FROM allowances WHERE last < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
}

/// Deletes logs whose last use was before an instant, at most `most`; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(on: Handle<'_>, before: Timestamp, most: i64) -> Result<usize, Unavailable> {
    on.write(SWEEP, vec![before.micros().into(), most.into()]).await
}
