//! One journal row: what a command did to one workspace.

use crate::event::Dated;
use crate::kernel::id::WorkspaceId;
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a command did to one workspace, in the order of that workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Counts from 1 without a gap.
    pub seq: u64,
    /// When it was decided; never before the entry before it (R3).
    pub at: Timestamp,
    /// Who asked: an operator key's last characters, `worker`, `scheduler`.
    pub actor: String,
    /// The command's name.
    pub command: String,
    /// What happened, in order.
    pub events: Vec<Dated>,
}
