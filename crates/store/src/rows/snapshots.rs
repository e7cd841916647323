//! Stored snapshots of workspaces.
//!
//! Invariant: these functions only read; the engines write the rows.

use crate::snapshot::{SNAPSHOTS, StoredSnapshot};
use crate::{Handle, Unavailable};
use scrip_engine::WorkspaceId;

statements! {}

/// Returns the snapshots of workspaces after one, in the database's order of their numbers, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn after(
    on: Handle<'_>,
    workspace: i64,
    most: i64,
) -> Result<Vec<(WorkspaceId, StoredSnapshot)>, Unavailable> {
    let rows = on.read(SNAPSHOTS, vec![workspace.into(), most.into()]).await?;
    Ok(rows.iter().map(StoredSnapshot::read).collect())
}
