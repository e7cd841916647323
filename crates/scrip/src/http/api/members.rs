//! `/v1/members` and `/v1/invitations`: the people of a workspace.
//!
//! Invariant: a caller learns nothing here about the people of a workspace that is not the caller's.

use super::{caps, membership, profiles, workspaces};
use crate::http::edge::app::App;
use crate::http::edge::object::InvitationId;
use crate::http::edge::page::page;
use crate::http::edge::person::Person;
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{Body, PathOf};
use crate::http::edge::rights::{Admin, AnyMember, Member, On, Operator};
use crate::http::edge::values::{address, email, not_blocked};
use crate::ledger::{Beside, Origin};
use crate::mail::Mail;
use crate::mail::links::is_invitation;
use crate::people::allowances;
use crate::people::sign_in;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::limits::INVITATION_SECONDS;
use scrip_engine::team::event::TeamEvent;
use scrip_engine::team::{Invitation, Member as TeamMember, Role, TeamCommand};
use scrip_engine::{
    Addresses, Command, DatedEvent, Event, Kind, Terms, Timestamp, UserId, Workspace, WorkspaceId, parse_id,
};
use scrip_store::rows::profiles::{add_with_entry, address as address_of, of_workspace};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of members.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(change, remove))
        .routes(routes!(invite, invitations))
        .routes(routes!(accept))
        .routes(routes!(withdraw))
}

/// Lists members, in the order they joined.
#[utoipa::path(get, path = "/v1/members", tag = "Members", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The members", body = api::Page<api::Member>)))]
pub async fn list(member: Member, State(app): State<Arc<App>>) -> Result<Json<api::Page<api::Member>>, Problem> {
    let workspace = member.workspace_now(&app).await?;
    let desk = Desk::at(&app, &workspace).await?;
    let members = workspace.team.members.iter().map(|member| desk.to_api(member));
    Ok(Json(page(members.collect(), None)))
}

/// Adds a user of the operator's own product as a member.
///
/// The user needs no invitation; the plan's limit of members applies.
#[utoipa::path(post, path = "/v1/members", tag = "Members", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    request_body = api::NewMember, responses((status = 201, description = "The member", body = api::Member)))]
pub async fn add(
    operator: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::NewMember>,
) -> Result<Reply<api::Member>, Problem> {
    let id = operator.workspace()?;
    app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    let (store, asked) = (app.ledger.store(), &body.value.email);
    let email = email("/email", asked)?;
    not_blocked(store, "/email", &email).await?;
    let known_as = address(store, "/email", asked).await?;
    let user = sign_in::user_of(store, &known_as, app.ledger.now(None).await?).await?;
    let role = role(body.value.role);
    let command = Command::Team(TeamCommand::Add { user, role });
    let rows = vec![add_with_entry(id, user, &email)];
    let beside = Beside { claims: vec![membership::claim(user, id)], rows, ..Beside::default() };
    let (committed, after) = app.ledger.submit_beside(id, command, operator.origin(id, &body.bytes), beside).await?;
    let joined = after.team.member(user).ok_or(Problem::not_found("member"))?;
    let shown = Desk::at(&app, &after).await?.to_api(joined);
    Ok(Reply::new(StatusCode::CREATED, shown).of(id, &committed))
}

/// Changes a member's role or cap.
#[utoipa::path(patch, path = "/v1/members/{id}", tag = "Members",
    params(("id" = String, Path, description = "`usr_…`"), ("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    request_body = api::MemberChange, responses((status = 200, description = "The member", body = api::Member)))]
pub async fn change(
    admin: Admin,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::MemberChange>,
) -> Result<Reply<api::Member>, Problem> {
    let (workspace, user) = (admin.workspace()?, user_id(&id)?);
    let asked = &body.value;
    let cap = asked.spend_cap.as_ref().map(|given| given.as_ref().map(caps::read).transpose()).transpose()?;
    let command = TeamCommand::ChangeMember { user, role: asked.role.map(|given| role(Some(given))), cap };
    let (committed, after) =
        app.ledger.submit_and_show(workspace, Command::Team(command), admin.origin(workspace, &body.bytes)).await?;
    let member = after.team.member(user).ok_or(Problem::not_found("member"))?;
    let shown = Desk::at(&app, &after).await?.to_api(member);
    Ok(Reply::new(StatusCode::OK, shown).of(workspace, &committed))
}

/// Removes a member at once, with the member's own keys; a member may also leave.
///
/// The last admin cannot be removed.
#[utoipa::path(delete, path = "/v1/members/{id}", tag = "Members",
    params(("id" = String, Path, description = "`usr_…`"), ("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The membership has ended", body = api::Removal)))]
pub async fn remove(
    member: AnyMember,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
) -> Result<Reply<api::Removal>, Problem> {
    let (workspace, user) = (member.workspace()?, user_id(&id)?);
    let command = Command::Team(TeamCommand::Remove { user });
    let committed = app.ledger.submit(workspace, command, member.origin(workspace, b"")).await?;
    Ok(Reply::new(StatusCode::OK, api::Removal { id }).of(workspace, &committed))
}

/// Lists the invitations that wait for an answer.
#[utoipa::path(get, path = "/v1/invitations", tag = "Members", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The invitations", body = api::Page<api::Invitation>)))]
pub async fn invitations(
    admin: Admin,
    State(app): State<Arc<App>>,
) -> Result<Json<api::Page<api::Invitation>>, Problem> {
    let workspace = admin.workspace_now(&app).await?;
    let now = app.ledger.now_of(&workspace).await?;
    let open = workspace.team.invitations.iter().filter(|invitation| now < invitation.expires_at);
    let addresses = of_workspace(app.ledger.store().reader(), workspace.id).await?;
    Ok(Json(page(open.map(|invitation| invitation_to_api(workspace.id, invitation, &addresses)).collect(), None)))
}

/// Invites a person by mail.
///
/// The invitation is for that mailbox alone, good once and for seven days.
#[utoipa::path(post, path = "/v1/invitations", tag = "Members",
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::NewInvitation, responses((status = 201, description = "The invitation", body = api::Invitation)))]
pub async fn invite(
    admin: Admin,
    State(app): State<Arc<App>>,
    body: Body<api::NewInvitation>,
) -> Result<Reply<api::Invitation>, Problem> {
    let id = admin.workspace()?;
    let email = email("/email", &body.value.email)?;
    let role = role(body.value.role);
    let workspace = admin.workspace_now(&app).await?;
    let now = app.ledger.now_of(&workspace).await?;
    let inviter = match &admin.email {
        Some(email) => email.to_string(),
        None => profiles::owner_address(&app, &workspace).await?,
    };
    let mail = Mail::Invitation {
        workspace: workspace.profile.name.clone(),
        inviter,
        role: role.name().to_owned(),
        // An invitation's number comes with its entry. At most one is open for an address, so the workspace's id names
        // it.
        invitation: id.to_string(),
        expires_at: now.after_seconds(INVITATION_SECONDS),
    };
    let mail = mail.to(format!("invitation {}", crate::crypto::hex(&crate::crypto::random::<16>())), email.as_str());
    let mail = mail.map_err(|_| Problem::invalid("/email", "must be an e-mail address"))?;
    let known_as = address(app.ledger.store(), "/email", &body.value.email).await?;
    let user = profiles::invited_user(&app, &workspace, admin.by, role, &known_as).await?;
    let command = Command::Team(TeamCommand::Invite { user, role });
    let counted = admin.user().map(|person| allowances::invitation(&workspace, person, &email));
    let (rows, allowance) = (vec![add_with_entry(id, user, &email)], counted.unwrap_or_default());
    let beside = Beside { mails: vec![mail], rows, allowance, ..Beside::default() };
    let (committed, _) = app.ledger.submit_beside(id, command, admin.origin(id, &body.bytes), beside).await?;
    let made = committed.events.iter().find_map(|DatedEvent(_, event)| match event {
        Event::Team(TeamEvent::Invited { invitation, user, role, expires_at }) => {
            Some(Invitation { n: *invitation, user: *user, role: *role, expires_at: *expires_at })
        }
        _ => None,
    });
    let made = made.ok_or(Problem::Internal)?;
    let addresses = Addresses::from([(user, email.to_string())]);
    Ok(Reply::new(StatusCode::CREATED, invitation_to_api(id, &made, &addresses)).of(id, &committed))
}

/// Takes an invitation back.
#[utoipa::path(delete, path = "/v1/invitations/{id}", tag = "Members", params(("id" = String, Path, description = "`inv_…`")),
    responses((status = 200, description = "The invitation is withdrawn", body = api::Removal)))]
pub async fn withdraw(
    On(admin, id): On<Admin, InvitationId>,
    State(app): State<Arc<App>>,
) -> Result<Reply<api::Removal>, Problem> {
    let id = id?;
    let workspace = id.workspace;
    let command = Command::Team(TeamCommand::Withdraw { invitation: id.n });
    let committed = app.ledger.submit(workspace, command, admin.origin(workspace, b"")).await?;
    Ok(Reply::new(StatusCode::OK, api::Removal { id: id.to_string() }).of(workspace, &committed))
}

/// Accepts an invitation, by the token of its link, as the person it was sent to.
#[utoipa::path(post, path = "/v1/invitations/accept", tag = "Members", request_body = api::Acceptance,
    security(("session" = []), ("session_token" = [])),
    params(("Scrip-CSRF" = Option<String>, Header, description = "The session's `csrf`; required with the cookie")),
    responses((status = 200, description = "The workspace that the person has joined", body = api::Workspace)))]
pub async fn accept(
    person: Person,
    State(app): State<Arc<App>>,
    body: Body<api::Acceptance>,
) -> Result<Reply<api::Workspace>, Problem> {
    let missing = || Problem::not_found("invitation");
    let session = person.session();
    let (text, signature) = body.value.token.rsplit_once('.').ok_or_else(missing)?;
    let (id, n) = parse_id(Kind::Invitation, text).ok_or_else(missing)?;
    // A session of one workspace reaches no other.
    if session.workspace.is_some_and(|only| only != id) {
        return Err(missing());
    }
    let workspace = app.ledger.workspace(id).await?.ok_or_else(missing)?;
    let open = workspace.team.invitations.iter().find(|open| open.n == n).ok_or_else(missing)?;
    let invited = open.user.ok_or_else(missing)?;
    let email = address_of(app.ledger.store().reader(), id, invited).await?.ok_or_else(missing)?;
    if !is_invitation(&app.secret, text, &email, signature) {
        return Err(missing());
    }
    let user = session.user;
    let command = Command::Team(TeamCommand::Join { invitation: n, user });
    let asked = Origin::of_person(user, request_id());
    let beside = Beside { claims: vec![membership::claim(user, id)], ..Beside::default() };
    let (committed, after) = app.ledger.submit_beside(id, command, asked, beside).await?;
    Ok(Reply::new(StatusCode::OK, workspaces::describe(&app, &after).await?).of(id, &committed))
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|()| Problem::not_found("member"))
}

fn role(given: Option<api::Role>) -> Role {
    match given {
        Some(api::Role::Admin) => Role::Admin,
        Some(api::Role::Member) | None => Role::Member,
    }
}

fn invitation_to_api(workspace: WorkspaceId, invitation: &Invitation, addresses: &Addresses) -> api::Invitation {
    let email = invitation.user.and_then(|user| addresses.get(&user)).cloned().unwrap_or_default();
    api::Invitation {
        id: workspace.id_of(Kind::Invitation, invitation.n),
        email,
        role: invitation.role.name().to_owned(),
        expires_at: invitation.expires_at.to_string(),
    }
}

/// Values that members are shown with.
struct Desk<'w> {
    workspace: &'w Workspace,
    limit: Option<u32>,
    now: Timestamp,
    addresses: Addresses,
}

impl<'w> Desk<'w> {
    async fn at(app: &App, workspace: &'w Workspace) -> Result<Desk<'w>, Problem> {
        let now = app.ledger.now_of(workspace).await?;
        let catalogs = app.ledger.catalogs_of(workspace).await?;
        let limit = Terms::of(workspace, &catalogs, now).ok_or(Problem::Internal)?.plan().members;
        let addresses = of_workspace(app.ledger.store().reader(), workspace.id).await?;
        Ok(Desk { workspace, limit, now, addresses })
    }

    fn to_api(&self, member: &TeamMember) -> api::Member {
        api::Member {
            id: member.user.to_string(),
            email: self.addresses.get(&member.user).cloned().unwrap_or_default(),
            role: member.role.name().to_owned(),
            seated: self.workspace.team.has_seat(member.user, self.limit),
            spend_cap: member.cap.as_ref().map(|cap| caps::to_api(cap, self.now)),
            joined_at: member.joined_at.to_string(),
        }
    }
}
