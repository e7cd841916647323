//! Runs as they change: streams of events, and answers that wait for a run's end.
//!
//! Invariant: a run is read once for each change of its workspace, however many callers follow it, and entries of other
//! workspaces cost them nothing.

use super::{find, find_for, to_api};
use crate::http::api::assets::Links;
use crate::http::edge::address::Client;
use crate::http::edge::app::App;
use crate::http::edge::caller::Caller;
use crate::http::edge::followed_runs::{LastRead, RunKey};
use crate::http::edge::object::RunId;
use crate::http::edge::problem::Problem;
use crate::http::edge::rights::{On, Reader};
use crate::http::edge::streams::Permit;
use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use scrip_client::types as api;
use scrip_engine::WorkspaceId;
use scrip_store::projection::RunRow;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Follows a run. The first caller to follow it starts the task that reads it.
fn follow(app: &Arc<App>, key: RunKey) -> watch::Receiver<LastRead> {
    let mut followed = app.followed.lock();
    if let Some(run) = followed.get(&key) {
        return run.subscribe();
    }
    let (run, receiver) = watch::channel(None);
    followed.insert(key, run.clone());
    tokio::spawn(follow_row(Arc::clone(app), key, run));
    receiver
}

/// Reads a run whenever its workspace changes, until it has ended, has no followers, or cannot be read.
async fn follow_row(app: Arc<App>, key: RunKey, run: watch::Sender<LastRead>) {
    let mut moved = app.ledger.store().watchers().watch(key.0);
    loop {
        let Ok((row, seq)) = find(&app, key.0, key.1).await else { break };
        let has_ended = row.status.is_some();
        run.send_if_modified(|seen| {
            let is_new = seen.as_ref().is_none_or(|(_, last)| seq > *last);
            if is_new {
                *seen = Some((Arc::new(row), seq));
            }
            is_new
        });
        if has_ended {
            break;
        }
        tokio::select! {
            () = moved.wait() => {}
            () = run.closed() => {
                let mut followed = app.followed.lock();
                // A caller may have begun to follow while the last one went.
                if run.receiver_count() == 0 {
                    followed.remove(&key);
                    return;
                }
            }
        }
    }
    app.followed.lock().remove(&key);
}

/// Waits for the end of a run, and returns it as it is then, or when the time is up.
///
/// # Errors
/// When the caller sees no such run, or it cannot be read.
pub(super) async fn wait_for_end(
    app: &Arc<App>,
    (workspace, n): RunKey,
    caller: &Caller,
    wait: Duration,
) -> Result<api::Run, Problem> {
    let mut row = find_for(app, caller, (workspace, n)).await?;
    if row.status.is_none() && !wait.is_zero() {
        let mut run = follow(app, (workspace, n));
        let has_ended = |seen: &LastRead| seen.as_ref().is_some_and(|(row, _)| row.status.is_some());
        let end = async { run.wait_for(has_ended).await.ok().and_then(|seen| seen.clone()) };
        row = match tokio::time::timeout(wait, app.stop.run_until_stop(end)).await {
            Ok(Some(Some((row, _)))) => RunRow::clone(&row),
            Ok(_) | Err(_) => find(app, workspace, n).await?.0,
        };
    }
    Ok(to_api(workspace, n, &row, Links::of(app, caller.holder())))
}

/// Follows a run: one event each time it changes, the last when it has ended.
#[utoipa::path(get, path = "/v1/runs/{id}/events", tag = "Runs", params(("id" = String, Path, description = "`run_…`")),
    responses((status = 200, description = "Server-sent events named `run`, each a run", content_type = "text/event-stream", body = String)))]
pub async fn events(
    On(reader, id): On<Reader, RunId>,
    client: Client,
    State(app): State<Arc<App>>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Problem> {
    let RunId { workspace, n } = id?;
    find_for(&app, &reader, (workspace, n)).await?;
    let permit = reader.open_stream(&app, client).await?;
    let mut run = follow(&app, (workspace, n));
    // A state that was read before this stream began is new to its caller.
    run.mark_changed();
    let stream = RunStream { run, app, reader, workspace, n, over: false, _permit: permit };
    Ok(Sse::new(unfold(stream, RunStream::next)).keep_alive(KeepAlive::default()))
}

/// Stream of the events of one run for one caller.
struct RunStream {
    app: Arc<App>,
    reader: Reader,
    run: watch::Receiver<LastRead>,
    workspace: WorkspaceId,
    n: u32,
    over: bool,
    /// Permit that counts the stream among the open ones.
    _permit: Option<Permit>,
}

impl RunStream {
    async fn next(mut self) -> Option<(Result<SseEvent, Infallible>, RunStream)> {
        if self.over {
            return None;
        }
        let (row, seq) = loop {
            self.app.stop.run_until_stop(self.run.changed()).await?.ok()?;
            if let Some(seen) = self.run.borrow_and_update().clone() {
                break seen;
            }
        };
        // The stream ends when the caller loses the right to the run.
        self.reader.still_sees(&self.app, row.key).await.ok()?;
        self.over = row.status.is_some();
        let run = to_api(self.workspace, self.n, &row, Links::of(&self.app, self.reader.holder()));
        let event = SseEvent::default().event("run").id(seq.to_string()).data(json!(run).to_string());
        Some((Ok(event), self))
    }
}
