//! Rate limits of workspaces: the check of a request, and the headers that tell the caller.
//!
//! `RateLimit-Policy` and `RateLimit` are structured fields, as the HTTP API working group of the IETF drafts them
//! (draft-ietf-httpapi-ratelimit-headers): the limit and its window, what is left of it, and when there is more.
//!
//! Invariant: a request whose limit cannot be checked is not served.

use super::problem::Problem;
use crate::ledger::Ledger;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use scrip_engine::limits::RATE_SECONDS;
use scrip_engine::{Admission, WorkspaceId};
use scrip_store::{Allowance, Store};
use std::cell::Cell;

tokio::task_local! {
    /// State of the workspace's rate limit in the request being served, once it was checked.
    pub static RATE_STATUS: Cell<Option<RateStatus>>;
}

/// Limit, and the result of a request under it.
#[derive(Clone, Copy, Debug)]
pub struct RateStatus {
    limit: u32,
    admission: Admission,
}

/// Admits one more request of a workspace, and records the state for the headers of the answer. Without a limit nothing
/// is checked or recorded.
///
/// # Errors
/// When the limit is reached, or the store cannot answer.
pub async fn admit(store: &Store, workspace: WorkspaceId, limit: Option<u32>) -> Result<(), Problem> {
    let Some(limit) = limit else { return Ok(()) };
    let admission = store.admit(workspace, limit).await?;
    // Outside of a request there is no answer to add headers to.
    let _ = RATE_STATUS.try_with(|status| status.set(Some(RateStatus { limit, admission })));
    match admission {
        Admission::Admitted { .. } => Ok(()),
        Admission::Refused { retry_after } => Err(Problem::RateLimited { limit, retry_after }),
    }
}

/// Counts one request against a workspace's own limit, for an operator who asks on its behalf.
///
/// # Errors
/// As [`admit`], and when there is no such workspace.
pub async fn count(ledger: &Ledger, id: WorkspaceId) -> Result<(), Problem> {
    let workspace = ledger.workspace(id).await?.ok_or(Problem::not_found("workspace"))?;
    let catalogs = ledger.store().catalogs();
    let catalog = &catalogs.get(workspace.catalog).ok_or(Problem::Internal)?.catalog;
    let plan = catalog.plan(&workspace.subscription.plan);
    admit(ledger.store(), id, plan.and_then(|plan| plan.requests_per_minute)).await
}

/// Counts uses that come with no entry.
///
/// # Errors
/// When one is beyond its limit, or the store cannot answer.
pub async fn spend(store: &Store, allowance: Allowance) -> Result<(), Problem> {
    Ok(store.spend(allowance).await??)
}

impl RateStatus {
    /// Adds the rate limit's headers to an answer.
    pub fn add_headers(self, headers: &mut HeaderMap) {
        let (left, seconds) = match self.admission {
            Admission::Admitted { remaining, resets_in } => (remaining, resets_in),
            Admission::Refused { retry_after } => (0, retry_after),
        };
        let policy = format!("\"workspace\";q={};w={RATE_SECONDS}", self.limit);
        for (name, value) in
            [("ratelimit-policy", policy), ("ratelimit", format!("\"workspace\";r={left};t={seconds}"))]
        {
            let value = HeaderValue::try_from(value).expect("digits, letters and quotes are a value");
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_headers(limit: u32, admission: Admission) -> [String; 2] {
        let mut headers = HeaderMap::new();
        RateStatus { limit, admission }.add_headers(&mut headers);
        ["ratelimit-policy", "ratelimit"].map(|name| headers[name].to_str().expect("it is ASCII").to_owned())
    }

    #[test]
    fn the_fields_say_the_limit_and_what_is_left_of_it() {
        let some = rate_headers(100, Admission::Admitted { remaining: 50, resets_in: 30 });
        assert_eq!(some, ["\"workspace\";q=100;w=60", "\"workspace\";r=50;t=30"]);
        let none = rate_headers(1_000, Admission::Refused { retry_after: 7 });
        assert_eq!(none, ["\"workspace\";q=1000;w=60", "\"workspace\";r=0;t=7"]);
    }
}
