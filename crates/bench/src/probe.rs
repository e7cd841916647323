//! Probe: a read that is repeated while a load runs.
//!
//! Invariant: only reads of the time that counts are returned; those that warm up are dropped.

use crate::world::World;
use futures_util::FutureExt;
use scrip::benchmark::connection::Connection;
use scrip::benchmark::load::{self, StepFuture, Turn, Work};
use scrip::benchmark::place::Target;
use scrip_store::clock::Stopwatch;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Pause between two reads of a probe.
const EVERY: Duration = Duration::from_millis(5);

/// Runs pairs on all workspaces, with one more connection that reads a path again and again; returns the latencies of
/// the reads, in microseconds, sorted.
///
/// # Errors
/// When a request is refused or a connection breaks.
pub fn measure(world: &World, path: &str, connections: usize, window: Duration) -> Result<Vec<u64>, String> {
    let (target, start, seen) = (world.target().clone(), Stopwatch::start(), Arc::new(Mutex::new(Vec::new())));
    let (path, pairs, probes): (Arc<str>, _, _) = (path.into(), world.pairs(false), Arc::clone(&seen));
    let work = Work::new([target.address], move |connection, turn: Turn| -> StepFuture<'_> {
        if turn.connection < connections {
            return pairs.step(connection, Turn { connections, ..turn });
        }
        let (target, path, probes) = (target.clone(), Arc::clone(&path), Arc::clone(&probes));
        async move {
            let stopwatch = Stopwatch::start();
            read(connection, &target, &path).await?;
            let latency = stopwatch.elapsed().as_micros() as u64;
            if start.elapsed() >= window / 5 {
                probes.lock().expect("no probe panics").push(latency);
            }
            tokio::time::sleep(EVERY).await;
            Ok(())
        }
        .boxed()
    });
    load::measure(&work, connections + 1, window)?;
    drop(work);
    let mut seen = std::mem::take(&mut *seen.lock().expect("no probe panics"));
    seen.sort_unstable();
    Ok(seen)
}

async fn read(connection: &mut Connection, target: &Target, path: &str) -> Result<(), String> {
    connection.begin("GET", path, &target.key);
    match connection.send(b"").await? {
        (200, _) => Ok(()),
        (status, _) => Err(format!("{path} was answered with {status}")),
    }
}
