//! Scopes of operator keys: the requests that each scope is enough for.
//!
//! Invariant: a request in no list needs `all`, or `read` when it only reads; so a new one is refused to every other
//! key until it is listed here.

use super::problem::Problem;
use crate::operate::operator_keys::{OperatorKey, Scope};
use axum::extract::MatchedPath;
use axum::http::Method;
use axum::http::request::Parts;
use scrip_engine::Refusal;

/// Requests by the scope that is enough for each. `read` is also enough for every request that only reads.
const ENOUGH: [(Scope, &str, &str); 25] = [
    (Scope::Holds, "POST", "/v1/quotes"),
    (Scope::Holds, "POST", "/v1/runs"),
    (Scope::Holds, "GET", "/v1/runs"),
    (Scope::Holds, "GET", "/v1/runs/{id}"),
    (Scope::Holds, "POST", "/v1/runs/{id}/cancel"),
    (Scope::Holds, "GET", "/v1/runs/{id}/events"),
    (Scope::Holds, "POST", "/v1/holds"),
    (Scope::Holds, "POST", "/v1/holds/batch"),
    (Scope::Holds, "GET", "/v1/holds/{id}"),
    (Scope::Holds, "POST", "/v1/holds/{id}/capture"),
    (Scope::Holds, "POST", "/v1/holds/{id}/release"),
    (Scope::Holds, "POST", "/v1/holds/{id}/extend"),
    (Scope::Grants, "POST", "/v1/workspaces/{id}/grants"),
    (Scope::Links, "POST", "/v1/portal_links"),
    (Scope::Links, "POST", "/v1/checkout"),
    (Scope::Links, "POST", "/v1/billing_portal"),
    (Scope::Workspaces, "POST", "/v1/workspaces"),
    (Scope::Workspaces, "GET", "/v1/workspaces"),
    (Scope::Workspaces, "GET", "/v1/workspaces/{id}"),
    (Scope::Workspaces, "PATCH", "/v1/workspaces/{id}"),
    (Scope::Catalog, "POST", "/v1/catalogs"),
    (Scope::Catalog, "GET", "/v1/catalogs"),
    (Scope::Catalog, "POST", "/v1/catalogs/check"),
    (Scope::Catalog, "POST", "/v1/catalogs/{version}/migrate"),
    (Scope::Catalog, "GET", "/v1/catalog"),
];

/// Refuses a request that an operator's key has no scope for.
///
/// # Errors
/// A refusal that names a scope that is enough.
pub fn permit(key: &OperatorKey, parts: &Parts) -> Result<(), Problem> {
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let enough = enough_for(&parts.method, path);
    if key.may(&enough) { Ok(()) } else { Err(missing_scope(key, &enough)) }
}

/// Refuses an act that needs the scope `all`, in a request for which a smaller scope is enough otherwise.
///
/// # Errors
/// The refusal, for a key without that scope.
pub fn needs_all(key: Option<&OperatorKey>) -> Result<(), Problem> {
    key.filter(|key| !key.may(&[])).map_or(Ok(()), |key| Err(missing_scope(key, &[])))
}

/// Returns the scopes of which each is enough for a request.
fn enough_for(method: &Method, path: &str) -> Vec<Scope> {
    let is_seen = matches!(*method, Method::GET | Method::HEAD);
    let method = if is_seen { "GET" } else { method.as_str() };
    let listed = ENOUGH.into_iter().filter(|(_, of, at)| *of == method && *at == path).map(|(scope, ..)| scope);
    listed.chain(is_seen.then_some(Scope::Read)).collect()
}

fn missing_scope(key: &OperatorKey, enough: &[Scope]) -> Problem {
    let word = |scope: Scope| format!("operator:{}", scope.name());
    Problem::Refused(Refusal::CapabilityRequired {
        capability: word(enough.first().copied().unwrap_or(Scope::All)),
        ceiling: key.scopes.iter().map(|scope| word(*scope)).collect(),
    })
}
