//! Tests of the parts together, below HTTP.

mod locks;
mod simulation;
