//! `/v1/checkout`, `/v1/billing_portal` and `/v1/billing`: purchases, and the status of payment.
//!
//! Invariant: the engine decides what may be bought, and Stripe takes the payment; nothing here grants anything.

mod view;

use super::workspaces;
use crate::http::edge::app::App;
use crate::http::edge::page::{PageQuery, cursor, page, page_limit};
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::rates::spend;
use crate::http::edge::refusal::{Answer, answer};
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{Body, QueryOf};
use crate::http::edge::rights::{Admin, On, Operator};
use crate::http::edge::values::{amount, interval, name};
use crate::jobs::work::finish;
use crate::operate::acts;
use crate::operate::alerts::{self, Alert, Kept};
use crate::payments::customers::Customers;
use crate::payments::error::Denial;
use crate::payments::portal::PortalTask;
use crate::payments::purchases::PaymentLink;
use crate::payments::request_budget::with_budget;
use crate::payments::{Billing, customers, marks};
use crate::people::allowances;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use scrip_client::types as api;
use scrip_engine::payments::TopUpTerms;
use scrip_engine::{Command, Interval, PurchaseTarget, Refusal, TopUpCommand, Workspace, WorkspaceId, offer};
use scrip_store::clock::Stopwatch;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of billing.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(checkout))
        .routes(routes!(portal))
        .routes(routes!(show))
        .routes(routes!(set_top_up, unset_top_up))
        .routes(routes!(link, customer))
        .routes(routes!(sync))
        .routes(routes!(sweep))
        .routes(routes!(alerts))
}

/// Maximum wait for another worker that reconciles the same customer.
const PATIENCE: Duration = Duration::from_secs(15); // # assumed
/// Number of requests to Stripe that may follow when automatic top-ups are switched on.
const TOP_UP: u32 = 8;
/// Pause between two attempts to lease a customer that another worker reconciles.
const AGAIN: Duration = Duration::from_millis(50);

/// Returns the part that sells through Stripe.
///
/// # Errors
/// Not found when this server does not sell.
fn seller(app: &App) -> Result<&Arc<Billing>, Problem> {
    app.billing.as_ref().ok_or(Problem::not_found("Stripe account"))
}

/// Opens a checkout session for a pack or a plan.
///
/// Nothing is granted before it is paid. A plan that needs a review has no checkout session until the review is
/// approved.
#[utoipa::path(post, path = "/v1/checkout", tag = "Billing",
    params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key; every retry of the request sends the same one")),
    request_body = api::NewCheckout, responses((status = 201, description = "The checkout session, with its address", body = api::Checkout)))]
pub async fn checkout(
    admin: Admin,
    State(app): State<Arc<App>>,
    body: Body<api::NewCheckout>,
) -> Result<Reply<api::Checkout>, Problem> {
    let workspace = admin.workspace_now(&app).await?;
    let wanted = parse_purchase(&body.value)?;
    let billing = seller(&app)?;
    let key = admin.key().map(|key| format!("{} {key}", admin.actor()));
    allow_session(&app, &admin, &workspace).await?;
    let buys = billing.buy(&workspace, &wanted, key.as_deref());
    let bought = with_budget(&app.ledger, budget_owner(&admin, &workspace), buys).await;
    let PaymentLink { url, offer, expires_at } = match bought {
        Ok(page) => page,
        Err(denied) => return Err(problem(&app, &workspace, denied).await),
    };
    let expires_at = expires_at.map(|at| at.to_string());
    Ok(Reply::new(StatusCode::CREATED, api::Checkout { url, offer: view::offer(&wanted, &offer), expires_at }))
}

/// Counts a Stripe session that a person asks for; the operator's are not counted.
///
/// # Errors
/// When the person has asked for too many.
async fn allow_session(app: &App, admin: &Admin, workspace: &Workspace) -> Result<(), Problem> {
    match admin.user() {
        Some(_) => spend(app.ledger.store(), allowances::stripe_session(workspace)).await,
        None => Ok(()),
    }
}

/// Returns the workspace whose requests to Stripe are counted; `None` when the operator asks.
fn budget_owner<'w>(admin: &Admin, workspace: &'w Workspace) -> Option<&'w Workspace> {
    admin.user().map(|_| workspace)
}

fn parse_purchase(asked: &api::NewCheckout) -> Result<PurchaseTarget, Problem> {
    match (&asked.plan, &asked.pack) {
        (Some(plan), None) => Ok(PurchaseTarget::Plan(name(plan), asked.interval.map(interval))),
        (None, Some(_)) if asked.interval.is_some() => Err(Problem::invalid("/interval", "a pack is paid once")),
        (None, Some(pack)) => Ok(PurchaseTarget::Pack(name(pack))),
        (Some(_), Some(_)) => Err(Problem::invalid("/pack", "a plan or a pack, not both")),
        (None, None) => Err(Problem::invalid("/plan", "must be given, or a pack")),
    }
}

/// Opens Stripe's customer portal, for invoices, cards, and changes and cancellation of the plan.
#[utoipa::path(post, path = "/v1/billing_portal", tag = "Billing", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    request_body = api::NewPortalSession, responses((status = 201, description = "The address of the portal", body = api::PortalSession)))]
pub async fn portal(
    admin: Admin,
    State(app): State<Arc<App>>,
    body: Body<api::NewPortalSession>,
) -> Result<Reply<api::PortalSession>, Problem> {
    let workspace = admin.workspace_now(&app).await?;
    let task = match body.value.flow {
        None => PortalTask::Any,
        Some(api::PortalFlow::Cancel) => PortalTask::Cancel,
        Some(api::PortalFlow::PaymentMethod) => PortalTask::Card,
    };
    let billing = seller(&app)?;
    allow_session(&app, &admin, &workspace).await?;
    match with_budget(&app.ledger, budget_owner(&admin, &workspace), billing.portal(&workspace, task)).await {
        Ok(url) => Ok(Reply::new(StatusCode::CREATED, api::PortalSession { url })),
        Err(denied) => Err(problem(&app, &workspace, denied).await),
    }
}

/// Shows the status of payment and everything on sale.
///
/// The status has the plan, its last and next renewal, and a declined payment. An offer has its bonus and how long its
/// credits last.
#[utoipa::path(get, path = "/v1/billing", tag = "Billing", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The plan's status and the offers", body = api::BillingState)))]
pub async fn show(admin: Admin, State(app): State<Arc<App>>) -> Result<Json<api::BillingState>, Problem> {
    let workspace = admin.workspace_now(&app).await?;
    let at = app.ledger.now_of(&workspace).await?;
    let catalogs = app.ledger.store().catalogs();
    let catalog = catalogs.in_force(at, workspace.test_clock).ok_or(Problem::Internal)?;
    let plans = catalog.catalog.plans.iter().flat_map(|plan| {
        let sold = plan.prices.iter().filter(|price| price.amount.is_some());
        sold.map(|price| PurchaseTarget::Plan(plan.id.clone(), Some(price.interval)))
    });
    let packs = catalog.catalog.packs.iter().map(|pack| PurchaseTarget::Pack(pack.id.clone()));
    let (mut offers, mut not_offered) = (Vec::new(), Vec::new());
    for wanted in plans.chain(packs) {
        match offer(&workspace, &catalogs, &wanted, at) {
            Ok(offered) => offers.push(view::offer(&wanted, &offered)),
            Err(refusal) => not_offered.push(to_not_offered(&wanted, &refusal)),
        }
    }
    let collection = match &app.billing {
        Some(billing) => billing.kept_collection(workspace.id).await?,
        None => None,
    };
    let is_customer = customers::of(app.ledger.store(), workspace.id).await?.is_some();
    let top_up = view::top_up(&workspace, &catalogs, is_customer, at);
    Ok(Json(view::state(&workspace, at, top_up, collection, offers, not_offered)))
}

fn to_not_offered(wanted: &PurchaseTarget, refusal: &Refusal) -> api::NotOffered {
    let (plan, interval, pack) = view::plan_or_pack(wanted);
    let Answer { code, detail, .. } = answer(refusal);
    api::NotOffered {
        plan,
        interval: interval.map(Interval::name).map(str::to_owned),
        pack,
        code: code.to_owned(),
        detail,
    }
}

/// Switches automatic top-ups on: a pack is bought with the saved card when the balance is low.
///
/// The monthly maximum limits the spending. A declined payment stops top-ups until they are switched on again.
#[utoipa::path(put, path = "/v1/billing/top_up", tag = "Billing", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    request_body = api::NewTopUp, responses((status = 200, description = "The automatic top-ups", body = api::TopUp)))]
pub async fn set_top_up(
    admin: Admin,
    State(app): State<Arc<App>>,
    body: Body<api::NewTopUp>,
) -> Result<Reply<api::TopUp>, Problem> {
    let api::NewTopUp { pack, below, monthly_max } = &body.value;
    let (below, monthly_max) = (amount("/below", *below)?, amount("/monthly_max", *monthly_max)?);
    let workspace = admin.workspace_now(&app).await?;
    if let Err(denied) = seller(&app)?.is_of_this_mode(&workspace) {
        return Err(problem(&app, &workspace, denied).await);
    }
    // With a Stripe customer, a purchase may follow at once.
    if admin.user().is_some() && customers::of(app.ledger.store(), workspace.id).await?.is_some() {
        let requests = allowances::stripe_requests(workspace.id, allowances::has_paid(&workspace), TOP_UP, TOP_UP);
        spend(app.ledger.store(), requests).await?;
    }
    top_up(&app, &admin, Some(TopUpTerms { pack: name(pack), below, monthly_max }), &body.bytes).await
}

/// Ends automatic top-ups of the workspace.
#[utoipa::path(delete, path = "/v1/billing/top_up", tag = "Billing", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The automatic top-ups", body = api::TopUp)))]
pub async fn unset_top_up(admin: Admin, State(app): State<Arc<App>>) -> Result<Reply<api::TopUp>, Problem> {
    top_up(&app, &admin, None, b"").await
}

async fn top_up(
    app: &App,
    admin: &Admin,
    terms: Option<TopUpTerms>,
    body: &[u8],
) -> Result<Reply<api::TopUp>, Problem> {
    let id = admin.workspace()?;
    let command = Command::TopUp(TopUpCommand::Set(terms));
    let (committed, after) = app.ledger.submit_and_show(id, command, admin.origin(id, body)).await?;
    let at = app.ledger.now_of(&after).await?;
    let is_customer = customers::of(app.ledger.store(), id).await?.is_some();
    let top_up = view::top_up(&after, &app.ledger.store().catalogs(), is_customer, at);
    let top_up = top_up.ok_or(Problem::not_found("automatic top-up"))?;
    Ok(Reply::new(StatusCode::OK, top_up).of(id, &committed))
}

/// Links a workspace to a Stripe customer that existed before Scrip.
#[utoipa::path(put, path = "/v1/workspaces/{id}/customer", tag = "Billing", params(("id" = String, Path, description = "`ws_…`")),
    request_body = api::CustomerLink, responses((status = 200, description = "The workspace's customer", body = api::CustomerLink)))]
pub async fn link(
    On(operator, id): On<Operator, WorkspaceId>,
    State(app): State<Arc<App>>,
    body: Body<api::CustomerLink>,
) -> Result<Json<api::CustomerLink>, Problem> {
    let id = id?;
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    let billing = seller(&app)?;
    let customer = body.value.customer;
    let found = match billing.customer_there(&customer).await {
        Ok(Some(found)) => found,
        Ok(None) => return Err(Problem::invalid("/customer", "Stripe has no such customer")),
        Err(denied) => return Err(problem(&app, &workspace, denied).await),
    };
    if found.metadata.get(marks::WORKSPACE).is_some_and(|marked| *marked != id.to_string()) {
        return Err(Problem::invalid("/customer", "the metadata of this customer names another workspace"));
    }
    let (named, request) = (id.to_string(), request_id());
    let at = app.ledger.now(None).await?;
    acts::note(app.ledger.store(), ("link_customer", &named, &customer), (operator.actor(), request), at).await?;
    if customers::keep(app.ledger.store(), id, &customer).await?.as_deref() != Some(&*customer) {
        return Err(Problem::invalid(
            "/customer",
            "the workspace has another customer, or another workspace has this customer",
        ));
    }
    billing.wake();
    Ok(Json(api::CustomerLink { customer }))
}

/// Shows the Stripe customer of a workspace, and whether a reconciliation is due.
#[utoipa::path(get, path = "/v1/workspaces/{id}/customer", tag = "Billing", params(("id" = String, Path, description = "`ws_…`")),
    responses((status = 200, description = "The customer", body = api::Customer)))]
pub async fn customer(
    On(_operator, id): On<Operator, WorkspaceId>,
    State(app): State<Arc<App>>,
) -> Result<Json<api::Customer>, Problem> {
    let id = id?;
    let store = app.ledger.store();
    let customer = customers::of(store, id).await?.ok_or(Problem::not_found("customer"))?;
    Ok(Json(api::Customer { customer, waits: customers::waits(store, id).await? }))
}

/// Reconciles a workspace's Stripe customer now.
///
/// The customer is read from Stripe, and the ledger follows.
#[utoipa::path(post, path = "/v1/workspaces/{id}/customer/sync", tag = "Billing", params(("id" = String, Path, description = "`ws_…`")),
    responses((status = 200, description = "The workspace", body = api::Workspace)))]
pub async fn sync(
    On(_operator, id): On<Operator, WorkspaceId>,
    State(app): State<Arc<App>>,
) -> Result<Json<api::Workspace>, Problem> {
    let id = id?;
    reconcile(&app, id).await?;
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    Ok(Json(workspaces::describe(&app, &workspace).await?))
}

/// Reads Stripe's list of events since the last sweep, and has every customer reconciled.
///
/// A sweep also runs every hour by itself. Reconciliation goes on after the answer.
#[utoipa::path(post, path = "/v1/billing/sweep", tag = "Billing",
    responses((status = 200, description = "The number of events that were read and of customers to reconcile", body = api::Sweep)))]
pub async fn sweep(_: Operator, State(app): State<Arc<App>>) -> Result<Json<api::Sweep>, Problem> {
    match seller(&app)?.sweep(true).await {
        Ok((events, customers)) => Ok(Json(api::Sweep { events: events as u64, customers: customers as u64 })),
        Err(error) => {
            tracing::warn!(error, "a sweep of Stripe's events failed");
            Err(Problem::Stripe)
        }
    }
}

/// Reconciles a workspace's customer, and waits for the end.
///
/// # Errors
/// When Stripe cannot be asked, or another worker holds the customer for longer than [`PATIENCE`].
async fn reconcile(app: &App, id: WorkspaceId) -> Result<(), Problem> {
    let (billing, store) = (seller(app)?, app.ledger.store());
    customers::of(store, id).await?.ok_or(Problem::not_found("customer"))?;
    let begun = Stopwatch::start();
    while begun.elapsed() < PATIENCE {
        match customers::lease_one(store, id).await? {
            Some(leased) => {
                return finish(&Customers(Arc::clone(billing)), leased).await.map_err(|_| Problem::Stripe);
            }
            // Another worker reconciles the customer, and may have read Stripe before the latest change.
            None => tokio::time::sleep(AGAIN).await,
        }
    }
    customers::hint_workspace(store, id).await?;
    Err(Problem::Stripe)
}

/// Ends the plan that a workspace pays through Stripe with its period, or takes that back: at Stripe first, then here.
///
/// # Errors
/// When Stripe refuses or cannot be asked.
pub async fn end(app: &App, workspace: &Workspace, undo: bool) -> Result<(), Problem> {
    if let Err(denied) = seller(app)?.end(workspace, !undo).await {
        return Err(problem(app, workspace, denied).await);
    }
    reconcile(app, workspace.id).await
}

/// Ends what Stripe still collects for a plan that the workspace is not on. Returns `false` when there was nothing.
///
/// # Errors
/// When Stripe refuses or cannot be asked.
pub async fn end_collection(app: &App, workspace: &Workspace) -> Result<bool, Problem> {
    let Some(billing) = &app.billing else { return Ok(false) };
    match billing.end_collection(workspace).await {
        Ok(false) => Ok(false),
        Ok(true) => reconcile(app, workspace.id).await.map(|()| true),
        Err(Denial::OtherMode) => Ok(false),
        Err(denied) => Err(problem(app, workspace, denied).await),
    }
}

/// Lists alerts that money and credits may not agree, newest first.
#[utoipa::path(get, path = "/v1/alerts", tag = "Billing", params(PageQuery),
    responses((status = 200, description = "A page of alerts", body = api::Page<api::Alert>)))]
pub async fn alerts(
    _: Operator,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<api::Page<api::Alert>>, Problem> {
    let limit = page_limit(query.limit)?;
    let before = cursor(query.cursor.as_deref(), i64::MAX)?;
    if let Some(billing) = &app.billing {
        billing.end_alerts_of_sync().await;
    }
    let found = alerts::list(app.ledger.store(), before, limit + 1).await?;
    let last = found.get(limit as usize - 1).filter(|_| found.len() > limit as usize).map(|alert| alert.at.micros());
    let shown = |Kept { about, kind, workspace, detail, at }: Kept| api::Alert {
        about,
        kind,
        workspace: workspace.map(|id| id.to_string()),
        detail,
        at: at.to_string(),
    };
    Ok(Json(page(found.into_iter().take(limit as usize).map(shown).collect(), last)))
}

/// Converts a denied purchase to a problem. A cause that only the operator can mend raises an alert.
async fn problem(app: &App, workspace: &Workspace, denied: Denial) -> Problem {
    match denied {
        Denial::Refused(refusal) => Problem::Refused(refusal),
        Denial::Store(unavailable) => unavailable.into(),
        Denial::KeyReused => Problem::KeyReused,
        Denial::OtherMode => {
            Problem::invalid("", "the workspace's mode, test or live, is not the mode of this server's Stripe key")
        }
        Denial::Busy { retry_after, exceeded: None } => Problem::StripeBusy { retry_after },
        Denial::Busy { retry_after, exceeded: Some(limit) } => {
            let detail = format!(
                "at most {limit} requests to Stripe are sent for this workspace in 24 hours; try again in \
                 {retry_after} seconds"
            );
            Problem::OverLimit { limit, retry_after, detail }
        }
        Denial::Stripe(error) => {
            tracing::warn!(%error, "Stripe did not carry out a request");
            Problem::Stripe
        }
        Denial::NotSynced(detail) => {
            let mend = "run `scrip stripe sync --apply`";
            let alert = Alert::new("not_synced", &detail, Some(workspace.id), format!("{detail}: {mend}"));
            match alerts::raise(app.ledger.store(), alert).await {
                Ok(()) => Problem::NotForSale(format!(
                    "{detail}; nothing was paid; before it can be bought, the operator must {mend}"
                )),
                Err(unavailable) => unavailable.into(),
            }
        }
        Denial::Unexpected(detail) => {
            let alert = Alert::new("not_synced", &detail, Some(workspace.id), detail.clone());
            match alerts::raise(app.ledger.store(), alert).await {
                Ok(()) => Problem::NotForSale(format!(
                    "{detail}; nothing was paid, and the operator finds this among the alerts"
                )),
                Err(unavailable) => unavailable.into(),
            }
        }
    }
}
