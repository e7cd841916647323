//! Roles: a store that is served by a role which cannot rewrite the journal.
//!
//! Goal: the role can do everything a store does, and PostgreSQL itself refuses it the rest. Method: every act of a
//! store is done as that role, and then forbidden statements are tried at its prompt.

use crate::operate::verify::verify;
use crate::shipped;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Command, HoldCommand, Mode, Profile, Timestamp, WorkspaceCommand, WorkspaceId, parse_catalog,
};
use scrip_store::{Commit, Options, Store, Submission, admit};
use scrip_testing::postgres::{Database, Role, database, query};

const WORKSPACE: WorkspaceId = WorkspaceId::new(7);

/// Returns a database that its owner has prepared for a role.
async fn prepare_database(role: &Role) -> Database {
    let database = database();
    admit(&database.url().into(), role.name()).await.expect("its owner may");
    database
}

async fn submit(store: &Store, command: Command) -> Commit {
    let actor = "test".to_owned();
    let submission = Submission {
        allowance: Default::default(),
        workspace: WORKSPACE,
        command,
        by: By::Operator,
        request: None,
        actor,
        idempotency: None,
        claims: Vec::new(),
        mails: Vec::new(),
        rows: Vec::new(),
        wants_workspace: true,
    };
    store.submit(submission).await.unwrap_or_else(|error| panic!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_rewrite_the_journal_serves_it() {
    let role = Role::new();
    let database = prepare_database(&role).await;
    let url = role.url(&database);
    let store = Store::connect(&*url, Options::small()).await.unwrap_or_else(|error| panic!("{error}"));
    let text = shipped::find("canvas-tiers").expect("it is shipped");
    let catalog = parse_catalog(text).expect("it is good");
    assert_eq!(store.publish(text.to_owned(), catalog, "test".to_owned()).await.expect("it can be published"), 1);
    let profile = Profile { name: "A".to_owned(), owner: None, external_id: None };
    let (mode, lifetime_allowed) = (Mode::Test, true);
    submit(
        &store,
        Command::Workspace(WorkspaceCommand::Open {
            mode,
            test_clock: None,
            profile,
            lifetime_allowed,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        }),
    )
    .await;
    let ask = Ask::Credits(Amount::new(3).expect("an amount"));
    submit(
        &store,
        Command::Hold(HoldCommand::Open { ask, reference: "r".to_owned(), seconds: None, off: None, behalf: None }),
    )
    .await;
    let captured = submit(&store, Command::Hold(HoldCommand::Capture { hold: 1, amount: None })).await;
    assert_eq!(captured.workspace.expect("it was wanted").holds.len(), 0);
    store.await_projections().await.expect("the projections follow");
    store.set_clock(1, None, Timestamp::from_micros(1)).await.expect("a clock is made");
    store.set_clock(1, None, Timestamp::from_micros(2)).await.expect("and moved");
    store.rebuild().await.expect("the projections can be folded again");
    let report = verify(&store, |_, _| ()).await.expect("it can be replayed");
    assert_eq!((report.entries, report.differences), (3, Vec::new()));
    drop(store);
    for sql in [
        "UPDATE entries SET body = ''",
        "UPDATE entries SET hash = hash WHERE false",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "UPDATE history SET body = ''",
        "DELETE FROM history",
        "UPDATE catalogs SET text = ''",
    ] {
        let refused = query(&url, sql).expect_err(sql);
        assert!(refused.contains("permission denied for"), "{sql}: {refused}");
    }
    for sql in ["ALTER TABLE entries DISABLE TRIGGER ALL", "DROP TABLE entries", "DROP TRIGGER entries_stay ON entries"]
    {
        let refused = query(&url, sql).expect_err(sql);
        assert!(refused.contains("must be owner of"), "{sql}: {refused}");
    }
    // For its owner there is the trigger still.
    assert!(query(database.url(), "DELETE FROM entries").expect_err("none goes").contains("never deleted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_change_the_schema_says_who_can() {
    let role = Role::new();
    let database = prepare_database(&role).await;
    let url = role.url(&database);
    let refused = async || Store::connect(&*url, Options::small()).await.err().expect("it is refused").to_string();
    // As if this version had a migration more.
    database.query(
        "DELETE FROM refinery_schema_history WHERE version = (SELECT max(version) FROM refinery_schema_history)",
    );
    let older = refused().await;
    assert!(older.contains("older than this version") && older.contains("`scrip migrate` first"), "{older}");
    database.query(&format!("REVOKE ALL ON refinery_schema_history FROM {}", role.name()));
    let stranger = refused().await;
    assert!(stranger.contains("`scrip migrate --role`"), "{stranger}");
}
