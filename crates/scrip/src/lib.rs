//! Scrip: credits, plans, access and the run gateway behind a generative image and video product.

mod assets;
pub mod benchmark;
pub mod cli;
mod config;
mod crypto;
mod history;
mod http;
mod jobs;
mod ledger;
mod mail;
mod operate;
mod outbound;
mod payments;
mod people;
mod providers;
mod runs;
mod server;
mod shipped;
#[cfg(test)]
mod tests;

// Parts that the measurements of `crates/bench` work with.
pub use config::Settings;
pub use crypto::{OPERATOR_PREFIXES, new_key};
pub use http::caller::KEY_PREFIXES;
pub use http::key_directory::claim as claim_of_key;
pub use ledger::{Beside, Ledger, Origin, idempotency};
pub use operate::verify::verify;
pub use server::Server;
