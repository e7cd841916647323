//! Program that runs the simulator.
//!
//! Invariant: the program has no ability that the library does not have.

use clap::Parser;
use std::net::SocketAddr;
use std::process::ExitCode;
use stripe_simulator::{Config, Simulator, Webhook};

/// Runs a stateful Stripe in memory, in test mode.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:12111")]
    listen: SocketAddr,
    /// URL that receives all events
    #[arg(long, requires = "webhook_secret")]
    webhook: Option<String>,
    /// Secret that signs the events
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET")]
    webhook_secret: Option<String>,
    /// The only key that is accepted; any key of test mode if there is none
    #[arg(long)]
    key: Option<String>,
    /// Seed of the identifiers; another seed gives other identifiers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let webhook = arguments.webhook.zip(arguments.webhook_secret).map(|(url, secret)| Webhook { url, secret });
    let config =
        Config { listen: arguments.listen, seed: arguments.seed, key: arguments.key, webhook, ..Config::default() };
    match Simulator::start(config).await {
        Ok(simulator) => {
            println!("{}", simulator.base_url());
            tokio::select! {
                () = simulator.wait() => ExitCode::FAILURE,
                _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
            }
        }
        Err(error) => {
            eprintln!("{}: {error}", arguments.listen);
            ExitCode::FAILURE
        }
    }
}
