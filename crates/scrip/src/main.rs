//! Scrip: credits, plans, access and the run gateway behind a generative image and video product.

mod benchmark;
mod cli;
mod clock;
mod config;
mod crypto;
mod export;
mod gateway;
mod http;
mod ledger;
mod scheduler;
mod server;
mod shipped;
mod store;
#[cfg(test)]
mod tests;
mod verify;

fn main() -> std::process::ExitCode {
    cli::main()
}
