//! Claims, each of one workspace: a person's lifetime grants, an operator's own id, a key.
//!
//! Invariant: a claim is made with an entry; a claim that is added here is derived from one that an older version made.

use super::text;
use crate::journal::Body;
use crate::{Claim, Handle, Unavailable, Value};
use scrip_engine::WorkspaceId;

statements! {
    /// Reads the workspace that has a claim.
    HOLDER = "SELECT workspace FROM claims WHERE scope = $1 AND claim = $2";
    /// Reads workspaces that have claims of a scope.
    HOLDERS = "SELECT workspace FROM claims WHERE scope = $1 ORDER BY workspace LIMIT $2";
    /// Releases a claim of a workspace that was never opened.
    RELEASE = "DELETE FROM claims WHERE scope = $1 AND claim = $2 AND workspace = $3";
    /// Reads claims of people after one, each with the entry that opened its workspace.
    OF_PEOPLE = "SELECT claims.claim, claims.workspace, history.body
    FROM claims JOIN history ON history.workspace = claims.workspace AND history.seq = 1
    WHERE claims.scope = 'person' AND claims.claim > $1 ORDER BY claims.claim LIMIT $2";
    /// Adds a claim that is derived from another, unless it exists.
    NEW = "INSERT INTO claims (scope, claim, workspace, seal) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";
}

/// A person's claim, with the first entry of its workspace.
#[derive(Debug)]
pub struct OfPerson {
    /// Claimed name: a hash of the person.
    pub what: String,
    /// Workspace that has the claim.
    pub workspace: WorkspaceId,
    /// Entry that opened the workspace.
    pub opening: Body,
}

/// Returns the workspace that has a claim.
///
/// # Errors
/// When the store cannot answer.
pub async fn holder(on: Handle<'_>, scope: &str, what: &str) -> Result<Option<WorkspaceId>, Unavailable> {
    let rows = on.read(HOLDER, vec![text(scope), text(what)]).await?;
    Ok(rows.first().map(|row| row.workspace(0)))
}

/// Returns the workspaces that have claims of a scope, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn holders(on: Handle<'_>, scope: &str, most: i64) -> Result<Vec<WorkspaceId>, Unavailable> {
    let rows = on.read(HOLDERS, vec![text(scope), most.into()]).await?;
    Ok(rows.iter().map(|row| row.workspace(0)).collect())
}

/// Releases the claim of a workspace.
///
/// # Errors
/// When the store cannot write.
pub async fn release(on: Handle<'_>, claim: &Claim, workspace: WorkspaceId) -> Result<(), Unavailable> {
    on.write(RELEASE, vec![text(&claim.scope), text(&claim.what), workspace.into()]).await.map(drop)
}

/// Returns people's claims after one, in the order of their names, at most `most`.
///
/// # Errors
/// When the store cannot answer, or an entry cannot be read.
pub async fn of_people(on: Handle<'_>, after: &str, most: i64) -> Result<Vec<OfPerson>, Unavailable> {
    let rows = on.read(OF_PEOPLE, vec![text(after), most.into()]).await?;
    let read = |row: &crate::Row| {
        let opening = serde_json::from_str(row.text(2)).map_err(|error| Unavailable(error.to_string()))?;
        Ok(OfPerson { what: row.text_owned(0), workspace: row.workspace(1), opening })
    };
    rows.iter().map(read).collect()
}

/// Adds a claim that is derived from one of an older version, unless it exists; returns whether it was added.
///
/// # Errors
/// When the store cannot write.
pub async fn add_older(on: Handle<'_>, claim: &Claim, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    let mut values: Vec<Value> = vec![text(&claim.scope), text(&claim.what), workspace.into()];
    values.push(on.store().seals().older_claim(&values));
    Ok(on.write(NEW, values).await? > 0)
}
