//! The Rust client of the Scrip API.
pub mod types;
