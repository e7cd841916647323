//! Stripe: Scrip's own client of its API, and the catalog's plans and packs as products and prices there.
//!
//! Invariant: each write to Stripe is one decision with one [`IdempotencyKey`], which its retries share.

pub mod client;
pub mod error;
pub mod form;
pub mod key;
pub mod objects;
pub mod offers;
pub mod pace;
pub mod sync;

pub use client::Client;
pub use error::Error;
pub use key::IdempotencyKey;

#[cfg(test)]
mod tests;
