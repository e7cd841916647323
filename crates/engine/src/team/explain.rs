//! Events of members, invitations and keys, in words.

use crate::explain::scene::{Scene, Sentence};
use crate::explain::words::{join, quantity};
use crate::kernel::amount::Unit;
use crate::kernel::id::{Kind, UserId};
use crate::team::event::TeamEvent;
use crate::team::{Authority, CapTerms, KeyTerms, Role};

impl Scene<'_> {
    /// Returns the address and the id of a member.
    fn name_of_member(&self, user: UserId) -> String {
        self.addresses.get(&user).map_or_else(|| user.to_string(), |email| format!("{email} ({user})"))
    }

    /// Returns the address of a person who was invited, or else an id.
    fn name_of_invited(&self, user: Option<UserId>, invitation: u32) -> String {
        match user {
            Some(user) => self.addresses.get(&user).cloned().unwrap_or_else(|| user.to_string()),
            None => self.before.id.id_of(Kind::Invitation, invitation),
        }
    }

    /// Describes an event of the team, with the names that the workspace had before it.
    pub(crate) fn describe_team(&self, event: &TeamEvent) -> Sentence {
        let (before, at) = (self.before, self.at);
        let member = |user: &UserId| self.name_of_member(*user);
        let key = |n: &u32| {
            let id = before.id.id_of(Kind::Key, *n);
            before.team.key(*n).map_or_else(|| id.clone(), |key| format!("\"{}\" ({id})", key.terms.name))
        };
        match event {
            TeamEvent::Invited { invitation, user, role, expires_at } => Sentence::with(
                format!("Invited {} {}", self.name_of_invited(*user, *invitation), as_role(*role)),
                format!(". The invitation is good until {expires_at}."),
            ),
            TeamEvent::InvitationWithdrawn { invitation } => {
                let open = before.team.invitations.iter().find(|open| open.n == *invitation);
                let whose = self.name_of_invited(open.and_then(|open| open.user), *invitation);
                Sentence::plain(format!("Withdrew the invitation of {whose}"))
            }
            TeamEvent::MemberJoined { user, role, .. } => {
                Sentence::plain(format!("{} joined {}", member(user), as_role(*role)))
            }
            TeamEvent::RoleChanged { user, role } => Sentence::plain(format!("{} is {} now", member(user), a(*role))),
            TeamEvent::MemberCapped { user, cap } => {
                Sentence::plain(format!("{} may spend {}", member(user), describe_cap(*cap)))
            }
            TeamEvent::MemberLeft { user } => {
                let keys = before.team.keys.iter().filter(|key| key.owner == Some(*user)).count();
                let detail = match keys {
                    0 => ".".to_owned(),
                    1 => ", and a key of the member ended.".to_owned(),
                    keys => format!(", and {keys} keys of the member ended."),
                };
                Sentence::with(format!("{} is no longer a member", member(user)), detail)
            }
            TeamEvent::KeyMade { key, last4, owner, terms, .. } => {
                let whose = owner.as_ref().map_or_else(|| "the workspace".to_owned(), member);
                let id = before.id.id_of(Kind::Key, *key);
                Sentence::with(
                    format!("Made the key \"{}\" ({id}, …{last4}) for {whose}", terms.name),
                    format!(". It may {}{}.", describe_rights(terms), until(terms)),
                )
            }
            TeamEvent::KeyChanged { key: n, terms } => {
                let known = before.team.key(*n).map_or("", |key| &key.terms.name);
                let renamed = if known == terms.name { String::new() } else { format!(", \"{}\" now", terms.name) };
                let detail = format!(". It may {} now.", describe_rights(terms));
                Sentence::with(format!("Changed the key {}{renamed}", key(n)), detail)
            }
            TeamEvent::KeyReviewed { key: n } => {
                Sentence::plain(format!("Confirmed the key {} after its maker had left", key(n)))
            }
            TeamEvent::KeyRotated { key: n, last4, until, .. } => {
                let detail =
                    if at < *until { format!("is accepted until {until}") } else { "is no longer accepted".to_owned() };
                let short = format!("Rotated the secret of the key {}, to …{last4}", key(n));
                Sentence::with(short, format!(". The previous secret {detail}."))
            }
            TeamEvent::KeyFrozen { key: n, reason, by } => {
                let who = match by {
                    Authority::Owner => "",
                    Authority::Admin => " Only an admin or the operator unfreezes it.",
                    Authority::Operator => " Only the operator unfreezes it.",
                };
                Sentence::with(format!("Froze the key {}", key(n)), format!(". Reason: {reason}.{who}"))
            }
            TeamEvent::KeyUnfrozen { key: n } => Sentence::plain(format!("Unfroze the key {}", key(n))),
            TeamEvent::KeyRevoked { key: n } => Sentence::plain(format!("Revoked the key {}", key(n))),
        }
    }
}

fn a(role: Role) -> &'static str {
    match role {
        Role::Admin => "an admin",
        Role::Member => "a member",
    }
}

fn as_role(role: Role) -> String {
    format!("as {}", a(role))
}

fn describe_cap(cap: Option<CapTerms>) -> String {
    match cap {
        None => "without a cap".to_owned(),
        Some(CapTerms { credits, every }) => {
            let every = every.map_or_else(|| "in all".to_owned(), |every| format!("a {}", every.name()));
            format!("{} {every}", quantity(Unit::Credits, credits))
        }
    }
}

fn describe_rights(terms: &KeyTerms) -> String {
    let words: Vec<String> = terms.capabilities.iter().map(|capability| format!("`{capability}`")).collect();
    let mut text = join(&words);
    if !terms.models.is_empty() {
        text += &format!(", on the models {} alone", terms.models.join(", "));
    }
    if !terms.workflows.is_empty() {
        text += &format!(", on the workflows {} alone", terms.workflows.join(", "));
    }
    if terms.cap.is_some() {
        text += &format!(", and spend {}", describe_cap(terms.cap));
    }
    text
}

/// Returns the clause about a key's expiry, empty when it never expires.
fn until(terms: &KeyTerms) -> String {
    terms.expires_at.map(|end| format!(", until {end}")).unwrap_or_default()
}
