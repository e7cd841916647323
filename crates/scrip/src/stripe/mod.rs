//! Stripe: our own thin client, and the catalog's plans and packs as products and prices there.
//!
//! Invariant: whatever is written there is one decision with one [`IdempotencyKey`], which its retries share.

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
