//! The team of a workspace: members, open invitations and keys.
//!
//! The team is part of the workspace, so that a right and the hold it allows are judged at one instant (R26).
//!
//! Invariant: a workspace that has members has an admin among them, and the owner of a key is a member.

use super::{Cap, Key, KeyHash};
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Kind of a workspace by its members: one person's, or a team's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tenancy {
    /// Others can be invited, as far as the plan allows.
    #[default]
    Team,
    /// The workspace of one person: it stays with them whatever they join or leave (R35).
    Personal,
}

impl Tenancy {
    /// Returns `true` for the value that an absent field means.
    pub fn is_team(&self) -> bool {
        *self == Tenancy::Team
    }
}

/// Role of a member in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs models and reads.
    Member,
    /// Does everything that is not the operator's: members, keys of the workspace, workflows, plan and packs.
    Admin,
}

impl Role {
    /// Returns the role's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Admin => "admin",
        }
    }
}

/// A user in a workspace, with a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// User who is the member.
    pub user: UserId,
    /// Role of the member in the workspace.
    pub role: Role,
    /// Instant at which the member joined.
    pub joined_at: Timestamp,
    /// Cap on what the member may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
}

/// An invitation that is not accepted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Number of the invitation in the workspace, starting at 1.
    pub n: u32,
    /// User that the invitation is bound to; `None` for an entry of an earlier version that was not brought over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Role after the invitation is accepted.
    pub role: Role,
    /// Instant at which the invitation expires.
    pub expires_at: Timestamp,
}

/// Key and member whose caps a run counts against: the key that it came with, and the key's owner or the member who
/// ran it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spender {
    /// Number of the key, if the run came with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// Member whose cap counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<UserId>,
}

/// Members, invitations and keys of a workspace.
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
    /// Number of invitations ever made, which is the number of the last one.
    #[serde(default)]
    pub invited: u32,
    /// Number of keys ever made, which is the number of the last one.
    #[serde(default)]
    pub keyed: u32,
}

impl Team {
    /// Returns the member who is a user.
    pub fn member(&self, user: UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user == user)
    }

    pub(crate) fn member_mut(&mut self, user: UserId) -> &mut Member {
        let member = self.members.iter_mut().find(|member| member.user == user);
        member.expect("events name members that belong to the workspace")
    }

    /// Returns the number of admins.
    pub fn admins(&self) -> usize {
        self.members.iter().filter(|member| member.role == Role::Admin).count()
    }

    /// Returns `true` if a member is among as many as the plan has room for: admins first, then in the order of
    /// joining. The others wait until a member leaves or the plan has more room.
    pub fn has_seat(&self, user: UserId, limit: Option<u32>) -> bool {
        let Some(limit) = limit.filter(|limit| self.members.len() > *limit as usize) else { return true };
        let admins = self.members.iter().filter(|member| member.role == Role::Admin);
        let others = self.members.iter().filter(|member| member.role == Role::Member);
        admins.chain(others).take(limit as usize).any(|member| member.user == user)
    }

    /// Returns an invitation that can still be accepted, by its number.
    pub fn invitation(&self, n: u32, at: Timestamp) -> Option<&Invitation> {
        self.invitations.iter().find(|invitation| invitation.n == n && at < invitation.expires_at)
    }

    /// Returns a key by its number, expired or not.
    pub fn key(&self, n: u32) -> Option<&Key> {
        self.keys.iter().find(|key| key.n == n)
    }

    pub(crate) fn key_mut(&mut self, n: u32) -> &mut Key {
        self.keys.iter_mut().find(|key| key.n == n).expect("events name keys that are there")
    }

    /// Returns the key that a secret opens at an instant.
    pub fn find_by_secret(&self, secret: &KeyHash, at: Timestamp) -> Option<&Key> {
        self.keys.iter().find(|key| key.is_opened_by(secret, at))
    }

    /// Returns `true` for a key of the workspace whose maker has left and which no admin has confirmed since.
    pub fn is_orphan(&self, key: &Key) -> bool {
        key.owner.is_none() && !key.reviewed && key.made_by.is_some_and(|maker| self.member(maker).is_none())
    }
}
