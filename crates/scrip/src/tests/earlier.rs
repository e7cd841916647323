//! Journals of earlier versions, whose entries named people by address.
//!
//! Goal: they are brought over to ids, page by page; no address is left in an entry, every hash stays and is checked,
//! and the people are known as before. Method: entries as an earlier version wrote them are put into both databases by
//! hand; the last one is broken at first, so that the work is interrupted between two pages.

use crate::operate::verify::{Report, verify};
use crate::shipped;
use rusqlite::Connection;
use scrip_engine::{Timestamp, UserId, WorkspaceId, parse_catalog};
use scrip_store::journal::{GENESIS, chain, digest};
use scrip_store::rows::{entries, profiles, users};
use scrip_store::{Options, Store, Unavailable};
use scrip_testing::postgres::{Database, database};
use std::path::PathBuf;

const TEAM: WorkspaceId = WorkspaceId::new(1);
const SINGLE: WorkspaceId = WorkspaceId::new(2);
const ADA: UserId = UserId::new(11);
const CY: UserId = UserId::new(12);
const BO: UserId = UserId::new(13);

/// Journal that is opened, and changed by hand.
enum Place {
    Directory(PathBuf),
    Database(Database),
}

impl Place {
    async fn open(&self, options: Options) -> Result<Store, Unavailable> {
        match self {
            Place::Directory(path) => Store::open(path, options),
            Place::Database(database) => Store::connect(database.url(), options).await,
        }
    }

    fn run(&self, sql: &str) {
        match self {
            Place::Directory(path) => {
                let connection = Connection::open(path.join("journal.db")).expect("it is there");
                connection.execute_batch(sql).expect("it is good");
            }
            Place::Database(database) => drop(database.query(sql)),
        }
    }

    /// Changes an entry by hand.
    fn change(&self, seq: u64, body: &str) {
        let (off, on) = match self {
            Place::Directory(_) => (
                "DROP TRIGGER entries_stay",
                "CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'journal entries never \
                 change'); END",
            ),
            Place::Database(_) => {
                ("ALTER TABLE entries DISABLE TRIGGER entries_stay", "ALTER TABLE entries ENABLE TRIGGER entries_stay")
            }
        };
        let body = body.replace('\'', "''");
        self.run(&format!("{off}; UPDATE entries SET body = '{body}' WHERE workspace = 1 AND seq = {seq}; {on}"));
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        let hex = crate::crypto::hex(bytes);
        match self {
            Place::Directory(_) => format!("x'{hex}'"),
            Place::Database(_) => format!("'\\x{hex}'"),
        }
    }

    /// Adds entries of a workspace, and returns the hash of the last.
    fn add(&self, workspace: WorkspaceId, bodies: &[String]) -> [u8; 32] {
        let mut before = GENESIS;
        for (seq, body) in (1..).zip(bodies) {
            let at = Timestamp::from_micros(1_700_000_000_000_000 + seq as i64);
            let hash = chain(&before, workspace, seq, at, &[], &[], None, body);
            let (previous, hashed, id) = (self.bytes(&before), self.bytes(&hash), workspace.get());
            let (at, body) = (at.micros(), body.replace('\'', "''"));
            self.run(&format!(
                "INSERT INTO entries (workspace, seq, at, body, previous_hash, hash)
                 VALUES ({id}, {seq}, {at}, '{body}', {previous}, {hashed})"
            ));
            before = hash;
        }
        if let Place::Database(_) = self {
            self.run(&format!("INSERT INTO unfolded VALUES ({})", workspace.get()));
        }
        before
    }
}

fn body(command: &str, events: &[&str]) -> String {
    let events: Vec<String> = events.iter().map(|event| format!("[1700000000000001,{event}]")).collect();
    format!(r#"{{"actor":"key","command":"{command}","events":[{}]}}"#, events.join(","))
}

fn opening_event(name: &str, owner: &str) -> String {
    format!(
        r#"{{"workspace_opened":{{"mode":"test","profile":{{"name":"{name}","owner":"{owner}"}},"catalog":1,"plan":"free","lifetime_allowed":true}}}}"#
    )
}

fn joining_event(user: UserId, email: &str, role: &str) -> String {
    let user = user.get();
    format!(r#"{{"team":{{"member_joined":{{"user":{user},"email":"{email}","role":"{role}"}}}}}}"#)
}

fn invitation_event(n: u32, email: &str) -> String {
    format!(
        r#"{{"team":{{"invited":{{"invitation":{n},"email":"{email}","role":"member","expires_at":1900000000000000}}}}}}"#
    )
}

fn options() -> Options {
    Options { forms: crate::people::email::stored_forms, ..Options::small() }
}

async fn check(store: &Store, expected: [u8; 32]) -> Report {
    let report = verify(store, |_, _| ()).await.expect("it can be read");
    assert_eq!((&report.differences, report.entries), (&Vec::new(), 6));
    assert_eq!(report.digest, expected, "the hashes are those of before");
    report
}

async fn are_brought_over(place: Place) {
    let store = place.open(options()).await.expect("it is made");
    let text = shipped::find("canvas-tiers").expect("it is shipped");
    let catalog = parse_catalog(text).expect("it is good");
    store.publish(text.to_owned(), catalog, "test".to_owned()).await.expect("it can be published");
    let now = store.now(None).await.expect("it answers");
    for (user, email) in [(ADA, "ada@example.com"), (CY, "cy@example.com"), (BO, "bo@example.com")] {
        users::add(store.reader(), user, email, now).await.expect("it is written");
    }
    drop(store);
    place.run("DELETE FROM settings WHERE name = 'people by id'");
    let (ada, cy) = (joining_event(ADA, "ada@example.com", "admin"), joining_event(CY, "Cy@Example.com", "member"));
    let team = [
        body("open_workspace", &[&opening_event("ada@example.com", "ada@example.com"), &ada]),
        body("invite", &[&invitation_event(1, "Bo@example.com")]),
        body("add_member", &[&cy]),
        body("invite", &[&invitation_event(2, "dee@bücher.example")]),
        body("rename", &[r#"{"renamed":{"name":"It's \"email\":\"a\""}}"#]),
    ];
    let ends = [
        place.add(TEAM, &team),
        place.add(SINGLE, &[body("open_workspace", &[&opening_event("S", "eve@example.com")])]),
    ];
    let expected = digest([(TEAM, 5, ends[0]), (SINGLE, 1, ends[1])].into_iter());

    place.change(4, r#"{"email":"no entry"#);
    let broken = place.open(options()).await.err().expect("an entry cannot be read").to_string();
    assert!(broken.contains("entry 4 of ws_0000000000001 cannot be brought over"), "{broken}");
    place.change(4, &team[3]);
    let store = place.open(options()).await.expect("the rest is brought over");
    check(&store, expected).await;

    let rows = entries::after(store.reader(), 0, 100).await.expect("it answers");
    for row in &rows {
        for address in ["ada@", "Bo@", "bo@", "Cy@", "dee@", "eve@"] {
            assert!(!row.body.contains(address), "{}", row.body);
        }
    }
    let workspace = store.workspace(TEAM).await.expect("its hashes are good").expect("it is open");
    assert_eq!(workspace.profile.owner, Some(ADA));
    let invited: Vec<UserId> = workspace.team.invitations.iter().filter_map(|open| open.user).collect();
    assert_eq!((invited.len(), invited[0]), (2, BO), "who had signed in is known");
    let dee = users::by_id(store.reader(), invited[1]).await.expect("it answers").expect("a person was added");
    assert_eq!(dee.email, "dee@xn--bcher-kva.example");
    let known = profiles::of_workspace(store.reader(), TEAM).await.expect("it answers");
    let expected_people = [(ADA, "ada@example.com"), (CY, "Cy@Example.com"), (BO, "Bo@example.com")];
    for (user, email) in expected_people {
        assert_eq!(known.get(&user).map(String::as_str), Some(email));
    }
    assert_eq!((known.len(), known[&invited[1]].as_str()), (4, "dee@bücher.example"));
    let single = store.workspace(SINGLE).await.expect("it answers").expect("it is open");
    let eve = profiles::address(store.reader(), SINGLE, single.profile.owner.expect("it has an owner")).await;
    assert_eq!(eve.expect("it answers").as_deref(), Some("eve@example.com"));
    drop(store);

    // Without the texts beside them, the entries are not what their hashes say.
    place.run(&format!("UPDATE profiles SET earlier = '' WHERE user_id = {}", CY.get()));
    let store = place.open(options()).await.expect("it is opened");
    let report = verify(&store, |_, _| ()).await.expect("it can be read");
    let said = report.differences.join("\n");
    assert!(said.contains("ws_0000000000001 entry 3: its content is not what its hash says"), "{said}");
    assert!(said.contains("profiles workspace 1, user_id 12: the row is not what its seal says"), "{said}");
}

#[tokio::test]
async fn entries_of_a_directory_are_brought_over() {
    let path = std::env::temp_dir().join(format!("scrip-earlier-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    are_brought_over(Place::Directory(path.clone())).await;
    std::fs::remove_dir_all(&path).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_database_are_brought_over() {
    are_brought_over(Place::Database(database())).await;
}
