//! `/v1/balance`, `/v1/entries` and `/v1/usage`: balance, journal and usage of a workspace.

use super::{grants, profiles};
use crate::crypto::hex;
use crate::history::Moment;
use crate::http::edge::app::App;
use crate::http::edge::object::EntryId;
use crate::http::edge::page::PageQuery;
use crate::http::edge::page::{cursor, page, page_limit};
use crate::http::edge::problem::Problem;
use crate::http::edge::reply::make_aside;
use crate::http::edge::request::QueryOf;
use crate::http::edge::rights::{On, Viewer};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use scrip_client::types as api;
use scrip_engine::{
    Account, By, DAY, Entry, Event, ExplainedPosting, Explanation, Kind, Posting, Timestamp, Unit, Workspace,
    WorkspaceEvent, WorkspaceId, explain,
};
use scrip_store::journal::JournalRow;
use scrip_store::rows;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of balances.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(balance))
        .routes(routes!(entries))
        .routes(routes!(explanation))
        .routes(routes!(usage))
}

/// Maximum number of days in a usage report.
const USAGE_DAYS_MAX: i64 = 366;

/// Shows the balance: available and held credits, every grant, the last and next renewal.
#[utoipa::path(get, path = "/v1/balance", tag = "Balance", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    responses((status = 200, description = "The balance", body = api::Balance)))]
pub async fn balance(viewer: Viewer, State(app): State<Arc<App>>) -> Result<Json<api::Balance>, Problem> {
    let workspace = viewer.workspace_now(&app).await?;
    Ok(Json(to_api(&workspace)))
}

/// Lists the journal of a workspace, newest first.
#[utoipa::path(get, path = "/v1/entries", tag = "Balance", params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), PageQuery),
    responses((status = 200, description = "A page of entries", body = api::Page<api::Entry>)))]
pub async fn entries(
    viewer: Viewer,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Response, Problem> {
    let workspace = viewer.workspace_now(&app).await?;
    let id = workspace.id;
    let limit = page_limit(query.limit)?;
    let before = cursor(query.cursor.as_deref(), i64::MAX)?;
    let rows = rows::entries::before(app.ledger.store().reader(), id, before, limit + 1).await?;
    make_aside(app.ledger.store(), move || {
        let units = units(&workspace);
        let mut data = Vec::new();
        for row in rows.iter().take(limit as usize) {
            let entry = read(row)?;
            if is_for(&viewer, &entry) {
                data.push(entry_to_api(row, entry, &units));
            }
        }
        let last = rows.get(limit as usize - 1).filter(|_| rows.len() > limit as usize);
        Ok(page(data, last.map(|row| row.seq as i64)))
    })
    .await
}

/// Returns the units of grants by number. A grant that the workspace no longer keeps is missing, and counts as credits.
fn units(workspace: &Workspace) -> BTreeMap<u32, Unit> {
    workspace.grants.iter().map(|grant| (grant.n, grant.unit)).collect()
}

/// Returns `true` if the caller may see an entry. Entries about people are for people and the operator alone; a key
/// confined to its own runs sees only the entries of its own requests.
fn is_for(viewer: &Viewer, entry: &Entry) -> bool {
    let is_about_people =
        |event: &Event| matches!(event, Event::Team(_) | Event::Workspace(WorkspaceEvent::WorkspaceOpened { .. }));
    match viewer.by {
        By::Operator | By::User(_) => true,
        By::Key(_) if viewer.is_confined() => entry.actor == viewer.actor(),
        By::Key(_) => !entry.events.iter().any(|dated| is_about_people(&dated.1)),
    }
}

fn entry_to_api(row: &JournalRow, entry: Entry, units: &BTreeMap<u32, Unit>) -> api::Entry {
    let unit = |n: u32| units.get(&n).copied().unwrap_or_default();
    let postings = entry.events.iter().flat_map(|dated| dated.1.postings(unit));
    api::Entry {
        id: entry.workspace.id_of(Kind::Entry, entry.seq as u32),
        seq: entry.seq,
        at: entry.at.to_string(),
        actor: entry.actor.clone(),
        command: entry.command.clone(),
        postings: postings.map(|posting| posting_to_api(entry.workspace, &posting)).collect(),
        events: json!(entry.events),
        hash: hex(&row.hash),
        previous_hash: hex(&row.previous_hash),
    }
}

pub(super) fn read(row: &JournalRow) -> Result<Entry, Problem> {
    row.entry().map_err(|error| {
        tracing::error!(%error, position = row.position, "an entry cannot be read");
        Problem::Internal
    })
}

/// Explains an entry in words: its events and their reasons, its postings, and each grant before and after.
#[utoipa::path(get, path = "/v1/entries/{id}/explain", tag = "Balance", params(("id" = String, Path, description = "`en_…`")),
    responses((status = 200, description = "The explanation", body = api::Explanation)))]
pub async fn explanation(
    On(viewer, id): On<Viewer, EntryId>,
    State(app): State<Arc<App>>,
) -> Result<Response, Problem> {
    let id = id?;
    let moment = app.histories.moment(app.ledger.store(), id.workspace, u64::from(id.n)).await?;
    let moment = moment.filter(|moment| is_for(&viewer, &moment.entry));
    let Moment { before, entry, .. } = moment.ok_or(Problem::not_found("entry"))?;
    let addresses = profiles::addresses_in(&app, id.workspace, [&entry].into_iter()).await?;
    let explained = move || explanation_to_api(id.to_string(), entry.at, &explain(&before, &entry, &addresses));
    make_aside(app.ledger.store(), move || Ok(explained())).await
}

fn posting(posting: &ExplainedPosting) -> api::Posting {
    api::Posting {
        unit: posting.unit.name().to_owned(),
        from: posting.from.clone(),
        to: posting.to.clone(),
        amount: posting.amount.get(),
    }
}

fn explanation_to_api(entry: String, at: Timestamp, explanation: &Explanation) -> api::Explanation {
    let lines = explanation.lines.iter().map(|line| api::ExplanationLine {
        at: line.at.to_string(),
        text: line.text.clone(),
        postings: line.postings.iter().map(posting).collect(),
    });
    let balances = explanation.balances.iter().map(|change| api::BalanceChange {
        grant: change.grant.clone(),
        unit: change.unit.name().to_owned(),
        available_before: change.available.before.get(),
        available_after: change.available.after.get(),
        held_before: change.held.before.get(),
        held_after: change.held.after.get(),
    });
    api::Explanation {
        entry,
        at: at.to_string(),
        summary: explanation.summary.clone(),
        lines: lines.collect(),
        balances: balances.collect(),
    }
}

/// Days and grouping of a usage report.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// First day, such as `2026-01-31`; 30 days before the last when absent.
    from: Option<String>,
    /// Last day, included in the sums; today when absent.
    to: Option<String>,
    /// Grouping: `day`, `model`, or `day,model` (the default).
    by: Option<String>,
}

/// Sums runs and spending, by day in UTC and by model.
///
/// A key that sees only its own runs gets the sums of those.
#[utoipa::path(get, path = "/v1/usage", tag = "Balance", params(("Scrip-Workspace" = String, Header, description = "`ws_…`"), UsageQuery),
    responses((status = 200, description = "The usage", body = api::Usage)))]
pub async fn usage(
    viewer: Viewer,
    State(app): State<Arc<App>>,
    QueryOf(query): QueryOf<UsageQuery>,
) -> Result<Json<api::Usage>, Problem> {
    let workspace = viewer.workspace_now(&app).await?;
    let id = workspace.id;
    let today = app.ledger.now_of(&workspace).await?.day();
    let to = query.to.as_deref().map_or(Ok(today), |text| day("to", text))?;
    let from = query.from.as_deref().map_or(Ok((to - 30).max(0)), |text| day("from", text))?;
    if from > to || to - from > USAGE_DAYS_MAX {
        return Err(Problem::invalid(
            "",
            format!("from must not be after to, and at most {USAGE_DAYS_MAX} days before it"),
        ));
    }
    let (by_day, by_model) = match query.by.as_deref() {
        None | Some("day,model") => (true, true),
        Some("day") => (true, false),
        Some("model") => (false, true),
        Some(_) => return Err(Problem::invalid("", "by is day, model, or day,model")),
    };
    app.ledger.store().await_projections().await?;
    // A key that sees only its own runs gets their sums alone.
    let rows = rows::usage::between(app.ledger.store().reader(), id, (from, to), viewer.run_scope()).await?;
    let mut sums: BTreeMap<(Option<i64>, Option<String>, String), [i64; 3]> = BTreeMap::new();
    for row in &rows {
        let key = (by_day.then_some(row.day), by_model.then(|| row.model.clone()), row.unit.clone());
        let sum = sums.entry(key).or_default();
        for (value, more) in sum.iter_mut().zip([row.runs, row.failed, row.captured]) {
            *value += more;
        }
    }
    let rows = sums.into_iter().map(|((day, model, unit), [runs, failed, captured])| api::UsageRow {
        day: day.map(date),
        model,
        unit,
        runs,
        failed,
        captured,
    });
    Ok(Json(api::Usage { from: date(from), to: date(to), rows: rows.collect() }))
}

fn day(name: &str, text: &str) -> Result<i64, Problem> {
    let start = (text.len() == 10).then(|| format!("{text}T00:00:00Z").parse::<Timestamp>().ok()).flatten();
    start.map(Timestamp::day).ok_or_else(|| Problem::invalid("", format!("{name} is a day such as 2026-01-31")))
}

fn date(day: i64) -> String {
    Timestamp::from_micros(day.saturating_mul(DAY)).to_string().chars().take(10).collect()
}

/// Returns the balance of a workspace that has been settled.
pub fn to_api(workspace: &Workspace) -> api::Balance {
    let units: BTreeMap<Unit, ()> =
        workspace.grants.iter().map(|grant| (grant.unit, ())).chain([(Unit::Credits, ())]).collect();
    let credits = unit_balance(workspace, Unit::Credits);
    let subscription = &workspace.subscription;
    api::Balance {
        available: credits.available,
        held: credits.held,
        debt: workspace.debt().get(),
        units: units.keys().map(|unit| (unit.name().to_owned(), unit_balance(workspace, *unit))).collect(),
        renews_at: subscription.renews_at().map(|at| at.to_string()),
        renewed_at: workspace.renewed_at.map(|at| at.to_string()),
        grants: workspace
            .grants
            .iter()
            .filter(|lot| !lot.is_closed())
            .map(|lot| grants::to_api(workspace, lot))
            .collect(),
    }
}

/// Returns the available and held amounts of a unit in a workspace.
pub fn unit_balance(workspace: &Workspace, unit: Unit) -> api::UnitBalance {
    let of_unit = workspace.grants.iter().filter(|grant| grant.unit == unit && !workspace.is_frozen(grant));
    let available = of_unit.map(|grant| grant.available.get()).sum();
    api::UnitBalance { available, held: workspace.units_held(unit).get() }
}

/// Converts a posting, with its accounts by name.
fn posting_to_api(workspace: WorkspaceId, posting: &Posting) -> api::Posting {
    let account = |account: Account| match account {
        Account::Source(kind) => format!("granted:{}", kind.name()),
        Account::Available(n) => format!("{}:available", workspace.id_of(Kind::Grant, n)),
        Account::Held(n) => format!("{}:held", workspace.id_of(Kind::Grant, n)),
        Account::Captured => "captured".to_owned(),
        Account::Expired => "expired".to_owned(),
        Account::Revoked => "revoked".to_owned(),
    };
    api::Posting {
        unit: posting.unit.name().to_owned(),
        from: account(posting.from),
        to: account(posting.to),
        amount: posting.amount.get(),
    }
}
