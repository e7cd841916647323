//! `scrip benchmark`.

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
    /// Entries a journal is filled with, to compare it with an empty one (P7, P8); 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = value_parser!(u64).range(..=1_000_000_000))]
    entries: u64,
    /// Parts to measure, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', ignore_case = true)]
    only: Vec<Part>,
    /// Where a picture of the figures against their aims goes
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Do something so many times and measure nothing, for a program that counts instructions
    #[arg(long, hide = true, requires = "rounds")]
    count: Option<Counted>,
    /// How many times
    #[arg(long, hide = true)]
    rounds: Option<usize>,
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
        let Benchmark { seconds, workspaces, connections, directory, entries, only, svg, .. } = self;
        let (database_url, database_ca) = (self.database_url, self.database_ca);
        let connections = connections.into_iter().map(usize::from).collect();
        let (workspaces, on_server) = (workspaces as usize, database_url.is_some());
        let plan = Plan { seconds, workspaces, connections, entries, only, on_server, directory };
        plan.check().map_err(Fault::Misused)?;
        // Whether the picture can be written is found out before minutes have passed.
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
