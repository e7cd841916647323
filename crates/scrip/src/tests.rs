//! Tests of the parts together, below HTTP.

mod batches;
mod locks;
mod simulation;
