//! Callers: finding out who sent a request, and judging them. [`super::rights`] has what a handler can ask of them.
//!
//! Three kinds of caller come by one header: operator keys, which name the workspace; keys of a workspace, and sessions
//! of people, which are judged on the workspace as it is now, at every request anew (R26). What is submitted afterwards
//! is judged again, at the instant it is decided.
//!
//! Invariant: nothing that anybody but the operator asks is served before it was judged and counted (R27), and somebody
//! who does not belong to a workspace finds none.

use super::address::Client;
use super::app::{App, Audience};
use super::object::Object;
use super::person::{self, Person};
use super::problem::{Problem, request_id};
use super::request::canonical;
use super::streams::Permit;
use super::{rates, scopes};
use crate::crypto::{OPERATOR_PREFIXES, is_key, sha256};
use crate::email::Email;
use crate::ledger::{Asked, idempotency, request_hash};
use crate::operators::OperatorKey;
use crate::store::Idempotency;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use scrip_engine::team::KeyHash;
use scrip_engine::{By, Kind, Need, Refusal, Terms, Timestamp, UserId, Workspace, WorkspaceId, judge, run_scope};
use std::borrow::Cow;
use std::sync::Arc;

/// Prefixes of keys of workspaces: for play credits and for real ones, and those of before.
pub const KEY_PREFIXES: [&str; 4] = ["scrip_wk_test_", "scrip_wk_live_", "wk_test_", "wk_live_"];

/// The sender of a request, as they were judged.
pub struct Caller {
    /// Who, as the engine judges them.
    pub by: By,
    /// Their address, for a person.
    pub email: Option<Email>,
    actor: String,
    method: Method,
    uri: Uri,
    key: Option<String>,
    workspace: Option<WorkspaceId>,
    /// The only workspace that their key or session reaches, if there is one.
    pub only: Option<WorkspaceId>,
    /// The workspace as it was when they were judged; `None` for the operator, who is not.
    judged: Option<Arc<Workspace>>,
    /// The key of an operator.
    operator: Option<Arc<OperatorKey>>,
    /// The key whose own runs are all that they see; see [`run_scope`].
    run_scope: Option<u32>,
}

/// Who sent a request, before anything is judged.
struct Known {
    by: By,
    actor: String,
    email: Option<Email>,
    /// The only workspace they reach, if there is one.
    workspace: Option<WorkspaceId>,
    /// The key of an operator.
    operator: Option<Arc<OperatorKey>>,
}

async fn authenticate(parts: &mut Parts, app: &Arc<App>) -> Result<Known, Problem> {
    // A request is one caller's or nobody's.
    let headers = &parts.headers;
    if headers.contains_key(header::AUTHORIZATION) && person::cookies(headers).next().is_some() {
        return Err(Problem::Unauthenticated);
    }
    let bearer = bearer(headers);
    let audience = parts.extensions.get::<Audience>().copied().unwrap_or(Audience::All);
    let is_operator = bearer.is_some_and(|key| OPERATOR_PREFIXES.iter().any(|prefix| key.starts_with(prefix)));
    // On an address of its own, each kind of caller looks as if the other did not exist.
    if audience == if is_operator { Audience::Public } else { Audience::Operators } {
        return Err(Problem::Unauthenticated);
    }
    // The checksum is looked at first: a mistyped key costs no look-up.
    if let Some(key) = bearer.filter(|key| OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, key))) {
        let operator = app.operator_keys.of_secret(app.ledger.store(), key).await?;
        let operator = operator.ok_or(Problem::Unauthenticated)?;
        app.operator_keys.used(&app.ledger, &operator, key);
        scopes::permit(&operator, parts)?;
        let actor = operator.actor();
        return Ok(Known { by: By::Operator, actor, email: None, workspace: None, operator: Some(operator) });
    }
    if let Some(key) = bearer.filter(|key| KEY_PREFIXES.iter().any(|prefix| is_key(prefix, key))) {
        let hash = sha256(&[key.as_bytes()]);
        let workspace = app.keys.workspace_of(&app.ledger, hash).await?.ok_or(Problem::Unauthenticated)?;
        let (by, actor) = (By::Key(KeyHash(hash)), String::new());
        return Ok(Known { by, actor, email: None, workspace: Some(workspace), operator: None });
    }
    let person = Person::from_request_parts(parts, app).await?;
    let session = person.session();
    let (by, actor) = (By::User(session.user), session.user.to_string());
    let (email, workspace) = (Some(session.email.clone()), session.workspace);
    Ok(Known { by, actor, email, workspace, operator: None })
}

/// The workspace that a request is about, by who asks or by its header. Whoever reaches only one finds no other.
fn one_workspace(only: Option<WorkspaceId>, named: Option<WorkspaceId>) -> Result<Option<WorkspaceId>, Problem> {
    match (only, named) {
        (Some(only), Some(named)) if only != named => Err(Problem::not_found("workspace")),
        (only, named) => Ok(only.or(named)),
    }
}

/// Nobody but the operator gets anywhere without a workspace.
fn unnamed(need: Need<'_>) -> Problem {
    match need {
        Need::Operator => {
            Problem::Refused(Refusal::CapabilityRequired { capability: "operator".to_owned(), ceiling: Vec::new() })
        }
        _ => Problem::invalid("", "name the workspace: `Scrip-Workspace: ws_…`"),
    }
}

impl Caller {
    /// Finds who sent a request, and judges them by what is needed, in the workspace that their key, their session or
    /// the header names, or else in the one of what the request is about.
    ///
    /// # Errors
    /// When they are nobody who is known, no workspace is named, or they may not.
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
            caller.workspace = Some(workspace.ok_or_else(|| unnamed(need))?);
            caller.judge(app, need).await?;
        }
        caller.key = idempotency_key(&parts.headers)?;
        Ok(caller)
    }

    /// Judges somebody who is not the operator, and counts the request against the plan's limit.
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
            let key = workspace.team.opened_by(&secret, now).ok_or(Problem::Unauthenticated)?;
            if app.blocked.has(app.ledger.store(), [key.owner, key.made_by]).await? {
                return Err(Problem::Unauthenticated);
            }
            self.actor = id.owned(Kind::Key, key.n);
            app.keys.used(&app.ledger, id, key.n);
        }
        self.run_scope = run_scope(&workspace, &plan, self.by, now);
        rates::admit(app.ledger.store(), id, plan.requests_per_minute).await?;
        self.judged = Some(workspace);
        Ok(())
    }

    /// Judges again, for an answer that goes on: a stream ends with the right to the run, which a key made or none.
    ///
    /// # Errors
    /// When they may no longer, or nobody can say.
    pub async fn still_sees(&self, app: &App, made_by: Option<u32>) -> Result<(), Problem> {
        if self.by == By::Operator {
            return Ok(());
        }
        let workspace = app.ledger.workspace(self.workspace()?).await?.ok_or(Problem::not_found("workspace"))?;
        let people = match self.by {
            By::Key(secret) => {
                let key = workspace.team.opened_by(&secret, workspace.at);
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
    /// When as many are open as may be.
    pub async fn open_stream(&self, app: &App, client: Client) -> Result<Option<Permit>, Problem> {
        if self.by == By::Operator {
            return Ok(None);
        }
        let workspace = self.workspace_now(app).await?;
        app.streams.count(&workspace, self.user(), client).map(Some)
    }

    /// Returns true if they see a run that this key made, or none.
    pub fn sees(&self, made_by: Option<u32>) -> bool {
        self.run_scope.is_none() || self.run_scope == made_by
    }

    /// Returns the number of the key whose own runs are all that they see.
    pub fn run_scope(&self) -> Option<u32> {
        self.run_scope
    }

    /// Returns true if they see no runs but those of their own key, and nothing of people.
    pub fn is_confined(&self) -> bool {
        self.run_scope.is_some()
    }

    /// The workspace a request is about, by its key, its session, or `Scrip-Workspace`.
    ///
    /// # Errors
    /// When nothing names one.
    pub fn workspace(&self) -> Result<WorkspaceId, Problem> {
        self.workspace.ok_or_else(|| Problem::invalid("", "name the workspace: `Scrip-Workspace: ws_…`"))
    }

    /// Returns true if the request is about a workspace.
    pub fn has_workspace(&self) -> bool {
        self.workspace.is_some()
    }

    /// Whether it is the operator who asks, and about no workspace.
    pub fn names_none(&self) -> bool {
        self.by == By::Operator && self.workspace.is_none()
    }

    /// That workspace, settled to now; as it was judged, where it was.
    ///
    /// # Errors
    /// When nothing names one, or it is not there.
    pub async fn workspace_now(&self, app: &App) -> Result<Arc<Workspace>, Problem> {
        if let Some(workspace) = &self.judged {
            return Ok(Arc::clone(workspace));
        }
        app.ledger.workspace(self.workspace()?).await?.ok_or(Problem::not_found("workspace"))
    }

    /// Reads an id of something in a workspace, which must not be another one than the request is about.
    ///
    /// # Errors
    /// Not found, whether the id is none or another workspace was named.
    pub fn read<O: Object>(&self, id: &str) -> Result<O, Problem> {
        let object = O::read(id).ok_or(Problem::not_found(O::WORD))?;
        match self.workspace {
            Some(named) if named != object.workspace() => Err(Problem::not_found(O::WORD)),
            _ => Ok(object),
        }
    }

    /// Who asks, for the journal; the idempotency key is optional.
    pub fn asked(&self, workspace: WorkspaceId, body: &[u8]) -> Asked {
        self.asked_under(workspace, self.key.as_deref(), body)
    }

    /// Who asks for one thing of many in a request, each with a key of its own. Two callers who send the same key do
    /// not meet: nobody is answered with what somebody else did.
    pub fn asked_under(&self, workspace: WorkspaceId, key: Option<&str>, what: &[u8]) -> Asked {
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
        Asked { by: self.by, actor: self.actor.clone(), request, idempotency }
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

    /// Whom links to outputs are for; empty for the operator.
    pub fn holder(&self) -> &str {
        if self.by == By::Operator { "" } else { &self.actor }
    }

    /// The key of an operator.
    pub fn operator_key(&self) -> Option<&Arc<OperatorKey>> {
        self.operator.as_ref()
    }

    /// As the journal names them.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The person who calls.
    pub fn user(&self) -> Option<UserId> {
        match self.by {
            By::User(user) => Some(user),
            By::Operator | By::Key(_) => None,
        }
    }
}

/// Judges whether somebody may see a run of a workspace as it stands, which a key made or none.
///
/// # Errors
/// The refusal that names what is missing; where the run is another key's, there is none.
pub async fn sees_run(app: &App, workspace: &Workspace, by: By, made_by: Option<u32>) -> Result<(), Problem> {
    let (catalogs, now) = (app.ledger.catalogs_of(workspace).await?, now(app, workspace).await?);
    let plan = Terms::of(workspace, &catalogs, now).ok_or(Problem::Internal)?.plan();
    judge(workspace, &plan, by, Need::ReadRuns, now).map_err(Problem::Refused)?;
    match run_scope(workspace, &plan, by, now) {
        Some(only) if made_by != Some(only) => Err(Problem::not_found("run")),
        _ => Ok(()),
    }
}

/// What time it is for a workspace, for judging a key's end.
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
    // Of two, whoever sent them means neither.
    let text = if values.next().is_some() { "" } else { value.to_str().unwrap_or_default().trim() };
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
    let mut values = headers.get_all("scrip-workspace").iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Two are none, as they are when a proxy has joined them into one line.
    let named = if values.next().is_some() { "" } else { value.to_str().unwrap_or_default() };
    named.parse().map(Some).map_err(|()| Problem::not_found("workspace"))
}
