//! Members of a workspace, invitations, and the audit log.

use super::{CapView, SpendCap};
use serde::{Deserialize, Serialize};

/// Role of a member in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Changes the workspace: members, keys, plan and packs.
    Admin,
    /// Runs models and reads.
    Member,
}

/// A user in a workspace, with a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Member {
    /// Id of the user, `usr_…`.
    pub id: String,
    /// Address of the member at the time of joining.
    pub email: String,
    /// Role of the member: `admin` or `member`.
    pub role: String,
    /// `true` when the plan has room for the member; the others wait for a place.
    pub seated: bool,
    /// Cap on the member's spending, and the part that is used.
    pub spend_cap: Option<CapView>,
    /// Instant at which the member joined.
    pub joined_at: String,
}

/// User of the operator's own product, who becomes a member without an invitation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// E-mail address of the user.
    #[cfg_attr(feature = "schema", schema(min_length = 3, max_length = 254))]
    pub email: String,
    /// Role of the member; `member` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// Change of a member. An absent member of this object stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    /// New role of the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// New cap; `null` removes it.
    #[serde(default, deserialize_with = "crate::strict::read_given", skip_serializing_if = "Option::is_none")]
    pub spend_cap: Option<Option<SpendCap>>,
}

/// Invitation of a person to the workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Address that the invitation is sent to; only the owner of its mailbox can accept it.
    #[cfg_attr(feature = "schema", schema(min_length = 3, max_length = 254))]
    pub email: String,
    /// Role after the invitation is accepted; `member` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// An invitation that is not accepted yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// Id of the invitation, `inv_…`.
    pub id: String,
    /// Address that the invitation was sent to.
    pub email: String,
    /// Role after the invitation is accepted.
    pub role: String,
    /// Instant at which the invitation expires.
    pub expires_at: String,
}

/// Acceptance of an invitation, by the token of its link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The end of the link's address: the workspace's id, a dot and a signature over it and the address it went to.
    pub token: String,
}

/// A privileged act in the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Id of the journal entry, `en_…`.
    pub entry: String,
    /// Instant of the act.
    pub at: String,
    /// Actor: `usr_…`, `key_…`, or an operator by the last characters of the operator key.
    pub actor: String,
    /// Name of the act.
    pub act: String,
    /// Id of the request that the act came with; absent for entries of versions that did not keep it.
    pub request_id: Option<String>,
    /// The act in one sentence.
    pub summary: String,
    /// The things that the act changed, with their values before it.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub before: serde_json::Value,
    /// The same things, with their values after it.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub after: serde_json::Value,
}
