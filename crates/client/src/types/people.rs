//! People, and blocking them.

use serde::{Deserialize, Serialize};

/// A person who has signed in, or was named by the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Person {
    /// `usr_…`
    pub id: String,
    /// Their address, in lower case.
    pub email: String,
    /// Instant at which they were added.
    pub created_at: String,
    /// The workspaces they belong to, `ws_…`.
    pub workspaces: Vec<String>,
    /// Their block, if they are blocked.
    pub blocked: Option<Block>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Block {
    /// The operator's reason.
    pub reason: String,
    /// The operator who blocked them.
    pub by: String,
    /// Instant of the block.
    pub at: String,
}

/// A block to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewBlock {
    /// The reason, for the audit log.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}
