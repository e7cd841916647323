//! Events of the members, invitations and keys of a workspace, which are for ever.

use super::{Authority, CapTerms, KeyHash, KeyTerms, Role};
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An event of the members, invitations and keys of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeamEvent {
    /// A person was invited to become a member.
    Invited {
        /// Number of the invitation in the workspace.
        invitation: u32,
        /// User that the invitation is bound to; `None` in an entry of an earlier version until it is brought over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
        /// Role after the invitation is accepted.
        role: Role,
        /// Instant at which the invitation expires.
        expires_at: Timestamp,
    },
    /// An invitation was withdrawn.
    InvitationWithdrawn {
        /// Number of the invitation.
        invitation: u32,
    },
    /// A user became a member.
    MemberJoined {
        /// User who became a member.
        user: UserId,
        /// Role of the new member.
        role: Role,
        /// Number of the invitation that was accepted, and is used up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        invitation: Option<u32>,
    },
    /// A member got another role.
    RoleChanged {
        /// Member whose role changed.
        user: UserId,
        /// New role of the member.
        role: Role,
    },
    /// A member got another cap, or none.
    MemberCapped {
        /// Member whose cap changed.
        user: UserId,
        /// New cap; `None` is no cap.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cap: Option<CapTerms>,
    },
    /// A member left or was removed, with their keys (R35).
    MemberLeft {
        /// Former member of the workspace.
        user: UserId,
    },
    /// A key was made.
    KeyMade {
        /// Number of the key in the workspace.
        key: u32,
        /// SHA-256 of the key's secret.
        hash: KeyHash,
        /// Last four characters of the secret.
        last4: String,
        /// Owner of the key; `None` is the workspace itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<UserId>,
        /// User who made the key; `None` is the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made_by: Option<UserId>,
        /// Name, capabilities, limits and expiry.
        terms: KeyTerms,
    },
    /// A key got other terms.
    KeyChanged {
        /// Number of the key.
        key: u32,
        /// New terms of the key.
        terms: KeyTerms,
    },
    /// An admin confirmed a key whose maker had left.
    KeyReviewed {
        /// Number of the key.
        key: u32,
    },
    /// A key got another secret.
    KeyRotated {
        /// Number of the key.
        key: u32,
        /// SHA-256 of the new secret.
        hash: KeyHash,
        /// Last four characters of the new secret.
        last4: String,
        /// Instant until which the old secret still opens the key.
        until: Timestamp,
    },
    /// A key was frozen.
    KeyFrozen {
        /// Number of the key.
        key: u32,
        /// Reason of the freeze.
        reason: Name,
        /// Authority of the freeze: a caller with less cannot thaw the key.
        #[serde(default, skip_serializing_if = "Authority::is_owner")]
        by: Authority,
    },
    /// A key was thawed.
    KeyUnfrozen {
        /// Number of the key.
        key: u32,
    },
    /// A key was revoked.
    KeyRevoked {
        /// Number of the key.
        key: u32,
    },
}

impl TeamEvent {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            TeamEvent::Invited { .. } => "invited",
            TeamEvent::InvitationWithdrawn { .. } => "invitation_withdrawn",
            TeamEvent::MemberJoined { .. } => "member_joined",
            TeamEvent::RoleChanged { .. } => "role_changed",
            TeamEvent::MemberCapped { .. } => "member_capped",
            TeamEvent::MemberLeft { .. } => "member_left",
            TeamEvent::KeyMade { .. } => "key_made",
            TeamEvent::KeyChanged { .. } => "key_changed",
            TeamEvent::KeyReviewed { .. } => "key_reviewed",
            TeamEvent::KeyRotated { .. } => "key_rotated",
            TeamEvent::KeyFrozen { .. } => "key_frozen",
            TeamEvent::KeyUnfrozen { .. } => "key_unfrozen",
            TeamEvent::KeyRevoked { .. } => "key_revoked",
        }
    }
}
