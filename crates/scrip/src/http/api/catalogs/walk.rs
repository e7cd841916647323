//! Iteration over all workspaces, in parts: in the order in which they were opened, many at once, for as long as one
//! request may take.
//!
//! Invariant: a part ends behind the last workspace that was done, so that the next one begins with the first that was
//! not.

use crate::http::edge::app::App;
use crate::http::edge::problem::Problem;
use scrip_engine::WorkspaceId;
use scrip_store::{Unavailable, rows};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Number of workspaces that are worked on at once.
const WAVE: usize = 64;
/// Time after which a part ends: less than clients and proxies wait for an answer.
const PART: Duration = Duration::from_secs(10); // # assumed

/// Calls `make` for the workspaces behind a cursor until `most` results were made, time is up, or no workspace is left.
/// Passes the results to `each` in the order of their workspaces. Returns the cursor of the next part; `None` when this
/// was the last.
///
/// # Errors
/// When the store cannot answer, or one of the workspaces has a problem.
pub async fn walk<T, F>(
    app: &Arc<App>,
    mut after: i64,
    most: usize,
    make: impl Fn(Arc<App>, WorkspaceId) -> F,
    mut each: impl FnMut(T) + Send,
) -> Result<Option<i64>, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<Option<T>, Problem>> + Send + 'static,
{
    let begun = Instant::now();
    let mut count = 0;
    app.ledger.store().await_projections().await?;
    loop {
        let rows = rows::workspaces::after(app.ledger.store().reader(), after, WAVE as i64, None).await?;
        let mut wave = JoinSet::new();
        for (place, row) in rows.iter().enumerate() {
            let made = make(Arc::clone(app), *row);
            wave.spawn(async move { (place, made.await) });
        }
        let mut done: Vec<(usize, T)> = Vec::new();
        while let Some(ended) = wave.join_next().await {
            let (place, made) = ended.map_err(|panic| Unavailable(panic.to_string()))?;
            done.extend(made?.map(|made| (place, made)));
        }
        done.sort_by_key(|(place, _)| *place);
        let left = most - count;
        if let Some((place, _)) = done.get(left) {
            let next = place.checked_sub(1).and_then(|before| rows.get(before)).map_or(after, |id| id.get());
            done.into_iter().take(left).for_each(|(_, made)| each(made));
            return Ok(Some(next));
        }
        count += done.len();
        done.into_iter().for_each(|(_, made)| each(made));
        let Some(last) = rows.last().map(|id| id.get()).filter(|_| rows.len() == WAVE) else { return Ok(None) };
        if begun.elapsed() >= PART {
            return Ok(Some(last));
        }
        after = last;
    }
}
