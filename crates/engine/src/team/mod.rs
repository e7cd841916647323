//! The team of a workspace: its members, invitations, keys and their rights.

mod cap;
mod command;
pub(crate) mod decide;
pub mod event;
mod evolve;
mod explain;
mod key;
pub(crate) mod rights;
mod state;

pub use cap::{Cap, CapTerms};
pub use command::{KeyChange, NewKey, Secret, TeamCommand};
pub(crate) use evolve::{evolve, give_back, spend};
pub use key::{Authority, Key, KeyHash, KeyTerms, RetiredSecret};
pub use state::{Invitation, Member, Role, Spender, Team, Tenancy};
