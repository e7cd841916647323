//! Addresses of the people of workspaces, which stand beside their entries.
//!
//! Invariant: an address is read from the profile that the workspace has of the person, and never from an entry.

use crate::crypto::random;
use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::people::email::Email;
use crate::people::sign_in;
use scrip_engine::team::{Role, TeamCommand};
use scrip_engine::{Addresses, By, Command, Entry, Event, UserId, Workspace, WorkspaceId, apply};
use scrip_store::Unavailable;
use scrip_store::rows::{profiles, users};

/// Returns the address of a workspace's owner; empty where it has none.
///
/// # Errors
/// When the store cannot answer.
pub async fn owner_address(app: &App, workspace: &Workspace) -> Result<String, Unavailable> {
    let Some(owner) = workspace.profile.owner else { return Ok(String::new()) };
    Ok(profiles::address(app.ledger.store().reader(), workspace.id, owner).await?.unwrap_or_default())
}

/// Returns the addresses of the people that entries of a workspace are about; nothing is read where no entry is about
/// any.
///
/// # Errors
/// When the store cannot answer.
pub async fn addresses_in<'e>(
    app: &App,
    workspace: WorkspaceId,
    mut entries: impl Iterator<Item = &'e Entry>,
) -> Result<Addresses, Unavailable> {
    let of_team = |entry: &Entry| entry.events.iter().any(|dated| matches!(dated.1, Event::Team(_)));
    match entries.any(of_team) {
        true => profiles::of_workspace(app.ledger.store().reader(), workspace).await,
        false => Ok(Addresses::new()),
    }
}

/// Returns the user that an invitation to an address is bound to. A person who is new is added only where the
/// invitation is not refused.
///
/// # Errors
/// When the invitation of a new person is refused, or the store cannot answer.
pub async fn invited_user(
    app: &App,
    workspace: &Workspace,
    by: By,
    role: Role,
    known_as: &Email,
) -> Result<UserId, Problem> {
    let store = app.ledger.store();
    if let Some(user) = users::by_address(store.reader(), known_as.as_str()).await? {
        return Ok(user);
    }
    let command = Command::Team(TeamCommand::Invite { user: UserId::new(u64::from_le_bytes(random())), role });
    let (catalogs, now) = (app.ledger.catalogs_of(workspace).await?, app.ledger.now_of(workspace).await?);
    apply(workspace, &catalogs, by, &command, now).map_err(Problem::Refused)?;
    Ok(sign_in::user_of(store, known_as, app.ledger.now(None).await?).await?)
}
