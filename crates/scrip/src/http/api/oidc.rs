//! `/v1/oidc`: sign-in with an OpenID identity provider. Only browsers are led here; programs have no use for it.
//!
//! Invariant: a person who comes back was sent away by this server, from the same browser, and comes back once.

use super::sessions::begin;
use crate::http::edge::address::Client;
use crate::http::edge::app::App;
use crate::http::edge::person::{COOKIE, cookie_values, set_cookie};
use crate::http::edge::problem::Problem;
use crate::http::edge::request::QueryOf;
use crate::people::oidc::{Attempt, Failure, Oidc, PATIENCE};
use crate::people::sign_in::{self, SignIn};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of OpenID sign-in.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(callback))
}

/// Name of the cookie of an attempt. The cookie is `Lax`, since the identity provider sends the browser back from its
/// own pages.
const ATTEMPT: &str = "__Host-scrip_oidc";

/// Sends a browser to the identity provider.
#[utoipa::path(get, path = "/v1/oidc/start", tag = "Sessions", security(()),
    responses((status = 302, description = "Redirect to the identity provider", headers(("Location" = String, description = "Address of the identity provider")))))]
pub async fn start(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let oidc = provider(&app)?;
    let now = app.ledger.now(None).await?;
    let attempt = Attempt::new(now);
    let to = oidc.begin(&attempt, &app.secret, &redirect_uri(&app), now).await?;
    let cookie = set_cookie(ATTEMPT, &attempt.cookie(&app.secret), Some(PATIENCE))?;
    let to = axum::http::HeaderValue::try_from(to).map_err(|_| Problem::Internal)?;
    Ok((StatusCode::FOUND, AppendHeaders([(header::LOCATION, to), (header::SET_COOKIE, cookie)])).into_response())
}

/// Query with which an identity provider sends a person back. Unknown parameters are ignored, because identity
/// providers add some.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// Authorization code, which is exchanged for the ID token.
    code: Option<String>,
    /// State that `start` gave the identity provider.
    state: Option<String>,
    /// Issuer that the identity provider says it is.
    iss: Option<String>,
}

/// Completes a sign-in with the identity provider.
///
/// A session is opened in the cookie for the person that the identity provider names, and the browser is led to the
/// first page.
#[utoipa::path(get, path = "/v1/oidc/callback", tag = "Sessions", security(()), params(CallbackQuery),
    responses((status = 303, description = "Redirect to the first page, signed in", headers(("Location" = String, description = "`/`")))))]
pub async fn callback(
    client: Client,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    QueryOf(returned): QueryOf<CallbackQuery>,
) -> Result<Response, Problem> {
    let oidc = provider(&app)?;
    let now = app.ledger.now(None).await?;
    let refused = |why: &str| Failure::Refused(why.to_owned());
    let mut kept = cookie_values(&headers, ATTEMPT);
    let (Some(cookie), None) = (kept.next(), kept.next()) else {
        return Err(refused("the browser has no cookie of a sign-in attempt, or two").into());
    };
    let attempt = Attempt::read(cookie, &app.secret, now).ok_or_else(|| refused("the sign-in attempt has expired"))?;
    if !attempt.is_of(returned.state.as_deref().unwrap_or_default(), &app.secret) {
        return Err(refused("the state belongs to another sign-in attempt").into());
    }
    if returned.iss.is_some_and(|issuer| !oidc.is_issuer(&issuer)) {
        return Err(refused("another identity provider sent the browser back").into());
    }
    let code = returned.code.ok_or_else(|| refused("the identity provider gave no code"))?;
    // Counted before the identity provider is asked, because the request costs it the same whatever it answers.
    app.callbacks.attempt(client, now)?;
    // Identity providers should accept a code once; an attempt is accepted once here in any case.
    if !sign_in::spend(app.ledger.store(), attempt.id(), attempt.ends_at()).await? {
        return Err(refused("the sign-in attempt was used before").into());
    }
    let vouched = oidc.finish(&attempt, &app.secret, &redirect_uri(&app), &code, now).await?;
    let known = (oidc.issuer(), &*vouched.subject);
    let email = sign_in::identify(app.ledger.store(), known, &vouched.email, now).await?;
    let email = email.map_err(|_| refused("the identity provider did not confirm an e-mail address"))?;
    let email = email.ok_or_else(|| refused("the address belongs to another subject of the identity provider"))?;
    let (token, _) = begin(&app, SignIn { email, workspace: None }, &headers, now).await?;
    let cookies = [
        (header::LOCATION, axum::http::HeaderValue::from_static("/")),
        (header::SET_COOKIE, set_cookie(COOKIE, &token, None)?),
        (header::SET_COOKIE, set_cookie(ATTEMPT, "", Some(0))?),
    ];
    Ok((StatusCode::SEE_OTHER, AppendHeaders(cookies)).into_response())
}

fn provider(app: &App) -> Result<&Oidc, Problem> {
    app.oidc.as_ref().ok_or(Problem::not_found("identity provider"))
}

fn redirect_uri(app: &App) -> String {
    format!("{}/v1/oidc/callback", app.public_url)
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure {
            Failure::Refused(why) => {
                tracing::info!(why, "a sign-in with the identity provider was refused");
                Problem::Unauthenticated
            }
            Failure::Unreachable(why) => {
                tracing::warn!(why, "the identity provider does not answer");
                Problem::Unavailable
            }
        }
    }
}
