//! Gateway to the providers: leases runs, asks for outputs, and checks that they are usable.
//!
//! **Invariant:** no code here decides about credits; it reports facts and the engine decides.

pub mod assets;
pub mod dispatch;
mod render;
mod sandbox;
mod usable;
