//! Scrip: credits, plans, access and the run gateway behind a generative image and video product.

mod acts;
mod alerts;
mod allowances;
mod benchmark;
mod billing;
mod blocks;
mod cli;
mod config;
mod crypto;
mod email;
mod export;
mod gateway;
mod history;
mod http;
mod ledger;
mod links;
mod mail;
mod notices;
mod oidc;
mod operators;
mod outbound;
mod outbox;
mod scheduler;
mod server;
mod shipped;
mod sign_in;
mod stripe;
mod switches;
#[cfg(test)]
mod tests;
mod verify;

use scrip_store::{self as store, clock, files};

/// Allocator of the process: every request allocates a few dozen small objects on one thread and frees some of them on
/// another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
