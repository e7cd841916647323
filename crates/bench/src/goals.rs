//! Aims of the benchmark, by number, in each part of a run.
//!
//! Invariant: a figure is taken from the report unchanged; nothing is measured for an aim.

use crate::goal::Aim::{AtLeast, AtMost};
use crate::goal::{Goal, Unit};
use crate::plan::{Part, Plan};
use crate::report::Report;
use scrip::benchmark::figures::thousandths;

/// Pairs a second that TigerBeetle's own benchmark of pending transfers shows on a machine of this kind (two virtual
/// cores), in batches of 8,189: a ledger without plans, prices, grants or keys. A constant, not measured here.
const LEDGER_ENGINE_PAIRS: f64 = 223_000.0;
/// Number of workspaces that the aims name.
const WORKSPACES: usize = 10_000;
const FILLED_WORKSPACES: usize = 1_000_000;
const FILLED_ENTRIES: u64 = 100_000_000;
const LAG_SECONDS: f64 = 600.0;
/// Maximum ratio of the lag's last third to its first that does not count as growth. # assumed
const STEADY: f64 = 1.25;
const MEBIBYTE: f64 = 1_048_576.0;

/// Returns the aims of the parts of a plan, with the figures of a report.
pub fn of(plan: &Plan, report: &Report) -> Vec<Goal> {
    let mut goals = Vec::new();
    if !plan.on_server {
        over_http(plan, report, &mut goals);
    }
    if plan.wants(Part::P5) || (plan.wants_all() && !plan.on_server) {
        several(report, &mut goals);
    }
    if plan.wants(Part::P6) {
        let what = "p99 of a pair's first request at half load, against p99 of a durable append";
        let times = report.half_load.as_ref().map(|half| half.times);
        goals.push(Goal::new("P6", what, times, Unit::Times, AtMost(5.0), true));
    }
    sizes(plan, report, &mut goals);
    if plan.wants(Part::P9) {
        let lag = report.lag.as_ref();
        let p99 = lag.map(|lag| lag.p99_ms);
        goals.push(Goal::new("P9", "projection lag at full load, p99", p99, Unit::Milliseconds, AtMost(250.0), true));
        let what = format!("projection lag, last third of {} s against the first", plan.seconds);
        let (growth, long) = (lag.map(|lag| lag.growth), plan.seconds >= LAG_SECONDS);
        goals.push(Goal::new("P9", what, growth, Unit::Times, AtMost(STEADY), long));
    }
    if plan.wants(Part::P10) {
        let ns = |ns: fn(&crate::engine::Engine) -> u64| report.engine.as_ref().map(|engine| ns(engine) as f64);
        let (typical, large) = (ns(|engine| engine.typical_ns), ns(|engine| engine.large_ns));
        let what = "engine, one command on a typical workspace";
        goals.push(Goal::new("P10", what, typical, Unit::Nanoseconds, AtMost(1_000.0), true));
        let what = "engine, one command with 64 grants and 256 holds";
        goals.push(Goal::new("P10", what, large, Unit::Nanoseconds, AtMost(10_000.0), true));
    }
    if plan.wants(Part::P11) {
        batches(report, &mut goals);
    }
    if plan.wants(Part::P17) {
        let what = "p99 of one workspace's hold while another does its worst, against alone";
        let times = report.neighbour.as_ref().map(|neighbour| neighbour.times);
        goals.push(Goal::new("P17", what, times, Unit::Times, AtMost(1.5), true));
    }
    goals
}

fn over_http(plan: &Plan, report: &Report, goals: &mut Vec<Goal>) {
    let level = report.at_level();
    if plan.wants(Part::P1) {
        let what = format!("pairs over HTTP, {} connections, as a share of an echo", report.connections);
        let share = level.map(|level| level.many_of_echo);
        goals.push(Goal::new("P1", what, share, Unit::Share, AtLeast(0.5), true));
    }
    if plan.wants_all() {
        let what = "against the endpoint people write by hand: benches/run";
        goals.push(Goal::new("P2", what, None, Unit::Times, AtLeast(40.0), true));
    }
    if plan.wants(Part::P3) {
        let what = format!("one workspace against {}", plan.workspaces);
        let share = level.map(|level| level.hot_of_many);
        goals.push(Goal::new("P3", what, share, Unit::Share, AtLeast(0.9), plan.workspaces >= WORKSPACES));
    }
    if plan.wants_all() {
        let what = "PostgreSQL, against the transaction written by hand: benches/run";
        goals.push(Goal::new("P4", what, None, Unit::Times, AtLeast(6.0), true));
    }
}

fn several(report: &Report, goals: &mut Vec<Goal>) {
    let several = report.several.as_ref();
    let (spread, hot) = (several.map(|several| several.spread), several.map(|several| several.hot));
    let where_else = if several.is_none() { ": --database-url, or benches/run" } else { "" };
    let what = format!("PostgreSQL, 3 processes against 1, spread{where_else}");
    goals.push(Goal::new("P5", what, spread, Unit::Share, AtLeast(0.8), true));
    let what = "PostgreSQL, 3 processes against 1, all on one workspace";
    goals.push(Goal::new("P5", what, hot, Unit::Share, AtLeast(0.5), true));
}

fn sizes(plan: &Plan, report: &Report, goals: &mut Vec<Goal>) {
    if let Some(filled) = report.filled.as_ref().filter(|_| plan.wants(Part::P7)) {
        let whole = filled.entries >= FILLED_ENTRIES && filled.workspaces >= FILLED_WORKSPACES;
        let what = format!("{} entries against none, throughput", group_thousands(filled.entries));
        goals.push(Goal::new("P7", what, filled.filled_of_empty, Unit::Share, AtLeast(0.8), whole));
        let what = format!("{} entries, from start to ready", group_thousands(filled.entries));
        goals.push(Goal::new("P7", what, Some(filled.ready_seconds), Unit::Seconds, AtMost(2.0), whole));
    }
    if let Some(memory) = report.memory.as_ref().filter(|_| plan.wants(Part::P8)) {
        let mebibytes = |bytes: u64| Some((bytes as f64 / MEBIBYTE * 10.0).round() / 10.0);
        let what = format!("memory a million inactive workspaces, from {}", group_thousands(memory.inactive as u64));
        let (inactive, active) = (memory.per_million_inactive_bytes, memory.per_10_000_active_bytes);
        let whole = memory.inactive >= FILLED_WORKSPACES;
        goals.push(Goal::new("P8", what, mebibytes(inactive), Unit::Mebibytes, AtMost(64.0), whole));
        let what = format!("memory per 10,000 active workspaces, from {}", group_thousands(memory.active as u64));
        let whole = memory.active >= WORKSPACES;
        goals.push(Goal::new("P8", what, mebibytes(active), Unit::Mebibytes, AtMost(64.0), whole));
    }
}

fn batches(report: &Report, goals: &mut Vec<Goal>) {
    let best = report.batches.iter().max_by_key(|batches| batches.decisions_per_second);
    let size = best.map_or(0, |batches| batches.size);
    let what = format!("batches of {size} against single requests");
    let times = best.map(|batches| batches.single_times);
    goals.push(Goal::new("P11", what, times, Unit::Times, AtLeast(5.0), true));
    let what = format!("batches of {size} against a ledger engine's 223,000 pairs/s (a constant)");
    let pairs = best.map(|batches| thousandths(batches.decisions_per_second as f64 / 2.0 / LEDGER_ENGINE_PAIRS));
    goals.push(Goal::new("P11", what, pairs, Unit::Times, AtLeast(0.3), true));
}

/// Formats a number with its thousands apart.
fn group_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(
            (group_thousands(1_234_567), group_thousands(12), group_thousands(100_000)),
            ("1,234,567".into(), "12".into(), "100,000".into())
        );
    }
}
