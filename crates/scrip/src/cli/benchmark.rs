//! `scrip benchmark`.

use super::output::{Done, print, say};
use super::serve::stopped;
use crate::benchmark::{self, Plan};
use clap::{Args, value_parser};
use std::path::PathBuf;
use std::sync::Arc;

/// `scrip benchmark`: measures this build on this machine, and prints figures and ratios.
#[derive(Args)]
pub struct Benchmark {
    /// How long each measurement takes
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Workspaces the load is spread over
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    workspaces: u32,
    /// Connections to measure at, separated by commas
    #[arg(long, value_name = "LIST", default_value = "1,16,64,256", value_delimiter = ',')]
    #[arg(value_parser = value_parser!(u16).range(1..=1_024))]
    connections: Vec<u16>,
    /// Where the data is put while it runs; the disk under it is the one that is measured
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Measure on this PostgreSQL database instead, which must be empty: postgres://…
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The certificates that vouch for the database's server, in PEM form; without them, those this machine trusts do
    #[arg(long, value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// Serve the echo that pairs are compared with
    #[arg(long, hide = true)]
    echo: bool,
}

impl Benchmark {
    /// Measures, and prints what was measured.
    ///
    /// # Errors
    /// When a server does not start or answers what it should not.
    pub async fn run(self, as_json: bool) -> Done {
        if self.echo {
            return Ok(benchmark::echo(stopped()).await?);
        }
        let Benchmark { seconds, workspaces, connections, directory, database_url, database_ca, .. } = self;
        let connections = connections.into_iter().map(usize::from).collect();
        let plan = Plan { seconds, workspaces: workspaces as usize, connections, directory };
        let place = benchmark::scratch(&plan.directory, database_url, database_ca)?;
        let there = Arc::clone(&place);
        let measured = tokio::task::spawn_blocking(move || benchmark::run(&plan, &there));
        let report = tokio::select! {
            measured = measured => measured.map_err(|error| error.to_string()).and_then(|measured| measured),
            () = stopped() => Err("stopped".to_owned()),
        };
        place.clear();
        let report = report?;
        match as_json {
            true => print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?),
            false => say(&format!("{report}\n")),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    if (0.05..=3_600.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.05 to 3600".to_owned()) }
}
