//! Batches of submissions, when the journal's thread dies or its disk is full.
//!
//! Goal: all submissions of a batch are committed or none is, every caller gets the same answer, and a retry has each
//! effect once. Method: seven hundred holds on three workspaces, more than what otherwise shares a transaction.

use crate::ledger::idempotency;
use crate::operate::verify::verify;
use crate::shipped;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Command, Give, GrantCommand, HoldCommand, Mode, Profile, Unit, WorkspaceCommand, WorkspaceId,
    parse_catalog,
};
use scrip_store::{Commit, Crash, Options, Store, Submission, SubmitError};
use std::path::{Path, PathBuf};

const WORKSPACES: u64 = 3;
const MANY: u64 = 700;

pub(super) fn submission(workspace: u64, key: &str, command: Command) -> Submission {
    let workspace = WorkspaceId::new(workspace);
    let idempotency = Some(idempotency(workspace, key, &[format!("{command:?}").as_bytes()]));
    Submission {
        workspace,
        command,
        by: By::Operator,
        request: None,
        actor: "test".to_owned(),
        idempotency,
        claims: Vec::new(),
        mails: Vec::new(),
        rows: Vec::new(),
        allowance: Default::default(),
        wants_workspace: false,
    }
}

/// Returns holds of one credit, in turn on each workspace.
pub(super) fn holds(round: &str) -> Vec<Submission> {
    (0..MANY).map(|n| hold(1 + n % WORKSPACES, &format!("{round} {n}"), 1)).collect()
}

pub(super) fn open(directory: &Path, options: Options) -> Store {
    Store::open(directory, options).unwrap_or_else(|error| panic!("{error}"))
}

/// Publishes a first catalog.
pub(super) async fn publish(store: &Store) {
    let text = shipped::find("canvas-tiers").expect("it is shipped");
    let catalog = parse_catalog(text).expect("it is good");
    store.publish(text.to_owned(), catalog, "test".to_owned()).await.expect("it can be published");
}

/// Gives credits out of goodwill.
pub(super) fn grant(workspace: u64, key: &str, credits: i64) -> Submission {
    let amount = Amount::new(credits).expect("an amount");
    let give = Give::Goodwill { unit: Unit::Credits, amount, expires_at: None, models: Vec::new() };
    submission(
        workspace,
        key,
        Command::Grant(GrantCommand::Give { give, source: None, reason: "to be held".to_owned() }),
    )
}

/// Returns the submission of a hold of credits.
pub(super) fn hold(workspace: u64, key: &str, credits: i64) -> Submission {
    let ask = Ask::Credits(Amount::new(credits).expect("an amount"));
    submission(
        workspace,
        key,
        Command::Hold(HoldCommand::Open {
            ask,
            reference: "batched".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        }),
    )
}

/// Opens a workspace and gives it credits.
pub(super) async fn open_with(store: &Store, workspace: u64, credits: i64) {
    let profile = Profile { name: "A".to_owned(), owner: None, external_id: None };
    let (mode, lifetime_allowed) = (Mode::Live, false);
    let command = Command::Workspace(WorkspaceCommand::Open {
        mode,
        test_clock: None,
        profile,
        lifetime_allowed,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    let made = vec![submission(workspace, "open", command), grant(workspace, "give", credits)];
    let made = store.submit_many(made).await;
    assert!(made.iter().all(Result::is_ok), "a grant sees the workspace that was opened before it");
}

/// Returns a directory with workspaces that can pay for every hold of these tests.
pub(super) async fn prepare(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("scrip-batches-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let store = open(&directory, Options::small());
    publish(&store).await;
    for workspace in 1..=WORKSPACES {
        open_with(&store, workspace, 100_000).await;
    }
    directory
}

fn unavailable(results: &[Result<Commit, SubmitError>]) -> bool {
    results.len() as u64 == MANY && results.iter().all(|result| matches!(result, Err(SubmitError::Unavailable(_))))
}

/// Returns `true` if every submission was made, each of them for the first time or each as a replay.
pub(super) fn are_committed(results: &[Result<Commit, SubmitError>], replayed: bool) -> bool {
    let as_told = |result: &Result<Commit, _>| result.as_ref().is_ok_and(|made| made.replayed == replayed);
    results.len() as u64 == MANY && results.iter().all(as_told)
}

#[tokio::test]
async fn many_at_once_are_all_there_or_none_is_whenever_the_thread_dies() {
    let directory = prepare("crash").await;
    let mut held = 0;
    for (group_commit, flushed) in [(true, false), (true, true), (false, false), (false, true)] {
        let round = format!("{group_commit} {flushed}");
        let crash = Some(Crash { commit: 1, flushed });
        let store = open(&directory, Options { crash, group_commit, ..Options::small() });
        store.await_projections().await.expect("the projections follow");
        assert!(unavailable(&store.submit_many(holds(&round)).await), "{round}: no caller gets an answer");
        drop(store);
        let store = open(&directory, Options::small());
        store.await_projections().await.expect("the projections follow");
        assert!(
            are_committed(&store.submit_many(holds(&round)).await, flushed),
            "{round}: one transaction has them all"
        );
        assert!(are_committed(&store.submit_many(holds(&round)).await, true), "{round}: and then they stay");
        held += MANY;
        let mut found = 0;
        for workspace in 1..=WORKSPACES {
            let workspace = store.workspace(WorkspaceId::new(workspace)).await.expect("it answers");
            found += workspace.expect("it is open").holds.len() as u64;
        }
        assert_eq!(found, held, "{round}");
        let report = verify(&store, |_, _| ()).await.expect("it can be read");
        assert_eq!(report.differences, Vec::<String>::new());
    }
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test]
async fn many_that_do_not_fit_the_disk_leave_nothing_behind() {
    let directory = prepare("full").await;
    let journal = rusqlite::Connection::open(directory.join("journal.db")).expect("it is there");
    let pages: u32 = journal.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("it has pages");
    drop(journal);
    let store = open(&directory, Options { pages_max: Some(pages + 16), ..Options::small() });
    store.await_projections().await.expect("the projections follow");
    assert!(unavailable(&store.submit_many(holds("full")).await), "they do not fit");
    let one = holds("full").swap_remove(0);
    let committed = store.submit(one.clone()).await.expect("one fits");
    assert_eq!((committed.seq, committed.replayed), (3, false), "nothing came between it and the grant");
    drop(store);
    let store = open(&directory, Options::small());
    store.await_projections().await.expect("the projections follow");
    let results = store.submit_many(holds("full")).await;
    assert!(results[0].as_ref().is_ok_and(|made| made.replayed));
    assert!(results[1..].iter().all(|result| result.as_ref().is_ok_and(|made| !made.replayed)));
    let report = verify(&store, |_, _| ()).await.expect("it can be read");
    assert_eq!((report.differences, report.entries), (Vec::new(), 2 * WORKSPACES + MANY));
    // The queue has room for a limited number of submissions, in one batch or in many.
    let many: Vec<Submission> = (0..12).flat_map(|n| holds(&format!("queue {n}"))).collect();
    let refused = store.submit_many(many).await;
    assert!(refused.iter().all(|result| matches!(result, Err(SubmitError::Unavailable(_)))));
    assert!(are_committed(&store.submit_many(holds("after")).await, false), "the room is given back");
    drop(store);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}
