//! Bounds of a team and of purchases: keys, capabilities, invitations, members, grants and their sources, each up to
//! exactly its number.

use scrip_engine::limits::{CAPABILITIES_MAX, GRANTS_MAX, INVITATIONS_MAX, KEYS_MAX, MEMBERS_MAX, SOURCES_MAX};
use scrip_engine::payments::{Goods, Payment};
use scrip_engine::team::{KeyHash, NewKey, Role, Secret, TeamCommand, Tenancy};
use scrip_engine::{
    Amount, By, Catalogs, Choice, Command, Give, GrantCommand, Mode, Name, PaymentCommand, Profile, Timestamp, UserId,
    Workspace, WorkspaceCommand, WorkspaceId, apply, parse_catalog,
};
use std::sync::Arc;

/// A workspace of Ada's, on a plan without a limit of members.
struct Desk(Catalogs, Workspace);

impl Desk {
    fn open() -> Desk {
        let mut catalogs = Catalogs::default();
        let text = include_str!("../catalogs/rights.toml");
        catalogs.publish(Timestamp::default(), Arc::new(parse_catalog(text).expect("the catalog is right")));
        let choice = Choice { plan: Name::from("many"), interval: None, allowance: None, approve: Vec::new() };
        let open = Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: None,
            profile: Profile { name: "Ada".to_owned(), owner: None, external_id: None },
            lifetime_allowed: true,
            choice: Some(choice),
            tenancy: Tenancy::Team,
            owner: Some(UserId::new(1)),
        });
        let unopened = Workspace::new(WorkspaceId::new(7));
        let opened = apply(&unopened, &catalogs, By::Operator, &open, Timestamp::from_micros(1)).expect("it opens");
        Desk(catalogs, opened.workspace)
    }

    fn ask(&mut self, by: By, command: TeamCommand) -> &'static str {
        match apply(&self.1, &self.0, by, &Command::Team(command), self.1.at) {
            Ok(applied) => {
                self.1 = applied.workspace;
                "ok"
            }
            Err(refusal) => refusal.code(),
        }
    }

    fn key(&mut self, n: usize, capabilities: Vec<String>, models: usize) -> &'static str {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_le_bytes());
        let new = NewKey {
            name: format!("key {n}"),
            capabilities,
            models: vec![Name::from("image"); models],
            ..NewKey::default()
        };
        let secret = Secret { hash: KeyHash(hash), last4: "0000".to_owned() };
        self.ask(By::Operator, TeamCommand::MakeKey { secret, owner: None, new })
    }
}

fn person(n: usize) -> UserId {
    UserId::new(100 + n as u64)
}

#[test]
fn a_hundred_keys_with_a_hundred_capabilities() {
    let mut desk = Desk::open();
    let words = |count: usize| (0..count).map(|n| format!("workflow:w{n}:run")).collect::<Vec<_>>();
    assert_eq!(desk.key(0, words(CAPABILITIES_MAX + 1), 0), "LIMIT_EXCEEDED");
    assert_eq!(desk.key(0, words(CAPABILITIES_MAX), CAPABILITIES_MAX + 1), "LIMIT_EXCEEDED");
    assert_eq!(desk.key(0, words(CAPABILITIES_MAX), CAPABILITIES_MAX), "ok");
    assert_eq!(desk.1.team.keys[0].terms.capabilities.len(), CAPABILITIES_MAX);
    assert_eq!(desk.key(0, words(1), 0), "INVALID_REQUEST", "a secret is of one key");
    for n in 1..KEYS_MAX {
        assert_eq!(desk.key(n, words(1), 0), "ok");
    }
    assert_eq!(desk.key(KEYS_MAX, words(1), 0), "LIMIT_EXCEEDED");
    assert_eq!(desk.ask(By::Operator, TeamCommand::RevokeKey { key: 1 }), "ok");
    assert_eq!(desk.key(0, words(1), 0), "ok", "the secret of a revoked key is free again");
    assert_eq!(desk.1.team.keys.last().map(|key| key.n), Some(101), "and its number is not given to another key");
}

#[test]
fn a_hundred_invitations_and_a_thousand_members() {
    let mut desk = Desk::open();
    let invite = |desk: &mut Desk, n| {
        desk.ask(By::User(UserId::new(1)), TeamCommand::Invite { user: person(n), role: Role::Member })
    };
    for n in 2..=MEMBERS_MAX - INVITATIONS_MAX + 1 {
        let add = TeamCommand::Add { user: person(n), role: Role::Member };
        assert_eq!(desk.ask(By::Operator, add), "ok");
    }
    for n in 0..INVITATIONS_MAX {
        assert_eq!(invite(&mut desk, 5_000 + n), "ok");
    }
    assert_eq!(invite(&mut desk, 6_000), "LIMIT_EXCEEDED");
    assert_eq!(invite(&mut desk, 5_000), "ok", "to send one again makes it one no more");
    let open = desk.1.team.invitations.clone();
    assert_eq!(open.len(), INVITATIONS_MAX);
    let mut told = Vec::new();
    for invitation in open {
        let user = invitation.user.expect("it is bound to a user");
        told.push(desk.ask(By::User(user), TeamCommand::Join { invitation: invitation.n, user }));
    }
    // One place was gone already: the last to accept is refused.
    assert_eq!(told.iter().filter(|told| **told == "ok").count(), INVITATIONS_MAX - 1);
    assert_eq!(told.last(), Some(&"LIMIT_EXCEEDED"));
    assert_eq!(desk.1.team.members.len(), MEMBERS_MAX);
    assert_eq!(invite(&mut desk, 6_000), "LIMIT_EXCEEDED");
}

/// A payment is bound like a gift, and its grants are known however full the workspace is.
#[test]
fn as_many_grants_and_sources_as_a_workspace_keeps() {
    let mut catalogs = Catalogs::default();
    let text = include_str!("../catalogs/small.toml");
    catalogs.publish(Timestamp::default(), Arc::new(parse_catalog(text).expect("the catalog is right")));
    let open = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile: Profile { name: "Ada".to_owned(), ..Profile::default() },
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    let at = Timestamp::from_micros(1);
    let ask = |workspace: &Workspace, command: &Command| apply(workspace, &catalogs, By::Operator, command, at);
    let opened = ask(&Workspace::new(WorkspaceId::new(7)), &open).expect("it opens").workspace;
    let pays = |n: usize| {
        let price = Amount::new(100).expect("it is in range");
        let (source, currency, bought) =
            (Name::from(format!("ch-{n}")), Name::from("eur"), Goods::Pack(Name::from("ten")));
        Command::Payment(PaymentCommand::Record(Payment {
            source,
            price,
            paid: price,
            currency,
            bought,
            offered: None,
            top_up: None,
            given: Amount::ZERO,
        }))
    };
    let given = |n: usize| {
        Command::Grant(GrantCommand::Give {
            give: Give::Pack(Name::from("ten")),
            source: Some(Name::from(format!("ch-{n}"))),
            reason: "sold".to_owned(),
        })
    };
    let full = |workspace: &Workspace, what: &str, beyond: usize| {
        for command in [pays(beyond), given(beyond)] {
            let refusal = ask(workspace, &command).expect_err("there is no more room");
            assert!(format!("{refusal:?}").contains(what), "{refusal:?} is not about {what}");
        }
        assert_eq!(ask(workspace, &pays(0)).expect("it is known").events.len(), 0);
    };
    let mut workspace = opened.clone();
    for n in 0..GRANTS_MAX {
        workspace = ask(&workspace, &pays(n)).expect("there is room").workspace;
    }
    full(&workspace, "grants", GRANTS_MAX);

    let mut workspace = opened;
    workspace.sources = Arc::new((0..SOURCES_MAX - 1).map(|n| Name::from(format!("ch-{n}"))).collect());
    workspace = ask(&workspace, &pays(SOURCES_MAX)).expect("there is room for one").workspace;
    full(&workspace, "sources", SOURCES_MAX + 1);
}
