//! The command line.
//!
//! Exit codes: 0 done, 1 refused or wrong, 2 misused.

mod benchmark;
mod serve;
mod verify;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Credits, plans, access and the run gateway behind a generative image and video product.
#[derive(Parser)]
#[command(name = "scrip", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API
    Serve(serve::Serve),
    /// Replay the journal and check every hash, balance and projection
    Verify(verify::Verify),
    /// Measure this build on this machine
    Benchmark(benchmark::Benchmark),
    /// Print the OpenAPI document
    Openapi,
}

/// Runs what the arguments say.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(serve) => block_on(serve.run()),
        Command::Verify(verify) => block_on(verify.run()),
        Command::Benchmark(benchmark) => block_on(benchmark.run()),
        Command::Openapi => {
            println!("{:#}", crate::http::document());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}
