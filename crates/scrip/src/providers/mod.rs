//! Providers: those who run models.
//!
//! Invariant: a provider reports what became of a run, and decides nothing about credits.

pub mod sandbox;
