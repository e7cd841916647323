//! Entries: the rows of the journal.
//!
//! Invariant: an entry says everything that a command did to one workspace.

use crate::event::DatedEvent;
use crate::kernel::id::WorkspaceId;
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that one command did to one workspace; entries stand in the order of their workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Identifier of the workspace.
    pub workspace: WorkspaceId,
    /// Sequence number of the entry in its workspace, counted from 1 without a gap.
    pub seq: u64,
    /// Instant at which the command was decided; never before the instant of the previous entry (R3).
    pub at: Timestamp,
    /// The caller: the id of a user or key, the last characters of an operator key, or a worker's name such as
    /// `scheduler`.
    pub actor: String,
    /// Name of the command in the journal.
    pub command: String,
    /// Events of the command, in their order.
    pub events: Vec<DatedEvent>,
}
