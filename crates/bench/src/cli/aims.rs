//! `scrip-bench aims`: measures the aims on this machine.

use crate::plan::{Part, Plan};
use crate::{plot, run};
use clap::{Args, value_parser};
use scrip::benchmark::Size;
use scrip::benchmark::place::Place;
use scrip::cli::{CommandResult, Fault, print, say, wait_for_stop};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `scrip-bench aims`: measures this build on this machine, and prints figures, ratios and verdicts.
#[derive(Args)]
pub struct Aims {
    #[command(flatten)]
    size: Size,
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
    /// File of certificates in PEM form that vouch for the database's server; the machine's own when absent
    #[arg(long, value_name = "FILE")]
    database_ca: Option<PathBuf>,
}

impl Aims {
    /// Measures, and prints the report.
    ///
    /// # Errors
    /// When a server does not start or gives an unexpected answer.
    pub async fn run(self, as_json: bool) -> CommandResult {
        let Aims { size: Size { seconds, workspaces, connections }, directory, entries, only, svg, .. } = self;
        let (database_url, database_ca) = (self.database_url, self.database_ca);
        let connections = connections.into_iter().map(usize::from).collect();
        let (workspaces, on_server) = (workspaces as usize, database_url.is_some());
        let plan = Plan { seconds, workspaces, connections, entries, only, on_server, directory };
        plan.check().map_err(Fault::Misused)?;
        // Opens the file of the chart first, so that a wrong path fails before minutes of measuring.
        let picture = svg.map(|path| File::create(&path).map_err(|error| format!("{}: {error}", path.display())));
        let picture = picture.transpose()?;
        let place = Arc::new(Place::make(&plan.directory, database_url, database_ca)?);
        let there = Arc::clone(&place);
        let measured = tokio::task::spawn_blocking(move || run::run(&plan, &there));
        let report = tokio::select! {
            measured = measured => measured.map_err(|error| error.to_string()).and_then(|measured| measured),
            () = wait_for_stop() => Err("stopped".to_owned()),
        };
        place.clear();
        let report = report?;
        if let Some(mut picture) = picture {
            picture.write_all(plot::svg(&report).as_bytes())?;
        }
        match as_json {
            true => print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?),
            false => say(&format!("{report}\n")),
        }
    }
}
