//! `scrip benchmark`: how fast this build is on this machine, in one run, as figures and as ratios.
//!
//! The server is a child process of the same binary with its data on the disk of the working directory; the load
//! comes from a few threads of this one over real sockets, and every request that moves credits has a key.
//!
//! Invariant: measures and never judges. Nothing here may fail because something was slow.

mod batch;
mod engine;
mod load;
mod machine;
mod place;
mod report;
mod world;

use crate::clock::Stopwatch;
use crate::http;
use indicatif::{ProgressBar, ProgressStyle};
use load::{Probe, Work};
use place::{Place, Server};
use report::{AtConnections, Batches, OneBalance, Projection, Report};
use scrip_client::types::DECISIONS_MAX;
use scrip_engine::limits::HOLDS_MAX;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use world::World;

/// Connections of whatever is measured at one level alone, where that level was asked for.
const MANY_CONNECTIONS: usize = 64;
/// Connections that send batches: few, since each brings many decisions.
const BATCH_CONNECTIONS: usize = 4;
/// How long batches are measured at least: in a moment none would end.
const BATCH_WINDOW: Duration = Duration::from_secs(1);
/// Decisions of a batch.
const BATCHES: [usize; 2] = [100, DECISIONS_MAX];
/// Workspaces that renew for a year, at most.
const RENEWING: usize = 1_000;
/// Months they renew.
const MONTHS: u32 = 12;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long each measurement takes.
    pub seconds: f64,
    /// Workspaces the load is spread over.
    pub workspaces: usize,
    /// Connections at which pairs are measured; at least one.
    pub connections: Vec<usize>,
    /// Where the data is put for as long as it takes.
    pub directory: PathBuf,
}

impl Plan {
    /// The connections of whatever is measured at one level alone: comparing needs the same level twice.
    fn level(&self) -> usize {
        let asked = &self.connections;
        if asked.contains(&MANY_CONNECTIONS) { MANY_CONNECTIONS } else { asked.iter().copied().max().unwrap_or(1) }
    }

    /// A workspace has at most so many open holds: on a few, only one batch of them may be open at once.
    fn batch_connections(&self) -> usize {
        if self.workspaces * HOLDS_MAX > 2 * BATCH_CONNECTIONS * DECISIONS_MAX { BATCH_CONNECTIONS } else { 1 }
    }
}

/// Measures everything.
///
/// # Errors
/// When a server does not start, or answers what it should not.
pub fn run(plan: &Plan, place: &Arc<Place>) -> Result<Report, String> {
    let bar = ProgressBar::new(7 + BATCHES.len() as u64 + 3 * plan.connections.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {msg}").expect("the template is right"));
    let step = |what: &str| {
        bar.inc(1);
        bar.set_message(what.to_owned());
    };
    step("the disk");
    let machine = machine::describe(place.directory())?;
    step("the engine");
    let engine = engine::measure(Duration::from_secs_f64(plan.seconds.min(1.0)))?;
    step("opening workspaces");
    let server = place.serve("server", true)?;
    let echo = place.echo()?;
    let mut world = World::new(&server, plan.workspaces)?;
    let window = Duration::from_secs_f64(plan.seconds);
    let mut levels = Vec::new();
    for &connections in &plan.connections {
        step(&format!("an echo, {connections} connections"));
        let ceiling = load::measure(&Work::Echo(echo.address), connections, window, None)?.rate();
        step(&format!("many workspaces, {connections} connections"));
        let many = load::measure(&world.pairs(false), connections, window, None)?.rate();
        step(&format!("one workspace, {connections} connections"));
        let hot = load::measure(&world.pairs(true), connections, window, None)?.rate();
        levels.push(AtConnections::new(connections, ceiling, many, hot));
    }
    let single = levels.iter().find(|level| level.connections == plan.level()).map(|level| level.many.clone());
    let single = single.ok_or("single requests were not measured")?;
    let mut batches = Vec::new();
    for size in BATCHES {
        step(&format!("batches of {size}"));
        let window = window.max(BATCH_WINDOW);
        let measured = load::measure(&world.batches(size), plan.batch_connections(), window, None)?;
        batches.push(Batches::new(size, measured, &single));
    }
    step("projections under load");
    let probe = Some(Probe { path: world.a_hold()? });
    let loaded = load::measure(&world.pairs(false), plan.level(), window, probe)?;
    let projection = Projection::new(&loaded);
    step("one balance, spent by all");
    let one_balance = one_balance(&world)?;
    step("a year of renewals");
    let renewals = world.renew(plan.workspaces.min(RENEWING), MONTHS)?;
    step("one commit a command");
    place.stop(server)?;
    let server = place.serve("server", false)?;
    world.moved(&server);
    let single = load::measure(&world.pairs(false), plan.level(), window, None)?.rate();
    place.stop(server)?;
    place.stop(echo)?;
    bar.finish_and_clear();
    Ok(Report::new(plan, machine, engine, levels, batches, single, one_balance, renewals, projection))
}

/// A check more than a measurement: a balance that all spend at once pays exactly as often as it can.
fn one_balance(world: &World) -> Result<OneBalance, String> {
    let (cost, balance) = (7, 14_003);
    let workspace = world.workspace_with("one balance", balance)?;
    let stopwatch = Stopwatch::start();
    let accepted = load::spend(&world.target(), &workspace, cost, MANY_CONNECTIONS)?;
    let seconds = stopwatch.elapsed().as_secs_f64();
    let expected = (balance / cost) as u64;
    if accepted != expected {
        return Err(format!("{accepted} holds of {cost} were accepted on a balance of {balance}, not {expected}"));
    }
    Ok(OneBalance { connections: MANY_CONNECTIONS, balance, cost, accepted, expected, seconds })
}

/// Serves the echo that is the ceiling, until told to stop.
///
/// # Errors
/// When no address can be listened on.
pub async fn echo(stop: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("{}http://{address}", place::LISTENS);
    http::serve(listener, http::echo(), stop).await.map_err(|error| error.to_string())
}

/// Where the data of a benchmark is kept: beside the working directory's own files, so that it is the same disk.
pub fn scratch(
    parent: &Path,
    database_url: Option<String>,
    database_ca: Option<PathBuf>,
) -> Result<Arc<Place>, String> {
    Place::make(parent, database_url, database_ca).map(Arc::new)
}

/// A running server, by its address and key.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: std::net::SocketAddr,
    key: String,
}

impl Target {
    fn of(server: &Server) -> Target {
        Target { address: server.address, key: server.key.clone() }
    }
}
