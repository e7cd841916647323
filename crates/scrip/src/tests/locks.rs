//! Locks: the journal's thread and the projector's have a file each, and no lock in common.

use crate::shipped;
use scrip_engine::team::Tenancy;
use scrip_engine::{By, Command, Mode, Profile, WorkspaceCommand, WorkspaceId, parse_catalog};
use scrip_store::{Options, Store, Submission};

/// Goal: a submission is acknowledged while the projections are being written. Method: the test holds the lock the
/// projector would hold, and an answer that waited for it would be a refusal.
#[tokio::test]
async fn a_submission_does_not_wait_for_the_projections() {
    let directory = std::env::temp_dir().join(format!("scrip-locks-{}", std::process::id()));
    let store = Store::open(&directory, Options::small()).expect("the directory is ours");
    let text = shipped::find("canvas-tiers").expect("it is shipped");
    let catalog = parse_catalog(text).expect("it is good");
    store.publish(text.to_owned(), catalog, "test".to_owned()).await.expect("it can be published");
    let projector = rusqlite::Connection::open(directory.join("views.db")).expect("it is there");
    projector.execute_batch("BEGIN IMMEDIATE").expect("no other connection writes");
    let profile = Profile { name: "A".to_owned(), owner: None, external_id: None };
    let command = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile,
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    let submission = Submission {
        allowance: Default::default(),
        workspace: WorkspaceId::new(7),
        command,
        by: By::Operator,
        request: None,
        actor: "test".to_owned(),
        idempotency: None,
        claims: Vec::new(),
        mails: Vec::new(),
        rows: Vec::new(),
        wants_workspace: true,
    };
    let committed = store.submit(submission).await;
    projector.execute_batch("ROLLBACK").expect("the lock is given back");
    assert!(committed.expect("it is acknowledged").workspace.is_some());
    store.await_projections().await.expect("the projections follow");
    drop(store);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}
