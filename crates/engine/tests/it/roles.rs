//! Every change of a role: from each, to each, by each, on the last admin or not (R35).
//!
//! Ada is an admin, and Bob is the member in question; *last* says that Bob is the only admin left.

use scrip_engine::team::{KeyHash, NewKey, Role, Secret, TeamCommand, Tenancy};
use scrip_engine::{
    By, Catalogs, Choice, Command, Mode, Name, Profile, Timestamp, UserId, Workspace, WorkspaceCommand, WorkspaceId,
    apply, parse_catalog,
};
use std::sync::Arc;

const ADA: UserId = UserId::new(1);
const BOB: UserId = UserId::new(2);
const EVE: UserId = UserId::new(3);
const STRANGER: UserId = UserId::new(4);
const KEY: KeyHash = KeyHash([9; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Admin,
    Member,
    Removed,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Operator,
    Admin,
    Itself,
    Member,
    Stranger,
    Key,
}

use To::{Admin as ToAdmin, Member as ToMember, Removed};

/// Rows: Bob's role, his role afterwards, `true` if he is the last admin; then the answer to each caller, in the
/// order operator, another admin, Bob himself, another member, a stranger, a key of the workspace with every
/// capability. A dash is where there cannot be such a caller.
const TABLE: [(Option<Role>, To, bool, [&str; 6]); 12] = {
    const NO: &str = "CAPABILITY_REQUIRED";
    const LAST: &str = "INVALID_REQUEST";
    const GONE: &str = "NOT_FOUND";
    const ADMIN: Option<Role> = Some(Role::Admin);
    const MEMBER: Option<Role> = Some(Role::Member);
    [
        (ADMIN, ToAdmin, false, ["ok", "ok", "ok", NO, GONE, NO]),
        (ADMIN, ToAdmin, true, ["ok", "-", "ok", NO, GONE, NO]),
        (ADMIN, ToMember, false, ["ok", "ok", "ok", NO, GONE, NO]),
        (ADMIN, ToMember, true, [LAST, "-", LAST, NO, GONE, NO]),
        (ADMIN, Removed, false, ["ok", "ok", "ok", NO, GONE, NO]),
        (ADMIN, Removed, true, [LAST, "-", LAST, NO, GONE, NO]),
        (MEMBER, ToAdmin, false, ["ok", "ok", NO, NO, GONE, NO]),
        (MEMBER, ToMember, false, ["ok", "ok", NO, NO, GONE, NO]),
        (MEMBER, Removed, false, ["ok", "ok", "ok", NO, GONE, NO]),
        (None, ToAdmin, false, [GONE, GONE, GONE, NO, GONE, NO]),
        (None, ToMember, false, [GONE, GONE, GONE, NO, GONE, NO]),
        (None, Removed, false, [GONE, GONE, GONE, NO, GONE, NO]),
    ]
};

fn catalogs() -> Catalogs {
    let mut catalogs = Catalogs::default();
    let text = include_str!("../catalogs/rights.toml");
    catalogs.publish(Timestamp::default(), Arc::new(parse_catalog(text).expect("the catalog is right")));
    catalogs
}

fn team(catalogs: &Catalogs, workspace: &mut Workspace, by: By, command: TeamCommand) -> &'static str {
    match apply(workspace, catalogs, by, &Command::Team(command), workspace.at) {
        Ok(applied) => {
            *workspace = applied.workspace;
            "ok"
        }
        Err(refusal) => refusal.code(),
    }
}

/// Returns a workspace with Ada and Eve, and Bob in the given role.
fn scene(catalogs: &Catalogs, bob: Option<Role>, last: bool) -> Workspace {
    let choice = Choice { plan: Name::from("many"), interval: None, allowance: None, approve: Vec::new() };
    let open = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile: Profile { name: "Ada".to_owned(), owner: None, external_id: None },
        lifetime_allowed: true,
        choice: Some(choice),
        tenancy: Tenancy::Team,
        owner: Some(ADA),
    });
    let unopened = Workspace::new(WorkspaceId::new(7));
    let opened = apply(&unopened, catalogs, By::Operator, &open, Timestamp::from_micros(1)).expect("it opens");
    let mut workspace = opened.workspace;
    let mut must = |command| assert_eq!(team(catalogs, &mut workspace, By::Operator, command), "ok");
    must(TeamCommand::Add { user: EVE, role: Role::Member });
    if let Some(role) = bob {
        must(TeamCommand::Add { user: BOB, role });
    }
    let capabilities =
        ["workflow:run", "workflow:read", "workflow:write", "webhook:receive", "model:run", "agent:invoke"];
    let new = NewKey {
        name: "robot".to_owned(),
        capabilities: capabilities.map(str::to_owned).to_vec(),
        ..NewKey::default()
    };
    must(TeamCommand::MakeKey { secret: Secret { hash: KEY, last4: "9999".to_owned() }, owner: None, new });
    if last {
        must(TeamCommand::Remove { user: ADA });
    }
    workspace
}

#[test]
fn every_change_of_a_role_by_everybody() {
    let catalogs = catalogs();
    let callers = [
        (Who::Operator, By::Operator),
        (Who::Admin, By::User(ADA)),
        (Who::Itself, By::User(BOB)),
        (Who::Member, By::User(EVE)),
        (Who::Stranger, By::User(STRANGER)),
        (Who::Key, By::Key(KEY)),
    ];
    for (bob, to, last, expected) in TABLE {
        for ((who, by), expected) in callers.into_iter().zip(expected) {
            if expected == "-" {
                continue;
            }
            let before = scene(&catalogs, bob, last);
            let mut workspace = before.clone();
            let command = match to {
                To::Removed => TeamCommand::Remove { user: BOB },
                To::Admin => TeamCommand::ChangeMember { user: BOB, role: Some(Role::Admin), cap: None },
                To::Member => TeamCommand::ChangeMember { user: BOB, role: Some(Role::Member), cap: None },
            };
            let told = team(&catalogs, &mut workspace, by, command);
            assert_eq!(told, expected, "{bob:?} to {to:?} by {who:?}, last: {last}");
            let role = workspace.team.member(BOB).map(|member| member.role);
            let wanted = match to {
                _ if told != "ok" => bob,
                To::Removed => None,
                To::Admin => Some(Role::Admin),
                To::Member => Some(Role::Member),
            };
            assert_eq!(role, wanted, "{bob:?} to {to:?} by {who:?}, last: {last}");
            if told != "ok" || role == bob {
                assert_eq!(workspace, before, "nothing else happened");
            }
            assert!(workspace.team.admins() > 0, "there is always an admin");
        }
    }
}
