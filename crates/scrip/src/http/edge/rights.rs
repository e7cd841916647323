//! Rights, as the types of a handler's arguments: a handler that takes an [`Admin`] is for admins, and one that takes
//! `On<Reader, RunId>` is for readers of the run that its path names.
//!
//! Invariant: a caller is judged in the workspace of the path's object before anything is said about the object.

use super::app::App;
use super::caller::Caller;
use super::object::{Object, row};
use super::problem::Problem;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, RawPathParams};
use axum::http::request::Parts;
use scrip_engine::{Need, WorkspaceId};
use std::ops::Deref;
use std::sync::Arc;

/// The one table of rights: the name of each in a handler's signature, and the need that the engine judges.
const RIGHTS: [(&str, Need<'static>); 8] = [
    ("Operator", Need::Operator),
    ("Viewer", Need::View),
    ("Reader", Need::ReadRuns),
    ("Runner", Need::RunAny),
    ("SessionHolder", Need::Person),
    ("AnyMember", Need::Leave),
    ("Member", Need::Member),
    ("Admin", Need::Admin),
];

/// The operator of this deployment, by an operator key.
pub type Operator = CallerWith<{ row(&RIGHTS, "Operator") }>;
/// Caller with any right in the workspace: a member, a key with a right in force, the operator.
pub type Viewer = CallerWith<{ row(&RIGHTS, "Viewer") }>;
/// Caller who may see runs: a member, a key that reads or runs, the operator.
pub type Reader = CallerWith<{ row(&RIGHTS, "Reader") }>;
/// Caller who may run at least one model; the model itself is judged with the run.
pub type Runner = CallerWith<{ row(&RIGHTS, "Runner") }>;
/// Person who has signed in, with or without a workspace, or the operator. Never a key.
pub type SessionHolder = CallerWith<{ row(&RIGHTS, "SessionHolder") }>;
/// Person who belongs to the workspace, even one who waits for a seat, or the operator. Never a key.
pub type AnyMember = CallerWith<{ row(&RIGHTS, "AnyMember") }>;
/// Person who belongs to the workspace, in any role, or the operator. Never a key.
pub type Member = CallerWith<{ row(&RIGHTS, "Member") }>;
/// Admin of the workspace, or the operator. Never a key.
pub type Admin = CallerWith<{ row(&RIGHTS, "Admin") }>;

/// Caller who has the right of one row of [`RIGHTS`].
pub struct CallerWith<const RIGHT: usize>(Caller);

impl<const RIGHT: usize> Deref for CallerWith<RIGHT> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<const RIGHT: usize> CallerWith<RIGHT> {
    const NEED: Need<'static> = RIGHTS[RIGHT].1;

    /// Authenticates the sender of a request and judges this right, in the workspace that the request is about.
    ///
    /// # Errors
    /// When the sender is unknown, no workspace is named, or the right is missing.
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

/// Extracts the caller of an address that is open to everyone. The caller is `None` when the request names no sender,
/// or the sender is unknown or lacks the right: an open address refuses no one.
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

/// Caller with a right, and the object that the first parameter of the path names.
///
/// The object is not found when its id is invalid, or of another workspace than the request's. A handler opens the
/// result after the rest of the request was read, so an unreadable body has the same answer for every object.
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
