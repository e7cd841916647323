//! Answers to writes: the new state, the entry that made it, and whether the answer is a replay.

use super::problem::Problem;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scrip_engine::{Kind, WorkspaceId};
use scrip_store::{Commit, Store};
use serde::Serialize;

/// Size in bytes that most answers fit into.
const BODY: usize = 512;

/// Answer to a write request.
pub struct Reply<T> {
    /// Status of the response.
    pub status: StatusCode,
    /// State after the write.
    pub body: T,
    /// `true` when the answer repeats an earlier one.
    pub replayed: bool,
    /// Id of the entry; `None` when nothing happened.
    pub entry: Option<String>,
}

impl<T> Reply<T> {
    /// Makes an answer without an entry.
    pub fn new(status: StatusCode, body: T) -> Reply<T> {
        Reply { status, body, replayed: false, entry: None }
    }

    /// Adds the journal entry behind the answer, and whether it is a replay.
    #[must_use]
    pub fn of(mut self, workspace: WorkspaceId, committed: &Commit) -> Reply<T> {
        self.replayed = committed.replayed;
        let happened = !committed.events.is_empty();
        self.entry = happened.then(|| workspace.id_of(Kind::Entry, committed.seq as u32));
        self
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(BODY);
        if serde_json::to_writer(&mut body, &self.body).is_err() {
            return Problem::Internal.into_response();
        }
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        if let Some(Ok(entry)) = self.entry.map(HeaderValue::try_from) {
            response.headers_mut().insert("scrip-entry", entry);
        }
        response
    }
}

/// Makes a long answer in its turn, on a thread that serves no request, so that other requests do not wait for it.
///
/// # Errors
/// Those of the function that makes it.
pub async fn make_aside<T: Serialize>(
    store: &Store,
    make: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    store.turns().run(move || make().map(|answer| Json(answer).into_response())).await?
}
