//! Tests of the parts together, below HTTP.

mod batches;
mod engines;
mod locks;
#[path = "../tests/common/postgres.rs"]
pub mod postgres;
mod roles;
mod simulation;
