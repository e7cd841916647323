//! The command line of `scrip-bench`.

mod aims;
mod count;
mod serve;
mod soak;

use clap::{Parser, Subcommand};
use scrip::cli::{Benchmark, CommandResult, Verify};
use std::process::ExitCode;

/// Measures Scrip against its own aims.
#[derive(Parser)]
#[command(name = "scrip-bench", version, about, max_term_width = 100)]
struct Cli {
    /// Print the report as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the aims, P1 to P17, on this machine
    Aims(aims::Aims),
    /// Fill a fresh directory with entries and measure what so many cost
    Soak(soak::Soak),
    /// Repeat one operation without measuring it, for a program that counts instructions
    Count(count::Count),
    /// Serve the API, as `scrip serve` does
    #[command(hide = true)]
    Serve(Box<serve::WatchServe>),
    /// Replay the journal, as `scrip verify` does
    #[command(hide = true)]
    Verify(Verify),
    /// Serve the echo that is the ceiling, as `scrip benchmark` does
    #[command(hide = true)]
    Benchmark(Benchmark),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(command.run(json)));
    done.map_or_else(|fault| fault.exit(), |()| ExitCode::SUCCESS)
}

impl Command {
    async fn run(self, as_json: bool) -> CommandResult {
        match self {
            Command::Aims(aims) => aims.run(as_json).await,
            Command::Soak(soak) => soak.run(as_json).await,
            Command::Count(count) => count.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Verify(verify) => verify.run(as_json).await,
            Command::Benchmark(benchmark) => benchmark.run(as_json).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense() {
        Cli::command().debug_assert();
    }
}
