//! Sizes: the cost of a filled journal in throughput, in time to start, and in memory (P7, P8).
//!
//! Invariant: both servers that are compared are up at the same time and are loaded in turn.

use crate::fill;
use crate::plan::{Part, Plan};
use crate::process::resident;
use crate::report::{FilledFigures, Memory};
use crate::requests;
use crate::world::World;
use indicatif::{ProgressBar, ProgressStyle};
use scrip::benchmark::figures::{Rate, share};
use scrip::benchmark::load::{self, Measurement};
use scrip::benchmark::place::{Place, Server};
use scrip_store::clock::Stopwatch;

/// Number of connections that make the first pair on each workspace.
const VISITING: usize = 16;
/// Number of turns in which the two are loaded.
const TURNS: u32 = 2;

/// Fills a journal and measures on it.
///
/// # Errors
/// When an entry is refused or a server does not do what it should.
pub fn measure(plan: &Plan, place: &Place, step: &dyn Fn(&str)) -> Result<(FilledFigures, Memory), String> {
    step("filling a journal");
    let stopwatch = Stopwatch::start();
    let full = fill_journal(plan, place)?;
    let fill_seconds = stopwatch.elapsed().as_secs_f64();
    step("starting on it");
    let empty = place.serve("empty", &[])?;
    requests::ready(&empty)?;
    let empty_bytes = resident(&empty)?;
    let stopwatch = Stopwatch::start();
    let server = place.serve("filled", &[])?;
    requests::ready(&server)?;
    let ready_seconds = stopwatch.elapsed().as_secs_f64();
    let started = resident(&server)?;
    step("its workspaces in memory");
    let (first, second) = choose(&full.workspaces, plan.workspaces);
    let active = second.len();
    let (world, others) = (World::of(&server, first), World::of(&server, second));
    requests::visit(world.target(), world.workspaces(), VISITING, world.keys())?;
    let warm = resident(&server)?;
    requests::visit(others.target(), others.workspaces(), VISITING, others.keys())?;
    let loaded = resident(&server)?;
    let memory = Memory::new([empty_bytes, started, warm, loaded], full.workspaces.len(), active);
    let rates = match plan.wants(Part::P7) {
        true => Some(in_turn(plan, &empty, &world, step)?),
        false => None,
    };
    place.stop(server)?;
    place.stop(empty)?;
    let filled_of_empty = rates.as_ref().map(|(empty, full)| share(full, empty));
    let (entries, workspaces) = (full.entries, full.workspaces.len());
    Ok((FilledFigures { entries, workspaces, fill_seconds, ready_seconds, rates, filled_of_empty }, memory))
}

fn fill_journal(plan: &Plan, place: &Place) -> Result<fill::FilledJournal, String> {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} entries, {per_sec}, {eta} left");
    let bar = ProgressBar::new(plan.entries).with_style(style.expect("the template is right"));
    let full = load::block_on(async {
        fill::fill(&place.directory.join("filled"), plan.entries, plan.filled_workspaces(), &bar).await
    });
    bar.finish_and_clear();
    full
}

/// Returns two sets of as many workspaces as the load has, each from all over the journal.
fn choose(all: &[String], many: usize) -> (Vec<String>, Vec<String>) {
    let many = many.min(all.len() / 2).max(1);
    let stride = all.len() / many;
    let from = |offset: usize| all.iter().skip(offset).step_by(stride).take(many).cloned().collect();
    (from(0), from(stride / 2))
}

/// Measures pairs on the empty journal and on the filled one, in turn.
fn in_turn(plan: &Plan, empty: &Server, full: &World, step: &dyn Fn(&str)) -> Result<(Rate, Rate), String> {
    step("an empty journal against it");
    let empty = World::new(empty, full.workspaces().len())?;
    let (mut of_empty, mut of_full) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        for (world, rates) in [(&empty, &mut of_empty), (full, &mut of_full)] {
            let window = plan.window() / TURNS;
            rates.push(load::measure(&world.pairs(false), plan.level(), window)?);
        }
    }
    let both = |one: Measurement, more: Measurement| Measurement {
        connections: one.connections,
        seconds: one.seconds + more.seconds,
        micros: [one.micros, more.micros].concat(),
        put_off: one.put_off + more.put_off,
    };
    let joined = |rates: Vec<Measurement>| rates.into_iter().reduce(both).map(Measurement::rate);
    joined(of_empty).zip(joined(of_full)).ok_or_else(|| "nothing was measured in turn".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sets_share_no_workspace() {
        let all: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        for many in [1, 7, 50, 1_000] {
            let (first, second) = choose(&all, many);
            assert_eq!((first.len(), second.len()), (many.min(50), many.min(50)));
            assert!(first.iter().all(|one| !second.contains(one)), "{many}");
        }
    }
}
