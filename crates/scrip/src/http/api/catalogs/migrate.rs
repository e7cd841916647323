//! `POST /v1/catalogs/{version}/migrate`: moves workspaces on older terms to a version, or previews that.
//!
//! Each workspace is moved by a command of its own, which knows whether it was moved before. So an interrupted
//! migration is finished by the same request, and no progress has to be stored.
//!
//! Invariant: the preview of a workspace is what its command would do now, because the code is the same.

use super::walk::walk;
use crate::http::edge::app::App;
use crate::http::edge::page::{PageQuery, cursor, page, page_limit};
use crate::http::edge::problem::{Problem, request_id};
use crate::http::edge::request::{Body, PathOf, QueryOf};
use crate::http::edge::rights::Operator;
use crate::ledger::Origin;
use crate::operate::acts;
use axum::Json;
use axum::extract::State;
use scrip_client::types as api;
use scrip_engine::{
    By, Command, Event, Migration, PlanCommand, PlanEvent, Refusal, Workspace, WorkspaceId, preview_migration,
};
use scrip_store::SubmitError;
use std::sync::Arc;
use std::time::Duration;

/// Maximum wait for a version that was just published to come into force, in microseconds.
const PATIENCE: i64 = 3_000_000;

/// Workspace on older terms, with its migration or the reason why it has none.
struct Candidate {
    workspace: Arc<Workspace>,
    migration: Result<Migration, String>,
}

/// Moves workspaces in a paid period that are on older terms to a version.
///
/// The wider limits and gates of both versions hold at once. Grants and price change with a renewal; a higher price
/// applies after the version's `price_notice` and a mail. With `dry_run` nothing is changed: the answer says which
/// workspaces would be moved, what changes, from when, and which are worse off.
///
/// A preview is listed in pages. A migration goes on until every workspace was moved, or for ten seconds, and shows the
/// first `limit` of them; `has_more` says that workspaces are left. The same request again, with the cursor or without,
/// moves the rest, and none twice.
#[utoipa::path(post, path = "/v1/catalogs/{version}/migrate", tag = "Catalog",
    params(("version" = String, Path, description = "Number of the version"), PageQuery), request_body = api::NewMigration,
    responses((status = 200, description = "The workspaces that were moved, or would be", body = api::Migration)))]
pub async fn migrate(
    operator: Operator,
    State(app): State<Arc<App>>,
    PathOf(version): PathOf<String>,
    QueryOf(query): QueryOf<PageQuery>,
    body: Body<api::NewMigration>,
) -> Result<Json<api::Migration>, Problem> {
    let dry_run = body.value.dry_run;
    let limit = page_limit(query.limit)? as usize;
    let after = cursor(query.cursor.as_deref(), 0)?;
    let version = in_force(&app, &version).await?;
    let mut answer = api::Migration { version, dry_run, ..api::Migration::default() };
    let add = |found: Candidate| found.add_to(&mut answer, limit);
    let next = if dry_run {
        walk(&app, after, limit, move |app, id| foretell(app, id, version), add).await?
    } else {
        let (store, request) = (app.ledger.store(), request_id());
        let cursor = query.cursor.unwrap_or_default();
        let who = (operator.actor(), request.clone());
        acts::note(store, ("migrate_catalog", &version.to_string(), &cursor), who, store.now(None).await?).await?;
        let actor = operator.actor().to_owned();
        let carry_out = move |app, id| {
            let (actor, request) = (actor.clone(), request.clone());
            carry_out(app, id, version, Origin { by: By::Operator, actor, request, idempotency: None })
        };
        let next = walk(&app, after, usize::MAX, carry_out, add).await;
        if let Some(billing) = &app.billing {
            billing.wake();
        }
        next?
    };
    let page = page(Vec::<()>::new(), next);
    Ok(Json(api::Migration { next_cursor: page.next_cursor, has_more: page.has_more, ..answer }))
}

/// Returns the number of a version in force. Waits for one that was just published: where several processes share the
/// data, it comes into force a moment later.
///
/// # Errors
/// When there is no such version.
async fn in_force(app: &App, version: &str) -> Result<u32, Problem> {
    let unknown = || Problem::not_found("catalog version");
    let number: u32 = version.parse().ok().filter(|number: &u32| number.to_string() == version).ok_or_else(unknown)?;
    let catalogs = app.ledger.catalogs_with(number).await?;
    let published = catalogs.get(number).ok_or_else(unknown)?;
    let ahead = published.at.micros() - app.ledger.now(None).await?.micros();
    if (1..=PATIENCE).contains(&ahead) {
        tokio::time::sleep(Duration::from_micros(ahead.unsigned_abs())).await;
    }
    Ok(number)
}

/// Previews the migration of a workspace; `None` when it would change nothing.
async fn foretell(app: Arc<App>, id: WorkspaceId, version: u32) -> Result<Option<Candidate>, Problem> {
    let Some(workspace) = app.ledger.workspace(id).await? else { return Ok(None) };
    if workspace.subscription.period.is_none() || workspace.catalog >= version {
        return Ok(None);
    }
    let at = app.ledger.now_of(&workspace).await?;
    let catalogs = app.ledger.catalogs_with(version).await?;
    let migration = match preview_migration(&workspace, &catalogs, version, at) {
        Ok(None) => return Ok(None),
        Ok(Some(migration)) => Ok(migration),
        Err(refusal) => Err(reason(refusal, version)?),
    };
    Ok(Some(Candidate { workspace, migration }))
}

/// Moves a workspace; `None` when there was nothing to move.
async fn carry_out(app: Arc<App>, id: WorkspaceId, version: u32, asked: Origin) -> Result<Option<Candidate>, Problem> {
    let Some(found) = foretell(Arc::clone(&app), id, version).await? else { return Ok(None) };
    if found.migration.is_err() {
        return Ok(Some(found));
    }
    match app.ledger.submit(id, Command::Plan(PlanCommand::Migrate { version }), asked).await {
        Ok(committed) => {
            let is_move = |event: &Event| match event {
                Event::Plan(PlanEvent::CatalogMigrated { catalog, .. }) => *catalog == version,
                _ => false,
            };
            // Another request may have moved the workspace a moment ago.
            Ok(committed.events.iter().any(|dated| is_move(&dated.1)).then_some(found))
        }
        Err(SubmitError::Refused(refusal)) => {
            Ok(Some(Candidate { workspace: found.workspace, migration: Err(reason(refusal, version)?) }))
        }
        Err(error) => Err(error.into()),
    }
}

/// Describes in words why a workspace cannot be moved.
///
/// # Errors
/// A refusal that is not about the workspace.
fn reason(refusal: Refusal, version: u32) -> Result<String, Problem> {
    match refusal {
        Refusal::InvalidRequest { errors } => {
            let details: Vec<String> = errors.into_iter().map(|error| error.detail).collect();
            Ok(details.join("; "))
        }
        Refusal::NotFound { .. } => Ok(format!("version {version} is not in force yet on the workspace's test clock")),
        other => Err(Problem::Refused(other)),
    }
}

impl Candidate {
    /// Counts the workspace, and lists it while there is room.
    fn add_to(self, answer: &mut api::Migration, limit: usize) {
        match &self.migration {
            Ok(migration) => {
                answer.moved += 1;
                answer.worse_off += u64::from(migration.is_worse());
            }
            Err(_) => answer.refused += 1,
        }
        if answer.data.len() < limit {
            answer.data.push(self.to_api());
        }
    }

    fn to_api(&self) -> api::MigratedWorkspace {
        let Candidate { workspace, migration } = self;
        let subscription = &workspace.subscription;
        let changes = migration.iter().flat_map(|migration| &migration.changes).map(|change| api::TermChange {
            what: change.what.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
            effect: change.effect.name().to_owned(),
            takes_effect: if change.at_renewal { "at_renewal" } else { "at_once" }.to_owned(),
            from: change.from.to_string(),
        });
        api::MigratedWorkspace {
            workspace: workspace.id.to_string(),
            name: workspace.profile.name.clone(),
            plan: subscription.plan.to_string(),
            interval: subscription.period.map_or_else(String::new, |period| period.interval.name().to_owned()),
            catalog_version: workspace.catalog,
            refusal: migration.as_ref().err().cloned(),
            renews_at: migration.as_ref().ok().and_then(|migration| migration.renews_at).map(|at| at.to_string()),
            worse_off: migration.as_ref().is_ok_and(Migration::is_worse),
            changes: changes.collect(),
        }
    }
}
