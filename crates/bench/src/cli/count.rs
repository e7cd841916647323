//! `scrip-bench count`: one operation again and again, for a program that counts instructions.

use crate::count::{CountedWork, run};
use clap::Args;
use scrip::benchmark::place::Place;
use scrip::cli::{CommandResult, wait_for_stop};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `scrip-bench count`: the operation, and its number of repetitions.
#[derive(Args)]
pub struct Count {
    /// Operation that is to be repeated
    what: CountedWork,
    /// Number of repetitions of the operation
    #[arg(long, value_name = "N")]
    rounds: usize,
    /// Directory for the data during the repetitions
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

impl Count {
    /// Repeats the operation a number of times.
    ///
    /// # Errors
    /// When one of them is refused.
    pub async fn run(self) -> CommandResult {
        let Count { what, rounds, directory } = self;
        let place = Arc::new(Place::make(&directory, None, None)?);
        let there = Arc::clone(&place);
        let counted = tokio::task::spawn_blocking(move || run(what, rounds, &there));
        let counted = tokio::select! {
            counted = counted => counted.map_err(|error| error.to_string()).and_then(|counted| counted),
            () = wait_for_stop() => Err("stopped".to_owned()),
        };
        place.clear();
        Ok(counted?)
    }
}
