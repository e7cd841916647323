//! Deliveries that others make of their own accord.

pub mod stripe;
