//! What others deliver of their own accord.

pub mod stripe;
