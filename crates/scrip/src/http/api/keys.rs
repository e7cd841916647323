//! `/v1/keys`: making, changing, rotating, freezing and revoking keys.
//!
//! Invariant: a secret is in the answer that made it and nowhere else.

use super::caps;
use crate::crypto::{new_key, sha256};
use crate::http::edge::app::App;
use crate::http::edge::caller::KEY_PREFIXES;
use crate::http::edge::key_directory::claim;
use crate::http::edge::object::KeyId;
use crate::http::edge::page::page;
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::Body;
use crate::http::edge::rights::{Member, On};
use crate::http::edge::values::{instant, name};
use crate::ledger::Beside;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::limits::KEY_GRACE_SECONDS;
use scrip_engine::team::event::TeamEvent;
use scrip_engine::team::{Key, KeyChange, KeyHash, NewKey, Role, Secret, TeamCommand};
use scrip_engine::{
    Capability, Catalogs, Command, DatedEvent, Event, Kind, Mode, Plan, Terms, Timestamp, UserId, Workspace, effective,
};
use scrip_store::{Commit, rows};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of keys.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(make, list))
        .routes(routes!(show, change, revoke))
        .routes(routes!(rotate))
        .routes(routes!(freeze))
}

/// Lists keys: to an admin all of the workspace's, to a member their own.
#[utoipa::path(get, path = "/v1/keys", tag = "Keys", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The keys", body = api::Page<api::Key>)))]
pub async fn list(member: Member, State(app): State<Arc<App>>) -> Result<Json<api::Page<api::Key>>, Problem> {
    let workspace = member.workspace_now(&app).await?;
    let all = member.user().is_none_or(|user| is_admin(&workspace, user));
    let seen = workspace.team.keys.iter().filter(|key| all || key.owner == member.user());
    let desk = Desk::at(&app, &workspace).await?;
    Ok(Json(page(seen.map(|key| desk.to_api(key, None)).collect(), None)))
}

fn is_admin(workspace: &Workspace, user: UserId) -> bool {
    workspace.team.member(user).is_some_and(|member| member.role == Role::Admin)
}

/// Shows a key, without its secret.
#[utoipa::path(get, path = "/v1/keys/{id}", tag = "Keys", params(("id" = String, Path, description = "`key_…`")),
    responses((status = 200, description = "The key", body = api::Key)))]
pub async fn show(On(member, id): On<Member, KeyId>, State(app): State<Arc<App>>) -> Result<Json<api::Key>, Problem> {
    let KeyId { workspace: id, n } = id?;
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("key"))?;
    let seen = |key: &&Key| member.user().is_none_or(|user| is_admin(&workspace, user) || key.owner == Some(user));
    let key = workspace.team.key(n).filter(seen).ok_or(Problem::not_found("key"))?;
    Ok(Json(Desk::at(&app, &workspace).await?.to_api(key, None)))
}

/// Makes a key for the workspace.
///
/// Its secret is in this answer and never shown again, not even to the same request.
#[utoipa::path(post, path = "/v1/keys", tag = "Keys",
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    request_body = api::NewKey, responses((status = 201, description = "The key, with its secret", body = api::Key)))]
pub async fn make(
    member: Member,
    State(app): State<Arc<App>>,
    body: Body<api::NewKey>,
) -> Result<Reply<api::Key>, Problem> {
    let workspace = member.workspace_now(&app).await?;
    let new = body.value;
    let admin = member.user().is_none_or(|user| is_admin(&workspace, user));
    let owner = match (new.owner, member.user()) {
        (Some(api::KeyOwner::Me), None) => {
            return Err(Problem::invalid(
                "/owner",
                "a key that an operator makes belongs to the workspace: leave `owner` out",
            ));
        }
        (Some(api::KeyOwner::Me), user) => user,
        (None, user) if !admin => user,
        _ => None,
    };
    let new = NewKey {
        name: new.name,
        capabilities: new.capabilities,
        preset: new.preset.as_deref().map(name),
        models: new.models.iter().map(|model| name(model)).collect(),
        workflows: new.workflows.iter().map(|workflow| name(workflow)).collect(),
        cap: new.spend_cap.as_ref().map(caps::read).transpose()?,
        expires_at: new.expires_at.map(|at| instant("/expires_at", &at)).transpose()?,
    };
    let (text, secret) = new_secret(&workspace);
    let beside = Beside { claims: vec![claim(&secret.hash)], ..Beside::default() };
    let command = Command::Team(TeamCommand::MakeKey { secret, owner, new });
    let id = workspace.id;
    let (committed, after) = app.ledger.submit_beside(id, command, member.origin(id, &body.bytes), beside).await?;
    let n = committed.events.iter().find_map(|DatedEvent(_, event)| match event {
        Event::Team(TeamEvent::KeyMade { key, .. }) => Some(*key),
        _ => None,
    });
    let key = n.and_then(|n| after.team.key(n)).ok_or(Problem::Internal)?;
    let shown = Desk::at(&app, &after).await?.to_api(key, once(text, &committed));
    Ok(Reply::new(StatusCode::CREATED, shown).of(id, &committed))
}

/// Changes a key's name, capabilities or cap, or marks it as reviewed.
#[utoipa::path(patch, path = "/v1/keys/{id}", tag = "Keys", params(("id" = String, Path, description = "`key_…`")),
    request_body = api::KeyChange, responses((status = 200, description = "The key", body = api::Key)))]
pub async fn change(
    On(member, id): On<Member, KeyId>,
    State(app): State<Arc<App>>,
    body: Body<api::KeyChange>,
) -> Result<Reply<api::Key>, Problem> {
    let id = id?;
    let asked = &body.value;
    let change = KeyChange {
        name: asked.name.clone(),
        capabilities: asked.capabilities.clone(),
        cap: asked.spend_cap.as_ref().map(|given| given.as_ref().map(caps::read).transpose()).transpose()?,
        reviewed: asked.reviewed,
    };
    command_on(&app, &member, id, TeamCommand::ChangeKey { key: id.n, change }, &body.bytes).await
}

/// Gives a key another secret, shown in this answer alone.
///
/// The old secret stays good for a while.
#[utoipa::path(post, path = "/v1/keys/{id}/rotate", tag = "Keys", params(("id" = String, Path, description = "`key_…`")),
    request_body = api::Rotation, responses((status = 200, description = "The key, with its new secret", body = api::Key)))]
pub async fn rotate(
    On(member, id): On<Member, KeyId>,
    State(app): State<Arc<App>>,
    body: Body<api::Rotation>,
) -> Result<Reply<api::Key>, Problem> {
    let KeyId { workspace: id, n: key } = id?;
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("key"))?;
    let grace = body.value.grace.unwrap_or(KEY_GRACE_SECONDS);
    let (text, secret) = new_secret(&workspace);
    let beside = Beside { claims: vec![claim(&secret.hash)], ..Beside::default() };
    let command = Command::Team(TeamCommand::RotateKey { key, secret, grace });
    let (committed, after) = app.ledger.submit_beside(id, command, member.origin(id, &body.bytes), beside).await?;
    let key = after.team.key(key).ok_or(Problem::not_found("key"))?;
    let shown = Desk::at(&app, &after).await?.to_api(key, once(text, &committed));
    Ok(Reply::new(StatusCode::OK, shown).of(id, &committed))
}

/// Freezes a key with a reason, or unfreezes it.
#[utoipa::path(post, path = "/v1/keys/{id}/freeze", tag = "Keys", params(("id" = String, Path, description = "`key_…`")),
    request_body = api::FreezeRequest, responses((status = 200, description = "The key", body = api::Key)))]
pub async fn freeze(
    On(member, id): On<Member, KeyId>,
    State(app): State<Arc<App>>,
    body: Body<api::FreezeRequest>,
) -> Result<Reply<api::Key>, Problem> {
    let id = id?;
    let reason = match (body.value.frozen, &body.value.reason) {
        (true, Some(reason)) => Some(name(reason)),
        (true, None) => return Err(Problem::invalid("/reason", "must be given: callers with the key see it")),
        (false, _) => None,
    };
    command_on(&app, &member, id, TeamCommand::FreezeKey { key: id.n, reason }, &body.bytes).await
}

/// Revokes a key, at once and for ever.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "Keys", params(("id" = String, Path, description = "`key_…`")),
    responses((status = 200, description = "The key is revoked", body = api::Removal)))]
pub async fn revoke(
    On(member, id): On<Member, KeyId>,
    State(app): State<Arc<App>>,
) -> Result<Reply<api::Removal>, Problem> {
    let id = id?;
    let workspace = id.workspace;
    let command = Command::Team(TeamCommand::RevokeKey { key: id.n });
    let committed = app.ledger.submit(workspace, command, member.origin(workspace, b"")).await?;
    Ok(Reply::new(StatusCode::OK, api::Removal { id: id.to_string() }).of(workspace, &committed))
}

async fn command_on(
    app: &App,
    member: &Member,
    KeyId { workspace, n }: KeyId,
    command: TeamCommand,
    body: &[u8],
) -> Result<Reply<api::Key>, Problem> {
    let asked = member.origin(workspace, body);
    let (committed, after) = app.ledger.submit_and_show(workspace, Command::Team(command), asked).await?;
    let key = after.team.key(n).ok_or(Problem::not_found("key"))?;
    let shown = Desk::at(app, &after).await?.to_api(key, None);
    Ok(Reply::new(StatusCode::OK, shown).of(workspace, &committed))
}

/// Returns the secret for the answer that made it. A replayed answer has none: a caller who lost the secret rotates the
/// key.
fn once(secret: String, committed: &Commit) -> Option<String> {
    (!committed.replayed).then_some(secret)
}

fn new_secret(workspace: &Workspace) -> (String, Secret) {
    let text = new_key(KEY_PREFIXES[usize::from(workspace.mode == Mode::Live)]);
    let hash = KeyHash(sha256(&[text.as_bytes()]));
    let last4 = text[text.len() - 4..].to_owned();
    (text, Secret { hash, last4 })
}

/// Values that the keys of a workspace are shown with.
struct Desk<'w> {
    workspace: &'w Workspace,
    catalogs: Arc<Catalogs>,
    used: HashMap<u32, Timestamp>,
    now: Timestamp,
}

impl<'w> Desk<'w> {
    async fn at(app: &App, workspace: &'w Workspace) -> Result<Desk<'w>, Problem> {
        let used = rows::key_uses::of(app.ledger.store().reader(), workspace.id).await?.into_iter().collect();
        let now = app.ledger.now_of(workspace).await?;
        Ok(Desk { workspace, catalogs: app.ledger.catalogs_of(workspace).await?, used, now })
    }

    fn plan(&self) -> Option<Cow<'_, Plan>> {
        Some(Terms::of(self.workspace, &self.catalogs, self.now)?.plan())
    }

    fn to_api(&self, key: &Key, secret: Option<String>) -> api::Key {
        let plan = self.plan();
        let rights = plan.map(|plan| effective(self.workspace, &plan, key)).unwrap_or_default();
        let words = |capabilities: &[&Capability]| capabilities.iter().map(ToString::to_string).collect();
        let previous = key.retired.filter(|retired| self.now < retired.until);
        api::Key {
            id: self.workspace.id.id_of(Kind::Key, key.n),
            name: key.terms.name.clone(),
            secret,
            last4: key.last4.clone(),
            capabilities: key.terms.capabilities.iter().map(ToString::to_string).collect(),
            effective: words(&rights.effective),
            dormant: words(&rights.dormant),
            available: rights.available,
            models: key.terms.models.iter().map(ToString::to_string).collect(),
            workflows: key.terms.workflows.iter().map(ToString::to_string).collect(),
            owner: key.owner.map(|owner| owner.to_string()),
            made_by: key.made_by.map(|maker| maker.to_string()),
            needs_review: self.workspace.team.is_orphan(key),
            spend_cap: key.cap.as_ref().map(|cap| caps::to_api(cap, self.now)),
            frozen_reason: key.frozen.as_ref().map(|(reason, _)| reason.to_string()),
            created_at: key.made_at.to_string(),
            expires_at: key.terms.expires_at.map(|at| at.to_string()),
            previous_until: previous.map(|retired| retired.until.to_string()),
            last_used_at: self.used.get(&key.n).map(|at| at.to_string()),
        }
    }
}
