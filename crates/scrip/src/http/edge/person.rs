//! The person who is signed in, by the session's cookie or by the session's token as a bearer.
//!
//! A browser sends a cookie whichever site's page asks. So a request with the cookie that may change something must
//! also carry a value that only our own pages can know, and no header may say that it comes from another site. A
//! browser sends no bearer by itself, so a bearer needs neither.
//!
//! Invariant: a request has one sender or none. A request with two sessions has none.

use super::app::{App, Audience};
use super::problem::Problem;
use crate::crypto::{hex, is_signed, sign};
use crate::people::sign_in::{self, Session};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use reqwest::Url;
use std::sync::Arc;

/// Name of the cookie of a session. Because of its prefix a browser accepts it only over an encrypted connection, for
/// this host alone and for all of its paths: the owner of another name in the domain cannot plant one.
pub const COOKIE: &str = "__Host-scrip_session";

/// Person who is signed in.
pub struct Person {
    session: Session,
    by_cookie: bool,
}

impl FromRequestParts<Arc<App>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Person, Problem> {
        if parts.extensions.get() == Some(&Audience::Operators) {
            return Err(Problem::Unauthenticated);
        }
        let headers = &parts.headers;
        let cookies: Vec<&str> = cookies(headers).collect();
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        let (token, by_cookie) = match (&cookies[..], authorizations.next(), authorizations.next()) {
            ([cookie], None, None) => (*cookie, true),
            ([], Some(value), None) => (bearer(value).ok_or(Problem::Unauthenticated)?, false),
            _ => return Err(Problem::Unauthenticated),
        };
        let now = app.ledger.now(None).await?;
        let session = sign_in::find(app.ledger.store(), token, app.lifetimes, now).await?;
        let person = Person { session: session.ok_or(Problem::Unauthenticated)?, by_cookie };
        if by_cookie {
            not_from_elsewhere(app, headers)?;
            if !matches!(parts.method, Method::GET | Method::HEAD) {
                person.knows_the_csrf(app, headers)?;
            }
        }
        Ok(person)
    }
}

impl Person {
    /// Returns the session of the person, with the only workspace it reaches if it is bound to one.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Returns `true` if the session came in the cookie, and not as a bearer.
    pub fn by_cookie(&self) -> bool {
        self.by_cookie
    }

    fn knows_the_csrf(&self, app: &App, headers: &HeaderMap) -> Result<(), Problem> {
        let mut sent = headers.get_all("scrip-csrf").iter();
        let (Some(csrf), None) = (sent.next(), sent.next()) else { return Err(Problem::CrossSite) };
        let csrf = csrf.to_str().unwrap_or_default();
        if is_signed(&app.secret, &csrf_claim(&self.session.hash), csrf) { Ok(()) } else { Err(Problem::CrossSite) }
    }
}

/// Returns the value that pages of a session must send to change something. It follows from the session and ends with
/// it.
pub fn csrf(app: &App, session: &Session) -> String {
    sign(&app.secret, &csrf_claim(&session.hash))
}

fn csrf_claim(hash: &[u8; 32]) -> String {
    format!("csrf of {}", hex(hash))
}

/// Returns every session that the cookies of a request name.
pub fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    cookie_values(headers, COOKIE)
}

/// Returns the values of every cookie with this name.
pub fn cookie_values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    // Other cookies of the host may have any bytes; a value of ours that is not ASCII is unknown.
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    let ours = pairs.filter_map(move |pair| {
        let (known, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
        (known.trim_ascii() == name.as_bytes()).then(|| value[1..].trim_ascii())
    });
    ours.map(|value| std::str::from_utf8(value).unwrap_or_default())
}

/// Refuses a request that a page of another site sent.
///
/// # Errors
/// When the browser's headers say so.
pub fn not_from_elsewhere(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let ours = Url::parse(&app.public_url).ok().map(|url| url.origin().ascii_serialization());
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let from_here = origins.all(|origin| ours.as_deref().is_some_and(|ours| origin.as_bytes() == ours.as_bytes()));
    let cross_site = headers.get_all("sec-fetch-site").iter().any(|site| site.as_bytes() == b"cross-site");
    if from_here && !cross_site { Ok(()) } else { Err(Problem::CrossSite) }
}

/// Returns a cookie with every attribute that keeps it here, for `seconds` or until the browser is closed.
///
/// # Errors
/// When the value cannot stand in a header, which is true of none of ours.
pub fn set_cookie(name: &str, value: &str, seconds: Option<u32>) -> Result<HeaderValue, Problem> {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let line = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    HeaderValue::try_from(line).map_err(|_| Problem::Internal)
}

/// Returns the token of an `Authorization` header with the scheme `Bearer`.
pub fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
