//! Rounds: a batch that loses a round to another process.
//!
//! Goal: submissions of one workspace are decided in the order they came in, for every outcome of each in the round
//! before. Method: two stores over one database, of which one decides a batch on a balance that the other one has
//! changed.

use super::batches::{grant, hold, open_with, publish};
use crate::operate::verify::verify;
use scrip_engine::Refusal;
use scrip_store::{Options, Store, SubmitError};
use scrip_testing::postgres::database;

// One thread: the whole batch is queued before the appender takes it, so that all of it is one round.
#[tokio::test]
async fn what_lost_a_round_is_decided_again_in_the_order_it_came_in() {
    let database = database();
    let open =
        || async { Store::connect(database.url(), Options::small()).await.unwrap_or_else(|error| panic!("{error}")) };
    let here = open().await;
    publish(&here).await;
    let there = open().await;
    for workspace in 1..=8 {
        open_with(&here, workspace, 250).await;
        // This store does not know yet that there are fifty more.
        there.submit(grant(workspace, "more", 50)).await.expect("it is given");
        // The first is refused on the balance known here, and the second one is not but loses its number to the grant.
        // Then both are decided again, and either of them fits alone.
        let batch = vec![hold(workspace, "first", 280), hold(workspace, "second", 30)];
        let answers = here.submit_many(batch.clone()).await;
        let told = |result: &Result<_, SubmitError>| format!("{:?}", result.as_ref().err());
        assert!(answers[0].as_ref().is_ok_and(|made| made.seq == 4), "the first comes first: {}", told(&answers[0]));
        let short = matches!(
            &answers[1],
            Err(SubmitError::Refused(Refusal::InsufficientCredits { available, .. })) if available.get() == 20
        );
        assert!(short, "the second sees the first: {}", told(&answers[1]));
        let again = there.submit_many(batch).await;
        assert!(again[0].as_ref().is_ok_and(|made| made.replayed && made.seq == 4) && again[1].is_err());
    }
    let report = verify(&here, |_, _| ()).await.expect("it can be read");
    assert_eq!((report.differences, report.entries), (Vec::new(), 8 * 4));
}
