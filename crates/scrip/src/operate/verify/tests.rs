//! Goal: no row of a journal can be changed without a report by `verify`. Method: a small journal, and every column of
//! every row changed by hand, one at a time.

use super::verify;
use crate::ledger::idempotency;
use rusqlite::Connection;
use rusqlite::types::Value;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    By, Command, Mode, Name, Params, Profile, RunCommand, Timestamp, WorkspaceCommand, WorkspaceId, parse_catalog,
};
use scrip_store::journal::{GENESIS, chain};
use scrip_store::{Options, Store, Submission, SubmitError};
use std::path::{Path, PathBuf};

const CATALOG: &str = include_str!("../../../../../catalogs/canvas-tiers.toml");

/// A directory of its own that is deleted after the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("scrip-verify-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, Options::small()).unwrap_or_else(|error| panic!("{error}"))
}

/// Makes a journal of two workspaces with a run each, one of them ended.
async fn journal(directory: &Path) {
    let store = open(directory);
    let catalog = parse_catalog(CATALOG).unwrap_or_else(|problems| panic!("{problems:?}"));
    store.publish(CATALOG.to_owned(), catalog, "test".to_owned()).await.expect("a version");
    for number in [1, 2] {
        let workspace = WorkspaceId::new(number);
        let profile = Profile { name: "Ada".to_owned(), owner: None, external_id: None };
        let open = Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: None,
            profile,
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        });
        let params = Params::from([(Name::from("prompt"), scrip_engine::Value::Text("a lighthouse".to_owned()))]);
        let model = Name::from("image-standard");
        let run = Command::Run(RunCommand::Create {
            model,
            params,
            quote: None,
            sandbox: None,
            metadata: Default::default(),
            off: None,
            served: true,
        });
        for (key, command) in [("open", open), ("run", run), ("cancel", Command::Run(RunCommand::Cancel { run: 1 }))] {
            let idempotency = Some(idempotency(workspace, key, &[b"request"]));
            let actor = "test".to_owned();
            let submission = Submission {
                allowance: Default::default(),
                workspace,
                command,
                by: By::Operator,
                request: None,
                actor,
                idempotency,
                claims: Vec::new(),
                mails: Vec::new(),
                rows: Vec::new(),
                wants_workspace: false,
            };
            store.submit(submission).await.unwrap_or_else(|error| panic!("{error:?}"));
        }
    }
}

async fn differences(directory: &Path) -> Vec<String> {
    let store = open(directory);
    verify(&store, |_, _| ()).await.unwrap_or_else(|error| panic!("{error}")).differences
}

/// Returns another value of the same kind.
fn another_value(value: &Value, place: usize) -> Value {
    match value {
        Value::Null => Value::Integer(1),
        Value::Integer(number) => Value::Integer(number + 1_000),
        Value::Real(_) => unreachable!("no column holds floats"),
        Value::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            let place = place % bytes.len();
            bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
            Value::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let place = place % bytes.len();
            bytes[place] ^= 1;
            Value::Blob(bytes)
        }
    }
}

#[tokio::test]
async fn an_untouched_journal_has_no_differences() {
    let directory = Directory::new("untouched");
    journal(&directory.0).await;
    assert_eq!(differences(&directory.0).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_change_to_any_column_of_any_entry_stays_unseen() {
    let directory = Directory::new("changed");
    journal(&directory.0).await;
    let columns =
        ["workspace", "seq", "at", "idempotency_key", "request_hash", "next_due_at", "body", "previous_hash", "hash"];
    let mut changes = 0;
    for position in 1..=6 {
        for column in columns {
            for place in if column == "body" { vec![3, 40, 90, 150] } else { vec![5] } {
                let connection = Connection::open(directory.0.join("journal.db")).expect("the journal");
                connection.execute_batch("DROP TRIGGER IF EXISTS entries_stay").expect("the guard goes");
                let select = format!("SELECT {column} FROM entries WHERE position = ?1");
                let was: Value = connection.query_row(&select, [position], |row| row.get(0)).expect("a value");
                let update = format!("UPDATE entries SET {column} = ?2 WHERE position = ?1");
                connection.execute(&update, (position, another_value(&was, place))).expect("a change");
                drop(connection);
                let found = differences(&directory.0).await;
                assert!(!found.is_empty(), "entry {position}: a change to {column} at {place} was not seen");
                let connection = Connection::open(directory.0.join("journal.db")).expect("the journal");
                connection.execute(&update, (position, was)).expect("the change is taken back");
                changes += 1;
            }
        }
    }
    assert_eq!(differences(&directory.0).await, Vec::<String>::new(), "every change was taken back");
    assert_eq!(changes, 6 * 12);
}

#[tokio::test]
async fn a_lost_entry_and_a_changed_projection_are_seen_and_a_rebuild_mends_the_projection() {
    let directory = Directory::new("lost");
    journal(&directory.0).await;
    let views = Connection::open(directory.0.join("views.db")).expect("the projections");
    views.execute("UPDATE runs SET status = 'succeeded' WHERE workspace = 1", []).expect("a change");
    drop(views);
    assert!(differences(&directory.0).await.iter().any(|difference| difference.contains("projection runs")));
    open(&directory.0).rebuild().await.expect("a rebuild");
    assert_eq!(differences(&directory.0).await, Vec::<String>::new());

    let connection = Connection::open(directory.0.join("journal.db")).expect("the journal");
    connection.execute_batch("DROP TRIGGER entries_last; DELETE FROM entries WHERE position = 5").expect("a deletion");
    drop(connection);
    assert!(differences(&directory.0).await.iter().any(|difference| difference.contains("missing")));
}

#[tokio::test]
async fn an_entry_before_the_first_is_seen_though_its_hash_is_right() {
    let directory = Directory::new("before");
    journal(&directory.0).await;
    let connection = Connection::open(directory.0.join("journal.db")).expect("the journal");
    let row = connection.query_row("SELECT at, body, next_due_at FROM entries WHERE position = 1", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?))
    });
    let (at, body, due) = row.expect("an entry");
    let hash = chain(&GENESIS, WorkspaceId::new(3), 1, Timestamp::from_micros(at), &[], &[], due, &body);
    let sql = "INSERT INTO entries (position, workspace, seq, at, next_due_at, body, previous_hash, hash)
               VALUES (-7, 3, 1, ?1, ?2, ?3, ?4, ?5)";
    connection.execute(sql, (at, due, body, GENESIS, hash)).expect("a third workspace");
    drop(connection);
    let found = differences(&directory.0).await;
    assert!(found.iter().any(|difference| difference.contains("numbered from 1")), "{found:?}");
}

#[tokio::test]
async fn projections_of_another_journal_are_thrown_away() {
    let (directory, other) = (Directory::new("own"), Directory::new("other"));
    for directory in [&directory, &other] {
        journal(&directory.0).await;
    }
    let views = Connection::open(other.0.join("views.db")).expect("the projections");
    views.execute("UPDATE places SET position = position % 6 + 1", []).expect("the wrong places");
    views.pragma_update(None, "wal_checkpoint", "TRUNCATE").expect("one file");
    drop(views);
    std::fs::copy(other.0.join("views.db"), directory.0.join("views.db")).expect("a copy");
    assert_eq!(differences(&directory.0).await, Vec::<String>::new(), "they were folded again");
}

#[tokio::test]
async fn a_journal_that_cannot_be_folded_is_named_and_not_served() {
    let directory = Directory::new("twice");
    journal(&directory.0).await;
    std::fs::remove_file(directory.0.join("views.db")).expect("they go");
    let connection = Connection::open(directory.0.join("journal.db")).expect("the journal");
    connection
        .execute_batch("DROP TRIGGER entries_stay; UPDATE entries SET seq = 1 WHERE position = 2")
        .expect("twice");
    drop(connection);
    let found = differences(&directory.0).await;
    assert!(found.iter().any(|difference| difference.contains("cannot be folded")), "{found:?}");
    let store = open(&directory.0);
    let answer = store.workspace(WorkspaceId::new(1)).await;
    assert!(answer.is_err(), "where its entries are is not known: {answer:?}");
    let again = Submission {
        allowance: Default::default(),
        workspace: WorkspaceId::new(1),
        command: Command::Tick,
        by: By::Operator,
        request: None,
        actor: "test".to_owned(),
        idempotency: None,
        claims: Vec::new(),
        mails: Vec::new(),
        rows: Vec::new(),
        wants_workspace: false,
    };
    assert!(matches!(store.submit(again).await, Err(SubmitError::Unavailable(_))));
}

#[test]
fn the_journal_itself_refuses_changes_and_deletions() {
    let directory = Directory::new("guarded");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(journal(&directory.0));
    let connection = Connection::open(directory.0.join("journal.db")).expect("the journal");
    assert!(connection.execute("UPDATE entries SET at = 0", []).is_err());
    assert!(connection.execute("DELETE FROM entries", []).is_err());
}
