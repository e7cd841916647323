//! Operation: what operators do, see and check, apart from any one workspace.
//!
//! Invariant: what an operator does is recorded as an act, with its reason.

pub mod acts;
pub mod alerts;
pub mod export;
pub mod first_key;
pub mod operator_keys;
pub mod switches;
pub mod verify;
