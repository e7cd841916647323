//! Belief: a server heals or refuses rows that were changed by hand, and serves none of them.

use super::{Place, story};
use crate::ledger::idempotency;
use crate::operate::verify::{EarlierReplay, verify, verify_from};
use crate::people::email::Email;
use crate::people::sign_in::{self, Lifetimes, SignIn};
use scrip_engine::{Amount, Ask, By, Command, HoldCommand, Workspace, WorkspaceCommand, WorkspaceId};
use scrip_store::integrity::Key;
use scrip_store::snapshot::StoredSnapshot;
use scrip_store::{Options, ShortJournal, Store, Submission, SubmitError, Value};
use scrip_testing::postgres::database;
use std::sync::Arc;

const ONE: WorkspaceId = WorkspaceId::new(1);

/// Prepares a place with a story of its own on an engine, with no connection to it.
async fn place_with_story(engine: &str, name: &str) -> Place {
    let place = match engine {
        "directory" => {
            let path = std::env::temp_dir().join(format!("scrip-belief-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Place::Directory(path)
        }
        _ => Place::Database(Arc::new(database()), "".into()),
    };
    story::tell(&open(&place).await).await;
    place
}

async fn open(place: &Place) -> Store {
    place.open(ShortJournal::Refuse).await.unwrap_or_else(|error| panic!("{error}"))
}

fn by_hand(place: &Place, sql: &str) -> String {
    place.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn read(store: &Store) -> Arc<Workspace> {
    store.workspace(ONE).await.expect("it answers").expect("it is open")
}

/// Returns `true` if a hold of more than the balance is accepted, as it is if the changed row is believed.
async fn holds_too_much(store: &Store) -> bool {
    let ask = Ask::Credits(Amount::new(200_000).expect("an amount"));
    let submission = Submission {
        workspace: ONE,
        command: Command::Hold(HoldCommand::Open {
            ask,
            reference: "r".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        }),
        by: By::Operator,
        request: None,
        actor: "test".to_owned(),
        idempotency: Some(idempotency(ONE, "too much", &[b"request"])),
        claims: Vec::new(),
        mails: Vec::new(),
        rows: Vec::new(),
        allowance: Default::default(),
        wants_workspace: false,
    };
    match store.submit(submission).await {
        Ok(_) => true,
        Err(SubmitError::Refused(_)) => false,
        Err(other) => panic!("it is refused as any other is: {other:?}"),
    }
}

/// Tries the ways to change a snapshot; each leaves another state where it is believed.
async fn a_snapshot_is_folded_again(engine: &str) {
    let place = place_with_story(engine, "snapshot").await;
    let store = open(&place).await;
    let (right, seals) = (read(&store).await, store.seals().clone());
    drop(store);
    assert_ne!(by_hand(&place, "SELECT COUNT(*) FROM snapshots"), "0");
    let text = by_hand(&place, "SELECT state FROM snapshots WHERE workspace = 1");
    let snapshot: Workspace = serde_json::from_str(&text).expect("a workspace");
    let quote = |text: &str| text.replace('\'', "''");
    let mut richer = snapshot.clone();
    for grant in &mut richer.grants {
        let grant = Arc::make_mut(grant);
        grant.granted += Amount::new(1_000_000).expect("an amount");
        grant.available += Amount::new(1_000_000).expect("an amount");
    }
    // On one side only: with a good MAC, as a bug would write it, the sum is wrong.
    let mut lopsided = snapshot.clone();
    let grant = Arc::make_mut(&mut lopsided.grants[0]);
    grant.available += Amount::new(1_000).expect("an amount");
    let hash = <[u8; 32]>::try_from(&*hash_of(&place)).expect("a hash");
    let bug = StoredSnapshot::of(&lopsided, &hash, &seals);
    let other_entry = StoredSnapshot::of(&snapshot, &[7; 32], &seals);
    let written = |stored: &StoredSnapshot| {
        let StoredSnapshot { state, hash, mac, .. } = stored;
        let blob = |bytes: &[u8]| match engine {
            "directory" => format!("x'{}'", crate::crypto::hex(bytes)),
            _ => format!("decode('{}', 'hex')", crate::crypto::hex(bytes)),
        };
        let (hash, mac) = (blob(hash), blob(mac));
        format!("UPDATE snapshots SET state = '{}', hash = {hash}, mac = {mac} WHERE workspace = 1", quote(state))
    };
    let richer = serde_json::to_string(&richer).expect("it can be written");
    for sql in [
        format!("UPDATE snapshots SET state = '{}' WHERE workspace = 1", quote(&richer)),
        "UPDATE snapshots SET seq = seq - 1 WHERE workspace = 1".to_owned(),
        "UPDATE snapshots SET state = '{}' WHERE workspace = 1".to_owned(),
        written(&bug),
        written(&other_entry),
    ] {
        by_hand(&place, &sql);
        assert_ne!(place.objections(), Vec::<String>::new(), "verify says nothing of {sql}");
        let store = open(&place).await;
        assert_eq!(read(&store).await, right, "{sql}");
        assert_eq!(store.take_healed().len(), 1, "{sql}");
        assert!(!holds_too_much(&store).await, "{sql}");
        drop(store);
        by_hand(&place, &written(&StoredSnapshot::of(&snapshot, &hash, &seals)));
        by_hand(&place, &format!("UPDATE snapshots SET seq = {} WHERE workspace = 1", snapshot.seq));
        assert_eq!(place.objections(), Vec::<String>::new(), "it was put back");
    }
}

fn hash_of(place: &Place) -> Vec<u8> {
    let hex = by_hand(place, "SELECT hash FROM snapshots WHERE workspace = 1");
    let hex = hex.trim_start_matches("\\x");
    (0..hex.len() / 2).filter_map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).ok()).collect()
}

async fn rows_that_were_changed_sign_nobody_in(engine: &str) {
    let place = place_with_story(engine, "rows").await;
    let store = open(&place).await;
    let now = store.now(None).await.expect("it answers");
    let lifetimes = Lifetimes::of_seconds(None, None).expect("they are good");
    let address = |text: &str| Email::parse(text).expect("an address");
    let (eve, mallory) = (address("eve@example.com"), address("mallory@example.com"));
    let user = sign_in::user_of(&store, &eve, now).await.expect("a user");
    let redeemed = SignIn { email: eve.clone(), workspace: None };
    let (session, _) = sign_in::open(&store, user, redeemed, lifetimes, now).await.expect("a session");
    let link = sign_in::issue(&store, &eve, None, "test", 900_000_000, now).await.expect("a link");
    let find = async |store: &Store| sign_in::find(store, &session, lifetimes, now).await.expect("it answers");
    assert!(find(&store).await.is_some());
    drop(store);
    let others = "(SELECT id FROM users WHERE email = 'ada1@example.com')";
    for (change, back) in [
        (
            format!("UPDATE sessions SET user_id = {others} WHERE user_id = {}", user.get()),
            format!("UPDATE sessions SET user_id = {} WHERE user_id = {others} AND workspace IS NULL", user.get()),
        ),
        (
            "UPDATE sessions SET expires_at = expires_at + 1000".to_owned(),
            "UPDATE sessions SET expires_at = expires_at - 1000".to_owned(),
        ),
        (
            "UPDATE sessions SET seen_at = seen_at + 1000".to_owned(),
            "UPDATE sessions SET seen_at = seen_at - 1000".to_owned(),
        ),
        (
            "UPDATE users SET email = 'mallory@example.com' WHERE email = 'eve@example.com'".to_owned(),
            "UPDATE users SET email = 'eve@example.com' WHERE email = 'mallory@example.com'".to_owned(),
        ),
    ] {
        by_hand(&place, &change);
        let store = open(&place).await;
        assert_eq!(find(&store).await, None, "{change}");
        if change.starts_with("UPDATE users") {
            assert!(sign_in::user_of(&store, &mallory, now).await.is_err());
        }
        drop(store);
        by_hand(&place, &back);
    }
    by_hand(&place, "UPDATE sign_in_tokens SET email = 'ada1@example.com' WHERE email = 'eve@example.com'");
    let store = open(&place).await;
    assert!(find(&store).await.is_some(), "all of it was put back");
    assert_eq!(sign_in::redeem(&store, &link, now).await.expect("it answers"), None);
}

async fn a_journal_that_was_cut_off_is_refused(engine: &str) {
    let place = place_with_story(engine, "cut").await;
    let store = open(&place).await;
    let before = verify(&store, |_, _| ()).await.expect("it can be read");
    assert_eq!(before.differences, Vec::<String>::new());
    let expected = |digest: &str, position: i64| -> Option<EarlierReplay> {
        Some(format!("{digest}@{position}").parse().expect("as it is printed"))
    };
    let digest = crate::crypto::hex(&before.digest);
    let report = verify_from(&store, expected(&digest, before.position), |_, _| ()).await.expect("it can be read");
    assert_eq!(report.count, 0);
    let report = verify_from(&store, expected(&digest, before.position - 1), |_, _| ()).await.expect("it can be read");
    assert!(report.differences[0].contains("was expected"), "{:?}", report.differences);
    assert!(!holds_too_much(&store).await);
    let ask = Command::Workspace(WorkspaceCommand::Rename { name: "Another".to_owned() });
    story::submit(&store, story::submission(ONE, 5_000, ask)).await;
    let report = verify_from(&store, expected(&digest, before.position), |_, _| ()).await.expect("it can be read");
    assert_eq!(report.differences, Vec::<String>::new(), "it has only grown");
    drop(store);
    match engine {
        "directory" => by_hand(&place, "DROP TRIGGER entries_last"),
        _ => by_hand(&place, "DROP TRIGGER entries_stay ON entries"),
    };
    by_hand(&place, "DELETE FROM entries WHERE position = (SELECT MAX(position) FROM entries)");
    let refused = place.open(ShortJournal::Refuse).await.err().expect("it is refused");
    assert!(refused.contains("--accept-shortened-journal"), "{refused}");
    assert!(place.objections().iter().any(|found| found.contains("entries are missing at its end")));
    let store = place.open(ShortJournal::Accept).await.unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(read(&store).await.profile.name, "Another");
    drop(store);
    assert_eq!(place.objections(), Vec::<String>::new(), "it was accepted once, and is whole by itself");
}

async fn a_catalog_that_was_changed_is_not_served(engine: &str) {
    let place = place_with_story(engine, "catalog").await;
    for (change, words) in [
        (
            "UPDATE catalogs SET text = replace(text, '10', '1') WHERE version = 2",
            "version 2 is not what its sha256 says",
        ),
        (
            "UPDATE catalogs SET published_at = published_at + 1 WHERE version = 1",
            "version 1 is not what its seal says",
        ),
        ("DELETE FROM catalogs WHERE version = 2", "the newest catalog version is not 1"),
    ] {
        let copy = match engine {
            "directory" => place.copy(change.len()),
            _ => place_with_story(engine, "catalog").await,
        };
        by_hand(&copy, change);
        let refused = copy.open(ShortJournal::Refuse).await.err().expect(change);
        assert!(refused.contains(words), "{change}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_folded_again_in_a_directory() {
    a_snapshot_is_folded_again("directory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_folded_again_in_a_database() {
    a_snapshot_is_folded_again("database").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_changed_sign_nobody_in_from_a_directory() {
    rows_that_were_changed_sign_nobody_in("directory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_changed_sign_nobody_in_from_a_database() {
    rows_that_were_changed_sign_nobody_in("database").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_cut_off_is_refused_in_a_directory() {
    a_journal_that_was_cut_off_is_refused("directory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_cut_off_is_refused_in_a_database() {
    a_journal_that_was_cut_off_is_refused("database").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_was_changed_is_not_served_from_a_directory() {
    a_catalog_that_was_changed_is_not_served("directory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_was_changed_is_not_served_from_a_database() {
    a_catalog_that_was_changed_is_not_served("database").await;
}

/// An index that lacks entries leads to a search, not to a workspace that ends earlier: the next entry would take a
/// number that is taken.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lacks_entries_is_not_followed() {
    let place = place_with_story("directory", "index").await;
    let right = read(&open(&place).await).await;
    for sql in [
        "DELETE FROM places WHERE workspace = 1 AND seq = (SELECT MAX(seq) FROM places WHERE workspace = 1)",
        "DELETE FROM ends WHERE workspace = 1",
        "UPDATE places SET position = position + 1 WHERE workspace = 1 AND seq = 70",
        "DELETE FROM snapshots; ",
    ] {
        by_hand(&place, sql);
        let store = open(&place).await;
        assert_eq!(read(&store).await, right, "{sql}");
    }
    let store = open(&place).await;
    story::submit(
        &store,
        story::submission(ONE, 9_000, Command::Workspace(WorkspaceCommand::Rename { name: "Another".to_owned() })),
    )
    .await;
    assert_eq!(read(&store).await.seq, right.seq + 1);
    store.rebuild().await.expect("it is folded again");
    let report = verify(&store, |_, _| ()).await.expect("it can be read");
    assert_eq!(report.differences, Vec::<String>::new());
}

/// An entry that was changed keeps its workspace from being served, and no other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_is_not_served() {
    for engine in ["directory", "database"] {
        let place = place_with_story(engine, "entry").await;
        match engine {
            "directory" => by_hand(&place, "DROP TRIGGER entries_stay"),
            _ => by_hand(&place, "DROP TRIGGER entries_stay ON entries"),
        };
        let sql = "UPDATE entries SET body = replace(body, '\"amount\":1', '\"amount\":9')
                   WHERE workspace = 1 AND seq = (SELECT MAX(seq) - 3 FROM entries WHERE workspace = 1)";
        by_hand(&place, sql);
        by_hand(&place, "DELETE FROM snapshots");
        by_hand(&place, "UPDATE entries SET at = at + 1 WHERE workspace = 1 AND seq = 9");
        let store = open(&place).await;
        let refused = store.workspace(ONE).await.expect_err("its journal is not right").to_string();
        assert!(refused.contains("run `scrip verify`"), "{refused}");
        assert!(store.workspace(WorkspaceId::new(2)).await.expect("it answers").is_some());
    }
}

/// With a secret of the operator's, write access to the database does not suffice to make a seal.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_seals_against_whoever_writes_the_database() {
    let path = std::env::temp_dir().join(format!("scrip-belief-{}-secret", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let place = Place::Directory(path.clone());
    let with = |secret: Option<&str>, reseal: bool| {
        let secret = secret.map(|secret| Key::of(secret).expect("it is long enough"));
        Store::open(&path, Options { secret, reseal, tell: crate::mail::notices::consequences, ..Options::small() })
    };
    let secret = Some("a secret of some length");
    story::tell(&with(secret, false).expect("it can be made")).await;
    assert_eq!(by_hand(&place, "SELECT COUNT(*) FROM settings WHERE name = 'integrity'"), "0", "no key is in the data");
    let refused = with(None, false).err().expect("without the secret").to_string();
    assert!(refused.contains("SCRIP_INTEGRITY_SECRET"), "{refused}");
    by_hand(&place, "DELETE FROM settings WHERE name = 'sealed'");
    let refused = with(secret, false).err().expect("rows are trusted once").to_string();
    assert!(refused.contains("no mark"), "{refused}");
    let store = with(Some("another secret of some length"), true).expect("it is sealed again");
    let report = verify(&store, |_, _| ()).await.expect("it can be read");
    // Snapshots can be computed again, so that their loss is no difference.
    assert!(report.differences.iter().all(|found| found.starts_with("snapshot of")), "{:?}", report.differences);
    assert_eq!(
        store
            .query("SELECT 1 FROM settings WHERE name = $1", vec![Value::Text("sealed".to_owned())])
            .await
            .expect("it answers")
            .len(),
        1
    );
}
