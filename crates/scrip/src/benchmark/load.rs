//! Load: work that is repeated on many connections at once, from a few threads.
//!
//! Invariant: an answer that was not expected ends the measurement.

use super::connection::Connection;
use super::figures::{Rate, percentile};
use super::place::Target;
use futures_util::{FutureExt, future::BoxFuture};
use scrip_store::clock::Stopwatch;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Body of the request for a hold.
pub const HOLD: &[u8] = br#"{"credits":20,"reference":"benchmark"}"#;
/// Body of the request for a capture.
const CAPTURE: &[u8] = b"{}";
/// Body of an echo: as long as the answer to a hold.
const ECHO: &[u8] = &[b'x'; 330];

/// Step of a connection in its load: the connection, the number of connections, and the number of steps before it.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Number of the connection, from 0.
    pub connection: usize,
    /// Number of connections of the load.
    pub connections: usize,
    /// Number of steps that the connection has made before.
    pub step: usize,
}

impl Turn {
    /// Returns the number of the step among those of all connections.
    pub fn number(self) -> usize {
        self.connection + self.step * self.connections
    }

    /// Returns an idempotency key of this step; `keys` makes the keys of measurements differ.
    pub fn key(self, keys: u64) -> String {
        format!("{keys}-{}-{}", self.connection, self.step)
    }
}

/// Result of a step, as it comes.
pub type StepFuture<'c> = BoxFuture<'c, Result<(), String>>;
/// Function that makes a step on a connection.
type Step = dyn for<'c> Fn(&'c mut Connection, Turn) -> StepFuture<'c> + Send + Sync;

/// Work of a load: a step that each connection repeats and that is measured, such as a hold and its capture.
#[derive(Clone)]
pub struct Work {
    addresses: Arc<[SocketAddr]>,
    step: Arc<Step>,
}

impl Work {
    /// Returns work on connections to servers, each with its share of the connections.
    pub fn new<S>(addresses: impl IntoIterator<Item = SocketAddr>, step: S) -> Work
    where
        S: for<'c> Fn(&'c mut Connection, Turn) -> StepFuture<'c> + Send + Sync + 'static,
    {
        Work { addresses: addresses.into_iter().collect(), step: Arc::new(step) }
    }

    /// Makes one step on a connection.
    pub fn step<'c>(&self, connection: &'c mut Connection, turn: Turn) -> StepFuture<'c> {
        (self.step)(connection, turn)
    }
}

/// Returns the work of pairs: a hold and its capture, on each of the workspaces in turn. The servers have each their
/// share of the connections, and `keys` makes the idempotency keys of measurements differ.
pub fn pairs(targets: &Arc<[Target]>, workspaces: &Arc<Vec<String>>, keys: u64) -> Work {
    let (all, workspaces) = (Arc::clone(targets), Arc::clone(workspaces));
    Work::new(targets.iter().map(|target| target.address), move |connection, turn| {
        let (targets, workspaces) = (Arc::clone(&all), Arc::clone(&workspaces));
        async move {
            let target = &targets[turn.connection % targets.len()];
            let workspace = &workspaces[turn.number() % workspaces.len()];
            pair(connection, target, workspace, &turn.key(keys)).await
        }
        .boxed()
    })
}

/// Returns the work of two echoes of the same bytes, by the server at an address.
pub fn echoes(address: SocketAddr) -> Work {
    Work::new([address], move |connection, _| {
        async move {
            for part in ["hold", "capture"] {
                connection.begin("POST", "/echo", "sk_test_no_key_is_asked_for_by_an_echo_00000");
                connection.header("Scrip-Workspace", "ws_0000000000000");
                connection.header("Idempotency-Key", part);
                let (status, body) = connection.send(ECHO).await?;
                if status != 200 || body.len() != ECHO.len() {
                    return Err(format!("the echo answered {status}"));
                }
            }
            Ok(())
        }
        .boxed()
    })
}

/// Result of a measurement of a load.
#[derive(Clone, Debug, Default)]
pub struct Measurement {
    /// Number of connections of the load.
    pub connections: usize,
    /// Duration of the time that counts, in seconds.
    pub seconds: f64,
    /// Latencies of the steps, in microseconds and in no order.
    pub micros: Vec<u64>,
    /// Number of times that the server put a request off.
    pub put_off: u64,
}

impl Measurement {
    /// Returns the steps in a second and their latencies.
    pub fn rate(mut self) -> Rate {
        self.micros.sort_unstable();
        Rate {
            connections: self.connections,
            pairs_per_second: (self.micros.len() as f64 / self.seconds).round() as u64,
            p50_us: percentile(&self.micros, 50),
            p99_us: percentile(&self.micros, 99),
            put_off: self.put_off,
        }
    }

    fn add(&mut self, more: Measurement) {
        self.micros.extend(more.micros);
        self.put_off += more.put_off;
    }
}

const WARM: u8 = 0;
const COUNT: u8 = 1;
const STOP: u8 = 2;

/// Runs a load on a number of connections: a fifth of the time to warm up, then the time that counts.
///
/// # Errors
/// When a request is refused or a connection breaks.
pub fn measure(work: &Work, connections: usize, window: Duration) -> Result<Measurement, String> {
    let phase = Arc::new(AtomicU8::new(WARM));
    let threads = threads().min(connections);
    let start = |thread| {
        let (work, phase) = (work.clone(), Arc::clone(&phase));
        let turns = (thread..connections).step_by(threads);
        let turns: Vec<Turn> = turns.map(|connection| Turn { connection, connections, step: 0 }).collect();
        std::thread::spawn(move || block_on(repeat_all(work, turns, phase)))
    };
    let running: Vec<_> = (0..threads).map(start).collect();
    std::thread::sleep(window / 5);
    let stopwatch = Stopwatch::start();
    let _ = phase.compare_exchange(WARM, COUNT, Ordering::Relaxed, Ordering::Relaxed);
    std::thread::sleep(window);
    phase.store(STOP, Ordering::Relaxed);
    let seconds = stopwatch.elapsed().as_secs_f64();
    let mut measured = Measurement { connections, seconds, ..Measurement::default() };
    for thread in running {
        measured.add(thread.join().map_err(|_| "a thread of the load panicked".to_owned())??);
    }
    Ok(measured)
}

/// Repeats the steps of several connections; the first that fails stops the load.
async fn repeat_all(work: Work, turns: Vec<Turn>, phase: Arc<AtomicU8>) -> Result<Measurement, String> {
    let (mut tasks, mut all) = (JoinSet::new(), Measurement::default());
    for first in turns {
        let (work, phase) = (work.clone(), Arc::clone(&phase));
        tasks.spawn(async move { repeat(&work, first, &phase).await });
    }
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.map_err(|error| error.to_string()).and_then(|ended| ended);
        all.add(ended.inspect_err(|_| phase.store(STOP, Ordering::Relaxed))?);
    }
    Ok(all)
}

/// Returns the number of threads of the load: the server gets most of the machine.
fn threads() -> usize {
    (std::thread::available_parallelism().map_or(1, usize::from) / 4).max(1)
}

/// Runs a future on this thread.
///
/// # Errors
/// What it fails with.
pub fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}

/// Repeats the step of a connection until the load ends.
async fn repeat(work: &Work, first: Turn, phase: &AtomicU8) -> Result<Measurement, String> {
    let mut connection = Connection::open(work.addresses[first.connection % work.addresses.len()]).await?;
    let mut micros = Vec::with_capacity(16_384);
    for step in 0.. {
        let stopwatch = Stopwatch::start();
        work.step(&mut connection, Turn { step, ..first }).await?;
        match phase.load(Ordering::Relaxed) {
            WARM => {}
            COUNT => micros.push(stopwatch.elapsed().as_micros() as u64),
            _ => break,
        }
    }
    Ok(Measurement { micros, put_off: connection.put_off, ..Measurement::default() })
}

/// Makes a hold and captures it.
///
/// # Errors
/// When either is refused or the connection breaks.
pub async fn pair(connection: &mut Connection, target: &Target, workspace: &str, key: &str) -> Result<(), String> {
    match hold(connection, target, workspace, HOLD, key).await? {
        Ok(path) => capture(connection, target, &path, key).await,
        Err(status) => Err(format!("a hold was answered with {status}")),
    }
}

/// Requests a hold on a workspace; returns the path of its capture, or the status of a refusal.
///
/// # Errors
/// When the connection breaks or what comes is not an answer.
pub async fn hold(
    connection: &mut Connection,
    target: &Target,
    workspace: &str,
    body: &[u8],
    key: &str,
) -> Result<Result<String, u16>, String> {
    connection.begin("POST", "/v1/holds", &target.key);
    connection.header("Scrip-Workspace", workspace);
    connection.header("Idempotency-Key", &format!("h{key}"));
    let (status, body) = connection.send_again(body).await?;
    if status != 201 {
        return Ok(Err(status));
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let id = text.strip_prefix(r#"{"id":""#).and_then(|rest| rest.split('"').next());
    Ok(Ok(format!("/v1/holds/{}/capture", id.ok_or("a hold has no id")?)))
}

/// Captures a hold in full.
///
/// # Errors
/// When it is refused.
pub async fn capture(connection: &mut Connection, target: &Target, path: &str, key: &str) -> Result<(), String> {
    connection.begin("POST", path, &target.key);
    connection.header("Idempotency-Key", &format!("c{key}"));
    match connection.send_again(CAPTURE).await? {
        (200, _) => Ok(()),
        (status, body) => Err(format!("a capture was answered with {status}: {}", String::from_utf8_lossy(body))),
    }
}
