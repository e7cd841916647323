//! Parts that need a schedule, a view into the server, or several servers: P6, P9 and P5.
//!
//! Invariant: each part compares two things of one run.

use crate::lag;
use crate::plan::Plan;
use crate::report::{HalfLoad, Lag, Processes};
use crate::schedule::{self, Schedule};
use crate::world::World;
use scrip::benchmark::figures::Rate;
use scrip::benchmark::load::{self, Measurement};
use scrip::benchmark::machine;
use scrip::benchmark::place::Place;
use scrip_store::clock;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

/// Number of appends before and after a load; with a thousand, the p99 does not hang on one slow append.
const APPENDS: usize = 1_000;
/// Minimum time for which the lag of the projections is probed.
const LAG_WINDOW: Duration = Duration::from_secs(1);
/// Number of processes that share a database.
const PROCESSES: usize = 3;

/// Measures latencies at half of the rate that was measured, against an append to the same disk before and after.
///
/// # Errors
/// When a request is refused or the disk cannot be written.
pub fn half_load(plan: &Plan, place: &Place, world: &World, most: &Rate) -> Result<HalfLoad, String> {
    let mut appends = machine::appends(&place.directory, APPENDS)?;
    let schedule = Schedule {
        target: world.target().clone(),
        workspaces: Arc::clone(world.workspaces()),
        keys: world.keys(),
        per_second: (most.pairs_per_second / 2).max(1),
        connections: plan.level(),
        window: plan.window(),
    };
    let measured = schedule::measure(&schedule)?;
    appends.extend(machine::appends(&place.directory, APPENDS)?);
    appends.sort_unstable();
    Ok(HalfLoad::new(&schedule, &measured, &appends))
}

/// Measures the lag of a server's projections at full load, as its own process sees it.
///
/// # Errors
/// When a request is refused, or the server does not say.
pub fn lag(plan: &Plan, place: &Place, world: &mut World) -> Result<Lag, String> {
    let seen = place.directory.join("lag");
    let server = place.serve("server", &[OsStr::new("--lag-file"), seen.as_os_str()])?;
    world.move_to(&[&server]);
    let window = plan.window().max(LAG_WINDOW);
    let start = clock::now().after_micros((window / 5).as_micros() as i64);
    load::measure(&world.pairs(false), plan.level(), window)?;
    let lags = lag::read(&seen, start.micros(), clock::now().micros())?;
    place.stop(server)?;
    Lag::new(&lags).ok_or_else(|| "the lag of the projections was read less than three times".to_owned())
}

/// Measures one process on a database, then several.
///
/// # Errors
/// When a server does not start, or a request is refused.
pub fn several(plan: &Plan, place: &Place, world: &mut World) -> Result<Processes, String> {
    let first = place.serve("server", &[])?;
    world.move_to(&[&first]);
    let both = |world: &World| -> Result<[Rate; 2], String> {
        let pairs = |hot| load::measure(&world.pairs(hot), plan.level(), plan.window()).map(Measurement::rate);
        Ok([pairs(false)?, pairs(true)?])
    };
    let one = both(world)?;
    let more = (1..PROCESSES).map(|n| place.serve(&format!("server-{n}"), &[])).collect::<Result<Vec<_>, _>>()?;
    let servers: Vec<_> = std::iter::once(&first).chain(&more).collect();
    world.move_to(&servers);
    let all = both(world)?;
    for server in std::iter::once(first).chain(more) {
        place.stop(server)?;
    }
    Ok(Processes::new(PROCESSES, one, all))
}
