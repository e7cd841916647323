//! A key is used once, wherever its entry is by the time it is used again: in the same transaction, written but not
//! projected, projected, of an earlier process, projected anew.

use super::batches::{hold, holds, made, open, prepared};
use crate::store::{Options, Store, SubmitError};
use crate::verify::verify;

async fn again(store: &Store, when: &str) {
    assert!(made(&store.submit_many(holds("one")).await, true), "{when}: each is answered as before");
}

#[tokio::test]
async fn a_key_is_found_wherever_its_entry_is() {
    let directory = prepared("keys").await;
    let store = open(&directory, Options::default());
    let twice = [holds("one"), holds("one")].concat();
    let answers = store.submit_many(twice).await;
    let (first, second) = answers.split_at(answers.len() / 2);
    assert!(made(first, false) && made(second, true), "the same twice in one transaction has each effect once");
    again(&store, "at once").await;
    store.projected().await.expect("the projections follow");
    again(&store, "projected").await;
    drop(store);
    let store = open(&directory, Options::default());
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
