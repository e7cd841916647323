//! What tests share. Nothing of it ships: it is a development dependency alone.
//!
//! [`model`] is a naive workspace to judge the engine by, by subject as in the engine. [`walk`] has random commands and
//! callers, and the engine and the model side by side; [`laws`] holds what is true of the events alone.
//!
//! Invariant: whatever is random replays from one seed.

#![allow(clippy::missing_panics_doc, missing_docs, reason = "the tests' own code: its names say what it is")]

pub mod dice;
pub mod laws;
pub mod model;
pub mod walk;
