//! Going through all workspaces, a part at a time: in the order in which they were opened, many at once, for as long as
//! one request may take.
//!
//! Invariant: a part ends behind the last workspace that was done, so that the next one begins with the first that was
//! not.

use crate::http::App;
use crate::http::problem::Problem;
use crate::store::{Unavailable, Value, queries};
use scrip_engine::WorkspaceId;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Workspaces that are worked on at once.
const WAVE: usize = 64;
/// Time after which a part ends: within what clients and proxies wait for an answer.
const PART: Duration = Duration::from_secs(10); // # assumed

/// A part of the workspaces, gone through.
pub struct Part<T> {
    /// What was made of each workspace of which something was made.
    pub found: Vec<T>,
    /// Where the next part begins; `None` when this was the last.
    pub next: Option<i64>,
}

/// Goes through the workspaces behind a cursor until enough was found, time is up, or there is none left.
///
/// # Errors
/// When the store cannot answer, or one of the workspaces has a problem.
pub async fn walk<T, F>(
    app: &Arc<App>,
    mut after: i64,
    most: usize,
    make: impl Fn(Arc<App>, WorkspaceId) -> F,
) -> Result<Part<T>, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<Option<T>, Problem>> + Send + 'static,
{
    let begun = Instant::now();
    let mut found = Vec::new();
    app.ledger.store().projected().await?;
    loop {
        let values = vec![Value::Integer(after), Value::Integer(WAVE as i64)];
        let rows = app.ledger.store().query(queries::WORKSPACES, values).await?;
        let mut wave = JoinSet::new();
        for (place, row) in rows.iter().enumerate() {
            let made = make(Arc::clone(app), WorkspaceId::new(row.integer(0) as u64));
            wave.spawn(async move { (place, made.await) });
        }
        let mut done: Vec<(usize, T)> = Vec::new();
        while let Some(ended) = wave.join_next().await {
            let (place, made) = ended.map_err(|panic| Unavailable(panic.to_string()))?;
            done.extend(made?.map(|made| (place, made)));
        }
        done.sort_by_key(|(place, _)| *place);
        let opened = |place: usize| rows.get(place).map(|row| row.integer(1));
        let left = most - found.len();
        if done.len() > left {
            let next = done.get(left).and_then(|(place, _)| opened(*place)).map(|opened| opened - 1);
            found.extend(done.into_iter().take(left).map(|(_, made)| made));
            return Ok(Part { found, next });
        }
        found.extend(done.into_iter().map(|(_, made)| made));
        let Some(last) = rows.last().map(|row| row.integer(1)) else { return Ok(Part { found, next: None }) };
        after = last;
        if rows.len() < WAVE {
            return Ok(Part { found, next: None });
        }
        if begun.elapsed() >= PART {
            return Ok(Part { found, next: Some(after) });
        }
    }
}
