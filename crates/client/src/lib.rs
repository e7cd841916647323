//! The Rust client of the Scrip API.
mod strict;
pub mod types;
