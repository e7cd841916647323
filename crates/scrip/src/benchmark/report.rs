//! What was measured, as JSON and as a table.

use super::Plan;
use super::engine::Engine;
use super::load::{Measured, percentile};
use super::machine::Machine;
use serde::Serialize;
use std::fmt;

/// Pairs a second, and how long one took.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    /// Connections.
    pub connections: usize,
    /// Pairs of two requests a second.
    pub pairs_per_second: u64,
    /// The middle pair, in microseconds.
    pub p50_us: u64,
    /// One in a hundred took longer.
    pub p99_us: u64,
}

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

fn share(part: &Rate, whole: &Rate) -> f64 {
    let share = part.pairs_per_second as f64 / whole.pairs_per_second.max(1) as f64;
    (share * 1_000.0).round() / 1_000.0
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

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of this program.
    pub version: &'static str,
    /// The machine.
    pub machine: Machine,
    /// How long each measurement took, in seconds.
    pub seconds: f64,
    /// Workspaces of the many.
    pub workspaces: usize,
    /// The engine alone.
    pub engine: Engine,
    /// Over HTTP.
    pub http: Vec<AtConnections>,
    /// Many decisions a request.
    pub batches: Vec<Batches>,
    /// With one commit a command.
    pub single_commit: Rate,
    /// How often as fast group commit is, at the same number of connections.
    pub group_commit_times: f64,
    /// The self-check.
    pub one_balance: OneBalance,
    /// A year of renewals.
    pub renewals: Renewals,
    /// Reads behind the journal.
    pub projection: Projection,
}

impl Report {
    /// With the ratio of group commit.
    #[allow(clippy::too_many_arguments, reason = "a report is what was measured, one argument each")]
    pub fn new(
        plan: &Plan,
        machine: Machine,
        engine: Engine,
        http: Vec<AtConnections>,
        batches: Vec<Batches>,
        single_commit: Rate,
        one_balance: OneBalance,
        renewals: Renewals,
        projection: Projection,
    ) -> Report {
        let grouped = http.iter().find(|level| level.connections == single_commit.connections);
        let group_commit_times = grouped.map_or(0.0, |level| share(&level.many, &single_commit));
        let (seconds, workspaces) = (plan.seconds, plan.workspaces);
        let version = env!("CARGO_PKG_VERSION");
        Report {
            version,
            machine,
            seconds,
            workspaces,
            engine,
            http,
            batches,
            single_commit,
            group_commit_times,
            one_balance,
            renewals,
            projection,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, cpu, kernel, fdatasync_p50_us, fdatasync_p99_us } = &self.machine;
        writeln!(
            f,
            "{cores} cores, {cpu}, {kernel}; 4 KiB and fdatasync: p50 {fdatasync_p50_us} µs, p99 {fdatasync_p99_us} µs"
        )?;
        writeln!(f, "Client and server share this machine. Each figure is of {} s: read the ratios.\n", self.seconds)?;
        let Engine { typical_ns, large_ns, month_ns } = self.engine;
        writeln!(
            f,
            "The engine, one command: {typical_ns} ns on a typical workspace, {large_ns} ns with 64 grants and"
        )?;
        writeln!(f, "256 holds, {month_ns} ns over a month of runs and a renewal.\n")?;
        writeln!(f, "A pair is a hold and its capture over HTTP, both on the disk, each with a key; or two echoes.\n")?;
        writeln!(
            f,
            "{:>11}  {:>22}  {:>30}  {:>30}",
            "",
            "echo",
            format!("{} workspaces", self.workspaces),
            "one workspace"
        )?;
        let (head, p50, p99) = ("pairs/s", "p50 µs", "p99 µs");
        writeln!(
            f,
            "{:>11}  {head:>8}{p50:>7}{p99:>7}  {head:>8}{p50:>7}{p99:>7}{:>8}  {head:>8}{p50:>7}{p99:>7}{:>8}",
            "connections", "of echo", "of many"
        )?;
        let rate = |rate: &Rate| format!("{:>8}{:>7}{:>7}", rate.pairs_per_second, rate.p50_us, rate.p99_us);
        let percent = |share: f64| format!("{:>6.0} %", share * 100.0);
        for level in &self.http {
            writeln!(
                f,
                "{:>11}  {}  {}{}  {}{}",
                level.connections,
                rate(&level.echo),
                rate(&level.many),
                percent(level.many_of_echo),
                rate(&level.hot),
                percent(level.hot_of_many)
            )?;
        }
        for batches in &self.batches {
            let Batches { size, connections, decisions_per_second, p99_us, single_connections, single_times, .. } =
                batches;
            write!(
                f,
                "\nBatches of {size}, {connections} connections: {decisions_per_second} decisions/s, p99 of two requests {p99_us} µs; {single_times:.1} times single requests at {single_connections}."
            )?;
        }
        let Rate { connections, pairs_per_second, p99_us, .. } = self.single_commit;
        writeln!(
            f,
            "\nOne commit a command, {connections} connections: {pairs_per_second} pairs/s, p99 {p99_us} µs; group commit is {:.1} times that.",
            self.group_commit_times
        )?;
        let OneBalance { connections, balance, cost, accepted, seconds, .. } = &self.one_balance;
        writeln!(
            f,
            "{connections} connections on one balance of {balance}, {cost} a hold: {accepted} accepted, exactly what it pays for, in {seconds:.2} s."
        )?;
        let Renewals { workspaces, months, seconds } = &self.renewals;
        writeln!(f, "{workspaces} workspaces renewed {months} times on a test clock in {seconds:.2} s.")?;
        let Projection { read_p50_ms, read_p99_ms } = self.projection;
        write!(
            f,
            "A read that must see every write before it, under that load: p50 {read_p50_ms:.1} ms, p99 {read_p99_ms:.1} ms."
        )
    }
}
