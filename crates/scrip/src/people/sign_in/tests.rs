//! Tests of links and sessions to the second, on both engines.
//!
//! Goal: a link is valid once for any number of requests, and every limit of time is half open. Method: instants are
//! arguments, so that a month passes in a moment.

use super::*;
use futures_util::future::join_all;
use scrip_engine::team::Tenancy;
use scrip_engine::{By, Command, Mode, Profile, WorkspaceCommand};
use scrip_store::rows::{claims, entries, profiles};
use scrip_store::{Claim, Options, Submission};
use scrip_testing::postgres::{Database, database};
use std::path::PathBuf;

const LIFETIMES: Lifetimes = Lifetimes { idle: 7 * DAY, absolute: 30 * DAY };

#[test]
fn lifetimes_are_seconds_within_bounds() {
    assert_eq!(Lifetimes::of_seconds(None, None), Ok(LIFETIMES));
    let told = Lifetimes::of_seconds(Some(300), Some(400 * 86_400));
    assert_eq!(told, Ok(Lifetimes { idle: 300 * SECOND, absolute: 400 * DAY }));
    for (idle, absolute, name) in
        [(Some(299), None, "session_idle"), (None, Some(400 * 86_400 + 1), "session_absolute")]
    {
        let refused = Lifetimes::of_seconds(idle, absolute).expect_err("it is out of bounds");
        assert!(refused.starts_with(name), "{refused}");
    }
}

/// A store of each kind, deleted at the end.
struct Stores {
    directory: PathBuf,
    _database: Database,
    stores: Vec<Store>,
}

impl Drop for Stores {
    fn drop(&mut self) {
        self.stores.clear();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

async fn stores(name: &str) -> Stores {
    let directory = std::env::temp_dir().join(format!("scrip-sign-in-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let database = database();
    let stores = vec![
        Store::open(&directory, Options::small()).expect("a directory can be made"),
        Store::connect(database.url(), Options::small()).await.expect("the database answers"),
    ];
    Stores { directory, _database: database, stores }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000 * SECOND).after_seconds(seconds)
}

async fn link(store: &Store, email: &str) -> String {
    issue(store, &address(email), None, "test", LINK_LIFETIME, at(0)).await.expect("it is made")
}

fn address(text: &str) -> Email {
    Email::parse(text).expect("it is one")
}

/// Opens a session at the first instant.
async fn open_session(store: &Store, email: &str) -> (String, Session) {
    let email = &address(email);
    let user = user_of(store, email, at(0)).await.expect("a user");
    let whom = SignIn { email: email.clone(), workspace: None };
    open(store, user, whom, LIFETIMES, at(0)).await.expect("it is opened")
}

async fn find_session(store: &Store, token: &str, now: Timestamp) -> Option<Session> {
    find(store, token, LIFETIMES, now).await.expect("it answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_redeem_one_link_at_once_one_is_let_in() {
    for store in &stores("race").await.stores {
        for round in 0..5 {
            let token = link(store, "ada@example.com").await;
            let tries = join_all((0..20).map(|_| redeem(store, &token, at(1)))).await;
            let let_in = tries.into_iter().filter_map(|tried| tried.expect("it answers")).count();
            assert_eq!(let_in, 1, "round {round}");
            assert_eq!(redeem(store, &token, at(2)).await.expect("it answers"), None, "it is used up");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_a_quarter_of_an_hour_to_the_microsecond() {
    for store in &stores("link").await.stores {
        let (just, late) = (link(store, " Ada@Example.com ").await, link(store, "ada@example.com").await);
        assert!(just.starts_with("st_") && just.len() == 39, "{just}");
        let end = at(15 * 60);
        assert_eq!(redeem(store, &late, end).await.expect("it answers"), None, "its last instant is before that");
        assert_eq!(redeem(store, &late, at(15 * 60 + 1)).await.expect("it answers"), None);
        let ada = Some(SignIn { email: address("ada@example.com"), workspace: None });
        assert_eq!(redeem(store, &just, end.after_micros(-1)).await.expect("it answers"), ada);
        let bound = issue(store, &address("b@example.com"), Some(WorkspaceId::new(7)), "test", SECOND, at(0)).await;
        let bound = redeem(store, &bound.expect("it is made"), at(0)).await.expect("it answers").expect("it is good");
        assert_eq!(bound.workspace, Some(WorkspaceId::new(7)));
        for wrong in ["", "st_", &new_key(TOKEN_PREFIX), &new_key(SESSION_PREFIXES[0]), &just] {
            assert_eq!(redeem(store, wrong, at(0)).await.expect("it answers"), None, "{wrong}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_one_person_however_it_is_written_and_whoever_comes_first() {
    for store in &stores("users").await.stores {
        let spellings = ["ada@example.com", "ADA@example.com", " Ada@Example.COM\t"];
        let spellings = spellings.map(address);
        let asked = (0..30).map(|n| user_of(store, &spellings[n % 3], at(n as i64)));
        let found: Vec<UserId> = join_all(asked).await.into_iter().map(|user| user.expect("a user")).collect();
        assert!(found.iter().all(|user| *user == found[0]), "{found:?}");
        // Only the host knows whether it ignores the text after a plus.
        for other in ["ada+a@example.com", "a.da@example.com", "bob@example.com"] {
            assert_ne!(user_of(store, &address(other), at(0)).await.expect("a user"), found[0], "{other}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_a_week_after_its_last_use_and_a_month_after_its_first() {
    let week = 7 * 24 * 3600;
    for store in &stores("times").await.stores {
        let (token, session) = open_session(store, "ada@example.com").await;
        assert!(token.starts_with("scrip_ps_") && token.len() == 45, "{token}");
        assert_eq!(find_session(store, &token, at(week)).await, None, "idle");
        assert_eq!(find_session(store, &token, at(week + 1)).await, None);
        assert_eq!(
            find_session(store, &token, at(week - 1)).await,
            Some(session.clone()),
            "used again in its last second"
        );
        assert_eq!(find_session(store, &token, at(2 * week - 1)).await, None, "idle from there");
        assert_eq!(find_session(store, &token, at(2 * week - 2)).await, Some(session.clone()));
        // A session that is used every day lives for a month and no longer.
        let (token, session) = open_session(store, "ada@example.com").await;
        for day in 1..30 {
            assert_eq!(find_session(store, &token, at(day * 24 * 3600)).await.as_ref(), Some(&session), "day {day}");
        }
        let end = at(30 * 24 * 3600);
        assert_eq!(session.expires_at, end);
        assert_eq!(find_session(store, &token, end.after_seconds(-1)).await.as_ref(), Some(&session));
        assert_eq!(find_session(store, &token, end.after_micros(-1)).await.as_ref(), Some(&session));
        for late in [0, 1] {
            assert_eq!(find_session(store, &token, end.after_seconds(late)).await, None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_session_is_used_is_written_down_once_a_minute() {
    let week = 7 * 24 * 3600;
    for store in &stores("seen").await.stores {
        let (token, _) = open_session(store, "ada@example.com").await;
        // The use at 0 is recorded. A use within a minute leaves that record, a use after a minute replaces it.
        assert!(find_session(store, &token, at(59)).await.is_some());
        assert_eq!(find_session(store, &token, at(week)).await, None);
        assert!(find_session(store, &token, at(60)).await.is_some());
        assert!(find_session(store, &token, at(week + 59)).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_session_is_dead_and_those_of_others_live() {
    for store in &stores("close").await.stores {
        let (first, second) =
            (open_session(store, "ada@example.com").await, open_session(store, "ada@example.com").await);
        let other = open_session(store, "bob@example.com").await;
        assert_ne!(first.0, second.0);
        assert!(close(store, &first.1.hash).await.expect("it is closed"));
        assert!(!close(store, &first.1.hash).await.expect("it answers"), "once");
        assert_eq!(find_session(store, &first.0, at(1)).await, None);
        assert!(find_session(store, &second.0, at(1)).await.is_some());
        let third = open_session(store, "ada@example.com").await;
        assert_eq!(close_all(store, third.1.user, None).await.expect("they are closed"), 2);
        for (token, _) in [&second, &third] {
            assert_eq!(find_session(store, token, at(1)).await, None);
        }
        assert!(find_session(store, &other.0, at(1)).await.is_some());
        // The stored hash of a session is no session.
        assert_eq!(find_session(store, &crate::crypto::hex(&other.1.hash), at(1)).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_run_out_is_cleared_away_and_nothing_else() {
    let week = 7 * 24 * 3600;
    for store in &stores("sweep").await.stores {
        let (idle, used) = (open_session(store, "ada@example.com").await, open_session(store, "ada@example.com").await);
        let (first, second) = (link(store, "ada@example.com").await, link(store, "ada@example.com").await);
        let sweep = async |now| sweep(store, LIFETIMES, now).await.expect("it writes");
        assert_eq!(sweep(at(15 * 60 - 1)).await, 0);
        assert!(redeem(store, &first, at(15 * 60 - 1)).await.expect("it answers").is_some());
        assert_eq!(sweep(at(15 * 60)).await, 1, "the link that was not used");
        assert_eq!(redeem(store, &second, at(0)).await.expect("it answers"), None, "it is gone");
        assert!(find_session(store, &used.0, at(week - 1)).await.is_some());
        assert_eq!(sweep(at(week - 1)).await, 0);
        assert_eq!(sweep(at(week)).await, 1);
        assert_eq!(find_session(store, &idle.0, at(0)).await, None, "it is gone");
        assert!(find_session(store, &used.0, at(week)).await.is_some());
        assert_eq!(sweep(at(30 * 24 * 3600)).await, 1);
        let spend = async |what| spend(store, what, at(600)).await.expect("it writes");
        assert!(spend("a").await && spend("b").await && !spend("a").await && !spend("b").await);
        assert_eq!((sweep(at(599)).await, spend("a").await), (0, false));
        assert_eq!((sweep(at(600)).await, spend("a").await), (2, true), "it is not needed any more");
        assert_eq!(sweep(at(600)).await, 1);
        // These are more rows than one statement deletes.
        join_all((0..SWEPT + 10).map(|_| link(store, "ada@example.com"))).await;
        assert_eq!(sweep(at(week)).await, SWEPT as usize + 10);
    }
}

/// Returns a claim of an address as an earlier version made it.
fn earlier_claim(owner: &str) -> Claim {
    upgrade::claim_of(&crate::people::email::earlier_person(owner))
}

/// Opens a workspace of an address as an earlier version did.
async fn opened_earlier(store: &Store, n: u64, owner: &str) {
    let profile = Profile { name: "Studio".to_owned(), ..Profile::default() };
    let user = UserId::new(n);
    let command = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Live,
        test_clock: None,
        profile,
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: Some(user),
    });
    let submission = Submission {
        allowance: Default::default(),
        workspace: WorkspaceId::new(n),
        command,
        by: By::Operator,
        actor: "test".to_owned(),
        request: None,
        idempotency: None,
        claims: vec![earlier_claim(owner)],
        mails: Vec::new(),
        rows: vec![profiles::add_with_entry(WorkspaceId::new(n), user, owner)],
        wants_workspace: false,
    };
    store.submit(submission).await.expect("it opens");
    // A store that was just opened has the positions of its entries; this one reads them at once.
    entries::up_to(store.reader(), WorkspaceId::new(n), 1).await.expect("it is read");
}

/// Returns the workspace that has a claim.
async fn claim_holder(store: &Store, claim: &Claim) -> Option<i64> {
    let holder = claims::holder(store.reader(), &claim.scope, &claim.what).await.expect("it answers");
    holder.map(WorkspaceId::get)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_an_earlier_version_counts_under_the_one_form() {
    for store in &stores("claims of before").await.stores {
        let earlier = [
            "Ada@Example.com",
            "zed@ｇmail.com",
            "z.e.d+x@gmail.com",
            "user@bücher.example",
            "user@xn--bcher-kva.example",
            "\"mal\\lory\"@example.org",
            "büro@example.com",
            "a@b.example,c@d.example",
        ];
        let text = std::fs::read_to_string("../../catalogs/canvas-tiers.toml").expect("it is there");
        let catalog = scrip_engine::parse_catalog(&text).expect("it is good");
        store.publish(text, catalog, "test".to_owned()).await.expect("it is published");
        for (n, owner) in earlier.iter().enumerate() {
            opened_earlier(store, n as u64 + 1, owner).await;
        }
        assert!(!upgrade::is_done(store).await.expect("it answers"));
        // `bücher` is claimed in both forms already, and so is the first one's address.
        assert_eq!(upgrade::renew_claims(store).await.expect("it writes"), 1, "mallory");
        assert_eq!(upgrade::renew_claims(store).await.expect("it writes"), 0);
        for (n, owner) in earlier.iter().enumerate() {
            let holder = claim_holder(store, &upgrade::claim_of(&crate::people::email::person_of(owner))).await;
            assert!(holder.is_some(), "{owner} would be given it again");
            assert_eq!(claim_holder(store, &earlier_claim(owner)).await, Some(n as i64 + 1), "{owner}");
        }
        for now in ["mallory@example.org", "Mallory+1@EXAMPLE.org", "user@BÜCHER.example", "zed@gmail.com"] {
            let claim = upgrade::claim_of(&address(now).person());
            assert!(claim_holder(store, &claim).await.is_some(), "{now} would be given it again");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_an_earlier_version_are_known_by_the_one_form_unless_another_has_it() {
    for store in &stores("people of before").await.stores {
        let kept = [
            (1, "ada@example.com"),
            (2, "user@bücher.example"),
            (3, "zoë@xn--bcher-kva.example"),
            (4, "mallory@example.org"),
            (5, "\"mallory\"@example.org"),
            (6, "\"m\\allory\"@example.org"),
            (7, "a@пример.рф"),
            (8, "a@ПРИМЕР.рф"),
        ];
        for (n, email) in kept {
            // The last one was added first.
            let at = Timestamp::from_micros(100 - n as i64);
            users::add(store.reader(), UserId::new(n), email, at).await.expect("it is added");
        }
        let left = upgrade::readdress_people(store).await.expect("it writes");
        let left: Vec<i64> = left.iter().map(|collision| collision.user.get()).collect();
        assert_eq!(left, [7, 6, 5], "8 is older than 7, and 4 has the form already");
        let again = upgrade::readdress_people(store).await.expect("it writes");
        assert_eq!(again.len(), 3, "nothing moves any more");
        for (written, n) in [
            ("Ada@example.com", 1),
            ("user@bücher.example", 2),
            ("user@xn--bcher-kva.example", 2),
            ("User@BÜCHER.example", 2),
            ("zoë@xn--bcher-kva.example", 3),
            ("Mallory@example.org", 4),
            ("\"mallory\"@example.org", 5),
            ("\"Mallory\"@example.org", 5),
            ("\"m\\allory\"@example.org", 6),
            ("a@xn--e1afmkfd.xn--p1ai", 8),
            // A person who is stored under this very text is known by it.
            ("a@пример.рф", 7),
        ] {
            let email = address_of(store, written).await.expect("it answers").expect("it is known");
            assert_eq!(user_of(store, &email, at(0)).await.expect("a user").get(), n, "{written}");
            let token = issue(store, &email, None, "test", LINK_LIFETIME, at(0)).await.expect("it is made");
            let redeemed = redeem(store, &token, at(1)).await.expect("it answers").expect("it is good");
            assert_eq!(user_of(store, &redeemed.email, at(0)).await.expect("a user").get(), n, "{written}");
        }
        for new in ["büro@example.com", "\"ada\"@example.com", "\u{212a}ate@example.com", "ada@example.com\0"] {
            assert!(address_of(store, new).await.expect("it answers").is_err(), "{new:?}");
        }
        upgrade::finish(store).await.expect("it writes");
        assert!(upgrade::is_done(store).await.expect("it answers"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_of_a_provider_is_one_person_whatever_becomes_of_the_address() {
    for store in &stores("subjects").await.stores {
        let identify = async |issuer: &str, subject: &str, email: &str| {
            let found = identify(store, (issuer, subject), email, at(0)).await.expect("it answers");
            found.map(|email| email.map(|email| email.to_string()))
        };
        let known = |email: &str| Ok(Some(email.to_owned()));
        assert_eq!(identify("https://a.example", "1", "Ada@example.com").await, known("ada@example.com"));
        // The address at the identity provider changes: the account stays.
        assert_eq!(identify("https://a.example", "1", "lovelace@example.com").await, known("ada@example.com"));
        // The address passes to another person: the account does not go along, and neither does one at a later address.
        assert_eq!(identify("https://a.example", "2", "ada@example.com").await, Ok(None));
        assert_eq!(identify("https://a.example", "2", "bob@example.com").await, known("bob@example.com"));
        assert_eq!(identify("https://a.example", "2", "ada@example.com").await, known("bob@example.com"));
        // Another identity provider has subjects of its own.
        assert_eq!(identify("https://b.example", "1", "bob@example.com").await, known("bob@example.com"));
        assert!(identify("https://a.example", "3", "\u{212a}ate@example.com").await.is_err());
    }
}
