//! Profiles: the addresses of the people that a workspace's entries name by id.
//!
//! Invariant: a profile is written in the transaction of the entry that names its person, and a row that does not carry
//! its seal is the profile of no person.

use super::text;
use crate::journal::JournalRow;
use crate::{Handle, Row, Statement, Unavailable, originals};
use scrip_engine::{Addresses, UserId, WorkspaceId};

statements! {
    /// Adds the profile of a person, unless the workspace has it.
    ADD = "INSERT INTO profiles (workspace, user_id, email, earlier, seal) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";
    /// Reads the profile of one person.
    OF_USER = "SELECT workspace, user_id, email, earlier, seal FROM profiles WHERE workspace = $1 AND user_id = $2";
    /// Reads the profiles of a workspace.
    OF_WORKSPACE = "SELECT workspace, user_id, email, earlier, seal FROM profiles WHERE workspace = $1";
    /// Reads profiles after one, in the order of workspaces and people.
    AFTER = "SELECT workspace, user_id, email, earlier, seal FROM profiles
    WHERE workspace > $1 OR (workspace = $1 AND user_id > $2) ORDER BY workspace, user_id LIMIT $3";
}

/// Returns the statement that adds the profile of a person, to be written with the entry that names the person.
pub fn add_with_entry(workspace: WorkspaceId, user: UserId, email: &str) -> Statement {
    // No text with a zero in it can be stored.
    let columns = vec![workspace.into(), user.into(), text(&email.replace('\0', "\u{fffd}")), text("")];
    Statement { sql: ADD, values: columns.clone(), sealed: Some(("profiles", columns)) }
}

/// Returns whether a row carries its seal.
fn is_sealed(on: Handle<'_>, row: &Row) -> bool {
    on.store().seals().is_sealed("profiles", &row.0[..4], row.bytes(4))
}

/// Returns the address by which a workspace knows a person.
///
/// # Errors
/// When the store cannot answer.
pub async fn address(on: Handle<'_>, workspace: WorkspaceId, user: UserId) -> Result<Option<String>, Unavailable> {
    let rows = on.read(OF_USER, vec![workspace.into(), user.into()]).await?;
    Ok(rows.first().filter(|row| is_sealed(on, row)).map(|row| row.text_owned(2)))
}

/// Returns the addresses of all people that a workspace has ever named.
///
/// # Errors
/// When the store cannot answer.
pub async fn of_workspace(on: Handle<'_>, workspace: WorkspaceId) -> Result<Addresses, Unavailable> {
    let rows = on.read(OF_WORKSPACE, vec![workspace.into()]).await?;
    Ok(rows.iter().filter(|row| is_sealed(on, row)).map(|row| (row.user(1), row.text_owned(2))).collect())
}

/// Puts the texts of people back into an entry of an earlier version, so that its hash is checked over the body that it
/// is of. An entry of this version stays unchanged.
///
/// # Errors
/// When the store cannot answer.
pub async fn restore(on: Handle<'_>, entry: &mut JournalRow) -> Result<(), Unavailable> {
    if !entry.lacks_original() {
        return Ok(());
    }
    let rows = on.read(OF_WORKSPACE, vec![entry.workspace.into()]).await?;
    originals::restore(entry, rows.iter().map(|row| row.text(3)));
    Ok(())
}

/// Returns the workspaces and people of at most `most` profiles after one, whether or not they carry their seals.
///
/// # Errors
/// When the store cannot answer.
pub async fn after(
    on: Handle<'_>,
    last: Option<(WorkspaceId, UserId)>,
    most: i64,
) -> Result<Vec<(WorkspaceId, UserId)>, Unavailable> {
    let (workspace, user) = last.map_or((i64::MIN, i64::MIN), |(workspace, user)| (workspace.get(), user.get()));
    let rows = on.read(AFTER, vec![workspace.into(), user.into(), most.into()]).await?;
    Ok(rows.iter().map(|row| (row.workspace(0), row.user(1))).collect())
}
