//! Commands about the members, invitations and keys of a workspace.

use super::{CapTerms, KeyHash, Role};
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;

/// New secret of a key; the secret itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// SHA-256 of the secret.
    pub hash: KeyHash,
    /// Last four characters of the secret.
    pub last4: String,
}

/// Key to be made, without its secret and owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewKey {
    /// Name of the key for people.
    pub name: String,
    /// Capabilities of the key, in the vocabulary's words.
    pub capabilities: Vec<String>,
    /// Preset of the catalog that stands in place of capabilities.
    pub preset: Option<Name>,
    /// Ids of the only models that the key may run; empty is all.
    pub models: Vec<Name>,
    /// The only workflows that the key may run; empty is all.
    pub workflows: Vec<Name>,
    /// Cap on what the key may spend.
    pub cap: Option<CapTerms>,
    /// Instant at which the key expires; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// Change of a key. A field that is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// New name of the key.
    pub name: Option<String>,
    /// New capabilities, in the vocabulary's words.
    pub capabilities: Option<Vec<String>>,
    /// New cap; `Some(None)` removes it.
    pub cap: Option<Option<CapTerms>>,
    /// `true` confirms a key of the workspace whose maker has left.
    pub reviewed: bool,
}

/// A command about the members, invitations and keys of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeamCommand {
    /// Invites a person to become a member (R35).
    Invite {
        /// User that the invitation is bound to, who need not have signed in yet.
        user: UserId,
        /// Role after the invitation is accepted.
        role: Role,
    },
    /// Withdraws an open invitation.
    Withdraw {
        /// Number of the invitation.
        invitation: u32,
    },
    /// Accepts an open invitation.
    Join {
        /// Number of the invitation.
        invitation: u32,
        /// User who accepts it.
        user: UserId,
    },
    /// Makes a user of the operator's own product a member, without an invitation.
    Add {
        /// User to become a member.
        user: UserId,
        /// Role of the new member.
        role: Role,
    },
    /// Changes a member's role or cap.
    ChangeMember {
        /// Member to be changed.
        user: UserId,
        /// New role; `None` leaves it.
        role: Option<Role>,
        /// New cap; `Some(None)` removes it.
        cap: Option<Option<CapTerms>>,
    },
    /// Removes a member; a member can remove themselves.
    Remove {
        /// Member to be removed.
        user: UserId,
    },
    /// Makes a key of the workspace.
    MakeKey {
        /// Secret of the key.
        secret: Secret,
        /// Owner of the key; `None` is the workspace itself.
        owner: Option<UserId>,
        /// Name, capabilities, limits and expiry.
        new: NewKey,
    },
    /// Changes a key's name, capabilities or cap.
    ChangeKey {
        /// Number of the key.
        key: u32,
        /// Change of the key.
        change: KeyChange,
    },
    /// Replaces the secret of a key.
    RotateKey {
        /// Number of the key.
        key: u32,
        /// New secret of the key.
        secret: Secret,
        /// Time for which the old secret still opens the key, in seconds.
        grace: i64,
    },
    /// Freezes or thaws a key.
    FreezeKey {
        /// Number of the key.
        key: u32,
        /// Reason of the freeze; `None` thaws the key.
        reason: Option<Name>,
    },
    /// Revokes a key for ever.
    RevokeKey {
        /// Number of the key.
        key: u32,
    },
}

impl TeamCommand {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            TeamCommand::Invite { .. } => "invite",
            TeamCommand::Withdraw { .. } => "withdraw_invitation",
            TeamCommand::Join { .. } => "join",
            TeamCommand::Add { .. } => "add_member",
            TeamCommand::ChangeMember { .. } => "change_member",
            TeamCommand::Remove { .. } => "remove_member",
            TeamCommand::MakeKey { .. } => "make_key",
            TeamCommand::ChangeKey { .. } => "change_key",
            TeamCommand::RotateKey { .. } => "rotate_key",
            TeamCommand::FreezeKey { .. } => "freeze_key",
            TeamCommand::RevokeKey { .. } => "revoke_key",
        }
    }
}
