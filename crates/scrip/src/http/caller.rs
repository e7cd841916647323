//! Who is calling: extractors that are the permission. A handler that takes an [`Operator`] is for operators.

use super::App;
use super::problem::Problem;
use crate::crypto::{is_key, sha256};
use crate::ledger::{Asked, idempotency};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use scrip_engine::{By, Kind, WorkspaceId, parse_owned};
use std::sync::Arc;

/// The prefixes of operator keys.
pub const OPERATOR_PREFIXES: [&str; 2] = ["sk_test_", "sk_live_"];

/// Whoever runs this deployment, by an operator key.
pub struct Operator {
    actor: String,
    method: Method,
    uri: Uri,
    key: Option<String>,
    workspace: Option<WorkspaceId>,
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Operator, Problem> {
        let key = bearer(&parts.headers).ok_or(Problem::Unauthenticated)?;
        // The checksum is looked at first: a mistyped key costs no look-up.
        if !OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, key)) {
            return Err(Problem::Unauthenticated);
        }
        let actor = app.operator_keys.get(&sha256(&[key.as_bytes()])).ok_or(Problem::Unauthenticated)?;
        Ok(Operator {
            actor: actor.clone(),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            key: idempotency_key(&parts.headers)?,
            workspace: named_workspace(&parts.headers)?,
        })
    }
}

impl Operator {
    /// The workspace a request is about, by `Scrip-Workspace`.
    ///
    /// # Errors
    /// When the header is missing.
    pub fn workspace(&self) -> Result<WorkspaceId, Problem> {
        self.workspace.ok_or_else(|| Problem::invalid("", "name the workspace: `Scrip-Workspace: ws_…`"))
    }

    /// The workspace and number of something by its id; the workspace is in the id, and must not contradict the header.
    ///
    /// # Errors
    /// Not found, whether the id is malformed or another workspace was named.
    pub fn owned(&self, kind: Kind, id: &str, what: &'static str) -> Result<(WorkspaceId, u32), Problem> {
        let (workspace, n) = parse_owned(kind, id).ok_or(Problem::not_found(what))?;
        self.not_another(workspace, what)?;
        Ok((workspace, n))
    }

    /// A workspace by its id in a body, which must not contradict the header either.
    ///
    /// # Errors
    /// Not found, as above.
    pub fn named(&self, id: &str) -> Result<WorkspaceId, Problem> {
        let workspace = workspace_id(id)?;
        self.not_another(workspace, "workspace")?;
        Ok(workspace)
    }

    fn not_another(&self, workspace: WorkspaceId, what: &'static str) -> Result<(), Problem> {
        match self.workspace {
            Some(named) if named != workspace => Err(Problem::not_found(what)),
            _ => Ok(()),
        }
    }

    /// Who asks, for the journal; the idempotency key is optional.
    pub fn asked(&self, workspace: WorkspaceId, body: &[u8]) -> Asked {
        self.asked_under(workspace, self.key.as_deref(), body)
    }

    /// Who asks for one thing of many in a request, each with a key of its own.
    pub fn asked_under(&self, workspace: WorkspaceId, key: Option<&str>, what: &[u8]) -> Asked {
        let request = [self.method.as_str().as_bytes(), b" ", self.uri.path().as_bytes(), b"\n", what];
        let idempotency = key.map(|key| idempotency(workspace, key, &request));
        Asked { by: By::Operator, actor: self.actor.clone(), request: None, idempotency }
    }

    /// Who asks, where credits move: the idempotency key is required.
    ///
    /// # Errors
    /// When there is none.
    pub fn asked_once(&self, workspace: WorkspaceId, body: &[u8]) -> Result<Asked, Problem> {
        if self.key.is_none() {
            return Err(Problem::invalid(
                "",
                "credits move here: send an `Idempotency-Key`, the same again when you try again",
            ));
        }
        Ok(self.asked(workspace, body))
    }

    /// The idempotency key, as it was sent.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// As the journal names them.
    pub fn actor(&self) -> &str {
        &self.actor
    }
}

/// Reads a workspace's id.
///
/// # Errors
/// Not found, when it is malformed: that looks like one that does not exist.
pub fn workspace_id(text: &str) -> Result<WorkspaceId, Problem> {
    text.parse().map_err(|()| Problem::not_found("workspace"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    good_key("", text)?;
    Ok(Some(text.to_owned()))
}

/// Looks at an idempotency key.
///
/// # Errors
/// When it is none.
pub fn good_key(pointer: &str, text: &str) -> Result<(), Problem> {
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Problem::invalid(pointer, "an idempotency key is 1 to 255 visible ASCII characters"))
}

fn named_workspace(headers: &HeaderMap) -> Result<Option<WorkspaceId>, Problem> {
    let Some(value) = headers.get("scrip-workspace") else { return Ok(None) };
    workspace_id(value.to_str().unwrap_or_default()).map(Some)
}
