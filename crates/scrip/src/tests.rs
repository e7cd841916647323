//! Tests of the parts together, below HTTP.

mod batches;
mod claims;
mod engines;
mod locks;
#[path = "../tests/common/postgres.rs"]
mod postgres;
mod simulation;
