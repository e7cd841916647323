//! Rows beside the journal: written with their entries, and mended where they were not.

use super::Peers;
use super::cluster::Cluster;
use super::session::Session;
use futures_util::future::join_all;
use scrip_testing::app::{App, text};
use serde_json::{Value, json};

/// Returns the one entry of a workspace that was opened in another database, as a row that fits into this one, and the
/// statements for what is written beside it: the claims that it makes, and the profiles of the people it names.
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
    let profiles =
        peers.database().query("SELECT format('(%L, %L, %L, %L)', workspace, user_id, email, earlier) FROM profiles");
    let profiles = profiles.lines().collect::<Vec<_>>().join(", ");
    let beside = format!(
        "INSERT INTO claims (scope, claim, workspace) VALUES {claims};
         INSERT INTO profiles (workspace, user_id, email, earlier) VALUES {profiles}"
    );
    (id, insert, beside)
}

/// Replays a journal into which an entry was written by hand, with its claims, after sealing them.
fn verify_foreign(mut peers: Peers, claims: &str) {
    peers.0.iter_mut().for_each(App::kill);
    peers.database().query(claims);
    peers.0[0].seal();
    peers.verify();
}

/// Goal: a transaction that writes and does not end, of whatever program, stops no list, no queue and no run.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_does_not_end_stops_nothing() {
    let peers = Peers::start(2);
    let mut session = Session::on(peers.database());
    assert_eq!(session.ask("BEGIN; SELECT pg_current_xact_id() IS NOT NULL"), "t");
    let id = peers.0[0].free().await.id;
    let listed = peers.0[1].get("/v1/workspaces?limit=100").await.expect(200);
    let ids: Vec<&Value> = scrip_testing::app::each(&listed["data"], "id");
    assert!(ids.contains(&&json!(id)), "{listed}");
    for n in 0..20 {
        let desk = peers.desk(n % 2, &id);
        let hold = desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201);
        let shown = peers.desk((n + 1) % 2, &id).get(&format!("/v1/holds/{}", text(&hold["id"]))).await.expect(200);
        assert_eq!(shown["id"], hold["id"]);
    }
    let desk = peers.desk(1, &id);
    let run = desk.post("/v1/runs", json!({ "model": "image-standard" })).await.expect(202);
    let done = async {
        while desk.get(&format!("/v1/runs/{}", text(&run["id"]))).await.expect(200)["status"] != "succeeded" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(scrip_testing::app::PATIENCE, done).await.expect("the run ends");
    assert_eq!(session.ask("COMMIT; SELECT 'done'"), "done");
    peers.verify();
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

/// Goal: entries whose rows were never written are mended by the next append. Method: an entry is written by a
/// session that writes no rows.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_behind_are_folded_by_the_next_append() {
    let cluster = Cluster::start();
    let (id, insert, claims) = foreign_entry(&cluster).await;
    let peers = Peers::on(cluster.database(), 2);
    peers.database().query(&insert);
    let rows = "SELECT count(*) FROM workspaces WHERE seq = (SELECT max(seq) FROM entries
                WHERE entries.workspace = workspaces.workspace)";
    assert_eq!(peers.database().query(rows), "0");
    let desk = peers.desk(1, &id);
    let hold = desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201);
    assert_eq!(peers.database().query(rows), "1");
    peers.desk(0, &id).get(&format!("/v1/holds/{}", text(&hold["id"]))).await.expect(200);
    verify_foreign(peers, &claims);
}

/// Goal: a request that waits on one server is woken by the entries of the others. Method: a session listens.
#[tokio::test(flavor = "multi_thread")]
async fn servers_tell_each_other_which_workspaces_have_changed() {
    let peers = Peers::start(2);
    let mut session = Session::on(peers.database());
    assert_eq!(session.ask("LISTEN scrip_changed; SELECT 'listening'"), "listening");
    for app in &peers.0 {
        app.free().await;
    }
    // `psql` prints notifications after the answer to the next statement.
    let heard = std::iter::repeat_with(|| session.ask("SELECT 'heard'"));
    let mut heard = heard.take(10_000).filter(|line| line.contains("scrip_changed"));
    assert!(heard.next().is_some(), "no process notifies the others");
    peers.verify();
}

/// Goal: a server without requests costs the database next to nothing. Method: transactions that take a number are
/// counted for a second, in which each of the ten or so periodic tasks has run several times.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_nothing_takes_no_transaction_numbers() {
    let cluster = Cluster::start();
    let peers = Peers::on(cluster.database(), 2);
    for app in &peers.0 {
        app.free().await;
    }
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
