//! `/v1/assets`: stored outputs, behind signed addresses.

use crate::crypto::{is_signed, sign};
use crate::http::edge::app::App;
use crate::http::edge::caller::sees_run;
use crate::http::edge::problem::Problem;
use crate::http::edge::request::{PathOf, QueryOf};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use scrip_engine::{By, Kind, SECOND, Timestamp, WorkspaceId, parse_id};
use scrip_store::clock;
use scrip_store::projection::RunRow;
use scrip_store::rows;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of assets.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Lifetime of the signed address of an output, in seconds.
const LINK_SECONDS: i64 = 60 * 60;

/// Query of an output's signed address.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LinkQuery {
    /// Expiry of the address, in seconds since 1970.
    expires: i64,
    /// Id of the holder of the address, `usr_…` or `key_…`; absent for the operator.
    holder: Option<String>,
    /// Signature over the asset, the expiry and the holder.
    signature: String,
}

/// Serves a stored output of a run.
///
/// The signed address comes with the run and is good for an hour.
#[utoipa::path(get, path = "/v1/assets/{id}", tag = "Runs", security(()), params(("id" = String, Path, description = "`as_…`"), LinkQuery),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn show(
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<String>,
    QueryOf(link): QueryOf<LinkQuery>,
) -> Result<(HeaderMap, Vec<u8>), Problem> {
    let missing = Problem::not_found("asset");
    let signed =
        is_signed(&app.secret, &claim(&id, link.expires, link.holder.as_deref().unwrap_or_default()), &link.signature);
    let now = clock::now().micros() / SECOND;
    if !signed || link.expires <= now {
        return Err(missing);
    }
    let Some((workspace, run, index)) = parse(&id) else { return Err(missing) };
    let stored = rows::runs::by_number(app.ledger.store().reader(), workspace, run).await?;
    let row: Option<RunRow> = stored.and_then(|stored| stored.run().ok());
    if let Some(holder) = &link.holder {
        let made_by = row.as_ref().and_then(|row| row.key);
        still_sees(&app, workspace, holder, made_by).await.map_err(|_| Problem::not_found("asset"))?;
    }
    let output = row.as_ref().and_then(|row| row.outputs.get(index)).ok_or(Problem::not_found("asset"))?;
    let bytes = app.assets.read(&output.sha256).await.map_err(|error| {
        tracing::error!(%error, asset = id, "a stored output cannot be read");
        Problem::Unavailable
    })?;
    let mut headers = HeaderMap::new();
    let kind =
        HeaderValue::from_str(&output.content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600, immutable"));
    Ok((headers, bytes))
}

/// Checks that the holder of a link may still see the run's outputs: a link ends with the holder's right to the run
/// (R35).
///
/// # Errors
/// When the holder has lost the right, or the store cannot answer.
async fn still_sees(app: &App, id: WorkspaceId, holder: &str, made_by: Option<u32>) -> Result<(), Problem> {
    let workspace = app.ledger.workspace(id).await?.ok_or(Problem::Unauthenticated)?;
    let key = parse_id(Kind::Key, holder).filter(|(of, _)| *of == id).and_then(|(_, n)| workspace.team.key(n));
    let by = match (holder.parse(), key) {
        (Ok(user), _) => By::User(user),
        (_, Some(key)) => By::Key(key.hash),
        _ => return Err(Problem::Unauthenticated),
    };
    sees_run(app, &workspace, by, made_by).await
}

/// Values that signed addresses are made from: the key, the base URL, the time and the holder.
#[derive(Clone, Copy)]
pub struct Links<'a> {
    /// Secret key of the signatures.
    secret: &'a [u8],
    /// Scheme and host, without a slash at the end.
    base: &'a str,
    /// Time of the machine, from which expiry is counted.
    now: Timestamp,
    /// Id of the holder, `usr_…` or `key_…`, empty for the operator. An address is good for as long as its holder may
    /// see the run.
    holder: &'a str,
}

impl<'a> Links<'a> {
    /// Returns the values for the links of a holder, from the present time.
    pub fn of(app: &'a App, holder: &'a str) -> Links<'a> {
        Links { secret: &app.secret, base: &app.public_url, now: clock::now(), holder }
    }
}

/// Returns the id of a run's output, `as_…`.
pub fn id_of(workspace: WorkspaceId, run: u32, index: usize) -> String {
    format!("{}_{index}", workspace.id_of(Kind::Run, run).replacen("run_", "as_", 1))
}

/// Parses the id of an output into the workspace, the number of the run and the index of the output.
fn parse(id: &str) -> Option<(WorkspaceId, u32, usize)> {
    let (run, index) = id.strip_prefix("as_")?.rsplit_once('_')?;
    let (workspace, run) = parse_id(Kind::Run, &format!("run_{run}"))?;
    let number: usize = index.parse().ok()?;
    (number.to_string() == index).then_some((workspace, run, number))
}

/// Returns the signed address of an output, good for an hour.
pub fn url(asset: &str, links: Links<'_>) -> String {
    let expires = links.now.after_seconds(LINK_SECONDS).micros() / SECOND;
    let signature = sign(links.secret, &claim(asset, expires, links.holder));
    let holder = if links.holder.is_empty() { String::new() } else { format!("&holder={}", links.holder) };
    format!("{}/v1/assets/{asset}?expires={expires}{holder}&signature={signature}", links.base)
}

/// Returns the text that the signature of an output's address covers.
fn claim(asset: &str, expires: i64, holder: &str) -> String {
    format!("asset {asset} until {expires} for {holder}")
}
