//! Neighbours: one workspace's holds while another does the worst it can (P17).
//!
//! Invariant: alone and beside take turns in one run, and the comparison is between medians of the turns' p99.

use crate::plan::Plan;
use crate::report::Neighbour;
use crate::schedule::{self, Schedule};
use crate::world::World;
use scrip::benchmark::connection::Connection;
use scrip::benchmark::load;
use scrip::benchmark::place::{Place, Target};
use scrip_engine::{Kind, WorkspaceId, limits::OPERATION_MAX};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Rate of the measured workspace, in pairs a second.
const PAIRS: u64 = 100;
/// Number of turns alone, and as many beside the other.
const TURNS: usize = 5;
/// Minimum length of a turn: fewer holds have no meaningful p99.
const TURN: Duration = Duration::from_millis(250);
/// Number of streams that the other workspace keeps open: as many as a workspace may.
const STREAMS: usize = 10;
/// Number of connections on which the other workspace asks without a pause.
const ASKING: usize = 4;
/// Number of connections on which its history is made.
const WRITING: usize = 64;

/// Measures holds of one workspace, in turns alone and beside another.
///
/// # Errors
/// When a request is refused or a connection breaks.
pub fn measure(plan: &Plan, place: &Place) -> Result<Neighbour, String> {
    let server = place.serve("neighbour", &[])?;
    let world = World::new(&server, 1)?;
    let other = world.workspace_with("other", OPERATION_MAX)?;
    let (target, other) = (world.target().clone(), Arc::new(vec![other]));
    let history = load::pairs(&[target.clone()].into(), &other, world.keys());
    load::measure(&history, WRITING, plan.window())?;
    let id: WorkspaceId = other[0].parse().map_err(|()| "a workspace has no id".to_owned())?;
    let turn = || {
        let schedule = Schedule {
            target: target.clone(),
            workspaces: Arc::clone(world.workspaces()),
            keys: world.keys(),
            per_second: PAIRS,
            connections: 4,
            window: plan.window().max(TURN),
        };
        schedule::measure(&schedule).map(|measured| measured.at(99).0)
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for n in 0..TURNS {
        alone.push(turn()?);
        let stop = start(&target, id, n)?;
        beside.push(turn()?);
        stop()?;
    }
    place.stop(server)?;
    Ok(Neighbour::new(alone, beside))
}

/// Makes the other workspace do its worst, until the returned function is called; a refusal of its requests is an
/// error.
fn start(target: &Target, id: WorkspaceId, turn: usize) -> Result<impl FnOnce() -> Result<(), String> + use<>, String> {
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let (target, (started, starting)) = (target.clone(), std::sync::mpsc::channel());
    let running = std::thread::spawn(move || {
        load::block_on(async move {
            let run = run(&target, id, turn).await?;
            let mut tasks: JoinSet<Result<(), String>> = JoinSet::new();
            for _ in 0..STREAMS {
                let (target, run) = (target.clone(), run.clone());
                tasks.spawn(async move {
                    // It ends with the task.
                    listen(&target, &format!("/v1/runs/{run}/events")).await.map_err(|error| error.to_string())?;
                    Err("the server ended a stream".to_owned())
                });
            }
            for n in 0..ASKING {
                tasks.spawn(ask(target.clone(), id, n));
            }
            let _ = started.send(());
            tokio::select! {
                _ = stopped => Ok(()),
                ended = tasks.join_next() => ended.map_or(Ok(()), |ended| ended.map_err(|error| error.to_string())?),
            }
        })
    });
    starting.recv().map_err(|_| "the other workspace could not start".to_owned())?;
    Ok(move || {
        drop(stopping);
        running.join().map_err(|_| "a thread of the other workspace panicked".to_owned())?
    })
}

/// Requests a stream, and reads it until the server ends it.
async fn listen(target: &Target, path: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(target.address).await?;
    let key = &target.key;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut input = [0; 16_384];
    while stream.read(&mut input).await? > 0 {}
    Ok(())
}

/// Starts a run that does not end.
async fn run(target: &Target, id: WorkspaceId, turn: usize) -> Result<String, String> {
    let mut connection = Connection::open(target.address).await?;
    connection.begin("POST", "/v1/runs", &target.key);
    connection.header("Scrip-Workspace", &id.to_string());
    connection.header("Idempotency-Key", &format!("followed-{turn}"));
    let body = json!({ "model": "upscale", "sandbox": { "after": 86_400 } }).to_string();
    let (status, body) = connection.send(body.as_bytes()).await?;
    let shown: serde_json::Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    shown["id"].as_str().map(str::to_owned).ok_or_else(|| format!("a run was answered with {status}: {shown}"))
}

/// Asks for the most expensive reads, one after another.
async fn ask(target: Target, id: WorkspaceId, first: usize) -> Result<(), String> {
    let mut connection = Connection::open(target.address).await?;
    let mut n = first;
    loop {
        let seq = 1 + (n * 7_919 % 10_000) as u32;
        let path = match n % 6 {
            0 => "/v1/audit?limit=100".to_owned(),
            1 => format!("/v1/entries/{}/explain", id.id_of(Kind::Entry, seq)),
            2 => "/v1/entries?limit=100".to_owned(),
            3 => "/v1/entitlements".to_owned(),
            4 => "/openapi.json".to_owned(),
            _ => "/v1/usage".to_owned(),
        };
        connection.begin("GET", &path, &target.key);
        connection.header("Scrip-Workspace", &id.to_string());
        let (status, body) = connection.send(b"").await?;
        if !matches!(status, 200 | 404) {
            return Err(format!("{path} was answered with {status}: {}", String::from_utf8_lossy(body)));
        }
        n += 1;
    }
}
