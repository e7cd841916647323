//! Exact explanations of members, invitations and keys.

use super::*;
use crate::kernel::id::UserId;
use crate::team::{CapTerms, KeyChange, KeyHash, NewKey, Role, Secret, TeamCommand};

const ADA: UserId = UserId::new(11);
const BOB: UserId = UserId::new(12);

/// Returns a story on a plan whose keys may do everything, with Ada as its admin.
fn story() -> Story {
    let mut story = pro();
    story.team(TeamCommand::Add { user: ADA, role: Role::Admin });
    story
}

/// Returns that story with Bob, who is a member.
fn with_bob() -> Story {
    let mut story = story();
    story.team(TeamCommand::Add { user: BOB, role: Role::Member });
    story
}

impl Story {
    fn team(&mut self, command: TeamCommand) -> String {
        self.then(JAN, Command::Team(command));
        let (summary, lines) = self.explanation();
        assert!(summary.ends_with(". No balance changed."), "{summary}");
        assert!(lines.iter().all(|line| line.starts_with(char::is_uppercase) || line.contains('@')), "{lines:?}");
        lines.join(" ").replace("usr_000000000000b", "usr_11").replace("usr_000000000000c", "usr_12")
    }

    fn make(&mut self, owner: Option<UserId>, new: NewKey) -> String {
        let name = if new.name.is_empty() { "robot".to_owned() } else { new.name };
        let capabilities = if new.capabilities.is_empty() { vec!["model:run".to_owned()] } else { new.capabilities };
        let new = NewKey { name, capabilities, ..new };
        let hash = KeyHash([u8::try_from(self.after.team.keyed).expect("few keys"); 32]);
        self.team(TeamCommand::MakeKey { secret: Secret { hash, last4: "x7Qd".to_owned() }, owner, new })
    }

    fn change(&mut self, change: KeyChange) -> String {
        self.team(TeamCommand::ChangeKey { key: 1, change })
    }
}

fn cap(credits: i64, every: Option<Interval>) -> CapTerms {
    CapTerms { credits: amount(credits), every }
}

#[test]
fn who_comes_and_goes_is_told() {
    let mut story = story();
    assert_eq!(story.last().replace("usr_000000000000b", "usr_11"), "ada@example.com (usr_11) joined as an admin.");
    assert_eq!(
        story.team(TeamCommand::Invite { user: BOB, role: Role::Member }),
        "Invited bob@example.com as a member. The invitation is good until 2026-02-07T12:00:00Z."
    );
    assert_eq!(
        story.team(TeamCommand::Invite { user: BOB, role: Role::Admin }),
        "Withdrew the invitation of bob@example.com. Invited bob@example.com as an admin. The invitation is good until \
         2026-02-07T12:00:00Z."
    );
    assert_eq!(story.team(TeamCommand::Withdraw { invitation: 2 }), "Withdrew the invitation of bob@example.com.");
    assert_eq!(
        story.team(TeamCommand::Add { user: BOB, role: Role::Member }),
        "bob@example.com (usr_12) joined as a member."
    );
    let role = |role| TeamCommand::ChangeMember { user: BOB, role: Some(role), cap: None };
    assert_eq!(story.team(role(Role::Admin)), "bob@example.com (usr_12) is an admin now.");
    assert_eq!(story.team(role(Role::Member)), "bob@example.com (usr_12) is a member now.");
    assert_eq!(story.team(TeamCommand::Remove { user: BOB }), "bob@example.com (usr_12) is no longer a member.");
}

#[test]
fn who_leaves_takes_their_keys_along() {
    for (keys, rest) in [(1, ", and a key of the member ended."), (2, ", and 2 keys of the member ended.")] {
        let mut story = with_bob();
        for _ in 0..keys {
            story.make(Some(BOB), NewKey::default());
        }
        story.make(None, NewKey::default());
        let said = story.team(TeamCommand::Remove { user: BOB });
        assert_eq!(said, format!("bob@example.com (usr_12) is no longer a member{rest}"));
    }
}

#[test]
fn what_a_member_may_spend_is_told() {
    let mut story = with_bob();
    for (terms, said) in [
        (Some(cap(500, None)), "500 credits in all"),
        (Some(cap(1, None)), "1 credit in all"),
        (Some(cap(0, Some(Interval::Week))), "0 credits a week"),
        (Some(cap(500, Some(Interval::Month))), "500 credits a month"),
        (Some(cap(1, Some(Interval::Year))), "1 credit a year"),
        (None, "without a cap"),
    ] {
        let command = TeamCommand::ChangeMember { user: BOB, role: None, cap: Some(terms) };
        assert_eq!(story.team(command), format!("bob@example.com (usr_12) may spend {said}."));
    }
    // A role and a cap at once are two sentences.
    let both = TeamCommand::ChangeMember { user: BOB, role: Some(Role::Admin), cap: Some(Some(cap(2, None))) };
    assert_eq!(
        story.team(both),
        "bob@example.com (usr_12) is an admin now. bob@example.com (usr_12) may spend 2 credits in all."
    );
}

#[test]
fn keys_are_told_with_what_they_may() {
    let mut story = with_bob();
    assert_eq!(
        story.make(None, NewKey::default()),
        "Made the key \"robot\" (key_7_1, …x7Qd) for the workspace. It may `model:run`."
    );
    let words = ["workflow:run", "workflow:read", "model:run"].map(str::to_owned).to_vec();
    let new = NewKey {
        name: "nightly".to_owned(),
        capabilities: words,
        models: vec![Name::from("video-standard"), Name::from("image-limited")],
        workflows: vec![Name::from("a")],
        cap: Some(cap(30, Some(Interval::Month))),
        expires_at: Some("2026-06-01T00:00:00Z".parse().expect("RFC 3339")),
        ..NewKey::default()
    };
    assert_eq!(
        story.make(Some(BOB), new),
        "Made the key \"nightly\" (key_7_2, …x7Qd) for bob@example.com (usr_12). It may `workflow:run`, \
         `workflow:read` and `model:run`, on the models video-standard, image-limited alone, on the workflows a alone, \
         and spend 30 credits a month, until 2026-06-01T00:00:00Z."
    );
}

#[test]
fn changes_of_a_key_are_told() {
    let mut story = story();
    story.make(None, NewKey::default());
    let words = vec!["model:video-standard:run".to_owned()];
    assert_eq!(
        story.change(KeyChange { capabilities: Some(words), ..KeyChange::default() }),
        "Changed the key \"robot\" (key_7_1). It may `model:video-standard:run` now."
    );
    assert_eq!(
        story.change(KeyChange { cap: Some(Some(cap(1, None))), ..KeyChange::default() }),
        "Changed the key \"robot\" (key_7_1). It may `model:video-standard:run`, and spend 1 credit in all now."
    );
    assert_eq!(
        story.change(KeyChange { name: Some("builder".to_owned()), ..KeyChange::default() }),
        "Changed the key \"robot\" (key_7_1), \"builder\" now. It may `model:video-standard:run`, and spend 1 credit in \
         all now."
    );
    let rotate = |n: u8, grace| TeamCommand::RotateKey {
        key: 1,
        secret: Secret { hash: KeyHash([n; 32]), last4: "aaaa".to_owned() },
        grace,
    };
    assert_eq!(
        story.team(rotate(100, 3_600)),
        "Rotated the secret of the key \"builder\" (key_7_1), to …aaaa. The previous secret is accepted until \
         2026-01-31T13:00:00Z."
    );
    assert_eq!(
        story.team(rotate(101, 0)),
        "Rotated the secret of the key \"builder\" (key_7_1), to …aaaa. The previous secret is no longer accepted."
    );
    let freeze = |reason: Option<&str>| TeamCommand::FreezeKey { key: 1, reason: reason.map(Name::from) };
    assert_eq!(
        story.team(freeze(Some("seen elsewhere"))),
        "Froze the key \"builder\" (key_7_1). Reason: seen elsewhere. Only the operator unfreezes it."
    );
    assert_eq!(story.team(freeze(None)), "Unfroze the key \"builder\" (key_7_1).");
    assert_eq!(story.team(TeamCommand::RevokeKey { key: 1 }), "Revoked the key \"builder\" (key_7_1).");
}

#[test]
fn a_key_that_is_kept_after_its_maker_is_told() {
    let mut story = with_bob();
    let role = TeamCommand::ChangeMember { user: BOB, role: Some(Role::Admin), cap: None };
    story.team(role);
    let new = NewKey { name: "robot".to_owned(), capabilities: vec!["model:run".to_owned()], ..NewKey::default() };
    let secret = Secret { hash: KeyHash([1; 32]), last4: "0000".to_owned() };
    story.apply_by(By::User(BOB), JAN, Command::Team(TeamCommand::MakeKey { secret, owner: None, new }));
    story.apply_by(
        By::User(BOB),
        JAN,
        Command::Team(TeamCommand::FreezeKey { key: 1, reason: Some(Name::from("holidays")) }),
    );
    assert_eq!(
        story.last(),
        "Froze the key \"robot\" (key_7_1). Reason: holidays. Only an admin or the operator unfreezes it."
    );
    story.team(TeamCommand::Remove { user: BOB });
    assert_eq!(
        story.change(KeyChange { reviewed: true, ..KeyChange::default() }),
        "Confirmed the key \"robot\" (key_7_1) after its maker had left."
    );
}
