//! `/v1/quotes`: the price of a run before it starts, and the ids by which a run cites a quote.
//!
//! Invariant: nothing is stored for a quote. Its id is a signed statement of its catalog version, parameters and
//! expiry.

use super::switches::off;
use crate::crypto::{is_signed, sign};
use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use crate::http::edge::refusal::{Answer, answer};
use crate::http::edge::request::Body;
use crate::http::edge::rights::Runner;
use crate::http::edge::values::{name, params};
use axum::Json;
use axum::extract::State;
use scrip_client::types as api;
use scrip_engine::limits::QUOTE_SECONDS;
use scrip_engine::{
    CitedQuote, Command, FreshQuote, Line, Mode, Refusal, RunCommand, Terms, Timestamp, Unit, Workspace, WorkspaceId,
    apply,
};
use serde_json::json;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of quotes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(quote))
}

/// Quotes exact parameters for a workspace: the price, its lines, and whether the run would be accepted now.
#[utoipa::path(post, path = "/v1/quotes", tag = "Runs", params(("Scrip-Workspace" = String, Header, description = "`ws_…`")),
    request_body = api::NewQuote, responses((status = 200, description = "The quote", body = api::Quote)))]
pub async fn quote(
    runner: Runner,
    State(app): State<Arc<App>>,
    body: Body<api::NewQuote>,
) -> Result<Json<api::Quote>, Problem> {
    let workspace = runner.workspace_now(&app).await?;
    let id = workspace.id;
    let asked = params(&body.value.params)?;
    let now = app.ledger.now_of(&workspace).await?;
    let catalogs = app.ledger.catalogs_of(&workspace).await?;
    let command = Command::Run(RunCommand::Create {
        model: name(&body.value.model),
        params: asked.clone(),
        quote: None,
        sandbox: None,
        metadata: Default::default(),
        off: off(&app, &body.value.model),
        served: is_served(&workspace),
    });
    let refusal = match apply(&workspace, &catalogs, runner.by, &command, now) {
        Ok(_) => None,
        Err(
            refusal @ (Refusal::InvalidRequest { .. } | Refusal::NotFound { .. } | Refusal::CapabilityRequired { .. }),
        ) => {
            return Err(Problem::Refused(refusal));
        }
        Err(refusal) => Some(refusal),
    };
    let terms = Terms::of(&workspace, &catalogs, now).ok_or(Problem::Internal)?;
    let estimate = terms.estimate(&body.value.model, &asked).map_err(Problem::Refused)?;
    let (model, fresh) = (estimate.model, estimate.to_quote());
    let mut quote = to_api(&app, id, &fresh, now);
    quote.unit = model.unit.name().to_owned();
    quote.cancel = model.cancel.name().to_owned();
    let available = workspace.available(model.unit, Some(&model.id), now).get();
    quote.balance_after = Some(available - fresh.credits.get()).filter(|left| refusal.is_none() && *left >= 0);
    quote.allowed = refusal.is_none();
    quote.refusal = refusal.as_ref().map(|refusal| {
        let Answer { code, mut members, .. } = answer(refusal);
        members["code"] = json!(code);
        members
    });
    Ok(Json(quote))
}

/// Returns `true` if a provider serves models in a workspace's mode. Only the sandbox serves so far, and its pictures
/// are not worth real credits.
pub fn is_served(workspace: &Workspace) -> bool {
    workspace.mode == Mode::Test
}

/// Converts a price to a quote. The id is a signed statement of what it was for, so that nothing needs to be stored.
fn to_api(app: &App, workspace: WorkspaceId, fresh: &FreshQuote, now: Timestamp) -> api::Quote {
    let expires_at = now.after_seconds(QUOTE_SECONDS);
    let cited = CitedQuote { catalog: fresh.catalog_version, fingerprint: fresh.fingerprint, expires_at };
    api::Quote {
        id: quote_id(&app.secret, workspace, cited),
        model: fresh.model.to_string(),
        params: json!(fresh.params),
        credits: fresh.credits.get(),
        unit: Unit::Credits.name().to_owned(),
        lines: lines(&fresh.lines),
        cancel: String::new(),
        expires_at: expires_at.to_string(),
        catalog_version: fresh.catalog_version,
        allowed: true,
        refusal: None,
        balance_after: None,
    }
}

/// Writes the signed id of a quote.
fn quote_id(secret: &[u8], workspace: WorkspaceId, quote: CitedQuote) -> String {
    let body = format!("{:x}.{:x}.{:x}", quote.catalog, quote.fingerprint, quote.expires_at.micros());
    let signature = sign(secret, &format!("quote {workspace} {body}"));
    format!("qt_{body}.{signature}")
}

/// Parses a quote's id; `None` when it is forged, or another workspace's.
fn parse_quote_id(secret: &[u8], workspace: WorkspaceId, id: &str) -> Option<CitedQuote> {
    let (body, signature) = id.strip_prefix("qt_")?.rsplit_once('.')?;
    if !is_signed(secret, &format!("quote {workspace} {body}"), signature) {
        return None;
    }
    let mut numbers = body.split('.');
    let catalog = u32::from_str_radix(numbers.next()?, 16).ok()?;
    let fingerprint = u64::from_str_radix(numbers.next()?, 16).ok()?;
    let expires_at = Timestamp::from_micros(i64::from_str_radix(numbers.next()?, 16).ok()?);
    numbers.next().is_none().then_some(CitedQuote { catalog, fingerprint, expires_at })
}

/// Reads the quote that a run cites; `None` when it cites none.
///
/// # Errors
/// When the id is no quote of this workspace.
pub fn read_cited(app: &App, workspace: WorkspaceId, id: Option<&str>) -> Result<Option<CitedQuote>, Problem> {
    let Some(id) = id else { return Ok(None) };
    let quote = parse_quote_id(&app.secret, workspace, id);
    quote.map(Some).ok_or_else(|| Problem::invalid("/quote", "there is no such quote of this workspace"))
}

/// Adds a quote that can be cited to a refusal of an old one, with the engine's fresh price. `now` is the time of the
/// workspace's own clock.
pub fn with_fresh_quote(app: &App, workspace: WorkspaceId, problem: Problem, now: Timestamp) -> Problem {
    let (is_late, fresh) = match problem {
        Problem::Refused(Refusal::QuoteExpired { fresh }) => (true, fresh),
        Problem::Refused(Refusal::QuoteMismatch { fresh }) => (false, fresh),
        other => return other,
    };
    let quote = to_api(app, workspace, &fresh, now);
    Problem::Quote {
        is_late,
        fresh: json!({ "id": quote.id, "credits": quote.credits, "lines": quote.lines, "expires_at": quote.expires_at }),
    }
}

/// Converts the lines of a price.
pub fn lines(lines: &[Line]) -> Vec<api::Line> {
    lines.iter().map(|line| api::Line { text: line.text.clone(), credits: line.credits.get() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_good_for_its_workspace_and_unchanged() {
        let quote = CitedQuote { catalog: 3, fingerprint: 77, expires_at: Timestamp::from_micros(123) };
        let workspace = WorkspaceId::new(5);
        let id = quote_id(b"secret", workspace, quote);
        assert_eq!(parse_quote_id(b"secret", workspace, &id), Some(quote));
        assert_eq!(parse_quote_id(b"secret", WorkspaceId::new(6), &id), None);
        assert_eq!(parse_quote_id(b"other", workspace, &id), None);
        for place in 3..id.len() {
            let mut forged = id.clone().into_bytes();
            forged[place] = if forged[place] == b'1' { b'2' } else { b'1' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(parse_quote_id(b"secret", workspace, &forged), None, "{forged}");
        }
    }
}
