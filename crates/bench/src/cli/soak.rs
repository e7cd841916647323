//! `scrip-bench soak`: measurements of a directory with many entries.

use crate::lives::Population;
use crate::soak::{Plan, prepare, run};
use clap::{Args, value_parser};
use scrip::benchmark::seconds;
use scrip::cli::{CommandResult, Fault, print, say, wait_for_stop};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `scrip-bench soak`: fills a fresh directory with entries of real commands, and measures their cost.
#[derive(Args)]
pub struct Soak {
    /// Number of entries to fill the directory with
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    #[arg(value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    entries: u64,
    /// Number of workspaces the entries belong to; one for every hundred entries when absent
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=100_000_000))]
    workspaces: Option<u64>,
    /// Fresh directory for the data; its disk is the one that is measured
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Duration of each measurement of a server, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
}

impl Soak {
    /// Fills, measures and prints the report.
    ///
    /// # Errors
    /// When the disk has no room for it, or anything that is measured fails.
    pub async fn run(self, as_json: bool) -> CommandResult {
        let Soak { entries, workspaces, data, seconds } = self;
        let workspaces = workspaces.unwrap_or(entries.div_ceil(100));
        if workspaces > entries {
            return Err(Fault::Misused("each workspace has at least one entry".to_owned()));
        }
        let mut plan = Plan { population: Population { entries, workspaces }, seconds, data };
        let place = prepare(&mut plan)?;
        let there = Arc::clone(&place);
        let measured = tokio::task::spawn_blocking(move || run(&plan, &there));
        let measured = tokio::select! {
            measured = measured => measured.map_err(|error| error.to_string()).and_then(|measured| measured),
            () = wait_for_stop() => {
                // The thread that fills the directory would go on otherwise.
                place.clear();
                std::process::exit(1);
            }
        };
        place.clear();
        let report = measured?;
        match as_json {
            true => print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?),
            false => say(&report.to_string()),
        }
    }
}
