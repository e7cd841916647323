//! Who is signed in: by the session's cookie, or by the session itself as a bearer.
//!
//! A browser sends a cookie whoever made the page that asks. So a request with the cookie that may change something
//! must also say what only our own pages can know, and nothing in it may say that it comes from elsewhere. A bearer is
//! sent by nobody's browser of itself and needs neither.
//!
//! Invariant: a request is one person's or nobody's. Two sessions in one request are nobody's.

use super::app::{App, Audience};
use super::problem::Problem;
use crate::crypto::{hex, is_signed, sign};
use crate::sign_in::{self, Session};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use reqwest::Url;
use std::sync::Arc;

/// The cookie of a session. With this prefix a browser takes it only over an encrypted connection, for this host alone
/// and for all of its paths: nobody who has another name of the domain can plant one.
pub const COOKIE: &str = "__Host-scrip_session";

/// Somebody who is signed in.
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
    /// Their session: who they are, and the only workspace they reach if it has one.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the cookie was sent, and not a bearer.
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

/// What pages of a session must say to change something. It follows from the session and dies with it.
pub fn csrf(app: &App, session: &Session) -> String {
    sign(&app.secret, &csrf_claim(&session.hash))
}

fn csrf_claim(hash: &[u8; 32]) -> String {
    format!("csrf of {}", hex(hash))
}

/// Every session that the cookies of a request name.
pub fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    named(headers, COOKIE)
}

/// The values of every cookie of this name.
pub fn named<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    // Others' cookies of the host may have any bytes in them; ours has ASCII alone, or is none that is known.
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    let ours = pairs.filter_map(move |pair| {
        let (known, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
        (known.trim_ascii() == name.as_bytes()).then(|| value[1..].trim_ascii())
    });
    ours.map(|value| std::str::from_utf8(value).unwrap_or_default())
}

/// Refuses what a page of another site sent.
///
/// # Errors
/// When the browser says that it did.
pub fn not_from_elsewhere(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let ours = Url::parse(&app.public_url).ok().map(|url| url.origin().ascii_serialization());
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let from_here = origins.all(|origin| ours.as_deref().is_some_and(|ours| origin.as_bytes() == ours.as_bytes()));
    let cross_site = headers.get_all("sec-fetch-site").iter().any(|site| site.as_bytes() == b"cross-site");
    if from_here && !cross_site { Ok(()) } else { Err(Problem::CrossSite) }
}

/// A cookie of ours, with every attribute that keeps it here, for so many seconds or as long as the browser is open.
///
/// # Errors
/// When the value cannot stand in a header: none of ours is such a one.
pub fn set_cookie(name: &str, value: &str, seconds: Option<u32>) -> Result<HeaderValue, Problem> {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let line = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    HeaderValue::try_from(line).map_err(|_| Problem::Internal)
}

/// The token of an `Authorization` that is a bearer's.
pub fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
