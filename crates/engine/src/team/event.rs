//! What happened to who belongs to a workspace. For ever, like every event.

use super::{Authority, CapTerms, KeyHash, KeyTerms, Role};
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to who belongs to a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeamEvent {
    /// Somebody was asked to join.
    Invited {
        /// The invitation's number.
        invitation: u32,
        /// The address it is bound to.
        email: Name,
        /// What they would be.
        role: Role,
        /// From when on it is dead.
        expires_at: Timestamp,
    },
    /// An invitation was taken back.
    InvitationWithdrawn {
        /// The invitation.
        invitation: u32,
    },
    /// Somebody is a member now.
    MemberJoined {
        /// Who.
        user: UserId,
        /// Their address.
        email: Name,
        /// What they are to it.
        role: Role,
        /// The invitation they accepted, which is used up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        invitation: Option<u32>,
    },
    /// A member is something else now.
    RoleChanged {
        /// Who.
        user: UserId,
        /// What.
        role: Role,
    },
    /// A member may spend another amount.
    MemberCapped {
        /// Who.
        user: UserId,
        /// How much; `None` is as much as there is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cap: Option<CapTerms>,
    },
    /// A member is none any more, and their keys are gone (R35).
    MemberLeft {
        /// Who.
        user: UserId,
    },
    /// A key was made.
    KeyMade {
        /// Its number.
        key: u32,
        /// Of its secret.
        hash: KeyHash,
        /// How its secret ends.
        last4: String,
        /// Whose it is; `None` is the workspace's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<UserId>,
        /// Who made it; `None` is the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made_by: Option<UserId>,
        /// What it was given.
        terms: KeyTerms,
    },
    /// A key was given something else.
    KeyChanged {
        /// The key.
        key: u32,
        /// What it has now.
        terms: KeyTerms,
    },
    /// Somebody looked at a key whose maker had left.
    KeyReviewed {
        /// The key.
        key: u32,
    },
    /// A key got another secret.
    KeyRotated {
        /// The key.
        key: u32,
        /// Of its new secret.
        hash: KeyHash,
        /// How its new secret ends.
        last4: String,
        /// From when on the old one is dead.
        until: Timestamp,
    },
    /// A key was switched off.
    KeyFrozen {
        /// The key.
        key: u32,
        /// Why.
        reason: Name,
        /// With whose authority: nobody with less switches it on.
        #[serde(default, skip_serializing_if = "Authority::is_owner")]
        by: Authority,
    },
    /// It was switched on again.
    KeyUnfrozen {
        /// The key.
        key: u32,
    },
    /// A key was ended.
    KeyRevoked {
        /// The key.
        key: u32,
    },
}

impl TeamEvent {
    /// The event's name, as it stands in the journal.
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
