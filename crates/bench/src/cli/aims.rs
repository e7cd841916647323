//! `scrip benchmark`: measures this build on this machine.

use super::output::{Done, Fault, print, say};
use super::serve::stopped;
use crate::benchmark::count::{self, Counted};
use crate::benchmark::{self, Part, Plan, plot};
use clap::{Args, value_parser};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// `scrip benchmark`: measures this build on this machine, and prints figures and ratios.
#[derive(Args)]
pub struct Benchmark {
    /// Duration of each measurement, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Number of workspaces that the load is spread over
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    workspaces: u32,
    /// Numbers of connections to measure with, separated by commas
    #[arg(long, value_name = "LIST", default_value = "1,16,64,256", value_delimiter = ',')]
    #[arg(value_parser = value_parser!(u16).range(1..=1_024))]
    connections: Vec<u16>,
    /// Directory for the data during the benchmark; its disk is the one that is measured
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// PostgreSQL database to measure on instead, which must be empty: postgres://…
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Number of entries in a filled journal, which is compared with an empty one (P7, P8); 0 skips the comparison
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = value_parser!(u64).range(..=1_000_000_000))]
    entries: u64,
    /// Parts to measure, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', ignore_case = true)]
    only: Vec<Part>,
    /// File for a chart of the figures against their aims
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Repeat one operation without measuring it, for a program that counts instructions
    #[arg(long, hide = true, requires = "rounds")]
    count: Option<Counted>,
    /// Number of repetitions of the counted operation
    #[arg(long, hide = true)]
    rounds: Option<usize>,
    /// File of certificates in PEM form that vouch for the database's server; the machine's own when absent
    #[arg(long, value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// Serve the echo that pairs of measurements are compared with
    #[arg(long, hide = true)]
    echo: bool,
}

impl Benchmark {
    /// Measures, and prints the report.
    ///
    /// # Errors
    /// When a server does not start or gives an unexpected answer.
    pub async fn run(self, as_json: bool) -> Done {
        if self.echo {
            return Ok(benchmark::echo(stopped()).await?);
        }
        let Benchmark { seconds, workspaces, connections, directory, entries, only, svg, .. } = self;
        let (database_url, database_ca) = (self.database_url, self.database_ca);
        let connections = connections.into_iter().map(usize::from).collect();
        let (workspaces, on_server) = (workspaces as usize, database_url.is_some());
        let plan = Plan { seconds, workspaces, connections, entries, only, on_server, directory };
        plan.check().map_err(Fault::Misused)?;
        // Opens the file of the chart first, so that a wrong path fails before minutes of measuring.
        let picture = svg.map(|path| File::create(&path).map_err(|error| format!("{}: {error}", path.display())));
        let picture = picture.transpose()?;
        let place = benchmark::scratch(&plan.directory, database_url, database_ca)?;
        let there = Arc::clone(&place);
        let count = self.count.zip(self.rounds);
        let measured = tokio::task::spawn_blocking(move || match count {
            Some((what, rounds)) => count::run(what, rounds, &there).map(|()| None),
            None => benchmark::run(&plan, &there).map(Some),
        });
        let report = tokio::select! {
            measured = measured => measured.map_err(|error| error.to_string()).and_then(|measured| measured),
            () = stopped() => Err("stopped".to_owned()),
        };
        place.clear();
        let Some(report) = report? else { return Ok(()) };
        if let Some(mut picture) = picture {
            picture.write_all(plot::svg(&report).as_bytes())?;
        }
        match as_json {
            true => print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?),
            false => say(&format!("{report}\n")),
        }
    }
}

pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    if (0.05..=3_600.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.05 to 3600".to_owned()) }
}
