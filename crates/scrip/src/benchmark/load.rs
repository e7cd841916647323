//! Load: pairs of requests on many connections at once, from a few threads.
//!
//! Invariant: an answer that was not expected ends the measurement.

use super::batch::Batch;
use super::connection::Connection;
use super::figures::{Rate, percentile};
use super::place::{Server, Target};
use crate::clock::Stopwatch;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Body of the request for a hold.
pub const HOLD: &[u8] = br#"{"credits":20,"reference":"benchmark"}"#;
/// Body of the request for a capture.
const CAPTURE: &[u8] = b"{}";
/// Body of an echo: as long as the answer to a hold.
const ECHO: &[u8] = &[b'x'; 330];
/// Pause between two probes of one measurement.
const PROBE_EVERY: Duration = Duration::from_millis(5);

/// Work of the connections of a load.
#[derive(Clone)]
pub enum Work {
    /// A hold and its capture, on each of the workspaces in turn.
    Pairs {
        /// Servers, each with its share of the connections.
        targets: Arc<[Target]>,
        /// Identifiers of the workspaces that are used in turn.
        workspaces: Arc<Vec<String>>,
        /// Number that makes the idempotency keys of measurements differ.
        keys: u64,
    },
    /// `size` holds in one request and their captures in another, on the workspaces in turn.
    Batches {
        /// Server that the requests go to.
        target: Target,
        /// Identifiers of the workspaces that are used in turn.
        workspaces: Arc<Vec<String>>,
        /// Number that makes the idempotency keys of measurements differ.
        keys: u64,
        /// Number of holds in a request.
        size: usize,
    },
    /// Two echoes of the same bytes, by the server at this address.
    Echo(SocketAddr),
}

/// A read that is repeated while the load runs.
pub struct Probe {
    /// Path that the probe reads.
    pub path: String,
}

/// Result of a measurement of a load.
pub struct Measured {
    connections: usize,
    seconds: f64,
    pairs: Vec<u64>,
    put_off: u64,
    /// Latencies of the probe in microseconds, sorted.
    pub probes: Vec<u64>,
}

impl Measured {
    /// Returns the rate per second of things of which each pair of requests is `each`.
    pub fn per_second(&self, each: usize) -> u64 {
        ((self.pairs.len() * each) as f64 / self.seconds).round() as u64
    }

    /// Joins this and another measurement of the same load.
    pub fn and(mut self, mut more: Measured) -> Measured {
        self.seconds += more.seconds;
        self.pairs.append(&mut more.pairs);
        self.put_off += more.put_off;
        self.probes.append(&mut more.probes);
        self.probes.sort_unstable();
        self
    }

    /// Returns the pairs in a second and their latencies.
    pub fn rate(mut self) -> Rate {
        self.pairs.sort_unstable();
        Rate {
            connections: self.connections,
            pairs_per_second: self.per_second(1),
            p50_us: percentile(&self.pairs, 50),
            p99_us: percentile(&self.pairs, 99),
            put_off: self.put_off,
        }
    }
}

const WARM: u8 = 0;
const COUNT: u8 = 1;
const STOP: u8 = 2;

/// Runs a load on a number of connections: a fifth of the time to warm up, then the time that counts.
///
/// # Errors
/// When a request is refused or a connection breaks.
pub fn measure(work: &Work, connections: usize, window: Duration, probe: Option<Probe>) -> Result<Measured, String> {
    let phase = Arc::new(AtomicU8::new(WARM));
    let threads = threads().min(connections);
    let mut running = Vec::new();
    for thread in 0..threads {
        let (work, phase) = (work.clone(), Arc::clone(&phase));
        let probe = probe.as_ref().filter(|_| thread == 0).map(|probe| probe.path.clone());
        let mine = (thread..connections).step_by(threads).collect::<Vec<_>>();
        running.push(std::thread::spawn(move || {
            block_on(async move {
                let mut tasks = JoinSet::new();
                if let (Some(path), Work::Pairs { targets, .. }) = (probe, &work) {
                    tasks.spawn(probing(targets[0].clone(), path, Arc::clone(&phase)));
                }
                for connection in mine {
                    let (work, phase) = (work.clone(), Arc::clone(&phase));
                    tasks.spawn(async move { pairs(&work, connection, connections, &phase).await });
                }
                finish(tasks, &phase).await
            })
        }));
    }
    std::thread::sleep(window / 5);
    let stopwatch = Stopwatch::start();
    let _ = phase.compare_exchange(WARM, COUNT, Ordering::Relaxed, Ordering::Relaxed);
    std::thread::sleep(window);
    phase.store(STOP, Ordering::Relaxed);
    let seconds = stopwatch.elapsed().as_secs_f64();
    let mut measured = Measured { connections, seconds, pairs: Vec::new(), put_off: 0, probes: Vec::new() };
    for thread in running {
        let samples = thread.join().map_err(|_| "a thread of the load panicked".to_owned())??;
        measured.pairs.extend(samples.pairs);
        measured.probes.extend(samples.probes);
        measured.put_off += samples.put_off;
    }
    measured.probes.sort_unstable();
    Ok(measured)
}

/// Samples of one or several connections.
#[derive(Default)]
struct Samples {
    pairs: Vec<u64>,
    probes: Vec<u64>,
    put_off: u64,
}

async fn finish(mut tasks: JoinSet<Result<Samples, String>>, phase: &AtomicU8) -> Result<Samples, String> {
    let mut all = Samples::default();
    while let Some(ended) = tasks.join_next().await {
        match ended.map_err(|error| error.to_string()).and_then(|ended| ended) {
            Ok(samples) => {
                all.pairs.extend(samples.pairs);
                all.probes.extend(samples.probes);
                all.put_off += samples.put_off;
            }
            Err(error) => {
                phase.store(STOP, Ordering::Relaxed);
                return Err(error);
            }
        }
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

async fn pairs(work: &Work, mine: usize, of: usize, phase: &AtomicU8) -> Result<Samples, String> {
    let address = match work {
        Work::Pairs { targets, .. } => targets[mine % targets.len()].address,
        Work::Batches { target, .. } => target.address,
        Work::Echo(address) => *address,
    };
    let mut connection = Connection::open(address).await?;
    let mut micros = Vec::with_capacity(16_384);
    for n in 0.. {
        let stopwatch = Stopwatch::start();
        match work {
            Work::Pairs { targets, workspaces, keys } => {
                let target = &targets[mine % targets.len()];
                let workspace = &workspaces[(mine + n * of) % workspaces.len()];
                pair(&mut connection, target, workspace, HOLD, &format!("{keys}-{mine}-{n}")).await?;
            }
            Work::Batches { target, workspaces, keys, size } => {
                let batch = Batch { target, workspaces, size: *size };
                batch.pair(&mut connection, (mine + n * of) * size, &format!("{keys}-{mine}-{n}")).await?;
            }
            Work::Echo(_) => {
                for part in ["hold", "capture"] {
                    connection.begin("POST", "/echo", "sk_test_no_key_is_asked_for_by_an_echo_00000");
                    connection.header("Scrip-Workspace", "ws_0000000000000");
                    connection.header("Idempotency-Key", part);
                    let (status, body) = connection.send(ECHO).await?;
                    if status != 200 || body.len() != ECHO.len() {
                        return Err(format!("the echo answered {status}"));
                    }
                }
            }
        }
        match phase.load(Ordering::Relaxed) {
            WARM => {}
            COUNT => micros.push(stopwatch.elapsed().as_micros() as u64),
            _ => break,
        }
    }
    Ok(Samples { pairs: micros, put_off: connection.put_off, ..Samples::default() })
}

/// Makes a hold and captures it; an error when either is refused.
async fn pair(
    connection: &mut Connection,
    target: &Target,
    workspace: &str,
    hold: &[u8],
    key: &str,
) -> Result<(), String> {
    match try_pair(connection, target, workspace, hold, key).await? {
        201 => Ok(()),
        status => Err(format!("a hold was answered with {status}")),
    }
}

/// Makes a hold and captures it if it was accepted; returns the status of the hold.
async fn try_pair(
    connection: &mut Connection,
    target: &Target,
    workspace: &str,
    body: &[u8],
    key: &str,
) -> Result<u16, String> {
    match hold(connection, target, workspace, body, key).await? {
        Held::Accepted(path) => capture(connection, target, &path, key).await.map(|()| 201),
        Held::Refused(status) => Ok(status),
    }
}

/// Answer to the request for a hold.
#[derive(Debug)]
pub enum Held {
    /// The hold was accepted; this is the path of its capture.
    Accepted(String),
    /// The hold was refused with this status.
    Refused(u16),
}

/// Requests a hold on a workspace.
///
/// # Errors
/// When the connection breaks or what comes is not an answer.
pub async fn hold(
    connection: &mut Connection,
    target: &Target,
    workspace: &str,
    body: &[u8],
    key: &str,
) -> Result<Held, String> {
    connection.begin("POST", "/v1/holds", &target.key);
    connection.header("Scrip-Workspace", workspace);
    connection.header("Idempotency-Key", &format!("h{key}"));
    let (status, body) = connection.send_again(body).await?;
    if status != 201 {
        return Ok(Held::Refused(status));
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let id = text.strip_prefix(r#"{"id":""#).and_then(|rest| rest.split('"').next());
    Ok(Held::Accepted(format!("/v1/holds/{}/capture", id.ok_or("a hold has no id")?)))
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

/// Waits until a server reports that it is ready.
///
/// # Errors
/// When it says something else, or nothing.
pub fn ready(server: &Server) -> Result<(), String> {
    block_on(async {
        let mut connection = Connection::open(server.address).await?;
        loop {
            connection.begin("GET", "/readyz", &server.key);
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
                    pair(&mut connection, &target, &workspaces[n], HOLD, &format!("{keys}-{n}")).await?;
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

async fn probing(target: Target, path: String, phase: Arc<AtomicU8>) -> Result<Samples, String> {
    let mut connection = Connection::open(target.address).await?;
    let mut micros = Vec::new();
    while phase.load(Ordering::Relaxed) != STOP {
        let stopwatch = Stopwatch::start();
        connection.begin("GET", &path, &target.key);
        let (status, _) = connection.send(b"").await?;
        if status != 200 {
            return Err(format!("{path} was answered with {status}"));
        }
        if phase.load(Ordering::Relaxed) == COUNT {
            micros.push(stopwatch.elapsed().as_micros() as u64);
        }
        tokio::time::sleep(PROBE_EVERY).await;
    }
    Ok(Samples { probes: micros, ..Samples::default() })
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
                    match try_pair(&mut connection, &target, &workspace, &body, &format!("s-{mine}-{n}")).await? {
                        201 => drop(accepted.fetch_add(1, Ordering::Relaxed)),
                        402 => return Ok(()),
                        status => return Err(format!("a hold was answered with {status}")),
                    }
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
