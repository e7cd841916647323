//! Runs: leases those that wait, asks their provider for outputs, and reports what came.
//!
//! **Invariant:** no code here decides about credits; it reports facts and the engine decides.

pub mod dispatch;
