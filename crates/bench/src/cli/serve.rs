//! `scrip-bench serve`: the product's server, which also writes how far its projections are behind.

use crate::lag;
use clap::Args;
use scrip::cli::CommandResult;
use std::fs::File;
use std::path::PathBuf;

/// Arguments of `scrip-bench serve`: those of `scrip serve`, and a file for the lag of the projections.
#[derive(Args)]
pub struct WatchServe {
    #[command(flatten)]
    serve: scrip::cli::Serve,
    /// File to write the lag of the projections to, again and again
    #[arg(long, value_name = "FILE")]
    lag_file: Option<PathBuf>,
}

impl WatchServe {
    /// Serves until the process is told to stop.
    ///
    /// # Errors
    /// When the server cannot start or fails, with what to do about it.
    pub async fn run(self) -> CommandResult {
        let file = self
            .lag_file
            .map(|path| File::create(&path).map_err(|error| format!("{}: {error}", path.display())))
            .transpose()?;
        let watch = |server: &scrip::Server| {
            if let Some(file) = file {
                tokio::spawn(lag::watch(server.ledger(), file));
            }
        };
        Ok(self.serve.run_beside(watch).await?)
    }
}
