//! Parts of the commands that give grants.

use crate::catalog::Name;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;

/// A pack that is sold, or credits that the operator gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Give {
    /// Sale of a pack of the catalog, by its id.
    Pack(Name),
    /// Gift of the operator, with a reason (R10).
    Goodwill {
        /// Unit of the grant: credits or training.
        unit: Unit,
        /// Number of units to give.
        amount: Amount,
        /// Instant of the expiry; `None` is never.
        expires_at: Option<Timestamp>,
        /// The only models that the grant pays for; empty is all.
        models: Vec<Name>,
    },
}
