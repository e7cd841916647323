//! The way to the providers: what is made, and whether what was made is worth paying for.
//!
//! **Invariant:** nothing in here decides about credits; it reports facts and the engine decides.

pub mod render;
pub mod usable;
