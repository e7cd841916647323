//! Commands that give grants and take them back.

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

/// A command about the grants of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantCommand {
    /// Gives a pack or goodwill credits to the workspace.
    Give {
        /// The pack, or the goodwill, to give.
        give: Give,
        /// Payment for the pack, or the operator's own name for the gift; a source is granted once, for ever (R7).
        source: Option<Name>,
        /// Reason for the grant, in the operator's words (R10).
        reason: String,
    },
    /// Takes back the rest of a grant (R10).
    Void {
        /// Number of the grant to void.
        grant: u32,
        /// Reason for the correction, in the operator's words.
        reason: String,
    },
}

impl GrantCommand {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            GrantCommand::Give { .. } => "grant",
            GrantCommand::Void { .. } => "void_grant",
        }
    }
}
