//! What was measured, as a document.
//!
//! Invariant: what was not measured is null or empty, and never a zero that looks like a figure.

use super::engine::Engine;
use super::figures::{Rate, percentile, share, thousandths};
use super::goal::Goal;
use super::load::Measured;
use super::machine::Machine;
use super::open;
use super::plan::Plan;
use serde::Serialize;

/// Everything at one number of connections.
#[derive(Clone, Debug, Serialize)]
pub struct AtConnections {
    /// Connections.
    pub connections: usize,
    /// Echoes of the same bytes by the same server: the ceiling.
    pub echo: Rate,
    /// Holds and captures on many workspaces.
    pub many: Rate,
    /// The same on one.
    pub hot: Rate,
    /// The many as a share of the echo.
    pub many_of_echo: f64,
    /// The one as a share of the many.
    pub hot_of_many: f64,
}

impl AtConnections {
    /// With the shares.
    pub fn new(connections: usize, echo: Rate, many: Rate, hot: Rate) -> AtConnections {
        let many_of_echo = share(&many, &echo);
        let hot_of_many = share(&hot, &many);
        AtConnections { connections, echo, many, hot, many_of_echo, hot_of_many }
    }
}

/// Batches of holds, each followed by a batch of their captures.
#[derive(Clone, Debug, Serialize)]
pub struct Batches {
    /// Decisions of a request.
    pub size: usize,
    /// Connections.
    pub connections: usize,
    /// Decisions a second; a hold and its capture are two.
    pub decisions_per_second: u64,
    /// The middle pair of requests, in microseconds.
    pub p50_us: u64,
    /// One in a hundred took longer.
    pub p99_us: u64,
    /// Connections of the single requests it is compared with.
    pub single_connections: usize,
    /// How often as fast as those.
    pub single_times: f64,
}

impl Batches {
    /// Of pairs of batches, against pairs of single requests.
    pub fn new(size: usize, measured: Measured, single: &Rate) -> Batches {
        let pairs = Rate { pairs_per_second: measured.per_second(size), ..measured.rate() };
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
    /// Connections.
    pub connections: usize,
    /// Credits there were.
    pub balance: i64,
    /// Credits of a hold.
    pub cost: i64,
    /// Holds that were accepted.
    pub accepted: u64,
    /// Holds the balance pays for.
    pub expected: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A year on a test clock.
#[derive(Clone, Debug, Serialize)]
pub struct Renewals {
    /// Workspaces with a monthly plan.
    pub workspaces: usize,
    /// Months that passed.
    pub months: u32,
    /// How long they took.
    pub seconds: f64,
}

/// Pairs that are due on a schedule at half of the pairs a second that were measured, each first request timed from
/// when it was due.
#[derive(Clone, Debug, Serialize)]
pub struct HalfLoad {
    /// Connections.
    pub connections: usize,
    /// Pairs that were due a second.
    pub due_per_second: u64,
    /// The middle first request, in microseconds.
    pub p50_us: u64,
    /// One in a hundred took longer.
    pub p99_us: u64,
    /// One in a hundred was sent later than this after it was due, since the one before took so long or the client
    /// came late; it is in the figures above.
    pub late_p99_us: u64,
    /// One in a hundred appends of a page to a file of the same directory, flushed, took longer.
    pub append_p99_us: u64,
    /// How often as long as that.
    pub times: f64,
}

impl HalfLoad {
    /// Of what was measured, against appends before and after, sorted.
    pub fn new(schedule: &open::Schedule, measured: &open::Measured, appends: &[u64]) -> HalfLoad {
        let ((p50_us, _), (p99_us, late_p99_us)) = (measured.at(50), measured.at(99));
        let append_p99_us = percentile(appends, 99).max(1);
        let (connections, due_per_second) = (schedule.connections, schedule.per_second);
        let times = thousandths(p99_us as f64 / append_p99_us as f64);
        HalfLoad { connections, due_per_second, p50_us, p99_us, late_p99_us, append_p99_us, times }
    }
}

/// How long a read that must see every write before it waits while the load runs, its own way there and back included.
#[derive(Clone, Debug, Serialize)]
pub struct Projection {
    /// The middle one, in milliseconds.
    pub read_p50_ms: f64,
    /// One in a hundred took longer.
    pub read_p99_ms: f64,
}

impl Projection {
    /// Of what a probe saw.
    pub fn new(measured: &Measured) -> Projection {
        let millis = |percent| percentile(&measured.probes, percent) as f64 / 1_000.0;
        Projection { read_p50_ms: millis(50), read_p99_ms: millis(99) }
    }
}

/// Milliseconds that the lag may come and go by, added to both sides before they are compared: a tenth of what the lag
/// may be. Of nothing to nothing there is no growth. # assumed
const NO_GROWTH_MS: f64 = 25.0;

/// How far the projections are behind at full load: the age of the oldest entry they do not show.
#[derive(Clone, Debug, Serialize)]
pub struct Lag {
    /// How often it was looked.
    pub looks: usize,
    /// The middle one, in milliseconds.
    pub p50_ms: f64,
    /// One in a hundred was longer.
    pub p99_ms: f64,
    /// The mean of the first third of the run.
    pub first_third_ms: f64,
    /// The mean of the last.
    pub last_third_ms: f64,
    /// How often as long the last is as the first, 25 ms added to both.
    pub growth: f64,
}

impl Lag {
    /// Of what was seen, in microseconds and in order; none of fewer than three looks.
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

/// A filled journal against an empty one.
#[derive(Clone, Debug, Serialize)]
pub struct Filled {
    /// Entries of the filled one.
    pub entries: u64,
    /// Workspaces of the filled one.
    pub workspaces: usize,
    /// Seconds it took to fill it.
    pub fill_seconds: f64,
    /// From its start until a server on it said that it was ready, in seconds.
    pub ready_seconds: f64,
    /// Pairs on the empty one, and on as many workspaces of the filled one.
    pub rates: Option<(Rate, Rate)>,
    /// The filled one as a share of the empty one.
    pub filled_of_empty: Option<f64>,
}

/// What workspaces take of a server's memory, in bytes that are resident.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// A server without workspaces that has just started.
    pub empty_bytes: u64,
    /// Workspaces of the filled journal, none of which was asked for yet.
    pub inactive: usize,
    /// What they add, scaled to a million of them.
    pub per_million_inactive_bytes: u64,
    /// Workspaces that a pair was then made on, after as many others, so that what a server needs for itself is there.
    pub active: usize,
    /// What they add, scaled to ten thousand of them.
    pub per_10_000_active_bytes: u64,
}

impl Memory {
    /// Of four looks at servers: on nothing, on a filled journal, after the first pairs, and after those that count.
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

/// Several server processes on one database and one machine.
#[derive(Clone, Debug, Serialize)]
pub struct Processes {
    /// How many there were.
    pub processes: usize,
    /// One alone, on many workspaces.
    pub one_spread: Rate,
    /// All, on many workspaces.
    pub all_spread: Rate,
    /// One alone, on one workspace.
    pub one_hot: Rate,
    /// All, on one workspace.
    pub all_hot: Rate,
    /// All as a share of one, on many workspaces.
    pub spread: f64,
    /// The same on one workspace.
    pub hot: f64,
}

impl Processes {
    /// With the shares; many workspaces first.
    pub fn new(processes: usize, one: [Rate; 2], all: [Rate; 2]) -> Processes {
        let ([one_spread, one_hot], [all_spread, all_hot]) = (one, all);
        let (spread, hot) = (share(&all_spread, &one_spread), share(&all_hot, &one_hot));
        Processes { processes, one_spread, all_spread, one_hot, all_hot, spread, hot }
    }
}

/// Holds of one workspace, alone and while another does its worst.
#[derive(Clone, Debug, Serialize)]
pub struct Neighbour {
    /// p99 of each turn alone, in microseconds, sorted.
    pub alone_p99_us: Vec<u64>,
    /// p99 of each turn beside the other, in microseconds, sorted.
    pub beside_p99_us: Vec<u64>,
    /// The second median against the first.
    pub times: f64,
}

impl Neighbour {
    /// With what the medians are of each other.
    pub fn new(mut alone: Vec<u64>, mut beside: Vec<u64>) -> Neighbour {
        alone.sort_unstable();
        beside.sort_unstable();
        let median = |turns: &[u64]| turns.get(turns.len() / 2).copied().unwrap_or_default().max(1) as f64;
        let times = thousandths(median(&beside) / median(&alone));
        Neighbour { alone_p99_us: alone, beside_p99_us: beside, times }
    }
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of this program.
    pub version: &'static str,
    /// Whether it was built without optimisation, so that the figures say little.
    pub debug_build: bool,
    /// `embedded` or `postgresql`.
    pub store: &'static str,
    /// The machine.
    pub machine: Machine,
    /// How long each measurement took, in seconds.
    pub seconds: f64,
    /// Workspaces of the many.
    pub workspaces: usize,
    /// Connections of what is measured at one number of them.
    pub connections: usize,
    /// The engine alone.
    pub engine: Option<Engine>,
    /// Over HTTP.
    pub http: Vec<AtConnections>,
    /// Many decisions a request.
    pub batches: Vec<Batches>,
    /// Latencies at half load.
    pub half_load: Option<HalfLoad>,
    /// How far the projections are behind.
    pub lag: Option<Lag>,
    /// A filled journal.
    pub filled: Option<Filled>,
    /// What workspaces take.
    pub memory: Option<Memory>,
    /// Several processes.
    pub several: Option<Processes>,
    /// With one commit a command.
    pub single_commit: Option<Rate>,
    /// How often as fast group commit is, at the same number of connections.
    pub group_commit_times: Option<f64>,
    /// The self-check.
    pub one_balance: Option<OneBalance>,
    /// A year of renewals.
    pub renewals: Option<Renewals>,
    /// Reads behind the journal.
    pub projection: Option<Projection>,
    /// One workspace beside another.
    pub neighbour: Option<Neighbour>,
    /// What was aimed at, and whether it was reached.
    pub goals: Vec<Goal>,
}

impl Report {
    /// Nothing measured yet.
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

    /// What was measured at the level that everything else is.
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
