//! `/v1/workspaces`: opening, listing, renaming and freezing workspaces.

pub mod check;
pub mod open;

use super::test_clocks;
use super::{membership, profiles};
use crate::http::edge::rights::{Admin, On, Operator, SessionHolder, Viewer};
use open::{OpenRequest, open_workspace};

use crate::crypto::{random, sha256};
use crate::http::edge::app::App;
use crate::http::edge::page::{cursor, page, page_limit};
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{Body, QueryOf};
use crate::http::edge::scopes;
use crate::http::edge::values::{self, amount, email, name, not_blocked};
use crate::ledger::Origin;
use crate::people::allowances;
use crate::people::email::Email;
use crate::people::sign_in;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::team::{Role, Tenancy};
use scrip_engine::{Choice, Command, Mode, Profile, UserId, Workspace, WorkspaceCommand, WorkspaceId};
use scrip_store::{Allowance, rows};
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of workspaces.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(open, list))
        .routes(routes!(check::check))
        .routes(routes!(show, change))
        .routes(routes!(freeze))
}

/// A tenth of the claims that are read for a person: the claims of workspaces that the person left are among them.
const WORKSPACES_MAX: i64 = 100; // # assumed

/// Opens a workspace, on the free plan or on a plan that the operator names.
///
/// A person who has signed in opens a team workspace with a name alone, and owns it.
#[utoipa::path(post, path = "/v1/workspaces", tag = "Workspaces", request_body = api::NewWorkspace,
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key; every retry of the request sends the same one")),
    responses((status = 201, description = "Opened", body = api::Workspace)))]
pub async fn open(
    signed: SessionHolder,
    State(app): State<Arc<App>>,
    body: Body<api::NewWorkspace>,
) -> Result<Reply<api::Workspace>, Problem> {
    let id = id_of(signed.key(), signed.user());
    let asked = signed.origin(id, &body.bytes);
    let owner = body.value.owner.as_ref().map(|owner| owner.email.clone()).unwrap_or_default();
    let opening = match (signed.user(), &signed.email) {
        (Some(user), Some(email)) => by_person(id, asked, (user, email), signed.only, body.value)?,
        _ => {
            if body.value.plan.is_some() {
                // A plan without payment is worth as much as credits.
                scopes::needs_all(signed.operator_key().map(AsRef::as_ref))?;
            }
            let mut opening = by_operator(&app, id, asked, body.value).await?;
            let store = app.ledger.store();
            let owner = values::address(store, "/owner/email", &owner).await?;
            opening.owner = sign_in::user_of(store, &owner, app.ledger.now(None).await?).await?;
            opening
        }
    };
    let (committed, workspace) = match (open_workspace(&app, opening.clone()).await, signed.user()) {
        // Payments are read only when a person comes to the limit.
        (Err(Problem::OverLimit { .. }), Some(user)) if has_paid_anywhere(&app, user).await? => {
            let allowance = allowances::workspace(user, membership::scope(user), true);
            open_workspace(&app, OpenRequest { allowance, ..opening }).await?
        }
        (opened, _) => opened?,
    };
    Ok(Reply::new(StatusCode::CREATED, describe(&app, &workspace).await?).of(id, &committed))
}

/// Returns the id of the workspace that a caller opens. The id follows from the idempotency key and the person, so that
/// a retry comes to the same workspace.
fn id_of(key: Option<&str>, user: Option<UserId>) -> WorkspaceId {
    let number = match (key, user) {
        (Some(key), None) => sha256(&[b"workspace", key.as_bytes()]),
        (Some(key), Some(user)) => sha256(&[b"workspace of", &user.get().to_le_bytes(), key.as_bytes()]),
        (None, _) => random::<32>(),
    };
    WorkspaceId::new(u64::from_le_bytes(std::array::from_fn(|index| number[index])))
}

/// Returns `true` if anything was ever paid for a workspace that the person administers.
async fn has_paid_anywhere(app: &App, user: UserId) -> Result<bool, Problem> {
    let on = app.ledger.store().reader();
    for id in rows::claims::holders(on, &membership::scope(user), 10 * WORKSPACES_MAX).await? {
        let workspace = app.ledger.workspace(id).await?;
        let is_theirs = |open: &Workspace| open.team.member(user).is_some_and(|member| member.role == Role::Admin);
        if workspace.is_some_and(|open| is_theirs(&open) && allowances::has_paid(&open)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Builds the opening that a person asks for: a team workspace, without the values that only the operator may set.
///
/// # Errors
/// When the session is bound to a workspace, or the request has such values.
fn by_person(
    id: WorkspaceId,
    asked: Origin,
    (user, email): (UserId, &Email),
    only: Option<WorkspaceId>,
    new: api::NewWorkspace,
) -> Result<OpenRequest, Problem> {
    if only.is_some() {
        // A session of one workspace reaches no other, nor a new one.
        return Err(Problem::not_found("workspace"));
    }
    let theirs = new.owner.is_none() && new.external_id.is_none() && new.mode.is_none() && new.test_clock.is_none();
    let theirs = theirs && new.welcome.is_none();
    let free = new.plan.is_none() && new.interval.is_none() && new.allowance.is_none() && new.approve.is_empty();
    if !theirs || !free {
        return Err(Problem::invalid("", "a person may give the name alone; the other members are for operators"));
    }
    let (profile, owner_email) = (Profile { name: new.name, ..Profile::default() }, email.to_string());
    let (tenancy, mode) = (Tenancy::Team, Mode::Test);
    let allowance = allowances::workspace(user, membership::scope(user), false);
    let (test_clock, choice, welcome) = (None, None, true);
    let owner = user;
    Ok(OpenRequest { id, asked, tenancy, owner, owner_email, profile, mode, test_clock, choice, welcome, allowance })
}

/// Builds the opening that an operator asks for; the owner's user id is still missing.
///
/// # Errors
/// When a value is not valid, or the owner is blocked.
async fn by_operator(
    app: &App,
    id: WorkspaceId,
    asked: Origin,
    new: api::NewWorkspace,
) -> Result<OpenRequest, Problem> {
    let owner = new.owner.ok_or_else(|| Problem::invalid("/owner", "must be given"))?;
    let owner_email = email("/owner/email", &owner.email)?.to_string();
    not_blocked(app.ledger.store(), "/owner/email", &owner_email).await?;
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
    let profile = Profile { name: new.name, owner: None, external_id: new.external_id };
    let (tenancy, owner, welcome) = (Tenancy::Team, UserId::new(0), new.welcome != Some(false));
    let allowance = Allowance::default();
    Ok(OpenRequest { id, asked, tenancy, owner, owner_email, profile, mode, test_clock, choice, welcome, allowance })
}

async fn test_clock(app: &App, id: Option<&str>, mode: Mode) -> Result<Option<i64>, Problem> {
    let Some(id) = id else { return Ok(None) };
    if mode == Mode::Live {
        return Err(Problem::invalid("/test_clock", "only a workspace in test mode can have a test clock"));
    }
    let unknown = || Problem::invalid("/test_clock", "there is no such test clock; make one at /v1/test_clocks");
    let id = test_clocks::parse(id).ok_or_else(unknown)?;
    let clock = rows::test_clocks::by_id(app.ledger.store().reader(), id).await?;
    clock.map(|clock| Some(clock.id)).ok_or_else(unknown)
}

/// Filter and page of a list of workspaces.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Maximum number of items, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Cursor at which the page before ended.
    cursor: Option<String>,
    /// The operator's own id of the only workspace to list.
    external_id: Option<String>,
}

/// Lists workspaces that the caller may see.
///
/// The operator gets all workspaces in the order they were opened; a person gets the workspaces that they belong to.
#[utoipa::path(get, path = "/v1/workspaces", tag = "Workspaces", params(ListQuery),
    responses((status = 200, description = "A page of workspaces", body = api::Page<api::Workspace>)))]
pub async fn list(
    signed: SessionHolder,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<api::Page<api::Workspace>>, Problem> {
    if let Some(user) = signed.user() {
        return Ok(Json(page(workspaces_of(&app, user, signed.only).await?, None)));
    }
    let limit = page_limit(query.limit)?;
    let after = cursor(query.cursor.as_deref(), 0)?;
    app.ledger.store().await_projections().await?;
    let external_id = query.external_id.as_deref();
    let rows = rows::workspaces::after(app.ledger.store().reader(), after, limit + 1, external_id).await?;
    let mut data = Vec::new();
    for row in rows.iter().take(limit as usize) {
        if let Some(workspace) = app.ledger.workspace(*row).await? {
            data.push(describe(&app, &workspace).await?);
        }
    }
    let last = rows.get(limit as usize - 1).filter(|_| rows.len() > limit as usize);
    Ok(Json(page(data, last.map(|id| id.get()))))
}

/// Returns the workspaces that a person belongs to: all ever joined, without those left.
async fn workspaces_of(app: &App, user: UserId, only: Option<WorkspaceId>) -> Result<Vec<api::Workspace>, Problem> {
    let on = app.ledger.store().reader();
    let mut found = Vec::new();
    for id in rows::claims::holders(on, &membership::scope(user), 10 * WORKSPACES_MAX).await? {
        if only.is_some_and(|only| only != id) {
            continue;
        }
        if let Some(workspace) = app.ledger.workspace(id).await?.filter(|open| open.team.member(user).is_some()) {
            found.push(describe(app, &workspace).await?);
        }
    }
    Ok(found)
}

/// Shows a workspace and its plan.
#[utoipa::path(get, path = "/v1/workspaces/{id}", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`")),
    responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn show(
    On(viewer, id): On<Viewer, WorkspaceId>,
    State(app): State<Arc<App>>,
) -> Result<Json<api::Workspace>, Problem> {
    let id = id?;
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    Ok(Json(match viewer.is_confined() {
        true => to_api(&workspace, String::new()),
        false => describe(&app, &workspace).await?,
    }))
}

/// Changes the name of a workspace.
#[utoipa::path(patch, path = "/v1/workspaces/{id}", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`")),
    request_body = api::WorkspaceChange, responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn change(
    On(admin, id): On<Admin, WorkspaceId>,
    State(app): State<Arc<App>>,
    body: Body<api::WorkspaceChange>,
) -> Result<Reply<api::Workspace>, Problem> {
    let id = id?;
    let command = Command::Workspace(WorkspaceCommand::Rename { name: body.value.name });
    let (committed, workspace) = app.ledger.submit_and_show(id, command, admin.origin(id, &body.bytes)).await?;
    Ok(Reply::new(StatusCode::OK, describe(&app, &workspace).await?).of(id, &committed))
}

/// Freezes or thaws a workspace: a frozen one starts nothing new.
#[utoipa::path(post, path = "/v1/workspaces/{id}/freeze", tag = "Workspaces", params(("id" = String, Path, description = "`ws_…`")),
    request_body = api::FreezeRequest, responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn freeze(
    On(operator, id): On<Operator, WorkspaceId>,
    State(app): State<Arc<App>>,
    body: Body<api::FreezeRequest>,
) -> Result<Reply<api::Workspace>, Problem> {
    let command = match (body.value.frozen, &body.value.reason) {
        (true, Some(reason)) => Command::Workspace(WorkspaceCommand::Freeze { reason: name(reason) }),
        (true, None) => return Err(Problem::invalid("/reason", "must be given: the members of the workspace see it")),
        (false, _) => Command::Workspace(WorkspaceCommand::Unfreeze),
    };
    command_on(&app, &operator, id?, command, &body.bytes).await
}

/// Submits an operator's command on a workspace, and returns the workspace after it.
///
/// # Errors
/// When the command is refused, or the store cannot answer.
pub async fn command_on(
    app: &App,
    operator: &Operator,
    id: WorkspaceId,
    command: Command,
    body: &[u8],
) -> Result<Reply<api::Workspace>, Problem> {
    let (committed, workspace) = app.ledger.submit_and_show(id, command, operator.origin(id, body)).await?;
    Ok(Reply::new(StatusCode::OK, describe(app, &workspace).await?).of(id, &committed))
}

/// Reads the plan that an operator puts a workspace on.
///
/// # Errors
/// When the allowance is out of range.
pub fn choice(
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

/// Converts a workspace for the API, with its owner's address from beside the entries.
///
/// # Errors
/// When the store cannot answer.
pub async fn describe(app: &App, workspace: &Workspace) -> Result<api::Workspace, Problem> {
    Ok(to_api(workspace, profiles::owner_address(app, workspace).await?))
}

/// Converts a workspace for the API, by what its entries say and the address of its owner.
pub fn to_api(workspace: &Workspace, owner_email: String) -> api::Workspace {
    let subscription = &workspace.subscription;
    // A renewal that Stripe still collects is past due once the bridge is over; one whose payment is on its way is not
    // (R4).
    let is_late = subscription.is_frozen() && !subscription.processing;
    let unpaid = is_late || workspace.billing.failed.is_some();
    let status = match () {
        () if workspace.frozen.is_some() || !workspace.disputes.is_empty() => "frozen",
        () if subscription.cancel => "canceling",
        () if subscription.payment.is_some() && unpaid => "past_due",
        () => "active",
    };
    let disputed = workspace.disputes.first().map(|source| format!("the payment {source} is in dispute"));
    api::Workspace {
        id: workspace.id.to_string(),
        name: workspace.profile.name.clone(),
        owner_email,
        external_id: workspace.profile.external_id.clone(),
        mode: workspace.mode.name().to_owned(),
        plan: subscription.plan.to_string(),
        interval: subscription.period.map(|period| period.interval.name().to_owned()),
        status: status.to_owned(),
        frozen_reason: workspace.frozen.as_ref().map(ToString::to_string).or(disputed),
        test_clock: workspace.test_clock.map(test_clocks::id_of),
        billing: subscription.period.map(|_| match &subscription.payment {
            Some(_) => "provider".to_owned(),
            None => "manual".to_owned(),
        }),
        awaited_until: subscription.awaited_until.map(|at| at.to_string()),
        period: subscription
            .period
            .map(|period| api::PeriodView { start: period.start.to_string(), end: period.end.to_string() }),
        pending: subscription.pending.as_ref().map(|(plan, interval)| api::PendingChange {
            plan: plan.to_string(),
            interval: interval.name().to_owned(),
        }),
        approvals: workspace.approvals.iter().map(ToString::to_string).collect(),
        catalog_version: workspace.catalog,
        created_at: workspace.opened_at.to_string(),
    }
}
