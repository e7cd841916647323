//! Tests of the parts together, below HTTP.

mod batches;
mod claims;
mod engines;
mod keys;
mod lag;
mod locks;
#[path = "../tests/common/postgres.rs"]
mod postgres;
mod rounds;
mod simulation;
