//! Measurement of the aims: how fast this build is on this machine, in one run, as figures and as ratios.
//!
//! The server is a child process of the same binary with its data on the disk of the working directory; the load
//! comes from a few threads of this one over real sockets, and every request that moves credits has a key.
//!
//! Invariant: measures and never judges. Nothing here may fail because something was slow.

use crate::plan::{Part, Plan};
use crate::report::{Batches, OneBalance, Projection, Report};
use crate::world::World;
use crate::{engine, goals, neighbour, parts, probe, requests, sizes};
use indicatif::{ProgressBar, ProgressStyle};
use scrip::benchmark::figures::share;
use scrip::benchmark::place::Place;
use scrip::benchmark::{level, load, machine};
use scrip_client::types::DECISIONS_MAX;
use scrip_store::clock::Stopwatch;
use std::sync::Arc;
use std::time::Duration;

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
    let mut report = Report::new(plan, machine::describe(&place.directory)?);
    if plan.wants(Part::P10) {
        step("the engine");
        report.engine = Some(engine::measure(Duration::from_secs_f64(plan.seconds.min(1.0)))?);
    }
    if plan.wants_all() || plan.wants_any(&[Part::P1, Part::P3, Part::P5, Part::P6, Part::P9, Part::P11]) {
        measure_servers(plan, place, &step, &mut report)?;
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
fn measure_servers(plan: &Plan, place: &Place, step: &dyn Fn(&str), report: &mut Report) -> Result<(), String> {
    step("opening workspaces");
    let server = place.serve("server", &[])?;
    let mut world = World::new(&server, plan.workspaces)?;
    levels(plan, place, &world, step, report)?;
    let at_level = report.at_level().map(|level| level.many.clone());
    if let Some(single) = at_level.as_ref().filter(|_| plan.wants(Part::P11)) {
        for size in BATCHES {
            step(&format!("batches of {size}"));
            let window = plan.window().max(BATCH_WINDOW);
            let measured = load::measure(&world.batches(size), plan.batch_connections(), window)?;
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
        let server = place.serve("server", &["--group-commit".as_ref(), "false".as_ref()])?;
        world.move_to(&[&server]);
        let single = load::measure(&world.pairs(false), plan.level(), plan.window())?.rate();
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
        let mut pairs = |hot| world.pairs(hot);
        report.http.push(level(&echo, &mut pairs, connections, plan.window(), step)?);
    }
    place.stop(echo)
}

/// Measures figures that belong to no aim.
fn beside(plan: &Plan, world: &World, step: &dyn Fn(&str), report: &mut Report) -> Result<(), String> {
    step("reads under load");
    let probes = probe::measure(world, &world.a_hold()?, plan.level(), plan.window())?;
    report.projection = Some(Projection::new(&probes));
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
    let accepted = requests::spend(world.target(), &workspace, cost, SPENDING)?;
    let seconds = stopwatch.elapsed().as_secs_f64();
    let expected = (balance / cost) as u64;
    if accepted != expected {
        return Err(format!("{accepted} holds of {cost} were accepted on a balance of {balance}, not {expected}"));
    }
    Ok(OneBalance { connections: SPENDING, balance, cost, accepted, expected, seconds })
}
