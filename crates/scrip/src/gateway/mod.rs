//! The way to the providers: leasing runs, asking for outputs, and whether what came is worth paying for.
//!
//! **Invariant:** nothing in here decides about credits; it reports facts and the engine decides.

pub mod assets;
pub mod dispatch;
mod render;
mod sandbox;
mod usable;
