//! Folding the events of the team.

use crate::holds::Hold;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::team::event::TeamEvent;
use crate::team::{Cap, CapTerms, Invitation, Key, Member, RetiredSecret, Spender};
use crate::workspace::Workspace;
use std::sync::Arc;

/// Folds an event of the team into the workspace.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &TeamEvent) {
    let next_hold = workspace.next_hold;
    let team = Arc::make_mut(&mut workspace.team);
    match event {
        TeamEvent::Invited { invitation, user, role, expires_at } => {
            // Expired invitations are forgotten here, so that they do not pile up.
            team.invitations.retain(|open| at < open.expires_at);
            team.invited = *invitation;
            let (user, role, expires_at) = (*user, *role, *expires_at);
            team.invitations.push(Invitation { n: *invitation, user, role, expires_at });
        }
        TeamEvent::InvitationWithdrawn { invitation } => team.invitations.retain(|open| open.n != *invitation),
        TeamEvent::MemberJoined { user, role, invitation } => {
            team.invitations.retain(|open| Some(open.n) != *invitation);
            team.members.push(Member { user: *user, role: *role, joined_at: at, cap: None });
        }
        TeamEvent::RoleChanged { user, role } => team.member_mut(*user).role = *role,
        TeamEvent::MemberCapped { user, cap } => {
            let member = team.member_mut(*user);
            member.cap = change_cap(member.cap, *cap, at, next_hold);
        }
        TeamEvent::MemberLeft { user } => {
            team.members.retain(|member| member.user != *user);
            team.keys.retain(|key| key.owner != Some(*user));
        }
        TeamEvent::KeyMade { key, hash, last4, owner, made_by, terms } => {
            team.keyed = *key;
            team.keys.push(Key {
                n: *key,
                hash: *hash,
                last4: last4.clone(),
                retired: None,
                cap: change_cap(None, terms.cap, at, next_hold),
                terms: terms.clone(),
                owner: *owner,
                made_by: *made_by,
                reviewed: false,
                made_at: at,
                frozen: None,
            });
        }
        TeamEvent::KeyChanged { key, terms } => {
            let key = team.key_mut(*key);
            key.cap = change_cap(key.cap, terms.cap, at, next_hold);
            key.terms = terms.clone();
        }
        TeamEvent::KeyReviewed { key } => team.key_mut(*key).reviewed = true,
        TeamEvent::KeyRotated { key, hash, last4, until } => {
            let key = team.key_mut(*key);
            let retired = RetiredSecret { hash: key.hash, until: *until };
            key.retired = (at < *until).then_some(retired);
            (key.hash, key.last4) = (*hash, last4.clone());
        }
        TeamEvent::KeyFrozen { key, reason, by } => {
            team.key_mut(*key).frozen = Some((reason.clone(), *by));
        }
        TeamEvent::KeyUnfrozen { key } => team.key_mut(*key).frozen = None,
        TeamEvent::KeyRevoked { key } => team.keys.retain(|open| open.n != *key),
    }
}

/// Returns a cap on new terms; what was spent stays counted where the interval stays.
fn change_cap(cap: Option<Cap>, terms: Option<CapTerms>, at: Timestamp, next_hold: u32) -> Option<Cap> {
    let terms = terms?;
    Some(cap.map_or_else(|| Cap::new(terms, at, next_hold), |cap| cap.with(terms, at, next_hold)))
}

/// Counts the units that a hold took against the caps of the member and key it is for.
pub(crate) fn spend(workspace: &mut Workspace, by: Option<Spender>, unit: Unit, amount: Amount, at: Timestamp) {
    with_caps(workspace, by, unit, amount, |cap| cap.spend(amount, at));
}

/// Takes the released part of an ended hold off the caps that it was counted against (R30).
pub(crate) fn give_back(workspace: &mut Workspace, hold: &Hold, amount: Amount) {
    with_caps(workspace, hold.by, hold.unit, amount, |cap| cap.give_back(amount, hold.n, hold.opened_at));
}

fn with_caps(workspace: &mut Workspace, by: Option<Spender>, unit: Unit, amount: Amount, change: impl Fn(&mut Cap)) {
    let Some(by) = by.filter(|_| unit == Unit::Credits && !amount.is_zero()) else { return };
    let team = &workspace.team;
    let key = by.key.filter(|n| team.key(*n).is_some_and(|key| key.cap.is_some()));
    let member = by.member.filter(|user| team.member(*user).is_some_and(|member| member.cap.is_some()));
    if key.is_none() && member.is_none() {
        return;
    }
    let team = Arc::make_mut(&mut workspace.team);
    let of_key = key.and_then(|n| team.key_mut(n).cap.as_mut());
    if let Some(cap) = of_key {
        change(cap);
    }
    if let Some(cap) = member.and_then(|user| team.member_mut(user).cap.as_mut()) {
        change(cap);
    }
}
