//! Keys: an idempotency key is used once, wherever its entry is by the time it is used again.
//!
//! The places are: in the same transaction, written but not projected, projected, in the index, of an earlier process,
//! of one that was killed, projected anew.

use super::batches::{are_committed, hold, holds, open, prepare};
use crate::operate::verify::verify;
use scrip_engine::WorkspaceId;
use scrip_store::rows::entries;
use scrip_store::{Options, Store, SubmitError};
use std::path::{Path, PathBuf};

async fn again(store: &Store, when: &str) {
    assert!(are_committed(&store.submit_many(holds("one")).await, true), "{when}: each is answered as before");
}

#[tokio::test]
async fn a_key_is_found_wherever_its_entry_is() {
    let directory = prepare("keys").await;
    let store = open(&directory, Options::small());
    let twice = [holds("one"), holds("one")].concat();
    let answers = store.submit_many(twice).await;
    let (first, second) = answers.split_at(answers.len() / 2);
    assert!(
        are_committed(first, false) && are_committed(second, true),
        "the same twice in one transaction has each effect once"
    );
    again(&store, "at once").await;
    store.await_projections().await.expect("the projections follow");
    again(&store, "projected").await;
    drop(store);
    let store = open(&directory, Options::small());
    again(&store, "in the next process").await;
    store.rebuild().await.expect("the projections can be thrown away");
    again(&store, "projected anew").await;

    let reused = store.submit(hold(1, "one 0", 2)).await;
    assert!(matches!(reused, Err(SubmitError::KeyReused)), "a key of another request: {reused:?}");
    let elsewhere = store.submit(hold(2, "one 0", 2)).await.expect("keys of workspaces are their own");
    assert!(!elsewhere.replayed);

    let report = verify(&store, |_, _| ()).await.expect("it can be read");
    assert_eq!(report.differences, Vec::<String>::new());
    drop(store);
    std::fs::remove_dir_all(&directory).expect("the directory goes");
}

/// Copies the files that would be left if the process were killed now.
fn copy_files(directory: &Path) -> PathBuf {
    let copy = directory.with_extension("killed");
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir(&copy).expect("it can be made");
    for file in std::fs::read_dir(directory).expect("it is there") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), copy.join(file.file_name())).expect("it can be read");
    }
    copy
}

/// Returns the number of entries by which the index is behind the other projections.
fn missing(directory: &Path) -> i64 {
    let views = rusqlite::Connection::open(directory.join("views.db")).expect("it is there");
    let sql = "SELECT MAX(position) - SUM(CASE name WHEN 'index' THEN position ELSE 0 END) FROM positions";
    views.query_row(sql, [], |row| row.get(0)).expect("it says how far it is")
}

#[tokio::test]
async fn what_a_killed_process_had_not_indexed_is_found_by_the_next_one() {
    let directory = prepare("indexed").await;
    let store = open(&directory, Options::small());
    assert!(are_committed(&store.submit_many(holds("one")).await, false));
    store.await_projections().await.expect("the projections follow");
    let mut behind = Vec::new();
    for n in 0..9 {
        store.submit(hold(1, &format!("slowly {n}"), 1)).await.expect("it is made");
        store.await_projections().await.expect("the projections follow");
        if n == 4 {
            let history = entries::up_to(store.reader(), WorkspaceId::new(2), u64::MAX).await.expect("it is read");
            assert!(history.len() > 200, "what is asked for is all there: {}", history.len());
        }
        let copy = copy_files(&directory);
        behind.push(missing(&copy));
        let next = open(&copy, Options::small());
        again(&next, "after a kill").await;
        let told = next.submit(hold(1, &format!("slowly {n}"), 1)).await.expect("it is known");
        assert!(told.replayed, "the last one too");
        let report = verify(&next, |_, _| ()).await.expect("it can be read");
        assert_eq!((report.differences, report.entries), (Vec::new(), 707 + n));
        drop(next);
        assert_eq!(missing(&copy), 0, "who stops in peace leaves nothing to do");
        std::fs::remove_dir_all(&copy).expect("the copy goes");
    }
    assert!(behind.iter().any(|behind| *behind > 0), "no kill came before the index was complete: {behind:?}");
    drop(store);
    std::fs::remove_dir_all(&directory).expect("the directory goes");
}
