//! Values that every subject is made of: amounts, instants, ids, bounds and texts.
//!
//! Invariant: no module here depends on the state of a workspace.

pub(crate) mod amount;
pub(crate) mod id;
pub(crate) mod invalid;
pub mod limits;
pub(crate) mod money;
pub(crate) mod rate_limit;
pub mod text;
pub(crate) mod time;
