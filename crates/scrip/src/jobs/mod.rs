//! Background work: tasks with names, and the driver that runs them.
//!
//! Invariant: work in the background only submits commands; the engine decides what they change.

pub mod driver;
pub mod local_leases;
pub mod scheduler;
pub mod work;
