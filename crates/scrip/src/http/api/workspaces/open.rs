//! Opening of a workspace for any caller: its owner, its claims, and the lifetime credits and trials of a person.
//!
//! Invariant: what is claimed is claimed by the entry that opens the workspace, or not at all (R8).

use crate::http::api::membership;
use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::ledger::{Beside, Origin};
use crate::people::email::person_of;
use crate::people::sign_in::upgrade::claim_of;
use scrip_engine::team::Tenancy;
use scrip_engine::{Choice, Command, Mode, Profile, UserId, Workspace, WorkspaceCommand, WorkspaceId, apply};
use scrip_store::rows::profiles::add_with_entry;
use scrip_store::{Allowance, Claim, Commit, SubmitError};
use std::sync::Arc;

/// Workspace to be opened, with its first settings.
#[derive(Clone)]
pub struct OpenRequest {
    /// Id of the new workspace.
    pub id: WorkspaceId,
    /// Caller and idempotency key, for the journal.
    pub asked: Origin,
    /// Kind of the workspace: personal, or for a team.
    pub tenancy: Tenancy,
    /// Id of the owner, who is the first admin.
    pub owner: UserId,
    /// Address of the owner, which the workspace's profile of the owner gets.
    pub owner_email: String,
    /// Name and external id.
    pub profile: Profile,
    /// Mode of the workspace, test or live.
    pub mode: Mode,
    /// Id of the test clock that the workspace stands on.
    pub test_clock: Option<i64>,
    /// Plan that the operator puts it on; the free plan when absent.
    pub choice: Option<Choice>,
    /// `true` when lifetime credits and trials are given to an owner who never had them (R8).
    pub welcome: bool,
    /// Uses that are counted with the opening, when a person asks.
    pub allowance: Allowance,
}

/// Opens a workspace, once. Of a person's several workspaces only one brings the lifetime credits and trials.
///
/// # Errors
/// When the opening is refused, another workspace has the external id, or the store cannot answer.
pub async fn open_workspace(app: &App, opening: OpenRequest) -> Result<(Commit, Arc<Workspace>), Problem> {
    let (id, asked) = (opening.id, opening.asked.clone());
    let person = claim_of_person(&opening.owner_email);
    let mut claims = free_claims(app, id, &opening.profile, &person).await?;
    claims.push(membership::claim(opening.owner, id));
    loop {
        let command = opening.command(claims.contains(&person));
        let allowance = opening.allowance.clone();
        let rows = vec![add_with_entry(id, opening.owner, &opening.owner_email)];
        let beside = Beside { claims: claims.clone(), rows, allowance, ..Beside::default() };
        match app.ledger.submit_beside(id, command, asked.clone(), beside).await {
            // Another of this person's workspaces was faster, so this one opens without lifetime credits and trials.
            Err(SubmitError::Claimed(taken)) if taken == person => claims.retain(|claim| *claim != person),
            opened => return Ok(opened?),
        }
    }
}

/// Returns the workspace that [`open_workspace`] would make now, or refuses as it would. Changes nothing.
///
/// # Errors
/// See [`open_workspace`].
pub async fn preview(app: &App, opening: &OpenRequest) -> Result<Workspace, Problem> {
    let person = claim_of_person(&opening.owner_email);
    let claims = free_claims(app, opening.id, &opening.profile, &person).await?;
    let command = opening.command(claims.contains(&person));
    let (catalogs, now) = (app.ledger.store().catalogs(), app.ledger.now(opening.test_clock).await?);
    let unopened = Workspace::new(opening.id);
    let applied = apply(&unopened, &catalogs, opening.asked.by, &command, now).map_err(Problem::Refused)?;
    Ok(applied.workspace)
}

impl OpenRequest {
    /// Builds the command; `is_first` says that no other workspace of the person has claimed the lifetime credits and
    /// trials.
    fn command(&self, is_first: bool) -> Command {
        Command::Workspace(WorkspaceCommand::Open {
            mode: self.mode,
            test_clock: self.test_clock,
            profile: self.profile.clone(),
            lifetime_allowed: is_first && self.welcome,
            choice: self.choice.clone(),
            tenancy: self.tenancy,
            owner: Some(self.owner),
        })
    }
}

/// Returns the claim on a person's lifetime credits and trials.
fn claim_of_person(email: &str) -> Claim {
    claim_of(&person_of(email))
}

/// Returns the claims that a new workspace may make, as far as they are known to be free before its entry is made.
///
/// # Errors
/// When another workspace has the external id, or the store cannot answer.
async fn free_claims(app: &App, id: WorkspaceId, profile: &Profile, person: &Claim) -> Result<Vec<Claim>, Problem> {
    // A key that was used before comes to a workspace that has its claims; another request with it adds none.
    if app.ledger.workspace(id).await?.is_some() {
        return Ok(Vec::new());
    }
    let external = profile.external_id.as_ref();
    let external = external.map(|what| Claim { scope: "external_id".into(), what: what.clone() });
    if let Some(external) = &external
        && app.ledger.is_taken(external, id).await?
    {
        return Err(SubmitError::Claimed(external.clone()).into());
    }
    let person = if app.ledger.is_taken(person, id).await? { None } else { Some(person.clone()) };
    Ok(external.into_iter().chain(person).collect())
}
