//! Restoring: a dump in another cluster, a backup up to an instant, and a standby that is promoted are served at once.

use super::Peers;
use super::cluster::Cluster;
use super::session::Session;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{App, Desk, PATIENCE, each, temporary, text};
use scrip_testing::journal::Journal;
use scrip_testing::postgres::{Database, program, psql, query};
use scrip_testing::program::binary;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Transactions that the first cluster has counted before the journal begins.
const TRANSACTIONS: usize = 20_000;

/// Runs a program of the database, which must succeed.
fn succeed(command: &mut Command) {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until every run of a workspace has ended, and returns their number.
async fn end_of_runs(desk: &Desk<'_>) -> usize {
    let ended = async {
        loop {
            let runs = desk.get("/v1/runs?limit=100").await.expect(200);
            let statuses: Vec<&Value> = each(&runs["data"], "status");
            if statuses.iter().all(|status| **status == "succeeded") {
                return statuses.len();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("every run ends")
}

/// Starts a server on a copy of the database of other servers, which end.
fn copy_of(mut peers: Peers, database: Database) -> Peers {
    peers.0.truncate(1);
    peers.0[0].kill();
    peers.0[0].move_to(database);
    peers.0[0].restart();
    peers
}

/// Uses each part of what is served: lists, holds, runs, balances, rebuilt rows.
async fn use_everything(peers: Peers, id: &str, runs: usize) {
    let desk = peers.desk(0, id);
    assert_eq!(end_of_runs(&desk).await, runs, "those that were queued are worked on");
    let listed = peers.0[0].get("/v1/workspaces?limit=100").await.expect(200);
    assert!(each(&listed["data"], "id").contains(&&json!(id)), "{listed}");
    let hold = desk.post("/v1/holds", json!({ "credits": 1, "reference": "after" })).await.expect(201);
    assert_eq!(desk.get(&format!("/v1/holds/{}", text(&hold["id"]))).await.expect(200)["status"], "open");
    desk.run(json!({ "model": "image-standard" })).await.expect(202);
    assert_eq!(end_of_runs(&desk).await, runs + 1);
    let fresh = peers.0[0].free().await.id;
    peers.desk(0, &fresh).post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201);
    peers.verify();
}

/// Goal: a dump is served in any cluster. Method: the dump is made while runs are on their way, of a cluster whose
/// counter of transactions is far ahead of the other one's.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_in_a_cluster_with_a_lower_counter_is_served_at_once() {
    let (from, to) = (Cluster::start(), Cluster::start());
    let burn = "BEGIN FOR n IN 1..$1 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END";
    query(from.url(), &format!("DO $burn$ {} $burn$", burn.replace("$1", &TRANSACTIONS.to_string())))
        .expect("it counts");
    let peers = Peers::on(from.database(), 1);
    let id = peers.0[0].free().await.id;
    peers.desk(0, &id).post("/v1/holds", json!({ "credits": 5, "reference": "before" })).await.expect(201);
    let desk = peers.desk(0, &id);
    for answer in join_all((0..20).map(|_| desk.run(json!({ "model": "image-standard" })))).await {
        answer.expect(202);
    }
    let restored = to.database();
    let mut dump = program("pg_dump").args(["--dbname", peers.database().url()]).stdout(Stdio::piped()).spawn();
    let dumped = dump.as_mut().expect("pg_dump starts").stdout.take().expect("it is piped");
    let output = psql(restored.url()).stdin(dumped).output().expect("psql starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(dump.expect("pg_dump started").wait().expect("it ends").success());
    let counter = |url: &str| -> i64 {
        query(url, "SELECT pg_current_xact_id()::text::bigint").expect("it answers").parse().expect("a number")
    };
    assert!(counter(to.url()) < counter(from.url()) - TRANSACTIONS as i64 / 2, "the counter is lower");
    use_everything(copy_of(peers, restored), &id, 20).await;
}

/// Makes a backup of a cluster's files in a directory.
fn back_up(cluster: &Cluster, directory: &Path, options: &[&str]) {
    let mut command = program("pg_basebackup");
    command.args(["--checkpoint=fast", "--pgdata"]).arg(directory).args(["--dbname", cluster.url()]).args(options);
    succeed(&mut command);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_up_to_an_instant_is_served_as_it_was_then() {
    let cluster = Cluster::start();
    let mut peers = Peers::on(cluster.database(), 1);
    let (id, later) = (peers.0[0].free().await.id, peers.0[0].free().await.id);
    let backup = temporary();
    back_up(&cluster, &backup.join("data"), &[]);
    let desk = peers.desk(0, &id);
    for _ in 0..10 {
        desk.run(json!({ "model": "image-standard" })).await.expect(202);
    }
    let instant = peers.database().query("SELECT clock_timestamp()");
    peers.desk(0, &later).post("/v1/holds", json!({ "credits": 7, "reference": "lost" })).await.expect(201);
    peers.0[0].kill();
    peers.database().query("SELECT pg_switch_wal()");
    let logs = format!("{}/pg_wal", peers.database().query("SHOW data_directory"));
    let settings = format!(
        "restore_command = 'cp {logs}/%f %p'\nrecovery_target_time = '{instant}'\n\
         recovery_target_action = 'promote'\n"
    );
    std::fs::write(backup.join("data/postgresql.auto.conf"), settings).expect("it can be written");
    std::fs::write(backup.join("data/recovery.signal"), "").expect("it can be written");
    let back = Cluster::with(&std::env::temp_dir(), &["--backup", backup.join("data").to_str().expect("UTF-8")]);
    let promoted = async {
        while query(back.url(), "SELECT pg_is_in_recovery()").as_deref() != Ok("f") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, promoted).await.expect("it is recovered");
    let database = peers.database().beside(back.url());
    let restored = copy_of(peers, database);
    assert_eq!(restored.desk(0, &later).credits().await, (250, 0), "what came after the instant is gone");
    use_everything(restored, &id, 10).await;
    std::fs::remove_dir_all(backup).expect("it is ours");
}

/// Goal: a server goes on when its primary is gone and a standby takes over. Method: the address names both; the
/// primary waits for the standby, so that nothing that was acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_promoted_is_found_by_the_servers() {
    let primary = Cluster::start();
    let backup = temporary();
    back_up(&primary, &backup.join("data"), &["--write-recovery-conf"]);
    let standby = Cluster::with(&std::env::temp_dir(), &["--backup", backup.join("data").to_str().expect("UTF-8")]);
    query(primary.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'").expect("the owner can");
    query(primary.url(), "SELECT pg_reload_conf()").expect("the owner can");
    let here = primary.database();
    let there = here.beside(standby.url());
    let both = here.through(&format!("{},{}", there.server(), here.server()));
    let app = App::on_journal(Journal::Postgres(Arc::new(both)), Vec::new());
    let id = app.free().await.id;
    let desk = Desk { app: &app, id: id.clone() };
    for n in 0..10 {
        desk.post("/v1/holds", json!({ "credits": 1, "reference": format!("{n}") })).await.expect(201);
    }
    std::mem::forget(here);
    drop(primary);
    assert_eq!(query(standby.url(), "SELECT pg_promote()").as_deref(), Ok("t"));
    query(standby.url(), "ALTER SYSTEM RESET synchronous_standby_names").expect("it writes now");
    query(standby.url(), "SELECT pg_reload_conf()").expect("the owner can");
    let body = json!({ "credits": 1, "reference": "after" });
    let again = async {
        loop {
            let answer = desk.call(Method::POST, "/v1/holds").key("after").json(&body).send().await;
            if answer.status != 503 {
                return answer.expect(201);
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("the servers find the one that writes");
    assert_eq!(desk.credits().await, (239, 11));
    let peers = Peers(vec![app]);
    peers.verify();
    std::fs::remove_dir_all(backup).expect("it is ours");
}

/// A server whose database has become read-only answers what it can read, and goes on when it may write again.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_only_reads_for_a_while_is_waited_for() {
    let cluster = Cluster::start();
    let peers = Peers::on(cluster.database(), 2);
    let id = peers.0[0].free().await.id;
    let body = json!({ "credits": 1, "reference": "r" });
    let turn = |how: &str| {
        query(cluster.url(), &format!("ALTER SYSTEM SET default_transaction_read_only = {how}"))
            .expect("the owner can");
        query(cluster.url(), "SELECT pg_reload_conf()").expect("the owner can");
    };
    turn("on");
    let refused = async {
        loop {
            let answer = peers.desk(0, &id).call(Method::POST, "/v1/holds").key("one").json(&body).send().await;
            if answer.status == 503 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("it is told to come back");
    let before = peers.desk(0, &id).credits().await;
    query(cluster.url(), "BEGIN; SET TRANSACTION READ WRITE; ALTER SYSTEM RESET ALL")
        .expect_err("not in a transaction");
    turn("off");
    let again = async {
        loop {
            let answer = peers.desk(1, &id).call(Method::POST, "/v1/holds").key("two").json(&body).send().await;
            if answer.status != 503 {
                return answer.expect(201);
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("it writes again");
    assert_eq!(peers.desk(0, &id).credits().await, (before.0 - 1, before.1 + 1));
    peers.verify();
}

/// A time-out that the operator sets for every session is for people; a server waits for longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_of_the_database_stops_no_statement_of_a_server() {
    let cluster = Cluster::start();
    let database: Database = cluster.database();
    let name = database.query("SELECT current_database()");
    for setting in ["statement_timeout", "lock_timeout"] {
        query(cluster.url(), &format!("ALTER DATABASE {name} SET {setting} = '300ms'")).expect("the owner can");
    }
    let peers = Peers::on(database, 2);
    let id = peers.0[0].free().await.id;
    let mut session = Session::on(peers.database());
    assert_eq!(session.ask("BEGIN; LOCK TABLE entries IN ACCESS EXCLUSIVE MODE; SELECT 'locked'"), "locked");
    let desk = peers.desk(1, &id);
    let asked = desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" }));
    let waited = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(session.ask("ROLLBACK; SELECT 'free'"), "free");
    };
    let (answer, ()) = tokio::join!(asked, waited);
    answer.expect(201);
    peers.desk(0, &id).run(json!({ "model": "image-standard" })).await.expect(202);
    assert_eq!(end_of_runs(&peers.desk(0, &id)).await, 1);
    peers.verify();
}

/// Goal: rows are folded anew beside servers that write, whatever becomes of the command. Method: it is killed in the
/// middle, and run again, while two servers hold credits in the workspaces that it folds.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_folded_anew_beside_servers() {
    let peers = Peers::start(2);
    let ids: Vec<String> = join_all((0..12).map(|_| async { peers.0[0].free().await.id })).await;
    let rebuild = || {
        let mut command = Command::new(binary());
        command.args(["verify", "--rebuild", "--database-url", peers.database().url()]);
        command.env_remove("SCRIP_DATA").stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the built binary starts")
    };
    let writes = async {
        for n in 0..30 {
            let holds = ids.iter().enumerate().map(|(at, id)| {
                let desk = peers.desk((n + at) % 2, id);
                async move { desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await }
            });
            join_all(holds).await.iter().for_each(|answer| drop(answer.expect(201)));
        }
    };
    let folds = tokio::task::spawn_blocking({
        let (mut cut, whole) = (rebuild(), rebuild());
        move || {
            cut.kill().expect("it was running");
            cut.wait().expect("it has ended");
            whole.wait_with_output().expect("it ends")
        }
    });
    let ((), folded) = tokio::join!(writes, folds);
    let folded = folded.expect("it is waited for");
    assert!(folded.status.success(), "{}", String::from_utf8_lossy(&folded.stderr));
    for id in &ids {
        assert_eq!(peers.desk(1, id).credits().await, (220, 30));
    }
    peers.verify();
}
