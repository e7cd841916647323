//! Requests that prepare a measurement, or that count rather than measure.
//!
//! Invariant: an answer that was not expected is an error.

use scrip::benchmark::connection::Connection;
use scrip::benchmark::load::{self, block_on};
use scrip::benchmark::place::{Server, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Pause between two requests to a server that starts.
const PROBE_EVERY: Duration = Duration::from_millis(5);

/// Waits until a server reports that it is ready.
///
/// # Errors
/// When it says something else, or nothing.
pub fn ready(server: &Server) -> Result<(), String> {
    block_on(async {
        let mut connection = Connection::open(server.target.address).await?;
        loop {
            connection.begin("GET", "/readyz", &server.target.key);
            match connection.send(b"").await?.0 {
                200 => return Ok(()),
                503 => tokio::time::sleep(PROBE_EVERY).await,
                status => return Err(format!("a server that starts answered with {status}")),
            }
        }
    })
}

/// Makes one pair on each of these workspaces.
///
/// # Errors
/// When one is refused.
pub fn visit(target: &Target, workspaces: &Arc<Vec<String>>, connections: usize, keys: u64) -> Result<(), String> {
    block_on(async {
        let mut tasks: JoinSet<Result<(), String>> = JoinSet::new();
        for mine in 0..connections {
            let (target, workspaces) = (target.clone(), Arc::clone(workspaces));
            tasks.spawn(async move {
                let mut connection = Connection::open(target.address).await?;
                for n in (mine..workspaces.len()).step_by(connections) {
                    load::pair(&mut connection, &target, &workspaces[n], &format!("{keys}-{n}")).await?;
                }
                Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|error| error.to_string())??;
        }
        Ok(())
    })
}

/// Spends a workspace's balance from many connections at once, until each is refused for want of credits; returns the
/// number of holds that were accepted.
///
/// # Errors
/// When anything else is answered.
pub fn spend(target: &Target, workspace: &str, cost: i64, connections: usize) -> Result<u64, String> {
    let accepted = Arc::new(AtomicUsize::new(0));
    let body: Arc<[u8]> = format!(r#"{{"credits":{cost},"reference":"benchmark"}}"#).into_bytes().into();
    block_on(async {
        let mut tasks: JoinSet<Result<(), String>> = JoinSet::new();
        for mine in 0..connections {
            let (target, workspace, body) = (target.clone(), workspace.to_owned(), Arc::clone(&body));
            let accepted = Arc::clone(&accepted);
            tasks.spawn(async move {
                let mut connection = Connection::open(target.address).await?;
                for n in 0.. {
                    let key = format!("s-{mine}-{n}");
                    match load::hold(&mut connection, &target, &workspace, &body, &key).await? {
                        Ok(path) => load::capture(&mut connection, &target, &path, &key).await?,
                        Err(402) => return Ok(()),
                        Err(status) => return Err(format!("a hold was answered with {status}")),
                    }
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|error| error.to_string())??;
        }
        Ok(accepted.load(Ordering::Relaxed) as u64)
    })
}
