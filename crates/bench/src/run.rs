//! `scrip benchmark`: how fast this build is on this machine, in one run, as figures and as ratios.
//!
//! The server is a child process of the same binary with its data on the disk of the working directory; the load
//! comes from a few threads of this one over real sockets, and every request that moves credits has a key.
//!
//! Invariant: measures and never judges. Nothing here may fail because something was slow.

mod batch;
mod connection;
pub mod count;
mod engine;
mod figures;
mod fill;
pub mod filling;
mod goal;
mod goals;
pub mod lag;
mod load;
mod machine;
mod neighbour;
mod open;
mod parts;
mod place;
mod plan;
pub mod plot;
pub mod report;
mod sizes;
pub mod soak;
mod text;
mod world;

use crate::clock::Stopwatch;
use crate::http;
use figures::share;
use indicatif::{ProgressBar, ProgressStyle};
use load::{Probe, Work};
use place::Place;
pub use plan::{Part, Plan};
use report::{AtConnections, Batches, OneBalance, Projection, Report};
use scrip_client::types::DECISIONS_MAX;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use world::World;

/// Number of connections that spend one balance.
const SPENDING: usize = 64;
/// Minimum time of a measurement of batches: in less than a second, hardly one would end.
const BATCH_WINDOW: Duration = Duration::from_secs(1);
/// Number of decisions of a batch.
const BATCHES: [usize; 2] = [100, DECISIONS_MAX];
/// Maximum number of workspaces that renew for a year.
const RENEWING: usize = 1_000;
/// Number of months for which they renew.
const MONTHS: u32 = 12;

/// Measures the parts that were asked for.
///
/// # Errors
/// When a server does not start, or answers what it should not.
pub fn run(plan: &Plan, place: &Arc<Place>) -> Result<Report, String> {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("the template is right");
    let bar = ProgressBar::new_spinner().with_style(style);
    let step = |what: &str| {
        bar.inc(1);
        bar.set_message(what.to_owned());
    };
    step("the disk");
    let mut report = Report::new(plan, machine::describe(place.directory())?);
    if plan.wants(Part::P10) {
        step("the engine");
        report.engine = Some(engine::measure(Duration::from_secs_f64(plan.seconds.min(1.0)))?);
    }
    if plan.wants_all() || plan.wants_any(&[Part::P1, Part::P3, Part::P5, Part::P6, Part::P9, Part::P11]) {
        served(plan, place, &step, &mut report)?;
    }
    if plan.wants_any(&[Part::P7, Part::P8]) {
        let (filled, memory) = sizes::measure(plan, place, &step)?;
        (report.filled, report.memory) = (Some(filled), Some(memory));
    }
    if plan.wants(Part::P17) {
        step("one workspace beside another");
        report.neighbour = Some(neighbour::measure(plan, place)?);
    }
    bar.finish_and_clear();
    report.goals = goals::of(plan, &report);
    Ok(report)
}

/// Measures everything that shares one set of workspaces.
fn served(plan: &Plan, place: &Place, step: &dyn Fn(&str), report: &mut Report) -> Result<(), String> {
    step("opening workspaces");
    let server = place.serve("server")?;
    let mut world = World::new(&server, plan.workspaces)?;
    levels(plan, place, &world, step, report)?;
    let at_level = report.at_level().map(|level| level.many.clone());
    if let Some(single) = at_level.as_ref().filter(|_| plan.wants(Part::P11)) {
        for size in BATCHES {
            step(&format!("batches of {size}"));
            let window = plan.window().max(BATCH_WINDOW);
            let measured = load::measure(&world.batches(size), plan.batch_connections(), window, None)?;
            report.batches.push(Batches::new(size, measured, single));
        }
    }
    if let Some(most) = at_level.as_ref().filter(|_| plan.wants(Part::P6)) {
        step("half load");
        report.half_load = Some(parts::half_load(plan, place, &world, most)?);
    }
    if plan.wants_all() {
        beside(plan, &world, step, report)?;
    }
    place.stop(server)?;
    if plan.wants(Part::P9) {
        step("how far the projections are behind");
        report.lag = Some(parts::lag(plan, place, &mut world)?);
    }
    if plan.wants(Part::P5) {
        step("several processes");
        report.several = Some(parts::several(plan, place, &mut world)?);
    }
    if let Some(many) = at_level.filter(|_| plan.wants_all()) {
        step("one commit a command");
        let server = place.serve_with("server", &["--group-commit".as_ref(), "false".as_ref()])?;
        world.moved(&[&server]);
        let single = load::measure(&world.pairs(false), plan.level(), plan.window(), None)?.rate();
        report.group_commit_times = Some(share(&many, &single));
        report.single_commit = Some(single);
        place.stop(server)?;
    }
    Ok(())
}

/// Measures pairs on many workspaces and on one, and echoes of the same bytes, at each number of connections.
fn levels(plan: &Plan, place: &Place, world: &World, step: &dyn Fn(&str), report: &mut Report) -> Result<(), String> {
    let echo = place.echo()?;
    for connections in plan.levels() {
        let rate = |work: &Work| load::measure(work, connections, plan.window(), None).map(load::Measured::rate);
        step(&format!("an echo, {connections} connections"));
        let ceiling = rate(&Work::Echo(echo.address))?;
        step(&format!("many workspaces, {connections} connections"));
        let many = rate(&world.pairs(false))?;
        step(&format!("one workspace, {connections} connections"));
        let hot = rate(&world.pairs(true))?;
        report.http.push(AtConnections::new(connections, ceiling, many, hot));
    }
    place.stop(echo)
}

/// Measures figures that belong to no aim.
fn beside(plan: &Plan, world: &World, step: &dyn Fn(&str), report: &mut Report) -> Result<(), String> {
    step("reads under load");
    let probe = Some(Probe { path: world.a_hold()? });
    let loaded = load::measure(&world.pairs(false), plan.level(), plan.window(), probe)?;
    report.projection = Some(Projection::new(&loaded));
    step("one balance, spent by all");
    report.one_balance = Some(one_balance(world)?);
    step("a year of renewals");
    report.renewals = Some(world.renew(plan.workspaces.min(RENEWING), MONTHS)?);
    Ok(())
}

/// Checks, more than measures, that a balance that all connections spend at once pays exactly as often as it can.
fn one_balance(world: &World) -> Result<OneBalance, String> {
    let (cost, balance) = (7, 14_003);
    let workspace = world.workspace_with("one balance", balance)?;
    let stopwatch = Stopwatch::start();
    let accepted = load::spend(world.target(), &workspace, cost, SPENDING)?;
    let seconds = stopwatch.elapsed().as_secs_f64();
    let expected = (balance / cost) as u64;
    if accepted != expected {
        return Err(format!("{accepted} holds of {cost} were accepted on a balance of {balance}, not {expected}"));
    }
    Ok(OneBalance { connections: SPENDING, balance, cost, accepted, expected, seconds })
}

/// Serves the echo that is the ceiling, until `stop` resolves.
///
/// # Errors
/// When no address can be listened on.
pub async fn echo(stop: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("{}http://{address}", place::LISTENS);
    let told = http::Stop::default();
    let told_by = told.clone();
    tokio::spawn(async move {
        stop.await;
        told_by.begin();
    });
    http::serve(listener, http::echo(), http::connection::Crowd::unbounded(), told)
        .await
        .map_err(|error| error.to_string())
}

/// Makes the directory for the data of a benchmark, below the working directory, so that it is on the same disk.
pub fn scratch(
    parent: &Path,
    database_url: Option<String>,
    database_ca: Option<PathBuf>,
) -> Result<Arc<Place>, String> {
    Place::make(parent, database_url, database_ca).map(Arc::new)
}
