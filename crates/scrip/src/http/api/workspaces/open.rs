//! Opening a workspace, whoever asks: its owner, what it alone may have, and what a person gets once in a lifetime.
//!
//! Invariant: what is claimed is claimed by the entry that opens the workspace, or by nobody (R8).

use crate::email::person_of;
use crate::http::api::membership;
use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::ledger::{Asked, Beside};
use crate::sign_in::upgrade::claim_of;
use crate::store::{Allowance, Claim, Committed, SubmitError};
use scrip_engine::team::Tenancy;
use scrip_engine::{Choice, Command, Mode, Profile, UserId, Workspace, WorkspaceId, apply};
use std::sync::Arc;

/// A workspace to be opened.
#[derive(Clone)]
pub struct Opening {
    /// Its id.
    pub id: WorkspaceId,
    /// Who asks.
    pub asked: Asked,
    /// Whether it is one person's.
    pub tenancy: Tenancy,
    /// Who owns it, and is its first admin.
    pub owner: UserId,
    /// What people know it by.
    pub profile: Profile,
    /// Real or play credits.
    pub mode: Mode,
    /// The test clock it stands on.
    pub test_clock: Option<i64>,
    /// The plan to be on, by the operator's word.
    pub choice: Option<Choice>,
    /// Gives what comes once in a lifetime, if the person never had it (R8).
    pub welcome: bool,
    /// Everything that is counted with it, where a person asks.
    pub allowance: Allowance,
}

/// Opens a workspace, once. Of a person's several only one brings what comes once in a lifetime.
///
/// # Errors
/// When it is refused, another workspace has the operator's id for it, or the store cannot answer.
pub async fn open_workspace(app: &App, opening: Opening) -> Result<(Committed, Arc<Workspace>), Problem> {
    let (id, asked) = (opening.id, opening.asked.clone());
    let person = claim_of_person(&opening.profile.owner);
    let mut claims = free_claims(app, id, &opening.profile, &person).await?;
    claims.push(membership::claim(opening.owner, id));
    loop {
        let command = opening.command(claims.contains(&person));
        let allowance = opening.allowance.clone();
        let beside = Beside { claims: claims.clone(), allowance, ..Beside::default() };
        match app.ledger.submit_beside(id, command, asked.clone(), beside).await {
            // Another of this person's workspaces was quicker: this one opens without what comes once in a lifetime.
            Err(SubmitError::Claimed(taken)) if taken == person => claims.retain(|claim| *claim != person),
            opened => return Ok(opened?),
        }
    }
}

/// Returns the workspace that [`open_workspace`] would make now, or refuses as it would. Changes nothing.
///
/// # Errors
/// See [`open_workspace`].
pub async fn preview(app: &App, opening: &Opening) -> Result<Workspace, Problem> {
    let person = claim_of_person(&opening.profile.owner);
    let claims = free_claims(app, opening.id, &opening.profile, &person).await?;
    let command = opening.command(claims.contains(&person));
    let (catalogs, now) = (app.ledger.store().catalogs(), app.ledger.now(opening.test_clock).await?);
    let unopened = Workspace::unopened(opening.id);
    let applied = apply(&unopened, &catalogs, opening.asked.by, &command, now).map_err(Problem::Refused)?;
    Ok(applied.workspace)
}

impl Opening {
    /// Builds the command; `is_first` says that the person has no workspace that claimed what comes once.
    fn command(&self, is_first: bool) -> Command {
        Command::OpenWorkspace {
            mode: self.mode,
            test_clock: self.test_clock,
            profile: self.profile.clone(),
            lifetime_allowed: is_first && self.welcome,
            choice: self.choice.clone(),
            tenancy: self.tenancy,
            owner: Some(self.owner),
        }
    }
}

/// Claim on what a person gets once in a lifetime.
fn claim_of_person(email: &str) -> Claim {
    claim_of(&person_of(email))
}

/// What a new workspace may claim, as far as that can be said before its entry is made.
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
