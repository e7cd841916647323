//! `scrip benchmark`: measures this build on this machine.

use super::output::{CommandResult, print, say};
use super::serve::wait_for_stop;
use crate::benchmark::place::Place;
use crate::benchmark::{self, Size};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `scrip benchmark`: measures this build on this machine, and prints figures and ratios.
#[derive(Args)]
pub struct Benchmark {
    #[command(flatten)]
    size: Size,
    /// Directory for the data during the benchmark; its disk is the one that is measured
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// PostgreSQL database to measure on instead, which must be empty: postgres://…
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
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
    pub async fn run(self, as_json: bool) -> CommandResult {
        if self.echo {
            return Ok(benchmark::echo(wait_for_stop()).await?);
        }
        let place = Arc::new(Place::make(&self.directory, self.database_url, self.database_ca)?);
        let (size, there) = (self.size, Arc::clone(&place));
        let measured = tokio::task::spawn_blocking(move || benchmark::run(&size, &there));
        let report = tokio::select! {
            measured = measured => measured.map_err(|error| error.to_string()).and_then(|measured| measured),
            () = wait_for_stop() => Err("stopped".to_owned()),
        };
        place.clear();
        let report = report?;
        match as_json {
            true => print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?),
            false => say(&report.to_string()),
        }
    }
}
