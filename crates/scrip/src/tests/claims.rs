//! Claims: a claim and its entry are committed together or not at all.
//!
//! Goal: a caller who loses a claim is told so, a process that dies leaves none behind, and a retry finds the claim
//! that it made. Method: the same openings on both engines, and on the embedded one with its thread dying right before
//! and right after the flush.

use crate::ledger::idempotency;
use crate::operate::verify::verify;
use crate::shipped;
use scrip_engine::team::Tenancy;
use scrip_engine::{By, Command, Mode, Profile, WorkspaceCommand, WorkspaceId, parse_catalog};
use scrip_store::{Claim, Crash, Options, Store, Submission, SubmitError};
use scrip_testing::postgres::database;
use std::path::PathBuf;

fn person(name: &str) -> Claim {
    Claim { scope: "person".into(), what: name.to_owned() }
}

fn submission(workspace: u64, command: Command, claims: Vec<Claim>) -> Submission {
    let workspace = WorkspaceId::new(workspace);
    let key = command.name();
    let idempotency = Some(idempotency(workspace, key, &[key.as_bytes()]));
    Submission {
        allowance: Default::default(),
        workspace,
        command,
        by: By::Operator,
        request: None,
        actor: "test".to_owned(),
        idempotency,
        claims,
        mails: Vec::new(),
        rows: Vec::new(),
        wants_workspace: false,
    }
}

fn opening(workspace: u64, claims: Vec<Claim>) -> Submission {
    let profile = Profile { name: "A".to_owned(), owner: None, external_id: None };
    let (mode, lifetime_allowed) = (Mode::Live, !claims.is_empty());
    let command = Command::Workspace(WorkspaceCommand::Open {
        mode,
        test_clock: None,
        profile,
        lifetime_allowed,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    submission(workspace, command, claims)
}

async fn publish_catalog(store: Store) -> Store {
    let text = shipped::find("canvas-tiers").expect("it is shipped");
    let catalog = parse_catalog(text).expect("it is good");
    store.publish(text.to_owned(), catalog, "test".to_owned()).await.expect("it can be published");
    store
}

fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("scrip-claims-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    directory
}

/// Returns `true` if the result is the loss of this claim.
fn is_lost<T>(result: &Result<T, SubmitError>, claim: &Claim) -> bool {
    matches!(result, Err(SubmitError::Claimed(taken)) if taken == claim)
}

async fn only_one_has_it(store: &Store) {
    let (one, other) = (person("one"), Claim { scope: "external_id".into(), what: "one".to_owned() });
    let rename = |workspace| {
        submission(workspace, Command::Workspace(WorkspaceCommand::Rename { name: "B".to_owned() }), Vec::new())
    };
    // Sixteen at once, each followed by another command: the workspaces that lose were never opened.
    let many = (1..=16).flat_map(|workspace| [opening(workspace, vec![one.clone()]), rename(workspace)]);
    let results = store.submit_many(many.collect()).await;
    let opened: Vec<usize> = (0..16).filter(|n| results[2 * n].is_ok()).collect();
    let [winner] = opened[..] else { panic!("{opened:?} have it: {results:?}") };
    for n in 0..16 {
        assert_eq!(results[2 * n + 1].is_ok(), n == winner, "{n}: {results:?}");
        assert!(n == winner || is_lost(&results[2 * n], &one), "{n}: {results:?}");
    }
    let winner = winner as u64 + 1;
    let again = store.submit(opening(winner, vec![one.clone()])).await;
    assert!(again.is_ok_and(|again| again.replayed), "the workspace that has the claim may repeat its request");
    // A submission with two claims needs both.
    assert!(is_lost(&store.submit(opening(20, vec![other.clone(), one.clone()])).await, &one));
    assert!(store.workspace(WorkspaceId::new(20)).await.expect("it answers").is_none());
    assert!(store.submit(opening(21, vec![other.clone()])).await.is_ok(), "the other was not taken along");
    assert!(is_lost(&store.submit(opening(20, vec![other.clone()])).await, &other));
    assert!(store.submit(opening(20, Vec::new())).await.is_ok(), "without it the workspace opens");
    let report = verify(store, |_, _| ()).await.expect("it can be read");
    assert_eq!((report.differences, report.workspaces, report.entries), (Vec::new(), 3, 4));
}

#[tokio::test]
async fn only_one_has_it_in_a_directory() {
    let directory = directory("one");
    let store = publish_catalog(Store::open(&directory, Options::small()).expect("it can be made")).await;
    only_one_has_it(&store).await;
    drop(store);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_has_it_in_a_database() {
    let database = database();
    let store = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    only_one_has_it(&publish_catalog(store).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_claim_in_batches_are_never_locked_in_each_other() {
    let database = database();
    let first =
        publish_catalog(Store::connect(database.url(), Options::small()).await.expect("the database answers")).await;
    let second = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    for round in 0..10_u64 {
        // The same forty people, in opposite orders.
        let mine = (0..40_u64).map(|n| opening(1_000 * round + n, vec![person(&format!("{round} {n}"))]));
        let theirs = (0..40_u64).rev().map(|n| opening(1_000 * round + 500 + n, vec![person(&format!("{round} {n}"))]));
        let (mine, theirs) = tokio::join!(first.submit_many(mine.collect()), second.submit_many(theirs.collect()));
        for (n, (mine, theirs)) in mine.iter().zip(theirs.iter().rev()).enumerate() {
            let claim = person(&format!("{round} {n}"));
            assert!(
                mine.is_ok() && is_lost(theirs, &claim) || theirs.is_ok() && is_lost(mine, &claim),
                "{mine:?} {theirs:?}"
            );
        }
    }
    drop(second);
    first.await_projections().await.expect("the projections follow");
    let report = verify(&first, |_, _| ()).await.expect("it can be read");
    assert_eq!((report.differences, report.workspaces), (Vec::new(), 400));
}

#[tokio::test]
async fn a_claim_dies_with_its_entry_and_lives_with_it() {
    for flushed in [false, true] {
        let directory = directory(&format!("crash-{flushed}"));
        drop(publish_catalog(Store::open(&directory, Options::small()).expect("it can be made")).await);
        let crash = Some(Crash { commit: 1, flushed });
        let store = Store::open(&directory, Options { crash, ..Options::small() }).expect("it opens");
        let died = store.submit(opening(1, vec![person("one")])).await;
        assert!(matches!(died, Err(SubmitError::Unavailable(_))), "{died:?}");
        drop(store);
        let store = Store::open(&directory, Options::small()).expect("it opens again");
        store.await_projections().await.expect("the projections follow");
        let other = store.submit(opening(2, vec![person("one")])).await;
        assert_eq!(is_lost(&other, &person("one")), flushed, "{other:?}");
        let again = store.submit(opening(1, vec![person("one")])).await;
        match flushed {
            true => assert!(again.is_ok_and(|again| again.replayed)),
            false => assert!(is_lost(&again, &person("one")), "{again:?}"),
        }
        drop(store);
        std::fs::remove_dir_all(&directory).expect("it is ours");
    }
}
