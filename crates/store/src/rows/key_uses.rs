//! Instants at which keys of workspaces were last used, to the minute.

use crate::{Handle, Unavailable, queries};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {}

/// Notes that a key was used at an instant, unless a later use is noted.
///
/// # Errors
/// When the store cannot write.
pub async fn mark(on: Handle<'_>, workspace: WorkspaceId, key: u32, now: Timestamp) -> Result<(), Unavailable> {
    on.write(queries::KEY_USED, vec![workspace.into(), i64::from(key).into(), now.micros().into()]).await.map(drop)
}

/// Returns the keys of a workspace that were used, each with the instant of its last use.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(on: Handle<'_>, workspace: WorkspaceId) -> Result<Vec<(u32, Timestamp)>, Unavailable> {
    let rows = on.read(queries::KEYS_USED, vec![workspace.into()]).await?;
    Ok(rows.iter().map(|row| (row.integer(0) as u32, row.instant(1))).collect())
}
