//! People, and blocks of people.

use serde::{Deserialize, Serialize};

/// A person who has signed in, or was named by the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Person {
    /// Id of the user, `usr_…`.
    pub id: String,
    /// Address of the person, in lower case.
    pub email: String,
    /// Instant at which the person was added.
    pub created_at: String,
    /// Ids of the workspaces that the person is a member of, `ws_…`.
    pub workspaces: Vec<String>,
    /// Block of the person; absent when not blocked.
    pub blocked: Option<Block>,
}

/// An operator's refusal of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Block {
    /// Reason that the operator gave.
    pub reason: String,
    /// Operator who blocked the person.
    pub by: String,
    /// Instant at which the person was blocked.
    pub at: String,
}

/// Block of a person to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewBlock {
    /// Reason of the block, for the audit log.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: String,
}
