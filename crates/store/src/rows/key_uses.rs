//! Instants at which keys of workspaces were last used, to the minute.
//!
//! Invariant: the recorded instant of a key never goes back.

use crate::{Handle, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Records the instant of a key's last use.
    MARK = "INSERT INTO key_uses (workspace, n, used_at) VALUES ($1, $2, $3)
    ON CONFLICT (workspace, n) DO UPDATE SET used_at = excluded.used_at WHERE key_uses.used_at < excluded.used_at";
    /// Reads the instants at which the keys of a workspace were last used.
    OF = "SELECT n, used_at FROM key_uses WHERE workspace = $1";
}

/// Records that a key was used at an instant, unless a later use is recorded.
///
/// # Errors
/// When the store cannot write.
pub async fn mark(on: Handle<'_>, workspace: WorkspaceId, key: u32, now: Timestamp) -> Result<(), Unavailable> {
    on.write(MARK, vec![workspace.into(), i64::from(key).into(), now.micros().into()]).await.map(drop)
}

/// Returns the keys of a workspace that were used, each with the instant of its last use.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(on: Handle<'_>, workspace: WorkspaceId) -> Result<Vec<(u32, Timestamp)>, Unavailable> {
    let rows = on.read(OF, vec![workspace.into()]).await?;
    Ok(rows.iter().map(|row| (row.integer(0) as u32, row.instant(1))).collect())
}
