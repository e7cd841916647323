//! Tests of the parts together, below HTTP.

mod simulation;
