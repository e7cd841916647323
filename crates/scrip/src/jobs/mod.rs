//! Jobs that the server does in the background, without a request.
//!
//! Invariant: work in the background only submits commands; the engine decides what they change.

pub mod scheduler;
