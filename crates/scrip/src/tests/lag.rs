//! Lag: a journal whose projections do not follow.
//!
//! Goal: it takes a fixed number of entries and no more, says why, and goes on when the projections do. Method: another
//! connection writes to the projections' file and does not end its transaction.

use super::batches::{hold, open_with, publish};
use crate::operate::verify::verify;
use scrip_engine::WorkspaceId;
use scrip_store::{Options, Store, SubmitError};

const LAG: i64 = 40;

#[tokio::test]
async fn the_journal_takes_so_many_entries_that_are_not_folded_and_then_waits() {
    let directory = std::env::temp_dir().join(format!("scrip-lag-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let store = Store::open(&directory, Options { lag_max: LAG, ..Options::small() });
    let store = store.unwrap_or_else(|error| panic!("{error}"));
    publish(&store).await;
    open_with(&store, 1, 1_000).await;
    store.await_projections().await.expect("the projections follow");

    let views = rusqlite::Connection::open(directory.join("views.db")).expect("it is there");
    views.execute_batch("BEGIN IMMEDIATE").expect("the projector rests");
    let mut taken = 0;
    let refused = loop {
        match store.submit(hold(1, &format!("hold {taken}"), 1)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken <= 2 * LAG, "nothing holds it back");
    };
    assert_eq!(taken, LAG + 1, "the journal may be ahead by so many when one more begins");
    let behind = matches!(&refused, SubmitError::Unavailable(why) if why.0.contains("more than 40 entries behind"));
    assert!(behind, "{refused:?}");
    let workspace = store.workspace(WorkspaceId::new(1)).await.expect("it answers").expect("it is open");
    assert_eq!(workspace.holds.len() as i64, taken, "what is read is in the journal, and goes on");

    views.execute_batch("ROLLBACK").expect("it had begun");
    store.await_projections().await.expect("the projections follow again");
    for n in [0, taken, taken + 1] {
        let made = store.submit(hold(1, &format!("hold {n}"), 1)).await.expect("the journal goes on");
        assert_eq!(made.replayed, n == 0, "what was refused had not been done");
    }
    store.await_projections().await.expect("the projections follow");
    let report = verify(&store, |_, _| ()).await.expect("it can be read");
    assert_eq!((report.differences, report.entries), (Vec::new(), 2 + taken as u64 + 2));
    drop((store, views));
    std::fs::remove_dir_all(&directory).expect("it is ours");
}
