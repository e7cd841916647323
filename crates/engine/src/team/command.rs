//! What can be asked about who belongs to a workspace.

use super::{CapTerms, KeyHash, Role};
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;

/// A new secret for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its SHA-256.
    pub hash: KeyHash,
    /// How it ends.
    pub last4: String,
}

/// A key as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewKey {
    /// What people know it by.
    pub name: String,
    /// What it may do, in the vocabulary's words.
    pub capabilities: Vec<String>,
    /// A preset of the catalog that says what it may do instead.
    pub preset: Option<Name>,
    /// The only models it may run; empty is all.
    pub models: Vec<Name>,
    /// The only workflows it may run; empty is all.
    pub workflows: Vec<Name>,
    /// What it may spend.
    pub cap: Option<CapTerms>,
    /// From when on it is dead.
    pub expires_at: Option<Timestamp>,
}

/// What is to be different about a key. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// Another name.
    pub name: Option<String>,
    /// Other capabilities, in the vocabulary's words.
    pub capabilities: Option<Vec<String>>,
    /// Another cap; `Some(None)` takes it away.
    pub cap: Option<Option<CapTerms>>,
    /// Somebody has looked at it after its maker had left.
    pub reviewed: bool,
}

/// What can be asked about who belongs to a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeamCommand {
    /// Ask somebody to join (R35).
    Invite {
        /// The address the invitation is bound to.
        email: Name,
        /// What they would be.
        role: Role,
    },
    /// Take an invitation back.
    Withdraw {
        /// The invitation.
        invitation: u32,
    },
    /// Accept one.
    Join {
        /// The invitation.
        invitation: u32,
        /// Who accepts.
        user: UserId,
        /// Their address.
        email: Name,
    },
    /// Make somebody a member without an invitation: an operator whose own product knows them.
    Add {
        /// Who.
        user: UserId,
        /// Their address.
        email: Name,
        /// What they are to be.
        role: Role,
    },
    /// Give a member another role or cap.
    ChangeMember {
        /// Who.
        user: UserId,
        /// Another role.
        role: Option<Role>,
        /// Another cap; `Some(None)` takes it away.
        cap: Option<Option<CapTerms>>,
    },
    /// Remove a member, or leave.
    Remove {
        /// Who.
        user: UserId,
    },
    /// Make a key.
    MakeKey {
        /// Its secret.
        secret: Secret,
        /// Whose it is; `None` is the workspace's own.
        owner: Option<UserId>,
        /// Everything else about it.
        new: NewKey,
    },
    /// Change one.
    ChangeKey {
        /// The key.
        key: u32,
        /// How.
        change: KeyChange,
    },
    /// Give one another secret.
    RotateKey {
        /// The key.
        key: u32,
        /// Its new secret.
        secret: Secret,
        /// For how many seconds the old one still opens it.
        grace: i64,
    },
    /// Switch one off, or on again.
    FreezeKey {
        /// The key.
        key: u32,
        /// Why; `None` switches it on again.
        reason: Option<Name>,
    },
    /// End one.
    RevokeKey {
        /// The key.
        key: u32,
    },
}

impl TeamCommand {
    /// The command's name in the journal.
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
