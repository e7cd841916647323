//! Who belongs to a workspace: its members, those invited, and its keys.
//!
//! They are part of the workspace, so that a right and the hold it allows are judged at one instant (R26).
//!
//! Invariant: a workspace that has members has an admin among them, and no key belongs to somebody who is no member.

use super::{Cap, Key, KeyHash};
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a workspace is one person's or may have others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tenancy {
    /// Others can be invited, as far as the plan allows.
    #[default]
    Team,
    /// One person's alone: it stays with them whatever they join or leave (R35).
    Personal,
}

impl Tenancy {
    /// Whether it is what an absent field means.
    pub fn is_team(&self) -> bool {
        *self == Tenancy::Team
    }
}

/// What a member is to the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs and reads.
    Member,
    /// Does everything that is not the operator's: members, keys of the workspace, workflows, billing.
    Admin,
}

impl Role {
    /// The role's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Admin => "admin",
        }
    }
}

/// Somebody who belongs to the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Their address when they joined.
    pub email: Name,
    /// What they are to it.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// What they may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
}

/// Somebody who was asked to join, and has not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Its number in the workspace, from 1.
    pub n: u32,
    /// The address it is bound to.
    pub email: Name,
    /// What they would be.
    pub role: Role,
    /// From when on it is dead.
    pub expires_at: Timestamp,
}

/// Whose runs count against which caps: the key they came with, and the member it belongs to or who ran them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spender {
    /// The key's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// The member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<UserId>,
}

/// Everybody who may act in a workspace besides the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Members in the order they joined.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Open invitations by number.
    #[serde(default)]
    pub invitations: Vec<Invitation>,
    /// Keys by number; revoked ones are gone.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Invitations there ever were.
    #[serde(default)]
    pub invited: u32,
    /// Keys there ever were.
    #[serde(default)]
    pub keyed: u32,
}

impl Team {
    /// A member.
    pub fn member(&self, user: UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user == user)
    }

    pub(crate) fn member_mut(&mut self, user: UserId) -> &mut Member {
        let member = self.members.iter_mut().find(|member| member.user == user);
        member.expect("events name members that belong to the workspace")
    }

    /// How many admins there are.
    pub fn admins(&self) -> usize {
        self.members.iter().filter(|member| member.role == Role::Admin).count()
    }

    /// Whether a member is among as many as the plan has: admins first, then by when they joined. The others wait until
    /// somebody leaves or the plan has more.
    pub fn has_seat(&self, user: UserId, limit: Option<u32>) -> bool {
        let Some(limit) = limit.filter(|limit| self.members.len() > *limit as usize) else { return true };
        let admins = self.members.iter().filter(|member| member.role == Role::Admin);
        let others = self.members.iter().filter(|member| member.role == Role::Member);
        admins.chain(others).take(limit as usize).any(|member| member.user == user)
    }

    /// An invitation that can still be accepted.
    pub fn invitation(&self, n: u32, at: Timestamp) -> Option<&Invitation> {
        self.invitations.iter().find(|invitation| invitation.n == n && at < invitation.expires_at)
    }

    /// A key by its number, expired or not.
    pub fn key(&self, n: u32) -> Option<&Key> {
        self.keys.iter().find(|key| key.n == n)
    }

    pub(crate) fn key_mut(&mut self, n: u32) -> &mut Key {
        self.keys.iter_mut().find(|key| key.n == n).expect("events name keys that are there")
    }

    /// The key that a secret opens at an instant.
    pub fn opened_by(&self, secret: &KeyHash, at: Timestamp) -> Option<&Key> {
        self.keys.iter().find(|key| key.is_opened_by(secret, at))
    }

    /// Keys that nobody answers for any more: those of the workspace whose maker has left.
    pub fn is_orphan(&self, key: &Key) -> bool {
        key.owner.is_none() && !key.reviewed && key.made_by.is_some_and(|maker| self.member(maker).is_none())
    }
}
