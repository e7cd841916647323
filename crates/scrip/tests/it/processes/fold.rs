//! Folding of the journal: no entry before its turn, and none never.

use super::Peers;
use super::cluster::Cluster;
use super::session::Session;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{App, text};
use scrip_testing::postgres::Database;
use serde_json::{Value, json};
use std::time::Duration;

/// Returns the one entry of a workspace that was opened in another database, as a row that fits into this one, and the
/// claims that it makes.
async fn foreign_entry(cluster: &Cluster) -> (String, String, String) {
    let peers = Peers::on(cluster.database(), 1);
    let id = peers.0[0].free().await.id;
    let columns = "workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash";
    let row = peers.database().query(
        "SELECT format('%L, %L, %L, %L, %L, %L, %L, %L, %L', workspace, seq, at, idempotency_key, request_hash,
         next_due_at, body, previous_hash, hash) FROM entries",
    );
    let claims = peers.database().query("SELECT format('(%L, %L, %L::bigint)', scope, claim, workspace) FROM claims");
    let claims = claims.lines().collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO entries ({columns}) VALUES ({row}) RETURNING position");
    (id, insert, format!("INSERT INTO claims (scope, claim, workspace) VALUES {claims}"))
}

/// Replays a journal into which an entry was written by hand, with its claims, after sealing them.
fn verify_foreign(mut peers: Peers, claims: &str) {
    peers.0.iter_mut().for_each(App::kill);
    peers.database().query(claims);
    peers.0[0].seal();
    peers.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_late_is_waited_for_and_never_skipped() {
    let cluster = Cluster::start();
    let (late, insert, claims) = foreign_entry(&cluster).await;
    let peers = Peers::on(cluster.database(), 2);
    let id = peers.0[0].free().await.id;
    let early =
        text(&peers.desk(0, &id).post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201)["id"]);
    peers.desk(1, &id).get(&format!("/v1/holds/{early}")).await.expect(200);

    let mut session = Session::on(peers.database());
    let position: i64 = session.ask(&format!("BEGIN; {insert}")).parse().expect("a position");
    let holds = (0..20).map(|n| {
        let desk = peers.desk(n % 2, &id);
        async move { text(&desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201)["id"]) }
    });
    let holds: Vec<String> = join_all(holds).await;
    // All of these are committed and visible: a reader by position would fold them now, and come back for those after
    // them.
    let sql = "SELECT min(position), max(position) FROM entries WHERE position > ";
    let visible = peers.database().query(&format!("{sql}{position}"));
    let (first, last) = visible.split_once('|').expect("two columns");
    assert!(first.parse::<i64>().expect("a number") > position, "the late one comes before them");
    assert_eq!(peers.database().query(&format!("SELECT count(*) FROM entries WHERE position = {position}")), "0");
    // Reads that must see them wait, many of them at once, and are refused with a time to come back.
    let reads = holds.iter().enumerate().map(|(n, hold)| {
        let desk = peers.desk(n % 2, &id);
        async move { desk.get(&format!("/v1/holds/{hold}")).await }
    });
    let reading = async {
        for answer in join_all(reads).await {
            answer.problem(503, "UNAVAILABLE");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
    };
    // Meanwhile other requests are answered at once: a request that waits takes nothing that others need.
    let others = async {
        for n in 0..40 {
            let desk = peers.desk(n % 2, &id);
            let other = async {
                peers.0[n % 2].call(Method::GET, "/v1/test_clocks").send().await.expect(200);
                desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201);
                desk.balance().await
            };
            tokio::time::timeout(Duration::from_secs(2), other).await.expect("others do not wait as well");
        }
    };
    tokio::join!(reading, others);
    let folded = "SELECT position FROM positions WHERE name = 'views'";
    let reached: i64 = peers.database().query(folded).parse().expect("a position");
    assert!(reached < position, "nothing was folded past an entry that is still to come: {reached}, {position}");

    assert_eq!(session.ask("COMMIT; SELECT 'done'"), "done");
    for (n, hold) in holds.iter().enumerate() {
        let shown = peers.desk(n % 2, &id).get(&format!("/v1/holds/{hold}")).await.expect(200);
        assert_eq!(shown["id"], **hold);
    }
    let reached: i64 = peers.database().query(folded).parse().expect("a position");
    assert!(reached >= last.parse().expect("a number"), "everything was folded");
    let listed = peers.0[1].get("/v1/workspaces?limit=100").await.expect(200);
    let listed: Vec<&Value> = scrip_testing::app::each(&listed["data"], "id");
    assert!(listed.contains(&&json!(late)), "the late one is there: {listed:?}");
    assert_eq!(peers.desk(1, &late).credits().await, (250, 0));
    verify_foreign(peers, &claims);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_was_read_by_half_is_not_written_to() {
    let mut peers = Peers::start(1);
    let id = peers.0[0].free().await.id;
    // Enough entries for a snapshot.
    for _ in 0..70 {
        peers.desk(0, &id).post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201);
    }
    let kept = async {
        while peers.database().query("SELECT count(*) FROM snapshots") == "0" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(scrip_testing::app::PATIENCE, kept).await.expect("a snapshot is kept");
    let others: Vec<String> = join_all((0..40).map(|_| async { peers.0[0].free().await.id })).await;
    peers.0[0].restart();
    // Every appender has its connection, and the server knows nothing of the workspace. It reads the snapshot, and is
    // cut off before it reads the entries.
    for other in others {
        peers.desk(0, &other).balance().await;
    }
    let mut session = Session::on(peers.database());
    assert_eq!(session.ask("BEGIN; LOCK TABLE entries IN ACCESS EXCLUSIVE MODE; SELECT 'locked'"), "locked");
    let desk = peers.desk(0, &id);
    let asked = desk.post("/v1/holds", json!({ "credits": 1, "reference": "cut" }));
    let cut = async {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND query LIKE '%unnest%AS w (workspace, seq)%'";
        while peers.database().query(sql) == "0" {
            tokio::task::yield_now().await;
        }
    };
    let (answer, ()) = tokio::join!(asked, cut);
    answer.problem(503, "UNAVAILABLE");
    assert_eq!(session.ask("ROLLBACK; SELECT 'done'"), "done");
    peers.desk(0, &id).post("/v1/holds", json!({ "credits": 1, "reference": "whole" })).await.expect(201);
    assert_eq!(peers.desk(0, &id).credits().await, (179, 71));
    peers.verify();
}

/// Waits until the projections have reached the end of the journal, without a request to a server, which would wake it.
async fn wait_until_folded(database: &Database) {
    let sql = "SELECT (SELECT max(position) FROM entries) = (SELECT position FROM positions WHERE name = 'views')";
    let look = async {
        while database.query(sql) != "t" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(scrip_testing::app::PATIENCE, look).await.expect("it is folded");
}

/// Goal: the wake-up of a projector may be lost. Method: an entry is written by a session that sends no notification.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_nobody_tells_of_is_folded_too() {
    let cluster = Cluster::start();
    let (_, insert, claims) = foreign_entry(&cluster).await;
    let peers = Peers::on(cluster.database(), 2);
    folded_or_empty(&peers).await;
    peers.database().query(&insert);
    wait_until_folded(peers.database()).await;
    verify_foreign(peers, &claims);
}

/// Opens a workspace on each server, and waits until all of them are folded.
async fn folded_or_empty(peers: &Peers) {
    for app in &peers.0 {
        app.free().await;
    }
    wait_until_folded(peers.database()).await;
}

/// Goal: the process that folds is woken by the entries of the others, and wakes them. Method: a session listens, and
/// receives both notifications.
#[tokio::test(flavor = "multi_thread")]
async fn servers_tell_each_other_of_entries_and_of_having_folded_them() {
    let peers = Peers::start(2);
    folded_or_empty(&peers).await;
    for channel in ["scrip_written", "scrip_folded"] {
        let mut session = Session::on(peers.database());
        assert_eq!(session.ask(&format!("LISTEN {channel}; SELECT 'listening'")), "listening");
        for app in &peers.0 {
            app.free().await;
        }
        wait_until_folded(peers.database()).await;
        // `psql` prints notifications after the answer to the next statement.
        let heard = std::iter::repeat_with(|| session.ask("SELECT 'heard'"));
        let mut heard = heard.take(10_000).filter(|line| line.contains(channel));
        assert!(heard.next().is_some(), "no process notifies {channel}");
    }
    peers.verify();
}

/// Goal: a server without requests costs the database next to nothing. Method: transactions that take a number are
/// counted for a second, in which each of the ten or so periodic tasks has run several times.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_nothing_takes_no_transaction_numbers() {
    let cluster = Cluster::start();
    let peers = Peers::on(cluster.database(), 2);
    folded_or_empty(&peers).await;
    let next = || -> i64 {
        let answer = peers.database().query("SELECT pg_snapshot_xmax(pg_current_snapshot())");
        answer.parse().expect("a number")
    };
    // Every earlier act has been handled by then.
    peers.database().query("SELECT pg_sleep(1)");
    let before = next();
    peers.database().query("SELECT pg_sleep(1)");
    let taken = next() - before;
    assert!(taken < 10, "{taken} in a second");
    peers.verify();
}
