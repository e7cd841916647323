//! People: their addresses, how they sign in, and the limits on what one of them may cost others.
//!
//! Invariant: a person is known by the mailbox behind an address, in one canonical form, wherever the address comes in.

pub mod allowances;
pub mod blocks;
pub mod email;
pub mod oidc;
pub mod sign_in;
