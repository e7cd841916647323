//! Deliveries that other services send by themselves.

pub mod stripe;
