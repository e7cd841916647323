//! Reserve: connections that readers cannot take: runs settle and time passes, for any number of waiting readers.

use super::Peers;
use super::session::Session;
use reqwest::Method;
use scrip_testing::app::PATIENCE;
use serde_json::json;

/// Goal: with every connection of the pool taken, an accepted run settles, and a hold runs out. Method: a table that
/// the pool writes to is locked, in a way that takes no transaction number, or nothing would be folded anywhere in the
/// cluster. So more requests want to write to it than there are connections; the test reads the state meanwhile at the
/// database's own prompt.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_settles_and_a_hold_runs_out_while_every_reader_waits() {
    let peers = Peers::start(1);
    let id = peers.0[0].free().await.id;
    let desk = peers.desk(0, &id);
    let mut session = Session::on(peers.database());
    assert_eq!(session.ask("BEGIN; LOCK TABLE test_clocks IN SHARE MODE; SELECT 'locked'"), "locked");
    let stuck = (0..12).map(|n| {
        let body = json!({ "name": format!("Stuck {n}") });
        peers.0[0].call(Method::POST, "/v1/test_clocks").once().json(&body).send()
    });
    let stuck = futures_util::future::join_all(stuck);
    let others = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO test_clocks%'";
        wait_for_answer(&peers, waiting, "8").await;
        let hold = json!({ "credits": 1, "reference": "short", "seconds": 1 });
        desk.post("/v1/holds", hold).await.expect(201);
        desk.post("/v1/runs", json!({ "model": "image-standard" })).await.expect(202);
        wait_for_answer(&peers, "SELECT string_agg(status, '') FROM runs", "succeeded").await;
        wait_for_answer(&peers, "SELECT count(*) FROM holds WHERE model IS NULL AND ended IS NOT NULL", "1").await;
        assert_eq!(peers.database().query(waiting), "8", "they wait still");
        assert_eq!(session.ask("COMMIT; SELECT 'done'"), "done");
    };
    tokio::join!(stuck, others);
    peers.verify();
}

/// Waits until the database gives an answer.
async fn wait_for_answer(peers: &Peers, sql: &str, answer: &str) {
    let look = async {
        while peers.database().query(sql) != answer {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{sql}: never {answer}"));
}
