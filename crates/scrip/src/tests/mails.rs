//! Mails: a mail and the entry that it reports are committed together or not at all.
//!
//! Goal: a submission that was refused, replayed or lost mails no one, one that was made mails once, and a mail has one
//! sender at a time. Method: the same submissions on both engines, and on the embedded one with its thread dying right
//! before and right after the flush.

use crate::ledger::idempotency;
use crate::operate::verify::verify;
use crate::shipped;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    By, Catalogs, Command, DatedEvent, Event, Mode, Profile, Timestamp, Workspace, WorkspaceCommand, WorkspaceEvent,
    WorkspaceId, parse_catalog,
};
use scrip_store::rows::mails::{self as rows, LeasedMail};
use scrip_store::{Address, Claim, Consequences, Crash, NewMail, Options, Store, Submission, SubmitError};
use scrip_testing::postgres::database;
use std::path::PathBuf;

const SECOND: i64 = 1_000_000;

pub(super) fn mail(id: &str) -> NewMail {
    let [kind, recipient] = ["letter", "bo@example.com"].map(str::to_owned);
    NewMail { id: id.to_owned(), kind, recipient, data: "{}".to_owned() }
}

pub(super) fn submission(workspace: u64, key: &str, command: Command, mails: Vec<NewMail>) -> Submission {
    let workspace = WorkspaceId::new(workspace);
    let idempotency = Some(idempotency(workspace, key, &[key.as_bytes()]));
    let (actor, claims, wants_workspace) = ("test".to_owned(), Vec::new(), false);
    Submission {
        allowance: Default::default(),
        workspace,
        command,
        by: By::Operator,
        request: None,
        actor,
        idempotency,
        claims,
        mails,
        rows: Vec::new(),
        wants_workspace,
    }
}

pub(super) fn opening(workspace: u64, mails: Vec<NewMail>) -> Submission {
    let profile = Profile { name: "A".to_owned(), owner: None, external_id: None };
    let mode = Mode::Live;
    let command = Command::Workspace(WorkspaceCommand::Open {
        mode,
        test_clock: None,
        profile,
        lifetime_allowed: false,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    submission(workspace, "open", command, mails)
}

pub(super) fn rename(workspace: u64, key: &str, name: &str, mails: Vec<NewMail>) -> Submission {
    submission(workspace, key, Command::Workspace(WorkspaceCommand::Rename { name: name.to_owned() }), mails)
}

pub(super) async fn publish_catalog(store: Store) -> Store {
    let text = shipped::find("canvas-tiers").expect("it is shipped");
    let catalog = parse_catalog(text).expect("it is good");
    store.publish(text.to_owned(), catalog, "test".to_owned()).await.expect("it can be published");
    store
}

pub(super) fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("scrip-mails-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    directory
}

/// Writes a mail for each entry that renames the workspace.
fn tell(_: &Catalogs, workspace: &Workspace, events: &[DatedEvent]) -> Consequences {
    let renames =
        events.iter().filter(|DatedEvent(_, event)| matches!(event, Event::Workspace(WorkspaceEvent::Renamed { .. })));
    let mails = renames.map(|_| mail(&format!("{}:{:04}", workspace.id.get(), workspace.seq))).collect();
    Consequences { mails, ..Consequences::default() }
}

fn telling() -> Options {
    Options { tell, ..Options::small() }
}

/// Returns the identifiers of all mails.
async fn ids(store: &Store) -> Vec<String> {
    let rows = store.query("SELECT id FROM mails ORDER BY id", Vec::new()).await.expect("it can be read");
    rows.iter().map(|row| row.text(0).to_owned()).collect()
}

async fn mails_are_there_exactly_when_their_entries_are(store: &Store) {
    store.submit(opening(1, vec![mail("a"), mail("b")])).await.expect("it opens");
    assert_eq!(ids(store).await, ["a", "b"]);

    let again = store.submit(opening(1, vec![mail("again")])).await.expect("it is answered");
    assert!(again.replayed);
    let closed = store.submit(rename(2, "none", "B", vec![mail("refused")])).await;
    assert!(matches!(closed, Err(SubmitError::Refused(_))), "{closed:?}");
    let reused = Submission {
        allowance: Default::default(),
        idempotency: Some(idempotency(WorkspaceId::new(1), "open", &[b"else"])),
        ..opening(1, vec![mail("reused")])
    };
    assert!(matches!(store.submit(reused).await, Err(SubmitError::KeyReused)));
    let tick = store.submit(submission(1, "tick", Command::Tick, vec![mail("nothing")])).await.expect("time may pass");
    assert!(tick.events.is_empty());
    let claims = vec![Claim { scope: "person".into(), what: "one".to_owned() }];
    store.submit(Submission { claims: claims.clone(), ..opening(3, Vec::new()) }).await.expect("it opens");
    let claimed = store.submit(Submission { claims, ..opening(4, vec![mail("claimed")]) }).await;
    assert!(matches!(claimed, Err(SubmitError::Claimed(_))), "{claimed:?}");
    assert_eq!(ids(store).await, ["a", "b"], "only what happened is told of");

    // One id is one mail: writing it again changes nothing, and the entry is committed all the same.
    let same = NewMail { data: "other".to_owned(), ..mail("a") };
    let renamed =
        store.submit(rename(1, "rename", "B", vec![same, mail("c"), mail("c")])).await.expect("it is renamed");
    assert_eq!(renamed.events.len(), 1);
    let many =
        (10..20).map(|n| opening(n, vec![mail(&format!("m{n}"))])).chain([rename(99, "no", "B", vec![mail("no")])]);
    let results = store.submit_many(many.collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
    let expected = ["a", "b", "c", "m10", "m11", "m12", "m13", "m14", "m15", "m16", "m17", "m18", "m19"];
    assert_eq!(ids(store).await, expected);
    let rows = store.query("SELECT data FROM mails WHERE id = 'a'", Vec::new()).await.expect("it can be read");
    assert_eq!(rows[0].text(0), "{}", "the first one stays");
    store.await_projections().await.expect("the projections follow");
    let report = verify(store, |_, _| ()).await.expect("it can be read");
    assert_eq!(report.differences, Vec::<String>::new());
}

/// Leases what is due at an instant.
async fn lease_due(store: &Store, now: i64, most: i64) -> Vec<LeasedMail> {
    let [now, until] = [now, now + 60 * SECOND].map(Timestamp::from_micros);
    rows::lease(store.worker(), now, until, most).await.expect("it can be leased")
}

async fn a_mail_is_leased_by_one_at_a_time(store: &Store, other: &Store) {
    store.submit(opening(1, (10..50).map(|n| mail(&n.to_string())).collect())).await.expect("it opens");
    let now = store.now(None).await.expect("it answers").micros();
    assert_eq!(lease_due(store, now - 3600 * SECOND, 50).await.len(), 0, "they are not due before they are written");
    let (mine, theirs) = tokio::join!(lease_due(store, now, 25), lease_due(other, now, 25));
    let mut all: Vec<&str> = mine.iter().chain(&theirs).map(|mail| &*mail.id).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), mine.len() + theirs.len(), "no mail is leased twice");
    let rest = lease_due(store, now, 50).await;
    assert_eq!(all.len() + rest.len(), 40);
    assert_eq!(lease_due(other, now + 59 * SECOND, 50).await.len(), 0, "they are all being sent");
    let later = now + 61 * SECOND;
    let again = lease_due(other, later, 50).await;
    assert_eq!(again.len(), 40, "a sender that was silent has lost its leases");
    assert!(again.iter().all(|mail| mail.attempt == 2), "and has had an attempt");

    // A sender who lost the lease of a mail can neither put it off nor give it up, but if the sender has sent it, it
    // was sent.
    let (on, at) = (store.worker(), Timestamp::from_micros);
    let put_off =
        async |id, attempt, until| rows::put_off(on, id, attempt, at(until)).await.expect("it can be written");
    let give_up = async |id, attempt| rows::give_up(on, id, attempt, "why").await.expect("it can be written");
    let mark_sent = async |id| rows::mark_sent(on, id, at(later)).await.expect("it can be written");
    assert!(!put_off("10", 1, later + 9).await);
    assert!(!give_up("10", 1).await);
    assert!(mark_sent("10").await);
    assert!(!mark_sent("10").await, "once");
    assert!(!put_off("10", 2, later).await, "what was sent stays so");
    assert!(give_up("11", 2).await);
    assert!(put_off("12", 2, later + 5 * SECOND).await);
    assert_eq!(lease_due(store, later + 4 * SECOND, 50).await.len(), 0);
    assert_eq!(lease_due(store, later + 5 * SECOND, 50).await.len(), 1, "what was put off is due again");
    assert_eq!(lease_due(store, later + 61 * SECOND, 50).await.len(), 37);
}

#[tokio::test]
async fn in_a_directory_mails_are_there_exactly_when_their_entries_are() {
    let directory = directory("one");
    let store = publish_catalog(Store::open(&directory, Options::small()).expect("it can be made")).await;
    mails_are_there_exactly_when_their_entries_are(&store).await;
    drop(store);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_database_mails_are_there_exactly_when_their_entries_are() {
    let database = database();
    let store =
        publish_catalog(Store::connect(database.url(), Options::small()).await.expect("the database answers")).await;
    mails_are_there_exactly_when_their_entries_are(&store).await;
}

#[tokio::test]
async fn in_a_directory_a_mail_is_leased_by_one_at_a_time() {
    let directory = directory("lease");
    let store = publish_catalog(Store::open(&directory, Options::small()).expect("it can be made")).await;
    a_mail_is_leased_by_one_at_a_time(&store, &store).await;
    let leases = "SELECT COUNT(*) FROM mails WHERE lease_until > 0";
    let count = async |store: &Store| store.query(leases, Vec::new()).await.expect("it can be read")[0].integer(0);
    assert!(count(&store).await > 0);
    drop(store);
    let store = Store::open(&directory, Options::small()).expect("it opens again");
    assert_eq!(count(&store).await, 0, "the process that had leased them is gone");
    drop(store);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_database_a_mail_is_leased_by_one_at_a_time() {
    let database = database();
    let store =
        publish_catalog(Store::connect(database.url(), Options::small()).await.expect("the database answers")).await;
    let other = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    a_mail_is_leased_by_one_at_a_time(&store, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_write_mails_in_batches_are_never_locked_in_each_other() {
    let database = database();
    let first =
        publish_catalog(Store::connect(database.url(), Options::small()).await.expect("the database answers")).await;
    let second = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    for round in 0..10_u64 {
        // The same forty mails, in opposite orders.
        let id = |n: u64| vec![mail(&format!("{round} {n}"))];
        let mine = (0..40_u64).map(|n| opening(1_000 * round + n, id(n)));
        let theirs = (0..40_u64).rev().map(|n| opening(1_000 * round + 500 + n, id(n)));
        let (mine, theirs) = tokio::join!(first.submit_many(mine.collect()), second.submit_many(theirs.collect()));
        assert!(mine.iter().chain(&theirs).all(Result::is_ok), "{mine:?} {theirs:?}");
    }
    assert_eq!(ids(&second).await.len(), 400);
}

#[tokio::test]
async fn a_mail_dies_with_its_entry_and_lives_with_it() {
    for flushed in [false, true] {
        let directory = directory(&format!("crash-{flushed}"));
        drop(publish_catalog(Store::open(&directory, Options::small()).expect("it can be made")).await);
        let crash = Some(Crash { commit: 1, flushed });
        let store = Store::open(&directory, Options { crash, ..Options::small() }).expect("it opens");
        let died = store.submit(opening(1, vec![mail("a")])).await;
        assert!(matches!(died, Err(SubmitError::Unavailable(_))), "{died:?}");
        drop(store);
        let store = Store::open(&directory, Options::small()).expect("it opens again");
        let opened = store.workspace(WorkspaceId::new(1)).await.expect("it answers").is_some();
        assert_eq!((opened, ids(&store).await.len()), (flushed, usize::from(flushed)));
        let again = store.submit(opening(1, vec![mail("a")])).await.expect("it is asked again");
        assert_eq!(again.replayed, flushed);
        assert_eq!(ids(&store).await, ["a"]);
        drop(store);
        std::fs::remove_dir_all(&directory).expect("it is ours");
    }
}

#[tokio::test]
async fn what_an_entry_tells_is_there_when_it_is_and_once_whatever_dies() {
    for commit in 2..8 {
        for flushed in [false, true] {
            let directory = directory(&format!("told-{commit}-{flushed}"));
            drop(publish_catalog(Store::open(&directory, telling()).expect("it can be made")).await);
            let crash = Some(Crash { commit, flushed });
            let store = Store::open(&directory, Options { crash, ..telling() }).expect("it opens");
            let mut left = vec![opening(1, Vec::new())];
            left.extend((0..8).map(|n| rename(1, &format!("r{n}"), &format!("B{n}"), Vec::new())));
            let mut store = Some(store);
            for asked in left {
                let first = store.as_ref().expect("it is open").submit(asked.clone()).await;
                if first.is_err() {
                    // The thread died: the caller tries again, with the same key.
                    drop(store.take());
                    let opened = Store::open(&directory, telling()).expect("it opens again");
                    opened.submit(asked).await.expect("it is done once");
                    store = Some(opened);
                }
            }
            let store = store.expect("it is open");
            let expected: Vec<String> = (2..10).map(|seq| format!("1:{seq:04}")).collect();
            assert_eq!(ids(&store).await, expected, "{commit} {flushed}");
            drop(store);
            std::fs::remove_dir_all(&directory).expect("it can go");
        }
    }
}

#[tokio::test]
async fn processes_that_take_each_others_numbers_tell_of_each_entry_once() {
    let database = database();
    let address = Address::from(database.url());
    let first = publish_catalog(Store::connect(&address, telling()).await.expect("the database answers")).await;
    let second = Store::connect(&address, telling()).await.expect("the database answers");
    first.submit(opening(1, Vec::new())).await.expect("it opens");
    let renames = |store: &'static str| (0..100).map(move |n| (store, n));
    let ask = async |(store, n): (&str, i32)| {
        let asked = rename(1, &format!("{store}{n}"), &format!("{store} {n}"), Vec::new());
        let store = if store == "a" { &first } else { &second };
        store.submit(asked).await.expect("it is renamed");
    };
    futures_util::future::join_all(renames("a").chain(renames("b")).map(ask)).await;
    let expected: Vec<String> = (2..202).map(|seq| format!("1:{seq:04}")).collect();
    assert_eq!(ids(&first).await, expected);
}
