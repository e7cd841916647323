//! Scrip.

mod gateway;

fn main() {}
