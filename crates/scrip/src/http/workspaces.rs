//! `/v1/workspaces`: opening, listing, plans by hand, freezing.

pub mod check;

use super::caller::{Admin, Operator, Signed, Viewer};
use super::members::members_scope;
use super::opening::{self, Opening};
use super::people::not_blocked;
use super::problem::Problem;
use super::request::{Body, PathOf, QueryOf};
use super::values::{self, amount, email, instant, name};
use super::{App, Reply, billing, page_limit, scopes, views};
use crate::allowances;
use crate::crypto::{random, sha256};
use crate::email::Email;
use crate::ledger::Asked;
use crate::operators::{OperatorKeys, Reservation};
use crate::sign_in;
use crate::store::{Allowance, Value, queries};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::team::{Role, Tenancy};
use scrip_engine::{
    Choice, Command, DAY, Event, Give, GrantEvent, Kind, Mode, Profile, SECOND, Timestamp, Unit, UserId, Workspace,
    WorkspaceId, apply,
};
use serde::Deserialize;
use std::sync::Arc;

/// Workspaces of a person that are shown, a tenth: those they left are among the claims that are read.
const WORKSPACES_MAX: i64 = 100; // # assumed

/// Opens a workspace, on the free plan or on one the operator names. A person who has signed in opens one of their own,
/// for a team, with a name alone.
#[utoipa::path(post, path = "/v1/workspaces", tag = "Workspaces", request_body = api::NewWorkspace,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same again when trying again")),
    responses((status = 201, description = "Opened", body = api::Workspace)))]
pub async fn open(
    signed: Signed,
    State(app): State<Arc<App>>,
    body: Body<api::NewWorkspace>,
) -> Result<Reply<api::Workspace>, Problem> {
    let id = id_of(signed.key(), signed.user());
    let asked = signed.asked(id, &body.bytes);
    let owner = body.value.owner.as_ref().map(|owner| owner.email.clone()).unwrap_or_default();
    let opening = match (signed.user(), &signed.email) {
        (Some(user), Some(email)) => by_person(id, asked, (user, email), signed.only, body.value)?,
        _ => {
            if body.value.plan.is_some() {
                // A plan that nobody pays for is as good as credits.
                scopes::needs_all(signed.operator_key().map(AsRef::as_ref))?;
            }
            let mut opening = by_operator(&app, id, asked, body.value).await?;
            let store = app.ledger.store();
            let owner = values::address(store, "/owner/email", &owner).await?;
            opening.owner = sign_in::user_of(store, &owner, app.ledger.now(None).await?).await?;
            opening
        }
    };
    let (committed, workspace) = match (opening::open(&app, opening.clone()).await, signed.user()) {
        // Only whoever comes to the limit is asked about.
        (Err(Problem::Exceeded { .. }), Some(user)) if has_paid_anywhere(&app, user).await? => {
            let allowance = allowances::workspace(user, members_scope(user), true);
            opening::open(&app, Opening { allowance, ..opening }).await?
        }
        (opened, _) => opened?,
    };
    Ok(Reply::new(StatusCode::CREATED, views::workspace(&workspace)).of(id, &committed))
}

/// Returns the id of the workspace that a caller opens. It follows from the key and from whose key it is, so that a
/// retry comes to the same workspace.
fn id_of(key: Option<&str>, user: Option<UserId>) -> WorkspaceId {
    let number = match (key, user) {
        (Some(key), None) => sha256(&[b"workspace", key.as_bytes()]),
        (Some(key), Some(user)) => sha256(&[b"workspace of", &user.get().to_le_bytes(), key.as_bytes()]),
        (None, _) => random::<32>(),
    };
    WorkspaceId::new(u64::from_le_bytes(std::array::from_fn(|index| number[index])))
}

/// Returns true if anything was ever paid for a workspace that a person administers.
async fn has_paid_anywhere(app: &App, user: UserId) -> Result<bool, Problem> {
    let named = vec![Value::Text(members_scope(user)), Value::Integer(10 * WORKSPACES_MAX)];
    for row in app.ledger.store().query(queries::CLAIMED_IN, named).await? {
        let workspace = app.ledger.workspace(WorkspaceId::new(row.integer(0) as u64)).await?;
        let is_theirs = |open: &Workspace| open.team.member(user).is_some_and(|member| member.role == Role::Admin);
        if workspace.is_some_and(|open| is_theirs(&open) && allowances::has_paid(&open)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a person opens: a workspace for a team, with nothing in it that is the operator's to say.
fn by_person(
    id: WorkspaceId,
    asked: Asked,
    (user, email): (UserId, &Email),
    only: Option<WorkspaceId>,
    new: api::NewWorkspace,
) -> Result<Opening, Problem> {
    if only.is_some() {
        // A session of one workspace reaches no other, a new one neither.
        return Err(Problem::not_found("workspace"));
    }
    let theirs = new.owner.is_none() && new.external_id.is_none() && new.mode.is_none() && new.test_clock.is_none();
    let theirs = theirs && new.welcome.is_none();
    let free = new.plan.is_none() && new.interval.is_none() && new.allowance.is_none() && new.approve.is_empty();
    if !theirs || !free {
        return Err(Problem::invalid(
            "",
            "a person opens a workspace with a name alone; the rest is the operator's to say",
        ));
    }
    let profile = Profile { name: new.name, owner: email.to_string(), external_id: None };
    let (tenancy, mode) = (Tenancy::Team, Mode::Test);
    let allowance = allowances::workspace(user, members_scope(user), false);
    let (test_clock, choice, welcome) = (None, None, true);
    Ok(Opening { id, asked, tenancy, owner: user, profile, mode, test_clock, choice, welcome, allowance })
}

/// An opening as an operator asks for it; the owner's user id is still to be found.
async fn by_operator(app: &App, id: WorkspaceId, asked: Asked, new: api::NewWorkspace) -> Result<Opening, Problem> {
    let owner = new.owner.ok_or_else(|| Problem::invalid("/owner", "must be given"))?;
    let owner = email("/owner/email", &owner.email)?.to_string();
    not_blocked(app, "/owner/email", &owner).await?;
    let mode = if new.mode == Some(api::Mode::Live) { Mode::Live } else { Mode::Test };
    let test_clock = test_clock(app, new.test_clock.as_deref(), mode).await?;
    if let Some(external_id) = &new.external_id {
        values::line("/external_id", external_id)?;
    }
    let choice = match &new.plan {
        Some(plan) => Some(choice(plan, new.interval, new.allowance, &new.approve)?),
        None if new.interval.is_some() || new.allowance.is_some() || !new.approve.is_empty() => {
            return Err(Problem::invalid("/plan", "must be given with interval, allowance or approve"));
        }
        None => None,
    };
    let profile = Profile { name: new.name, owner, external_id: new.external_id };
    let (tenancy, owner, welcome) = (Tenancy::Team, UserId::new(0), new.welcome != Some(false));
    let allowance = Allowance::default();
    Ok(Opening { id, asked, tenancy, owner, profile, mode, test_clock, choice, welcome, allowance })
}

async fn test_clock(app: &App, id: Option<&str>, mode: Mode) -> Result<Option<i64>, Problem> {
    let Some(id) = id else { return Ok(None) };
    if mode == Mode::Live {
        return Err(Problem::invalid("/test_clock", "only a workspace in test mode stands on a test clock"));
    }
    let unknown = || Problem::invalid("/test_clock", "there is no such test clock; make one at /v1/test_clocks");
    let id = views::parse_test_clock(id).ok_or_else(unknown)?;
    let rows = app.ledger.store().query(queries::TEST_CLOCK, vec![Value::Integer(id)]).await?;
    if rows.is_empty() { Err(unknown()) } else { Ok(Some(id)) }
}

/// How workspaces are listed.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Only the one with this id of the operator's own.
    external_id: Option<String>,
}

/// Lists workspaces: all there are in the order they were opened, for the operator; their own, for a person.
#[utoipa::path(get, path = "/v1/workspaces", tag = "Workspaces", params(ListQuery),
    responses((status = 200, description = "A page of workspaces", body = api::Page<api::Workspace>)))]
pub async fn list(
    signed: Signed,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<api::Page<api::Workspace>>, Problem> {
    if let Some(user) = signed.user() {
        return Ok(Json(super::page(workspaces_of(&app, user, signed.only).await?, None)));
    }
    let limit = page_limit(query.limit)?;
    let after = super::cursor(query.cursor.as_deref(), 0)?;
    app.ledger.store().projected().await?;
    let mut values = vec![Value::Integer(after), Value::Integer(limit + 1)];
    let sql = match query.external_id {
        Some(external_id) => {
            values.push(external_id.into());
            queries::WORKSPACES_BY_EXTERNAL_ID
        }
        None => queries::WORKSPACES,
    };
    let rows = app.ledger.store().query(sql, values).await?;
    let mut data = Vec::new();
    for row in rows.iter().take(limit as usize) {
        let id = WorkspaceId::new(row.integer(0) as u64);
        if let Some(workspace) = app.ledger.workspace(id).await? {
            data.push(views::workspace(&workspace));
        }
    }
    let last = rows.get(limit as usize - 1).filter(|_| rows.len() > limit as usize);
    Ok(Json(super::page(data, last.map(|row| row.integer(1)))))
}

/// The workspaces that a person belongs to: those they ever joined, and have not left.
async fn workspaces_of(app: &App, user: UserId, only: Option<WorkspaceId>) -> Result<Vec<api::Workspace>, Problem> {
    let named = vec![Value::Text(members_scope(user)), Value::Integer(10 * WORKSPACES_MAX)];
    let mut found = Vec::new();
    for row in app.ledger.store().query(queries::CLAIMED_IN, named).await? {
        let id = WorkspaceId::new(row.integer(0) as u64);
        if only.is_some_and(|only| only != id) {
            continue;
        }
        if let Some(workspace) = app.ledger.workspace(id).await?.filter(|open| open.team.member(user).is_some()) {
            found.push(views::workspace(&workspace));
        }
    }
    Ok(found)
}

/// Shows a workspace.
#[utoipa::path(get, path = "/v1/workspaces/{id}", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`")),
    responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn show(
    viewer: Viewer,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
) -> Result<Json<api::Workspace>, Problem> {
    let workspace = app.ledger.workspace(viewer.named(&id)?).await?.ok_or(Problem::not_found("workspace"))?;
    let mut shown = views::workspace(&workspace);
    if viewer.is_confined() {
        shown.owner_email.clear();
    }
    Ok(Json(shown))
}

/// Renames a workspace.
#[utoipa::path(patch, path = "/v1/workspaces/{id}", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`")),
    request_body = api::WorkspaceChange, responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn change(
    admin: Admin,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::WorkspaceChange>,
) -> Result<Reply<api::Workspace>, Problem> {
    let command = Command::Rename { name: body.value.name };
    let id = admin.named(&id)?;
    let (committed, workspace) = app.ledger.submit_and_show(id, command, admin.asked(id, &body.bytes)).await?;
    Ok(Reply::new(StatusCode::OK, views::workspace(&workspace)).of(id, &committed))
}

/// Puts a workspace on a plan, billed by hand: at once when it is more, at the period's end when it is less.
#[utoipa::path(post, path = "/v1/workspaces/{id}/subscription", tag = "Workspaces",
    params(("id" = String, Path, description = "`ws_…`"), ("Idempotency-Key" = String, Header, description = "The same again when trying again")),
    request_body = api::NewSubscription, responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn subscribe(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::NewSubscription>,
) -> Result<Reply<api::Workspace>, Problem> {
    let id = operator.named(&id)?;
    let asked = operator.asked_once(id, &body.bytes)?;
    let new = body.value;
    let command = Command::Subscribe(choice(&new.plan, new.interval, new.allowance, &new.approve)?);
    let (committed, workspace) = app.ledger.submit_and_show(id, command, asked).await?;
    Ok(Reply::new(StatusCode::OK, views::workspace(&workspace)).of(id, &committed))
}

/// How a subscription is ended.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CancelQuery {
    /// `true` takes a cancellation or a scheduled change back.
    undo: Option<bool>,
}

/// Ends the plan with its period; packs stay. What is paid through a payment provider is ended there.
#[utoipa::path(delete, path = "/v1/workspaces/{id}/subscription", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`"), CancelQuery),
    responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn cancel(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<CancelQuery>,
) -> Result<Reply<api::Workspace>, Problem> {
    let undo = query.undo == Some(true);
    let named = operator.named(&id)?;
    let workspace = app.ledger.workspace(named).await?.ok_or(Problem::not_found("workspace"))?;
    if workspace.subscription.payment.is_some() {
        billing::end(&app, &workspace, undo).await?;
        let workspace = app.ledger.workspace(named).await?.ok_or(Problem::not_found("workspace"))?;
        return Ok(Reply::new(StatusCode::OK, views::workspace(&workspace)));
    }
    if !undo && workspace.subscription.period.is_none() && billing::end_collection(&app, &workspace).await? {
        let workspace = app.ledger.workspace(named).await?.ok_or(Problem::not_found("workspace"))?;
        return Ok(Reply::new(StatusCode::OK, views::workspace(&workspace)));
    }
    let command = if undo { Command::UndoCancel } else { Command::CancelSubscription };
    command_on(&app, &operator, &id, command, &[u8::from(undo)]).await
}

/// Freezes or thaws a workspace: a frozen one starts nothing new.
#[utoipa::path(post, path = "/v1/workspaces/{id}/freeze", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`")),
    request_body = api::FreezeRequest, responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn freeze(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::FreezeRequest>,
) -> Result<Reply<api::Workspace>, Problem> {
    let command = match (body.value.frozen, &body.value.reason) {
        (true, Some(reason)) => Command::Freeze { reason: name(reason) },
        (true, None) => return Err(Problem::invalid("/reason", "must be given: the people of the workspace see it")),
        (false, _) => Command::Unfreeze,
    };
    command_on(&app, &operator, &id, command, &body.bytes).await
}

/// Gives credits: a pack that was sold, or goodwill with a reason.
#[utoipa::path(post, path = "/v1/workspaces/{id}/grants", tag = "Workspaces",
    params(("id" = String, Path, description = "`ws_…`"), ("Idempotency-Key" = String, Header, description = "The same again when trying again")),
    request_body = api::NewGrant, responses((status = 201, description = "The grants that were made; none when the source was granted from before", body = Vec<api::Grant>)))]
pub async fn give(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::NewGrant>,
) -> Result<Reply<Vec<api::Grant>>, Problem> {
    let id = operator.named(&id)?;
    let asked = operator.asked_once(id, &body.bytes)?;
    let command = grant_command(body.value)?;
    let reservation = reserve(&app, &operator, id, &command).await?;
    let submitted = app.ledger.submit_and_show(id, command, asked).await;
    if submitted.as_ref().map_or(true, |(committed, _)| committed.replayed) {
        reservation.give_back(app.ledger.store()).await;
    }
    let (committed, workspace) = submitted?;
    let made = committed.events.iter().filter_map(|dated| match &dated.1 {
        Event::Grant(GrantEvent::GrantIssued { grant, .. }) => workspace.grant(*grant),
        _ => None,
    });
    let made = made.map(|grant| views::grant(&workspace, grant)).collect();
    Ok(Reply::new(StatusCode::CREATED, made).of(id, &committed))
}

/// Takes what a grant would give from what the operator's key may give today.
///
/// # Errors
/// When that is less, or the workspace would refuse the grant.
async fn reserve(app: &App, operator: &Operator, id: WorkspaceId, command: &Command) -> Result<Reservation, Problem> {
    let key = operator.operator_key().ok_or(Problem::Internal)?;
    let Some(limit) = key.grants_per_day else { return Ok(Reservation::default()) };
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    let (catalogs, now) = (app.ledger.catalogs_of(&workspace).await?, app.ledger.now_of(&workspace).await?);
    let given = apply(&workspace, &catalogs, operator.by, command, now).map_err(Problem::Refused)?;
    let units = given.events.iter().map(|dated| match &dated.1 {
        Event::Grant(GrantEvent::GrantIssued { amount, .. }) => amount.get(),
        _ => 0,
    });
    let reservation = OperatorKeys::reserve(app.ledger.store(), key, units.sum()).await?;
    let day_end = Timestamp::from_micros(app.ledger.now(None).await?.day().saturating_add(1).saturating_mul(DAY));
    let left = day_end.micros().saturating_sub(app.ledger.now(None).await?.micros()) / SECOND + 1;
    reservation.ok_or(Problem::RateLimited {
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
        retry_after: u32::try_from(left).unwrap_or(u32::MAX),
    })
}

/// Builds the command that gives a grant.
///
/// # Errors
/// When the request contradicts itself, or a value is out of range.
fn grant_command(new: api::NewGrant) -> Result<Command, Problem> {
    let give = match (new.pack, new.amount) {
        (Some(pack), None) if new.unit.is_none() && new.expires_at.is_none() && new.models.is_empty() => {
            Give::Pack(name(&pack))
        }
        (Some(_), _) => {
            return Err(Problem::invalid("/pack", "a pack has its amount, unit, expiry and models in the catalog"));
        }
        (None, Some(units)) => Give::Goodwill {
            unit: if new.unit == Some(api::GrantUnit::Training) { Unit::Training } else { Unit::Credits },
            amount: amount("/amount", units)?,
            expires_at: new.expires_at.map(|at| instant("/expires_at", &at)).transpose()?,
            models: new.models.iter().map(|model| name(model)).collect(),
        },
        (None, None) => return Err(Problem::invalid("/amount", "must be given, or a pack")),
    };
    Ok(Command::Grant { give, source: new.source.as_deref().map(name), reason: new.reason })
}

/// Takes back what is left of a grant, now and when its holds end.
#[utoipa::path(post, path = "/v1/grants/{id}/void", tag = "Workspaces",
    params(("id" = String, Path, description = "`gr_…`"), ("Idempotency-Key" = String, Header, description = "The same again when trying again")),
    request_body = api::VoidRequest, responses((status = 200, description = "The grant", body = api::Grant)))]
pub async fn void(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    body: Body<api::VoidRequest>,
) -> Result<Reply<api::Grant>, Problem> {
    let (workspace, grant) = operator.owned(Kind::Grant, &id, "grant")?;
    let asked = operator.asked_once(workspace, &body.bytes)?;
    let command = Command::VoidGrant { grant, reason: body.value.reason };
    let (committed, shown) = app.ledger.submit_and_show(workspace, command, asked).await?;
    let grant = shown.grant(grant).ok_or(Problem::not_found("grant"))?;
    Ok(Reply::new(StatusCode::OK, views::grant(&shown, grant)).of(workspace, &committed))
}

async fn command_on(
    app: &App,
    operator: &Operator,
    id: &str,
    command: Command,
    body: &[u8],
) -> Result<Reply<api::Workspace>, Problem> {
    let id = operator.named(id)?;
    let (committed, workspace) = app.ledger.submit_and_show(id, command, operator.asked(id, body)).await?;
    Ok(Reply::new(StatusCode::OK, views::workspace(&workspace)).of(id, &committed))
}

fn choice(
    plan: &str,
    interval: Option<api::Interval>,
    allowance: Option<i64>,
    approve: &[api::Approval],
) -> Result<Choice, Problem> {
    Ok(Choice {
        plan: name(plan),
        interval: interval.map(values::interval),
        allowance: allowance.map(|units| amount("/allowance", units)).transpose()?,
        approve: approve.iter().map(|approval| (name(&approval.review), approval.reason.clone())).collect(),
    })
}
