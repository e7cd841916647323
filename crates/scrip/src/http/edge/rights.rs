//! Rights, as the types of a handler's arguments: a handler that takes an [`Admin`] is for admins, and one that takes
//! `On<Reader, RunId>` is for readers of the run that its path names.
//!
//! Invariant: a caller is judged in the workspace of what the path names before anything is said of it.

use super::app::App;
use super::caller::Caller;
use super::object::{Object, row};
use super::problem::Problem;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, RawPathParams};
use axum::http::request::Parts;
use scrip_engine::{Need, WorkspaceId};
use std::ops::Deref;
use std::sync::Arc;

/// The one table of rights: the name that a handler's signature has for each, and what the engine judges for it.
const RIGHTS: [(&str, Need<'static>); 8] = [
    ("Operator", Need::Operator),
    ("Viewer", Need::Look),
    ("Reader", Need::ReadRuns),
    ("Runner", Need::RunAny),
    ("Signed", Need::Person),
    ("Belonging", Need::Leave),
    ("Member", Need::Member),
    ("Admin", Need::Admin),
];

/// The operator of this deployment, by an operator key.
pub type Operator = CallerWith<{ row(&RIGHTS, "Operator") }>;
/// A caller who may do anything at all in the workspace: a member, a key with a right in force, the operator.
pub type Viewer = CallerWith<{ row(&RIGHTS, "Viewer") }>;
/// A caller who may see runs: a member, a key that reads or runs, the operator.
pub type Reader = CallerWith<{ row(&RIGHTS, "Reader") }>;
/// A caller who may run at least one model; which ones is judged with the run.
pub type Runner = CallerWith<{ row(&RIGHTS, "Runner") }>;
/// A person who has signed in, whatever they belong to, or the operator. Never a key.
pub type Signed = CallerWith<{ row(&RIGHTS, "Signed") }>;
/// A person of the workspace, even one who waits for a seat, or the operator. Never a key.
pub type Belonging = CallerWith<{ row(&RIGHTS, "Belonging") }>;
/// A person of the workspace, whatever their role, or the operator. Never a key.
pub type Member = CallerWith<{ row(&RIGHTS, "Member") }>;
/// An admin of the workspace, or the operator. Never a key.
pub type Admin = CallerWith<{ row(&RIGHTS, "Admin") }>;

/// A caller who has the right of one row of [`RIGHTS`]: there is none of another.
pub struct CallerWith<const RIGHT: usize>(Caller);

impl<const RIGHT: usize> Deref for CallerWith<RIGHT> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<const RIGHT: usize> CallerWith<RIGHT> {
    const NEED: Need<'static> = RIGHTS[RIGHT].1;

    /// Finds who sent a request that is about something in a workspace, if it is, and judges them by this right.
    ///
    /// # Errors
    /// When they are nobody who is known, no workspace is named, or they may not.
    async fn of(parts: &mut Parts, app: &Arc<App>, about: Option<WorkspaceId>) -> Result<Self, Problem> {
        Caller::admit(parts, app, Self::NEED, about).await.map(CallerWith)
    }
}

impl<const RIGHT: usize> FromRequestParts<Arc<App>> for CallerWith<RIGHT> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        CallerWith::of(parts, app, None).await
    }
}

/// The caller of an address that is open to everybody, where the request says who sends it, and the right is theirs.
/// Anybody else is `None`: what is open to everybody is refused to nobody.
impl<const RIGHT: usize> OptionalFromRequestParts<Arc<App>> for CallerWith<RIGHT> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Self>, Problem> {
        let says = |name: &str| parts.headers.contains_key(name);
        if !says("authorization") && !says("scrip-workspace") {
            return Ok(None);
        }
        match CallerWith::of(parts, app, None).await {
            Ok(caller) => Ok(Some(caller)),
            Err(unavailable @ Problem::Unavailable) => Err(unavailable),
            Err(_) => Ok(None),
        }
    }
}

/// A caller with a right, and the thing it is for: the one that the first parameter of the path names.
///
/// The thing is not found where its id is none, or of another workspace than the request is about. A handler opens that
/// after the rest of the request was read, so a body that cannot be read is answered alike, whosever the thing is.
pub struct On<C, O>(pub C, pub Result<O, Problem>);

impl<const RIGHT: usize, O: Object + Send> FromRequestParts<Arc<App>> for On<CallerWith<RIGHT>, O> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = RawPathParams::from_request_parts(parts, app).await.ok();
        let id = path.as_ref().and_then(|path| path.iter().next()).map(|(_, id)| id.to_owned()).unwrap_or_default();
        let caller = CallerWith::of(parts, app, O::read(&id).map(|object| object.workspace())).await?;
        let object = caller.read(&id);
        Ok(On(caller, object))
    }
}
