//! The parts of commands about grants.

use crate::catalog::Name;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;

/// A sale or a gift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Give {
    /// A pack of the catalog, sold.
    Pack(Name),
    /// Goodwill (R10).
    Goodwill {
        /// What it counts.
        unit: Unit,
        /// How much.
        amount: Amount,
        /// From when on it is dead.
        expires_at: Option<Timestamp>,
        /// The only models it pays for; empty is all.
        models: Vec<Name>,
    },
}
