//! Report of a benchmark: its figures, as a document and as a text.
//!
//! Invariant: every figure stands beside what it is compared with, measured in the same run.

use super::figures::Rate;
use super::machine::Machine;
use serde::Serialize;
use std::fmt::{self, Formatter};

/// Figures at one number of connections.
#[derive(Clone, Debug, Serialize)]
pub struct AtConnections {
    /// Number of connections of the load.
    pub connections: usize,
    /// Rate of echoes of the same bytes by the same server: the ceiling.
    pub echo: Rate,
    /// Rate of holds and captures on many workspaces.
    pub many: Rate,
    /// Rate of holds and captures on one workspace.
    pub hot: Rate,
    /// Rate on many workspaces as a share of the echo.
    pub many_of_echo: f64,
    /// Rate on one workspace as a share of the rate on many.
    pub hot_of_many: f64,
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
    pub workspaces: u32,
    /// Figures over HTTP, for each number of connections.
    pub http: Vec<AtConnections>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_head(f, &self.machine, self.store, self.seconds)?;
        write_levels(f, &self.http, self.workspaces)
    }
}

/// Writes the machine that a report is of, and how its figures are to be read.
///
/// # Errors
/// When the text cannot be written.
pub fn write_head(f: &mut Formatter<'_>, machine: &Machine, store: &str, seconds: f64) -> fmt::Result {
    let Machine { cores, cpu, kernel, fdatasync_p50_us, fdatasync_p99_us } = machine;
    writeln!(
        f,
        "{cores} cores, {cpu}, {kernel}; 4 KiB and fdatasync: p50 {fdatasync_p50_us} µs, p99 {fdatasync_p99_us} µs"
    )?;
    let on = if store == "embedded" { "the embedded database" } else { "PostgreSQL" };
    writeln!(f, "On {on}. Client and server share this machine. Each figure is of {seconds} s: read the ratios.")?;
    if cfg!(debug_assertions) {
        writeln!(f, "THIS IS A DEBUG BUILD, which is many times slower: cargo build --release")?;
    }
    Ok(())
}

/// Writes a table of the figures at each number of connections; nothing without figures.
///
/// # Errors
/// When the text cannot be written.
pub fn write_levels(f: &mut Formatter<'_>, levels: &[AtConnections], workspaces: u32) -> fmt::Result {
    if levels.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nA pair is a hold and its capture over HTTP, both on the disk, each with a key; or two echoes.\n")?;
    let many = format!("{workspaces} workspaces");
    writeln!(f, "{:>11}  {:>22}  {many:>30}  {:>30}", "", "echo", "one workspace")?;
    let (head, p50, p99) = ("pairs/s", "p50 µs", "p99 µs");
    writeln!(
        f,
        "{:>11}  {head:>8}{p50:>7}{p99:>7}  {head:>8}{p50:>7}{p99:>7}{:>8}  {head:>8}{p50:>7}{p99:>7}{:>8}",
        "connections", "of echo", "of many"
    )?;
    let rate = |rate: &Rate| format!("{:>8}{:>7}{:>7}", rate.pairs_per_second, rate.p50_us, rate.p99_us);
    let percent = |share: f64| format!("{:>6.0} %", share * 100.0);
    for level in levels {
        let (echo, many, hot) = (rate(&level.echo), rate(&level.many), rate(&level.hot));
        let (of_echo, of_many) = (percent(level.many_of_echo), percent(level.hot_of_many));
        writeln!(f, "{:>11}  {echo}  {many}{of_echo}  {hot}{of_many}", level.connections)?;
    }
    Ok(())
}
