//! `/v1/sign_in`, `/v1/portal_links`, `/v1/sessions`, `/v1/session`: signing in and out.
//!
//! Invariant: a caller learns nothing here about whether an address is known, and every failure to sign in has the same
//! answer.

use super::workspaces::open::{OpenRequest, open_workspace};
use crate::crypto::{hex, random, sha256};
use crate::http::edge::address::Client;
use crate::http::edge::app::App;
use crate::http::edge::person::{COOKIE, Person, cookies, csrf, not_from_elsewhere, set_cookie};
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::rates::spend;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::Body;
use crate::http::edge::rights::Operator;
use crate::http::edge::values::{address, not_blocked};
use crate::ledger::{Origin, idempotency};
use crate::mail::Mail;
use crate::mail::outbox::enqueue;
use crate::operate::acts;
use crate::people::allowances;
use crate::people::blocks;
use crate::people::email::Email;
use crate::people::sign_in::{self, LINK_LIFETIME, Session, SignIn};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scrip_client::types as api;
use scrip_engine::team::Tenancy;
use scrip_engine::{Mode, Profile, SECOND, Timestamp, UserId, WorkspaceId};
use scrip_store::Allowance;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of sessions.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(mint))
        .routes(routes!(open, close_all))
        .routes(routes!(show, close))
}

/// Sends a sign-in link to an address.
///
/// The answer is the same whether or not the address is known.
#[utoipa::path(post, path = "/v1/sign_in", tag = "Sessions", security(()), request_body = api::SignIn,
    responses((status = 202, description = "The link is on its way; the answer is the same for every address", body = api::SignInAsked)))]
pub async fn ask(
    client: Client,
    State(app): State<Arc<App>>,
    body: Body<api::SignIn>,
) -> Result<Reply<api::SignInAsked>, Problem> {
    let email = address(app.ledger.store(), "/email", &body.value.email).await?;
    let now = app.ledger.now(None).await?;
    app.sign_ins.attempt(client, now)?;
    spend(app.ledger.store(), allowances::sign_in(&email)).await?;
    // A blocked person gets no mail, and the same answer as all others.
    if blocks::of_mailbox(app.ledger.store(), &email).await?.is_none() {
        queue_sign_in(&app, &email).await?;
    }
    Ok(Reply::new(StatusCode::ACCEPTED, api::SignInAsked { expires_in: LINK_LIFETIME / SECOND }))
}

/// Queues a mail with a sign-in link. The link itself is made when the mail is sent, so that nothing in the queue is
/// secret.
async fn queue_sign_in(app: &App, email: &Email) -> Result<(), Problem> {
    // A person stored under an earlier version's spelling is mailed at the present one, and signs in as the same
    // person.
    let known_as = Email::parse(email.as_str()).is_ok_and(|sent| sent != *email).then(|| email.to_string());
    let mail = Mail::SignIn { workspace: None, known_as };
    let mail = mail.to(format!("sign-in {}", hex(&random::<16>())), email.as_str());
    let mail = mail.map_err(|_| Problem::invalid("/email", "must be an e-mail address"))?;
    Ok(enqueue(app.ledger.store(), mail).await?)
}

/// Makes a link that signs in a user of the operator's product.
///
/// The link is good once, within 15 minutes. With a workspace, the session reaches that workspace alone.
#[utoipa::path(post, path = "/v1/portal_links", tag = "Sessions", request_body = api::NewPortalLink,
    responses((status = 201, description = "The link", body = api::PortalLink)))]
pub async fn mint(
    operator: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::NewPortalLink>,
) -> Result<Reply<api::PortalLink>, Problem> {
    let email = address(app.ledger.store(), "/email", &body.value.email).await?;
    not_blocked(app.ledger.store(), "/email", &email).await?;
    let workspace = body.value.workspace.as_deref().map(|id| operator.read::<WorkspaceId>(id)).transpose()?;
    if let Some(id) = workspace {
        app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    }
    let now = app.ledger.now(None).await?;
    let store = app.ledger.store();
    let reaches = workspace.map(|workspace| workspace.to_string()).unwrap_or_default();
    acts::note(store, ("portal_link", email.as_str(), &reaches), (operator.actor(), request_id()), now).await?;
    let token = sign_in::issue(store, &email, workspace, operator.actor(), LINK_LIFETIME, now).await?;
    let expires_at = now.after_micros(LINK_LIFETIME).to_string();
    Ok(Reply::new(StatusCode::CREATED, api::PortalLink { url: sign_in::link(&app.public_url, &token), expires_at }))
}

/// Uses a link up and opens a session, in a cookie unless `cookie` is `false`.
///
/// A link that is unknown, used or expired is answered with 401. The browser's earlier sessions end.
#[utoipa::path(post, path = "/v1/sessions", tag = "Sessions", security(()), request_body = api::NewSession,
    responses((status = 201, description = "The session and its user", body = api::Session)))]
pub async fn open(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body<api::NewSession>,
) -> Result<Response, Problem> {
    let by_cookie = body.value.cookie != Some(false);
    if by_cookie {
        // A page of another site must not sign its visitors in as another person either.
        not_from_elsewhere(&app, &headers)?;
    }
    let now = app.ledger.now(None).await?;
    let redeemed = sign_in::redeem(app.ledger.store(), &body.value.token, now).await?;
    let (token, session) = begin(&app, redeemed.ok_or(Problem::Unauthenticated)?, &headers, now).await?;
    let mut shown = to_api(&app, &session);
    if by_cookie {
        let cookie = [(header::SET_COOKIE, set_cookie(COOKIE, &token, None)?)];
        return Ok((cookie, Reply::new(StatusCode::CREATED, shown)).into_response());
    }
    shown.token = Some(token);
    Ok(Reply::new(StatusCode::CREATED, shown).into_response())
}

/// Opens a session for a person who has proved the mailbox, and ends the sessions that the browser already has: a
/// session that an attacker planted must not go on beside the new one.
pub(super) async fn begin(
    app: &App,
    redeemed: SignIn,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(String, Session), Problem> {
    let store = app.ledger.store();
    if blocks::of_mailbox(store, &redeemed.email).await?.is_some() {
        return Err(Problem::Unauthenticated);
    }
    let user = sign_in::user_of(store, &redeemed.email, now).await?;
    ensure_personal_workspace(app, user, &redeemed.email).await?;
    let opened = sign_in::open(store, user, redeemed, app.lifetimes, now).await?;
    for before in cookies(headers) {
        sign_in::close(store, &sign_in::hash_of(before)).await?;
    }
    Ok(opened)
}

/// Opens a person's personal workspace, unless it exists: on the free plan, with lifetime credits and trials unless the
/// person had them before (R8). Its id follows from the user's, so that it is opened once.
async fn ensure_personal_workspace(app: &App, user: UserId, email: &Email) -> Result<WorkspaceId, Problem> {
    let number = sha256(&[b"personal workspace", &user.get().to_le_bytes()]);
    let id = WorkspaceId::new(u64::from_le_bytes(std::array::from_fn(|index| number[index])));
    if app.ledger.workspace(id).await?.is_some() {
        return Ok(id);
    }
    let once = Some(idempotency(id, &format!("personal workspace of {user}"), &[]));
    let opening = OpenRequest {
        id,
        asked: Origin { idempotency: once, ..Origin::of_person(user, request_id()) },
        tenancy: Tenancy::Personal,
        owner: user,
        owner_email: email.to_string(),
        profile: Profile { name: "Personal".to_owned(), ..Profile::default() },
        mode: Mode::Test,
        test_clock: None,
        choice: None,
        welcome: true,
        allowance: Allowance::default(),
    };
    open_workspace(app, opening).await?;
    Ok(id)
}

/// Shows the person who is signed in.
#[utoipa::path(get, path = "/v1/session", tag = "Sessions", security(("session" = []), ("session_token" = [])),
    responses((status = 200, description = "The session and its user", body = api::Session)))]
pub async fn show(person: Person, State(app): State<Arc<App>>) -> Json<api::Session> {
    Json(to_api(&app, person.session()))
}

/// Signs out: the session ends, also for other holders of its token.
#[utoipa::path(delete, path = "/v1/session", tag = "Sessions", security(("session" = []), ("session_token" = [])),
    params(("Scrip-CSRF" = Option<String>, Header, description = "The session's `csrf`; required with the cookie")),
    responses((status = 200, description = "The session has ended", body = api::SignedOut)))]
pub async fn close(person: Person, State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let ended = sign_in::close(app.ledger.store(), &person.session().hash).await?;
    sign_out_reply(&person, u64::from(ended))
}

/// Signs out everywhere: every session of the person ends.
///
/// A session that is bound to a workspace ends only the sessions bound to the same workspace.
#[utoipa::path(delete, path = "/v1/sessions", tag = "Sessions", security(("session" = []), ("session_token" = [])),
    params(("Scrip-CSRF" = Option<String>, Header, description = "The session's `csrf`; required with the cookie")),
    responses((status = 200, description = "The sessions have ended", body = api::SignedOut)))]
pub async fn close_all(person: Person, State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let session = person.session();
    let ended = sign_in::close_all(app.ledger.store(), session.user, session.workspace).await?;
    sign_out_reply(&person, ended as u64)
}

fn sign_out_reply(person: &Person, sessions: u64) -> Result<Response, Problem> {
    let reply = Reply::new(StatusCode::OK, api::SignedOut { sessions });
    if person.by_cookie() {
        return Ok(([(header::SET_COOKIE, set_cookie(COOKIE, "", Some(0))?)], reply).into_response());
    }
    Ok(reply.into_response())
}

fn to_api(app: &App, session: &Session) -> api::Session {
    api::Session {
        user: api::User { id: session.user.to_string(), email: session.email.to_string() },
        workspace: session.workspace.map(|workspace| workspace.to_string()),
        csrf: csrf(app, session),
        expires_at: session.expires_at.to_string(),
        token: None,
    }
}
