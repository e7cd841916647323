//! Report: the figures of a benchmark, as a document.
//!
//! Invariant: what was not measured is null or empty, and never a zero that looks like a figure.

use crate::engine::Engine;
use crate::goal::Goal;
use crate::plan::Plan;
use crate::schedule;
use scrip::benchmark::figures::{Rate, percentile, share, thousandths};
use scrip::benchmark::load::Measurement;
use scrip::benchmark::machine::Machine;
use scrip::benchmark::report::AtConnections;
use serde::Serialize;

/// Batches of holds, each followed by a batch of their captures.
#[derive(Clone, Debug, Serialize)]
pub struct Batches {
    /// Number of decisions in a request.
    pub size: usize,
    /// Number of connections of the load.
    pub connections: usize,
    /// Number of decisions in a second; a hold and its capture are two.
    pub decisions_per_second: u64,
    /// Median latency of a pair of requests, in microseconds.
    pub p50_us: u64,
    /// 99th percentile of the latency of a pair of requests, in microseconds.
    pub p99_us: u64,
    /// Number of connections of the single requests that the batches are compared with.
    pub single_connections: usize,
    /// Decisions a second as a multiple of those of single requests.
    pub single_times: f64,
}

impl Batches {
    /// Computes the figures from pairs of batches and from pairs of single requests.
    pub fn new(size: usize, measured: Measurement, single: &Rate) -> Batches {
        let holds_per_second = (measured.micros.len() * size) as f64 / measured.seconds;
        let pairs = Rate { pairs_per_second: holds_per_second.round() as u64, ..measured.rate() };
        Batches {
            size,
            connections: pairs.connections,
            decisions_per_second: 2 * pairs.pairs_per_second,
            p50_us: pairs.p50_us,
            p99_us: pairs.p99_us,
            single_connections: single.connections,
            single_times: share(&pairs, single),
        }
    }
}

/// One balance, spent by all connections at once.
#[derive(Clone, Debug, Serialize)]
pub struct OneBalance {
    /// Number of connections that spend the balance.
    pub connections: usize,
    /// Credits of the workspace at the start.
    pub balance: i64,
    /// Credits of a hold.
    pub cost: i64,
    /// Number of holds that were accepted.
    pub accepted: u64,
    /// Number of holds that the balance pays for.
    pub expected: u64,
    /// Duration of the measurement, in seconds.
    pub seconds: f64,
}

/// Figures of a year of renewals on a test clock.
#[derive(Clone, Debug, Serialize)]
pub struct Renewals {
    /// Number of workspaces with a monthly plan.
    pub workspaces: usize,
    /// Number of months that passed.
    pub months: u32,
    /// Duration of the measurement, in seconds.
    pub seconds: f64,
}

/// Latencies of pairs that are due on a schedule at half of the measured rate, each first request timed from the
/// instant at which it was due.
#[derive(Clone, Debug, Serialize)]
pub struct HalfLoad {
    /// Number of connections of the load.
    pub connections: usize,
    /// Number of pairs that were due in a second.
    pub due_per_second: u64,
    /// Median latency of the first request, in microseconds.
    pub p50_us: u64,
    /// 99th percentile of the latency of the first request, in microseconds.
    pub p99_us: u64,
    /// 99th percentile of the delay between the instant at which a request was due and its sending, in microseconds,
    /// because the one before took long or the client was late; the latencies above include it.
    pub late_p99_us: u64,
    /// 99th percentile of the time to append a page to a file of the same directory and flush it, in microseconds.
    pub append_p99_us: u64,
    /// Ratio of the two p99: latency to append.
    pub times: f64,
}

impl HalfLoad {
    /// Computes the figures from a measurement, and from appends before and after it, sorted.
    pub fn new(schedule: &schedule::Schedule, measured: &schedule::Measurement, appends: &[u64]) -> HalfLoad {
        let ((p50_us, _), (p99_us, late_p99_us)) = (measured.at(50), measured.at(99));
        let append_p99_us = percentile(appends, 99).max(1);
        let (connections, due_per_second) = (schedule.connections, schedule.per_second);
        let times = thousandths(p99_us as f64 / append_p99_us as f64);
        HalfLoad { connections, due_per_second, p50_us, p99_us, late_p99_us, append_p99_us, times }
    }
}

/// Waiting time of a read that must see every write before it, while the load runs, with the request's own way there
/// and back.
#[derive(Clone, Debug, Serialize)]
pub struct Projection {
    /// Median of the waiting time, in milliseconds.
    pub read_p50_ms: f64,
    /// 99th percentile of the waiting time, in milliseconds.
    pub read_p99_ms: f64,
}

impl Projection {
    /// Computes the figures from the latencies of a probe, in microseconds, sorted.
    pub fn new(probes: &[u64]) -> Projection {
        let millis = |percent| percentile(probes, percent) as f64 / 1_000.0;
        Projection { read_p50_ms: millis(50), read_p99_ms: millis(99) }
    }
}

/// Milliseconds by which the lag may vary, added to both sides before they are compared: a tenth of the lag's aim. From
/// no lag to no lag, there is no growth. # assumed
const NO_GROWTH_MS: f64 = 25.0;

/// Lag of the projections at full load: the age of the oldest entry that they do not show.
#[derive(Clone, Debug, Serialize)]
pub struct Lag {
    /// Number of probes of the lag.
    pub looks: usize,
    /// Median of the lag, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of the lag, in milliseconds.
    pub p99_ms: f64,
    /// Mean lag in the first third of the run, in milliseconds.
    pub first_third_ms: f64,
    /// Mean lag in the last third of the run, in milliseconds.
    pub last_third_ms: f64,
    /// Ratio of the last third to the first, 25 ms added to both.
    pub growth: f64,
}

impl Lag {
    /// Computes the figures from probes, in microseconds and in their order; `None` from fewer than three probes.
    pub fn new(seen: &[u64]) -> Option<Lag> {
        let third = Some(seen.len() / 3).filter(|third| *third > 0)?;
        let mean = |part: &[u64]| thousandths(part.iter().sum::<u64>() as f64 / part.len() as f64 / 1_000.0);
        let (first_third_ms, last_third_ms) = (mean(&seen[..third]), mean(&seen[seen.len() - third..]));
        let mut sorted = seen.to_vec();
        sorted.sort_unstable();
        let at = |percent| percentile(&sorted, percent) as f64 / 1_000.0;
        let growth = thousandths((last_third_ms + NO_GROWTH_MS) / (first_third_ms + NO_GROWTH_MS));
        Some(Lag { looks: seen.len(), p50_ms: at(50), p99_ms: at(99), first_third_ms, last_third_ms, growth })
    }
}

/// Figures of a filled journal against an empty one.
#[derive(Clone, Debug, Serialize)]
pub struct FilledFigures {
    /// Number of entries of the filled journal.
    pub entries: u64,
    /// Number of workspaces of the filled journal.
    pub workspaces: usize,
    /// Duration of the fill, in seconds.
    pub fill_seconds: f64,
    /// Time from the start of a server on the filled journal until it was ready, in seconds.
    pub ready_seconds: f64,
    /// Rates of pairs on the empty journal, and on as many workspaces of the filled one.
    pub rates: Option<(Rate, Rate)>,
    /// Rate on the filled journal as a share of the rate on the empty one.
    pub filled_of_empty: Option<f64>,
}

/// Memory that workspaces take in a server, in resident bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Memory of a server without workspaces that has just started.
    pub empty_bytes: u64,
    /// Number of workspaces of the filled journal, before any request for one.
    pub inactive: usize,
    /// Memory that they add, scaled to a million of them.
    pub per_million_inactive_bytes: u64,
    /// Number of workspaces that a pair was then made on, after as many others, so that the server's own needs are
    /// included before.
    pub active: usize,
    /// Memory that they add, scaled to ten thousand of them.
    pub per_10_000_active_bytes: u64,
}

impl Memory {
    /// Computes the figures from four readings of a server's memory: empty, on a filled journal, after the first pairs,
    /// and after those that count.
    pub fn new(looks: [u64; 4], inactive: usize, active: usize) -> Memory {
        let [empty_bytes, started, warm, loaded] = looks;
        let scaled = |more: u64, of: usize, to: u64| (u128::from(more) * u128::from(to) / of.max(1) as u128) as u64;
        Memory {
            empty_bytes,
            inactive,
            per_million_inactive_bytes: scaled(started.saturating_sub(empty_bytes), inactive, 1_000_000),
            active,
            per_10_000_active_bytes: scaled(loaded.saturating_sub(warm), active, 10_000),
        }
    }
}

/// Figures of several server processes on one database and one machine.
#[derive(Clone, Debug, Serialize)]
pub struct Processes {
    /// Number of processes on the database.
    pub processes: usize,
    /// Rate of one process on many workspaces.
    pub one_spread: Rate,
    /// Rate of all processes on many workspaces.
    pub all_spread: Rate,
    /// Rate of one process on one workspace.
    pub one_hot: Rate,
    /// Rate of all processes on one workspace.
    pub all_hot: Rate,
    /// Rate of all processes as a share of one, on many workspaces.
    pub spread: f64,
    /// Rate of all processes as a share of one, on one workspace.
    pub hot: f64,
}

impl Processes {
    /// Creates the figures, and computes their shares; many workspaces come first in each array.
    pub fn new(processes: usize, one: [Rate; 2], all: [Rate; 2]) -> Processes {
        let ([one_spread, one_hot], [all_spread, all_hot]) = (one, all);
        let (spread, hot) = (share(&all_spread, &one_spread), share(&all_hot, &one_hot));
        Processes { processes, one_spread, all_spread, one_hot, all_hot, spread, hot }
    }
}

/// Holds of one workspace, alone and while another does its worst.
#[derive(Clone, Debug, Serialize)]
pub struct Neighbour {
    /// 99th percentile of each turn alone, in microseconds, sorted.
    pub alone_p99_us: Vec<u64>,
    /// 99th percentile of each turn beside the other, in microseconds, sorted.
    pub beside_p99_us: Vec<u64>,
    /// Ratio of the medians: beside the other to alone.
    pub times: f64,
}

impl Neighbour {
    /// Creates the figures, and computes the ratio of their medians.
    pub fn new(mut alone: Vec<u64>, mut beside: Vec<u64>) -> Neighbour {
        alone.sort_unstable();
        beside.sort_unstable();
        let median = |turns: &[u64]| turns.get(turns.len() / 2).copied().unwrap_or_default().max(1) as f64;
        let times = thousandths(median(&beside) / median(&alone));
        Neighbour { alone_p99_us: alone, beside_p99_us: beside, times }
    }
}

/// All figures of a benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// `true` if the program was built without optimisation, so that the figures say little.
    pub debug_build: bool,
    /// Kind of the store: `embedded` or `postgresql`.
    pub store: &'static str,
    /// Machine that the benchmark ran on.
    pub machine: Machine,
    /// Duration of each measurement, in seconds.
    pub seconds: f64,
    /// Number of workspaces that the load is spread over.
    pub workspaces: usize,
    /// Number of connections of a part that is measured at one level alone.
    pub connections: usize,
    /// Figures of the engine alone.
    pub engine: Option<Engine>,
    /// Figures over HTTP, for each number of connections.
    pub http: Vec<AtConnections>,
    /// Figures of batches, for each size.
    pub batches: Vec<Batches>,
    /// Latencies at half load.
    pub half_load: Option<HalfLoad>,
    /// Lag of the projections behind the journal.
    pub lag: Option<Lag>,
    /// Figures of a filled journal against an empty one.
    pub filled: Option<FilledFigures>,
    /// Memory that workspaces take in a server.
    pub memory: Option<Memory>,
    /// Figures of several processes on one database.
    pub several: Option<Processes>,
    /// Rate with one commit for each command.
    pub single_commit: Option<Rate>,
    /// Rate with group commit as a multiple of the rate with single commits, at the same number of connections.
    pub group_commit_times: Option<f64>,
    /// Self-check of one balance that all connections spend.
    pub one_balance: Option<OneBalance>,
    /// A year of renewals.
    pub renewals: Option<Renewals>,
    /// Waiting time of reads that follow the journal.
    pub projection: Option<Projection>,
    /// Holds of one workspace beside another that does its worst.
    pub neighbour: Option<Neighbour>,
    /// Aims of the benchmark, with their figures and verdicts.
    pub goals: Vec<Goal>,
}

impl Report {
    /// Creates a report in which nothing is measured yet.
    pub fn new(plan: &Plan, machine: Machine) -> Report {
        Report {
            version: env!("CARGO_PKG_VERSION"),
            debug_build: cfg!(debug_assertions),
            store: if plan.on_server { "postgresql" } else { "embedded" },
            machine,
            seconds: plan.seconds,
            workspaces: plan.workspaces,
            connections: plan.level(),
            engine: None,
            http: Vec::new(),
            batches: Vec::new(),
            half_load: None,
            lag: None,
            filled: None,
            memory: None,
            several: None,
            single_commit: None,
            group_commit_times: None,
            one_balance: None,
            renewals: None,
            projection: None,
            neighbour: None,
            goals: Vec::new(),
        }
    }

    /// Returns the figures at the level at which single parts are measured.
    pub fn at_level(&self) -> Option<&AtConnections> {
        self.http.iter().find(|level| level.connections == self.connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_that_grows_is_seen() {
        let steady: Vec<u64> = (0..270).map(|n| 40_000 + n % 3 * 10_000).collect();
        let lag = Lag::new(&steady).expect("there are looks");
        assert_eq!((lag.looks, lag.p99_ms, lag.growth), (270, 60.0, 1.0));
        let growing: Vec<u64> = (0..300).map(|n| n * 1_000).collect();
        let lag = Lag::new(&growing).expect("there are looks");
        assert!(lag.growth > 3.0, "{lag:?}");
        assert_eq!(Lag::new(&[0; 30]).map(|lag| lag.growth), Some(1.0), "nothing was ever behind");
        assert!(Lag::new(&[1, 2]).is_none());
    }

    #[test]
    fn memory_is_what_was_added_and_never_less_than_nothing() {
        let memory = Memory::new([10, 30, 50, 90], 100, 20);
        assert_eq!((memory.per_million_inactive_bytes, memory.per_10_000_active_bytes), (200_000, 20_000));
        let less = Memory::new([30, 10, 90, 50], 100, 20);
        assert_eq!((less.per_million_inactive_bytes, less.per_10_000_active_bytes), (0, 0));
    }
}
