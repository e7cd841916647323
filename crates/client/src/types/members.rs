//! Members of a workspace, invitations, and the audit log.

use super::{CapView, SpendCap};
use serde::{Deserialize, Serialize};

/// What a member is to the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Does everything that is not the operator's.
    Admin,
    /// Runs and reads.
    Member,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Member {
    /// `usr_…`
    pub id: String,
    /// Their address when they joined.
    pub email: String,
    /// `admin` or `member`.
    pub role: String,
    /// Whether the plan has room for them; the others wait.
    pub seated: bool,
    /// What they may spend.
    pub spend_cap: Option<CapView>,
    /// Since when.
    pub joined_at: String,
}

/// Somebody an operator's own product knows, made a member without an invitation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// E-mail.
    #[cfg_attr(feature = "schema", schema(min_length = 3, max_length = 254))]
    pub email: String,
    /// `member` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What is to be different about a member. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    /// Another role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Another cap; `null` takes it away.
    #[serde(default, deserialize_with = "crate::strict::given", skip_serializing_if = "Option::is_none")]
    pub spend_cap: Option<Option<SpendCap>>,
}

/// Somebody to be invited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Where the invitation goes; nobody else can accept it.
    #[cfg_attr(feature = "schema", schema(min_length = 3, max_length = 254))]
    pub email: String,
    /// `member` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// An invitation that waits for an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// `inv_…`
    pub id: String,
    /// Where it went.
    pub email: String,
    /// What they would be.
    pub role: String,
    /// From when on it is dead.
    pub expires_at: String,
}

/// What the link of an invitation says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The end of the link's address: the workspace's id, a dot and a signature over it and the address it went to.
    pub token: String,
}

/// A privileged act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// The journal's entry, `en_…`.
    pub entry: String,
    /// When.
    pub at: String,
    /// Who: `usr_…`, `key_…`, or an operator by the end of their key.
    pub actor: String,
    /// What.
    pub act: String,
    /// The request it came with; absent for entries of versions that did not keep it.
    pub request_id: Option<String>,
    /// In words.
    pub summary: String,
    /// What it changed, as it was.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub before: serde_json::Value,
    /// The same, as it was after.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub after: serde_json::Value,
}
