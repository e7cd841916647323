//! Scrip: credits, plans, access and the run gateway behind a generative image and video product.

mod assets;
mod benchmark;
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

use scrip_store::{self as store, clock, files};
