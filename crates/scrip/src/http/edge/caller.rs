//! Callers: authentication of a request's sender, and judgement of the rights. [`super::rights`] has the types that
//! handlers take.
//!
//! There are three kinds of caller. Operator keys name the workspace in a header. Keys of a workspace and sessions of
//! people are judged on the present state of the workspace, at every request anew (R26). A command that is submitted
//! afterwards is judged again, at the instant it is decided.
//!
//! Invariant: no request of a caller other than the operator is served before it was judged and counted (R27), and a
//! caller who does not belong to a workspace finds none.

use super::address::Client;
use super::app::{App, Audience};
use super::object::Object;
use super::person::{self, Person};
use super::problem::{Problem, request_id};
use super::request::canonical;
use super::streams::Permit;
use super::{rates, scopes};
use crate::crypto::{OPERATOR_PREFIXES, is_key, sha256};
use crate::ledger::{Origin, idempotency, request_hash};
use crate::operate::operator_keys::OperatorKey;
use crate::people::email::Email;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use scrip_engine::team::KeyHash;
use scrip_engine::{By, Kind, Need, Refusal, Terms, Timestamp, UserId, Workspace, WorkspaceId, judge, run_scope};
use scrip_store::Idempotency;
use std::borrow::Cow;
use std::sync::Arc;

/// Prefixes of workspace keys for test and live mode, and those of earlier versions.
pub const KEY_PREFIXES: [&str; 4] = ["scrip_wk_test_", "scrip_wk_live_", "wk_test_", "wk_live_"];

/// Sender of a request, after judgement.
pub struct Caller {
    /// Caller, as the engine judges it.
    pub by: By,
    /// E-mail address of a person; `None` for a key or the operator.
    pub email: Option<Email>,
    actor: String,
    method: Method,
    uri: Uri,
    key: Option<String>,
    workspace: Option<WorkspaceId>,
    /// The only workspace that the key or session reaches; `None` without such a limit.
    pub only: Option<WorkspaceId>,
    /// The workspace in the state that the caller was judged on; `None` for the operator, who is not judged.
    judged: Option<Arc<Workspace>>,
    /// Operator key of the request; `None` for other callers.
    operator: Option<Arc<OperatorKey>>,
    /// Number of the key whose own runs are all that the caller sees; see [`run_scope`].
    run_scope: Option<u32>,
}

/// Sender of a request, before judgement.
struct Sender {
    by: By,
    actor: String,
    email: Option<Email>,
    /// The only workspace that the key or session reaches; `None` without such a limit.
    workspace: Option<WorkspaceId>,
    /// Operator key of the request; `None` for other callers.
    operator: Option<Arc<OperatorKey>>,
}

async fn authenticate(parts: &mut Parts, app: &Arc<App>) -> Result<Sender, Problem> {
    // A request with two credentials has no sender.
    let headers = &parts.headers;
    if headers.contains_key(header::AUTHORIZATION) && person::cookies(headers).next().is_some() {
        return Err(Problem::Unauthenticated);
    }
    let bearer = bearer(headers);
    let audience = parts.extensions.get::<Audience>().copied().unwrap_or(Audience::All);
    let is_operator = bearer.is_some_and(|key| OPERATOR_PREFIXES.iter().any(|prefix| key.starts_with(prefix)));
    // A listener for one kind of caller behaves as if the other kind did not exist.
    if audience == if is_operator { Audience::Public } else { Audience::Operators } {
        return Err(Problem::Unauthenticated);
    }
    // The checksum is verified first, so that a mistyped key costs no read of the store.
    if let Some(key) = bearer.filter(|key| OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, key))) {
        let operator = app.operator_keys.of_secret(app.ledger.store(), key).await?;
        let operator = operator.ok_or(Problem::Unauthenticated)?;
        app.operator_keys.record_use(&app.ledger, &operator, key);
        scopes::permit(&operator, parts)?;
        let actor = operator.actor();
        return Ok(Sender { by: By::Operator, actor, email: None, workspace: None, operator: Some(operator) });
    }
    if let Some(key) = bearer.filter(|key| KEY_PREFIXES.iter().any(|prefix| is_key(prefix, key))) {
        let hash = sha256(&[key.as_bytes()]);
        let workspace = app.keys.workspace_of(&app.ledger, hash).await?.ok_or(Problem::Unauthenticated)?;
        let (by, actor) = (By::Key(KeyHash(hash)), String::new());
        return Ok(Sender { by, actor, email: None, workspace: Some(workspace), operator: None });
    }
    let person = Person::from_request_parts(parts, app).await?;
    let session = person.session();
    let (by, actor) = (By::User(session.user), session.user.to_string());
    let (email, workspace) = (Some(session.email.clone()), session.workspace);
    Ok(Sender { by, actor, email, workspace, operator: None })
}

/// Returns the workspace that a request is about: the only one that its sender reaches, or the one its header names.
///
/// # Errors
/// Not found when the two differ.
fn one_workspace(only: Option<WorkspaceId>, named: Option<WorkspaceId>) -> Result<Option<WorkspaceId>, Problem> {
    match (only, named) {
        (Some(only), Some(named)) if only != named => Err(Problem::not_found("workspace")),
        (only, named) => Ok(only.or(named)),
    }
}

/// Returns the problem of a request without a workspace, which only an operator may send.
fn no_workspace(need: Need<'_>) -> Problem {
    match need {
        Need::Operator => {
            Problem::Refused(Refusal::CapabilityRequired { capability: "operator".to_owned(), ceiling: Vec::new() })
        }
        _ => Problem::invalid("", "name the workspace: `Scrip-Workspace: ws_…`"),
    }
}

impl Caller {
    /// Authenticates the sender of a request and judges what is needed. The workspace is that of the key or session, or
    /// the one that the header names, or else the one of the object that the request is about.
    ///
    /// # Errors
    /// When the sender is unknown, no workspace is named, or the right is missing.
    pub async fn admit(
        parts: &mut Parts,
        app: &Arc<App>,
        need: Need<'static>,
        about: Option<WorkspaceId>,
    ) -> Result<Caller, Problem> {
        let known = authenticate(parts, app).await?;
        let named = named_workspace(&parts.headers)?;
        let mut caller = Caller {
            by: known.by,
            email: known.email,
            actor: known.actor,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            key: None,
            workspace: named,
            only: known.workspace,
            judged: None,
            operator: known.operator,
            run_scope: None,
        };
        let is_signed = matches!(caller.by, By::User(_)) && need == Need::Person;
        if caller.by != By::Operator && !is_signed {
            let workspace = one_workspace(known.workspace, named)?.or(about);
            caller.workspace = Some(workspace.ok_or_else(|| no_workspace(need))?);
            caller.judge(app, need).await?;
        }
        caller.key = idempotency_key(&parts.headers)?;
        Ok(caller)
    }

    /// Judges a caller who is not the operator, and counts the request against the plan's rate limit.
    async fn judge(&mut self, app: &App, need: Need<'static>) -> Result<(), Problem> {
        let id = self.workspace.ok_or(Problem::not_found("workspace"))?;
        let missing = || match self.by {
            By::Key(_) => Problem::Unauthenticated,
            _ => Problem::not_found("workspace"),
        };
        let workspace = app.ledger.workspace(id).await?.ok_or_else(missing)?;
        let now = now(app, &workspace).await?;
        let catalogs = app.ledger.catalogs_of(&workspace).await?;
        let plan = Terms::of(&workspace, &catalogs, now).ok_or(Problem::Internal)?.plan();
        judge(&workspace, &plan, self.by, need, now).map_err(Problem::Refused)?;
        if let By::Key(secret) = self.by {
            let key = workspace.team.find_by_secret(&secret, now).ok_or(Problem::Unauthenticated)?;
            if app.blocked.has(app.ledger.store(), [key.owner, key.made_by]).await? {
                return Err(Problem::Unauthenticated);
            }
            self.actor = id.id_of(Kind::Key, key.n);
            app.keys.record_use(&app.ledger, id, key.n);
        }
        self.run_scope = run_scope(&workspace, &plan, self.by, now);
        rates::admit(app.ledger.store(), id, plan.requests_per_minute).await?;
        self.judged = Some(workspace);
        Ok(())
    }

    /// Judges the caller again during an open answer: a stream ends with the right to the run. `made_by` is the key
    /// that made the run, if one did.
    ///
    /// # Errors
    /// When the right is lost, or the store cannot answer.
    pub async fn still_sees(&self, app: &App, made_by: Option<u32>) -> Result<(), Problem> {
        if self.by == By::Operator {
            return Ok(());
        }
        let workspace = app.ledger.workspace(self.workspace()?).await?.ok_or(Problem::not_found("workspace"))?;
        let people = match self.by {
            By::Key(secret) => {
                let key = workspace.team.find_by_secret(&secret, workspace.at);
                [key.and_then(|key| key.owner), key.and_then(|key| key.made_by)]
            }
            By::User(user) => [Some(user), None],
            By::Operator => [None, None],
        };
        if app.blocked.has(app.ledger.store(), people).await? {
            return Err(Problem::Unauthenticated);
        }
        sees_run(app, &workspace, self.by, made_by).await
    }

    /// Counts an answer that stays open, for as long as the permit lives; the operator's are not counted.
    ///
    /// # Errors
    /// When the maximum number is open.
    pub async fn open_stream(&self, app: &App, client: Client) -> Result<Option<Permit>, Problem> {
        if self.by == By::Operator {
            return Ok(None);
        }
        let workspace = self.workspace_now(app).await?;
        app.streams.count(&workspace, self.user(), client).map(Some)
    }

    /// Returns `true` if the caller sees a run that this key made, or no key.
    pub fn sees(&self, made_by: Option<u32>) -> bool {
        self.run_scope.is_none() || self.run_scope == made_by
    }

    /// Returns the number of the key whose own runs are all that the caller sees.
    pub fn run_scope(&self) -> Option<u32> {
        self.run_scope
    }

    /// Returns `true` if the caller sees only the runs of its own key, and nothing of people.
    pub fn is_confined(&self) -> bool {
        self.run_scope.is_some()
    }

    /// Returns the workspace of the request, from its key, its session or `Scrip-Workspace`.
    ///
    /// # Errors
    /// When none of them names one.
    pub fn workspace(&self) -> Result<WorkspaceId, Problem> {
        self.workspace.ok_or_else(|| Problem::invalid("", "name the workspace: `Scrip-Workspace: ws_…`"))
    }

    /// Returns `true` if the request is about a workspace.
    pub fn has_workspace(&self) -> bool {
        self.workspace.is_some()
    }

    /// Returns `true` if the operator asks, and names no workspace.
    pub fn names_none(&self) -> bool {
        self.by == By::Operator && self.workspace.is_none()
    }

    /// Returns the workspace of the request, settled to now, or in the state that the caller was judged on.
    ///
    /// # Errors
    /// When no workspace is named, or it does not exist.
    pub async fn workspace_now(&self, app: &App) -> Result<Arc<Workspace>, Problem> {
        if let Some(workspace) = &self.judged {
            return Ok(Arc::clone(workspace));
        }
        app.ledger.workspace(self.workspace()?).await?.ok_or(Problem::not_found("workspace"))
    }

    /// Reads the id of an object, whose workspace must be that of the request.
    ///
    /// # Errors
    /// Not found, both for an invalid id and for an object of another workspace.
    pub fn read<O: Object>(&self, id: &str) -> Result<O, Problem> {
        let object = O::read(id).ok_or(Problem::not_found(O::WORD))?;
        match self.workspace {
            Some(named) if named != object.workspace() => Err(Problem::not_found(O::WORD)),
            _ => Ok(object),
        }
    }

    /// Returns the caller for the journal; the idempotency key is optional.
    pub fn origin(&self, workspace: WorkspaceId, body: &[u8]) -> Origin {
        self.origin_with_key(workspace, self.key.as_deref(), body)
    }

    /// Returns the caller for one of many commands in a request, each with a key of its own. The same key of two
    /// callers stands for two requests: no caller gets the answer to another's.
    pub fn origin_with_key(&self, workspace: WorkspaceId, key: Option<&str>, what: &[u8]) -> Origin {
        let idempotency = key.map(|key| {
            let canonical = canonical(what);
            let (method, path) = (self.method.as_str().as_bytes(), self.uri.path().as_bytes());
            let request = |what| [method, b" ", path, b"\n", what];
            let earlier = (*canonical != *what).then(|| request_hash(&request(what)));
            let whose = match self.by {
                By::Operator => Cow::Borrowed(key),
                _ => Cow::Owned(format!("{} {key}", self.actor)),
            };
            Idempotency { earlier, ..idempotency(workspace, &whose, &request(&canonical)) }
        });
        let request = request_id();
        Origin { by: self.by, actor: self.actor.clone(), request, idempotency }
    }

    /// Returns the caller for a command that moves credits; the idempotency key is required.
    ///
    /// # Errors
    /// When there is no idempotency key.
    pub fn origin_once(&self, workspace: WorkspaceId, body: &[u8]) -> Result<Origin, Problem> {
        if self.key.is_none() {
            return Err(Problem::invalid(
                "",
                "this request moves credits: send an `Idempotency-Key`, and the same key with every retry",
            ));
        }
        Ok(self.origin(workspace, body))
    }

    /// Returns the idempotency key, as it was sent.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Returns the holder of links to outputs: the caller's id, empty for the operator.
    pub fn holder(&self) -> &str {
        if self.by == By::Operator { "" } else { &self.actor }
    }

    /// Returns the operator key of the request; `None` for other callers.
    pub fn operator_key(&self) -> Option<&Arc<OperatorKey>> {
        self.operator.as_ref()
    }

    /// Returns the caller's name in the journal.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Returns the person who calls; `None` for a key or the operator.
    pub fn user(&self) -> Option<UserId> {
        match self.by {
            By::User(user) => Some(user),
            By::Operator | By::Key(_) => None,
        }
    }
}

/// Checks that a caller may see a run, on a given state of its workspace. `made_by` is the key that made the run, if
/// one did.
///
/// # Errors
/// The refusal that names the missing right; not found when the run is another key's.
pub async fn sees_run(app: &App, workspace: &Workspace, by: By, made_by: Option<u32>) -> Result<(), Problem> {
    let (catalogs, now) = (app.ledger.catalogs_of(workspace).await?, now(app, workspace).await?);
    let plan = Terms::of(workspace, &catalogs, now).ok_or(Problem::Internal)?.plan();
    judge(workspace, &plan, by, Need::ReadRuns, now).map_err(Problem::Refused)?;
    match run_scope(workspace, &plan, by, now) {
        Some(only) if made_by != Some(only) => Err(Problem::not_found("run")),
        _ => Ok(()),
    }
}

/// Returns the present time of a workspace, for judging a key's expiry. Without a test clock it is the store's
/// estimate.
async fn now(app: &App, workspace: &Workspace) -> Result<Timestamp, Problem> {
    let now = match workspace.test_clock {
        None => app.ledger.store().about_now(),
        Some(_) => app.ledger.now(workspace.test_clock).await?,
    };
    Ok(now.max(workspace.at))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    person::bearer(value)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Two values of the header are treated as an invalid one.
    let text = if values.next().is_some() { "" } else { value.to_str().unwrap_or_default().trim() };
    good_key("", text)?;
    Ok(Some(text.to_owned()))
}

/// Checks the form of an idempotency key.
///
/// # Errors
/// When it is not 1 to 255 visible ASCII characters.
pub fn good_key(pointer: &str, text: &str) -> Result<(), Problem> {
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Problem::invalid(pointer, "an idempotency key is 1 to 255 visible ASCII characters"))
}

fn named_workspace(headers: &HeaderMap) -> Result<Option<WorkspaceId>, Problem> {
    let mut values = headers.get_all("scrip-workspace").iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Two values of the header are treated as none, also when a proxy has joined them into one line.
    let named = if values.next().is_some() { "" } else { value.to_str().unwrap_or_default() };
    named.parse().map(Some).map_err(|()| Problem::not_found("workspace"))
}
